//! Task weights that are learned with the model.

use crate::error::{ConfigError, InputError, Range};
use crate::math::in_f32;
use burn::config::Config;
use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use losslab_kernels::options::{Likelihood, UncertaintyForm};

const NAME: &str = "uncertainty";

/// Configuration of [`UncertaintyLoss`].
#[derive(Config, Debug)]
pub struct UncertaintyLossConfig {
    /// The number of tasks, at least 1.
    pub tasks: usize,
    /// The form of the weights. Default: `exp(−s)·L + s`.
    #[config(default = "UncertaintyForm::Unscaled")]
    pub form: UncertaintyForm,
    /// The initial `s = log σ²` of each task, in `[-80, 80]`. Default: 0 each.
    pub log_vars: Option<Vec<f64>>,
}

impl UncertaintyLossConfig {
    /// Creates the loss on a device.
    ///
    /// # Errors
    /// If there is no task, the number of likelihoods or of initial values isn't that of the tasks, or an
    /// initial value is out of range.
    pub fn try_init(&self, device: &Device) -> Result<UncertaintyLoss, ConfigError> {
        ConfigError::check(NAME, "tasks", self.tasks as f64, Range::AtLeast(1.0))?;
        let one_each = |parameter, found: usize| {
            let allowed = format!("{} values, one for each task", self.tasks);
            let wrong = ConfigError::new(NAME, parameter, allowed, format!("{found} values"));
            if found == self.tasks { Ok(()) } else { Err(wrong) }
        };
        if let UncertaintyForm::PerLikelihood(likelihoods) = &self.form {
            one_each("likelihoods", likelihoods.len())?;
        }
        let log_vars = self.log_vars.clone().unwrap_or_else(|| vec![0.0; self.tasks]);
        one_each("log_vars", log_vars.len())?;
        log_vars.iter().try_for_each(|&s| ConfigError::check(NAME, "log_vars", s, Range::Within(-80.0, 80.0)))?;
        let log_vars = log_vars.iter().map(|&s| s as f32).collect::<Vec<f32>>();
        Ok(UncertaintyLoss {
            log_vars: Param::from_tensor(Tensor::from_data(log_vars.as_slice(), device)),
            form: self.form.clone(),
        })
    }

    /// Creates the loss on a device.
    ///
    /// # Panics
    /// Where [`try_init`](Self::try_init) returns an error.
    pub fn init(&self, device: &Device) -> UncertaintyLoss {
        self.try_init(device).unwrap_or_else(|error| panic!("{error}"))
    }
}

/// Task losses weighted by a learned uncertainty (Kendall et al. 2018,
/// [arXiv:1705.07115](https://arxiv.org/abs/1705.07115)).
///
/// With `s = log σ²` of each task, a parameter that the optimiser trains with the model:
///
/// | form | term of a task |
/// |---|---|
/// | [`UncertaintyForm::Unscaled`] | `exp(−s)·L + s` |
/// | [`UncertaintyForm::Halved`] | `½·exp(−s)·L + ½·s = L/(2σ²) + log σ` |
/// | [`UncertaintyForm::PerLikelihood`], Gaussian (a squared error) | `½·exp(−s)·L + ½·s` |
/// | [`UncertaintyForm::PerLikelihood`], categorical (a cross-entropy) | `exp(−s)·L + ½·s` |
///
/// The first two differ by a factor 2 only. The loss can fall below 0: it is a negative log-likelihood. Leave the
/// parameters out of weight decay, which would pull every σ to 1.
///
/// **Use it** where tasks have different units. **Don't** where a task may reach a loss of 0: its weight grows without
/// bound.
///
/// # Example
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use losslab::UncertaintyLossConfig;
///
/// let device = Device::flex();
/// let loss = UncertaintyLossConfig::new(2).with_log_vars(Some(vec![0.0, 4f64.ln()])).init(&device);
/// let value = loss.forward(Tensor::from_data([0.5, 8.0], &device)).into_scalar::<f64>();
/// assert!((value - (0.5 + (8.0 / 4.0 + 4f64.ln()))).abs() < 1e-6);
/// ```
#[derive(Module, Debug)]
pub struct UncertaintyLoss {
    /// `s = log σ²` of each task, shape `[tasks]`.
    pub log_vars: Param<Tensor<1>>,
    #[module(skip)]
    form: UncertaintyForm,
}

impl UncertaintyLoss {
    /// The combined loss.
    ///
    /// # Shapes
    /// - `losses`: `[tasks]`, for example `Tensor::cat(vec![a, b], 0)`
    /// - output: `[1]`
    ///
    /// # Panics
    /// Where [`try_forward`](Self::try_forward) returns an error.
    pub fn forward(&self, losses: Tensor<1>) -> Tensor<1> {
        self.try_forward(losses).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The combined loss, as [`forward`](Self::forward).
    ///
    /// # Errors
    /// If the number of losses isn't that of the tasks.
    pub fn try_forward(&self, losses: Tensor<1>) -> Result<Tensor<1>, InputError> {
        Ok(self.terms(losses)?.sum())
    }

    /// The term of each task, shape `[tasks]`.
    ///
    /// # Panics
    /// If the number of losses isn't that of the tasks.
    pub fn forward_no_reduction(&self, losses: Tensor<1>) -> Tensor<1> {
        self.terms(losses).unwrap_or_else(|error| panic!("{error}"))
    }

    /// `σ` of each task, as the parameters stand.
    pub fn sigmas(&self) -> Vec<f64> {
        let log_vars = self.log_vars.val().into_data().convert::<f64>().try_into_vec::<f64>().expect("f64 values");
        log_vars.into_iter().map(|s| (0.5 * s).exp()).collect()
    }

    fn terms(&self, losses: Tensor<1>) -> Result<Tensor<1>, InputError> {
        let losses = in_f32(losses);
        let log_vars = self.log_vars.val().cast(losses.dtype());
        InputError::check_shape(NAME, "losses", &losses.dims(), &log_vars.dims(), "(one for each task)")?;
        let device = losses.device().inner();
        let factors = |of: fn(Likelihood) -> f32| match &self.form {
            UncertaintyForm::Unscaled => vec![1.0; log_vars.dims()[0]],
            UncertaintyForm::Halved => vec![0.5; log_vars.dims()[0]],
            UncertaintyForm::PerLikelihood(likelihoods) => likelihoods.iter().copied().map(of).collect::<Vec<f32>>(),
        };
        let constant = |values: Vec<f32>| Tensor::<1>::from_data(values.as_slice(), &device).cast(losses.dtype());
        let of_loss = constant(factors(|likelihood| match likelihood {
            Likelihood::Gaussian => 0.5,
            Likelihood::Categorical => 1.0,
        }));
        let of_log_var = constant(factors(|_| 0.5));
        Ok((-log_vars.clone()).exp() * losses * of_loss + log_vars * of_log_var)
    }
}
