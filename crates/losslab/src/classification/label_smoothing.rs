//! Cross-entropy against smoothed labels.

use super::logit::{Targets, check_weights, true_class_logit};
use crate::error::{ConfigError, InputError, Range};
use crate::fused::{HostSlice, attach_sum};
use crate::math::softplus;
use crate::reduction::{Reduction, Terms};
use burn::config::Config;
use burn::module::Module;
use burn::tensor::activation::log_softmax;
use burn::tensor::{Int, Tensor};
use losslab_kernels::options::SmoothingConvention;
use losslab_kernels::{CrossEntropy, cross_entropy};

/// Configuration of [`LabelSmoothingLoss`].
#[derive(Config, Debug)]
pub struct LabelSmoothingLossConfig {
    /// The smoothing ε in `[0, 1]`. Typical: 0 to 0.2. Default: 0.1.
    #[config(default = 0.1)]
    pub smoothing: f64,
    /// Where the smoothed mass goes. Default: ε/K to every class.
    #[config(default = "SmoothingConvention::Uniform")]
    pub convention: SmoothingConvention,
    /// A weight for each class, at least 0. Default: none.
    pub weights: Option<Vec<f32>>,
    /// Samples with this target don't count. Default: none.
    pub ignore_index: Option<i64>,
    /// How the terms become one number. Default: mean.
    #[config(default = "Reduction::Mean")]
    pub reduction: Reduction,
}

impl LabelSmoothingLossConfig {
    /// Creates the loss.
    ///
    /// # Errors
    /// If ε is outside `[0, 1]`, or a weight is below 0 or not finite.
    pub fn try_init(&self) -> Result<LabelSmoothingLoss, ConfigError> {
        self.try_init_as("label-smoothing")
    }

    pub(crate) fn try_init_as(&self, name: &'static str) -> Result<LabelSmoothingLoss, ConfigError> {
        ConfigError::check(name, "smoothing", self.smoothing, Range::Within(0.0, 1.0))?;
        check_weights(name, "weights", self.weights.as_deref())?;
        Ok(LabelSmoothingLoss {
            name,
            smoothing: self.smoothing,
            convention: self.convention,
            weights: self.weights.clone(),
            ignore_index: self.ignore_index,
            reduction: self.reduction,
        })
    }

    /// Creates the loss.
    ///
    /// # Panics
    /// Where [`try_init`](Self::try_init) returns an error.
    pub fn init(&self) -> LabelSmoothingLoss {
        self.try_init().unwrap_or_else(|error| panic!("{error}"))
    }
}

/// Cross-entropy against smoothed labels (Szegedy et al. 2016, [arXiv:1512.00567](https://arxiv.org/abs/1512.00567)).
///
/// ```text
/// L = Σ_c w_c · q_c · (−ln p_c),    p = softmax(x)
/// ```
///
/// | convention | true class | each other class | used by |
/// |---|---|---|---|
/// | [`SmoothingConvention::Uniform`] | `1 − ε + ε/K` | `ε/K` | the paper, PyTorch |
/// | [`SmoothingConvention::Others`] | `1 − ε` | `ε/(K−1)` | much sequence code |
///
/// Both describe the same family: `Others` at ε equals `Uniform` at `ε·K/(K−1)`, weights apart. ε = 0 is cross-entropy.
/// With class weights the value equals PyTorch's (`Uniform`), and [`Reduction::Mean`] divides by the sum of the weights
/// of the true classes.
///
/// **Use it** against overconfidence where labels are noisy or many. **Don't** where a student will learn from this
/// model's probabilities, nor in place of temperature scaling where only calibration is wanted.
///
/// # Example
///
/// With K = 4 and ε = 0.1 the targets are 0.925 and 0.025; uniform logits cost `ln 4` all the same:
///
/// ```
/// use burn::tensor::{Device, Int, Tensor};
/// use losslab::LabelSmoothingLossConfig;
///
/// let device = Device::flex();
/// let loss = LabelSmoothingLossConfig::new().init();
/// let targets = Tensor::<1, Int>::from_data([2], &device);
/// let value = loss.forward(Tensor::<2>::zeros([1, 4], &device), targets.clone()).into_scalar::<f64>();
/// assert!((value - 4f64.ln()).abs() < 1e-6);
///
/// let sure = Tensor::<2>::from_data([[0.0, 0.0, 10.0, 0.0]], &device);
/// let log_sum = (3.0 + 10f64.exp()).ln();
/// let expected = 0.925 * (log_sum - 10.0) + 3.0 * 0.025 * log_sum;
/// assert!((loss.forward(sure, targets).into_scalar::<f64>() - expected).abs() < 1e-6);
/// ```
#[derive(Module, Debug)]
pub struct LabelSmoothingLoss {
    /// Cross-entropy is this loss with ε = 0: errors then carry its name.
    #[module(skip)]
    name: &'static str,
    smoothing: f64,
    #[module(skip)]
    convention: SmoothingConvention,
    #[module(skip)]
    weights: Option<Vec<f32>>,
    #[module(skip)]
    ignore_index: Option<i64>,
    #[module(skip)]
    reduction: Reduction,
}

impl LabelSmoothingLoss {
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
    /// If the shapes don't fit, the number of weights isn't that of the classes, a target is no class, or
    /// [`SmoothingConvention::Others`] meets a single class.
    pub fn try_forward(&self, logits: Tensor<2>, targets: Tensor<1, Int>) -> Result<Tensor<1>, InputError> {
        let targets = self.check(&logits, targets)?;
        let Some(x) = HostSlice::of(&logits) else {
            return Ok(self.terms(logits, &targets).reduce(self.reduction));
        };
        let loss = CrossEntropy {
            smoothing: self.smoothing,
            convention: self.convention,
            weights: self.weights.as_deref(),
            ignore_index: self.ignore_index,
        };
        Ok(attach_sum([logits], self.reduction, |[gradient]| {
            cross_entropy(loss, x.as_slice(), targets.classes, &targets.indices, gradient)
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

    fn check(&self, logits: &Tensor<2>, targets: Tensor<1, Int>) -> Result<Targets, InputError> {
        let weights = self.weights.as_deref().map(|weights| ("weights", weights));
        let targets = Targets::check(self.name, logits, targets, self.ignore_index, weights)?;
        if targets.classes == 1 && self.smoothing > 0.0 && self.convention == SmoothingConvention::Others {
            return Err(InputError::Shape {
                loss: self.name,
                tensor: "logits",
                expected: "[n, 2 or more] (the convention `others` gives ε/(K−1) to each of the other classes)".into(),
                found: logits.dims().to_vec(),
            });
        }
        Ok(targets)
    }

    fn terms(&self, logits: Tensor<2>, targets: &Targets) -> Terms {
        let logits = targets.mask(logits);
        let weights = self.weights.as_deref();
        if targets.classes == 1 {
            // p_y is 1 whatever the logit, unless it is NaN.
            return targets.weigh(logits.clone().sub(logits).squeeze_dim(1), weights);
        }
        let hot = targets.one_hot(&logits);
        let true_class = softplus(-true_class_logit(logits.clone(), hot.clone()));
        let mut terms = targets.weigh(true_class * (1.0 - self.smoothing), weights);
        if self.smoothing > 0.0 {
            // The smoothed mass goes by the weight of the class that receives it, not by that of the sample.
            let share = match self.convention {
                SmoothingConvention::Uniform => self.smoothing / targets.classes as f64,
                SmoothingConvention::Others => self.smoothing / (targets.classes as f64 - 1.0),
            };
            let mut far = -log_softmax(logits, 1);
            if self.convention == SmoothingConvention::Others {
                far = far.mask_fill(hot, 0);
            }
            if let Some(weights) = weights {
                let weights = Tensor::<1>::from_data(weights, &far.device().inner()).cast(far.dtype());
                far = far * weights.unsqueeze();
            }
            terms.values = terms.values + targets.weigh(far.sum_dim(1).squeeze_dim(1) * share, None).values;
        }
        terms
    }
}
