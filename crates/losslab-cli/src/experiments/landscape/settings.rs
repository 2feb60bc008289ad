//! The hyperparameters of the landscape.

use crate::settings::Knob;
use serde::{Deserialize, Serialize};

/// All hyperparameters, with the names that `--set` knows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// γ of focal loss.
    pub gamma: f64,
    /// ε of label smoothing.
    pub smoothing: f64,
    /// τ of the contrastive loss.
    pub temperature: f64,
    /// Passes over the training part.
    pub epochs: usize,
    /// Images of each of the ten classes in a batch.
    pub samples: usize,
    /// Adam's step size.
    pub lr: f64,
    /// Channels after the first convolution.
    pub width: usize,
    /// Images for training at most.
    pub images: usize,
    /// Images for testing at most.
    pub tested: usize,
    /// Training images on which the loss is measured.
    pub measured: usize,
    /// Points of a surface along each direction.
    pub grid: usize,
    /// How far a surface reaches along random directions, in lengths of the filters.
    pub reach: f64,
    /// Points of the path for each epoch.
    pub points: usize,
    /// Largest eigenvalues of the Hessian.
    pub eigenvalues: usize,
    /// Hessian products at most to find them.
    pub steps: usize,
    /// Random vectors for the trace.
    pub vectors: usize,
    /// Radius of the ball for sharpness, as a share of the length of the parameters.
    pub radius: f64,
    /// Steps of each ascent in it.
    pub ascent: usize,
}

/// Names, ranges and meanings of the settings.
pub const KNOBS: [Knob; 18] = [
    Knob::number("gamma", 0.0, 5.0, "γ of focal loss"),
    Knob::number("smoothing", 0.0, 0.5, "ε of label smoothing"),
    Knob::number("temperature", 0.01, 10.0, "τ of the contrastive loss"),
    Knob::number("epochs", 1.0, 1000.0, "passes over the training part"),
    Knob::number("samples", 2.0, 100.0, "images of each of the ten classes in a batch"),
    Knob::number("lr", 1e-6, 1.0, "step size of Adam"),
    Knob::number("width", 1.0, 64.0, "channels after the first convolution"),
    Knob::number("images", 100.0, 60_000.0, "images for training at most"),
    Knob::number("tested", 50.0, 10_000.0, "images for testing at most"),
    Knob::number("measured", 20.0, 10_000.0, "training images on which the loss is measured"),
    Knob::number("grid", 3.0, 101.0, "points of a surface along each direction, an odd number"),
    Knob::number("reach", 0.01, 10.0, "how far a surface reaches along random directions, in lengths of the filters"),
    Knob::number("points", 1.0, 100.0, "points of the path for each epoch"),
    Knob::number("eigenvalues", 1.0, 20.0, "largest eigenvalues of the Hessian"),
    Knob::number("steps", 20.0, 1000.0, "Hessian products at most to find them"),
    Knob::number("vectors", 2.0, 1000.0, "random vectors for the trace"),
    Knob::number("radius", 0.001, 1.0, "radius of the ball for sharpness, as a share of the length of the parameters"),
    Knob::number("ascent", 1.0, 100.0, "steps of each ascent in it"),
];

impl Settings {
    /// Below a minute on two cores.
    pub fn quick() -> Self {
        Self {
            gamma: 2.0,
            smoothing: 0.1,
            temperature: 0.1,
            epochs: 8,
            samples: 8,
            lr: 0.003,
            width: 4,
            images: 2000,
            tested: 1000,
            measured: 150,
            grid: 17,
            reach: 1.0,
            points: 2,
            eigenvalues: 5,
            steps: 40,
            vectors: 20,
            radius: 0.05,
            ascent: 5,
        }
    }

    /// More images, finer surfaces, smaller errors.
    pub fn full() -> Self {
        Self {
            epochs: 12,
            width: 8,
            images: 10_000,
            tested: 10_000,
            measured: 500,
            grid: 31,
            steps: 100,
            vectors: 100,
            ascent: 20,
            ..Self::quick()
        }
    }
}
