//! NT-Xent: two views of each sample, every view against all others of the batch.

use super::sup_con::{SupConLoss, SupConLossConfig};
use crate::error::{ConfigError, InputError};
use crate::math::in_f32;
use crate::reduction::Reduction;
use crate::temperature::TemperatureConfig;
use burn::config::Config;
use burn::module::Module;
use burn::tensor::{Device, Tensor};

const NAME: &str = "nt-xent";

/// Configuration of [`NtXentLoss`].
#[derive(Config, Debug)]
pub struct NtXentLossConfig {
    /// The temperature τ, fixed or learned. Typical: 0.05 to 0.5. Default: 0.1, fixed, as in SimCLR on ImageNet.
    #[config(default = "TemperatureConfig::new().with_value(0.1)")]
    pub temperature: TemperatureConfig,
    /// Whether embeddings are brought to length 1 first: the similarity is the cosine if so, the dot product if not.
    /// Default: true.
    #[config(default = true)]
    pub normalize: bool,
    /// How the terms of the 2n views become one number. Default: mean.
    #[config(default = "Reduction::Mean")]
    pub reduction: Reduction,
}

impl NtXentLossConfig {
    /// Creates the loss; the device holds the temperature if it is learned.
    ///
    /// # Errors
    /// If the temperature is out of range.
    pub fn try_init(&self, device: &Device) -> Result<NtXentLoss, ConfigError> {
        let config = SupConLossConfig::new()
            .with_temperature(self.temperature.clone())
            .with_normalize(self.normalize)
            .with_reduction(self.reduction);
        let views = config.try_init(device).map_err(|error| ConfigError { loss: NAME, ..error })?;
        Ok(NtXentLoss { views })
    }

    /// Creates the loss; the device holds the temperature if it is learned.
    ///
    /// # Panics
    /// Where [`try_init`](Self::try_init) returns an error.
    pub fn init(&self, device: &Device) -> NtXentLoss {
        self.try_init(device).unwrap_or_else(|error| panic!("{error}"))
    }
}

/// Normalised temperature-scaled cross-entropy, the loss of SimCLR (Chen et al. 2020,
/// [arXiv:2002.05709](https://arxiv.org/abs/2002.05709)).
///
/// ```text
/// s_ij = sim(z_i, z_j) / τ        z = the first views, then the second ones, 2n in all
/// L_i  = −ln( exp(s_i,view(i)) / Σ_{j≠i} exp(s_ij) )
/// ```
///
/// Unlike [`InfoNceLoss`](super::InfoNceLoss) between two sets, a view also meets the other views of its own set as
/// negatives: 2n − 2 of them.
///
/// Memory: as [`InfoNceLoss`](super::InfoNceLoss); only half of the similarities are computed.
///
/// **Use it** for self-supervised training with two augmentations of each sample, in large batches. **Don't** where
/// labels are known: [`SupConLoss`] then has more positives and no false negatives.
///
/// # Example
///
/// Two samples whose views are equal, at a right angle to each other: of the three others, a view meets its positive with
/// similarity 1 and two negatives with 0.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use losslab::{NtXentLossConfig, TemperatureConfig};
///
/// let device = Device::flex();
/// let loss = NtXentLossConfig::new().with_temperature(TemperatureConfig::new().with_value(0.5)).init(&device);
/// let views = Tensor::<2>::eye(2, &device);
/// let expected = (1.0 + 2.0 * (-1.0 / 0.5f64).exp()).ln();
/// assert!((loss.forward(views.clone(), views).into_scalar::<f64>() - expected).abs() < 1e-6);
/// ```
#[derive(Module, Debug)]
pub struct NtXentLoss {
    /// The samples are the labels of the views. Its temperature, if learned, is trained and saved with the module.
    pub views: SupConLoss,
}

impl NtXentLoss {
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
        let (views, samples) = join(first, second)?;
        Ok(self.views.reduce(views, samples))
    }

    /// The reduced loss through plain tensor operations, which the kernel behind [`forward`](Self::forward) replaces
    /// for f32 tensors on the CPU.
    ///
    /// # Errors
    /// As [`try_forward`](Self::try_forward).
    pub fn forward_plain(&self, first: Tensor<2>, second: Tensor<2>) -> Result<Tensor<1>, InputError> {
        let (views, samples) = join(first, second)?;
        Ok(self.views.reduce_plain(views, samples))
    }

    /// The loss of every view, shape `[2n]`: of the first views, then of the second ones. It holds the whole matrix of
    /// similarities.
    ///
    /// # Panics
    /// Where [`try_forward`](Self::try_forward) returns an error.
    pub fn forward_no_reduction(&self, first: Tensor<2>, second: Tensor<2>) -> Tensor<1> {
        let (views, samples) = join(first, second).unwrap_or_else(|error| panic!("{error}"));
        self.views.terms(views, samples)
    }
}

/// All views, each with the number of its sample.
fn join(first: Tensor<2>, second: Tensor<2>) -> Result<(Tensor<2>, Vec<i64>), InputError> {
    let [samples, width] = first.dims();
    InputError::check_width(NAME, "first", [samples, width])?;
    InputError::check_shape(NAME, "second", &second.dims(), &[samples, width], "(that of first)")?;
    InputError::check_dtype(NAME, "second", second.dtype(), first.dtype(), "(that of first)")?;
    let numbers = (0..samples as i64).chain(0..samples as i64).collect();
    Ok((Tensor::cat(vec![in_f32(first), in_f32(second)], 0), numbers))
}
