//! All triplets with a hinge, by sorting.

use crate::chunks::Sums;
use crate::pairs::{Coefficients, Row, RowLoss};

/// `max(0, D(a, p) − D(a, n) + margin)` over all triplets.
///
/// With an anchor's positives in order of their distance, those that are active with a negative are the last ones. A
/// binary search finds the first of them, and sums over the tails are known:
///
/// ```text
/// Σ_p max(0, D_p − D_n + m) = Σ_{p active} D_p + active·(m − D_n)
/// ∂/∂D_n = −active          ∂/∂D_p = the number of negatives with which p is active
/// ```
pub(super) struct Hinge {
    pub margin: f64,
}

#[derive(Default)]
pub(super) struct Sorted {
    /// Distance and place of each positive, nearest first.
    positives: Vec<(f64, usize)>,
    /// Their distances, between −∞ and ∞.
    distances: Vec<f64>,
    /// The sum of the distances from each positive on.
    tails: Vec<f64>,
    /// How many negatives have their first active positive here.
    first_active: Vec<u64>,
}

impl RowLoss for Hinge {
    type Scratch = Sorted;
    const HALF: bool = false;

    fn row(&self, row: &Row<'_>, sorted: &mut Sorted, to: Option<Coefficients<'_>>) -> Option<Sums> {
        let mut nan = sorted.fill(row);
        let count = sorted.positives.len();
        let negatives = row.negatives().iter().map(ExactSizeIterator::len).sum::<usize>();
        let valid = (count * negatives) as u64;
        let Some(&(farthest, _)) = sorted.positives.last().filter(|_| negatives > 0) else {
            return Some(Sums::default());
        };
        let positives = &sorted.distances[1..=count];
        let (mut total, mut unclear, mut weights) = (0.0, false, to.map(|to| to.row));
        for j in row.negatives().into_iter().flatten() {
            let distance = row.distances[j];
            if farthest - distance + self.margin < -row.tolerance.max(0.0) {
                continue;
            }
            // Beyond every comparison: a NaN is active with all positives.
            nan |= distance.is_nan();
            let distance = if distance.is_nan() { f64::NEG_INFINITY } else { distance };
            let violation = |near: f64| near - distance + self.margin;
            let first = positives.partition_point(|&near| !(violation(near) > 0.0));
            let active = (count - first) as f64;
            // The first active one and the one before it are the nearest to the kink.
            unclear |=
                row.unclear(violation(sorted.distances[first])) | row.unclear(violation(sorted.distances[first + 1]));
            total += sorted.tails[first] + active * (self.margin - distance);
            sorted.first_active[first] += 1;
            if let Some(weights) = &mut weights {
                weights[j] = -active as f32;
            }
        }
        if unclear {
            return None;
        }
        let (mut active, mut of_positive) = (0, 0);
        for (&(_, place), first) in sorted.positives.iter().zip(&sorted.first_active) {
            of_positive += first;
            active += of_positive;
            if let Some(weights) = &mut weights {
                weights[place] = of_positive as f32;
            }
        }
        Some(Sums { total: if nan { f64::NAN } else { total }, weight: valid as f64, valid, active })
    }
}

impl Sorted {
    /// Sorts the positives of an anchor, a NaN as the farthest; returns whether there is one.
    fn fill(&mut self, row: &Row<'_>) -> bool {
        let mut nan = false;
        self.positives.clear();
        self.positives.extend(row.positives().map(|place| {
            let distance = row.distances[place];
            nan |= distance.is_nan();
            (if distance.is_nan() { f64::INFINITY } else { distance }, place)
        }));
        self.positives.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let count = self.positives.len();
        self.distances.clear();
        self.distances.push(f64::NEG_INFINITY);
        self.distances.extend(self.positives.iter().map(|(distance, _)| distance));
        self.distances.push(f64::INFINITY);
        self.first_active.clear();
        self.first_active.resize(count + 1, 0);
        self.tails.clear();
        self.tails.resize(count + 1, 0.0);
        for at in (0..count).rev() {
            self.tails[at] = self.tails[at + 1] + self.positives[at].0;
        }
        nan
    }
}
