//! Contrastive loss over all pairs of a labelled batch.

use crate::chunks::Sums;
use crate::pairs::{Coefficients, Labelled, Metric, Points, Row, RowLoss, evaluate};
use crate::simd::{Arithmetic, Kernel, dispatch, padded};
use std::ops::Range;

/// `max(0, D − positive_margin)²` for two rows of one label, `max(0, negative_margin − D)²` for others.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BatchContrastive {
    /// How far apart a pair of one label may be.
    pub positive_margin: f64,
    /// How far apart a pair of two labels should be.
    pub negative_margin: f64,
    /// Whether each term has the factor ½.
    pub half: bool,
    /// The distance D.
    pub metric: Metric,
}

/// The sum over all pairs of rows, each counted once, with its gradient with respect to the rows.
///
/// Distances and memory are those of [`triplet`](crate::triplet()); each pair is computed once.
///
/// # Panics
/// If lengths don't fit.
///
/// ```
/// use losslab_kernels::{BatchContrastive, Labelled, Metric, batch_contrastive};
///
/// let loss = BatchContrastive { positive_margin: 0.0, negative_margin: 1.0, half: true, metric: Metric::default() };
/// let batch = Labelled { rows: &[0.0, 0.5, 1.25], labels: &[4, 4, 7], width: 1 };
/// let mut gradient = [0.0; 3];
/// let sums = batch_contrastive(loss, batch, Some(&mut gradient));
/// // The similar pair is 0.5 apart, the second dissimilar one 0.75, the first one far enough.
/// assert_eq!((sums.total, sums.valid, sums.active), (0.125 + 0.03125, 3, 2));
/// assert!(gradient.iter().zip([-0.5, 0.5 + 0.25, -0.25]).all(|(found, expected)| (found - expected).abs() < 1e-6));
/// ```
pub fn batch_contrastive(loss: BatchContrastive, batch: Labelled<'_>, gradient: Option<&mut [f32]>) -> Sums {
    let [points] = Points::prepare([batch], loss.metric);
    evaluate(&loss, &points, None, [gradient, None])
}

/// As [`batch_contrastive`], over all pairs of a query and a row of a `bank`. The gradients are those of queries and bank.
///
/// # Panics
/// If lengths don't fit, or the widths differ.
pub fn batch_contrastive_with_bank(
    loss: BatchContrastive,
    queries: Labelled<'_>,
    bank: Labelled<'_>,
    gradients: [Option<&mut [f32]>; 2],
) -> Sums {
    let [queries, bank] = Points::prepare([queries, bank], loss.metric);
    evaluate(&WithBank(loss), &queries, Some(&bank), gradients)
}

impl RowLoss for BatchContrastive {
    type Scratch = ();
    const HALF: bool = true;

    fn row(&self, row: &Row<'_>, (): &mut (), to: Option<Coefficients<'_>>) -> Option<Sums> {
        self.sum(row, [(row.anchor + 1..row.same.end, 1.0), (row.same.end..row.others(), -1.0)], to)
    }
}

/// All rows of the bank are partners of each anchor.
struct WithBank(BatchContrastive);

impl RowLoss for WithBank {
    type Scratch = ();
    const HALF: bool = false;

    fn row(&self, row: &Row<'_>, (): &mut (), to: Option<Coefficients<'_>>) -> Option<Sums> {
        let [before, after] = row.negatives();
        self.0.sum(row, [(before, -1.0), (row.same.clone(), 1.0), (after, -1.0)], to)
    }
}

impl BatchContrastive {
    /// The terms of an anchor with some rows: similar ones (1) and others (−1).
    fn sum<const N: usize>(
        &self,
        row: &Row<'_>,
        partners: [(Range<usize>, f64); N],
        to: Option<Coefficients<'_>>,
    ) -> Option<Sums> {
        let mut weights = to.map(|to| to.row);
        let mut sums = Sums::default();
        for (range, direction) in partners {
            let squares = Squares {
                distances: row.distances(range.clone()),
                weights: weights.as_deref_mut().map(|weights| &mut weights[range]),
                direction,
                margin: if direction > 0.0 { self.positive_margin } else { self.negative_margin },
                factor: if self.half { 0.5 } else { 1.0 },
                tolerance: row.tolerance,
            };
            sums.add(dispatch(squares)?);
        }
        Some(sums)
    }
}

/// `factor·max(0, direction·(D − margin))²` for each distance.
struct Squares<'a> {
    distances: &'a [f64],
    weights: Option<&'a mut [f32]>,
    direction: f64,
    margin: f64,
    factor: f64,
    tolerance: f64,
}

/// The distances that are looked at side by side.
const LANES: usize = 8;

impl Kernel for Squares<'_> {
    /// Nothing where a pair is too near the kink.
    type Output = Option<Sums>;

    #[inline(always)]
    fn run<A: Arithmetic>(mut self) -> Option<Sums> {
        let (mut total, mut active, mut unclear) = ([0.0; LANES], [0.0; LANES], [0.0; LANES]);
        for (at, group) in self.distances.chunks(LANES).enumerate() {
            // Where a violation is −∞, a lane adds nothing.
            let padded: [f64; LANES] = padded(group, self.direction * f64::NEG_INFINITY);
            let mut derivatives = [0.0; LANES];
            for lane in 0..LANES {
                let violation = self.direction * (padded[lane] - self.margin);
                unclear[lane] += if violation.abs() <= self.tolerance { 1.0 } else { 0.0 };
                // A NaN is active.
                let inactive = violation <= 0.0;
                let violation = if inactive { 0.0 } else { violation };
                active[lane] += if inactive { 0.0 } else { 1.0 };
                total[lane] += violation * violation;
                derivatives[lane] = (2.0 * self.factor * self.direction * violation) as f32;
            }
            if let Some(weights) = &mut self.weights {
                match weights[at * LANES..].first_chunk_mut::<LANES>() {
                    Some(weights) => *weights = derivatives,
                    None => weights[at * LANES..].copy_from_slice(&derivatives[..group.len()]),
                }
            }
        }
        let valid = self.distances.len() as u64;
        let sums = Sums {
            total: self.factor * total.iter().sum::<f64>(),
            weight: valid as f64,
            valid,
            active: active.iter().sum::<f64>() as u64,
        };
        (unclear.iter().sum::<f64>() == 0.0).then_some(sums)
    }
}
