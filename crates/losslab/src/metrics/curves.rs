//! Curves over all thresholds of a score, and the choice of one threshold.
//!
//! A sample is called positive where `score ≥ threshold`. Equal scores are one step of a curve, so that no value here
//! depends on the order of the samples, or on anything about the scores but their order.

use super::classification::{BinaryCounts, check_scores};
use super::error::MetricError;
use serde::{Deserialize, Serialize};

/// The counts at each distinct score, from the highest; before them the one at +∞, at which nothing is positive.
pub(crate) fn steps(scores: &[f64], labels: &[bool]) -> Vec<(f64, BinaryCounts)> {
    let mut order: Vec<(f64, bool)> = scores.iter().copied().zip(labels.iter().copied()).collect();
    order.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
    let positives = labels.iter().filter(|&&label| label).count() as u64;
    let mut counts = BinaryCounts {
        false_negative: positives,
        true_negative: labels.len() as u64 - positives,
        ..Default::default()
    };
    let mut steps = vec![(f64::INFINITY, counts)];
    // Compared with ==, so that 0 and −0 are one score.
    for tied in order.chunk_by(|a, b| a.0 == b.0) {
        let positives = tied.iter().filter(|(_, label)| *label).count() as u64;
        let negatives = tied.len() as u64 - positives;
        counts.true_positive += positives;
        counts.false_negative -= positives;
        counts.false_positive += negatives;
        counts.true_negative -= negatives;
        steps.push((tied[0].0, counts));
    }
    steps
}

/// Thresholds that may be infinite. JSON has no infinity: in formats that people read, it is `"inf"` or `"-inf"`.
pub(crate) mod threshold {
    use serde::de::{self, Deserializer, Unexpected, Visitor};
    use serde::{Deserialize, Serializer};

    pub(crate) fn serialize<S: Serializer>(threshold: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        match *threshold {
            f64::INFINITY if serializer.is_human_readable() => serializer.serialize_str("inf"),
            f64::NEG_INFINITY if serializer.is_human_readable() => serializer.serialize_str("-inf"),
            threshold => serializer.serialize_f64(threshold),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        if deserializer.is_human_readable() {
            deserializer.deserialize_any(Threshold)
        } else {
            f64::deserialize(deserializer)
        }
    }

    struct Threshold;

    impl Visitor<'_> for Threshold {
        type Value = f64;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a number, \"inf\" or \"-inf\"")
        }

        fn visit_f64<E: de::Error>(self, value: f64) -> Result<f64, E> {
            Ok(value)
        }

        fn visit_i64<E: de::Error>(self, value: i64) -> Result<f64, E> {
            Ok(value as f64)
        }

        fn visit_u64<E: de::Error>(self, value: u64) -> Result<f64, E> {
            Ok(value as f64)
        }

        fn visit_str<E: de::Error>(self, value: &str) -> Result<f64, E> {
            match value {
                "inf" => Ok(f64::INFINITY),
                "-inf" => Ok(f64::NEG_INFINITY),
                other => Err(E::invalid_value(Unexpected::Str(other), &self)),
            }
        }
    }
}

/// A point of a [`RocCurve`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RocPoint {
    /// The lowest score that is called positive; +∞ at the first point, at which none is. In JSON, `"inf"` or `"-inf"`.
    #[serde(with = "threshold")]
    pub threshold: f64,
    /// The share of the negatives that is called positive.
    pub false_positive_rate: f64,
    /// The share of the positives that is called positive.
    pub true_positive_rate: f64,
}

/// The receiver operating characteristic: from (0, 0) to (1, 1), one point for each distinct score.
///
/// # Example
///
/// ```
/// use losslab::metrics::RocCurve;
///
/// let roc = RocCurve::try_new(&[0.9, 0.5, 0.5, 0.1], &[true, true, false, false])?;
/// // Of the four pairs of a positive and a negative, three are in order and one is tied.
/// assert_eq!(roc.area(), 3.5 / 4.0);
/// assert_eq!(roc.points().len(), 4);
/// # Ok::<(), losslab::metrics::MetricError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct RocCurve {
    points: Vec<RocPoint>,
    area: f64,
}

impl RocCurve {
    /// The curve of scores, `[n]`, any finite numbers, for labels, `[n]`.
    ///
    /// # Errors
    /// If there is no sample, the lengths differ, a score isn't finite, or all labels are equal.
    pub fn try_new(scores: &[f64], labels: &[bool]) -> Result<Self, MetricError> {
        check_both_classes("roc curve", scores, labels)?;
        let steps = steps(scores, labels);
        let (positives, negatives) = (steps[0].1.positives(), steps[0].1.negatives());
        let points = steps.iter().map(|&(threshold, counts)| RocPoint {
            threshold,
            false_positive_rate: counts.false_positive as f64 / negatives as f64,
            true_positive_rate: counts.true_positive as f64 / positives as f64,
        });
        // Twice the area in pairs, in integers: a negative passes the positives above it, and half of those beside it.
        let passed = |pair: &[(f64, BinaryCounts)]| {
            let (before, after) = (pair[0].1, pair[1].1);
            u128::from(after.false_positive - before.false_positive)
                * u128::from(before.true_positive + after.true_positive)
        };
        let twice: u128 = steps.windows(2).map(passed).sum();
        Ok(Self { points: points.collect(), area: twice as f64 / 2.0 / (positives as f64 * negatives as f64) })
    }

    /// The points, from the highest threshold.
    pub fn points(&self) -> &[RocPoint] {
        &self.points
    }

    /// The area under the curve: the share of (positive, negative) in which the positive has the higher score, a tie
    /// counting half. 0.5 where all scores are equal.
    pub fn area(&self) -> f64 {
        self.area
    }

    pub(crate) fn map_thresholds(mut self, map: impl Fn(f64) -> f64) -> Self {
        self.points.iter_mut().for_each(|point| point.threshold = map(point.threshold));
        self
    }
}

/// The area under the ROC curve, as [`RocCurve::area`].
///
/// # Errors
/// If there is no sample, the lengths differ, a score isn't finite, or all labels are equal.
pub fn auroc(scores: &[f64], labels: &[bool]) -> Result<f64, MetricError> {
    Ok(RocCurve::try_new(scores, labels)?.area())
}

/// A point of a [`PrecisionRecallCurve`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PrecisionRecallPoint {
    /// The lowest score that is called positive.
    pub threshold: f64,
    /// The share of those called positive that is positive.
    pub precision: f64,
    /// The share of the positives that is called positive.
    pub recall: f64,
}

/// Precision and recall, one point for each distinct score. There is no point at recall 0, where nothing is called
/// positive and the precision is undefined.
///
/// # Example
///
/// ```
/// use losslab::metrics::PrecisionRecallCurve;
///
/// let curve = PrecisionRecallCurve::try_new(&[0.9, 0.8, 0.7, 0.6], &[true, false, true, false])?;
/// // Half of the recall comes at precision 1, half of it at 2/3.
/// assert!((curve.average_precision() - (1.0 / 2.0 + 2.0 / 3.0 / 2.0)).abs() < 1e-15);
/// # Ok::<(), losslab::metrics::MetricError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct PrecisionRecallCurve {
    points: Vec<PrecisionRecallPoint>,
}

impl PrecisionRecallCurve {
    /// The curve of scores, `[n]`, any finite numbers, for labels, `[n]`.
    ///
    /// # Errors
    /// If there is no sample, the lengths differ, a score isn't finite, or no label is positive.
    pub fn try_new(scores: &[f64], labels: &[bool]) -> Result<Self, MetricError> {
        const NAME: &str = "precision-recall curve";
        check_scores(NAME, "labels", scores, labels)?;
        if !labels.contains(&true) {
            return Err(MetricError::undefined(NAME, "no label is positive"));
        }
        let points = steps(scores, labels).into_iter().skip(1).map(|(threshold, counts)| PrecisionRecallPoint {
            threshold,
            precision: counts.true_positive as f64 / (counts.true_positive + counts.false_positive) as f64,
            recall: counts.true_positive as f64 / counts.positives() as f64,
        });
        Ok(Self { points: points.collect() })
    }

    /// The points, from the highest threshold.
    pub fn points(&self) -> &[PrecisionRecallPoint] {
        &self.points
    }

    /// The area under the curve as a sum of steps, `Σ (R_k − R_{k−1}) P_k`. Straight lines between the points would
    /// promise more than any threshold gives. The share of positives where all scores are equal; 1 where all labels are
    /// positive.
    pub fn average_precision(&self) -> f64 {
        let step = |(sum, before): (f64, f64), point: &PrecisionRecallPoint| {
            (sum + (point.recall - before) * point.precision, point.recall)
        };
        self.points.iter().fold((0.0, 0.0), step).0
    }
}

/// Average precision, the area under the precision-recall curve, as [`PrecisionRecallCurve::average_precision`].
///
/// # Errors
/// If there is no sample, the lengths differ, a score isn't finite, or no label is positive.
pub fn average_precision(scores: &[f64], labels: &[bool]) -> Result<f64, MetricError> {
    Ok(PrecisionRecallCurve::try_new(scores, labels)?.average_precision())
}

/// What a threshold is to make as large as possible.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Criterion {
    /// F1 of the positives.
    #[default]
    F1,
    /// F-beta of the positives: β times as much weight on recall.
    FBeta(f64),
    /// The mean of recall and specificity.
    BalancedAccuracy,
    /// The share of samples that are right.
    Accuracy,
    /// Youden's J. It has the same best threshold as balanced accuracy.
    Youden,
}

/// The threshold that [`choose_threshold`] found.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChosenThreshold {
    /// A sample is positive where its score is at least this. +∞ where it is best to call nothing positive; in JSON
    /// `"inf"` or `"-inf"`.
    #[serde(with = "threshold")]
    pub threshold: f64,
    /// The value of the criterion at the threshold.
    pub value: f64,
    /// The counts at the threshold.
    pub counts: BinaryCounts,
}

/// The score that is the best threshold; the highest one among equals. Choose it on validation data: on the data that it
/// was chosen on, the criterion is optimistic.
///
/// # Errors
/// If there is no sample, the lengths differ, a score isn't finite, or the criterion is undefined: F-beta without a
/// positive (or with β below 0 or not finite), balanced accuracy and Youden's J with one class. Accuracy takes one class.
///
/// # Example
///
/// ```
/// use losslab::metrics::{Criterion, choose_threshold};
///
/// let (scores, labels) = ([0.9, 0.7, 0.6, 0.2], [true, false, true, false]);
/// let chosen = choose_threshold(&scores, &labels, Criterion::F1)?;
/// assert_eq!((chosen.threshold, chosen.value), (0.6, 0.8));
/// # Ok::<(), losslab::metrics::MetricError>(())
/// ```
pub fn choose_threshold(scores: &[f64], labels: &[bool], criterion: Criterion) -> Result<ChosenThreshold, MetricError> {
    const NAME: &str = "threshold choice";
    match criterion {
        Criterion::Accuracy => check_scores(NAME, "labels", scores, labels)?,
        Criterion::BalancedAccuracy | Criterion::Youden => check_both_classes(NAME, scores, labels)?,
        Criterion::F1 | Criterion::FBeta(_) => {
            check_scores(NAME, "labels", scores, labels)?;
            if !labels.contains(&true) {
                return Err(MetricError::undefined(NAME, "no label is positive"));
            }
        }
    }
    let value = |counts: &BinaryCounts| match criterion {
        // There are positives: 0 of a number above 0, for any β above 0. With β = 0 it is the precision, undefined where
        // nothing is called positive: the worst choice. That β is valid is checked at the last step, where all are positive.
        Criterion::F1 | Criterion::FBeta(_) if counts.true_positive == 0 => Ok(0.0),
        Criterion::F1 => counts.f_beta(1.0),
        Criterion::FBeta(beta) => counts.f_beta(beta),
        Criterion::BalancedAccuracy => counts.balanced_accuracy(),
        Criterion::Accuracy => counts.accuracy(),
        Criterion::Youden => counts.youden(),
    };
    let mut best: Option<ChosenThreshold> = None;
    for (threshold, counts) in steps(scores, labels) {
        let value = value(&counts)?;
        if best.is_none_or(|best| value > best.value) {
            best = Some(ChosenThreshold { threshold, value, counts });
        }
    }
    Ok(best.expect("the step at which nothing is positive"))
}

/// Checks scores with labels of which some are positive and some negative.
pub(crate) fn check_both_classes(metric: &'static str, scores: &[f64], labels: &[bool]) -> Result<(), MetricError> {
    check_scores(metric, "labels", scores, labels)?;
    for (label, name) in [(true, "positive"), (false, "negative")] {
        if !labels.contains(&label) {
            return Err(MetricError::undefined(metric, format!("no label is {name}")));
        }
    }
    Ok(())
}
