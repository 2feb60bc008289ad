//! The hyperparameters of exercise 4.

use super::Recipe;
use crate::settings::Knob;
use anyhow::{Result, ensure};
use losslab::SmoothingConvention;
use serde::{Deserialize, Serialize};

/// The ε that stands for label smoothing: the usual one.
const USUAL: f64 = 0.1;

/// All hyperparameters, with the names that `--set` knows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Smoothing ε to compare, with ε/K for every class; 0 is cross-entropy and has to be among them.
    pub smoothing: Vec<f64>,
    /// Smoothing ε to try with the other convention as well: ε/(K−1) for each class but the true one.
    pub others: Vec<f64>,
    /// Images of CIFAR-10 for training at most.
    pub images: usize,
    /// Digits for training at most, where there is no CIFAR-10.
    pub digits: usize,
    /// Share of the training labels that are replaced by wrong ones.
    pub label_noise: f64,
    /// Channels of the first block; the others have two and four times as many.
    pub width: usize,
    /// Passes over the training part.
    pub epochs: usize,
    /// Images in a batch.
    pub batch: usize,
    /// Adam's first step size, which falls to 0 along a half cosine.
    pub lr: f64,
}

/// Names, ranges and meanings of the settings.
pub const KNOBS: [Knob; 9] = [
    Knob::number("smoothing", 0.0, 0.9, "ε to compare, with ε/K for every class; 0 must be among them"),
    Knob::number("others", 0.001, 0.9, "ε to try with the other convention, ε/(K−1) for each wrong class"),
    Knob::number("images", 100.0, 50_000.0, "images of CIFAR-10 for training at most"),
    Knob::number("digits", 100.0, 60_000.0, "digits for training at most, where there is no CIFAR-10"),
    Knob::number("label_noise", 0.0, 0.8, "share of the training labels that are replaced by wrong ones"),
    Knob::number("width", 1.0, 256.0, "channels of the first block; the others have 2 and 4 times as many"),
    Knob::number("epochs", 1.0, 1000.0, "passes over the training part"),
    Knob::number("batch", 2.0, 4096.0, "images in a batch"),
    Knob::number("lr", 1e-6, 1.0, "first step size of Adam; it falls to 0 along a half cosine"),
];

impl Settings {
    /// About a minute on two cores.
    pub fn quick() -> Self {
        Self {
            smoothing: vec![0.0, 0.1, 0.2],
            others: vec![0.1],
            images: 1000,
            digits: 300,
            label_noise: 0.0,
            width: 8,
            epochs: 40,
            batch: 32,
            lr: 0.005,
        }
    }

    /// One more ε and twice the images: what a processor trains 25 networks on in about 20 minutes. With more images
    /// and epochs (`--set images=50000`) the networks get better and it takes as much longer.
    pub fn full() -> Self {
        Self { smoothing: vec![0.0, 0.05, 0.1, 0.2], images: 2000, ..Self::quick() }
    }

    /// What ranges don't say.
    pub fn check(&self) -> Result<()> {
        ensure!(
            self.smoothing.contains(&0.0) && self.smoothing.len() > 1,
            "--set smoothing: expected 0, which is cross-entropy, and at least one value above it, found {:?}",
            self.smoothing
        );
        Ok(())
    }

    /// The ε that stands for label smoothing where one is compared: the nearest to 0.1 above 0.
    pub fn reference(&self) -> f64 {
        let distance = |smoothing: &f64| (smoothing - USUAL).abs();
        let above = self.smoothing.iter().copied().filter(|smoothing| *smoothing > 0.0);
        above.min_by(|a, b| distance(a).total_cmp(&distance(b))).expect("`check` has seen one")
    }

    /// The largest ε.
    pub fn largest(&self) -> f64 {
        self.smoothing.iter().copied().fold(0.0, f64::max)
    }

    /// Everything that is trained, in the order of the tables.
    pub fn recipes(&self) -> Vec<Recipe> {
        let others = self
            .others
            .iter()
            .map(|smoothing| Recipe { smoothing: *smoothing, convention: SmoothingConvention::Others });
        self.smoothing.iter().map(|smoothing| Recipe::uniform(*smoothing)).chain(others).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(smoothing: &[f64]) -> Settings {
        Settings { smoothing: smoothing.to_vec(), ..Settings::quick() }
    }

    #[test]
    fn the_reference_is_the_smoothing_nearest_to_the_usual_one() {
        assert_eq!((with(&[0.0, 0.3]).reference(), with(&[0.5, 0.12, 0.0, 0.05]).reference()), (0.3, 0.12));
        assert_eq!(with(&[0.0, 0.3, 0.1]).largest(), 0.3);
    }

    #[test]
    fn cross_entropy_and_something_to_compare_it_with_are_needed() {
        assert!(with(&[0.1, 0.0]).check().is_ok());
        for smoothing in [&[0.0][..], &[0.1, 0.2]] {
            let message = with(smoothing).check().unwrap_err().to_string();
            assert!(message.ends_with(&format!("found {smoothing:?}")), "{message}");
        }
    }
}
