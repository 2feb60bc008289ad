//! Are two of the same class? Metrics of pairs, by how alike they are.
//!
//! A pair is accepted where it is at least as alike as the threshold. FAR, the false accept rate, is the share of pairs of
//! different classes that are accepted; FRR, the false reject rate, the share of pairs of the same class that are
//! rejected; TAR = 1 − FRR.

use super::classification::{BinaryCounts, check_scores};
use super::curves::{ChosenThreshold, Criterion, RocCurve, check_both_classes, choose_threshold, steps};
use super::error::MetricError;
use super::input::Embeddings;
use crate::distance::Distance;
use serde::{Deserialize, Serialize};

/// Which way the scores of pairs go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Orientation {
    /// A higher score is more alike: accepted where `score ≥ threshold`.
    Similarity,
    /// A higher score is less alike: accepted where `score ≤ threshold`.
    Distance,
}

impl Orientation {
    /// Scores of which the higher is the more alike; the same again for a threshold.
    fn turn(self, score: f64) -> f64 {
        match self {
            Orientation::Similarity => score,
            Orientation::Distance => -score,
        }
    }

    fn turn_all(self, scores: &[f64]) -> Vec<f64> {
        scores.iter().map(|&score| self.turn(score)).collect()
    }
}

/// Where false accepts and false rejects are equally frequent.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct EqualErrorRate {
    /// The rate, in `[0, 1]`; 0.5 is chance.
    pub rate: f64,
    /// The score at which FAR and FRR come nearest to each other; of two such, the one that accepts more.
    pub threshold: f64,
    /// The false accept rate at the threshold.
    pub far: f64,
    /// The false reject rate at the threshold.
    pub frr: f64,
}

/// The equal error rate (EER): where FAR and FRR cross, on straight lines between the points of the ROC curve.
///
/// # Errors
/// If there is no pair, the lengths differ, a score isn't finite, or all pairs are of the same class or none is.
///
/// # Example
///
/// ```
/// use losslab::metrics::{Orientation, equal_error_rate};
///
/// let distances = [0.1, 0.2, 0.6, 0.4, 0.7, 0.9];
/// let same = [true, true, true, false, false, false];
/// let eer = equal_error_rate(&distances, &same, Orientation::Distance)?;
/// // At 0.4, one of three different pairs is accepted and one of three same pairs is not.
/// assert_eq!((eer.rate, eer.threshold), (1.0 / 3.0, 0.4));
/// # Ok::<(), losslab::metrics::MetricError>(())
/// ```
pub fn equal_error_rate(
    scores: &[f64],
    same: &[bool],
    orientation: Orientation,
) -> Result<EqualErrorRate, MetricError> {
    check_pairs("equal error rate", scores, same)?;
    let steps = steps(&orientation.turn_all(scores), same);
    // FAR ≥ FRR in integers. The last step has FAR 1 and FRR 0.
    let crossed = |counts: &BinaryCounts| {
        u128::from(counts.false_positive) * u128::from(counts.positives())
            >= u128::from(counts.false_negative) * u128::from(counts.negatives())
    };
    let after = steps.iter().position(|(_, counts)| crossed(counts)).expect("the last step crosses");
    // The first step has FAR 0 and FRR 1: it never crosses.
    let [(before, (far_0, frr_0)), (after, (far_1, frr_1))] =
        [after - 1, after].map(|step| (steps[step].0, rates(&steps[step].1)));
    let (gap_0, gap_1) = (frr_0 - far_0, far_1 - frr_1);
    let rate = far_0 + gap_0 / (gap_0 + gap_1) * (far_1 - far_0);
    // On an exact crossing the interpolation would round.
    let rate = if far_1 == frr_1 { far_1 } else { rate };
    let (threshold, far, frr) = if gap_1 <= gap_0 { (after, far_1, frr_1) } else { (before, far_0, frr_0) };
    Ok(EqualErrorRate { rate, threshold: orientation.turn(threshold), far, frr })
}

/// The threshold of highest accuracy; among equals the strictest, which is infinite where it is best to accept nothing.
/// Choose it on validation pairs, and measure on test pairs with [`verification_accuracy`]: here the accuracy is
/// optimistic.
///
/// # Errors
/// If there is no pair, the lengths differ, a score isn't finite, or all pairs are of the same class or none is: some
/// threshold is then always right.
///
/// # Example
///
/// ```
/// use losslab::metrics::{Orientation, best_verification_accuracy, verification_accuracy};
///
/// let best = best_verification_accuracy(&[0.2, 0.5, 0.4], &[true, true, false], Orientation::Distance)?;
/// assert_eq!((best.threshold, best.value), (0.2, 2.0 / 3.0));
/// let test = verification_accuracy(&[0.1, 0.3], &[true, false], Orientation::Distance, best.threshold)?;
/// assert_eq!(test, 1.0);
/// # Ok::<(), losslab::metrics::MetricError>(())
/// ```
pub fn best_verification_accuracy(
    scores: &[f64],
    same: &[bool],
    orientation: Orientation,
) -> Result<ChosenThreshold, MetricError> {
    check_pairs("verification accuracy", scores, same)?;
    let best = choose_threshold(&orientation.turn_all(scores), same, Criterion::Accuracy)?;
    Ok(ChosenThreshold { threshold: orientation.turn(best.threshold), ..best })
}

/// The share of pairs that a given threshold accepts or rejects rightly.
///
/// # Errors
/// If there is no pair, the lengths differ, a score isn't finite, or the threshold is NaN.
pub fn verification_accuracy(
    scores: &[f64],
    same: &[bool],
    orientation: Orientation,
    threshold: f64,
) -> Result<f64, MetricError> {
    const NAME: &str = "verification accuracy";
    check_scores(NAME, "same", scores, same)?;
    if threshold.is_nan() {
        return Err(MetricError::parameter(NAME, "threshold", threshold, "a number"));
    }
    BinaryCounts::at_threshold(&orientation.turn_all(scores), same, orientation.turn(threshold))?.accuracy()
}

/// A threshold with its rates.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TarAtFar {
    /// The true accept rate.
    pub tar: f64,
    /// The false accept rate, at most the one that was asked for.
    pub far: f64,
    /// Accepted is a pair at least as alike as this. Infinite (+∞ for similarities, −∞ for distances) where nothing is
    /// accepted.
    pub threshold: f64,
}

/// TAR@FAR: the largest true accept rate of a threshold whose false accept rate is at most `far`, without interpolation;
/// of such thresholds the strictest.
///
/// With fewer than `1 / far` pairs of different classes it allows no false accept at all: the result then says little about
/// rates as low as `far`.
///
/// # Errors
/// If there is no pair, the lengths differ, a score isn't finite, all pairs are of the same class or none is, or `far`
/// isn't in `[0, 1]`.
pub fn tar_at_far(scores: &[f64], same: &[bool], orientation: Orientation, far: f64) -> Result<TarAtFar, MetricError> {
    const NAME: &str = "tar at far";
    if !(0.0..=1.0).contains(&far) {
        return Err(MetricError::parameter(NAME, "far", far, "in [0, 1]"));
    }
    check_pairs(NAME, scores, same)?;
    let steps = steps(&orientation.turn_all(scores), same);
    // The quotient is rounded as `far` itself was: 1 of 1000 is at most 0.001.
    let allowed = steps.iter().filter(|(_, counts)| rates(counts).0 <= far);
    let more = |best, step| if accepted(step) > accepted(best) { step } else { best };
    let (threshold, counts) = allowed.reduce(more).expect("nothing accepted has a far of 0");
    Ok(TarAtFar { tar: counts.recall()?, far: rates(counts).0, threshold: orientation.turn(*threshold) })
}

/// The pairs of the same class that are accepted at a step.
fn accepted(step: &(f64, BinaryCounts)) -> u64 {
    step.1.true_positive
}

/// The ROC curve of pairs: the true positive rate is the TAR, the false positive rate the FAR. Its
/// thresholds are scores as they were given: the first is infinite, at which nothing is accepted.
///
/// # Errors
/// If there is no pair, the lengths differ, a score isn't finite, or all pairs are of the same class or none is.
pub fn verification_roc(scores: &[f64], same: &[bool], orientation: Orientation) -> Result<RocCurve, MetricError> {
    check_pairs("verification roc", scores, same)?;
    let roc = RocCurve::try_new(&orientation.turn_all(scores), same)?;
    Ok(roc.map_thresholds(|threshold| orientation.turn(threshold)))
}

/// Pairs of embeddings with their distances, for [`equal_error_rate`] and the like with [`Orientation::Distance`].
#[derive(Clone, Debug, PartialEq)]
pub struct VerificationPairs {
    /// The distance of each pair.
    pub distances: Vec<f64>,
    /// Whether the two of a pair have the same label.
    pub same: Vec<bool>,
}

impl VerificationPairs {
    /// All `n (n − 1) / 2` pairs of rows, in the order (0, 1), (0, 2), …, (1, 2), …: 9 bytes each.
    ///
    /// # Errors
    /// If there are less than two rows, or not as many labels as rows.
    ///
    /// # Example
    ///
    /// ```
    /// use losslab::Distance;
    /// use losslab::metrics::{Embeddings, VerificationPairs};
    ///
    /// let embeddings = Embeddings::try_new(vec![0.0, 0.0, 3.0, 4.0, 0.0, 1.0], 2)?;
    /// let pairs = VerificationPairs::all(&embeddings, &[7, 9, 7], Distance::Euclidean)?;
    /// assert_eq!(pairs.distances, [5.0, 1.0, 18f64.sqrt()]);
    /// assert_eq!(pairs.same, [false, true, false]);
    /// # Ok::<(), losslab::metrics::MetricError>(())
    /// ```
    pub fn all(embeddings: &Embeddings, labels: &[i64], distance: Distance) -> Result<Self, MetricError> {
        const NAME: &str = "verification pairs";
        MetricError::check_length(NAME, "labels", labels.len(), embeddings.len(), "the rows of embeddings")?;
        let n = labels.len();
        if n < 2 {
            return Err(MetricError::undefined(NAME, format!("{n} rows make no pair")));
        }
        let indices = || (0..n).flat_map(|i| (i + 1..n).map(move |j| (i, j)));
        let of = |(i, j)| between(embeddings.row(i), embeddings.row(j), distance);
        let mut pairs = Self { distances: Vec::new(), same: Vec::new() };
        pairs.distances.reserve_exact(n * (n - 1) / 2);
        pairs.distances.extend(indices().map(of));
        pairs.same.reserve_exact(n * (n - 1) / 2);
        pairs.same.extend(indices().map(|(i, j)| labels[i] == labels[j]));
        Ok(pairs)
    }

    /// The pairs of a row of `left` and the same row of `right`, as benchmarks for verification list them.
    ///
    /// # Errors
    /// If there is no pair, or the lengths or dimensions differ.
    pub fn row_by_row(
        left: &Embeddings,
        right: &Embeddings,
        same: &[bool],
        distance: Distance,
    ) -> Result<Self, MetricError> {
        const NAME: &str = "verification pairs";
        MetricError::check_not_empty(NAME, "left", left.len())?;
        MetricError::check_length(NAME, "right", right.len(), left.len(), "the rows of left")?;
        MetricError::check_length(NAME, "same", same.len(), left.len(), "the rows of left")?;
        MetricError::check_length(NAME, "a row of right", right.dim(), left.dim(), "a row of left")?;
        let distances = left.rows().zip(right.rows()).map(|(left, right)| between(left, right, distance)).collect();
        Ok(Self { distances, same: same.to_vec() })
    }
}

fn between(left: &[f32], right: &[f32], distance: Distance) -> f64 {
    let pairs = || left.iter().zip(right).map(|(&x, &y)| (f64::from(x), f64::from(y)));
    let squared = || pairs().map(|(x, y)| (x - y) * (x - y)).sum::<f64>();
    match distance {
        Distance::Euclidean => squared().sqrt(),
        Distance::SquaredEuclidean => squared(),
        Distance::Cosine => {
            let [dot, left, right] =
                pairs().fold([0.0; 3], |[dot, left, right], (x, y)| [dot + x * y, left + x * x, right + y * y]);
            // The cosine with a zero vector is 0.
            if left * right > 0.0 { (1.0 - dot / (left.sqrt() * right.sqrt())).max(0.0) } else { 1.0 }
        }
    }
}

/// FAR and FRR.
fn rates(counts: &BinaryCounts) -> (f64, f64) {
    (counts.false_positive as f64 / counts.negatives() as f64, counts.false_negative as f64 / counts.positives() as f64)
}

fn check_pairs(metric: &'static str, scores: &[f64], same: &[bool]) -> Result<(), MetricError> {
    check_scores(metric, "same", scores, same)?;
    check_both_classes(metric, scores, same).map_err(|_| {
        let what = if same[0] { "all pairs are of the same class" } else { "no pair is of the same class" };
        MetricError::undefined(metric, what)
    })
}
