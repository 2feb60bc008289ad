//! Focal loss over independent sigmoid outputs.

use super::GAMMA;
use crate::error::{ConfigError, InputError, Range};
use crate::fused::{HostSlice, attach_sum};
use crate::math::{in_f32, softplus};
use crate::reduction::{Reduction, Terms};
use burn::config::Config;
use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::activation::sigmoid;
use losslab_kernels::options::FocalAlpha;
use losslab_kernels::{SigmoidFocal, SigmoidFocalGradients, first_outside, sigmoid_focal};

const NAME: &str = "focal-sigmoid";

/// Configuration of [`SigmoidFocalLoss`].
#[derive(Config, Debug)]
pub struct SigmoidFocalLossConfig {
    /// The focusing parameter γ in `[0, 100]`; 0 is cross-entropy. Typical: 0 to 5. Default: 2.
    #[config(default = 2.0)]
    pub gamma: f64,
    /// The class weight α in `[0, 1]`. Default: `Balanced(0.25)`.
    #[config(default = "FocalAlpha::Balanced(0.25)")]
    pub alpha: FocalAlpha,
    /// How the terms become one number. Default: mean.
    #[config(default = "Reduction::Mean")]
    pub reduction: Reduction,
}

impl SigmoidFocalLossConfig {
    /// Creates the loss.
    ///
    /// # Errors
    /// If γ is outside `[0, 100]` or α outside `[0, 1]`.
    pub fn try_init(&self) -> Result<SigmoidFocalLoss, ConfigError> {
        ConfigError::check(NAME, "gamma", self.gamma, GAMMA)?;
        if let FocalAlpha::Balanced(alpha) | FocalAlpha::Uniform(alpha) = self.alpha {
            ConfigError::check(NAME, "alpha", alpha, Range::Within(0.0, 1.0))?;
        }
        Ok(SigmoidFocalLoss { gamma: self.gamma, alpha: self.alpha, reduction: self.reduction })
    }

    /// Creates the loss.
    ///
    /// # Panics
    /// Where [`try_init`](Self::try_init) returns an error.
    pub fn init(&self) -> SigmoidFocalLoss {
        self.try_init().unwrap_or_else(|error| panic!("{error}"))
    }
}

/// Focal loss over independent sigmoid outputs (Lin et al. 2017, [arXiv:1708.02002](https://arxiv.org/abs/1708.02002)).
///
/// ```text
/// p   = sigmoid(x)
/// p_t = p·t + (1 − p)·(1 − t)
/// L   = α_t · (1 − p_t)^γ · BCE(x, t)
/// ```
///
/// with `α_t = α·t + (1 − α)·(1 − t)` ([`FocalAlpha::Balanced`]), α ([`FocalAlpha::Uniform`]) or 1
/// ([`FocalAlpha::None`]). It is computed in log space: values and gradients are exact for logits of ±10⁴ and for every
/// γ ≥ 0, also between 0 and 1.
///
/// **Use it** where easy negatives are so many that they drown the rare class: detection, fraud, rare diseases. **Don't**
/// where calibrated probabilities matter: it flattens them. Before it, try cross-entropy with the threshold chosen on
/// validation data.
///
/// A mean divides by the number of elements; detectors divide the sum by the number of matched anchors:
/// use [`Reduction::Sum`] there.
///
/// # Example
///
/// At `p_t = 0.9` and γ = 2 a positive weighs `0.1² = 0.01` times its cross-entropy:
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use losslab::{FocalAlpha, SigmoidFocalLossConfig};
///
/// let device = Device::flex();
/// let loss = SigmoidFocalLossConfig::new().with_alpha(FocalAlpha::None).init();
/// let logits = Tensor::<1>::from_data([(0.9f32 / 0.1).ln()], &device);
/// let value = loss.forward(logits, Tensor::from_data([1.0], &device)).into_scalar::<f64>();
/// assert!((value - 0.01 * -(0.9f64.ln())).abs() < 1e-8);
/// ```
#[derive(Module, Debug)]
pub struct SigmoidFocalLoss {
    gamma: f64,
    #[module(skip)]
    pub(crate) alpha: FocalAlpha,
    #[module(skip)]
    reduction: Reduction,
}

impl SigmoidFocalLoss {
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
    /// - `logits`: any
    /// - `targets`: the same, with values in `[0, 1]`; one-hot or soft, never class indices
    /// - output: `[1]`
    ///
    /// # Panics
    /// Where [`try_forward`](Self::try_forward) returns an error.
    pub fn forward<const D: usize>(&self, logits: Tensor<D>, targets: Tensor<D>) -> Tensor<1> {
        self.try_forward(logits, targets).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The reduced loss, as [`forward`](Self::forward).
    ///
    /// # Errors
    /// If the shapes differ, or a target is outside `[0, 1]`.
    pub fn try_forward<const D: usize>(&self, logits: Tensor<D>, targets: Tensor<D>) -> Result<Tensor<1>, InputError> {
        let (Some(x), Some(t)) = (HostSlice::of(&logits), HostSlice::of(&targets)) else {
            return self.forward_plain(logits, targets);
        };
        check(&logits, &targets)?;
        let loss = SigmoidFocal { gamma: self.gamma as f32, alpha: self.alpha };
        Ok(attach_sum([logits, targets], self.reduction, |[logits, targets]| {
            sigmoid_focal(loss, x.as_slice(), t.as_slice(), SigmoidFocalGradients { logits, targets })
        }))
    }

    /// The reduced loss through plain tensor operations, which the kernel behind [`forward`](Self::forward) replaces
    /// for f32 tensors on the CPU.
    ///
    /// # Errors
    /// As [`try_forward`](Self::try_forward).
    pub fn forward_plain<const D: usize>(
        &self,
        logits: Tensor<D>,
        targets: Tensor<D>,
    ) -> Result<Tensor<1>, InputError> {
        check(&logits, &targets)?;
        let elements = logits.shape().num_elements();
        Ok(Terms::all(self.terms(logits, targets).reshape([elements])).reduce(self.reduction))
    }

    /// The loss of every element, in the shape of the logits.
    ///
    /// # Panics
    /// If the shapes differ, or a target is outside `[0, 1]`.
    pub fn forward_no_reduction<const D: usize>(&self, logits: Tensor<D>, targets: Tensor<D>) -> Tensor<D> {
        check(&logits, &targets).unwrap_or_else(|error| panic!("{error}"));
        self.terms(logits, targets)
    }

    fn terms<const D: usize>(&self, logits: Tensor<D>, targets: Tensor<D>) -> Tensor<D> {
        let (x, t) = (in_f32(logits), in_f32(targets));
        let against = -t.clone() + 1.0;
        let cross_entropy = softplus(-x.clone()) * t.clone() + softplus(x.clone()) * against.clone();
        let loss = match self.alpha {
            FocalAlpha::None => cross_entropy,
            FocalAlpha::Balanced(alpha) => cross_entropy * (t.clone() * (2.0 * alpha - 1.0) + (1.0 - alpha)),
            FocalAlpha::Uniform(alpha) => cross_entropy * alpha,
        };
        if self.gamma == 0.0 {
            return loss;
        }
        // 1 − p_t = p·(1 − t) + (1 − p)·t, where both products keep their digits. It vanishes only where the target is
        // wholly on the right side; its logarithm is −|x| there.
        let wrong = sigmoid(x.clone()) * against + sigmoid(-x.clone()) * t;
        let vanished = wrong.clone().lower_elem(1e-30);
        let log_wrong = wrong.clamp_min(1e-30).log().mask_where(vanished, -x.abs());
        loss * (log_wrong * self.gamma).exp()
    }
}

pub(crate) fn check<const D: usize>(logits: &Tensor<D>, targets: &Tensor<D>) -> Result<(), InputError> {
    InputError::check_shape(NAME, "targets", &targets.dims(), &logits.dims(), "(the shape of logits)")?;
    InputError::check_dtype(NAME, "targets", targets.dtype(), logits.dtype(), "(that of logits)")?;
    let found = match HostSlice::of(targets) {
        Some(t) => first_outside(t.as_slice(), 0.0..=1.0).map(|index| (index, t.as_slice()[index])),
        None => {
            let values =
                targets.clone().inner().into_data().convert::<f32>().try_into_vec::<f32>().expect("f32 values");
            first_outside(&values, 0.0..=1.0).map(|index| (index, values[index]))
        }
    };
    match found {
        None => Ok(()),
        Some((index, value)) => Err(InputError::Value {
            loss: NAME,
            tensor: "targets",
            allowed: "in [0, 1] (class indices must be one-hot encoded first)".into(),
            index,
            value: value.to_string(),
        }),
    }
}
