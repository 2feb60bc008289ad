//! The hyperparameters of the quadruplet experiment.

use super::methods::Method;
use crate::settings::Knob;
use serde::{Deserialize, Serialize};

/// All hyperparameters, with the names that `--set` knows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Losses to compare.
    pub methods: Vec<Method>,
    /// Margins to choose from, for each loss by itself.
    pub margins: Vec<f64>,
    /// The quadruplet loss's second margin over its first.
    pub pair_share: f64,
    /// The last classes, which are not trained on.
    pub held_out: usize,
    /// P: classes in a batch.
    pub classes: usize,
    /// K: images of each class in a batch.
    pub samples: usize,
    /// Passes over the training part.
    pub epochs: usize,
    /// Passes for the choice of a margin.
    pub choice_epochs: usize,
    /// Adam's step size.
    pub lr: f64,
    /// Channels after the first convolution.
    pub width: usize,
    /// Numbers in an embedding.
    pub embedding: usize,
    /// Images for training at most, those of the held-out classes among them.
    pub images: usize,
    /// Images for testing at most.
    pub tested: usize,
    /// Validation images at most.
    pub probe: usize,
    /// Test images of held-out classes on the maps.
    pub mapped: usize,
}

/// Names, ranges and meanings of the settings.
pub const KNOBS: [Knob; 15] = [
    Knob::word(
        "methods",
        "losses to compare: triplet-batch-all, triplet-batch-hard, quadruplet-batch-all, quadruplet-batch-hard",
    ),
    Knob::number("margins", 0.01, 2.0, "margins to choose from, for each loss by itself"),
    Knob::number("pair_share", 0.1, 1.0, "the quadruplet loss's second margin over its first"),
    Knob::number("held_out", 2.0, 7.0, "the last classes, which are not trained on"),
    Knob::number("classes", 3.0, 8.0, "P: classes in a batch"),
    Knob::number("samples", 2.0, 64.0, "K: images of each class in a batch"),
    Knob::number("epochs", 1.0, 200.0, "passes over the training part"),
    Knob::number("choice_epochs", 1.0, 200.0, "passes for the choice of a margin"),
    Knob::number("lr", 1e-6, 1.0, "Adam's step size"),
    Knob::number("width", 1.0, 64.0, "channels after the first convolution"),
    Knob::number("embedding", 2.0, 512.0, "numbers in an embedding"),
    Knob::number("images", 100.0, 60_000.0, "images for training at most, those of held-out classes among them"),
    Knob::number("tested", 100.0, 10_000.0, "images for testing at most"),
    Knob::number("probe", 40.0, 2000.0, "validation images at most"),
    Knob::number("mapped", 20.0, 3000.0, "test images of held-out classes on the maps"),
];

impl Settings {
    /// About half a minute on two cores.
    pub fn quick() -> Self {
        Self {
            methods: Method::ALL.to_vec(),
            margins: vec![0.1, 0.2, 0.4],
            pair_share: 0.5,
            held_out: 3,
            classes: 7,
            samples: 5,
            epochs: 3,
            choice_epochs: 1,
            lr: 0.001,
            width: 8,
            embedding: 32,
            images: 2000,
            tested: 1000,
            probe: 500,
            mapped: 300,
        }
    }

    /// A wider network on more images.
    pub fn full() -> Self {
        Self {
            width: 16,
            embedding: 64,
            images: 6000,
            tested: 4000,
            probe: 1000,
            mapped: 900,
            choice_epochs: 2,
            epochs: 4,
            ..Self::quick()
        }
    }
}
