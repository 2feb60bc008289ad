//! Decoupled contrastive loss: the positive is no part of the sum.

use super::partners::Partners;
use super::vectors::Vectors;
use super::{Common, Contrastive, DEFAULT_MEMORY, evaluate};
use crate::distances::dot;
use crate::options::{Positives, Reduction};

/// The parameters of DCL.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dcl {
    /// What similarities are divided by, above 0.
    pub temperature: f64,
    /// The σ of the weights of the positives; they are 1 without.
    pub sigma: Option<f64>,
    /// Cosine similarity; the dot product otherwise.
    pub normalize: bool,
    /// How the vectors become one number.
    pub reduction: Reduction,
    /// The memory for tiles between forward and backward, in bytes. It changes the time, not the result.
    pub memory: usize,
}

impl Default for Dcl {
    fn default() -> Self {
        let (reduction, memory) = (Reduction::Mean, DEFAULT_MEMORY);
        Self { temperature: 0.1, sigma: None, normalize: true, reduction, memory }
    }
}

/// DCL of row-major rows of `width`, the first views of all samples and then the second ones: the reduced loss, with its
/// gradient and, where asked for, its derivative with respect to `ln(1/τ)`. The weights are constants.
///
/// Memory: as [`self_contrastive()`](super::self_contrastive()).
///
/// # Panics
/// If lengths don't fit, or the number of rows is odd.
pub fn dcl(loss: &Dcl, views: &[f32], width: usize, gradient: Option<&mut [f32]>, log_scale: bool) -> Contrastive {
    let rows = Vectors::new(views, width, loss.normalize);
    assert!(rows.len().is_multiple_of(2), "two views of each sample");
    assert!(gradient.as_ref().is_none_or(|gradient| gradient.len() == views.len()), "one gradient an input");
    let samples = (rows.len() / 2) as i64;
    let labels = (0..samples).chain(0..samples).collect::<Vec<i64>>();
    let partners = Partners::among(&labels, Positives::Outside);
    let weights = weights(&rows, loss.sigma);
    let common = Common {
        temperature: loss.temperature,
        reduction: loss.reduction,
        memory: loss.memory,
        columns: false,
        spread: false,
        decoupled: Some(&weights),
    };
    evaluate(&common, [&rows, &rows], &partners, [gradient, None], log_scale)
}

/// `2 − exp(c/σ)/mean exp(c/σ)` for each view, with the similarity `c` of the two views of a sample.
fn weights(rows: &Vectors, sigma: Option<f64>) -> Vec<f64> {
    let samples = rows.len() / 2;
    let Some(sigma) = sigma else { return vec![1.0; 2 * samples] };
    let similar = (0..samples).map(|i| dot(rows.row(i), rows.row(i + samples)) / sigma).collect::<Vec<f64>>();
    let largest = similar.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mean = similar.iter().map(|c| (c - largest).exp()).sum::<f64>() / samples as f64;
    let of_samples = similar.iter().map(|c| 2.0 - (c - largest).exp() / mean);
    of_samples.clone().chain(of_samples).collect()
}
