//! ArcFace: a classifier with a margin on the angle of the true class.

use super::cosine_head::{Angle, CosineHead};
use crate::error::{ConfigError, InputError, Range};
use crate::reduction::Reduction;
use burn::config::Config;
use burn::module::Module;
use burn::tensor::{Device, Int, Tensor};
use losslab_kernels::options::ArcFaceBeyond;

const NAME: &str = "arc-face";

/// Configuration of [`ArcFaceLoss`].
#[derive(Config, Debug)]
pub struct ArcFaceLossConfig {
    /// The number of classes.
    pub classes: usize,
    /// The number of values of an embedding.
    pub width: usize,
    /// The margin m in radians, in [0, 1.5]. Typical: 0.1 to 0.5. Default: 0.5 (28.6°).
    #[config(default = 0.5)]
    pub margin: f64,
    /// The scale s of the cosines, above 0. Typical: 16 to 64. Default: 64.
    #[config(default = 64.0)]
    pub scale: f64,
    /// What takes the place of cos(θ + m) where it would rise again. Default: the monotone continuation.
    #[config(default = "ArcFaceBeyond::Monotone")]
    pub beyond: ArcFaceBeyond,
    /// How the terms become one number. Default: mean.
    #[config(default = "Reduction::Mean")]
    pub reduction: Reduction,
}

impl ArcFaceLossConfig {
    /// Creates the loss with random class vectors on a device.
    ///
    /// # Errors
    /// If the margin or the scale is out of range, or there are no classes or no dimensions.
    pub fn try_init(&self, device: &Device) -> Result<ArcFaceLoss, ConfigError> {
        ConfigError::check(NAME, "margin", self.margin, Range::Within(0.0, 1.5))?;
        let head = CosineHead::try_new(NAME, [self.classes, self.width], self.scale, self.reduction, device)?;
        Ok(ArcFaceLoss { head, margin: self.margin, beyond: self.beyond })
    }

    /// Creates the loss with random class vectors on a device.
    ///
    /// # Panics
    /// Where [`try_init`](Self::try_init) returns an error.
    pub fn init(&self, device: &Device) -> ArcFaceLoss {
        self.try_init(device).unwrap_or_else(|error| panic!("{error}"))
    }
}

/// Additive angular margin loss (Deng et al. 2019, [arXiv:1801.07698](https://arxiv.org/abs/1801.07698)): cross-entropy of
/// cosines, for which an embedding must be nearer to the vector of its class by an angle.
///
/// ```text
/// θ_c = angle between the embedding and the vector of class c
/// L   = −ln( exp(s·cos(θ_y + m)) / (exp(s·cos(θ_y + m)) + Σ_{c≠y} exp(s·cos θ_c)) )
/// ```
///
/// Where θ + m passes π, the cosine would rise again, and reward embeddings that are opposite to their class.
/// [`ArcFaceBeyond`] says what happens there:
///
/// | `beyond` | in place of cos(θ + m) | from | used by |
/// |---|---|---|---|
/// | [`ArcFaceBeyond::Monotone`] | `cos θ − m·sin m` | θ > π − m | the authors' code, pytorch-metric-learning |
/// | [`ArcFaceBeyond::EasyMargin`] | `cos θ` | θ ≥ π/2 | the same code, `easy_margin` |
/// | [`ArcFaceBeyond::Formula`] | nothing | | the paper's formula |
///
/// The monotone continuation falls on, but not without a step: at θ = π − m it is below the −1 that it comes from.
///
/// Gradients are finite also for an embedding that points exactly along the vector of its class, where the angle has a
/// kink, and for one that is opposite to it: the gradient of the angle is 0 there. A zero vector counts as at a right angle
/// to every class, with gradient 0.
///
/// Memory: the logits, `[n, classes]`, as for any classifier.
///
/// **Use it** for recognition with thousands of classes that are all seen in training, where embeddings are compared
/// by their angle later. **Don't** for new classes in every batch, or classes without a label:
/// [`SupConLoss`](crate::SupConLoss) and [`TripletLoss`](super::TripletLoss) need no vector for each.
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
/// use losslab::ArcFaceLossConfig;
///
/// let device = Device::flex();
/// let mut loss = ArcFaceLossConfig::new(2, 2).with_margin(0.3).with_scale(4.0).init(&device);
/// loss.head.weights = Param::from_tensor(Tensor::eye(2, &device));
/// let embeddings = Tensor::<2>::from_data([[0.5, 0.75f64.sqrt()]], &device);
/// let targets = Tensor::<1, Int>::from_data([0], &device);
/// let (sixty, thirty) = (60f64.to_radians(), 30f64.to_radians());
/// let expected = (1.0 + (4.0 * (thirty.cos() - (sixty + 0.3).cos())).exp()).ln();
/// assert!((loss.forward(embeddings, targets).into_scalar::<f64>() - expected).abs() < 1e-5);
/// ```
#[derive(Module, Debug)]
pub struct ArcFaceLoss {
    /// The class vectors, trained and saved with the module.
    pub head: CosineHead,
    margin: f64,
    #[module(skip)]
    beyond: ArcFaceBeyond,
}

impl ArcFaceLoss {
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

    /// `cos(θ + m)`, or what continues it.
    fn with_margin(&self, angle: Angle) -> Tensor<2> {
        let (cos, (sin_m, cos_m)) = (angle.cos(), self.margin.sin_cos());
        let shifted = cos.clone() * cos_m - angle.sin() * sin_m;
        match self.beyond {
            ArcFaceBeyond::Formula => shifted,
            ArcFaceBeyond::EasyMargin => {
                let beyond = cos.clone().lower_equal_elem(0.0);
                shifted.mask_where(beyond, cos)
            }
            ArcFaceBeyond::Monotone => {
                let beyond = cos.clone().lower_elem(-cos_m);
                shifted.mask_where(beyond, cos - self.margin * sin_m)
            }
        }
    }
}
