//! Triplet losses over all triplets of a labelled batch, or over mined ones.

mod cells;
mod few;
mod hinge;
mod mined;
mod nearest;
mod scores;
mod soft;

use crate::chunks::Sums;
use crate::options::SemiHardFallback;
use crate::pairs::{Labelled, Metric, Points, evaluate};
use few::{are_few, few};
pub(crate) use hinge::Hinge;
use mined::{Mined, Rule};
use scores::{are_scored, mine};
use soft::Soft;

/// Up to so many positives an anchor, all triplets of a batch take half of the tiles, and mined ones f32 products.
pub const FEW_POSITIVES: usize = 24;

/// A triplet loss, `max(0, D(a, p) − D(a, n) + margin)` or the softplus of that.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Triplet {
    /// How much farther than the positive the negative should be.
    pub margin: f64,
    /// Softplus in place of the hinge.
    pub soft: bool,
    /// The distance D.
    pub metric: Metric,
    /// Which triplets count.
    pub choice: TripletChoice,
}

/// Which triplets count. `swap` puts `min(D(a, n), D(p, n))` in the place of `D(a, n)` of a chosen triplet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TripletChoice {
    /// All valid ones.
    All,
    /// For each anchor its farthest positive and its nearest negative.
    Hard {
        /// Whether the positive may take the anchor's place.
        swap: bool,
    },
    /// For each (anchor, positive) the nearest negative that is farther.
    SemiHard {
        /// Whether the positive may take the anchor's place.
        swap: bool,
        /// The negative where none is farther.
        fallback: SemiHardFallback,
    },
}

/// The sum over the triplets of a batch, with its gradient with respect to the rows. An anchor is never its own
/// positive.
///
/// Distances are exact to about 1e-13 of their size, and what depends on which of two is larger (whether a hinge is
/// active, which negative is nearest) is decided as `f64` distances computed by subtraction would: of equal distances
/// the first row counts, a NaN comes before all. All triplets of the hinge cost `O(B²·width)`, and `O(B² log B)` more with
/// many positives; those of the softplus `O(B²·P)` more for `P` positives an anchor.
///
/// Memory: 24 bytes a value of the batch, and at most 8 MiB of distances a thread and 16 MiB of weights.
///
/// # Panics
/// If lengths don't fit.
///
/// ```
/// use losslab_kernels::{Labelled, Metric, Triplet, TripletChoice, triplet};
///
/// let loss = Triplet { margin: 0.5, soft: false, metric: Metric::default(), choice: TripletChoice::All };
/// let batch = Labelled { rows: &[0.0, 1.0, 1.25], labels: &[4, 4, 7], width: 1 };
/// let mut gradient = [0.0; 3];
/// let sums = triplet(loss, batch, Some(&mut gradient));
/// // Anchor 0: 1 − 1.25 + 0.5. Anchor 1: 1 − 0.25 + 0.5. Anchor 2 has no positive.
/// assert_eq!((sums.total, sums.valid, sums.active), (0.25 + 1.25, 2, 2));
/// assert!(gradient.iter().zip([-1.0, 3.0, -2.0]).all(|(found, expected)| (found - expected).abs() < 1e-6));
/// ```
pub fn triplet(loss: Triplet, batch: Labelled<'_>, gradient: Option<&mut [f32]>) -> Sums {
    let [points] = Points::prepare([batch], loss.metric);
    loss.evaluate(&points, None, [gradient, None])
}

/// As [`triplet`], where anchors are `queries`, and positives and negatives come from a `bank`. Every row of the bank
/// that has the query's label is a positive. The gradients are those of queries and bank.
///
/// # Panics
/// If lengths don't fit, or the widths differ.
pub fn triplet_with_bank(
    loss: Triplet,
    queries: Labelled<'_>,
    bank: Labelled<'_>,
    gradients: [Option<&mut [f32]>; 2],
) -> Sums {
    let [queries, bank] = Points::prepare([queries, bank], loss.metric);
    loss.evaluate(&queries, Some(&bank), gradients)
}

impl Triplet {
    fn evaluate(self, anchors: &Points<'_>, others: Option<&Points<'_>>, to: [Option<&mut [f32]>; 2]) -> Sums {
        let penalty = Penalty { margin: self.margin, soft: self.soft };
        let mine = |swap, rule, to| {
            let mined = Mined { penalty, swap, rule };
            match are_scored(rule, anchors, others) {
                true => mine(&mined, anchors, others, to),
                false => evaluate(&mined, anchors, others, to),
            }
        };
        match self.choice {
            TripletChoice::All if self.soft => evaluate(&Soft { margin: self.margin }, anchors, others, to),
            TripletChoice::All if others.is_none() && are_few(anchors) => {
                let [gradient, _] = to;
                few(self.margin, anchors, gradient)
            }
            TripletChoice::All => evaluate(&Hinge { margin: self.margin }, anchors, others, to),
            TripletChoice::Hard { swap } => mine(swap, Rule::Hard, to),
            TripletChoice::SemiHard { swap, fallback } => mine(swap, Rule::SemiHard(fallback), to),
        }
    }
}

/// What one triplet costs.
#[derive(Clone, Copy)]
struct Penalty {
    margin: f64,
    soft: bool,
}

impl Penalty {
    /// The cost of `violation = D(a, p) − D(a, n) + margin`, and its derivative. A NaN stays one.
    fn of(self, violation: f64) -> (f64, f64) {
        if self.soft {
            let e = (-violation.abs()).exp();
            let slope = if violation >= 0.0 { 1.0 } else { e } / (1.0 + e);
            (violation.max(0.0) + e.ln_1p(), slope)
        } else if violation <= 0.0 {
            (0.0, 0.0)
        } else {
            (violation, 1.0)
        }
    }
}
