//! All triplets with a hinge, by sorting.

use super::FEW_POSITIVES;
use crate::chunks::Sums;
use crate::pairs::{Coefficients, Row, RowLoss};
use crate::simd::{Arithmetic, Kernel, dispatch};

/// `max(0, D(a, p) − D(a, n) + margin)` over all triplets.
///
/// With an anchor's positives in order of their distance, those that are active with a negative are the last ones. A
/// binary search finds the first of them, and sums over the tails are known:
///
/// ```text
/// Σ_p max(0, D_p − D_n + m) = Σ_{p active} D_p + active·(m − D_n)
/// ∂/∂D_n = −active          ∂/∂D_p = the number of negatives with which p is active
/// ```
///
/// [`FEW_POSITIVES`] positives or less are compared with each negative instead: vector instructions do that sooner.
pub(crate) struct Hinge {
    pub margin: f64,
}

/// The negatives that are compared side by side.
const LANES: usize = 8;

#[derive(Default)]
pub(crate) struct Sorted {
    /// Distance and place of each positive, nearest first, a NaN last.
    positives: Vec<(f64, usize)>,
    /// How many negatives each positive is active with.
    active: Vec<u64>,
    /// The distances between −∞ and ∞, a NaN as ∞.
    distances: Vec<f64>,
    /// The sum of the distances from each positive on.
    tails: Vec<f64>,
}

impl RowLoss for Hinge {
    type Scratch = Sorted;
    const HALF: bool = false;

    fn row(&self, row: &Row<'_>, sorted: &mut Sorted, to: Option<Coefficients<'_>>) -> Option<Sums> {
        sorted.fill(row);
        let count = sorted.positives.len();
        let valid = (count * row.negatives().iter().map(ExactSizeIterator::len).sum::<usize>()) as u64;
        if valid == 0 {
            return Some(Sums::default());
        }
        let mut weights = to.map(|to| to.row);
        let (total, unclear) = match count <= FEW_POSITIVES {
            true => sorted.compare(row, self.margin, weights.as_deref_mut()),
            false => sorted.search(row, self.margin, weights.as_deref_mut()),
        };
        if unclear {
            return None;
        }
        if let Some(weights) = weights {
            for (&(_, place), &active) in sorted.positives.iter().zip(&sorted.active) {
                weights[place] = active as f32;
            }
        }
        Some(Sums { total, weight: valid as f64, valid, active: sorted.active.iter().sum() })
    }
}

impl Sorted {
    /// Sorts the positives of an anchor.
    fn fill(&mut self, row: &Row<'_>) {
        self.positives.clear();
        self.positives.extend(row.positives().map(|place| (row.distance(place), place)));
        self.positives.sort_unstable_by(|a, b| {
            let nan = a.0.is_nan().cmp(&b.0.is_nan());
            nan.then(a.0.total_cmp(&b.0)).then(a.1.cmp(&b.1))
        });
        self.active.clear();
        self.active.resize(self.positives.len(), 0);
    }

    /// The sum over all triplets and whether one of them is too near the kink, by comparing each pair.
    fn compare(&mut self, row: &Row<'_>, margin: f64, mut weights: Option<&mut [f32]>) -> (f64, bool) {
        let mut found = (0.0, false);
        for range in row.negatives() {
            let (total, unclear) = dispatch(Compare {
                positives: &self.positives,
                active: &mut self.active,
                negatives: row.distances(range.clone()),
                weights: weights.as_deref_mut().map(|weights| &mut weights[range]),
                margin,
                tolerance: row.tolerance,
            });
            found = (found.0 + total, found.1 | unclear);
        }
        found
    }

    /// As [`compare`](Self::compare), by a binary search for each negative.
    fn search(&mut self, row: &Row<'_>, margin: f64, mut weights: Option<&mut [f32]>) -> (f64, bool) {
        let count = self.positives.len();
        let comparable = |distance: f64| if distance.is_nan() { f64::INFINITY } else { distance };
        self.distances.clear();
        self.distances.push(f64::NEG_INFINITY);
        self.distances.extend(self.positives.iter().map(|&(distance, _)| comparable(distance)));
        self.distances.push(f64::INFINITY);
        self.tails.clear();
        self.tails.resize(count + 1, 0.0);
        for at in (0..count).rev() {
            self.tails[at] = self.tails[at + 1] + self.positives[at].0;
        }
        let (positives, farthest) = (&self.distances[1..=count], self.distances[count]);
        let (mut total, mut unclear) = (0.0, false);
        for j in row.negatives().into_iter().flatten() {
            let distance = row.distance(j);
            if farthest - distance + margin < -row.tolerance.max(0.0) {
                continue;
            }
            // A NaN is active with all positives.
            let near = if distance.is_nan() { f64::NEG_INFINITY } else { distance };
            let violation = |positive: f64| positive - near + margin;
            let first = positives.partition_point(|&positive| violation(positive) <= 0.0);
            let active = count - first;
            // The first active one and the one before it are the nearest to the kink.
            unclear |=
                row.unclear(violation(self.distances[first])) | row.unclear(violation(self.distances[first + 1]));
            if active > 0 {
                total += self.tails[first] + active as f64 * (margin - distance);
                self.active[first] += 1;
            }
            if let Some(weights) = &mut weights {
                weights[j] = -(active as f32);
            }
        }
        // Active from the first on.
        let mut so_far = 0;
        for active in &mut self.active {
            so_far += *active;
            *active = so_far;
        }
        (total, unclear)
    }
}

/// Compares each negative with each positive.
struct Compare<'a> {
    positives: &'a [(f64, usize)],
    active: &'a mut [u64],
    negatives: &'a [f64],
    weights: Option<&'a mut [f32]>,
    margin: f64,
    tolerance: f64,
}

impl Kernel for Compare<'_> {
    /// The sum, and whether a triplet is too near the kink.
    type Output = (f64, bool);

    #[inline(always)]
    fn run<A: Arithmetic>(self) -> (f64, bool) {
        let mut sums = Lanes::default();
        let mut counts = [[0.0; LANES]; FEW_POSITIVES];
        let counts = &mut counts[..self.positives.len()];
        let (groups, rest) = self.negatives.as_chunks::<LANES>();
        let mut weights = self.weights;
        for (at, group) in groups.iter().enumerate() {
            let active = sums.add(self.positives, counts, group, self.margin, self.tolerance);
            if let Some(weights) = &mut weights {
                for lane in 0..LANES {
                    weights[at * LANES + lane] = -active[lane] as f32;
                }
            }
        }
        if !rest.is_empty() {
            // At infinity a lane is active with nothing.
            let mut group = [f64::INFINITY; LANES];
            group[..rest.len()].copy_from_slice(rest);
            let active = sums.add(self.positives, counts, &group, self.margin, self.tolerance);
            if let Some(weights) = weights {
                let weights = &mut weights[groups.len() * LANES..];
                weights.iter_mut().zip(active).for_each(|(weight, active)| *weight = -active as f32);
            }
        }
        for (active, counts) in self.active.iter_mut().zip(counts) {
            *active += counts.iter().sum::<f64>() as u64;
        }
        (sums.total.iter().sum(), sums.unclear.iter().any(|&unclear| unclear > 0.0))
    }
}

#[derive(Default)]
struct Lanes {
    total: [f64; LANES],
    /// Above 0 where a triplet is too near the kink.
    unclear: [f64; LANES],
}

impl Lanes {
    /// Adds the triplets of a group of negatives; returns with how many positives each is active.
    #[inline(always)]
    fn add(
        &mut self,
        positives: &[(f64, usize)],
        counts: &mut [[f64; LANES]],
        negatives: &[f64; LANES],
        margin: f64,
        tolerance: f64,
    ) -> [f64; LANES] {
        let mut active = [0.0; LANES];
        for (&(near, _), counts) in positives.iter().zip(counts) {
            for lane in 0..LANES {
                let violation = near - negatives[lane] + margin;
                // A NaN is active.
                let inactive = violation <= 0.0;
                let one = if inactive { 0.0 } else { 1.0 };
                self.total[lane] += if inactive { 0.0 } else { violation };
                self.unclear[lane] += if violation.abs() <= tolerance { 1.0 } else { 0.0 };
                active[lane] += one;
                counts[lane] += one;
            }
        }
        active
    }
}
