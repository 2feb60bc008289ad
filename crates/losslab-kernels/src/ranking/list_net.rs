//! ListNet: the distribution over the first rank.

use super::ListLoss;

/// The cross-entropy of the softmax of the relevance and that of the scores.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ListNet;

impl ListLoss for ListNet {
    fn list(&self, scores: &[f64], relevance: &[f64], gradient: Option<&mut [f64]>) -> f64 {
        let (of_scores, of_relevance) = (log_sum_exp(scores), log_sum_exp(relevance));
        let mut total = 0.0;
        for (score, grade) in scores.iter().zip(relevance) {
            total += (grade - of_relevance).exp() * (of_scores - score);
        }
        for (i, gradient) in gradient.into_iter().flatten().enumerate() {
            *gradient += (scores[i] - of_scores).exp() - (relevance[i] - of_relevance).exp();
        }
        total
    }
}

/// `ln Σ exp(x)` of finite numbers.
fn log_sum_exp(values: &[f64]) -> f64 {
    let largest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    largest + values.iter().map(|value| (value - largest).exp()).sum::<f64>().ln()
}
