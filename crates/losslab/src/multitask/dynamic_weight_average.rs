//! Weights by how fast the losses fall.

use super::{check_each, weigh};
use crate::error::{ConfigError, InputError, Range};
use burn::config::Config;
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

const NAME: &str = "dynamic-weight-average";

/// Configuration of [`DynamicWeightAverage`].
#[derive(Config, Debug)]
pub struct DynamicWeightAverageConfig {
    /// The number of tasks, at least 1.
    pub tasks: usize,
    /// T, above 0: the larger, the more equal the weights. Default: 2.
    #[config(default = 2.0)]
    pub temperature: f64,
}

impl DynamicWeightAverageConfig {
    /// Creates the method, with weights 1.
    ///
    /// # Errors
    /// If there is no task, or the temperature isn't above 0.
    pub fn try_init(&self) -> Result<DynamicWeightAverage, ConfigError> {
        ConfigError::check(NAME, "tasks", self.tasks as f64, Range::AtLeast(1.0))?;
        ConfigError::check(NAME, "temperature", self.temperature, Range::Above(0.0))?;
        let weights = vec![1.0; self.tasks];
        Ok(DynamicWeightAverage { temperature: self.temperature, weights, last: None })
    }

    /// Creates the method, with weights 1.
    ///
    /// # Panics
    /// Where [`try_init`](Self::try_init) returns an error.
    pub fn init(&self) -> DynamicWeightAverage {
        self.try_init().unwrap_or_else(|error| panic!("{error}"))
    }
}

/// Dynamic weight average: DWA (Liu et al. 2019, [arXiv:1803.10704](https://arxiv.org/abs/1803.10704)).
///
/// ```text
/// L     = Σₖ wₖ·Lₖ
/// λₖ    = Lₖ(t−1) / Lₖ(t−2)                      mean losses of the last two epochs
/// wₖ(t) = K · exp(λₖ/T) / Σᵢ exp(λᵢ/T)           K: the number of tasks
/// ```
///
/// A task whose loss falls more slowly gets more weight. The weights are 1 until two epochs are known, and their sum is
/// always K. They don't depend on the scale of the losses, so they don't balance it either. With one task the weight is 1.
///
/// A loss that was 0 two epochs ago has no ratio: λ is then 1, as of a loss that stays. A NaN, an infinite or a negative
/// number is an error, and changes nothing.
///
/// **Use it** for its price: it needs no gradient. **Don't** for losses of different scale, unless they are divided by
/// their values at the start.
///
/// The state (weights and the last losses) is saved with serde; a loaded one goes on as the saved one would have, to the
/// last bit if the format keeps f64 exactly (serde_json needs its feature `float_roundtrip` for that).
///
/// # Example
///
/// ```
/// use losslab::DynamicWeightAverageConfig;
///
/// let mut balance = DynamicWeightAverageConfig::new(2).init();
/// balance.update(&[1.0, 20.0])?; // the mean losses of the first epoch
/// assert_eq!(balance.weights(), [1.0, 1.0]);
/// balance.update(&[0.5, 18.0])?; // λ = 0.5 and 0.9
/// let expected = 2.0 / (1.0 + (0.4f64 / 2.0).exp());
/// assert!((balance.weights()[0] - expected).abs() < 1e-12); // 0.900, and 1.100 for the second
/// # Ok::<(), losslab::InputError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DynamicWeightAverage {
    temperature: f64,
    weights: Vec<f64>,
    /// The mean losses of the last epoch.
    last: Option<Vec<f64>>,
}

impl DynamicWeightAverage {
    /// The weight of each task in the coming epoch; their sum is the number of tasks.
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// The weighted sum of the losses, shape `[1]`, from losses of shape `[tasks]`.
    ///
    /// # Panics
    /// Where [`try_forward`](Self::try_forward) returns an error.
    pub fn forward(&self, losses: Tensor<1>) -> Tensor<1> {
        self.try_forward(losses).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The weighted sum, as [`forward`](Self::forward).
    ///
    /// # Errors
    /// If the number of losses isn't that of the tasks.
    pub fn try_forward(&self, losses: Tensor<1>) -> Result<Tensor<1>, InputError> {
        weigh(NAME, &self.weights, losses)
    }

    /// Ends an epoch, of which these are the mean unweighted losses.
    ///
    /// # Errors
    /// If there isn't one number for each task, or one is negative, NaN or infinite; nothing then changes.
    pub fn update(&mut self, losses: &[f64]) -> Result<(), InputError> {
        check_each(NAME, "losses", losses, self.weights.len(), Range::AtLeast(0.0))?;
        if let Some(before) = self.last.replace(losses.to_vec()) {
            let ratio =
                |(now, before): (&f64, f64)| Some(now / before).filter(|ratio| ratio.is_finite()).unwrap_or(1.0);
            let exponents = losses.iter().zip(before).map(|pair| ratio(pair) / self.temperature).collect::<Vec<f64>>();
            // The largest one is taken out: `exp` would overflow.
            let largest = exponents.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let parts = exponents.iter().map(|exponent| (exponent - largest).exp()).collect::<Vec<f64>>();
            let scale = parts.len() as f64 / parts.iter().sum::<f64>();
            self.weights = parts.into_iter().map(|part| part * scale).collect();
        }
        Ok(())
    }
}
