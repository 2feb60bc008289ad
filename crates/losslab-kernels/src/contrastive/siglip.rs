//! The sigmoid loss of SigLIP: no cell needs another, so that each tile is visited once.

use super::cells::{LANES, SIDE};
use super::vectors::Vectors;
use crate::chunks::{Sums, in_order};
use crate::matrix::{View, multiply};
use crate::options::Reduction;
use crate::simd::{Arithmetic, Kernel, dispatch, exp, ln_1p_of_unit};
use crate::waves::{Waves, blocks};
use std::collections::HashMap;
use std::ops::Range;

/// The parameters of SigLIP.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SigLip<'a> {
    /// What similarities are divided by, above 0.
    pub temperature: f64,
    /// What is added to the scaled similarities.
    pub bias: f64,
    /// Cosine similarity; the dot product otherwise.
    pub normalize: bool,
    /// A group id for each query and for each key: a pair of one group is a positive. Where not given, key `i` is the
    /// positive of query `i`.
    pub groups: Option<[&'a [i64]; 2]>,
    /// How the queries become one number.
    pub reduction: Reduction,
}

/// The gradients that are asked for; each is written once and whole.
#[derive(Debug, Default)]
pub struct SigLipGradients<'a> {
    /// With respect to the queries.
    pub queries: Option<&'a mut [f32]>,
    /// With respect to the keys.
    pub keys: Option<&'a mut [f32]>,
    /// With respect to `ln(1/τ)` and the bias: returned beside the value.
    pub line: bool,
}

/// The sigmoid loss and its derivatives with respect to `ln(1/τ)` and the bias.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sigmoid {
    /// The reduced loss.
    pub value: f64,
    /// Its derivatives with respect to `ln(1/τ)` and to the bias, where they were asked for.
    pub by_line: Option<[f64; 2]>,
}

/// A block of rows: their sums, and their gradient where it is asked for.
struct RowBlock<'g> {
    lines: Range<usize>,
    terms: Vec<f64>,
    slopes: f64,
    gradient: Option<&'g mut [f32]>,
}

struct ColumnBlock<'g> {
    lines: Range<usize>,
    gradient: Option<&'g mut [f32]>,
}

/// SigLIP of queries against keys, row-major rows of `width`: the reduced loss with its gradients.
///
/// Beside queries and keys it takes their memory once or twice more, for unit vectors and gradients, and a tile for each
/// thread.
///
/// # Panics
/// If lengths don't fit.
pub fn siglip(loss: &SigLip, queries: &[f32], keys: &[f32], width: usize, gradients: SigLipGradients) -> Sigmoid {
    let [rows, columns] = [queries, keys].map(|values| Vectors::new(values, width, loss.normalize));
    let ids = ids(loss.groups, [rows.len(), columns.len()]);
    let SigLipGradients { queries: mut by_rows, keys: mut by_columns, line } = gradients;
    for (gradient, values) in [(&by_rows, queries), (&by_columns, keys)] {
        assert!(gradient.as_ref().is_none_or(|gradient| gradient.len() == values.len()), "one gradient an input");
    }
    // The derivative with respect to the scale comes from a gradient of either side.
    let mut instead = vec![];
    if line && by_rows.is_none() && by_columns.is_none() {
        instead.resize(queries.len(), 0.0);
        by_rows = Some(&mut instead);
    }
    for gradient in [&mut by_rows, &mut by_columns].into_iter().flatten() {
        gradient.fill(0.0);
    }
    let scale = 1.0 / loss.temperature;
    let sides = [rows.len(), columns.len()].map(|lines| blocks(lines, SIDE));
    let mut row_blocks = row_blocks(&sides[0], by_rows.as_deref_mut(), width);
    let mut column_blocks = column_blocks(&sides[1], by_columns.as_deref_mut(), width);
    let waves = Waves::new(sides[0].len(), sides[1].len(), false);
    waves.visit(&mut row_blocks, &mut column_blocks, &mut [], 1, |row, column, _| {
        let (height, count) = (row.lines.len(), column.lines.len());
        let stride = count.next_multiple_of(LANES);
        let mut tile = vec![0.0; height * stride];
        let (left, right) = (view(&rows, &row.lines), view(&columns, &column.lines));
        multiply(&mut tile, stride, false, 1.0, left, right.transposed());
        let groups = [&ids[0][row.lines.clone()], &ids[1][column.lines.start..column.lines.start + stride]];
        let (scale, bias) = (scale as f32, loss.bias as f32);
        row.slopes += dispatch(Logistic { tile: &mut tile, stride, count, groups, scale, bias, terms: &mut row.terms });
        let tile = View::new(&tile, height, count, stride);
        if let Some(gradient) = &mut row.gradient {
            multiply(gradient, width, true, 1.0, tile, right);
        }
        if let Some(gradient) = &mut column.gradient {
            multiply(gradient, width, true, 1.0, tile.transposed(), left);
        }
    });
    let terms = row_blocks.iter().flat_map(|block| block.terms.iter().map(|&term| Sums::of(term, 1.0)));
    let sums = in_order(terms.collect());
    let weight = sums.scale(loss.reduction);
    let slopes: f64 = row_blocks.iter().map(|block| block.slopes).sum();
    let along = by_columns.map(|gradient| columns.go_back(gradient, weight * scale));
    let along = by_rows.map(|gradient| rows.go_back(gradient, weight * scale)).or(along);
    let by_line = line.then(|| [along.expect("one side at least"), weight * slopes]);
    Sigmoid { value: weight * sums.total, by_line }
}

fn view<'v>(vectors: &'v Vectors, lines: &Range<usize>) -> View<'v, f32> {
    let width = vectors.width;
    View::of(&vectors.values[lines.start * width..lines.end * width], width)
}

/// The group of each row and of each column, then −1 to fill a vector.
fn ids(groups: Option<[&[i64]; 2]>, counts: [usize; 2]) -> [Vec<i32>; 2] {
    let mut known = HashMap::new();
    let mut ids = match groups {
        None => counts.map(|count| (0..count as i32).collect::<Vec<i32>>()),
        Some(groups) => groups.map(|groups| {
            let id = |group: &i64| {
                let next = known.len() as i32;
                *known.entry(*group).or_insert(next)
            };
            groups.iter().map(id).collect()
        }),
    };
    assert!(ids.iter().zip(counts).all(|(ids, count)| ids.len() == count), "a group for each query and for each key");
    ids.iter_mut().for_each(|ids| ids.resize(ids.len().next_multiple_of(LANES), -1));
    ids
}

fn row_blocks<'g>(blocks: &[Range<usize>], gradient: Option<&'g mut [f32]>, width: usize) -> Vec<RowBlock<'g>> {
    let cut = column_blocks(blocks, gradient, width).into_iter();
    cut.map(|ColumnBlock { lines, gradient }| RowBlock { terms: vec![0.0; lines.len()], slopes: 0.0, lines, gradient })
        .collect()
}

fn column_blocks<'g>(
    blocks: &[Range<usize>],
    mut gradient: Option<&'g mut [f32]>,
    width: usize,
) -> Vec<ColumnBlock<'g>> {
    let block = |lines: &Range<usize>| {
        let (now, later) = gradient.take().map(|rest| rest.split_at_mut(lines.len() * width)).unzip();
        gradient = later;
        ColumnBlock { lines: lines.clone(), gradient: now }
    };
    blocks.iter().map(block).collect()
}

/// Turns similarities into the derivative of `−ln σ(±logit)` with respect to their logits, and adds the terms up. Returns
/// the sum of the derivatives.
struct Logistic<'a> {
    tile: &'a mut [f32],
    stride: usize,
    /// The cells of a row that count.
    count: usize,
    groups: [&'a [i32]; 2],
    scale: f32,
    bias: f32,
    terms: &'a mut [f64],
}

impl Kernel for Logistic<'_> {
    type Output = f64;

    #[inline(always)]
    fn run<A: Arithmetic>(self) -> f64 {
        let mut costs = [0.0f32; SIDE];
        let mut slopes = 0.0;
        for ((row, term), &own) in self.tile.chunks_exact_mut(self.stride).zip(self.terms).zip(self.groups[0]) {
            for ((x, cost), &id) in row.iter_mut().zip(&mut costs).zip(self.groups[1]) {
                let logit = A::mul_add(*x, self.scale, self.bias);
                let (wrong, sign) = if id == own { (-logit, -1.0) } else { (logit, 1.0) };
                let small = exp::<A>(if wrong > 0.0 { -wrong } else { wrong });
                let excess = if wrong > 0.0 { wrong } else { 0.0 };
                *cost = excess + ln_1p_of_unit::<A>(small);
                let share = if wrong > 0.0 { 1.0 } else { small };
                *x = sign * (share / (1.0 + small));
            }
            row[self.count..].fill(0.0);
            costs[self.count..].fill(0.0);
            *term += sum(&costs[..self.stride]);
            slopes += sum(row);
        }
        slopes
    }
}

/// The sum of a whole number of vectors: in f32 within a lane, which has [`SIDE`]/[`LANES`] cells at most, then in f64.
#[inline(always)]
fn sum(row: &[f32]) -> f64 {
    let mut lanes = [0.0f32; LANES];
    for cells in row.as_chunks::<LANES>().0 {
        lanes.iter_mut().zip(cells).for_each(|(lane, &x)| *lane += x);
    }
    lanes.iter().map(|&lane| f64::from(lane)).sum()
}
