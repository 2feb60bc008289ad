//! ApproxNDCG: the NDCG with ranks made smooth.

use super::ListLoss;
use super::pairs::{by_item, sigmoid};
use crate::dcg::Dcg;
use std::f64::consts::LN_2;

/// `1 − Σ G_i / log₂(1 + r_i)` with `r_i = 1 + Σ_{j≠i} sigmoid((s_j − s_i)/T)`, in `O(n²)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ApproxNdcg {
    /// The temperature T, above 0.
    pub temperature: f64,
    /// The gain; all ranks count, and equal scores share their rank.
    pub dcg: Dcg,
}

impl ListLoss for ApproxNdcg {
    fn list(&self, scores: &[f64], relevance: &[f64], gradient: Option<&mut [f64]>) -> f64 {
        let gains = self.dcg.shares(relevance);
        let items = scores.len();
        let step = |i: usize, j: usize| (scores[j] - scores[i]) / self.temperature;
        let mut ranks = vec![1.0; items];
        by_item(items, Some(&mut ranks), |i| {
            (0.0, (0..items).filter(|j| *j != i).map(|j| sigmoid(step(i, j))).sum::<f64>())
        });
        let ndcg: f64 = gains.iter().zip(&ranks).map(|(gain, rank)| gain * LN_2 / rank.ln_1p()).sum();
        if let Some(gradient) = gradient {
            // ∂ndcg/∂r_i
            let by_rank: Vec<f64> =
                gains.iter().zip(&ranks).map(|(gain, r)| -gain * LN_2 / ((1.0 + r) * r.ln_1p().powi(2))).collect();
            by_item(items, Some(gradient), |i| {
                let slope = |j: usize| {
                    let x = step(i, j);
                    (by_rank[i] - by_rank[j]) * sigmoid(x) * sigmoid(-x)
                };
                (0.0, (0..items).map(slope).sum::<f64>() / self.temperature)
            });
        }
        // It is at most 1 but for rounding; a NaN stays.
        if ndcg > 1.0 { 0.0 } else { 1.0 - ndcg }
    }
}
