//! VICReg: two views stay near each other, features keep their variance and share no information.

use super::features::{centred, of_views, own};
use crate::error::{ConfigError, InputError, Range};
use crate::fused::{nothing, sum_over_blocks};
use crate::math::hinge;
use crate::reduction::Reduction;
use burn::config::Config;
use burn::module::Module;
use burn::tensor::Tensor;
use losslab_kernels::options::VicRegForm;

const NAME: &str = "vicreg";

/// Is added to the variance of a feature, so that its root has a gradient at 0.
const EPSILON: f64 = 1e-4;

/// Configuration of [`VicRegLoss`].
#[derive(Config, Debug)]
pub struct VicRegLossConfig {
    /// The weight λ of the distance between the two views, at least 0. Default: 25.
    #[config(default = 25.0)]
    pub invariance: f64,
    /// The weight μ of the variance of each feature, at least 0. Default: 25.
    #[config(default = 25.0)]
    pub variance: f64,
    /// The weight ν of the covariance of features, at least 0. Default: 1.
    #[config(default = 1.0)]
    pub covariance: f64,
    /// What the weights multiply: the paper, its equations and its code differ. Default: the paper's algorithm.
    #[config(default = "VicRegForm::Algorithm")]
    pub form: VicRegForm,
    /// How the terms of the features become one number. Default: mean.
    #[config(default = "Reduction::Mean")]
    pub reduction: Reduction,
}

impl VicRegLossConfig {
    /// Creates the loss.
    ///
    /// # Errors
    /// If a weight is out of range.
    pub fn try_init(&self) -> Result<VicRegLoss, ConfigError> {
        let weights = [("invariance", self.invariance), ("variance", self.variance), ("covariance", self.covariance)];
        for (parameter, weight) in weights {
            ConfigError::check(NAME, parameter, weight, Range::AtLeast(0.0))?;
        }
        Ok(VicRegLoss {
            invariance: self.invariance,
            variance: self.variance,
            covariance: self.covariance,
            form: self.form,
            reduction: self.reduction,
        })
    }

    /// Creates the loss.
    ///
    /// # Panics
    /// Where [`try_init`](Self::try_init) returns an error.
    pub fn init(&self) -> VicRegLoss {
        self.try_init().unwrap_or_else(|error| panic!("{error}"))
    }
}

/// Variance-invariance-covariance regularisation (Bardes et al. 2022,
/// [arXiv:2105.04906](https://arxiv.org/abs/2105.04906)). There are no negatives: collapse is prevented feature by feature.
///
/// For each feature j of n samples, with variances and covariances over n − 1:
///
/// ```text
/// L_j = λ · 1/n Σ_b (z_bj − z'_bj)²
///     + μ · [max(0, 1 − √(var_j(z) + 1e-4)) + max(0, 1 − √(var_j(z') + 1e-4))]
///     + ν · [Σ_{i≠j} cov_ij(z)² + Σ_{i≠j} cov_ij(z')²]
/// ```
///
/// [`Reduction::Mean`] over the d features is the loss of the paper's algorithm. The literature has three readings of the
/// weights, one of which [`VicRegForm`] chooses:
///
/// | form | differs by | used by |
/// |---|---|---|
/// | [`VicRegForm::Algorithm`] | | the paper's algorithm |
/// | [`VicRegForm::Equations`] | λ·d in place of λ | the paper's equations |
/// | [`VicRegForm::Code`] | ½·μ in place of μ | the authors' code, pytorch-metric-learning |
///
/// A single sample has variance and covariance 0.
///
/// Memory: a few tensors of a block of rows of the covariance matrix, each of about 4 million values, and a few times the
/// batch. [`forward_no_reduction`](Self::forward_no_reduction) holds the whole matrix, `d²` values.
///
/// **Use it** for self-supervised training in small or medium batches, with a wide projection head (the paper: 8,192), and
/// where the two views come from different networks or modalities: each is regularised by itself. **Don't** normalise its
/// inputs to length 1, and don't put it on a narrow embedding: decorrelation needs room.
///
/// # Example
///
/// Four samples whose views are equal, with two features of variance 4/3 that share nothing: all three parts are 0. With the
/// second view moved by 1 in one feature of two, the invariance is ½.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use losslab::VicRegLossConfig;
///
/// let device = Device::flex();
/// let loss = VicRegLossConfig::new().init();
/// let views = Tensor::<2>::from_data([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]], &device);
/// assert_eq!(loss.forward(views.clone(), views.clone()).into_scalar::<f64>(), 0.0);
/// let moved = views.clone() + Tensor::from_data([[1.0, 0.0]], &device);
/// assert!((loss.forward(views, moved).into_scalar::<f64>() - 25.0 * 0.5).abs() < 1e-5);
/// ```
#[derive(Module, Debug)]
pub struct VicRegLoss {
    invariance: f64,
    variance: f64,
    covariance: f64,
    #[module(skip)]
    form: VicRegForm,
    #[module(skip)]
    reduction: Reduction,
}

impl VicRegLoss {
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
        let views = of_views(NAME, first, second)?;
        let [features, samples] = views[0].dims();
        let valid = if samples == 0 { 0 } else { features as u64 };
        Ok(sum_over_blocks(views, features, features + samples, valid, self.reduction, |views, rows| {
            Some(self.terms(views, rows))
        }))
    }

    /// The term of every feature, shape `[d]`. It holds the whole covariance matrix.
    ///
    /// # Panics
    /// Where [`try_forward`](Self::try_forward) returns an error.
    pub fn forward_no_reduction(&self, first: Tensor<2>, second: Tensor<2>) -> Tensor<1> {
        let views = of_views(NAME, first, second).unwrap_or_else(|error| panic!("{error}"));
        let features = views[0].dims()[0];
        self.terms(views, 0..features)
    }

    /// The terms of some features.
    fn terms(&self, [a, b]: [Tensor<2>; 2], rows: std::ops::Range<usize>) -> Tensor<1> {
        let [features, samples] = a.dims();
        if samples == 0 || rows.is_empty() {
            return nothing(a, rows.len());
        }
        let [of_invariance, of_variance] = match self.form {
            VicRegForm::Algorithm => [1.0, 1.0],
            VicRegForm::Equations => [features as f64, 1.0],
            VicRegForm::Code => [1.0, 0.5],
        };
        let apart = a.clone().slice(rows.clone()) - b.clone().slice(rows.clone());
        let invariance = apart.square().mean_dim(1) * (self.invariance * of_invariance);
        let degrees = (samples.max(2) - 1) as f64;
        let regularised = [a, b].map(|views| {
            let all = centred(views);
            let some = all.clone().slice(rows.clone());
            let deviation = (some.clone().square().sum_dim(1) / degrees + EPSILON).sqrt();
            let variance = hinge(-deviation + 1.0) * (self.variance * of_variance);
            let covariance = some.matmul(all.transpose()) / degrees;
            let own = own(rows.clone(), &covariance);
            variance + covariance.mask_fill(own, 0).square().sum_dim(1) * self.covariance
        });
        let [first, second] = regularised;
        (invariance + first + second).squeeze_dim(1)
    }
}
