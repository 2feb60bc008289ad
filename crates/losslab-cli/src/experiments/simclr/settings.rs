//! The hyperparameters of the experiment.

use crate::{data::augment::Kind, experiments::picks::Pick, settings::Knob};
use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};

/// The parts of the experiment, which can be run one by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// SimCLR against training from scratch, on every data set.
    Labels,
    /// The same with an encoder of keys and a queue.
    Momentum,
    /// Temperatures.
    Temperature,
    /// Batch sizes.
    Batch,
    /// Augmentations left out.
    Augmentations,
}

/// All hyperparameters, with the names that `--set` knows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// What to run.
    pub parts: Vec<Part>,
    /// Sets of images.
    pub data: Vec<Pick>,
    /// Shares of the labels that are given out.
    pub labelled: Vec<f64>,
    /// τ.
    pub temperature: f64,
    /// Temperatures to compare.
    pub compared_temperatures: Vec<f64>,
    /// Images in a batch; each comes in two views.
    pub batch: usize,
    /// Batch sizes to compare.
    pub compared_batches: Vec<usize>,
    /// Augmentations to leave out, one at a time.
    pub left_out: Vec<Kind>,
    /// How much of the encoder of keys stays at a step.
    pub momentum: f64,
    /// Keys of earlier batches.
    pub queue: usize,
    /// Passes over the images without labels.
    pub epochs: usize,
    /// Adam's step size.
    pub lr: f64,
    /// Channels after the first convolution.
    pub width: usize,
    /// Numbers in a representation.
    pub representation: usize,
    /// Numbers that the loss sees.
    pub projection: usize,
    /// Neighbours that vote.
    pub neighbours: usize,
    /// Images for training at most.
    pub images: usize,
    /// Images for validation at most.
    pub valid: usize,
    /// Images for testing at most.
    pub tested: usize,
}

/// Names, ranges and meanings of the settings.
pub const KNOBS: [Knob; 19] = [
    Knob::word("parts", "what to run: labels, momentum, temperature, batch, augmentations"),
    Knob::word("data", "sets of images: digits, fashion-mnist, cifar-10; parts but the first two take the first"),
    Knob::number("labelled", 0.001, 1.0, "shares of the labels that are given out"),
    Knob::number("temperature", 0.01, 10.0, "τ"),
    Knob::number("compared_temperatures", 0.01, 10.0, "temperatures to compare"),
    Knob::number("batch", 2.0, 4096.0, "images in a batch; each comes in two views"),
    Knob::number("compared_batches", 2.0, 4096.0, "batch sizes to compare"),
    Knob::word("left_out", "augmentations to leave out, one at a time: crop, flip, affine, jitter, blur, noise"),
    Knob::number("momentum", 0.0, 1.0, "how much of the encoder of keys stays at a step"),
    Knob::number("queue", 1.0, 65_536.0, "keys of earlier batches that serve as negatives"),
    Knob::number("epochs", 1.0, 1000.0, "passes over the images without labels"),
    Knob::number("lr", 1e-6, 1.0, "step size of Adam"),
    Knob::number("width", 1.0, 64.0, "channels after the first convolution"),
    Knob::number("representation", 2.0, 1024.0, "numbers in a representation"),
    Knob::number("projection", 2.0, 512.0, "numbers that the loss sees"),
    Knob::number("neighbours", 1.0, 200.0, "neighbours that vote for a class"),
    Knob::number("images", 100.0, 60_000.0, "images for training at most"),
    Knob::number("valid", 50.0, 10_000.0, "images for validation at most"),
    Knob::number("tested", 100.0, 10_000.0, "images for testing at most"),
];

impl Settings {
    /// About a minute on two cores. Of step sizes of 0.001 and 0.003 the second has the higher accuracy on validation images,
    /// with a tenth and with all of the labels, for SimCLR, for MoCo and from scratch.
    pub fn quick() -> Self {
        Self {
            parts: vec![Part::Labels, Part::Momentum, Part::Temperature, Part::Batch, Part::Augmentations],
            data: vec![Pick::Digits],
            labelled: vec![0.01, 0.1, 1.0],
            temperature: 0.2,
            compared_temperatures: vec![0.2, 1.0],
            batch: 32,
            compared_batches: vec![32, 128],
            left_out: vec![Kind::Crop, Kind::Jitter],
            momentum: 0.97,
            queue: 512,
            epochs: 8,
            lr: 0.003,
            width: 8,
            representation: 64,
            projection: 32,
            neighbours: 10,
            images: 1000,
            valid: 500,
            tested: 1000,
        }
    }

    /// More images of every set that is there, in a wider network.
    pub fn full() -> Self {
        Self {
            data: vec![Pick::Digits, Pick::FashionMnist, Pick::Cifar10],
            compared_temperatures: vec![0.05, 0.1, 0.2, 0.5, 1.0],
            batch: 128,
            compared_batches: vec![32, 128, 512],
            left_out: vec![Kind::Crop, Kind::Affine, Kind::Jitter, Kind::Blur, Kind::Noise],
            momentum: 0.99,
            queue: 4096,
            epochs: 20,
            width: 16,
            representation: 128,
            projection: 64,
            images: 6000,
            valid: 1000,
            tested: 2000,
            ..Self::quick()
        }
    }

    /// Whether a part is asked for.
    pub fn has(&self, part: Part) -> bool {
        self.parts.contains(&part)
    }

    /// What ranges alone can't say.
    ///
    /// # Errors
    /// If a batch is larger than the images.
    pub fn check(&self) -> Result<()> {
        let most = self.compared_batches.iter().copied().fold(self.batch, usize::max);
        ensure!(most <= self.images, "--set: batches of {most} need as many images, images is {}", self.images);
        Ok(())
    }

    /// The shares of labels, the smallest first.
    pub fn shares(&self) -> Vec<f64> {
        let mut shares = self.labelled.clone();
        shares.sort_by(f64::total_cmp);
        shares
    }

    /// The share at which ways to pre-train are compared: the middle one.
    pub fn middle(&self) -> f64 {
        self.shares()[(self.labelled.len() - 1) / 2]
    }
}
