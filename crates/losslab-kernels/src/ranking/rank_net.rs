//! RankNet: pairs of a list of which one is more relevant.

use super::ListLoss;
use super::hinge::hinge;
use super::pairs::logistic;
use crate::options::{PairReduction, RankNetForm};

/// RankNet over the pairs of a list: the logistic form in `O(n²)`, the hinge in `O(n log n)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RankNet {
    /// What a pair costs.
    pub form: RankNetForm,
    /// The slope σ of the logistic form, above 0.
    pub sigma: f64,
    /// The margin of the hinge, above 0.
    pub margin: f64,
    /// How the pairs of a list become its term.
    pub pairs: PairReduction,
}

impl ListLoss for RankNet {
    fn counts(&self, relevance: &[f64]) -> bool {
        relevance.iter().any(|grade| *grade != relevance[0])
    }

    fn list(&self, scores: &[f64], relevance: &[f64], mut gradient: Option<&mut [f64]>) -> f64 {
        let total = match self.form {
            RankNetForm::Hinge => hinge(self.margin, scores, relevance, gradient.as_deref_mut()),
            RankNetForm::Logistic => {
                let weight = |upper: usize, lower: usize| f64::from(relevance[upper] > relevance[lower]);
                logistic(self.sigma, scores, gradient.as_deref_mut(), weight)
            }
        };
        let scale = match self.pairs {
            PairReduction::Sum => return total,
            PairReduction::Mean => 1.0 / pairs(relevance),
        };
        gradient.into_iter().flatten().for_each(|gradient| *gradient *= scale);
        total * scale
    }
}

/// The number of pairs of different relevance.
fn pairs(relevance: &[f64]) -> f64 {
    let mut sorted = relevance.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let all = |count: usize| count as f64 * (count as f64 - 1.0) / 2.0;
    all(sorted.len()) - sorted.chunk_by(|a, b| a == b).map(|tied| all(tied.len())).sum::<f64>()
}
