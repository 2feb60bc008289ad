//! LambdaRank and LambdaLoss: pairs weighted by what they mean for the NDCG.

use super::pairs::logistic;
use super::{ListLoss, by_score};
use crate::dcg::{Dcg, discount};
use crate::options::LambdaWeighting;
use std::f64::consts::LN_2;

/// `Σ w_ij · log₂(1 + exp(−σ(s_i − s_j)))`, the weights taken from the current ranking and held, in `O(n²)`.
///
/// Equal scores are ranked in the order of the rows, whatever `dcg.ties`: averaged, their discounts would be equal and
/// the weights of LambdaRank 0, and a constant score would never be left.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LambdaLoss {
    /// What a pair weighs.
    pub weighting: LambdaWeighting,
    /// The slope σ, above 0.
    pub sigma: f64,
    /// The weight μ of NDCG-Loss2 in NDCG-Loss2++, at least 0.
    pub mu: f64,
    /// Gain, discount and how many ranks count: of a pair, at least one item must be within them.
    pub dcg: Dcg,
}

impl ListLoss for LambdaLoss {
    fn list(&self, scores: &[f64], relevance: &[f64], gradient: Option<&mut [f64]>) -> f64 {
        let gains = self.dcg.shares(relevance);
        let mut ranks = vec![0; scores.len()];
        by_score(scores).into_iter().enumerate().for_each(|(rank, item)| ranks[item] = rank);
        let discounts: Vec<f64> = (0..scores.len()).map(discount).collect();
        let counting: Vec<f64> = (0..scores.len()).map(|rank| self.dcg.discount(rank)).collect();
        let (by_swap, by_gap) = match self.weighting {
            LambdaWeighting::LambdaRank | LambdaWeighting::NdcgLoss1 => (1.0, 0.0),
            LambdaWeighting::NdcgLoss2 => (0.0, 1.0),
            LambdaWeighting::NdcgLoss2PlusPlus => (1.0, self.mu),
        };
        let weight = |i: usize, j: usize| {
            let (rank, other) = (ranks[i], ranks[j]);
            if i == j || rank.min(other) >= self.dcg.ranks() {
                0.0
            } else if self.weighting == LambdaWeighting::NdcgLoss1 {
                gains[i] * discounts[rank]
            } else if relevance[i] <= relevance[j] {
                0.0
            } else {
                let gap = rank.abs_diff(other);
                let swap = (counting[rank] - counting[other]).abs();
                (gains[i] - gains[j]) * (by_swap * swap + by_gap * (discounts[gap - 1] - discounts[gap]))
            }
        };
        let mut gradient = gradient;
        let total = logistic(self.sigma, scores, gradient.as_deref_mut(), weight);
        gradient.into_iter().flatten().for_each(|gradient| *gradient /= LN_2);
        total / LN_2
    }
}
