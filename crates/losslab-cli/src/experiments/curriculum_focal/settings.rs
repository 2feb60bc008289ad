//! The hyperparameters of the curriculum.

use crate::{experiments::focal::settings::Settings as Data, settings::Knob};
use serde::{Deserialize, Serialize};

/// All hyperparameters, with the names that `--set` knows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// γ at the start of a curriculum, and of the first baseline.
    pub first: f64,
    /// γ at the end of a curriculum, and of the second baseline.
    pub last: f64,
    /// The share of the training in which a planned γ moves.
    pub over: f64,
    /// Jumps of the course in steps.
    pub steps: usize,
    /// The probability of the true class from which an example is easy.
    pub easy: f64,
    /// How much of the running share of easy examples is kept at every batch.
    pub smoothing: f64,
    /// The level to be reached, as a share of the AUPRC that is usual on the validation part.
    pub target: f64,
    /// Passes over the training part.
    pub epochs: usize,
    /// Adam's step sizes to choose from on the validation part, for each method.
    pub lr: Vec<f64>,
    /// Rows in a batch.
    pub batch: usize,
    /// Width of the hidden layer.
    pub hidden: usize,
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
    /// Name of the label column of a CSV file.
    pub label: String,
}

/// Names, ranges and meanings of the settings.
pub const KNOBS: [Knob; 17] = [
    Knob::number("first", 0.0, 5.0, "γ at the start of a curriculum, and of the first baseline"),
    Knob::number("last", 0.0, 5.0, "γ at the end of a curriculum, and of the second baseline"),
    Knob::number("over", 0.01, 1.0, "share of the training in which a planned γ moves"),
    Knob::number("steps", 1.0, 100.0, "jumps of the course in steps"),
    Knob::number("easy", 0.5, 1.0, "probability of the true class from which an example is easy"),
    Knob::number("smoothing", 0.0, 1.0, "how much of the running share of easy examples is kept at every batch"),
    Knob::number("target", 0.1, 1.0, "level to be reached, as a share of the usual AUPRC on the validation part"),
    Knob::number("epochs", 1.0, 1000.0, "passes over the training part"),
    Knob::number("lr", 1e-6, 1.0, "step sizes of Adam to choose from on the validation part"),
    Knob::number("batch", 1.0, 65_536.0, "rows in a batch"),
    Knob::number("hidden", 1.0, 4096.0, "width of the hidden layer"),
    Knob::number("digit", 0.0, 9.0, "the digit that is the rare class"),
    Knob::number("ratio", 0.001, 0.5, "share of that digit"),
    Knob::number("images", 500.0, 60_000.0, "images for training at most"),
    Knob::number("separation", 0.1, 10.0, "distance of the generator's classes in standard deviations"),
    Knob::number("features", 1.0, 1000.0, "features of the generator's classes"),
    Knob::word("label", "name of the label column of a CSV file"),
];

impl Settings {
    /// Below half a minute on two cores.
    pub fn quick() -> Self {
        let Data { digit, ratio, images, separation, features, batch, hidden, label, .. } = Data::quick();
        Self {
            first: 0.0,
            last: 2.0,
            over: 0.5,
            steps: 4,
            easy: 0.9,
            smoothing: 0.9,
            target: 0.9,
            epochs: 20,
            lr: vec![0.005, 0.0125],
            batch,
            hidden,
            digit,
            ratio,
            images,
            separation,
            features,
            label,
        }
    }

    /// A larger network, on all images there are.
    pub fn full() -> Self {
        let Data { images, batch, hidden, .. } = Data::full();
        Self { images, batch, hidden, epochs: 30, lr: vec![0.001, 0.002, 0.005, 0.0125], ..Self::quick() }
    }

    /// What the data sets of the focal exercise depend on.
    pub fn data(&self) -> Data {
        let Self { digit, ratio, images, separation, features, .. } = *self;
        Data { digit, ratio, images, separation, features, ..Data::quick() }
    }
}
