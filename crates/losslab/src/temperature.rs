//! The temperature of a contrastive loss: fixed, or learned with a cap.

use crate::error::{ConfigError, Range};
use burn::config::Config;
use burn::module::{Module, Param};
use burn::tensor::{DType, Device, Tensor};

/// Below it 1/τ leaves too few digits of a similarity in f32.
const LOWEST: Range = Range::AtLeast(1e-6);

/// Configuration of a [`Temperature`].
#[derive(Config, Debug)]
pub struct TemperatureConfig {
    /// The temperature τ, at least 1e-6; the initial one where it is learned. Default: 0.07.
    #[config(default = 0.07)]
    pub value: f64,
    /// Whether τ is a parameter that the optimiser changes. Default: false.
    #[config(default = false)]
    pub learned: bool,
    /// The lowest value that a learned τ takes. Default: 0.01, the cap of CLIP (a logit scale of at most 100).
    #[config(default = 0.01)]
    pub floor: f64,
}

impl TemperatureConfig {
    /// Creates the temperature on a device.
    ///
    /// # Errors
    /// If a value is below 1e-6, or a learned τ starts below its floor.
    pub fn try_init(&self, device: &Device) -> Result<Temperature, ConfigError> {
        ConfigError::check("temperature", "temperature", self.value, LOWEST)?;
        ConfigError::check("temperature", "floor", self.floor, LOWEST)?;
        if self.learned {
            ConfigError::check("temperature", "temperature", self.value, Range::AtLeast(self.floor))?;
        }
        let log_scale = Tensor::from_data([-self.value.ln() as f32], device);
        Ok(Temperature {
            log_scale: self.learned.then(|| Param::from_tensor(log_scale)),
            value: self.value,
            floor: self.floor,
        })
    }

    /// Creates the temperature on a device.
    ///
    /// # Panics
    /// Where [`try_init`](Self::try_init) returns an error.
    pub fn init(&self, device: &Device) -> Temperature {
        self.try_init(device).unwrap_or_else(|error| panic!("{error}"))
    }
}

/// A temperature τ, held as `ln(1/τ)` where it is learned, as in CLIP (Radford et al. 2021).
///
/// The scale `1/τ` never exceeds `1/floor` in the forward pass, while its gradient passes unchanged, so that a
/// temperature at its floor can rise again. CLIP also clips the parameter itself after each step of the optimiser:
/// [`Temperature::clip`] does that.
#[derive(Module, Debug)]
pub struct Temperature {
    /// `ln(1/τ)`, shape `[1]`, where τ is learned.
    pub log_scale: Option<Param<Tensor<1>>>,
    value: f64,
    floor: f64,
}

impl Temperature {
    /// The scale `1/τ` that multiplies similarities, shape `[1]`, on the device and of the float type asked for.
    pub fn scale(&self, device: &Device, dtype: DType) -> Tensor<1> {
        match &self.log_scale {
            None => Tensor::from_data([1.0 / self.value], (device, dtype)),
            Some(log_scale) => {
                let free = log_scale.val();
                let capped = free.clone().detach().clamp_max(-self.floor.ln());
                // Straight through: the value is capped, the gradient is not.
                (free.clone() + (capped - free.detach())).exp().cast(dtype)
            }
        }
    }

    /// The temperature in use.
    pub fn value(&self) -> f64 {
        match &self.log_scale {
            None => self.value,
            Some(log_scale) => (-log_scale.val().into_scalar::<f64>()).exp().max(self.floor),
        }
    }

    /// Whether the temperature is learned.
    pub fn is_learned(&self) -> bool {
        self.log_scale.is_some()
    }

    /// Sets a learned temperature that fell below its floor back to it. Call it after a step of the optimiser.
    pub fn clip(mut self) -> Self {
        let limit = -self.floor.ln();
        let clip = |value: Tensor<1>| {
            let (on_tape, trained) = (value.is_autodiff(), value.is_require_grad());
            // A new leaf: the old one belongs to the tape of the step before.
            let value = value.inner().clamp_max(limit);
            let value = if on_tape { value.autodiff() } else { value };
            if trained { value.require_grad() } else { value }
        };
        self.log_scale = self.log_scale.map(|log_scale| log_scale.map(clip));
        self
    }
}
