//! The hyperparameters of exercise 3.

use super::mining::Mining;
use crate::settings::Knob;
use losslab::SemiHardFallback;
use serde::{Deserialize, Serialize};

/// The parts of the exercise, which can be run one by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// Mining strategies against each other, on every data set.
    Mining,
    /// Batches of several sizes.
    Batches,
    /// Embeddings of length 1 against embeddings as they are.
    Lengths,
    /// Training that collapses, and what helps.
    Collapse,
    /// One epoch of MNIST, as in a well-known notebook.
    Notebook,
}

/// All hyperparameters, with the names that `--set` knows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// What to run.
    pub parts: Vec<Part>,
    /// Strategies to compare.
    pub mining: Vec<Mining>,
    /// The negative where none is semi-hard.
    pub fallback: SemiHardFallback,
    /// How much farther than the positive the negative must be.
    pub margin: f64,
    /// P: classes in a batch.
    pub classes: usize,
    /// K: images of each class in a batch.
    pub samples: usize,
    /// Sizes of batches to compare.
    pub batch: Vec<usize>,
    /// Passes over the training part.
    pub epochs: usize,
    /// Adam's step size.
    pub lr: f64,
    /// Channels after the first convolution.
    pub width: usize,
    /// Numbers in an embedding.
    pub embedding: usize,
    /// Images for training at most.
    pub images: usize,
    /// Images for testing at most.
    pub tested: usize,
    /// Validation images whose triplets are counted after every epoch.
    pub probe: usize,
    /// Test images on the maps.
    pub mapped: usize,
    /// Step size of the training that is to collapse.
    pub collapse_lr: f64,
    /// Step sizes to choose from in the notebook's task.
    pub notebook_lr: Vec<f64>,
    /// Margins to choose from in the notebook's task.
    pub notebook_margin: Vec<f64>,
    /// Images of each class in a batch of the notebook's task.
    pub notebook_samples: usize,
    /// Channels after the first convolution in the notebook's task.
    pub notebook_width: usize,
    /// Images that a choice in the notebook's task is trained on.
    pub notebook_choice: usize,
}

/// Names, ranges and meanings of the settings.
pub const KNOBS: [Knob; 21] = [
    Knob::word("parts", "what to run: mining, batches, lengths, collapse, notebook"),
    Knob::word("mining", "strategies to compare: random, batch-all, batch-hard, semi-hard, offline"),
    Knob::word("fallback", "the negative where none is semi-hard: farthest, nearest, skip"),
    Knob::number("margin", 0.01, 2.0, "how much farther than the positive the negative must be"),
    Knob::number("classes", 2.0, 10.0, "P: classes in a batch"),
    Knob::number("samples", 2.0, 64.0, "K: images of each class in a batch"),
    Knob::number("batch", 4.0, 512.0, "sizes of batches to compare"),
    Knob::number("epochs", 1.0, 1000.0, "passes over the training part"),
    Knob::number("lr", 1e-6, 1.0, "step size of Adam"),
    Knob::number("width", 1.0, 64.0, "channels after the first convolution; 32 is the handout's network"),
    Knob::number("embedding", 2.0, 512.0, "numbers in an embedding"),
    Knob::number("images", 100.0, 60_000.0, "images for training at most"),
    Knob::number("tested", 100.0, 10_000.0, "images for testing at most"),
    Knob::number("probe", 20.0, 2000.0, "validation images whose triplets are counted after every epoch"),
    Knob::number("mapped", 20.0, 3000.0, "test images on the maps"),
    Knob::number("collapse_lr", 1e-6, 1.0, "step size of the training that is to collapse"),
    Knob::number("notebook_lr", 1e-6, 1.0, "step sizes to choose from in the notebook's task"),
    Knob::number("notebook_margin", 0.01, 2.0, "margins to choose from in the notebook's task"),
    Knob::number("notebook_samples", 2.0, 64.0, "images of each class in a batch of the notebook's task"),
    Knob::number("notebook_width", 1.0, 64.0, "channels after the first convolution in the notebook's task"),
    Knob::number("notebook_choice", 100.0, 50_000.0, "images that a choice in the notebook's task is trained on"),
];

impl Settings {
    /// About a minute on two cores.
    pub fn quick() -> Self {
        Self {
            parts: vec![Part::Mining, Part::Batches, Part::Lengths, Part::Collapse],
            mining: vec![Mining::Random, Mining::BatchAll, Mining::BatchHard, Mining::SemiHard, Mining::Offline],
            fallback: SemiHardFallback::Farthest,
            margin: 0.2,
            classes: 8,
            samples: 4,
            batch: vec![8, 32, 128],
            epochs: 3,
            lr: 0.001,
            width: 8,
            embedding: 32,
            images: 2000,
            tested: 1000,
            probe: 250,
            mapped: 500,
            collapse_lr: 0.01,
            notebook_lr: vec![0.001, 0.003],
            notebook_margin: vec![0.2, 0.4],
            notebook_samples: 10,
            notebook_width: 16,
            notebook_choice: 10_000,
        }
    }

    /// A wider network on more images, and the notebook's task.
    pub fn full() -> Self {
        let quick = Self::quick();
        Self {
            parts: quick.parts.iter().copied().chain([Part::Notebook]).collect(),
            width: 16,
            embedding: 64,
            images: 6000,
            tested: 5000,
            probe: 500,
            mapped: 1000,
            ..quick
        }
    }

    /// Whether a part is asked for.
    pub fn has(&self, part: Part) -> bool {
        self.parts.contains(&part)
    }
}
