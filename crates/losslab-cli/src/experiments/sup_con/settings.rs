//! The hyperparameters of the experiment.

use super::methods::Method;
use crate::{experiments::picks::Pick, settings::Knob};
use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};

/// All hyperparameters, with the names that `--set` knows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Sets of images.
    pub data: Vec<Pick>,
    /// Losses to compare.
    pub methods: Vec<Method>,
    /// Shares of wrong training labels.
    pub label_noise: Vec<f64>,
    /// Views of each image in a batch.
    pub views: usize,
    /// Numbers of views to compare, for L_out.
    pub compared_views: Vec<usize>,
    /// τ of the contrastive losses.
    pub temperature: f64,
    /// Margin of the triplet loss.
    pub margin: f64,
    /// Views in a batch, of all its images together.
    pub batch: usize,
    /// How often each image is looked at.
    pub passes: usize,
    /// Adam's step sizes to choose from.
    pub lr: Vec<f64>,
    /// Channels after the first convolution.
    pub width: usize,
    /// Numbers in a representation.
    pub representation: usize,
    /// Numbers that a contrastive loss sees.
    pub projection: usize,
    /// Images for training at most.
    pub images: usize,
    /// Images for validation at most.
    pub valid: usize,
    /// Images for testing at most.
    pub tested: usize,
}

/// Names, ranges and meanings of the settings.
pub const KNOBS: [Knob; 16] = [
    Knob::word("data", "sets of images: digits, fashion-mnist, cifar-10"),
    Knob::word("methods", "losses to compare: cross-entropy, triplet, sup-con-out, sup-con-in"),
    Knob::number("label_noise", 0.0, 0.9, "shares of wrong training labels"),
    Knob::number("views", 1.0, 16.0, "views of each image in a batch"),
    Knob::number("compared_views", 1.0, 16.0, "numbers of views to compare, for L_out"),
    Knob::number("temperature", 0.01, 10.0, "τ of the contrastive losses"),
    Knob::number("margin", 0.01, 2.0, "margin of the triplet loss"),
    Knob::number("batch", 4.0, 2048.0, "views in a batch, of all its images together"),
    Knob::number("passes", 1.0, 1000.0, "how often each image is looked at"),
    Knob::number("lr", 1e-6, 1.0, "step sizes of Adam to choose from"),
    Knob::number("width", 1.0, 64.0, "channels after the first convolution"),
    Knob::number("representation", 2.0, 1024.0, "numbers in a representation"),
    Knob::number("projection", 2.0, 512.0, "numbers that a contrastive loss sees"),
    Knob::number("images", 100.0, 60_000.0, "images for training at most"),
    Knob::number("valid", 50.0, 10_000.0, "images for validation at most"),
    Knob::number("tested", 100.0, 10_000.0, "images for testing at most"),
];

impl Settings {
    /// About a minute on two cores. Of step sizes of 0.001 and 0.003 and of batches of 32, 64 and 128, these have the highest
    /// accuracy on validation images in the mean of the four losses.
    pub fn quick() -> Self {
        Self {
            data: vec![Pick::Digits],
            methods: vec![Method::CrossEntropy, Method::Triplet, Method::Outside, Method::Inside],
            label_noise: vec![0.0, 0.2, 0.4],
            views: 2,
            compared_views: vec![1, 2, 4],
            temperature: 0.1,
            margin: 0.2,
            batch: 32,
            passes: 8,
            lr: vec![0.003],
            width: 8,
            representation: 64,
            projection: 32,
            images: 1000,
            valid: 500,
            tested: 1000,
        }
    }

    /// More images of every set that is there, and a choice of step sizes.
    pub fn full() -> Self {
        Self {
            data: vec![Pick::Digits, Pick::FashionMnist, Pick::Cifar10],
            lr: vec![0.001, 0.003],
            batch: 64,
            passes: 20,
            width: 16,
            representation: 128,
            projection: 64,
            images: 3000,
            valid: 1000,
            tested: 2000,
            ..Self::quick()
        }
    }

    /// What ranges alone can't say.
    ///
    /// # Errors
    /// If a batch would hold fewer than two images.
    pub fn check(&self) -> Result<()> {
        let most = self.compared_views.iter().copied().fold(self.views, usize::max);
        ensure!(
            self.batch >= 2 * most,
            "--set batch={}: {most} views of an image need batches of {} at least",
            self.batch,
            2 * most
        );
        Ok(())
    }
}
