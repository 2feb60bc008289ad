//! SupCon: every sample against the others of its batch, by labels.

use super::memory::memory;
use super::pairing::Pairing;
use crate::embedding::{prepare, read_labels};
use crate::error::{ConfigError, InputError};
use crate::fused::{HostSlice, attach, attach_value, sum_over_blocks};
use crate::math::in_f32;
use crate::reduction::Reduction;
use crate::temperature::{Temperature, TemperatureConfig};
use burn::config::Config;
use burn::module::Module;
use burn::tensor::{Device, Int, Tensor};
use losslab_kernels::options::{Positives, SupConForm};
use losslab_kernels::{SelfContrastive, self_contrastive};

const NAME: &str = "sup-con";

/// Configuration of [`SupConLoss`].
#[derive(Config, Debug)]
pub struct SupConLossConfig {
    /// The temperature τ, fixed or learned. Typical: 0.05 to 0.5. Default: 0.1, fixed.
    #[config(default = "TemperatureConfig::new().with_value(0.1)")]
    pub temperature: TemperatureConfig,
    /// How several positives enter. Default: outside of the logarithm, which the paper found better.
    #[config(default = "SupConForm::Outside")]
    pub form: SupConForm,
    /// Whether embeddings are brought to length 1 first: the similarity is the cosine if so, the dot product if not.
    /// Default: true.
    #[config(default = true)]
    pub normalize: bool,
    /// How the terms of the samples that have a positive become one number. Default: mean.
    #[config(default = "Reduction::Mean")]
    pub reduction: Reduction,
}

impl SupConLossConfig {
    /// Creates the loss; the device holds the temperature if it is learned.
    ///
    /// # Errors
    /// If the temperature is out of range.
    pub fn try_init(&self, device: &Device) -> Result<SupConLoss, ConfigError> {
        let temperature = self.temperature.try_init(device).map_err(|error| ConfigError { loss: NAME, ..error })?;
        Ok(SupConLoss { temperature, normalize: self.normalize, form: self.form, reduction: self.reduction })
    }

    /// Creates the loss; the device holds the temperature if it is learned.
    ///
    /// # Panics
    /// Where [`try_init`](Self::try_init) returns an error.
    pub fn init(&self, device: &Device) -> SupConLoss {
        self.try_init(device).unwrap_or_else(|error| panic!("{error}"))
    }
}

/// Supervised contrastive loss (Khosla et al. 2020, [arXiv:2004.11362](https://arxiv.org/abs/2004.11362)).
///
/// ```text
/// s_ij  = sim(z_i, z_j) / τ
/// p_ij  = exp(s_ij) / Σ_{k≠i} exp(s_ik)
/// L_out = −(1/|P(i)|) Σ_{j∈P(i)} ln p_ij        L_in = −ln( (1/|P(i)|) Σ_{j∈P(i)} p_ij )
/// ```
///
/// `P(i)` are the other samples of the label of `i`; samples alone with their label don't count. With several views of
/// each sample, give all views as rows, each with the label of its sample.
///
/// Memory: as [`InfoNceLoss`](super::InfoNceLoss); only half of the similarities are computed.
///
/// **Use it** to pre-train an encoder with labels, or where classes are many and batches hold several samples of each
/// ([`PkSampler`](crate::PkSampler)). **Don't** where most labels come once in a batch, and don't expect it to keep
/// apart what a label joins: with several clusters a class it pulls them together.
///
/// # Example
///
/// Two equal vectors of one label and one at a right angle: each of the pair has similarity 1 to its positive and 0 to
/// the other sample, which is alone.
///
/// ```
/// use burn::tensor::{Device, Int, Tensor};
/// use losslab::{SupConLossConfig, TemperatureConfig};
///
/// let device = Device::flex();
/// let loss = SupConLossConfig::new().with_temperature(TemperatureConfig::new().with_value(0.5)).init(&device);
/// let embeddings = Tensor::<2>::from_data([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0]], &device);
/// let labels = Tensor::<1, Int>::from_data([7, 7, 3], &device);
/// let expected = (1.0 + (-1.0 / 0.5f64).exp()).ln();
/// assert!((loss.forward(embeddings, labels).into_scalar::<f64>() - expected).abs() < 1e-6);
/// ```
#[derive(Module, Debug)]
pub struct SupConLoss {
    /// The temperature; a learned one is trained and saved with the module.
    pub temperature: Temperature,
    normalize: bool,
    #[module(skip)]
    form: SupConForm,
    #[module(skip)]
    reduction: Reduction,
}

impl SupConLoss {
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
        Ok(self.reduce(embeddings, labels))
    }

    /// The reduced loss through plain tensor operations, which the kernel behind [`forward`](Self::forward) replaces
    /// for f32 tensors on the CPU.
    ///
    /// # Errors
    /// As [`try_forward`](Self::try_forward).
    pub fn forward_plain(&self, embeddings: Tensor<2>, labels: Tensor<1, Int>) -> Result<Tensor<1>, InputError> {
        let labels = read_labels(NAME, &embeddings, labels)?;
        Ok(self.reduce_plain(embeddings, labels))
    }

    /// The loss of every sample, shape `[n]`; 0 where it has no positive. It holds the whole matrix of similarities.
    ///
    /// # Panics
    /// Where [`try_forward`](Self::try_forward) returns an error.
    pub fn forward_no_reduction(&self, embeddings: Tensor<2>, labels: Tensor<1, Int>) -> Tensor<1> {
        let labels = read_labels(NAME, &embeddings, labels).unwrap_or_else(|error| panic!("{error}"));
        self.terms(embeddings, labels)
    }

    pub(super) fn reduce(&self, embeddings: Tensor<2>, labels: Vec<i64>) -> Tensor<1> {
        let embeddings = in_f32(embeddings);
        let Some(values) = HostSlice::of(&embeddings) else {
            return self.reduce_plain(embeddings, labels);
        };
        let width = embeddings.dims()[1];
        let scale = self.scale(&embeddings);
        let log_scale = scale.is_tracked();
        let loss = SelfContrastive {
            temperature: 1.0 / scale.clone().into_scalar::<f64>(),
            normalize: self.normalize,
            labels: &labels,
            form: self.form,
            reduction: self.reduction,
            memory: memory(),
        };
        let mut by_log_scale = None;
        let value = attach_value([embeddings], |[gradient]| {
            let found = self_contrastive(&loss, values.as_slice(), width, gradient, log_scale);
            by_log_scale = found.by_log_scale;
            found.value
        });
        attach_scale(value, scale, by_log_scale)
    }

    pub(super) fn reduce_plain(&self, embeddings: Tensor<2>, labels: Vec<i64>) -> Tensor<1> {
        let x = prepare(embeddings, self.normalize);
        let (scale, rows) = (self.scale(&x).reshape([1, 1]), labels.len());
        let pairing = self.pairing(labels);
        sum_over_blocks([x, scale], rows, rows, pairing.valid(), self.reduction, |[x, scale], rows| {
            Some(pairing.terms(x.clone(), x, scale, rows))
        })
    }

    pub(super) fn terms(&self, embeddings: Tensor<2>, labels: Vec<i64>) -> Tensor<1> {
        let x = prepare(embeddings, self.normalize);
        let (scale, rows) = (self.scale(&x).reshape([1, 1]), labels.len());
        self.pairing(labels).terms(x.clone(), x, scale, 0..rows)
    }

    fn pairing(&self, labels: Vec<i64>) -> Pairing {
        let positives = match self.form {
            SupConForm::Outside => Positives::Outside,
            SupConForm::Inside => Positives::Inside,
        };
        Pairing::within(labels, positives)
    }

    /// 1/τ, shape `[1]`.
    fn scale(&self, like: &Tensor<2>) -> Tensor<1> {
        self.temperature.scale(&like.device().inner(), like.dtype())
    }
}

/// Attaches the derivative with respect to `ln(1/τ)` to the scale `1/τ`: that with respect to the scale is τ times it.
pub(super) fn attach_scale(value: Tensor<1>, scale: Tensor<1>, by_log_scale: Option<f64>) -> Tensor<1> {
    let gradient = by_log_scale.map(|gradient| {
        let temperature = 1.0 / scale.clone().into_scalar::<f64>();
        Tensor::from_data([(gradient * temperature) as f32], &scale.device().inner())
    });
    attach(value, scale, gradient)
}
