//! Random directions whose filters are as long as those of the network.

use super::error::{LandscapeError, check_length};
use super::parameters::Parameters;
use super::vector::norm;
use burn::config::Config;
use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};

/// What a direction does with vectors and scalars: biases, and the scales and shifts of normalisations.
#[derive(Config, Copy, Debug, PartialEq, Eq)]
pub enum VectorParameters {
    /// They stay where they are, as in the code of Li et al.
    Fixed,
    /// Each tensor counts as one filter.
    Scaled,
}

/// Configuration of a random direction.
#[derive(Config, Debug)]
pub struct DirectionConfig {
    /// What becomes of biases, and of the scales and shifts of normalisations. Default: they stay fixed.
    #[config(default = "VectorParameters::Fixed")]
    pub vectors: VectorParameters,
    /// Which one of all directions. Default: 0.
    #[config(default = 0)]
    pub seed: u64,
}

impl Parameters {
    /// A filter-normalised random direction (Li et al. 2018, [arXiv:1712.09913](https://arxiv.org/abs/1712.09913)).
    ///
    /// ```text
    /// d_f ← d_f / ‖d_f‖ · ‖θ_f‖      for every filter f, with d from a normal distribution
    /// ```
    ///
    /// A step of length 1 along it changes every filter by as much as the filter is long. So rescaling one layer and
    /// undoing it in the next, which leaves a ReLU network as it is, doesn't change how sharp its surface looks. A filter
    /// that is 0 stays so.
    ///
    /// # Errors
    /// If the number of values isn't that of the parameters.
    pub fn random_direction(&self, at: &[f64], config: &DirectionConfig) -> Result<Vec<f64>, LandscapeError> {
        check_length("parameters", at.len(), self.len())?;
        let random = &mut Xoshiro256PlusPlus::seed_from_u64(config.seed);
        let mut direction: Vec<f64> = (0..self.len()).map(|_| normal(random)).collect();
        for block in self.blocks() {
            let is_fixed = block.filters.is_none() && config.vectors == VectorParameters::Fixed;
            for filter in block.groups() {
                let length = |values: &[f64]| norm(filter.iter().map(|place| values[*place]));
                let (own, wanted) = (length(&direction), if is_fixed { 0.0 } else { length(at) });
                let scale = if own > 0.0 { wanted / own } else { 0.0 };
                filter.iter().for_each(|place| direction[*place] *= scale);
            }
        }
        Ok(direction)
    }
}

/// A number from the standard normal distribution, by Box and Muller.
pub(super) fn normal(random: &mut Xoshiro256PlusPlus) -> f64 {
    let [u, v]: [f64; 2] = [random.random(), random.random()];
    (-2.0 * (1.0 - u).ln()).sqrt() * (std::f64::consts::TAU * v).cos()
}
