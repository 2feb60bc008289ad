//! DCL: NT-Xent without the positive in the denominator.

use super::memory::memory;
use super::pairing::log_sum_exp;
use super::sup_con::attach_scale;
use crate::embedding::prepare;
use crate::error::{ConfigError, InputError, Range};
use crate::fused::{HostSlice, attach_value, nothing, sum_over_blocks};
use crate::math::in_f32;
use crate::reduction::Reduction;
use crate::temperature::{Temperature, TemperatureConfig};
use burn::config::Config;
use burn::module::Module;
use burn::tensor::activation::softmax;
use burn::tensor::{Bool, Device, Int, Tensor, TensorData};
use losslab_kernels::{Dcl, dcl};

const NAME: &str = "dcl";

/// Configuration of [`DclLoss`].
#[derive(Config, Debug)]
pub struct DclLossConfig {
    /// The temperature τ, fixed or learned. Typical: 0.07 to 0.5. Default: 0.1, fixed.
    #[config(default = "TemperatureConfig::new().with_value(0.1)")]
    pub temperature: TemperatureConfig,
    /// The σ of the weights of DCLW, above 0 (the paper has 0.5), or none for DCL. Default: none.
    pub sigma: Option<f64>,
    /// Whether embeddings are brought to length 1 first: the similarity is the cosine if so, the dot product if not.
    /// Default: true.
    #[config(default = true)]
    pub normalize: bool,
    /// How the terms of the 2n views become one number. Default: mean.
    #[config(default = "Reduction::Mean")]
    pub reduction: Reduction,
}

impl DclLossConfig {
    /// Creates the loss; the device holds the temperature if it is learned.
    ///
    /// # Errors
    /// If the temperature or σ is out of range.
    pub fn try_init(&self, device: &Device) -> Result<DclLoss, ConfigError> {
        if let Some(sigma) = self.sigma {
            ConfigError::check(NAME, "sigma", sigma, Range::Above(0.0))?;
        }
        let temperature = self.temperature.try_init(device).map_err(|error| ConfigError { loss: NAME, ..error })?;
        Ok(DclLoss { temperature, sigma: self.sigma, normalize: self.normalize, reduction: self.reduction })
    }

    /// Creates the loss; the device holds the temperature if it is learned.
    ///
    /// # Panics
    /// Where [`try_init`](Self::try_init) returns an error.
    pub fn init(&self, device: &Device) -> DclLoss {
        self.try_init(device).unwrap_or_else(|error| panic!("{error}"))
    }
}

/// Decoupled contrastive loss (Yeh et al. 2022, [arXiv:2110.06848](https://arxiv.org/abs/2110.06848)).
///
/// ```text
/// s_ij = sim(z_i, z_j) / τ        z = the first views, then the second ones, 2n in all
/// L_i  = −w_i · s_i,view(i) + ln Σ_{j ∉ {i, view(i)}} exp(s_ij)
/// w_i  = 1                                             DCL
/// w_i  = 2 − exp(c_i/σ) / mean_k exp(c_k/σ)            DCLW, c_i = sim(z_i, z_view(i))
/// ```
///
/// It is [`NtXentLoss`](super::NtXentLoss) without the positive in the denominator. There the gradient of a sample is
/// multiplied by `1 − p` of its positive, which is near 0 for easy positives in small batches; here it isn't. The loss can
/// fall below 0, and has no lower bound but that of the similarities.
///
/// DCLW gives a sample the more weight the farther its two views are apart. The weights are constants for the gradient.
///
/// A single sample has no negatives, and costs 0.
///
/// Memory: as [`InfoNceLoss`](super::InfoNceLoss); only half of the similarities are computed.
///
/// **Use it** for self-supervised training in batches of a few hundred or fewer, where
/// [`NtXentLoss`](super::NtXentLoss) loses accuracy. **Don't** where the value itself must say how well positives are
/// told from negatives: it is no cross-entropy.
///
/// # Example
///
/// Two samples whose views are equal, at a right angle to each other: a view meets its positive with similarity 1, and in
/// the denominator two negatives with 0.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use losslab::{DclLossConfig, TemperatureConfig};
///
/// let device = Device::flex();
/// let loss = DclLossConfig::new().with_temperature(TemperatureConfig::new().with_value(0.5)).init(&device);
/// let views = Tensor::<2>::eye(2, &device);
/// let expected = -1.0 / 0.5 + 2f64.ln();
/// assert!((loss.forward(views.clone(), views).into_scalar::<f64>() - expected).abs() < 1e-6);
/// ```
#[derive(Module, Debug)]
pub struct DclLoss {
    /// The temperature; a learned one is trained and saved with the module.
    pub temperature: Temperature,
    #[module(skip)]
    sigma: Option<f64>,
    normalize: bool,
    #[module(skip)]
    reduction: Reduction,
}

impl DclLoss {
    /// The reduced loss.
    ///
    /// # Shapes
    /// - `first`, `second`: `[n, d]`, row `i` of both from one sample
    /// - output: `[1]`
    ///
    /// # Panics
    /// Where [`try_forward`](Self::try_forward) returns an error.
    pub fn forward(&self, first: Tensor<2>, second: Tensor<2>) -> Tensor<1> {
        self.try_forward(first, second).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The reduced loss, as [`forward`](Self::forward).
    ///
    /// # Errors
    /// If the shapes don't fit.
    pub fn try_forward(&self, first: Tensor<2>, second: Tensor<2>) -> Result<Tensor<1>, InputError> {
        let all = join(first, second)?;
        let Some(values) = HostSlice::of(&all) else {
            return Ok(self.plain(all));
        };
        let (width, scale) = (all.dims()[1], self.temperature.scale(&all.device().inner(), all.dtype()));
        let log_scale = scale.is_tracked();
        let loss = Dcl {
            temperature: 1.0 / scale.clone().into_scalar::<f64>(),
            sigma: self.sigma,
            normalize: self.normalize,
            reduction: self.reduction,
            memory: memory(),
        };
        let mut by_log_scale = None;
        let value = attach_value([all], |[gradient]| {
            let found = dcl(&loss, values.as_slice(), width, gradient, log_scale);
            by_log_scale = found.by_log_scale;
            found.value
        });
        Ok(attach_scale(value, scale, by_log_scale))
    }

    /// The reduced loss through plain tensor operations, which the kernel behind [`forward`](Self::forward) replaces
    /// for f32 tensors on the CPU.
    ///
    /// # Errors
    /// As [`try_forward`](Self::try_forward).
    pub fn forward_plain(&self, first: Tensor<2>, second: Tensor<2>) -> Result<Tensor<1>, InputError> {
        Ok(self.plain(join(first, second)?))
    }

    fn plain(&self, all: Tensor<2>) -> Tensor<1> {
        let views = self.views(all);
        let rows = views.count();
        let valid = if views.samples > 1 { rows as u64 } else { 0 };
        let inputs = [views.all.clone(), views.scale.clone()];
        sum_over_blocks(inputs, rows, rows, valid, self.reduction, |[all, scale], rows| {
            Some(views.terms(all, scale, rows))
        })
    }

    /// The loss of every view, shape `[2n]`: of the first views, then of the second ones. It holds the whole matrix of
    /// similarities.
    ///
    /// # Panics
    /// Where [`try_forward`](Self::try_forward) returns an error.
    pub fn forward_no_reduction(&self, first: Tensor<2>, second: Tensor<2>) -> Tensor<1> {
        let views = self.views(join(first, second).unwrap_or_else(|error| panic!("{error}")));
        views.terms(views.all.clone(), views.scale.clone(), 0..views.count())
    }

    fn views(&self, all: Tensor<2>) -> Views {
        let all = prepare(all, self.normalize);
        let samples = all.dims()[0] / 2;
        let scale = self.temperature.scale(&all.device().inner(), all.dtype()).reshape([1, 1]);
        let weights = self.sigma.filter(|_| samples > 1).map(|sigma| {
            let views = all.clone().inner();
            let [first, second] = [0..samples, samples..2 * samples].map(|rows| views.clone().slice(rows));
            let similar = (first * second).sum_dim(1).squeeze_dim::<1>(1);
            let weights = -softmax(similar / sigma, 0) * samples as f64 + 2.0;
            Tensor::cat(vec![weights.clone(), weights], 0)
        });
        Views { all, samples, scale, weights }
    }
}

/// The first views, then the second ones.
fn join(first: Tensor<2>, second: Tensor<2>) -> Result<Tensor<2>, InputError> {
    let shape = first.dims();
    InputError::check_width(NAME, "first", shape)?;
    InputError::check_shape(NAME, "second", &second.dims(), &shape, "(that of first)")?;
    InputError::check_dtype(NAME, "second", second.dtype(), first.dtype(), "(that of first)")?;
    Ok(Tensor::cat(vec![in_f32(first), in_f32(second)], 0))
}

/// All views of a batch.
struct Views {
    /// The first views, then the second ones.
    all: Tensor<2>,
    samples: usize,
    /// 1/τ, shape `[1, 1]`.
    scale: Tensor<2>,
    /// The weight of each view's positive, where it isn't 1.
    weights: Option<Tensor<1>>,
}

impl Views {
    fn count(&self) -> usize {
        2 * self.samples
    }

    /// The terms of some views.
    fn terms(&self, all: Tensor<2>, scale: Tensor<2>, rows: std::ops::Range<usize>) -> Tensor<1> {
        let (count, samples) = (self.count(), self.samples);
        if samples < 2 {
            return nothing(all, rows.len());
        }
        let device = all.device().inner();
        let logits = all.clone().slice(rows.clone()).matmul(all.transpose()) * scale;
        let views = rows.clone().map(|i| ((i + samples) % count) as i64).collect::<Vec<i64>>();
        let views = Tensor::<1, Int>::from_data(views.as_slice(), &device).unsqueeze_dim::<2>(1);
        let positive = logits.clone().gather(1, views).squeeze_dim::<1>(1);
        let of_sample = rows.clone().flat_map(|i| (0..count).map(move |j| i % samples == j % samples)).collect();
        let of_sample = TensorData::new::<bool, _>(of_sample, [rows.len(), count]);
        let of_sample = Tensor::<2, Bool>::from_data(of_sample, &device);
        let negatives = log_sum_exp(logits.mask_fill(of_sample, f32::NEG_INFINITY)).squeeze_dim(1);
        match &self.weights {
            None => negatives - positive,
            Some(weights) => negatives - positive * weights.clone().slice(rows),
        }
    }
}
