//! Metrics of two-class predictions. Label `true` is the rare class; a score at or above the threshold predicts it.

use serde::{Deserialize, Serialize};

/// How often each class was predicted right and wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Rare rows predicted rare.
    pub true_positive: usize,
    /// Common rows predicted rare.
    pub false_positive: usize,
    /// Common rows predicted common.
    pub true_negative: usize,
    /// Rare rows predicted common.
    pub false_negative: usize,
}

impl Counts {
    /// Counts the predictions that `threshold` makes of the scores.
    pub fn at(threshold: f32, scores: &[f32], labels: &[bool]) -> Self {
        let mut counts = Counts::default();
        for (score, label) in scores.iter().zip(labels) {
            match (label, *score >= threshold) {
                (true, true) => counts.true_positive += 1,
                (false, true) => counts.false_positive += 1,
                (false, false) => counts.true_negative += 1,
                (true, false) => counts.false_negative += 1,
            }
        }
        counts
    }

    /// Rows of the rare class.
    pub fn rare(self) -> usize {
        self.true_positive + self.false_negative
    }

    /// Share of all rows predicted right.
    pub fn accuracy(self) -> f64 {
        let right = self.true_positive + self.true_negative;
        ratio(right, right + self.false_positive + self.false_negative)
    }

    /// Share of the common rows predicted right.
    pub fn common_accuracy(self) -> f64 {
        ratio(self.true_negative, self.true_negative + self.false_positive)
    }

    /// Share of the rare rows predicted right: the accuracy on the rare class.
    pub fn recall(self) -> f64 {
        ratio(self.true_positive, self.true_positive + self.false_negative)
    }

    /// Share of rare rows among those predicted rare; 0 where none is.
    pub fn precision(self) -> f64 {
        ratio(self.true_positive, self.true_positive + self.false_positive)
    }

    /// Harmonic mean of precision and recall.
    pub fn f1(self) -> f64 {
        ratio(2 * self.true_positive, 2 * self.true_positive + self.false_positive + self.false_negative)
    }

    /// Mean of the accuracies of the two classes.
    pub fn balanced_accuracy(self) -> f64 {
        f64::midpoint(self.common_accuracy(), self.recall())
    }
}

fn ratio(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// What a choice on the validation part is to make as large as possible.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Criterion {
    /// F1 of the rare class.
    #[default]
    F1,
    /// Balanced accuracy.
    BalancedAccuracy,
}

impl Criterion {
    /// Its value.
    pub fn of(self, counts: Counts) -> f64 {
        match self {
            Criterion::F1 => counts.f1(),
            Criterion::BalancedAccuracy => counts.balanced_accuracy(),
        }
    }

    /// Its name in a sentence.
    pub fn title(self) -> &'static str {
        match self {
            Criterion::F1 => "F1 of the rare class",
            Criterion::BalancedAccuracy => "balanced accuracy",
        }
    }
}

/// The counts at every threshold that makes a difference, from the highest score down. Equal scores fall together.
fn sweep(scores: &[f32], labels: &[bool]) -> Vec<(f32, Counts)> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]));
    let rare = labels.iter().filter(|label| **label).count();
    let mut counts = Counts { true_negative: labels.len() - rare, false_negative: rare, ..Counts::default() };
    let mut steps: Vec<(f32, Counts)> = Vec::new();
    for index in order {
        if labels[index] {
            counts.true_positive += 1;
            counts.false_negative -= 1;
        } else {
            counts.false_positive += 1;
            counts.true_negative -= 1;
        }
        match steps.last_mut() {
            Some((threshold, step)) if *threshold == scores[index] => *step = counts,
            _ => steps.push((scores[index], counts)),
        }
    }
    steps
}

/// Average precision: the area under the precision-recall steps, without interpolation (as scikit-learn has it).
pub fn average_precision(scores: &[f32], labels: &[bool]) -> f64 {
    let mut recall = 0.0;
    let steps = sweep(scores, labels).into_iter().map(|(_, counts)| {
        let gained = counts.recall() - recall;
        recall = counts.recall();
        gained * counts.precision()
    });
    steps.sum()
}

/// Precision at each of the given recalls, which ascend: that of the highest threshold which reaches the recall.
pub fn precision_at(recalls: &[f64], scores: &[f32], labels: &[bool]) -> Vec<f64> {
    let mut steps = sweep(scores, labels).into_iter().map(|(_, counts)| counts).peekable();
    let at = |recall: &f64| {
        // A recall that was reached by rounding alone is reached.
        while steps.next_if(|counts| counts.recall() + 1e-12 < *recall).is_some() {}
        steps.peek().map_or(0.0, |counts| counts.precision())
    };
    recalls.iter().map(at).collect()
}

/// The highest recall at which at least `common_accuracy` of the common rows are still predicted right.
pub fn recall_at(common_accuracy: f64, scores: &[f32], labels: &[bool]) -> f64 {
    let steps = sweep(scores, labels).into_iter().map(|(_, counts)| counts);
    steps.take_while(|counts| counts.common_accuracy() >= common_accuracy).last().map_or(0.0, Counts::recall)
}

/// The threshold with the best criterion; midway between the two scores that it separates, the highest of equals.
pub fn best_threshold(criterion: Criterion, scores: &[f32], labels: &[bool]) -> f32 {
    let steps = sweep(scores, labels);
    let mut best = (f64::NEG_INFINITY, 0.0);
    for (index, (score, counts)) in steps.iter().enumerate() {
        let value = criterion.of(*counts);
        if value > best.0 {
            let below = steps.get(index + 1).map_or(*score, |(next, _)| *next);
            best = (value, f32::midpoint(*score, below));
        }
    }
    best.1
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCORES: [f32; 6] = [2.0, 1.0, 0.5, -0.5, -1.0, -2.0];
    const LABELS: [bool; 6] = [true, false, true, false, true, false];

    #[test]
    fn counts_and_rates_by_hand() {
        let counts = Counts::at(0.0, &SCORES, &LABELS);
        assert_eq!(counts, Counts { true_positive: 2, false_positive: 1, true_negative: 2, false_negative: 1 });
        assert_eq!(counts.accuracy(), 4.0 / 6.0);
        assert_eq!(counts.common_accuracy(), 2.0 / 3.0);
        assert_eq!(counts.recall(), 2.0 / 3.0);
        assert_eq!(counts.precision(), 2.0 / 3.0);
        assert_eq!(counts.f1(), 2.0 / 3.0);
        assert_eq!(counts.balanced_accuracy(), 2.0 / 3.0);
    }

    #[test]
    fn nothing_predicted_rare_is_zero_and_not_nan() {
        let counts = Counts::at(9.0, &SCORES, &LABELS);
        assert_eq!((counts.precision(), counts.recall(), counts.f1()), (0.0, 0.0, 0.0));
        assert_eq!(Counts::default().accuracy(), 0.0);
    }

    #[test]
    fn average_precision_by_hand() {
        let expected = (1.0 / 1.0 + 2.0 / 3.0 + 3.0 / 5.0) / 3.0;
        assert!((average_precision(&SCORES, &LABELS) - expected).abs() < 1e-15);
        assert_eq!(average_precision(&[3.0, 2.0, 1.0], &[true, true, false]), 1.0);
    }

    #[test]
    fn equal_scores_count_as_one_step() {
        // All four fall at one threshold: precision is the share of the rare class, in whatever order they stand.
        for labels in [[true, false, false, false], [false, false, false, true]] {
            assert_eq!(average_precision(&[1.0; 4], &labels), 0.25);
        }
    }

    #[test]
    fn precision_at_recalls_by_hand() {
        let at = precision_at(&[0.1, 1.0 / 3.0, 0.5, 1.0], &SCORES, &LABELS);
        assert_eq!(at, [1.0, 1.0, 2.0 / 3.0, 3.0 / 5.0]);
    }

    #[test]
    fn recall_at_a_common_accuracy_by_hand() {
        let at = |common| recall_at(common, &SCORES, &LABELS);
        assert_eq!([at(1.0), at(0.6), at(0.3), at(0.0)], [1.0 / 3.0, 2.0 / 3.0, 1.0, 1.0]);
    }

    #[test]
    fn the_best_threshold_lies_between_two_scores() {
        // F1 by threshold: 1/2, 2/5, 2/3, 4/7, 3/4, 2/3.
        assert_eq!(best_threshold(Criterion::F1, &SCORES, &LABELS), -1.5);
        // Balanced accuracy: 2/3, 1/2, 2/3, 1/2, 2/3, 1/2; the first of equals.
        assert_eq!(best_threshold(Criterion::BalancedAccuracy, &SCORES, &LABELS), 1.5);
    }
}
