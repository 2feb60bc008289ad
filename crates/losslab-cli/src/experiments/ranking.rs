//! Beyond the exercises: losses for ranked lists.
//!
//! 1. The losses are `losslab::RankNetLoss`, `LambdaLoss`, `ListNetLoss`, `ListMleLoss` and `ApproxNdcgLoss`, against the
//!    squared error of each item by itself: [`methods::Method`].
//! 2. Data: generated searches with clicks, MQ2008 where it is there, or a LETOR file: [`data::DataSet`].
//! 3. Training on batches of whole lists; step size and epoch are chosen on the validation part: [`training::tested`].
//! 4. NDCG@1, NDCG@5, NDCG@10 and MAP on the test part, with the gain, the discount and the ties of the losses:
//!    [`measures::Found`].
//! 5. What the position of an item does to its clicks: one loss learns from the true grades as well.

mod checks;
mod data;
mod figures;
mod lessons;
mod measures;
mod methods;
mod results;
mod settings;
mod story;
mod training;

use super::{Exercise, Experiment, Plan, Request};
use crate::{
    lab::{Job, Lab},
    outcome::Outcome,
    random,
};
use anyhow::{Result, ensure};
use data::DataSet;
use methods::Method;
use results::Results;
use settings::{KNOBS, Settings};
use training::Tested;

/// Losses for ranked lists.
pub const EXPERIMENT: Experiment = Experiment {
    name: "ranking",
    summary: "losses for ranked lists against regression: NDCG and MAP on searches with clicks, MQ2008 or a LETOR file",
    knobs: &KNOBS,
    takes: Some("a LETOR or SVMlight file with qid"),
    defaults: || serde_json::json!(Settings::quick()),
    prepare: |request| Ok(Box::new(Ranking::prepare(request)?)),
};

/// A way to rank the items of a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// In the order in which users saw them.
    Shown,
    /// By the best single feature.
    OneFeature,
    /// By a network, trained with a loss.
    Trained(Method),
    /// By a network that was told the true grades in place of clicks.
    OnTruth,
}

impl Way {
    /// In `outcome.json`.
    pub fn name(self) -> &'static str {
        match self {
            Way::Shown => "as shown",
            Way::OneFeature => "one feature",
            Way::Trained(method) => method.name(),
            Way::OnTruth => "lambda-rank on true grades",
        }
    }

    /// In the report.
    pub fn title(self) -> &'static str {
        match self {
            Way::Shown => "as users saw them",
            Way::OneFeature => "the best single feature",
            Way::Trained(method) => method.title(),
            Way::OnTruth => "LambdaRank on true grades",
        }
    }
}

/// The experiment, ready to run.
struct Ranking {
    settings: Settings,
    seeds: Vec<u64>,
    sets: Vec<DataSet>,
}

impl Ranking {
    fn prepare(request: &Request) -> Result<Self> {
        let settings = request.settings(Settings::quick(), Settings::full(), &KNOBS)?;
        ensure!(!settings.losses.is_empty(), "--set losses: name at least one");
        let seeds = request.seeds(6, 10);
        let sets = DataSet::all(request, &settings, &seeds)?;
        Ok(Self { settings, seeds, sets })
    }

    /// Every way to rank a data set.
    fn ways(&self, set: &DataSet) -> Vec<Way> {
        let trained = self.settings.losses.iter().map(|method| Way::Trained(*method));
        let clicks = set.is_of_clicks();
        let before = clicks.then_some(Way::Shown).into_iter().chain([Way::OneFeature]);
        before.chain(trained).chain(clicks.then_some(Way::OnTruth)).collect()
    }

    fn tasks(&self) -> Vec<(&DataSet, Way, u64)> {
        let of_set =
            |set| self.ways(set).into_iter().flat_map(move |way| self.seeds.iter().map(move |seed| (set, way, *seed)));
        self.sets.iter().flat_map(of_set).collect()
    }

    fn test(&self, set: &DataSet, way: Way, seed: u64, job: &Job) -> Result<Tested> {
        let drawn = set.draw(seed);
        match way {
            Way::Shown => training::by_scores(&drawn.shown, &drawn.split.test),
            Way::OneFeature => training::by_one_feature(&drawn.split),
            Way::Trained(method) => training::tested(method, &drawn.split, &self.settings, seed, job),
            Way::OnTruth => training::tested(Method::LambdaRank, &drawn.on_truth(), &self.settings, seed, job),
        }
    }
}

impl Exercise for Ranking {
    fn plan(&self) -> Plan {
        let is_trained = |way: &Way| matches!(way, Way::Trained(_) | Way::OnTruth);
        let trained = self.tasks().iter().filter(|(_, way, _)| is_trained(way)).count();
        let trainings = trained * self.settings.lr.len();
        let hashes: Vec<u64> = self.sets.iter().map(DataSet::hash).collect();
        Plan {
            settings: serde_json::json!(self.settings),
            seeds: self.seeds.clone(),
            data: self.sets.iter().map(|set| format!("{}: {}", set.key, set.about)).collect(),
            data_hash: random::hash(format!("{hashes:?}").as_bytes()),
            trainings,
            epochs: trainings * self.settings.epochs,
        }
    }

    fn run(&self, lab: &Lab) -> Result<Outcome> {
        let Self { settings, seeds, sets } = self;
        let tasks = self.tasks();
        let name = |(set, way, seed): &(&DataSet, Way, u64)| format!("{}/{}, seed {seed}", set.key, way.name());
        let tested = lab.map(&tasks, name, |(set, way, seed), job| self.test(set, *way, *seed, job))?;
        let of_set = |set: &'_ DataSet| {
            let of_set = tasks.iter().zip(&tested).filter(|((other, ..), _)| other.key == set.key);
            of_set.map(|((_, way, _), tested)| (*way, tested)).collect::<Vec<_>>()
        };
        let results: Vec<Results> = sets.iter().map(|set| Results::new(set, of_set(set), seeds.len())).collect();
        let (checks, story) = story::tell(settings, &results);
        Ok(Outcome {
            experiment: EXPERIMENT.name.to_owned(),
            config: serde_json::json!(settings),
            seeds: seeds.clone(),
            rows: results.into_iter().flat_map(|results| results.rows).collect(),
            checks,
            story,
        })
    }
}
