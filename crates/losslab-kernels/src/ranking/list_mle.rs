//! ListMLE: the likelihood of the right order.

use super::pairs::{sigmoid, softplus};
use super::{ListLoss, by_score};
use crate::options::RelevanceTies;

/// The negative log-likelihood of the order by relevance under the Plackett-Luce model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ListMle {
    /// The order of items of equal relevance.
    pub ties: RelevanceTies,
}

impl ListLoss for ListMle {
    /// With `L_r` the log-sum-exp of the scores from place `r` on, built from the last place, and `C_r` that of `−L_q` up
    /// to place `r`:
    ///
    /// ```text
    /// loss = Σ_r ln(1 + exp(L_{r+1} − s_r))        ∂/∂s_r = exp(s_r + C_{r−1}) − sigmoid(L_{r+1} − s_r)
    /// ```
    fn list(&self, scores: &[f64], relevance: &[f64], gradient: Option<&mut [f64]>) -> f64 {
        let mut order = match self.ties {
            RelevanceTies::ByOrder => (0..scores.len()).collect(),
            RelevanceTies::ByScore => by_score(scores),
        };
        // The sort is stable: ties keep the order chosen.
        order.sort_by(|&a, &b| relevance[b].total_cmp(&relevance[a]));

        let (mut total, mut rest) = (0.0, f64::NEG_INFINITY);
        let mut rests = vec![0.0; order.len()];
        for (place, &item) in order.iter().enumerate().rev() {
            rests[place] = rest;
            total += softplus(rest - scores[item]);
            rest = log_add_exp(rest, scores[item]);
        }
        if let Some(gradient) = gradient {
            let mut so_far = f64::NEG_INFINITY;
            for (&item, &rest) in order.iter().zip(&rests) {
                gradient[item] += (scores[item] + so_far).exp() - sigmoid(rest - scores[item]);
                so_far = log_add_exp(so_far, -log_add_exp(rest, scores[item]));
            }
        }
        total
    }
}

/// `ln(exp(a) + exp(b))` of a finite `b`.
fn log_add_exp(a: f64, b: f64) -> f64 {
    a.max(b) + (-(a - b).abs()).exp().ln_1p()
}
