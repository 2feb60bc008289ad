//! CosFace: a classifier with a margin on the cosine of the true class.

use super::cosine_head::{Angle, CosineHead};
use crate::error::{ConfigError, InputError, Range};
use crate::reduction::Reduction;
use burn::config::Config;
use burn::module::Module;
use burn::tensor::{Device, Int, Tensor};

const NAME: &str = "cos-face";

/// Configuration of [`CosFaceLoss`].
#[derive(Config, Debug)]
pub struct CosFaceLossConfig {
    /// The number of classes.
    pub classes: usize,
    /// The number of values of an embedding.
    pub width: usize,
    /// The margin m of the cosine, in [0, 2]. Typical: 0.1 to 0.4. Default: 0.35.
    #[config(default = 0.35)]
    pub margin: f64,
    /// The scale s of the cosines, above 0. Typical: 16 to 64. Default: 64.
    #[config(default = 64.0)]
    pub scale: f64,
    /// How the terms become one number. Default: mean.
    #[config(default = "Reduction::Mean")]
    pub reduction: Reduction,
}

impl CosFaceLossConfig {
    /// Creates the loss with random class vectors on a device.
    ///
    /// # Errors
    /// If the margin or the scale is out of range, or there are no classes or no dimensions.
    pub fn try_init(&self, device: &Device) -> Result<CosFaceLoss, ConfigError> {
        ConfigError::check(NAME, "margin", self.margin, Range::Within(0.0, 2.0))?;
        let head = CosineHead::try_new(NAME, [self.classes, self.width], self.scale, self.reduction, device)?;
        Ok(CosFaceLoss { head, margin: self.margin })
    }

    /// Creates the loss with random class vectors on a device.
    ///
    /// # Panics
    /// Where [`try_init`](Self::try_init) returns an error.
    pub fn init(&self, device: &Device) -> CosFaceLoss {
        self.try_init(device).unwrap_or_else(|error| panic!("{error}"))
    }
}

/// Large margin cosine loss (Wang et al. 2018, [arXiv:1801.09414](https://arxiv.org/abs/1801.09414)): cross-entropy of
/// cosines, for which the cosine to the vector of the true class must be larger by a margin.
///
/// ```text
/// θ_c = angle between the embedding and the vector of class c
/// L   = −ln( exp(s·(cos θ_y − m)) / (exp(s·(cos θ_y − m)) + Σ_{c≠y} exp(s·cos θ_c)) )
/// ```
///
/// The margin is the same at every angle, and there is nothing to continue, unlike in
/// [`ArcFaceLoss`](super::ArcFaceLoss). A margin of 0 is the normalised softmax.
///
/// Memory: the logits, `[n, classes]`, as for any classifier.
///
/// **Use it** as [`ArcFaceLoss`](super::ArcFaceLoss), which is somewhat harder to start: this loss is the milder one while
/// angles are still wide. **Don't** for classes that training doesn't know.
///
/// The class vectors are trained with the model: keep the loss in the module that the optimiser gets. At inference
/// [`CosineHead::scores`] gives the scores without a margin.
///
/// # Example
///
/// Two classes along the axes; the embedding lies at 60° to its own and at 30° to the other:
///
/// ```
/// use burn::module::Param;
/// use burn::tensor::{Device, Int, Tensor};
/// use losslab::CosFaceLossConfig;
///
/// let device = Device::flex();
/// let mut loss = CosFaceLossConfig::new(2, 2).with_margin(0.2).with_scale(4.0).init(&device);
/// loss.head.weights = Param::from_tensor(Tensor::eye(2, &device));
/// let embeddings = Tensor::<2>::from_data([[0.5, 0.75f64.sqrt()]], &device);
/// let targets = Tensor::<1, Int>::from_data([0], &device);
/// let expected = (1.0 + (4.0 * (0.75f64.sqrt() - (0.5 - 0.2))).exp()).ln();
/// assert!((loss.forward(embeddings, targets).into_scalar::<f64>() - expected).abs() < 1e-5);
/// ```
#[derive(Module, Debug)]
pub struct CosFaceLoss {
    /// The class vectors, trained and saved with the module.
    pub head: CosineHead,
    margin: f64,
}

impl CosFaceLoss {
    /// The reduced loss.
    ///
    /// # Shapes
    /// - `embeddings`: `[n, d]`
    /// - `targets`: `[n]`, class indices in `[0, classes)`
    /// - output: `[1]`
    ///
    /// # Panics
    /// Where [`try_forward`](Self::try_forward) returns an error.
    pub fn forward(&self, embeddings: Tensor<2>, targets: Tensor<1, Int>) -> Tensor<1> {
        self.try_forward(embeddings, targets).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The reduced loss, as [`forward`](Self::forward).
    ///
    /// # Errors
    /// If the shapes don't fit, or a target is no class.
    pub fn try_forward(&self, embeddings: Tensor<2>, targets: Tensor<1, Int>) -> Result<Tensor<1>, InputError> {
        self.head.forward(embeddings, targets, |angle| self.with_margin(angle))
    }

    /// The loss of every sample, shape `[n]`.
    ///
    /// # Panics
    /// Where [`try_forward`](Self::try_forward) returns an error.
    pub fn forward_no_reduction(&self, embeddings: Tensor<2>, targets: Tensor<1, Int>) -> Tensor<1> {
        let terms = self.head.terms(embeddings, targets, |angle| self.with_margin(angle));
        terms.unwrap_or_else(|error| panic!("{error}"))
    }

    /// `cos θ − m`.
    fn with_margin(&self, angle: Angle) -> Tensor<2> {
        angle.cos() - self.margin
    }
}
