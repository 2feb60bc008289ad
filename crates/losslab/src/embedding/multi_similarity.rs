//! Multi-similarity loss: all pairs of a labelled batch, the hard ones counting more.

use super::pairs::{Partners, masked_log_one_plus_sum_exp};
use super::{prepare, read_labels};
use crate::error::{ConfigError, InputError, Range};
use crate::fused::{nothing, sum_over_blocks};
use crate::reduction::Reduction;
use burn::config::Config;
use burn::module::Module;
use burn::tensor::{Int, Tensor};

const NAME: &str = "multi-similarity";

/// Configuration of [`MultiSimilarityLoss`].
#[derive(Config, Debug)]
pub struct MultiSimilarityLossConfig {
    /// How much more a hard positive counts than an easy one, above 0. Default: 2.
    #[config(default = 2.0)]
    pub alpha: f64,
    /// How much more a hard negative counts than an easy one, above 0. Default: 50.
    #[config(default = 50.0)]
    pub beta: f64,
    /// The similarity λ that positives are to exceed and negatives to stay below; finite, for cosines in [−1, 1].
    /// Default: 0.5.
    #[config(default = 0.5)]
    pub base: f64,
    /// The ε of the pair mining, at least 0 (the paper has 0.1), or none for all pairs. Default: none.
    pub epsilon: Option<f64>,
    /// Whether embeddings are brought to length 1 first: the similarity is the cosine if so, the dot product if not.
    /// Default: true.
    #[config(default = true)]
    pub normalize: bool,
    /// How the terms of the samples become one number. Default: mean, over all samples of the batch.
    #[config(default = "Reduction::Mean")]
    pub reduction: Reduction,
}

impl MultiSimilarityLossConfig {
    /// Creates the loss.
    ///
    /// # Errors
    /// If α, β, λ or ε is out of range.
    pub fn try_init(&self) -> Result<MultiSimilarityLoss, ConfigError> {
        ConfigError::check(NAME, "alpha", self.alpha, Range::Above(0.0))?;
        ConfigError::check(NAME, "beta", self.beta, Range::Above(0.0))?;
        if self.normalize {
            ConfigError::check(NAME, "base", self.base, Range::Within(-1.0, 1.0))?;
        } else if !self.base.is_finite() {
            return Err(ConfigError::new(NAME, "base", "a finite number", self.base));
        }
        if let Some(epsilon) = self.epsilon {
            ConfigError::check(NAME, "epsilon", epsilon, Range::AtLeast(0.0))?;
        }
        Ok(MultiSimilarityLoss {
            alpha: self.alpha,
            beta: self.beta,
            base: self.base,
            epsilon: self.epsilon,
            normalize: self.normalize,
            reduction: self.reduction,
        })
    }

    /// Creates the loss.
    ///
    /// # Panics
    /// Where [`try_init`](Self::try_init) returns an error.
    pub fn init(&self) -> MultiSimilarityLoss {
        self.try_init().unwrap_or_else(|error| panic!("{error}"))
    }
}

/// Multi-similarity loss over a labelled batch (Wang et al. 2019,
/// [arXiv:1904.06627](https://arxiv.org/abs/1904.06627)).
///
/// ```text
/// L_i = 1/α · ln(1 + Σ_{positives j} exp(−α(s_ij − λ))) + 1/β · ln(1 + Σ_{negatives j} exp(β(s_ij − λ)))
/// ```
///
/// with `s_ij = sim(z_i, z_j)`. The gradient of a pair grows with its own hardness and with how hard it is among the other
/// pairs of its sample.
///
/// With an `epsilon` only informative pairs count, which are chosen for each sample without a gradient: a positive that
/// isn't more than ε above the hardest (most similar) negative, and a negative that isn't more than ε below the hardest
/// (least similar) positive. A sample without positives or without negatives then has no pairs.
///
/// [`Reduction::Mean`] divides by all samples of the batch, as the paper does, those without a pair among them.
///
/// Memory: a few tensors of a block of rows of the similarity matrix, each of about 4 million values, whatever the batch.
/// [`forward_no_reduction`](Self::forward_no_reduction) holds the whole matrix.
///
/// **Use it** for retrieval on labelled batches with several samples of each class
/// ([`PkSampler`](crate::PkSampler)), so that there are many pairs to weigh. **Don't** where labels are noisy: β = 50
/// gives the gradient to the hardest negatives, which are then the mislabelled ones.
///
/// # Example
///
/// Two equal vectors of one label and one at a right angle, with α = β = 1 and λ = 0.5:
///
/// ```
/// use burn::tensor::{Device, Int, Tensor};
/// use losslab::MultiSimilarityLossConfig;
///
/// let device = Device::flex();
/// let loss = MultiSimilarityLossConfig::new().with_alpha(1.0).with_beta(1.0).init();
/// let embeddings = Tensor::<2>::from_data([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0]], &device);
/// let labels = Tensor::<1, Int>::from_data([7, 7, 3], &device);
/// // Each of the pair: its positive at 1 and its negative at 0. The other: two negatives at 0.
/// let (one, two) = ((1.0 + (-0.5f64).exp()).ln(), (1.0 + 2.0 * (-0.5f64).exp()).ln());
/// let expected = (2.0 * (one + one) + two) / 3.0;
/// assert!((loss.forward(embeddings, labels).into_scalar::<f64>() - expected).abs() < 1e-6);
/// ```
#[derive(Module, Debug)]
pub struct MultiSimilarityLoss {
    alpha: f64,
    beta: f64,
    base: f64,
    #[module(skip)]
    epsilon: Option<f64>,
    normalize: bool,
    #[module(skip)]
    reduction: Reduction,
}

impl MultiSimilarityLoss {
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
        let (x, rows) = (prepare(embeddings, self.normalize), labels.len());
        Ok(sum_over_blocks([x], rows, rows, rows as u64, self.reduction, |[x], rows| {
            Some(self.terms(x, &labels, rows))
        }))
    }

    /// The loss of every sample, shape `[n]`; 0 where it has no pair.
    ///
    /// # Panics
    /// Where [`try_forward`](Self::try_forward) returns an error.
    pub fn forward_no_reduction(&self, embeddings: Tensor<2>, labels: Tensor<1, Int>) -> Tensor<1> {
        let labels = read_labels(NAME, &embeddings, labels).unwrap_or_else(|error| panic!("{error}"));
        self.terms(prepare(embeddings, self.normalize), &labels, 0..labels.len())
    }

    /// The terms of some samples.
    fn terms(&self, x: Tensor<2>, labels: &[i64], rows: std::ops::Range<usize>) -> Tensor<1> {
        if rows.is_empty() {
            return nothing(x, 0);
        }
        let partners = Partners::of(labels, rows.clone(), &x);
        let similar = x.clone().slice(rows).matmul(x.transpose());
        let Partners { positive, negative } = match self.epsilon {
            Some(epsilon) => informative(similar.clone().inner(), partners, epsilon),
            None => partners,
        };
        let above = similar - self.base;
        let pull = masked_log_one_plus_sum_exp(above.clone() * -self.alpha, positive) / self.alpha;
        pull + masked_log_one_plus_sum_exp(above * self.beta, negative) / self.beta
    }
}

/// The pairs that are informative, or can't be told to be easy because of a NaN.
fn informative(similar: Tensor<2>, partners: Partners, epsilon: f64) -> Partners {
    let Partners { positive, negative } = partners;
    let hardest_positive = similar.clone().mask_fill(positive.clone().bool_not(), f32::INFINITY).min_dim(1);
    let hardest_negative = similar.clone().mask_fill(negative.clone().bool_not(), f32::NEG_INFINITY).max_dim(1);
    let shape = similar.shape();
    let easy_positive = (similar.clone() - epsilon).greater_equal(hardest_negative.expand(shape.clone()));
    let easy_negative = (similar + epsilon).lower_equal(hardest_positive.expand(shape));
    Partners {
        positive: positive.bool_and(easy_positive.bool_not()),
        negative: negative.bool_and(easy_negative.bool_not()),
    }
}
