//! The hyperparameters of exercise 2.

use crate::{data::images::Limits, settings::Knob};
use serde::{Deserialize, Serialize};

/// All hyperparameters, with the names that `--set` knows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Digits that no training and no choice ever sees.
    pub held_out: Vec<u8>,
    /// Margins for embeddings of length 1.
    pub margin: Vec<f64>,
    /// Margins for embeddings as the network gives them.
    pub raw_margin: Vec<f64>,
    /// Images for training at most, held-out digits included.
    pub train: usize,
    /// Images for validation at most.
    pub valid: usize,
    /// Images for testing at most.
    pub test: usize,
    /// Pairs of each verification.
    pub pairs: usize,
    /// Passes over the training images.
    pub epochs: usize,
    /// Images in a batch, each of which is in two pairs or more.
    pub batch: usize,
    /// Adam's step size.
    pub lr: f64,
    /// Width of an embedding.
    pub embedding: usize,
    /// Test images in the maps of the embeddings.
    pub map: usize,
}

/// Names, ranges and meanings of the settings.
pub const KNOBS: [Knob; 12] = [
    Knob::number("held_out", 0.0, 9.0, "digits that are kept out of training, two or more"),
    Knob::number("margin", 0.05, 2.0, "margins to compare, for normalised embeddings"),
    Knob::number("raw_margin", 0.05, 1000.0, "margins to compare, for raw embeddings"),
    Knob::number("train", 100.0, 60_000.0, "images for training at most, held-out digits included"),
    Knob::number("valid", 50.0, 10_000.0, "images for validation at most, held-out digits included"),
    Knob::number("test", 50.0, 10_000.0, "images for testing at most"),
    Knob::number("pairs", 100.0, 1_000_000.0, "pairs of each verification, half of them of the same digit"),
    Knob::number("epochs", 1.0, 1000.0, "passes over the training images"),
    Knob::number("batch", 8.0, 4096.0, "images in a batch; each gets a partner of its digit and one of another"),
    Knob::number("lr", 1e-6, 1.0, "step size of Adam"),
    Knob::number("embedding", 2.0, 1024.0, "width of an embedding"),
    Knob::number("map", 50.0, 5000.0, "test images in the maps of the embeddings"),
];

impl Settings {
    /// About a minute and a half of one core.
    pub fn quick() -> Self {
        Self {
            held_out: vec![8, 9],
            margin: vec![0.5, 1.0, 1.5, 2.0],
            // The handout's, and one of the size that raw distances have before training.
            raw_margin: vec![1.0, 20.0],
            train: 800,
            valid: 400,
            test: 700,
            pairs: 4000,
            epochs: 3,
            batch: 32,
            lr: 0.001,
            embedding: 128,
            map: 500,
        }
    }

    /// More images, more pairs, and more margins for raw embeddings.
    pub fn full() -> Self {
        Self {
            raw_margin: vec![1.0, 5.0, 20.0, 50.0],
            train: 5000,
            valid: 1000,
            test: 5000,
            pairs: 10_000,
            epochs: 2,
            map: 1000,
            ..Self::quick()
        }
    }

    /// How many images each part has.
    pub fn limits(&self) -> Limits {
        Limits { train: self.train, valid: self.valid, test: self.test }
    }

    /// The margin for normalised embeddings that is nearest to the handout's 1.
    pub fn reference_margin(&self) -> f64 {
        *self.margin.iter().min_by(|a, b| (*a - 1.0).abs().total_cmp(&(*b - 1.0).abs())).expect("a list is never empty")
    }

    /// Whether a digit is held out.
    pub fn is_held_out(&self, digit: usize) -> bool {
        self.held_out.iter().any(|held_out| usize::from(*held_out) == digit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_is_the_margin_nearest_to_one() {
        let reference = |margin: &[f64]| Settings { margin: margin.to_vec(), ..Settings::quick() }.reference_margin();
        assert_eq!((reference(&[0.5, 1.2, 2.0]), reference(&[2.0])), (1.2, 2.0));
    }
}
