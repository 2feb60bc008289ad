//! Are two of the same class? Metrics of pairs, by how alike they are.
//!
//! A pair is accepted where it is at least as alike as the threshold. FAR, the false accept rate, is the share of pairs of
//! different classes that are accepted; FRR, the false reject rate, the share of pairs of the same class that are
//! rejected; TAR = 1 − FRR.
//!
//! Scores and flags are 9 bytes a pair. [`equal_error_rate`], [`tar_at_far`] and [`best_verification_accuracy`] sort a copy
//! of the scores, 8 bytes a pair more; [`verification_accuracy`] needs nothing; [`verification_roc`] returns 24 bytes for each
//! distinct score, and needs up to about 150 bytes a pair while it computes.

use super::classification::{BinaryCounts, check_scores};
use super::curves::{ChosenThreshold, RocCurve, check_both_classes, threshold};
use super::error::MetricError;
use super::input::Embeddings;
use crate::distance::Distance;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde::{Deserialize, Serialize};
use std::iter;
use std::ops::Range;

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
    let sorted = Sorted::new(scores, same, orientation);
    let mut steps = sorted.steps();
    // FAR ≥ FRR in integers. The last step has FAR 1 and FRR 0.
    let crossed = |counts: &BinaryCounts| {
        u128::from(counts.false_positive) * u128::from(counts.positives())
            >= u128::from(counts.false_negative) * u128::from(counts.negatives())
    };
    // The first step has FAR 0 and FRR 1: it never crosses.
    let mut before = steps.next().expect("the step at which nothing is accepted");
    let after = loop {
        let step = steps.next().expect("the last step crosses");
        if crossed(&step.1) {
            break step;
        }
        before = step;
    };
    let [(before, (far_0, frr_0)), (after, (far_1, frr_1))] =
        [before, after].map(|(threshold, counts)| (threshold, rates(&counts)));
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
    let right = |counts: &BinaryCounts| counts.true_positive + counts.true_negative;
    let sorted = Sorted::new(scores, same, orientation);
    let better = |best: Step, step: Step| if right(&step.1) > right(&best.1) { step } else { best };
    let (threshold, counts) = sorted.steps().reduce(better).expect("the step at which nothing is accepted");
    Ok(ChosenThreshold { threshold: orientation.turn(threshold), value: counts.accuracy()?, counts })
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
    let accepts = |score| orientation.turn(score) >= orientation.turn(threshold);
    let right = scores.iter().zip(same).filter(|&(&score, &same)| accepts(score) == same).count();
    Ok(right as f64 / scores.len() as f64)
}

/// A threshold with its rates.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TarAtFar {
    /// The true accept rate.
    pub tar: f64,
    /// The false accept rate, at most the one that was asked for.
    pub far: f64,
    /// Accepted is a pair at least as alike as this. Infinite (+∞ for similarities, −∞ for distances) where nothing is
    /// accepted; in JSON `"inf"` or `"-inf"`.
    #[serde(with = "threshold")]
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
    let sorted = Sorted::new(scores, same, orientation);
    // The quotient is rounded as `far` itself was: 1 of 1000 is at most 0.001.
    let allowed = sorted.steps().take_while(|(_, counts)| rates(counts).0 <= far);
    let more = |best: Step, step: Step| if step.1.true_positive > best.1.true_positive { step } else { best };
    let (threshold, counts) = allowed.reduce(more).expect("nothing accepted has a far of 0");
    Ok(TarAtFar { tar: counts.recall()?, far: rates(&counts).0, threshold: orientation.turn(threshold) })
}

/// A threshold, and what is accepted at it.
type Step = (f64, BinaryCounts);

/// The scores of the pairs of the same class and of the others, each turned and from the highest: 8 bytes a pair.
struct Sorted {
    same: Vec<f64>,
    different: Vec<f64>,
}

impl Sorted {
    fn new(scores: &[f64], same: &[bool], orientation: Orientation) -> Self {
        let positives = same.iter().filter(|&&same| same).count();
        let of = |kind: bool, count| {
            let mut sorted = Vec::with_capacity(count);
            sorted
                .extend(iter::zip(scores, same).filter(|(_, same)| **same == kind).map(|(&x, _)| orientation.turn(x)));
            sorted.sort_unstable_by(|a, b| b.total_cmp(a));
            sorted
        };
        Self { same: of(true, positives), different: of(false, same.len() - positives) }
    }

    /// The counts at each distinct score, from the highest; before them the one at +∞, at which nothing is accepted.
    fn steps(&self) -> impl Iterator<Item = Step> {
        // Compared with ==, so that 0 and −0 are one score.
        let pass = |scores: &[f64], passed: usize, threshold: f64| {
            passed + scores[passed..].iter().take_while(|&&score| score == threshold).count()
        };
        let next = move |&(_, same, different): &(f64, usize, usize)| {
            let heads = [self.same.get(same), self.different.get(different)];
            let threshold = heads.into_iter().flatten().copied().max_by(f64::total_cmp)?;
            Some((threshold, pass(&self.same, same, threshold), pass(&self.different, different, threshold)))
        };
        iter::successors(Some((f64::INFINITY, 0, 0)), next).map(|(threshold, same, different)| {
            let counts = BinaryCounts {
                true_positive: same as u64,
                false_positive: different as u64,
                false_negative: (self.same.len() - same) as u64,
                true_negative: (self.different.len() - different) as u64,
            };
            (threshold, counts)
        })
    }
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
    /// All `n (n − 1) / 2` pairs of rows, in the order (0, 1), (0, 2), …, (1, 2), ….
    ///
    /// A pair is 9 bytes here, and 17 while an equal error rate, a TAR@FAR or a best threshold is computed of it: with 4,096
    /// rows 143 MB, with 50,000 rows 21 GB. [`sampled`](Self::sampled) takes fewer.
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

    /// `count` pairs of different rows, half of them of the same label (rounded up) and then half of different labels, without
    /// building all pairs. A seed gives the same pairs again.
    ///
    /// A pair is drawn from all pairs of its kind, each as likely as another, independently and with replacement. FAR, FRR and
    /// TAR are shares of one kind: they, the equal error rate, TAR@FAR and the ROC curve estimate those over all pairs, with
    /// a standard error of `√(p (1 − p) / (count / 2))` for a share `p`. A FAR below `2 / count` can't be seen. The accuracy
    /// is another one: half of the pairs are of the same class, so that it estimates the *balanced* accuracy over all pairs,
    /// and its best threshold accepts more than that over all pairs, of which mostly few are of the same class.
    ///
    /// Memory: 9 bytes a pair, as of [`all`](Self::all), and about 20 bytes a row.
    ///
    /// # Errors
    /// If `count` is below 2, there are not as many labels as rows, or no two labels or all labels are equal.
    ///
    /// # Example
    ///
    /// ```
    /// use losslab::Distance;
    /// use losslab::metrics::{Embeddings, VerificationPairs};
    ///
    /// let embeddings = Embeddings::try_new(vec![0.0, 1.0, 5.0], 1)?;
    /// let pairs = VerificationPairs::sampled(&embeddings, &[7, 7, 9], Distance::Euclidean, 4, 0)?;
    /// assert_eq!(pairs.same, [true, true, false, false]);
    /// assert_eq!(pairs.distances[..2], [1.0, 1.0]);
    /// assert!(pairs.distances[2..].iter().all(|distance| [5.0, 4.0].contains(distance)));
    /// # Ok::<(), losslab::metrics::MetricError>(())
    /// ```
    pub fn sampled(
        embeddings: &Embeddings,
        labels: &[i64],
        distance: Distance,
        count: usize,
        seed: u64,
    ) -> Result<Self, MetricError> {
        const NAME: &str = "verification pairs";
        MetricError::check_length(NAME, "labels", labels.len(), embeddings.len(), "the rows of embeddings")?;
        if count < 2 {
            return Err(MetricError::parameter(NAME, "count", count, "at least 2"));
        }
        let groups = Groups::new(labels);
        let mut rng = StdRng::seed_from_u64(seed);
        let mut pairs = Self { distances: Vec::with_capacity(count), same: Vec::with_capacity(count) };
        for (same, count) in [(true, count.div_ceil(2)), (false, count / 2)] {
            let ends = groups.ends(same);
            if ends.last().is_none_or(|&pairs| pairs == 0) {
                let what = if same { "no pair is of the same class" } else { "all pairs are of the same class" };
                return Err(MetricError::undefined(NAME, what));
            }
            for _ in 0..count {
                let (i, j) = groups.draw(same, &ends, &mut rng);
                pairs.distances.push(between(embeddings.row(i), embeddings.row(j), distance));
                pairs.same.push(same);
            }
        }
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

/// Rows by label.
struct Groups {
    /// The rows, those of a label next to each other.
    rows: Vec<usize>,
    /// Where those of each label stand.
    ranges: Vec<Range<usize>>,
}

impl Groups {
    fn new(labels: &[i64]) -> Self {
        let mut rows: Vec<usize> = (0..labels.len()).collect();
        rows.sort_unstable_by_key(|&row| (labels[row], row));
        let sizes = rows.chunk_by(|&i, &j| labels[i] == labels[j]).map(<[usize]>::len);
        let ranges = sizes.scan(0, |end, size| {
            let start = *end;
            *end += size;
            Some(start..*end)
        });
        Self { ranges: ranges.collect(), rows }
    }

    /// The rows that make a pair of the given kind with a row of a range.
    fn partners(&self, same: bool, range: &Range<usize>) -> usize {
        if same { range.len() - 1 } else { self.rows.len() - range.len() }
    }

    /// The ordered pairs of a kind whose first row is of a label, or of one before it.
    fn ends(&self, same: bool) -> Vec<u64> {
        let pairs = |range: &Range<usize>| range.len() as u64 * self.partners(same, range) as u64;
        let sum = |end: &mut u64, range| {
            *end += pairs(range);
            Some(*end)
        };
        self.ranges.iter().scan(0, sum).collect()
    }

    /// An ordered pair, each of its kind as likely as another. There is one.
    fn draw(&self, same: bool, ends: &[u64], rng: &mut StdRng) -> (usize, usize) {
        let pair = rng.random_range(0..ends[ends.len() - 1]);
        let group = ends.partition_point(|&end| end <= pair);
        let range = &self.ranges[group];
        let pair = (pair - if group == 0 { 0 } else { ends[group - 1] }) as usize;
        let partners = self.partners(same, range);
        let (first, second) = (range.start + pair / partners, pair % partners);
        let second = if same {
            // All of the range but the first row.
            range.start + second + usize::from(range.start + second >= first)
        } else if second < range.start {
            second
        } else {
            second + range.len()
        };
        (self.rows[first], self.rows[second])
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
