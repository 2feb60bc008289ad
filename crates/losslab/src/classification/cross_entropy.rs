//! Cross-entropy with class weights.

use super::label_smoothing::{LabelSmoothingLoss, LabelSmoothingLossConfig};
use crate::error::{ConfigError, InputError};
use crate::reduction::Reduction;
use burn::config::Config;
use burn::module::Module;
use burn::tensor::{Int, Tensor};

/// Configuration of [`CrossEntropyLoss`].
#[derive(Config, Debug)]
pub struct CrossEntropyLossConfig {
    /// A weight for each class, at least 0. Default: none.
    pub weights: Option<Vec<f32>>,
    /// Samples with this target don't count. Default: none.
    pub ignore_index: Option<i64>,
    /// How the terms become one number. Default: mean.
    #[config(default = "Reduction::Mean")]
    pub reduction: Reduction,
}

impl CrossEntropyLossConfig {
    /// Creates the loss.
    ///
    /// # Errors
    /// If a weight is below 0 or not finite.
    pub fn try_init(&self) -> Result<CrossEntropyLoss, ConfigError> {
        let smoothed = LabelSmoothingLossConfig::new()
            .with_smoothing(0.0)
            .with_weights(self.weights.clone())
            .with_ignore_index(self.ignore_index)
            .with_reduction(self.reduction);
        Ok(CrossEntropyLoss { smoothed: smoothed.try_init_as("cross-entropy")? })
    }

    /// Creates the loss.
    ///
    /// # Panics
    /// Where [`try_init`](Self::try_init) returns an error.
    pub fn init(&self) -> CrossEntropyLoss {
        self.try_init().unwrap_or_else(|error| panic!("{error}"))
    }
}

/// Cross-entropy over a softmax, with a weight for each class. The same as PyTorch's `CrossEntropyLoss`.
///
/// ```text
/// L = w_y · (−ln p_y),    p = softmax(x)
/// ```
///
/// [`Reduction::Mean`] divides by the sum of the weights of the samples, as PyTorch does;
/// [`Reduction::MeanPerSample`] by their number.
///
/// **Use it** first: it is the baseline of every other loss here. Weights against imbalance are commonly
/// `n / (classes · n_c)`. **Don't** expect weights to improve a ranking by score: they mostly move the threshold.
///
/// # Example
///
/// ```
/// use burn::tensor::{Device, Int, Tensor};
/// use losslab::CrossEntropyLossConfig;
///
/// let device = Device::flex();
/// let loss = CrossEntropyLossConfig::new().with_weights(Some(vec![1.0, 3.0])).init();
/// let logits = Tensor::<2>::from_data([[0.0, 0.0], [0.0, 3f32.ln()]], &device);
/// let targets = Tensor::<1, Int>::from_data([0, 1], &device);
/// let expected = (1.0 * 2f64.ln() + 3.0 * (4f64 / 3.0).ln()) / (1.0 + 3.0);
/// assert!((loss.forward(logits, targets).into_scalar::<f64>() - expected).abs() < 1e-7);
/// ```
#[derive(Module, Debug)]
pub struct CrossEntropyLoss {
    smoothed: LabelSmoothingLoss,
}

impl CrossEntropyLoss {
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
        self.smoothed.forward(logits, targets)
    }

    /// The reduced loss, as [`forward`](Self::forward).
    ///
    /// # Errors
    /// If the shapes don't fit, the number of weights isn't that of the classes, or a target is no class.
    pub fn try_forward(&self, logits: Tensor<2>, targets: Tensor<1, Int>) -> Result<Tensor<1>, InputError> {
        self.smoothed.try_forward(logits, targets)
    }

    /// The reduced loss through plain tensor operations, which the kernel behind [`forward`](Self::forward) replaces
    /// for f32 tensors on the CPU.
    ///
    /// # Errors
    /// As [`try_forward`](Self::try_forward).
    pub fn forward_plain(&self, logits: Tensor<2>, targets: Tensor<1, Int>) -> Result<Tensor<1>, InputError> {
        self.smoothed.forward_plain(logits, targets)
    }

    /// The loss of every sample, shape `[n]`; 0 where ignored.
    ///
    /// # Panics
    /// Where [`try_forward`](Self::try_forward) returns an error.
    pub fn forward_no_reduction(&self, logits: Tensor<2>, targets: Tensor<1, Int>) -> Tensor<1> {
        self.smoothed.forward_no_reduction(logits, targets)
    }
}
