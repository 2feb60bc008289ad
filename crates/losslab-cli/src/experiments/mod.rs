//! One file an exercise of the lab, each to be read from top to bottom as its worked solution.

pub mod focal;

use crate::settings::Knob;
use serde::Serialize;
use serde_json::Value;

/// All experiments.
pub const EXPERIMENTS: [Experiment; 1] = [Experiment {
    name: "focal",
    summary: "exercise 1: focal loss for imbalanced data",
    knobs: &focal::KNOBS,
    defaults: || serde_json::json!(focal::Settings::quick()),
}];

/// An experiment by its name.
#[derive(Clone, Copy, Debug)]
pub struct Experiment {
    /// Its name in `losslab run`.
    pub name: &'static str,
    /// What it shows, in a line.
    pub summary: &'static str,
    knobs: &'static [Knob],
    defaults: fn() -> Value,
}

/// A hyperparameter of an experiment, as `losslab list` shows it.
#[derive(Clone, Debug, Serialize)]
pub struct Hyperparameter {
    /// Its name in `--set`.
    pub name: &'static str,
    /// Its value in the quick preset.
    pub default: Value,
    /// Smallest and largest value, for numbers.
    pub range: Option<(f64, f64)>,
    /// What it does.
    pub meaning: &'static str,
}

impl Experiment {
    /// Its hyperparameters with the values of the quick preset.
    pub fn hyperparameters(&self) -> Vec<Hyperparameter> {
        let defaults = (self.defaults)();
        let describe = |knob: &Knob| Hyperparameter {
            name: knob.name,
            default: defaults[knob.name].clone(),
            range: knob.range,
            meaning: knob.help,
        };
        self.knobs.iter().map(describe).collect()
    }
}
