//! One file an exercise of the lab, each to be read from top to bottom as its worked solution.

mod common;
mod contrastive;
mod curriculum_focal;
mod focal;
mod info_nce;
mod label_smoothing;
mod landscape;
mod multi_task;
mod picks;
mod quadruplet;
mod ranking;
mod simclr;
mod sup_con;
mod triplet;
mod views;

use crate::{
    data::sources::Sources,
    lab::Lab,
    outcome::Outcome,
    settings::{self, Knob},
};
use anyhow::Result;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::path::PathBuf;

/// The six exercises, in the order in which `losslab run all` runs them.
pub const EXERCISES: &[Experiment] = &[
    focal::EXPERIMENT,
    contrastive::EXPERIMENT,
    triplet::EXPERIMENT,
    label_smoothing::EXPERIMENT,
    info_nce::EXPERIMENT,
    multi_task::EXPERIMENT,
];

/// What goes beyond them: `losslab run all --full` runs it too.
pub const BEYOND: &[Experiment] = &[
    curriculum_focal::EXPERIMENT,
    quadruplet::EXPERIMENT,
    sup_con::EXPERIMENT,
    simclr::EXPERIMENT,
    landscape::EXPERIMENT,
    ranking::EXPERIMENT,
];

/// All experiments.
pub fn experiments() -> impl Iterator<Item = &'static Experiment> {
    EXERCISES.iter().chain(BEYOND)
}

/// An experiment by its name.
#[derive(Clone, Copy, Debug)]
pub struct Experiment {
    /// Its name in `losslab run`.
    pub name: &'static str,
    /// What it shows, in a line.
    pub summary: &'static str,
    /// Its hyperparameters.
    pub knobs: &'static [Knob],
    /// Whether `--data` may give it a file, and of which kind.
    pub takes: Option<&'static str>,
    /// The hyperparameters of the quick preset.
    pub defaults: fn() -> Value,
    /// Checks what was asked for and reads the data. Writes nothing.
    pub prepare: fn(&Request) -> Result<Box<dyn Exercise>>,
}

/// What a user asks an experiment for.
#[derive(Clone, Debug)]
pub struct Request {
    /// Which hyperparameters to start from.
    pub preset: Preset,
    /// Assignments `key=value`.
    pub set: Vec<String>,
    /// Number of seeds, where it isn't the preset's.
    pub seeds: Option<u64>,
    /// A file in place of the experiment's data sets.
    pub data: Option<PathBuf>,
    /// Where to look for data sets.
    pub sources: Sources,
}

/// How much to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// About a minute on two cores, on the data that the program carries.
    #[default]
    Quick,
    /// The complete data sets, where they are here.
    Full,
}

impl Request {
    /// The settings of the preset with the assignments applied.
    pub fn settings<S: Serialize + DeserializeOwned>(&self, quick: S, full: S, knobs: &[Knob]) -> Result<S> {
        let preset = match self.preset {
            Preset::Quick => quick,
            Preset::Full => full,
        };
        settings::with(&preset, knobs, &self.set)
    }

    /// The seeds 1, 2, …: as many as asked for, or as the preset has.
    pub fn seeds(&self, quick: u64, full: u64) -> Vec<u64> {
        let preset = match self.preset {
            Preset::Quick => quick,
            Preset::Full => full,
        };
        (1..=self.seeds.unwrap_or(preset)).collect()
    }
}

/// An experiment that is ready to run: flags checked, data read.
pub trait Exercise {
    /// What it is going to do.
    fn plan(&self) -> Plan;

    /// Trains, measures and judges.
    ///
    /// # Errors
    /// If a training diverged, or a file of the run can't be written or read.
    fn run(&self, lab: &Lab) -> Result<Outcome>;
}

/// What a run is going to do.
#[derive(Clone, Debug)]
pub struct Plan {
    /// All hyperparameters.
    pub settings: Value,
    /// The seeds.
    pub seeds: Vec<u64>,
    /// The data sets, a line each.
    pub data: Vec<String>,
    /// A number that differs for different data.
    pub data_hash: u64,
    /// Networks to train.
    pub trainings: usize,
    /// Epochs of all trainings together.
    pub epochs: usize,
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
    /// The experiment of that name.
    pub fn named(name: &str) -> Option<&'static Experiment> {
        experiments().find(|experiment| experiment.name == name)
    }

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

#[cfg(test)]
mod tests {
    use super::*;

    /// A request for data that are always there.
    fn carried(preset: Preset, set: Vec<String>) -> Request {
        Request { preset, set, seeds: None, data: None, sources: Sources::new(None, true).unwrap() }
    }

    #[test]
    fn every_setting_has_a_knob_and_every_default_is_in_range() {
        for experiment in experiments() {
            let name = experiment.name;
            for preset in [Preset::Quick, Preset::Full] {
                let request = |set| carried(preset, set);
                let settings = (experiment.prepare)(&request(Vec::new())).unwrap().plan().settings;
                let fields = settings.as_object().unwrap();
                assert_eq!(fields.len(), experiment.knobs.len(), "{name}");
                let typed = |value: &Value| match value {
                    Value::String(text) => text.clone(),
                    other => other.to_string(),
                };
                let assign = |knob: &Knob| match &fields[knob.name] {
                    Value::Array(values) => {
                        format!("{}={}", knob.name, values.iter().map(typed).collect::<Vec<_>>().join(","))
                    }
                    value => format!("{}={}", knob.name, typed(value)),
                };
                let set = experiment.knobs.iter().map(assign).collect();
                assert_eq!((experiment.prepare)(&request(set)).unwrap().plan().settings, settings, "{name}");
                if preset == Preset::Quick {
                    assert_eq!(settings, (experiment.defaults)(), "{name}");
                }
            }
        }
    }
}
