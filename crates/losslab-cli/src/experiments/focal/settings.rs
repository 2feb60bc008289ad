//! The hyperparameters of exercise 1.

use crate::{metrics::Criterion, settings::Knob, training::Schedule};
use serde::{Deserialize, Serialize};

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
    knob("gamma", 0.0, 5.0, "focusing parameters to compare"),
    knob("alpha", 0.0, 1.0, "weights of the rare class to choose from on the validation part"),
    Knob {
        name: "criterion",
        range: None,
        help: "what alpha and the tuned threshold are chosen by: f1, balanced-accuracy",
    },
    knob("digit", 0.0, 9.0, "the digit that is the rare class"),
    knob("ratio", 0.001, 0.5, "share of that digit"),
    knob("images", 500.0, 60_000.0, "images for training at most"),
    knob("separation", 0.1, 10.0, "distance of the generator's classes in standard deviations"),
    knob("features", 1.0, 1000.0, "features of the generator's classes"),
    knob("epochs", 1.0, 1000.0, "passes over the training part"),
    knob("batch", 1.0, 65_536.0, "rows in a batch"),
    knob("lr", 1e-6, 1.0, "step size of Adam"),
    knob("hidden", 1.0, 4096.0, "width of the hidden layer"),
    Knob { name: "label", range: None, help: "name of the label column of a CSV file" },
];

const fn knob(name: &'static str, low: f64, high: f64, help: &'static str) -> Knob {
    Knob { name, range: Some((low, high)), help }
}

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

    /// What the training loop takes.
    pub fn schedule(&self) -> Schedule {
        Schedule { epochs: self.epochs, batch: self.batch, learning_rate: self.lr, hidden: self.hidden }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings;

    #[test]
    fn every_field_has_a_knob_and_every_preset_is_in_range() {
        for preset in [Settings::quick(), Settings::full()] {
            let fields = serde_json::to_value(&preset).unwrap();
            let fields = fields.as_object().unwrap();
            assert_eq!(fields.len(), KNOBS.len());
            let assignments: Vec<String> = KNOBS
                .iter()
                .map(|knob| match &fields[knob.name] {
                    serde_json::Value::Array(values) => {
                        let texts: Vec<String> = values.iter().map(ToString::to_string).collect();
                        format!("{}={}", knob.name, texts.join(","))
                    }
                    serde_json::Value::String(text) => format!("{}={text}", knob.name),
                    number => format!("{}={number}", knob.name),
                })
                .collect();
            assert_eq!(settings::with(&preset, &KNOBS, &assignments).unwrap(), preset);
        }
    }

    #[test]
    fn the_reference_is_the_gamma_nearest_to_two() {
        let reference = |gamma: &[f64]| Settings { gamma: gamma.to_vec(), ..Settings::quick() }.reference_gamma();
        assert_eq!((reference(&[0.0, 1.0, 5.0]), reference(&[0.0, 2.0])), (1.0, 2.0));
    }
}
