//! All triplets with a hinge within one set, where an anchor has few positives.
//!
//! The positives of an anchor are known before the negatives are looked at. So a distance is used as soon as it is
//! computed, and forgotten; and as `D_ij = D_ji`, it is used for both: `j` as a negative of `i`, and `i` as one of `j`.
//! Half of the tiles of the matrix are enough, for the distances and for the gradient.

use super::FEW_POSITIVES;
use super::cells::{Apart, Cells};
use crate::chunks::Sums;
use crate::matrix::{View, multiply};
use crate::options::Distance;
use crate::pairs::Points;
use crate::simd::dispatch;
use crate::waves::{LANES, Waves, blocks_in_parts};
use rayon::prelude::*;
use std::ops::Range;
use std::sync::Mutex;

/// The longest side of a tile: its distances and what they are made from stay in the cache of a core.
const SIDE: usize = 192;

/// The blocks of rows that a batch has at least, unless it is small.
const PARTS: usize = 8;

/// Where less than one cell of a tile in so many has a weight, products aren't worth while.
const SPARSE: usize = 16;

/// The distances from the positives of each anchor, and what follows from them for a negative.
///
/// What vector instructions look at is padded to a whole number of [`LANES`] anchors; what pads has no positive.
pub(super) struct Anchors<'a> {
    pub points: &'a Points<'a>,
    pub margin: f64,
    /// The sorted rows that have the label of each anchor.
    same: Vec<Range<u32>>,
    /// The most positives that an anchor has.
    pub most: usize,
    /// The distances from the positives, in the order of their places, `most` an anchor.
    positives: Vec<f64>,
    /// Distances are divided by this before they are compared in f32.
    pub unit: f64,
    /// For each positive, `[most, anchors]`: a negative is active below the first, and isn't from the second on. In
    /// between, f64 decides. For an anchor with a NaN or an infinite distance, it always does.
    pub thresholds: [Vec<f32>; 2],
    /// The largest finite distance from a positive, plus the margin.
    pub farthest: Vec<f64>,
    /// The largest `½‖x − y‖²` of a negative that may be active.
    pub reach: Vec<f64>,
    pub halves: Vec<f64>,
}

/// Whether no label has too many rows.
pub(super) fn are_few(points: &Points<'_>) -> bool {
    // Counts of negatives are exact in f32.
    points.len() < 1 << 24 && points.labels.chunk_by(|a, b| a == b).all(|same| same.len() <= FEW_POSITIVES + 1)
}

/// The sum over all triplets, with its gradient.
pub(super) fn few(margin: f64, points: &Points<'_>, gradient: Option<&mut [f32]>) -> Sums {
    let anchors = Anchors::new(margin, points);
    let valid: usize = anchors.same.iter().map(|same| (same.len() - 1) * (points.len() - same.len())).sum();
    if valid == 0 {
        gradient.into_iter().for_each(|gradient| gradient.fill(0.0));
        return Sums::default();
    }
    let values = if gradient.is_some() { points.narrow.len() } else { 0 };
    let mut by_rows = vec![0.0; values];
    let mut by_columns = vec![0.0; values];
    let lines = blocks_in_parts(points.len(), SIDE, PARTS);
    let [mut rows, mut columns] = [&mut by_rows, &mut by_columns].map(|gradient| anchors.blocks(&lines, gradient));
    let (waves, places) = (Waves::new(lines.len(), lines.len(), true), Mutex::new(Vec::new()));
    waves.visit(&mut rows, &mut columns, &mut [], 1, |row, column, _| {
        let free = || places.lock().expect("no thread panics with it");
        let mut place = free().pop().unwrap_or_default();
        anchors.visit(row, column, &mut place);
        free().push(place);
    });
    let found = [rows, columns].map(|blocks| Found::of(blocks, anchors.most));
    let mut sums =
        Sums { total: found[0].total + found[1].total, weight: valid as f64, valid: valid as u64, active: 0 };
    for at in 0..points.len() {
        for (k, &distance) in anchors.positives_of(at).iter().enumerate() {
            let active = anchors.active(&found, at, k);
            sums.active += active;
            // The cells have counted each positive as if it were the farthest.
            if active > 0 {
                sums.total -= active as f64 * (anchors.farthest[at] - (distance + margin));
            }
        }
    }
    if let Some(gradient) = gradient {
        anchors.finish(&found, [&by_rows, &by_columns], gradient);
    }
    sums
}

/// A block of lines of the matrix, and what its tiles have given it so far.
struct Block<'g> {
    lines: Range<usize>,
    /// The gradient of its rows, without `weights`; nothing where it isn't wanted.
    gradient: &'g mut [f32],
    /// The sum of the weights of the pairs of each row.
    weights: Vec<f64>,
    /// With how many negatives each positive is active, `[most, lines]`.
    active: Vec<u32>,
    total: f64,
}

/// Places for a tile.
#[derive(Default)]
struct Place {
    distances: Vec<f64>,
    weights: Vec<f32>,
    sums: [Vec<f64>; 2],
    apart: Vec<Apart>,
}

/// What all tiles have given to one side of the matrix.
struct Found {
    weights: Vec<f64>,
    /// `[anchors, most]`.
    active: Vec<u32>,
    total: f64,
}

impl Found {
    fn of(blocks: Vec<Block<'_>>, most: usize) -> Self {
        let mut found = Self { weights: vec![], active: vec![], total: 0.0 };
        for block in blocks {
            let (lines, stride) = (block.lines.len(), block.weights.len());
            found.active.extend(
                (0..lines).flat_map(|at| (0..most).map(move |k| (at, k))).map(|(at, k)| block.active[k * stride + at]),
            );
            found.weights.extend(&block.weights[..lines]);
            found.total += block.total;
        }
        found
    }
}

impl<'a> Anchors<'a> {
    fn new(margin: f64, points: &'a Points<'a>) -> Self {
        let n = points.len();
        let mut same = Vec::with_capacity(n);
        for rows in points.labels.chunk_by(|a, b| a == b) {
            let first = same.len() as u32;
            same.extend(std::iter::repeat_n(first..first + rows.len() as u32, rows.len()));
        }
        let most = same.iter().map(|same| same.len() - 1).max().unwrap_or(0);
        let mut positives = vec![0.0; n * most];
        positives.par_chunks_mut(most.max(1)).enumerate().for_each(|(at, distances)| {
            let places = same[at].clone().map(|place| place as usize).filter(|&place| place != at);
            distances.iter_mut().zip(places).for_each(|(to, place)| *to = points.exact(at, points, place));
        });
        let padded = n.next_multiple_of(LANES);
        let unit = match points.metric.distance {
            Distance::Euclidean => points.unit,
            Distance::SquaredEuclidean => points.unit * points.unit,
            Distance::Cosine => 1.0,
        };
        let thresholds = [vec![f32::NEG_INFINITY; most * padded], vec![f32::NEG_INFINITY; most * padded]];
        let (farthest, reach) = (vec![0.0; padded], vec![f64::NEG_INFINITY; padded]);
        let mut halves = points.halves.clone();
        halves.resize(padded, 0.0);
        let mut anchors = Self { points, margin, same, most, positives, unit, thresholds, farthest, reach, halves };
        (0..n).for_each(|at| anchors.prepare(at));
        anchors
    }

    /// What follows from the distances of an anchor from its positives.
    fn prepare(&mut self, at: usize) {
        let (count, padded) = (self.same[at].len() - 1, self.reach.len());
        let tolerance = self.points.tolerance(at, self.points);
        let mut farthest = f64::NEG_INFINITY;
        for k in 0..count {
            let threshold = self.positives[at * self.most + k] + self.margin;
            let place = k * padded + at;
            if threshold.is_finite() {
                // Room for the rounding of a distance and of a threshold to f32, and of their sum in f64.
                let slack = tolerance + threshold.abs() * 2f64.powi(-21);
                self.thresholds[0][place] = (((threshold - slack) / self.unit) as f32).min(f32::MAX);
                self.thresholds[1][place] = ((threshold + slack) / self.unit) as f32;
                farthest = farthest.max(threshold);
                let most = threshold + slack;
                let reach = match self.points.metric.distance {
                    Distance::Euclidean => 0.5 * most * most,
                    Distance::SquaredEuclidean => 0.5 * most,
                    Distance::Cosine => most,
                };
                self.reach[at] = self.reach[at].max(reach);
            } else {
                self.thresholds[1][place] = f32::NAN;
                self.reach[at] = f64::INFINITY;
            }
        }
        self.farthest[at] = if farthest.is_finite() { farthest } else { 0.0 };
    }

    /// The sorted rows that have the label of an anchor.
    pub fn same(&self, at: usize) -> Range<usize> {
        self.same[at].start as usize..self.same[at].end as usize
    }

    /// The distances of an anchor from its positives.
    pub fn positives_of(&self, at: usize) -> &[f64] {
        &self.positives[at * self.most..][..self.same[at].len() - 1]
    }

    /// With how many negatives a positive of an anchor is active.
    fn active(&self, found: &[Found; 2], at: usize, k: usize) -> u64 {
        found.iter().map(|found| u64::from(found.active[at * self.most + k])).sum()
    }

    fn blocks<'g>(&self, lines: &[Range<usize>], mut gradient: &'g mut [f32]) -> Vec<Block<'g>> {
        let wanted = !gradient.is_empty();
        let block = |lines: &Range<usize>| {
            let values = if wanted { lines.len() * self.points.width } else { 0 };
            let (now, later) = std::mem::take(&mut gradient).split_at_mut(values);
            gradient = later;
            let stride = lines.len().next_multiple_of(LANES);
            let (weights, active) = (vec![0.0; stride], vec![0; self.most * stride]);
            Block { lines: lines.clone(), gradient: now, weights, active, total: 0.0 }
        };
        lines.iter().map(block).collect()
    }

    /// A tile.
    fn visit<'g>(&self, row: &mut Block<'g>, column: &mut Block<'g>, place: &mut Place) {
        let (width, wide) = (self.points.width, &self.points.wide);
        let (rows, columns, stride) = (row.lines.clone(), column.lines.clone(), column.weights.len());
        let size = rows.len() * stride;
        // A tile on the diagonal has each pair twice, as those of its rows.
        let both = rows != columns;
        let wanted = !row.gradient.is_empty();
        place.distances.resize(size, 0.0);
        let vectors = |lines: &Range<usize>| View::of(&wide[lines.start * width..lines.end * width], width);
        multiply(&mut place.distances, stride, false, 1.0, vectors(&rows), vectors(&columns).transposed());
        place.weights.resize(if wanted { size } else { 0 }, 0.0);
        place.sums.iter_mut().zip([rows.len(), stride]).for_each(|(sums, length)| {
            sums.clear();
            sums.resize(length, 0.0);
        });
        place.apart.clear();
        let [row_sums, column_sums] = &mut place.sums;
        let tile = dispatch(Cells {
            anchors: self,
            rows: rows.clone(),
            columns: columns.clone(),
            both,
            products: &mut place.distances,
            weights: wanted.then_some(&mut place.weights),
            row_active: &mut row.active,
            column_active: &mut column.active,
            row_sums,
            column_sums,
            apart: &mut place.apart,
        });
        row.total += tile.total;
        if !wanted {
            return;
        }
        let mut to = Both { row, column: both.then_some(column), width };
        if tile.weights * SPARSE < size {
            to.add_each(&place.weights, stride, &self.points.narrow);
        } else if tile.weights > 0 {
            let weights = View::new(&place.weights, rows.len(), columns.len(), stride);
            let narrow =
                |lines: &Range<usize>| View::of(&self.points.narrow[lines.start * width..lines.end * width], width);
            multiply(to.row.gradient, width, true, -1.0, weights, narrow(&columns));
            to.row.weights.iter_mut().zip(&place.sums[0]).for_each(|(to, sum)| *to += sum);
            let across = to.column.as_deref_mut().unwrap_or(to.row);
            multiply(across.gradient, width, true, -1.0, weights.transposed(), narrow(&rows));
            across.weights.iter_mut().zip(&place.sums[1]).for_each(|(to, sum)| *to += sum);
        }
        for &Apart { i, j, weight } in &place.apart {
            to.add_apart(self.points, i as usize, j as usize, weight);
        }
    }

    /// The gradient of each row as it was given, from those of both sides of the matrix.
    fn finish(&self, found: &[Found; 2], sides: [&[f32]; 2], to: &mut [f32]) {
        let (points, width) = (self.points, self.points.width);
        assert_eq!(to.len(), sides[0].len(), "one gradient an input");
        let mut places = vec![0; points.len()];
        points.order.iter().enumerate().for_each(|(at, &position)| places[position as usize] = at);
        let rows = to.par_chunks_mut(width).zip(&places);
        rows.for_each_init(
            || vec![0.0; width],
            |gradient, (to, &at)| {
                let weight = found[0].weights[at] + found[1].weights[at];
                let row = at * width..(at + 1) * width;
                let sides = sides[0][row.clone()].iter().zip(&sides[1][row.clone()]);
                for ((to, (a, b)), &x) in gradient.iter_mut().zip(sides).zip(&points.narrow[row]) {
                    *to = a + b + (weight * f64::from(x)) as f32;
                }
                self.add_positives(found, at, gradient);
                points.pull_back(at, gradient, to);
            },
        );
    }

    /// What a row gets from the distances from its positives, of which it is a positive too.
    fn add_positives(&self, found: &[Found; 2], at: usize, gradient: &mut [f32]) {
        let others = self.same(at).filter(|&place| place != at);
        for (k, (place, &distance)) in others.zip(self.positives_of(at)).enumerate() {
            let its = at - self.same(at).start - usize::from(place < at);
            let count = self.active(found, at, k) + self.active(found, place, its);
            let weight = count as f64 * slope(self.points.metric.distance, distance);
            if weight != 0.0 {
                let points = self.points;
                points.for_each_difference(at, points, place, |at, apart| gradient[at] += (weight * apart) as f32);
            }
        }
    }
}

/// `∂D/∂(½‖x − y‖²)` of the rows as distances take them; 0 at a distance of 0.
pub(super) fn slope(metric: Distance, distance: f64) -> f64 {
    match metric {
        Distance::Euclidean if distance == 0.0 => 0.0,
        Distance::Euclidean => 1.0 / distance,
        Distance::SquaredEuclidean => 2.0,
        Distance::Cosine => 1.0,
    }
}

/// Where the gradient of a tile goes; on the diagonal, the columns are the rows.
struct Both<'b, 'g> {
    row: &'b mut Block<'g>,
    column: Option<&'b mut Block<'g>>,
    width: usize,
}

impl Both<'_, '_> {
    /// The gradients of two rows of the tile, one after the other.
    fn add(&mut self, i: usize, j: usize, mut with: impl FnMut(&mut [f32], f32)) {
        let width = self.width;
        let i = i - self.row.lines.start;
        with(&mut self.row.gradient[i * width..][..width], 1.0);
        let across = self.column.as_deref_mut().unwrap_or(self.row);
        let j = j - across.lines.start;
        with(&mut across.gradient[j * width..][..width], -1.0);
    }

    /// Adds the weights that aren't 0 one by one.
    fn add_each(&mut self, weights: &[f32], stride: usize, narrow: &[f32]) {
        let (width, rows) = (self.width, self.row.lines.clone());
        let first = self.column.as_ref().map_or(rows.start, |column| column.lines.start);
        for (i, weights) in rows.zip(weights.chunks(stride)) {
            for (j, &weight) in weights.iter().enumerate().filter(|(_, weight)| **weight != 0.0) {
                let (x, y) = (&narrow[i * width..][..width], &narrow[(first + j) * width..][..width]);
                self.add(i, first + j, |to, sign| {
                    let weight = sign * weight;
                    to.iter_mut().zip(x).zip(y).for_each(|((to, x), y)| *to += weight * (x - y));
                });
            }
        }
    }

    /// Adds a pair that is computed by subtraction.
    fn add_apart(&mut self, points: &Points<'_>, i: usize, j: usize, weight: f64) {
        self.add(i, j, |to, sign| {
            let weight = f64::from(sign) * weight;
            points.for_each_difference(i, points, j, |at, apart| to[at] += (weight * apart) as f32);
        });
    }
}
