//! How much the loss can rise close to a solution.

use super::directions::normal;
use super::error::{LandscapeError, NAME};
use super::loss::LossLandscape;
use super::vector::{norm, plus};
use crate::error::{ConfigError, Range};
use burn::config::Config;
use burn::module::Module;
use burn::tensor::Tensor;
use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};

/// Configuration of [`LossLandscape::sharpness`].
#[derive(Config, Debug)]
pub struct SharpnessConfig {
    /// The radius of the ball as a share of the length of the parameter vector, above 0. Default: 0.05.
    #[config(default = 0.05)]
    pub radius: f64,
    /// Steps of the ascent from each start, at least 1. Default: 10.
    #[config(default = 10)]
    pub steps: usize,
    /// Random starts of an ascent beside the one along the gradient. Default: 2.
    #[config(default = 2)]
    pub starts: usize,
    /// Which random starts. Default: 0.
    #[config(default = 0)]
    pub seed: u64,
}

/// How much higher the loss is within a ball than in its centre.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sharpness {
    /// The radius of the ball.
    pub radius: f64,
    /// The rise after the one step to the border along the gradient that sharpness-aware minimisation takes.
    pub one_step: f64,
    /// The highest rise that was found; the true maximum is at least as high.
    pub maximum: f64,
    /// The loss in the centre.
    pub centre: f64,
}

impl<M: Module, F: Fn(&M) -> Tensor<1>> LossLandscape<M, F> {
    /// The highest rise of the loss within a ball around the origin, by projected gradient ascent.
    ///
    /// ```text
    /// max L(θ + δ) − L(θ)    over ‖δ‖ ≤ radius · ‖θ‖
    /// ```
    ///
    /// Its one-step form is the inner problem of sharpness-aware minimisation (Foret et al. 2021,
    /// [arXiv:2010.01412](https://arxiv.org/abs/2010.01412)). At a minimum the gradient points nowhere, so ascents also
    /// start in random directions; each step goes to the border along the gradient where it stands. The radius is
    /// relative: for a network whose loss doesn't change when all parameters are scaled, the sharpness doesn't either.
    ///
    /// # Errors
    /// If a setting is out of its range, all parameters are 0, or as [`gradient`](Self::gradient).
    pub fn sharpness(&self, config: &SharpnessConfig) -> Result<Sharpness, LandscapeError> {
        ConfigError::check(NAME, "radius", config.radius, Range::Above(0.0))?;
        ConfigError::check(NAME, "steps", config.steps as f64, Range::AtLeast(1.0))?;
        let origin = self.origin();
        let radius = config.radius * norm(origin.iter().copied());
        if radius == 0.0 {
            return Err(
                ConfigError::new(NAME, "radius", "above 0, but all parameters are 0, and the radius", 0.0).into()
            );
        }
        let (centre, gradient) = self.gradient(origin)?;
        let random = &mut Xoshiro256PlusPlus::seed_from_u64(config.seed);
        let starts = std::iter::once(gradient)
            .chain((0..config.starts).map(|_| (0..origin.len()).map(|_| normal(random)).collect()))
            .collect::<Vec<Vec<f64>>>();
        let (mut one_step, mut maximum) = (0.0, 0.0_f64);
        for (start, mut ascent) in starts.into_iter().enumerate() {
            for step in 0..config.steps {
                let length = norm(ascent.iter().copied());
                if length == 0.0 {
                    break;
                }
                let point = plus(origin, radius / length, &ascent);
                let (loss, gradient) = self.gradient(&point)?;
                if (start, step) == (0, 0) {
                    one_step = loss - centre;
                }
                maximum = maximum.max(loss - centre);
                ascent = gradient;
            }
        }
        Ok(Sharpness { radius, one_step, maximum, centre })
    }
}
