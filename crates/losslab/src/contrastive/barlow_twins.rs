//! Barlow Twins: the features of two views are correlated each with itself, and with no other.

use super::features::{centred, of_views, own};
use crate::distance::normalize;
use crate::error::{ConfigError, InputError, Range};
use crate::fused::{nothing, sum_over_blocks};
use crate::reduction::Reduction;
use burn::config::Config;
use burn::module::Module;
use burn::tensor::Tensor;
use losslab_kernels::options::ZeroVariance;

const NAME: &str = "barlow-twins";

/// Configuration of [`BarlowTwinsLoss`].
#[derive(Config, Debug)]
pub struct BarlowTwinsLossConfig {
    /// The weight λ of the correlations between different features, at least 0. Default: 0.005.
    #[config(default = 0.005)]
    pub lambda: f64,
    /// What standardises a feature that hardly varies over the batch. Default: the variance plus 1e-5.
    #[config(default = "ZeroVariance::Epsilon")]
    pub zero_variance: ZeroVariance,
    /// How the terms of the features become one number. Default: sum, as in the paper.
    #[config(default = "Reduction::Sum")]
    pub reduction: Reduction,
}

impl BarlowTwinsLossConfig {
    /// Creates the loss.
    ///
    /// # Errors
    /// If λ is out of range.
    pub fn try_init(&self) -> Result<BarlowTwinsLoss, ConfigError> {
        ConfigError::check(NAME, "lambda", self.lambda, Range::AtLeast(0.0))?;
        Ok(BarlowTwinsLoss { lambda: self.lambda, zero_variance: self.zero_variance, reduction: self.reduction })
    }

    /// Creates the loss.
    ///
    /// # Panics
    /// Where [`try_init`](Self::try_init) returns an error.
    pub fn init(&self) -> BarlowTwinsLoss {
        self.try_init().unwrap_or_else(|error| panic!("{error}"))
    }
}

/// Barlow Twins (Zbontar et al. 2021, [arXiv:2103.03230](https://arxiv.org/abs/2103.03230)). There are no negatives: what
/// two views share is spread over features that don't repeat each other.
///
/// ```text
/// C_ij = correlation over the batch of feature i of the first view and feature j of the second
/// L_i  = (1 − C_ii)² + λ · Σ_{j≠i} C_ij²
/// ```
///
/// The paper sums over the features, so that the loss grows with their number; [`Reduction::Mean`] doesn't. Features are
/// standardised over the batch here, with the variance over n; give the loss plain outputs of the projection head.
///
/// A feature that doesn't vary over the batch has no correlation. It counts as 0, which costs 1 for itself;
/// [`ZeroVariance`] says whether it has a gradient by which it can vary again.
///
/// Memory: a few tensors of a block of rows of the correlation matrix, each of about 4 million values, and a few times the
/// batch. [`forward_no_reduction`](Self::forward_no_reduction) holds the whole matrix, `d²` values.
///
/// **Use it** for self-supervised training in small or medium batches (the paper: from 256 on), with a wide projection head
/// (the paper: 8,192). **Don't** where features are fewer than the factors that they are to hold, nor with a handful of
/// samples: a correlation of n values is off by about 1/√n.
///
/// # Example
///
/// Four samples whose views are equal, with two features that are uncorrelated: the loss is 0. With the second view's
/// features exchanged, both are correlated with the wrong one: `2·(1 + λ)`.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use losslab::{BarlowTwinsLossConfig, ZeroVariance};
///
/// let device = Device::flex();
/// let loss = BarlowTwinsLossConfig::new().with_zero_variance(ZeroVariance::Zero).init();
/// let views = Tensor::<2>::from_data([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]], &device);
/// assert!(loss.forward(views.clone(), views.clone()).into_scalar::<f64>() < 1e-12);
/// let value = loss.forward(views.clone(), views.flip([1])).into_scalar::<f64>();
/// assert!((value - 2.0 * (1.0 + 0.005)).abs() < 1e-6);
/// ```
#[derive(Module, Debug)]
pub struct BarlowTwinsLoss {
    lambda: f64,
    #[module(skip)]
    zero_variance: ZeroVariance,
    #[module(skip)]
    reduction: Reduction,
}

impl BarlowTwinsLoss {
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
        let views = of_views(NAME, first, second)?.map(|features| self.standardised(features));
        let [features, samples] = views[0].dims();
        let valid = if samples == 0 { 0 } else { features as u64 };
        Ok(sum_over_blocks(views, features, features + samples, valid, self.reduction, |views, rows| {
            Some(self.terms(views, rows))
        }))
    }

    /// The term of every feature, shape `[d]`. It holds the whole correlation matrix.
    ///
    /// # Panics
    /// Where [`try_forward`](Self::try_forward) returns an error.
    pub fn forward_no_reduction(&self, first: Tensor<2>, second: Tensor<2>) -> Tensor<1> {
        let views = of_views(NAME, first, second).unwrap_or_else(|error| panic!("{error}"));
        let features = views[0].dims()[0];
        self.terms(views.map(|features| self.standardised(features)), 0..features)
    }

    /// Features with mean 0, whose products are correlations: of length 1, or less by the epsilon.
    fn standardised(&self, features: Tensor<2>) -> Tensor<2> {
        let (samples, shape) = (features.dims()[1], features.shape());
        if samples == 0 {
            return features;
        }
        let mean = features.clone().inner().mean_dim(1);
        let centred = centred(features);
        match self.zero_variance {
            ZeroVariance::Epsilon => {
                let squares = centred.clone().square().sum_dim(1);
                centred / (squares + 1e-5 * samples as f64).sqrt()
            }
            ZeroVariance::Zero => {
                let constant = centred.clone().inner().abs().max_dim(1).lower_equal(mean.abs() * 1e-6);
                normalize(centred.mask_fill(constant.expand(shape), 0))
            }
        }
    }

    /// The terms of some features.
    fn terms(&self, [a, b]: [Tensor<2>; 2], rows: std::ops::Range<usize>) -> Tensor<1> {
        if a.dims()[1] == 0 || rows.is_empty() {
            return nothing(a, rows.len());
        }
        let correlation = a.slice(rows.clone()).matmul(b.transpose());
        let own = own(rows, &correlation);
        let different = correlation.clone().mask_fill(own.clone(), 0).square().sum_dim(1) * self.lambda;
        let same = correlation.mask_fill(own.bool_not(), 0).sum_dim(1);
        ((-same + 1.0).square() + different).squeeze_dim(1)
    }
}
