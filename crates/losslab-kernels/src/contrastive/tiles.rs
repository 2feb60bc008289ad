//! The matrix of similarities, a tile at a time.

use super::cells::{AddUp, Cells, Exponentiate, Holds, LANES, SIDE, Sums, Weigh, Weights};
use super::lines::{Line, log_add};
use super::memory;
use super::partners::{Grouping, Partners, Side};
use super::vectors::Vectors;
use crate::matrix::{View, multiply};
use crate::simd::dispatch;
use crate::waves::{Waves, blocks};
use std::ops::Range;
use std::sync::Mutex;

/// The matrix, and the tiles of it that are kept between its two uses.
pub(super) struct Tiles<'a> {
    vectors: [&'a Vectors<'a>; 2],
    partners: &'a Partners,
    /// The logit to the base 2 of a similarity of 1.
    factor: f32,
    /// The shift of all exponentials, to the base 2; without one, each line has its own.
    shift: Option<f32>,
    blocks: [Vec<Range<usize>>; 2],
    waves: Waves,
    /// The number of values of a tile.
    size: usize,
    kept: Vec<f32>,
    kept_length: usize,
    /// Places for tiles that aren't kept, one for each thread that asks at the same time.
    scratch: Mutex<Vec<Vec<f32>>>,
}

/// The sums of a block of lines.
struct SumBlock {
    lines: Range<usize>,
    sums: [Sums; 2],
}

/// The gradient of a block of lines, where it is asked for.
struct GradientBlock<'g> {
    lines: Range<usize>,
    gradient: Option<&'g mut [f32]>,
}

/// What the exponentials of all lines of a side are multiplied by, of negatives and of positives.
struct LineWeights([(Vec<f32>, Vec<f32>); 2]);

impl LineWeights {
    fn of(&self, lines: Range<usize>) -> [Weights<'_>; 2] {
        self.0.each_ref().map(|(shifts, weights)| Weights {
            shifts: shifts.get(lines.clone()).unwrap_or_default(),
            weights: weights.get(lines.clone()).unwrap_or_default(),
        })
    }
}

impl Drop for Tiles<'_> {
    fn drop(&mut self) {
        memory::leave(std::mem::take(&mut self.kept));
    }
}

impl<'a> Tiles<'a> {
    /// Keeps as many tiles as fit in `memory` bytes.
    pub fn new(
        vectors: [&'a Vectors<'a>; 2],
        partners: &'a Partners,
        factor: f32,
        shift: Option<f32>,
        memory: usize,
    ) -> Self {
        let blocks = [Side::Rows, Side::Columns].map(|side| blocks(partners.lines(side), SIDE));
        let longest = |side: Side| blocks[side as usize].first().map_or(1, |block| block.len());
        let size = longest(Side::Rows) * longest(Side::Columns).next_multiple_of(LANES);
        let waves = Waves::new(blocks[0].len(), blocks[1].len(), partners.is_mirrored());
        let kept_length = size * waves.tiles_within(memory / (size * size_of::<f32>()));
        let kept = memory::take(kept_length);
        Self { vectors, partners, factor, shift, blocks, waves, size, kept, kept_length, scratch: Mutex::default() }
    }

    /// `ln Σ exp` of the cells of every row, and of every column where asked for: of the negatives, then of the positives
    /// where groups are split.
    pub fn sums(&mut self, columns: bool) -> [Vec<[f64; 2]>; 2] {
        let mirrored = self.partners.is_mirrored();
        let kinds = if self.partners.grouping() == Grouping::Split { 2 } else { 1 };
        let shift = self.shift.unwrap_or(f32::NEG_INFINITY);
        let [mut rows, mut cols] = self.blocks.each_ref().map(|blocks| {
            let block = |lines: &Range<usize>| {
                let sums =
                    |kind: usize| Sums::new(shift, if kind < kinds { lines.len().next_multiple_of(LANES) } else { 0 });
                SumBlock { lines: lines.clone(), sums: [sums(0), sums(1)] }
            };
            blocks.iter().map(block).collect::<Vec<SumBlock>>()
        });
        let mut kept = std::mem::take(&mut self.kept);
        let columns = columns || mirrored;
        self.waves.visit(&mut rows, &mut cols, &mut kept[..self.kept_length], self.size, |row, column, place| {
            // Of a tile on the diagonal of a mirrored matrix, the rows are the columns.
            let both = columns && !(mirrored && row.lines == column.lines);
            self.in_place(place, |tile| {
                self.similarities(&row.lines, &column.lines, tile);
                let cells = self.cells(&row.lines, &column.lines, tile);
                let columns = both.then_some(&mut column.sums);
                match self.shift {
                    Some(shift) => dispatch(Exponentiate { cells, shift, rows: &mut row.sums, columns }),
                    None => dispatch(AddUp { cells, rows: &mut row.sums, columns }),
                }
            });
        });
        self.kept = kept;
        let logs = |blocks: &[SumBlock]| {
            let log =
                |sums: &Sums, line: usize| if sums.totals.is_empty() { f64::NEG_INFINITY } else { sums.log(line) };
            let lines = blocks
                .iter()
                .flat_map(|block| (0..block.lines.len()).map(|line| block.sums.each_ref().map(|sums| log(sums, line))));
            lines.collect::<Vec<[f64; 2]>>()
        };
        let [mut rows, columns] = [logs(&rows), if columns { logs(&cols) } else { vec![] }];
        if mirrored {
            for (row, column) in rows.iter_mut().zip(&columns) {
                (0..2).for_each(|kind| row[kind] = log_add(row[kind], column[kind]));
            }
        }
        [rows, columns]
    }

    /// Adds the gradient through the cells, with the weights of the terms of rows and of columns. Of a mirrored matrix both
    /// sides have the same lines, and what is added to the columns belongs to the rows.
    pub fn add_gradients(&mut self, lines: [&[Line]; 2], weights: [f64; 2], gradients: [Option<&mut [f32]>; 2]) {
        let line_weights = [0, 1].map(|side| self.line_weights(self.vectors[side].len(), lines[side], weights[side]));
        let width = self.vectors[0].width;
        let [mut rows, mut columns] = gradients;
        let mut rows = gradient_blocks(&self.blocks[0], &mut rows, width);
        let mut columns = gradient_blocks(&self.blocks[1], &mut columns, width);
        let mut kept = std::mem::take(&mut self.kept);
        self.waves.visit(&mut rows, &mut columns, &mut kept[..self.kept_length], self.size, |row, column, place| {
            self.in_place(None, |tile| {
                let holds = match (&place, self.shift) {
                    (Some(place), _) => {
                        tile.copy_from_slice(place);
                        if self.shift.is_some() { Holds::Exponentials } else { Holds::Similarities }
                    }
                    (None, shift) => {
                        self.similarities(&row.lines, &column.lines, tile);
                        shift.map_or(Holds::Similarities, Holds::Shifted)
                    }
                };
                let cells = self.cells(&row.lines, &column.lines, tile);
                let (stride, height) = (cells.stride, row.lines.len());
                let across = column.lines.start..column.lines.start + stride;
                let [rows, columns] = [line_weights[0].of(row.lines.clone()), line_weights[1].of(across)];
                dispatch(Weigh { cells, holds, rows, columns });
                let tile = View::new(&tile[..height * stride], height, column.lines.len(), stride);
                if let Some(gradient) = &mut row.gradient {
                    multiply(gradient, width, true, 1.0, tile, self.view(Side::Columns, &column.lines));
                }
                // Of a tile on the diagonal of a mirrored matrix, the rows are the columns.
                let met = self.partners.is_mirrored() && row.lines == column.lines;
                if let (Some(gradient), false) = (&mut column.gradient, met) {
                    multiply(gradient, width, true, 1.0, tile.transposed(), self.view(Side::Rows, &row.lines));
                }
            });
        });
        self.kept = kept;
    }

    fn view(&self, side: Side, lines: &Range<usize>) -> View<'a, f32> {
        let Vectors { values, width, .. } = self.vectors[side as usize];
        View::of(&values[lines.start * width..lines.end * width], *width)
    }

    fn cells<'t>(&self, rows: &Range<usize>, columns: &Range<usize>, tile: &'t mut [f32]) -> Cells<'t>
    where
        'a: 't,
    {
        let stride = columns.len().next_multiple_of(LANES);
        let grouping = self.partners.grouping();
        let groups = match grouping {
            Grouping::Ignored => [&[] as &[i32]; 2],
            _ => {
                let [of_rows, of_columns] = [Side::Rows, Side::Columns].map(|side| self.partners.ids(side));
                [&of_rows[rows.clone()], &of_columns[columns.start..columns.start + stride]]
            }
        };
        Cells { tile: &mut tile[..rows.len() * stride], stride, factor: self.factor, grouping, groups }
    }

    /// Fills a tile with similarities. What doesn't count is −∞: pairs that are apart, a line with itself, and what fills
    /// the last vector of a row.
    fn similarities(&self, rows: &Range<usize>, columns: &Range<usize>, tile: &mut [f32]) {
        let stride = columns.len().next_multiple_of(LANES);
        let [left, right] = [self.view(Side::Rows, rows), self.view(Side::Columns, columns)];
        multiply(tile, stride, false, 1.0, left, right.transposed());
        let itself = |line: usize| self.partners.is_mirrored().then_some(line);
        for (row, line) in tile.chunks_exact_mut(stride).zip(rows.clone()) {
            row[columns.len()..].fill(f32::NEG_INFINITY);
            let apart = self.partners.apart(Side::Rows, line).iter().map(|&partner| partner as usize);
            for partner in apart.chain(itself(line)).filter(|partner| columns.contains(partner)) {
                row[partner - columns.start] = f32::NEG_INFINITY;
            }
        }
    }

    /// Runs `work` on the place of a tile that is kept, or on another one.
    fn in_place(&self, place: Option<&mut [f32]>, work: impl FnOnce(&mut [f32])) {
        if let Some(place) = place {
            return work(place);
        }
        let free = || self.scratch.lock().expect("no thread panics with it");
        let mut tile = free().pop().unwrap_or_else(|| vec![0.0; self.size]);
        work(&mut tile);
        free().push(tile);
    }

    fn line_weights(&self, count: usize, lines: &[Line], weight: f64) -> LineWeights {
        let length = count.next_multiple_of(LANES);
        LineWeights([false, true].map(|positive| {
            if positive && self.partners.grouping() != Grouping::Split {
                return (vec![], vec![]);
            }
            // A shift of f32::MAX leaves 0 of any exponential, so that nothing is 0·∞.
            let (mut shifts, mut weights) = (vec![f32::MAX; length], vec![0.0; length]);
            for ((shift, to), line) in shifts.iter_mut().zip(&mut weights).zip(lines) {
                let (slope, sign) = line.slope(positive);
                let slope = slope * std::f64::consts::LOG2_E;
                if weight != 0.0 && slope != f64::INFINITY {
                    *shift = self.shift.unwrap_or(slope as f32);
                    // The rounding of the shift is in the weight; where it is above 1, there are no digits left to save.
                    let rest = f64::from(*shift) - slope;
                    let rest = if self.shift.is_none() { rest.min(1.0) } else { rest };
                    *to = (weight * sign * rest.exp2()) as f32;
                }
            }
            (shifts, weights)
        }))
    }
}

fn gradient_blocks<'g>(
    blocks: &[Range<usize>],
    gradient: &'g mut Option<&mut [f32]>,
    width: usize,
) -> Vec<GradientBlock<'g>> {
    let mut rest = gradient.as_deref_mut();
    let block = |lines: &Range<usize>| {
        let (now, later) = rest.take().map(|rest| rest.split_at_mut(lines.len() * width)).unzip();
        rest = later;
        GradientBlock { lines: lines.clone(), gradient: now }
    };
    blocks.iter().map(block).collect()
}
