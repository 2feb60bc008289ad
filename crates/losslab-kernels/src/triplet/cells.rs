//! The cells of a tile: from inner products to distances, active triplets, and weights.

use super::FEW_POSITIVES;
use super::few::{Anchors, slope};
use crate::options::Distance;
use crate::pairs::NEAR;
use crate::simd::{Arithmetic, Kernel};
use crate::waves::LANES;
use std::ops::Range;

/// A tile of the matrix, of the inner products of rows and columns.
pub(super) struct Cells<'a> {
    pub anchors: &'a Anchors<'a>,
    pub rows: Range<usize>,
    pub columns: Range<usize>,
    /// Whether columns are anchors too, of which the rows are negatives.
    pub both: bool,
    /// `[rows, columns]`, a row padded to a whole number of [`LANES`].
    pub products: &'a mut [f64],
    /// The weights of the pairs, `∂L/∂(½‖x − y‖²)`, in the same layout; those of pairs that are [apart](Apart) are 0.
    pub weights: Option<&'a mut Vec<f32>>,
    /// With how many negatives each positive is active, `[most, rows]` and `[most, columns]`, padded as well.
    pub row_active: &'a mut [u32],
    pub column_active: &'a mut [u32],
    /// The sums of the weights of rows and columns.
    pub row_sums: &'a mut [f64],
    pub column_sums: &'a mut [f64],
    pub apart: &'a mut Vec<Apart>,
}

/// A pair that is too near for a product, with its weight.
pub(super) struct Apart {
    pub i: u32,
    pub j: u32,
    pub weight: f64,
}

/// What a tile adds to the loss.
#[derive(Default)]
pub(super) struct Tile {
    /// `Σ (farthest + margin − D)` over the active triplets.
    pub total: f64,
    /// How many weights aren't 0.
    pub weights: usize,
}

/// Cells side by side.
struct Group {
    /// The row, and the first column.
    i: usize,
    j: usize,
    distances: [f64; LANES],
    /// In the unit of the thresholds.
    scaled: [f32; LANES],
    /// With how many positives of the row and of its column a cell is active.
    of_row: [i32; LANES],
    of_column: [i32; LANES],
}

impl Kernel for Cells<'_> {
    type Output = Tile;

    #[inline(always)]
    fn run<A: Arithmetic>(self) -> Tile {
        match self.anchors.points.metric.distance {
            Distance::Euclidean => self.all::<EUCLIDEAN>(),
            Distance::SquaredEuclidean => self.all::<SQUARED>(),
            Distance::Cosine => self.all::<COSINE>(),
        }
    }
}

const EUCLIDEAN: u8 = 0;
const SQUARED: u8 = 1;
const COSINE: u8 = 2;

/// The counts of a row in lanes.
type Counts = [[u32; LANES]; FEW_POSITIVES];

impl Cells<'_> {
    #[inline(always)]
    fn all<const DISTANCE: u8>(mut self) -> Tile {
        let anchors = self.anchors;
        let stride = self.columns.len().next_multiple_of(LANES);
        let height = self.row_active.len() / anchors.most.max(1);
        let (mut total, mut nonzero) = ([0.0; LANES], [0i32; LANES]);
        let padded = anchors.reach.len();
        let (scale, least) = (1.0 / anchors.unit, self.least());
        let constant = match DISTANCE {
            SQUARED => 2.0 * anchors.points.unit as f32,
            _ => anchors.points.unit as f32,
        };
        for at in 0..self.rows.len() {
            let i = self.rows.start + at;
            self.leave_out(i, at * stride, stride);
            let (half, reach, farthest) = (anchors.halves[i], anchors.reach[i], anchors.farthest[i]);
            let count = anchors.positives_of(i).len();
            let mut counts: Counts = [[0; LANES]; FEW_POSITIVES];
            let thresholds = self.thresholds(i, count);
            let mut row_sum = [0.0; LANES];
            for start in (0..stride).step_by(LANES) {
                let j = self.columns.start + start;
                let products = lanes(&self.products[at * stride + start..]);
                let (halves, reaches) = (lanes(&anchors.halves[j..]), lanes(&anchors.reach[j..]));
                let (mut squared, mut all_far, mut within) = ([0.0; LANES], true, false);
                for lane in 0..LANES {
                    let both = half + halves[lane];
                    squared[lane] = both - products[lane];
                    // A NaN is near, so that it is computed from the rows as they are.
                    all_far &= squared[lane] > NEAR * both + least;
                    let reach = if reaches[lane] > reach { reaches[lane] } else { reach };
                    within |= squared[lane] <= reach;
                }
                if all_far & !within {
                    if let Some(weights) = &mut self.weights {
                        weights[at * stride + start..][..LANES].fill(0.0);
                    }
                    continue;
                }
                let mut distances = squared;
                for distance in &mut distances {
                    *distance = match DISTANCE {
                        EUCLIDEAN => (2.0 * *distance).sqrt(),
                        SQUARED => 2.0 * *distance,
                        _ => *distance,
                    };
                }
                let mut near = 0;
                if !all_far {
                    (distances, near) = self.subtract([i, j], squared, distances);
                }
                let mut scaled = [0.0; LANES];
                for lane in 0..LANES {
                    scaled[lane] = (distances[lane] * scale) as f32;
                }
                // With how many positives of the row and of its column a cell is active, and where f32 leaves that open.
                let (mut of_row, mut of_column, mut open) = ([0; LANES], [0; LANES], [0; LANES]);
                for ((low, high), counts) in thresholds[..count].iter().zip(&mut counts) {
                    compare(&scaled, &[*low; LANES], &[*high; LANES], counts, &mut of_row, &mut open);
                }
                if self.both {
                    for k in 0..anchors.most {
                        let [low, high] = [0, 1].map(|at| *lanes(&anchors.thresholds[at][k * padded + j..]));
                        let to = &mut self.column_active[k * stride + start..][..LANES];
                        let mut counts = *lanes(to);
                        compare(&scaled, &low, &high, &mut counts, &mut of_column, &mut open);
                        to.copy_from_slice(&counts);
                    }
                }
                if open.iter().fold(0, |all, open| all | open) != 0 {
                    let mut group = Group { i, j, distances, scaled, of_row, of_column };
                    self.decide(&mut group, open, &mut counts, scale);
                    Group { distances, scaled, of_row, of_column, .. } = group;
                }
                let columns = lanes(&anchors.farthest[j..]);
                for lane in 0..LANES {
                    let (row, column, distance) =
                        (f64::from(of_row[lane]), f64::from(of_column[lane]), distances[lane]);
                    // At a distance of ∞, nothing times ∞.
                    let cost = row * (farthest - distance) + column * (columns[lane] - distance);
                    total[lane] += if of_row[lane] + of_column[lane] == 0 { 0.0 } else { cost };
                }
                if self.weights.is_none() {
                    continue;
                }
                let mut weights = [0.0; LANES];
                for lane in 0..LANES {
                    let active = of_row[lane] + of_column[lane];
                    let slope = if DISTANCE == EUCLIDEAN { 1.0 / scaled[lane] } else { constant };
                    weights[lane] = if active == 0 { 0.0 } else { -(active as f32) * slope };
                }
                if near != 0 {
                    weights = self.set_apart(Group { i, j, distances, scaled, of_row, of_column }, near, weights);
                }
                let column_sums = &mut self.column_sums[start..][..LANES];
                for lane in 0..LANES {
                    nonzero[lane] += if weights[lane] == 0.0 { 0 } else { 1 };
                    row_sum[lane] += f64::from(weights[lane]);
                    column_sums[lane] += f64::from(weights[lane]);
                }
                if let Some(to) = &mut self.weights {
                    to[at * stride + start..][..LANES].copy_from_slice(&weights);
                }
            }
            self.row_sums[at] = row_sum.iter().sum();
            for (k, counts) in counts[..count].iter().enumerate() {
                self.row_active[k * height + at] += counts.iter().sum::<u32>();
            }
        }
        Tile { total: total.iter().sum(), weights: nonzero.iter().map(|&count| count as usize).sum() }
    }

    /// Puts what isn't a negative infinitely far away.
    #[inline(always)]
    fn leave_out(&mut self, i: usize, from: usize, stride: usize) {
        let (first, end) = (self.columns.start, self.columns.end);
        let row = &mut self.products[from..from + stride];
        row[end - first..].fill(f64::NEG_INFINITY);
        let same = self.anchors.same(i);
        let (from, to) = (same.start.clamp(first, end), same.end.clamp(first, end));
        row[from - first..to - first].fill(f64::NEG_INFINITY);
    }

    #[inline(always)]
    fn thresholds(&self, i: usize, count: usize) -> [(f32, f32); FEW_POSITIVES] {
        let mut thresholds = [(0.0, 0.0); FEW_POSITIVES];
        let [low, high] = &self.anchors.thresholds;
        for (k, to) in thresholds[..count].iter_mut().enumerate() {
            let at = k * self.anchors.reach.len() + i;
            *to = (low[at], high[at]);
        }
        thresholds
    }

    /// What `½‖x − y‖²` has to be above anyhow, for a weight within f32.
    #[inline(always)]
    fn least(&self) -> f64 {
        1e-24 * self.anchors.points.unit * self.anchors.points.unit
    }

    fn is_negative(&self, i: usize, j: usize) -> bool {
        j < self.columns.end && !self.anchors.same(i).contains(&j)
    }

    /// Computes near pairs by subtraction, and returns which ones they are, a bit each.
    #[cold]
    #[inline(never)]
    fn subtract(&self, [i, j]: [usize; 2], squared: [f64; LANES], mut distances: [f64; LANES]) -> ([f64; LANES], u32) {
        let points = self.anchors.points;
        let mut near = 0;
        for lane in 0..LANES {
            let j = j + lane;
            let both = self.anchors.halves[i] + self.anchors.halves[j];
            let far = squared[lane] > NEAR * both + self.least();
            if !far {
                let negative = self.is_negative(i, j);
                distances[lane] = if negative { points.exact(i, points, j) } else { f64::INFINITY };
                near |= u32::from(negative) << lane;
            }
        }
        (distances, near)
    }

    /// Decides by distances from subtraction where f32 leaves it open.
    #[cold]
    #[inline(never)]
    fn decide(&mut self, group: &mut Group, open: [i32; LANES], counts: &mut Counts, scale: f64) {
        let (anchors, stride) = (self.anchors, self.column_sums.len());
        let padded = anchors.reach.len();
        for lane in (0..LANES).filter(|&lane| open[lane] != 0) {
            let (i, j, before) = (group.i, group.j + lane, group.scaled[lane]);
            let negative = self.is_negative(i, j);
            let distance = if negative { anchors.points.exact(i, anchors.points, j) } else { f64::INFINITY };
            group.distances[lane] = distance;
            group.scaled[lane] = (distance * scale) as f32;
            // Takes back what f32 has said.
            let active = |anchor: usize, k: usize, positive: f64| {
                let inactive = !negative || positive - distance + anchors.margin <= 0.0;
                (!inactive, before < anchors.thresholds[0][k * padded + anchor])
            };
            group.of_row[lane] = 0;
            for (k, &positive) in anchors.positives_of(i).iter().enumerate() {
                let (is, was) = active(i, k, positive);
                group.of_row[lane] += i32::from(is);
                counts[k][lane] = (counts[k][lane] + u32::from(is)).wrapping_sub(u32::from(was));
            }
            if self.both && j < self.columns.end {
                group.of_column[lane] = 0;
                for (k, &positive) in anchors.positives_of(j).iter().enumerate() {
                    let (is, was) = active(j, k, positive);
                    group.of_column[lane] += i32::from(is);
                    let count = &mut self.column_active[k * stride + j - self.columns.start];
                    *count = (*count + u32::from(is)).wrapping_sub(u32::from(was));
                }
            }
        }
    }

    /// Notes the weights of near pairs, and takes them out of the products.
    #[cold]
    #[inline(never)]
    fn set_apart(&mut self, group: Group, near: u32, mut weights: [f32; LANES]) -> [f32; LANES] {
        let metric = self.anchors.points.metric.distance;
        for lane in (0..LANES).filter(|lane| near >> lane & 1 != 0) {
            let active = group.of_row[lane] + group.of_column[lane];
            weights[lane] = 0.0;
            let weight = -f64::from(active) * slope(metric, group.distances[lane]);
            if active > 0 && weight != 0.0 {
                self.apart.push(Apart { i: group.i as u32, j: (group.j + lane) as u32, weight });
            }
        }
        weights
    }
}

/// Compares distances with a threshold each: which ones are below `low`, and which are open, neither below it nor from
/// `high` on.
#[inline(always)]
fn compare(
    distances: &[f32; LANES],
    low: &[f32; LANES],
    high: &[f32; LANES],
    counts: &mut [u32; LANES],
    active: &mut [i32; LANES],
    open: &mut [i32; LANES],
) {
    for lane in 0..LANES {
        let below = distances[lane] < low[lane];
        // False for a NaN, which stays open.
        let beyond = distances[lane] >= high[lane];
        counts[lane] += u32::from(below);
        active[lane] += i32::from(below);
        open[lane] += i32::from(!beyond);
        open[lane] -= i32::from(below);
    }
}

#[inline(always)]
fn lanes<T>(values: &[T]) -> &[T; LANES] {
    values[..LANES].try_into().expect("as many as were taken")
}
