//! The hyperparameters of exercise 5.

use crate::settings::Knob;
use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};

/// The temperature that CLIP starts from, and the handout's default.
pub const CLIP: f64 = 0.07;
/// The handout's default for SimCLR.
pub const SIMCLR: f64 = 0.1;

/// All hyperparameters, with the names that `--set` knows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Fixed temperatures to compare.
    pub temperature: Vec<f64>,
    /// Where learned temperatures start.
    pub learned: Vec<f64>,
    /// Batch sizes to compare.
    pub batch: Vec<usize>,
    /// Generated pairs for training.
    pub images: usize,
    /// Generated pairs for validation.
    pub valid: usize,
    /// Generated pairs for testing.
    pub test: usize,
    /// Pixels from side to side of a generated picture.
    pub side: usize,
    /// Passes over the generated pairs.
    pub epochs: usize,
    /// Passes over the emoji; 0 leaves them out.
    pub emoji_epochs: usize,
    /// Adam's step size.
    pub lr: f64,
    /// Width of the hidden layer of each tower.
    pub hidden: usize,
    /// Numbers of an embedding.
    pub embedding: usize,
}

/// Names, ranges and meanings of the settings.
pub const KNOBS: [Knob; 12] = [
    Knob::number("temperature", 1e-4, 100.0, "fixed temperatures to compare"),
    Knob::number("learned", 0.01, 100.0, "where learned temperatures start"),
    Knob::number("batch", 2.0, 4096.0, "batch sizes to compare"),
    Knob::number("images", 64.0, 100_000.0, "generated pairs for training"),
    Knob::number("valid", 40.0, 20_000.0, "generated pairs for validation"),
    Knob::number("test", 40.0, 20_000.0, "generated pairs for testing"),
    Knob::number("side", 16.0, 64.0, "pixels from side to side of a generated picture, a multiple of 8"),
    Knob::number("epochs", 1.0, 1000.0, "passes over the generated pairs"),
    Knob::number("emoji_epochs", 0.0, 1000.0, "passes over the emoji; 0 leaves them out"),
    Knob::number("lr", 1e-6, 1.0, "step size of Adam"),
    Knob::number("hidden", 1.0, 4096.0, "width of the hidden layer of each tower"),
    Knob::number("embedding", 2.0, 4096.0, "numbers of an embedding"),
];

impl Settings {
    /// About 45 seconds of one core: small pictures, of which each is seen a few times only. On validation, new pictures
    /// were worth more than further passes.
    pub fn quick() -> Self {
        Self {
            temperature: vec![0.001, 0.01, CLIP, 1.0, 10.0],
            learned: vec![CLIP, 1.0],
            batch: vec![8, 64, 512],
            images: 2560,
            valid: 400,
            test: 400,
            side: 16,
            epochs: 5,
            emoji_epochs: 0,
            lr: 0.003,
            hidden: 256,
            embedding: 64,
        }
    }

    /// The handout's towers, larger and more pictures, all temperatures and batch sizes, and the emoji.
    pub fn full() -> Self {
        Self {
            temperature: vec![0.001, 0.01, CLIP, SIMCLR, 1.0, 10.0],
            batch: vec![8, 32, 128, 512],
            images: 12_288,
            valid: 1000,
            test: 1000,
            side: 24,
            epochs: 4,
            emoji_epochs: 20,
            hidden: 512,
            embedding: 256,
            ..Self::quick()
        }
    }

    /// Checks what a range can't say.
    pub fn check(&self) -> Result<()> {
        ensure!(self.side.is_multiple_of(8), "--set side={}: expected a multiple of 8 from 16 to 64", self.side);
        let largest = self.batch.iter().max().copied().unwrap_or_default();
        ensure!(
            largest <= self.images,
            "--set batch={largest}: expected at most images, which is {}: a batch has no pair twice",
            self.images
        );
        Ok(())
    }

    /// The temperature of everything but the sweep over temperatures: the listed one nearest to CLIP's, by its ratio.
    pub fn reference_temperature(&self) -> f64 {
        let off = |temperature: &f64| (temperature / CLIP).ln().abs();
        *self.temperature.iter().min_by(|a, b| off(a).total_cmp(&off(b))).expect("a list is never empty")
    }

    /// The batch size of everything but the sweep over batch sizes: the listed one nearest to 128, by its ratio.
    pub fn reference_batch(&self) -> usize {
        let off = |batch: &usize| (*batch as f64 / 128.0).ln().abs();
        *self.batch.iter().min_by(|a, b| off(a).total_cmp(&off(b))).expect("a list is never empty")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_the_listed_values_nearest_to_the_usual_ones() {
        let settings = Settings { temperature: vec![0.01, 0.1, 5.0], batch: vec![8, 100, 512], ..Settings::quick() };
        assert_eq!((settings.reference_temperature(), settings.reference_batch()), (0.1, 100));
        assert_eq!((Settings::full().reference_temperature(), Settings::full().reference_batch()), (CLIP, 128));
    }

    #[test]
    fn presets_pass_their_check_and_bad_sizes_do_not() {
        assert!(Settings::quick().check().is_ok() && Settings::full().check().is_ok());
        let error = |settings: Settings| settings.check().unwrap_err().to_string();
        assert!(error(Settings { side: 20, ..Settings::quick() }).contains("a multiple of 8"));
        assert!(error(Settings { images: 100, ..Settings::quick() }).contains("batch=512"));
    }
}
