//! Circle loss: positives and negatives of a labelled batch, each at a pace of its own.

use super::pairs::{Partners, masked_log_sum_exp};
use super::{prepare, read_labels};
use crate::error::{ConfigError, InputError, Range};
use crate::fused::{nothing, sum_over_blocks};
use crate::math::{hinge, softplus};
use crate::reduction::Reduction;
use burn::config::Config;
use burn::module::Module;
use burn::tensor::{Int, Tensor};

const NAME: &str = "circle";

/// Configuration of [`CircleLoss`].
#[derive(Config, Debug)]
pub struct CircleLossConfig {
    /// The relaxation m in [−1, 1]: positives are to be above 1 − m, negatives below m. Typical: 0.25 for faces, 0.4
    /// for retrieval. Default: 0.4.
    #[config(default = 0.4)]
    pub margin: f64,
    /// The scale γ, above 0. Typical: 256 for faces, 80 for retrieval. Default: 80.
    #[config(default = 80.0)]
    pub gamma: f64,
    /// How the terms of the samples that have a positive and a negative become one number. Default: mean.
    #[config(default = "Reduction::Mean")]
    pub reduction: Reduction,
}

impl CircleLossConfig {
    /// Creates the loss.
    ///
    /// # Errors
    /// If the margin or γ is out of range.
    pub fn try_init(&self) -> Result<CircleLoss, ConfigError> {
        ConfigError::check(NAME, "margin", self.margin, Range::Within(-1.0, 1.0))?;
        ConfigError::check(NAME, "gamma", self.gamma, Range::Above(0.0))?;
        Ok(CircleLoss { margin: self.margin, gamma: self.gamma, reduction: self.reduction })
    }

    /// Creates the loss.
    ///
    /// # Panics
    /// Where [`try_init`](Self::try_init) returns an error.
    pub fn init(&self) -> CircleLoss {
        self.try_init().unwrap_or_else(|error| panic!("{error}"))
    }
}

/// Circle loss over a labelled batch (Sun et al. 2020, [arXiv:2002.10857](https://arxiv.org/abs/2002.10857)).
///
/// ```text
/// L_i = ln(1 + Σ_{negatives j} exp(γ·a_ij·(s_ij − m)) · Σ_{positives j} exp(−γ·a_ij·(s_ij − 1 + m)))
/// a_ij = max(0, 1 + m − s_ij) of a positive, max(0, s_ij + m) of a negative
/// ```
///
/// with the cosine `s_ij`. The weights `a` are constants for the gradient: a pair far from its optimum (1 + m for
/// positives, −m for negatives) is moved faster than one that is near to it. Samples without a positive or without a
/// negative don't count.
///
/// Memory: a few tensors of a block of rows of the similarity matrix, each of about 4 million values, whatever the batch.
/// [`forward_no_reduction`](Self::forward_no_reduction) holds the whole matrix.
///
/// **Use it** for retrieval and verification on labelled batches with several samples of each class
/// ([`PkSampler`](crate::PkSampler)); its one margin sets both targets. **Don't** where a batch has hardly a positive
/// for a sample, nor where a distance is to be thresholded in Euclidean space: only angles count.
///
/// # Example
///
/// Two equal vectors of one label and one at a right angle, with m = 0.25 and γ = 2: the positive at 1 has the weight
/// 0.25, the negatives at 0 have it too. The third sample has no positive.
///
/// ```
/// use burn::tensor::{Device, Int, Tensor};
/// use losslab::CircleLossConfig;
///
/// let device = Device::flex();
/// let loss = CircleLossConfig::new().with_margin(0.25).with_gamma(2.0).init();
/// let embeddings = Tensor::<2>::from_data([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0]], &device);
/// let labels = Tensor::<1, Int>::from_data([7, 7, 3], &device);
/// let expected = (1.0 + (2.0 * 0.25 * -0.25f64).exp() * (-2.0 * 0.25 * 0.25f64).exp()).ln();
/// assert!((loss.forward(embeddings, labels).into_scalar::<f64>() - expected).abs() < 1e-6);
/// ```
#[derive(Module, Debug)]
pub struct CircleLoss {
    margin: f64,
    gamma: f64,
    #[module(skip)]
    reduction: Reduction,
}

impl CircleLoss {
    /// The reduced loss.
    ///
    /// # Shapes
    /// - `embeddings`: `[n, d]`
    /// - `labels`: `[n]`, any integers
    /// - output: `[1]`
    ///
    /// # Panics
    /// Where [`try_forward`](Self::try_forward) returns an error.
    pub fn forward(&self, embeddings: Tensor<2>, labels: Tensor<1, Int>) -> Tensor<1> {
        self.try_forward(embeddings, labels).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The reduced loss, as [`forward`](Self::forward).
    ///
    /// # Errors
    /// If the shapes don't fit.
    pub fn try_forward(&self, embeddings: Tensor<2>, labels: Tensor<1, Int>) -> Result<Tensor<1>, InputError> {
        let labels = read_labels(NAME, &embeddings, labels)?;
        let (x, rows, valid) = (prepare(embeddings, true), labels.len(), Partners::samples_with_both(&labels));
        Ok(sum_over_blocks([x], rows, rows, valid, self.reduction, |[x], rows| Some(self.terms(x, &labels, rows))))
    }

    /// The loss of every sample, shape `[n]`; 0 where it has no positive or no negative.
    ///
    /// # Panics
    /// Where [`try_forward`](Self::try_forward) returns an error.
    pub fn forward_no_reduction(&self, embeddings: Tensor<2>, labels: Tensor<1, Int>) -> Tensor<1> {
        let labels = read_labels(NAME, &embeddings, labels).unwrap_or_else(|error| panic!("{error}"));
        self.terms(prepare(embeddings, true), &labels, 0..labels.len())
    }

    /// The terms of some samples.
    fn terms(&self, x: Tensor<2>, labels: &[i64], rows: std::ops::Range<usize>) -> Tensor<1> {
        if rows.is_empty() {
            return nothing(x, 0);
        }
        let (m, gamma) = (self.margin, self.gamma);
        let Partners { positive, negative } = Partners::of(labels, rows.clone(), &x);
        let similar = x.clone().slice(rows).matmul(x.transpose());
        let constant = similar.clone().inner();
        let pull = hinge(-constant.clone() + (1.0 + m)) * -gamma;
        let push = hinge(constant + m) * gamma;
        let (pulls, no_positive) = masked_log_sum_exp((similar.clone() - (1.0 - m)) * pull, positive);
        let (pushes, no_negative) = masked_log_sum_exp((similar - m) * push, negative);
        softplus(pulls + pushes).mask_fill(no_positive.bool_or(no_negative), 0).squeeze_dim(1)
    }
}
