//! Counts of right and wrong predictions, and what follows from them.

use super::error::MetricError;
use super::input::{check_classes, check_finite};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How the values of several classes become one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Average {
    /// The mean over the classes that occur among the targets or the predictions. In it a quotient 0/0 (the precision
    /// of a class that is never predicted, the recall of one that is never a target) counts as 0, as in scikit-learn.
    #[default]
    Macro,
    /// One quotient of the sums over all classes. With one label a sample, precision, recall and F-beta are then all
    /// equal to the accuracy.
    Micro,
}

/// How often each class was predicted as each class.
///
/// | method | value | undefined where |
/// |---|---|---|
/// | [`accuracy`](Self::accuracy) | `Σ TP / n` | never |
/// | [`recall`](Self::recall) | `TP / (TP + FN)` of a class | the class is never a target |
/// | [`precision`](Self::precision) | `TP / (TP + FP)` of a class | the class is never predicted |
/// | [`f_beta`](Self::f_beta) | `(1+β²) TP / ((1+β²) TP + β² FN + FP)` of a class | neither |
/// | [`class_accuracy`](Self::class_accuracy) | `(TP + TN) / n` of a class | never |
/// | [`balanced_accuracy`](Self::balanced_accuracy) | the mean recall of the classes among the targets | never |
/// | [`mcc`](Self::mcc) | correlation of targets and predictions, in `[-1, 1]` | targets or predictions all of one class |
///
/// Memory grows with the number of different (target, prediction), not with the square of the classes.
///
/// # Example
///
/// ```
/// use losslab::metrics::{Average, ConfusionMatrix};
///
/// let matrix = ConfusionMatrix::try_new(&[0, 0, 0, 1, 2], &[0, 0, 1, 1, 1], 3)?;
/// assert_eq!(matrix.accuracy(), 3.0 / 5.0);
/// assert_eq!(matrix.recall(0)?, 2.0 / 3.0);
/// assert_eq!(matrix.precision(1)?, 1.0 / 3.0);
/// assert!(matrix.precision(2).is_err()); // never predicted
/// assert_eq!(matrix.balanced_accuracy(), (2.0 / 3.0 + 1.0 + 0.0) / 3.0);
/// // F1 of the classes: 4/5, 2/4, 0/1.
/// assert_eq!(matrix.average_f_beta(1.0, Average::Macro)?, (0.8 + 0.5 + 0.0) / 3.0);
/// # Ok::<(), losslab::metrics::MetricError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfusionMatrix {
    /// (target, prediction) → samples; only those that occur.
    cells: BTreeMap<(usize, usize), u64>,
    targets: Vec<u64>,
    predictions: Vec<u64>,
}

const NAME: &str = "confusion matrix";

impl ConfusionMatrix {
    /// Counts predictions, for instance those of [`Logits::predictions`](super::Logits::predictions).
    ///
    /// # Errors
    /// If there is no sample, the lengths differ, or a target or prediction isn't in `0..classes`.
    pub fn try_new(targets: &[i64], predictions: &[i64], classes: usize) -> Result<Self, MetricError> {
        MetricError::check_not_empty(NAME, "targets", targets.len())?;
        MetricError::check_length(NAME, "predictions", predictions.len(), targets.len(), "targets")?;
        check_classes(NAME, "targets", targets, classes)?;
        check_classes(NAME, "predictions", predictions, classes)?;
        let mut matrix = Self { cells: BTreeMap::new(), targets: vec![0; classes], predictions: vec![0; classes] };
        for (&target, &prediction) in targets.iter().zip(predictions) {
            let (target, prediction) = (target as usize, prediction as usize);
            *matrix.cells.entry((target, prediction)).or_default() += 1;
            matrix.targets[target] += 1;
            matrix.predictions[prediction] += 1;
        }
        Ok(matrix)
    }

    /// The number of classes.
    pub fn classes(&self) -> usize {
        self.targets.len()
    }

    /// The number of samples.
    pub fn total(&self) -> u64 {
        self.targets.iter().sum()
    }

    /// The samples of class `target` that were predicted as class `prediction`.
    pub fn count(&self, target: usize, prediction: usize) -> u64 {
        self.cells.get(&(target, prediction)).copied().unwrap_or(0)
    }

    /// The counts of one class against all others.
    ///
    /// # Panics
    /// If there is no such class. So for every method that takes a class.
    pub fn one_vs_rest(&self, class: usize) -> BinaryCounts {
        assert!(class < self.classes(), "class {class} of {} classes", self.classes());
        let true_positive = self.count(class, class);
        let (false_negative, false_positive) =
            (self.targets[class] - true_positive, self.predictions[class] - true_positive);
        let true_negative = self.total() - true_positive - false_negative - false_positive;
        BinaryCounts { true_positive, false_positive, false_negative, true_negative }
    }

    /// The share of samples predicted right.
    pub fn accuracy(&self) -> f64 {
        self.right() as f64 / self.total() as f64
    }

    /// The share of samples that are put on the right side of one class against all others. With many classes it is near 1
    /// for any class; what is often called "per-class accuracy" is the [`recall`](Self::recall).
    pub fn class_accuracy(&self, class: usize) -> f64 {
        let counts = self.one_vs_rest(class);
        (counts.true_positive + counts.true_negative) as f64 / self.total() as f64
    }

    /// The share of a class's samples that are predicted as it.
    ///
    /// # Errors
    /// If the class is never a target.
    pub fn recall(&self, class: usize) -> Result<f64, MetricError> {
        self.one_vs_rest(class).recall()
    }

    /// The share of the predictions of a class that are right.
    ///
    /// # Errors
    /// If the class is never predicted.
    pub fn precision(&self, class: usize) -> Result<f64, MetricError> {
        self.one_vs_rest(class).precision()
    }

    /// The weighted harmonic mean of a class's precision and recall: β times as much weight on recall.
    ///
    /// # Errors
    /// If the class is neither a target nor predicted, or β isn't finite and at least 0.
    pub fn f_beta(&self, class: usize, beta: f64) -> Result<f64, MetricError> {
        self.one_vs_rest(class).f_beta(beta)
    }

    /// The average recall.
    pub fn average_recall(&self, average: Average) -> f64 {
        self.average(average, BinaryCounts::recall)
    }

    /// The average precision of the classes (not the area under the precision-recall curve, which is
    /// [`average_precision`](super::average_precision)).
    pub fn average_precision(&self, average: Average) -> f64 {
        self.average(average, BinaryCounts::precision)
    }

    /// The average F-beta.
    ///
    /// # Errors
    /// If β isn't finite and at least 0.
    pub fn average_f_beta(&self, beta: f64, average: Average) -> Result<f64, MetricError> {
        check_beta(beta)?;
        Ok(self.average(average, |counts| counts.f_beta(beta)))
    }

    /// The mean recall of the classes that occur among the targets.
    pub fn balanced_accuracy(&self) -> f64 {
        // The recall is undefined exactly for the other classes.
        mean((0..self.classes()).filter_map(|class| self.recall(class).ok()))
    }

    /// Matthews' correlation coefficient, for two or more classes (R_K, Gorodkin 2004): with `s` samples, `c` of them
    /// right, `t_k` samples of class k and `p_k` predictions of it,
    /// `(c s − Σ t_k p_k) / √((s² − Σ p_k²)(s² − Σ t_k²))`.
    ///
    /// # Errors
    /// If all targets or all predictions are of one class: 0/0.
    pub fn mcc(&self) -> Result<f64, MetricError> {
        let dot = |a: &[u64], b: &[u64]| a.iter().zip(b).map(|(&a, &b)| i128::from(a) * i128::from(b)).sum::<i128>();
        let (total, right) = (i128::from(self.total()), i128::from(self.right()));
        let of_targets = total * total - dot(&self.targets, &self.targets);
        let of_predictions = total * total - dot(&self.predictions, &self.predictions);
        for (what, spread) in [("targets", of_targets), ("predictions", of_predictions)] {
            if spread == 0 {
                return Err(MetricError::undefined("mcc", format!("all {what} are of one class")));
            }
        }
        let covariance = total * right - dot(&self.targets, &self.predictions);
        Ok(covariance as f64 / (of_targets as f64).sqrt() / (of_predictions as f64).sqrt())
    }

    fn right(&self) -> u64 {
        self.cells.iter().filter(|((target, prediction), _)| target == prediction).map(|(_, count)| count).sum()
    }

    fn average(&self, average: Average, value: impl Fn(&BinaryCounts) -> Result<f64, MetricError>) -> f64 {
        let classes = (0..self.classes()).map(|class| self.one_vs_rest(class));
        match average {
            Average::Macro => {
                mean(classes.filter(|counts| counts.occurs()).map(|counts| value(&counts).unwrap_or(0.0)))
            }
            Average::Micro => {
                let sum = classes.fold(BinaryCounts::default(), |sum, counts| sum.plus(&counts));
                value(&sum).expect("there is a sample, so that there is a target and a prediction")
            }
        }
    }
}

/// How often yes was called yes and no was called no.
///
/// # Example
///
/// ```
/// use losslab::metrics::BinaryCounts;
///
/// let counts = BinaryCounts::at_threshold(&[0.9, 0.8, 0.4, 0.1], &[true, false, true, false], 0.5)?;
/// assert_eq!((counts.true_positive, counts.false_positive), (1, 1));
/// assert_eq!(counts.f_beta(1.0)?, 0.5);
/// # Ok::<(), losslab::metrics::MetricError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BinaryCounts {
    /// Positives called positive.
    pub true_positive: u64,
    /// Negatives called positive.
    pub false_positive: u64,
    /// Positives called negative.
    pub false_negative: u64,
    /// Negatives called negative.
    pub true_negative: u64,
}

const BINARY: &str = "binary counts";

impl BinaryCounts {
    /// Counts the predictions `score ≥ threshold`. The threshold may be infinite: nothing or everything is then positive.
    ///
    /// # Errors
    /// If there is no sample, the lengths differ, a score isn't finite, or the threshold is NaN.
    pub fn at_threshold(scores: &[f64], labels: &[bool], threshold: f64) -> Result<Self, MetricError> {
        check_scores(BINARY, "labels", scores, labels)?;
        if threshold.is_nan() {
            return Err(MetricError::parameter(BINARY, "threshold", threshold, "a number"));
        }
        let mut counts = Self::default();
        for (&score, &label) in scores.iter().zip(labels) {
            *match (label, score >= threshold) {
                (true, true) => &mut counts.true_positive,
                (false, true) => &mut counts.false_positive,
                (true, false) => &mut counts.false_negative,
                (false, false) => &mut counts.true_negative,
            } += 1;
        }
        Ok(counts)
    }

    /// The number of samples.
    pub fn total(&self) -> u64 {
        self.positives() + self.negatives()
    }

    /// The samples that are positive.
    pub fn positives(&self) -> u64 {
        self.true_positive + self.false_negative
    }

    /// The samples that are negative.
    pub fn negatives(&self) -> u64 {
        self.false_positive + self.true_negative
    }

    /// `(TP + TN) / n`.
    ///
    /// # Errors
    /// If there is no sample.
    pub fn accuracy(&self) -> Result<f64, MetricError> {
        quotient("accuracy", self.true_positive + self.true_negative, self.total(), "there is no sample")
    }

    /// `TP / (TP + FN)`: the true-positive rate, sensitivity.
    ///
    /// # Errors
    /// If there is no positive.
    pub fn recall(&self) -> Result<f64, MetricError> {
        quotient("recall", self.true_positive, self.positives(), "there is no positive sample")
    }

    /// `TN / (TN + FP)`: 1 − the false-positive rate.
    ///
    /// # Errors
    /// If there is no negative.
    pub fn specificity(&self) -> Result<f64, MetricError> {
        quotient("specificity", self.true_negative, self.negatives(), "there is no negative sample")
    }

    /// `TP / (TP + FP)`.
    ///
    /// # Errors
    /// If nothing is called positive.
    pub fn precision(&self) -> Result<f64, MetricError> {
        quotient(
            "precision",
            self.true_positive,
            self.true_positive + self.false_positive,
            "nothing is called positive",
        )
    }

    /// `(1+β²) TP / ((1+β²) TP + β² FN + FP)`.
    ///
    /// # Errors
    /// If nothing is positive or called positive, or β isn't finite and at least 0. With β = 0 it is the precision, and
    /// undefined where that is.
    pub fn f_beta(&self, beta: f64) -> Result<f64, MetricError> {
        check_beta(beta)?;
        // By the counts: the square of a tiny β is 0.
        let missed = if beta > 0.0 { self.false_negative } else { 0 };
        if self.true_positive == 0 {
            let wrong = missed + self.false_positive;
            let undefined = MetricError::undefined("f-beta", "nothing is positive or called positive");
            return if wrong > 0 { Ok(0.0) } else { Err(undefined) };
        }
        // Divided by 1 + β², so that a large β can't overflow.
        let weight = 1.0 / (1.0 + beta * beta);
        let right = self.true_positive as f64;
        Ok(right / (right + (1.0 - weight) * self.false_negative as f64 + weight * self.false_positive as f64))
    }

    /// The mean of recall and specificity.
    ///
    /// # Errors
    /// If all samples are of one class.
    pub fn balanced_accuracy(&self) -> Result<f64, MetricError> {
        Ok(f64::midpoint(self.recall()?, self.specificity()?))
    }

    /// Youden's J, `recall + specificity − 1`, in `[-1, 1]`.
    ///
    /// # Errors
    /// If all samples are of one class.
    pub fn youden(&self) -> Result<f64, MetricError> {
        Ok(self.recall()? + self.specificity()? - 1.0)
    }

    fn occurs(&self) -> bool {
        self.total() > self.true_negative
    }

    fn plus(&self, other: &Self) -> Self {
        Self {
            true_positive: self.true_positive + other.true_positive,
            false_positive: self.false_positive + other.false_positive,
            false_negative: self.false_negative + other.false_negative,
            true_negative: self.true_negative + other.true_negative,
        }
    }
}

/// Checks scores with a yes or no for each.
pub(crate) fn check_scores(
    metric: &'static str,
    input: &'static str,
    scores: &[f64],
    labels: &[bool],
) -> Result<(), MetricError> {
    MetricError::check_not_empty(metric, "scores", scores.len())?;
    MetricError::check_length(metric, input, labels.len(), scores.len(), "scores")?;
    check_finite(metric, "scores", scores)
}

fn check_beta(beta: f64) -> Result<(), MetricError> {
    if beta.is_finite() && beta >= 0.0 {
        return Ok(());
    }
    Err(MetricError::parameter("f-beta", "beta", beta, "finite and at least 0"))
}

fn quotient(metric: &'static str, part: u64, whole: u64, why: &str) -> Result<f64, MetricError> {
    if whole == 0 { Err(MetricError::undefined(metric, why)) } else { Ok(part as f64 / whole as f64) }
}

/// The mean of at least one value.
fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0), |(sum, count), value| (sum + value, count + 1));
    sum / f64::from(count)
}
