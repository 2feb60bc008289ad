//! Focal loss over a softmax.

use super::GAMMA;
use super::logit::{Targets, check_weights, true_class_logit};
use crate::error::{ConfigError, InputError};
use crate::fused::{HostSlice, attach_sum};
use crate::math::softplus;
use crate::reduction::{Reduction, Terms};
use burn::config::Config;
use burn::module::Module;
use burn::tensor::{Int, Tensor};
use losslab_kernels::{SoftmaxFocal, softmax_focal};

const NAME: &str = "focal";

/// Configuration of [`FocalLoss`].
#[derive(Config, Debug)]
pub struct FocalLossConfig {
    /// The focusing parameter γ in `[0, 100]`; 0 is (weighted) cross-entropy. Typical: 0 to 5. Default: 2.
    #[config(default = 2.0)]
    pub gamma: f64,
    /// A weight α for each class, at least 0. Default: none.
    pub alpha: Option<Vec<f32>>,
    /// Samples with this target don't count. Default: none.
    pub ignore_index: Option<i64>,
    /// How the terms become one number. Default: mean.
    #[config(default = "Reduction::Mean")]
    pub reduction: Reduction,
}

impl FocalLossConfig {
    /// Creates the loss.
    ///
    /// # Errors
    /// If γ is outside `[0, 100]`, or an α below 0 or not finite.
    pub fn try_init(&self) -> Result<FocalLoss, ConfigError> {
        ConfigError::check(NAME, "gamma", self.gamma, GAMMA)?;
        check_weights(NAME, "alpha", self.alpha.as_deref())?;
        Ok(FocalLoss {
            gamma: self.gamma,
            alpha: self.alpha.clone(),
            ignore_index: self.ignore_index,
            reduction: self.reduction,
        })
    }

    /// Creates the loss.
    ///
    /// # Panics
    /// Where [`try_init`](Self::try_init) returns an error.
    pub fn init(&self) -> FocalLoss {
        self.try_init().unwrap_or_else(|error| panic!("{error}"))
    }
}

/// Focal loss over a softmax: the multi-class form of Lin et al. 2017,
/// [arXiv:1708.02002](https://arxiv.org/abs/1708.02002).
///
/// ```text
/// L = α_y · (1 − p_y)^γ · (−ln p_y),    p = softmax(x)
/// ```
///
/// At γ = 0 it equals [`CrossEntropyLoss`](crate::CrossEntropyLoss) with the weights α: so [`Reduction::Mean`] divides by
/// the sum of the α of the samples, as PyTorch's weighted cross-entropy does. Much code divides by the number of samples
/// instead: [`Reduction::MeanPerSample`].
///
/// **Use it** for exclusive classes, some of them rare. **Don't** for multi-label outputs: that is
/// [`SigmoidFocalLoss`](crate::SigmoidFocalLoss), which also takes soft targets.
///
/// # Example
///
/// With two equal logits `p_y = ½`, so γ = 2 leaves a quarter of the cross-entropy:
///
/// ```
/// use burn::tensor::{Device, Int, Tensor};
/// use losslab::FocalLossConfig;
///
/// let device = Device::flex();
/// let loss = FocalLossConfig::new().init();
/// let value = loss.forward(Tensor::<2>::zeros([1, 2], &device), Tensor::<1, Int>::from_data([1], &device));
/// assert!((value.into_scalar::<f64>() - 0.25 * 2f64.ln()).abs() < 1e-7);
/// ```
#[derive(Module, Debug)]
pub struct FocalLoss {
    gamma: f64,
    #[module(skip)]
    pub(crate) alpha: Option<Vec<f32>>,
    #[module(skip)]
    pub(crate) ignore_index: Option<i64>,
    #[module(skip)]
    reduction: Reduction,
}

impl FocalLoss {
    /// The focusing parameter γ.
    pub fn gamma(&self) -> f64 {
        self.gamma
    }

    /// Sets the focusing parameter, between two steps of a schedule.
    ///
    /// # Errors
    /// If γ is outside `[0, 100]`; the loss then keeps its γ.
    pub fn set_gamma(&mut self, gamma: f64) -> Result<(), ConfigError> {
        ConfigError::check(NAME, "gamma", gamma, GAMMA)?;
        self.gamma = gamma;
        Ok(())
    }

    /// The reduced loss.
    ///
    /// # Shapes
    /// - `logits`: `[n, classes]`
    /// - `targets`: `[n]`, class indices in `[0, classes)` or the ignore index
    /// - output: `[1]`
    ///
    /// # Panics
    /// Where [`try_forward`](Self::try_forward) returns an error.
    pub fn forward(&self, logits: Tensor<2>, targets: Tensor<1, Int>) -> Tensor<1> {
        self.try_forward(logits, targets).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The reduced loss, as [`forward`](Self::forward).
    ///
    /// # Errors
    /// If the shapes don't fit, the number of α isn't that of the classes, or a target is no class.
    pub fn try_forward(&self, logits: Tensor<2>, targets: Tensor<1, Int>) -> Result<Tensor<1>, InputError> {
        let targets = self.check(&logits, targets)?;
        let Some(x) = HostSlice::of(&logits) else {
            return Ok(self.terms(logits, &targets).reduce(self.reduction));
        };
        let loss = SoftmaxFocal { gamma: self.gamma, alpha: self.alpha.as_deref(), ignore_index: self.ignore_index };
        Ok(attach_sum([logits], self.reduction, |[gradient]| {
            softmax_focal(loss, x.as_slice(), targets.classes, &targets.indices, gradient)
        }))
    }

    /// The reduced loss through plain tensor operations, which the kernel behind [`forward`](Self::forward) replaces
    /// for f32 tensors on the CPU.
    ///
    /// # Errors
    /// As [`try_forward`](Self::try_forward).
    pub fn forward_plain(&self, logits: Tensor<2>, targets: Tensor<1, Int>) -> Result<Tensor<1>, InputError> {
        let targets = self.check(&logits, targets)?;
        Ok(self.terms(logits, &targets).reduce(self.reduction))
    }

    /// The loss of every sample, shape `[n]`; 0 where ignored.
    ///
    /// # Panics
    /// Where [`try_forward`](Self::try_forward) returns an error.
    pub fn forward_no_reduction(&self, logits: Tensor<2>, targets: Tensor<1, Int>) -> Tensor<1> {
        let targets = self.check(&logits, targets).unwrap_or_else(|error| panic!("{error}"));
        self.terms(logits, &targets).values
    }

    pub(crate) fn check(&self, logits: &Tensor<2>, targets: Tensor<1, Int>) -> Result<Targets, InputError> {
        let alpha = self.alpha.as_deref().map(|alpha| ("alpha", alpha));
        Targets::check(NAME, logits, targets, self.ignore_index, alpha)
    }

    fn terms(&self, logits: Tensor<2>, targets: &Targets) -> Terms {
        let logits = targets.mask(logits);
        if targets.classes == 1 {
            // p_y is 1 whatever the logit, unless it is NaN.
            return targets.weigh(logits.clone().sub(logits).squeeze_dim(1), self.alpha.as_deref());
        }
        let hot = targets.one_hot(&logits);
        // The loss is the sigmoid focal loss of z, the logit of p_y, with target 1.
        let z = true_class_logit(logits, hot);
        let cross_entropy = softplus(-z.clone());
        let values = match self.gamma {
            0.0 => cross_entropy,
            gamma => cross_entropy * (softplus(z) * -gamma).exp(),
        };
        targets.weigh(values, self.alpha.as_deref())
    }
}
