//! What is read off the scores of one network: the library's metrics of two classes, at the levels that the report shows.

use super::settings::Criterion;
use losslab::metrics::{
    self, BinaryCounts, MetricError, PrecisionRecallCurve, RocCurve, average_precision, choose_threshold,
};

/// Logits, with whether each row is of the rare class.
pub struct Scores<'a> {
    logits: Vec<f64>,
    labels: &'a [bool],
}

impl<'a> Scores<'a> {
    /// The logits of a network for the rows of a part.
    pub fn new(logits: &[f32], labels: &'a [bool]) -> Self {
        Self { logits: logits.iter().map(|&logit| f64::from(logit)).collect(), labels }
    }

    /// The counts where a logit at or above the threshold predicts the rare class.
    pub fn at(&self, threshold: f32) -> Result<BinaryCounts, MetricError> {
        BinaryCounts::at_threshold(&self.logits, self.labels, threshold.into())
    }

    /// The threshold with the best criterion, midway between the two logits that it separates.
    pub fn best_threshold(&self, criterion: Criterion) -> Result<f32, MetricError> {
        let best = choose_threshold(&self.logits, self.labels, metrics::Criterion::from(criterion))?.threshold;
        let below = self.logits.iter().copied().filter(|&logit| logit < best).fold(f64::NEG_INFINITY, f64::max);
        let is_between = best.is_finite() && below.is_finite();
        // Logits are f32 numbers.
        Ok(if is_between { f32::midpoint(best as f32, below as f32) } else { best as f32 })
    }

    /// The area under the precision-recall curve.
    pub fn average_precision(&self) -> Result<f64, MetricError> {
        average_precision(&self.logits, self.labels)
    }

    /// Precision at each of the given recalls: that of the highest threshold which reaches the recall.
    pub fn precision_at(&self, recalls: &[f64]) -> Result<Vec<f64>, MetricError> {
        let curve = PrecisionRecallCurve::try_new(&self.logits, self.labels)?;
        // A recall that was reached by rounding alone is reached.
        let at = |recall: &f64| curve.points().iter().find(|point| point.recall + 1e-12 >= *recall);
        Ok(recalls.iter().map(|recall| at(recall).map_or(0.0, |point| point.precision)).collect())
    }

    /// The highest recall at which at least `common_accuracy` of the common rows are still predicted right.
    pub fn recall_at(&self, common_accuracy: f64) -> Result<f64, MetricError> {
        let curve = RocCurve::try_new(&self.logits, self.labels)?;
        let allowed = curve.points().iter().take_while(|point| point.false_positive_rate <= 1.0 - common_accuracy);
        Ok(allowed.last().map_or(0.0, |point| point.true_positive_rate))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LABELS: [bool; 6] = [true, false, true, false, true, false];

    fn scores() -> Scores<'static> {
        Scores::new(&[2.0, 1.0, 0.5, -0.5, -1.0, -2.0], &LABELS)
    }

    #[test]
    fn precision_at_recalls_by_hand() {
        let at = scores().precision_at(&[0.1, 1.0 / 3.0, 0.5, 1.0]).unwrap();
        assert_eq!(at, [1.0, 1.0, 2.0 / 3.0, 3.0 / 5.0]);
    }

    #[test]
    fn recall_at_a_common_accuracy_by_hand() {
        let at = |common| scores().recall_at(common).unwrap();
        assert_eq!([at(1.0), at(0.6), at(0.3), at(0.0)], [1.0 / 3.0, 2.0 / 3.0, 1.0, 1.0]);
    }

    #[test]
    fn the_best_threshold_lies_between_two_logits() {
        // F1 by threshold: 1/2, 2/5, 2/3, 4/7, 3/4, 2/3.
        assert_eq!(scores().best_threshold(Criterion::F1).unwrap(), -1.5);
        // Balanced accuracy: 2/3, 1/2, 2/3, 1/2, 2/3, 1/2; the first of equals.
        assert_eq!(scores().best_threshold(Criterion::BalancedAccuracy).unwrap(), 1.5);
        // The lowest logit has none below it; the best may be to call nothing rare.
        let best = |logits: &[f32], labels| Scores::new(logits, labels).best_threshold(Criterion::BalancedAccuracy);
        assert_eq!(best(&[1.0, 0.0], &[false, true]).unwrap(), f32::INFINITY);
        assert_eq!(Scores::new(&[0.0, 0.0], &[true, false]).best_threshold(Criterion::F1).unwrap(), 0.0);
    }

    #[test]
    fn a_network_that_diverged_is_an_error() {
        let error = Scores::new(&[1.0, f32::NAN], &[true, false]).average_precision().unwrap_err().to_string();
        assert!(error.contains("element 1 is NaN"), "{error}");
    }
}
