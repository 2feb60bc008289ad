//! A fixed combination of task losses.

use crate::error::{ConfigError, InputError, Range};
use crate::math::in_f32;
use burn::config::Config;
use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};

const NAME: &str = "weighted-sum";

/// Configuration of [`WeightedSumLoss`].
#[derive(Config, Debug)]
pub struct WeightedSumLossConfig {
    /// The number of tasks, at least 1.
    pub tasks: usize,
    /// A weight for each task, at least 0. Default: 1 each.
    pub weights: Option<Vec<f64>>,
    /// The loss of each task at the start of training, above 0; each loss is divided by its own. Default: 1 each.
    pub initial: Option<Vec<f64>>,
}

impl WeightedSumLossConfig {
    /// Creates the loss on a device.
    ///
    /// # Errors
    /// If there is no task, the number of weights or initial losses isn't that of the tasks, a weight is below 0, an
    /// initial loss isn't above 0, or one isn't finite.
    pub fn try_init(&self, device: &Device) -> Result<WeightedSumLoss, ConfigError> {
        ConfigError::check(NAME, "tasks", self.tasks as f64, Range::AtLeast(1.0))?;
        Ok(WeightedSumLoss {
            weights: constants("weights", self.tasks, &self.weights, Range::AtLeast(0.0), device)?,
            initial: constants("initial", self.tasks, &self.initial, Range::Above(0.0), device)?,
        })
    }

    /// Creates the loss on a device.
    ///
    /// # Panics
    /// Where [`try_init`](Self::try_init) returns an error.
    pub fn init(&self, device: &Device) -> WeightedSumLoss {
        self.try_init(device).unwrap_or_else(|error| panic!("{error}"))
    }
}

fn constants(
    parameter: &'static str,
    tasks: usize,
    values: &Option<Vec<f64>>,
    range: Range,
    device: &Device,
) -> Result<Param<Tensor<1>>, ConfigError> {
    let values = values.clone().unwrap_or_else(|| vec![1.0; tasks]);
    if values.len() != tasks {
        let allowed = format!("{tasks} numbers, one for each task");
        return Err(ConfigError::new(NAME, parameter, allowed, format!("{} numbers", values.len())));
    }
    // They are held in f32, so they must be in range there.
    let values = values.iter().map(|&value| value as f32).collect::<Vec<f32>>();
    values.iter().try_for_each(|&value| ConfigError::check(NAME, parameter, value.into(), range))?;
    // A parameter without gradient: it is saved with the module, but not trained.
    Ok(Param::from_tensor(Tensor::from_data(values.as_slice(), device)).set_require_grad(false))
}

/// A weighted sum of task losses, each divided by its loss at the start where that is given.
///
/// ```text
/// L = Σ_i w_i · L_i / L_i(0)
/// ```
///
/// Dividing by the initial losses brings tasks of different scale to 1 at the start, so that the weights mean something.
/// Weights and initial losses are held in f32 and saved with the module, and a loaded record brings them back.
///
/// **Use it** first: a tuned fixed sum is hard to beat. **Don't** where scales drift apart in training:
/// see [`UncertaintyLoss`](crate::UncertaintyLoss).
///
/// # Example
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use losslab::WeightedSumLossConfig;
///
/// let device = Device::flex();
/// let classify = Tensor::<1>::from_data([1.15], &device);
/// let reconstruct = Tensor::<1>::from_data([50.0], &device);
/// let loss = WeightedSumLossConfig::new(2).with_initial(Some(vec![2.3, 100.0])).init(&device);
/// let value = loss.forward(Tensor::cat(vec![classify, reconstruct], 0)).into_scalar::<f64>();
/// assert!((value - (0.5 + 0.5)).abs() < 1e-6);
/// ```
#[derive(Module, Debug)]
pub struct WeightedSumLoss {
    weights: Param<Tensor<1>>,
    initial: Param<Tensor<1>>,
}

impl WeightedSumLoss {
    /// Divides each loss by its value in `losses` from now on, shape `[tasks]`: those of the first batch, say.
    ///
    /// # Errors
    /// If their number isn't that of the tasks, or one isn't above 0 and finite; the loss then stays as it is.
    pub fn set_initial(&mut self, losses: Tensor<1>) -> Result<(), InputError> {
        let tasks = self.weights.val().dims();
        InputError::check_shape(NAME, "losses", &losses.dims(), &tasks, "(one for each task)")?;
        let values = losses.into_data().convert::<f32>().try_into_vec::<f32>().expect("converted to f32");
        if let Some(index) = values.iter().position(|&value| !(value > 0.0 && value.is_finite())) {
            let (tensor, allowed, value) = ("losses", "above 0 and finite".to_owned(), values[index].to_string());
            return Err(InputError::Value { loss: NAME, tensor, allowed, index, value });
        }
        let device = self.initial.val().device();
        let values = Tensor::from_data(values.as_slice(), &device);
        self.initial = Param::from_tensor(values).set_require_grad(false);
        Ok(())
    }

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

    /// The weighted loss of each task, shape `[tasks]`.
    ///
    /// # Panics
    /// If the number of losses isn't that of the tasks.
    pub fn forward_no_reduction(&self, losses: Tensor<1>) -> Tensor<1> {
        self.terms(losses).unwrap_or_else(|error| panic!("{error}"))
    }

    fn terms(&self, losses: Tensor<1>) -> Result<Tensor<1>, InputError> {
        let tasks = self.weights.val().dims();
        InputError::check_shape(NAME, "losses", &losses.dims(), &tasks, "(one for each task)")?;
        let losses = in_f32(losses);
        let factors = (self.weights.val() / self.initial.val()).inner();
        Ok(losses.clone() * factors.cast(losses.dtype()))
    }
}
