//! The studies of a data set, put together over the seeds.

use super::{
    methods::{self, CHOSEN},
    settings::Settings,
    zero_shot::Study,
};
use crate::{
    experiments::common::{self, ByMethod, Difference},
    outcome::Row,
};

/// The metric that stands for retrieval where one number must do: Recall@1, the mean of both directions.
pub const RECALL: &str = "recall_at_1";
/// Share of the pictures of unseen combinations that are named right, among all combinations.
pub const UNSEEN: &str = "zero_shot_unseen";
/// The same for combinations that training has.
pub const SEEN: &str = "zero_shot_seen";

/// What one method with one seed is measured by.
pub trait Measured {
    /// The method's name.
    fn method(&self) -> &str;

    /// All numbers by name.
    fn metrics(&self) -> Vec<(&'static str, f64)>;
}

/// The results on one data set.
pub struct Results<'a, S> {
    /// The hyperparameters.
    pub settings: &'a Settings,
    /// Its name in `outcome.json`.
    key: &'static str,
    /// A method after the other, each with all seeds.
    studies: &'a [S],
    /// A row for each method, and of the shapes one for the temperature that validation chooses.
    pub rows: Vec<Row>,
    seeds: usize,
}

impl<'a, S: Measured> Results<'a, S> {
    /// Gathers the seeds of each method into a row.
    pub fn new(settings: &'a Settings, key: &'static str, studies: &'a [S], seeds: usize) -> Self {
        let row = |studies: &[S]| {
            let numbers: Vec<_> = studies.iter().map(Measured::metrics).collect();
            common::row(format!("{key}/{}", studies[0].method()), &numbers)
        };
        Self { settings, key, studies, rows: studies.chunks(seeds).map(row).collect(), seeds }
    }

    /// The data set's name in `outcome.json`.
    pub fn key(&self) -> &'static str {
        self.key
    }

    /// A metric of a method minus another of its metrics.
    pub fn difference_of(&self, method: &str, metric: &str, other: &str) -> Difference {
        Difference::of(self.metric(method, metric), self.metric(method, other))
    }

    /// What each seed tells of a method.
    pub fn of(&self, method: &str) -> impl Iterator<Item = &'a S> {
        self.studies.iter().filter(move |study| study.method() == method)
    }

    /// Number of seeds.
    pub fn seeds(&self) -> usize {
        self.seeds
    }
}

impl Results<'_, Study> {
    /// The fixed temperature that each seed's validation part would choose.
    pub fn chosen_temperatures(&self) -> Vec<f64> {
        self.chosen().map(|(temperature, _)| temperature).collect()
    }

    /// With a row of the networks with these temperatures.
    pub fn with_chosen_temperature(mut self) -> Self {
        let numbers: Vec<_> = self.chosen().map(|(_, study)| study.metrics()).collect();
        self.rows.push(common::row(format!("{}/{CHOSEN}", self.key), &numbers));
        self
    }

    /// For each seed.
    fn chosen(&self) -> impl Iterator<Item = (f64, &Study)> {
        let temperatures = &self.settings.temperature;
        let by_temperature = temperatures.iter().map(|value| {
            let studies: Vec<&Study> = self.of(&methods::fixed(self.settings, *value)).collect();
            (*value, studies)
        });
        let by_temperature: Vec<(f64, Vec<&Study>)> = by_temperature.collect();
        (0..self.seeds).map(move |seed| {
            let candidates = by_temperature.iter().map(|(value, studies)| (*value, studies[seed]));
            let recall = |candidate: &(f64, &Study)| candidate.1.validation.recall;
            // The first of equals.
            let better = |a, b| if recall(&b) > recall(&a) { b } else { a };
            candidates.reduce(better).expect("a list is never empty")
        })
    }
}

impl<S> ByMethod for Results<'_, S> {
    type Method<'m> = &'m str;

    fn row(&self, method: &str) -> &Row {
        common::find(&self.rows, self.key, method)
    }
}
