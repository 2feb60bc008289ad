//! The hyperparameters of exercise 1.

use crate::settings::Knob;
use losslab::metrics::{self, BinaryCounts, MetricError};
use serde::{Deserialize, Serialize};

/// What a choice on the validation part is to make as large as possible.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Criterion {
    /// F1 of the rare class.
    #[default]
    F1,
    /// Balanced accuracy.
    BalancedAccuracy,
}

impl Criterion {
    /// Its value. F1 is 0 where nothing is predicted rare.
    pub fn of(self, counts: &BinaryCounts) -> Result<f64, MetricError> {
        match self {
            Criterion::F1 => counts.f_beta(1.0),
            Criterion::BalancedAccuracy => counts.balanced_accuracy(),
        }
    }

    /// Its name in a sentence.
    pub fn title(self) -> &'static str {
        match self {
            Criterion::F1 => "F1 of the rare class",
            Criterion::BalancedAccuracy => "balanced accuracy",
        }
    }
}

impl From<Criterion> for metrics::Criterion {
    fn from(criterion: Criterion) -> Self {
        match criterion {
            Criterion::F1 => Self::F1,
            Criterion::BalancedAccuracy => Self::BalancedAccuracy,
        }
    }
}

/// All hyperparameters, with the names that `--set` knows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Focusing parameters to compare.
    pub gamma: Vec<f64>,
    /// Class weights of the rare class to choose from on the validation part, for each γ.
    pub alpha: Vec<f64>,
    /// What α and the tuned threshold are chosen by.
    pub criterion: Criterion,
    /// The digit that is the rare class.
    pub digit: u8,
    /// Share of that digit.
    pub ratio: f64,
    /// Images for training at most.
    pub images: usize,
    /// Distance of the generator's classes, in standard deviations.
    pub separation: f64,
    /// Features of the generator's classes.
    pub features: usize,
    /// Passes over the training part.
    pub epochs: usize,
    /// Rows in a batch.
    pub batch: usize,
    /// Adam's step size.
    pub lr: f64,
    /// Width of the hidden layer.
    pub hidden: usize,
    /// Name of the label column of a CSV file.
    pub label: String,
}

/// Names, ranges and meanings of the settings.
pub const KNOBS: [Knob; 13] = [
    Knob::number("gamma", 0.0, 5.0, "focusing parameters to compare"),
    Knob::number("alpha", 0.0, 1.0, "weights of the rare class to choose from on the validation part"),
    Knob::word("criterion", "what alpha and the tuned threshold are chosen by: f1, balanced-accuracy"),
    Knob::number("digit", 0.0, 9.0, "the digit that is the rare class"),
    Knob::number("ratio", 0.001, 0.5, "share of that digit"),
    Knob::number("images", 500.0, 60_000.0, "images for training at most"),
    Knob::number("separation", 0.1, 10.0, "distance of the generator's classes in standard deviations"),
    Knob::number("features", 1.0, 1000.0, "features of the generator's classes"),
    Knob::number("epochs", 1.0, 1000.0, "passes over the training part"),
    Knob::number("batch", 1.0, 65_536.0, "rows in a batch"),
    Knob::number("lr", 1e-6, 1.0, "step size of Adam"),
    Knob::number("hidden", 1.0, 4096.0, "width of the hidden layer"),
    Knob::word("label", "name of the label column of a CSV file"),
];

impl Settings {
    /// Below a minute on two cores.
    pub fn quick() -> Self {
        Self {
            gamma: vec![0.0, 0.5, 1.0, 2.0, 5.0],
            alpha: vec![0.25, 0.5, 0.75, 0.9],
            criterion: Criterion::F1,
            digit: 8,
            ratio: 0.02,
            images: 3000,
            separation: 2.0,
            features: 2,
            epochs: 20,
            batch: 128,
            lr: 0.005,
            hidden: 32,
            label: "label".to_owned(),
        }
    }

    /// A larger network, on all images there are.
    pub fn full() -> Self {
        Self { images: 60_000, batch: 256, lr: 0.002, hidden: 64, ..Self::quick() }
    }

    /// The γ that stands for focal loss where one is compared with other methods: the one nearest to the handout's 2.
    pub fn reference_gamma(&self) -> f64 {
        *self.gamma.iter().min_by(|a, b| (*a - 2.0).abs().total_cmp(&(*b - 2.0).abs())).expect("a list is never empty")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_is_the_gamma_nearest_to_two() {
        let reference = |gamma: &[f64]| Settings { gamma: gamma.to_vec(), ..Settings::quick() }.reference_gamma();
        assert_eq!((reference(&[0.0, 1.0, 5.0]), reference(&[0.0, 2.0])), (1.0, 2.0));
    }
}
