//! The hyperparameters of exercise 6.

use crate::settings::Knob;
use losslab::{Likelihood, UncertaintyForm};
use serde::{Deserialize, Serialize};

/// A form of uncertainty weighting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// `exp(−s)·L + s`, the handout's code.
    Unscaled,
    /// `L/(2σ²) + log σ`, the handout's text.
    Halved,
    /// What follows from the likelihoods: a class out of several, and pixels with Gaussian noise.
    PerLikelihood,
}

impl Form {
    /// Its name in the report.
    pub fn name(self) -> &'static str {
        match self {
            Form::Unscaled => "uncertainty",
            Form::Halved => "uncertainty halved",
            Form::PerLikelihood => "uncertainty per likelihood",
        }
    }
}

impl From<Form> for UncertaintyForm {
    fn from(form: Form) -> Self {
        match form {
            Form::Unscaled => Self::Unscaled,
            Form::Halved => Self::Halved,
            Form::PerLikelihood => Self::PerLikelihood(vec![Likelihood::Categorical, Likelihood::Gaussian]),
        }
    }
}

/// All hyperparameters, with the names that `--set` knows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Fixed weights of the reconstruction loss; the classification loss has the weight 1.
    pub weights: Vec<f64>,
    /// Forms of uncertainty weighting.
    pub uncertainty: Vec<Form>,
    /// What the reconstruction loss is multiplied by, to see who minds.
    pub scale: f64,
    /// Rate of the learned weights of uncertainty weighting.
    pub weight_lr: f64,
    /// How strongly GradNorm favours a task that has learned less.
    pub gradnorm_alpha: f64,
    /// Rate of GradNorm's weights.
    pub gradnorm_lr: f64,
    /// Temperature of DWA.
    pub temperature: f64,
    /// How far CAGrad may go from the sum of the gradients.
    pub c: f64,
    /// Batches of an epoch in which gradients are looked at.
    pub probes: usize,
    /// Images for training at most.
    pub images: usize,
    /// Images for validation at most, and as many for testing.
    pub measured: usize,
    /// Passes over the training part.
    pub epochs: usize,
    /// Images in a batch.
    pub batch: usize,
    /// Adam's step size.
    pub lr: f64,
    /// Width of the hidden layers.
    pub hidden: usize,
    /// Numbers in the shared code.
    pub code: usize,
}

/// Names, ranges and meanings of the settings.
pub const KNOBS: [Knob; 16] = [
    Knob::number("weights", 0.001, 1e6, "fixed weights of the reconstruction loss; classification has 1"),
    Knob::word("uncertainty", "forms of uncertainty weighting: unscaled, halved, per-likelihood"),
    Knob::number("scale", 1.1, 1e6, "what the reconstruction loss is multiplied by, to see who minds"),
    Knob::number("weight_lr", 1e-6, 1.0, "step size of Adam for the weights that uncertainty weighting learns"),
    Knob::number("gradnorm_alpha", 0.0, 10.0, "how strongly GradNorm favours a task that has learned less"),
    Knob::number("gradnorm_lr", 1e-6, 1.0, "step size of GradNorm's weights"),
    Knob::number("temperature", 0.01, 100.0, "temperature of DWA: the larger, the more equal the weights"),
    Knob::number("c", 0.0, 10.0, "how far CAGrad may go from the sum of the gradients, as a share of its length"),
    Knob::number("probes", 1.0, 1000.0, "batches of an epoch in which the gradients are looked at"),
    Knob::number("images", 100.0, 60_000.0, "images for training at most"),
    Knob::number("measured", 50.0, 10_000.0, "images for validation at most, and for testing"),
    Knob::number("epochs", 1.0, 1000.0, "passes over the training part"),
    Knob::number("batch", 2.0, 65_536.0, "images in a batch"),
    Knob::number("lr", 1e-6, 1.0, "step size of Adam"),
    Knob::number("hidden", 1.0, 4096.0, "width of the hidden layers of encoder and decoder"),
    Knob::number("code", 1.0, 1024.0, "numbers in the shared code"),
];

impl Settings {
    /// About a minute on two cores.
    pub fn quick() -> Self {
        Self {
            weights: vec![1.0, 10.0, 30.0, 100.0, 300.0],
            uncertainty: vec![Form::Unscaled, Form::PerLikelihood],
            scale: 100.0,
            weight_lr: 0.02,
            gradnorm_alpha: 1.5,
            gradnorm_lr: 0.025,
            temperature: 2.0,
            c: 0.4,
            probes: 4,
            images: 2000,
            measured: 1000,
            epochs: 12,
            batch: 64,
            lr: 0.005,
            hidden: 64,
            code: 12,
        }
    }

    /// A wider network, on more images.
    pub fn full() -> Self {
        Self { images: 10_000, measured: 10_000, epochs: 8, lr: 0.002, hidden: 128, code: 16, ..Self::quick() }
    }

    /// The fixed weights to train with, from small to large; equal weights are always among them.
    pub fn fixed(&self) -> Vec<f64> {
        let mut weights = self.weights.clone();
        if !weights.contains(&1.0) {
            weights.push(1.0);
        }
        weights.sort_by(f64::total_cmp);
        weights
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_weights_are_always_tried() {
        let fixed = |weights: &[f64]| Settings { weights: weights.to_vec(), ..Settings::quick() }.fixed();
        assert_eq!(fixed(&[30.0, 0.5]), [0.5, 1.0, 30.0]);
        assert_eq!(fixed(&[1.0, 2.0]), [1.0, 2.0]);
    }
}
