//! Supervised contrastive learning (Khosla et al. 2020) against cross-entropy and triplets.
//!
//! 1. The losses are `losslab::SupConLoss` in its two forms, `losslab::TripletLoss` and `losslab::CrossEntropyLoss`:
//!    [`methods::Loss`] is the one place that builds them.
//! 2. Views: [`Policy`](crate::data::augment::Policy), the same for all losses.
//! 3. Training on right and on wrong labels: [`training::train`]. Every training looks at as many views; those of a seed
//!    start from the same encoder and see the same views in the same order.
//! 4. Representations, without the head, for a linear classifier and for retrieval: [`measures::Measured`].

mod checks;
mod figures;
mod lessons;
mod measures;
mod methods;
mod results;
mod settings;
mod story;
mod training;

use super::{
    Exercise, Experiment, Plan, Request,
    picks::{self, Picked},
};
use crate::{
    data::{
        augment::Policy,
        images::{Limits, Parts},
    },
    lab::{Job, Lab},
    outcome::Outcome,
    random,
};
use anyhow::Result;
use measures::Measured;
use methods::{Method, Recipe, recipes};
use results::Results;
use serde::{Deserialize, Serialize};
use settings::{KNOBS, Settings};
use training::Material;

/// Supervised contrastive learning.
pub const EXPERIMENT: Experiment = Experiment {
    name: "sup-con",
    summary: "supervised contrastive loss against cross-entropy and triplets, also with wrong labels",
    knobs: &KNOBS,
    takes: None,
    defaults: || serde_json::json!(Settings::quick()),
    prepare: |request| Ok(Box::new(SupCon::prepare(request)?)),
};

/// Test images on the maps.
const MAPPED: usize = 500;

/// What a job returns.
#[derive(Deserialize, Serialize)]
struct Tested {
    measured: Measured,
    /// Representations of the first test images, where they are wanted.
    map: Vec<f32>,
}

/// One job: a training on a data set with a seed.
struct Task<'a> {
    picked: &'a Picked,
    recipe: Recipe,
    seed: u64,
}

/// The experiment, ready to run.
struct SupCon {
    settings: Settings,
    seeds: Vec<u64>,
    picked: Vec<Picked>,
    notice: Option<String>,
}

impl SupCon {
    fn prepare(request: &Request) -> Result<Self> {
        let settings = request.settings(Settings::quick(), Settings::full(), &KNOBS)?;
        settings.check()?;
        let (picked, notice) = picks::find(&settings.data, &request.sources)?;
        Ok(Self { seeds: request.seeds(3, 5), settings, picked, notice })
    }

    fn parts(&self, picked: &Picked, seed: u64) -> Parts {
        let Settings { images, valid, tested, .. } = self.settings;
        picked.set.parts(Limits { train: images, valid, test: tested }, seed)
    }

    fn tasks(&self) -> Vec<Task<'_>> {
        let of_set = |picked| {
            let with_seed =
                move |recipe: Recipe| self.seeds.iter().map(move |seed| Task { picked, recipe, seed: *seed });
            recipes(&self.settings).into_iter().flat_map(with_seed)
        };
        self.picked.iter().flat_map(of_set).collect()
    }

    /// Trains a network and measures it.
    fn test(&self, task: &Task, policy: &Policy, job: &Job) -> Result<Tested> {
        let parts = self.parts(task.picked, task.seed);
        let material = Material { images: &parts.train, classes: task.picked.set.classes.len(), policy };
        let network = training::train(&self.settings, &task.recipe, &material, task.seed, job)?;
        let told = material.labels(&task.recipe, task.seed);
        let measured = Measured::new(&network, &parts, &told, &material)?;
        let is_mapped = task.seed == self.seeds[0]
            && task.recipe.noise == 0.0
            && task.recipe.views == self.settings.views
            && [Method::CrossEntropy, Method::Outside].contains(&task.recipe.method);
        let map = if is_mapped {
            let shown: Vec<usize> = (0..MAPPED.min(parts.test.len())).collect();
            network.outputs(&parts.test.select(&shown), &parts.train.scaling()).representations
        } else {
            Vec::new()
        };
        Ok(Tested { measured, map })
    }
}

impl Exercise for SupCon {
    fn plan(&self) -> Plan {
        let epochs: Vec<usize> =
            self.tasks().iter().map(|task| training::epochs(&self.settings, &task.recipe)).collect();
        let hashes: Vec<u64> = self.picked.iter().map(|picked| picked.set.hash()).collect();
        Plan {
            settings: serde_json::json!(self.settings),
            seeds: self.seeds.clone(),
            data: self.picked.iter().map(|one| format!("{}: {}", one.pick.key(), one.set.origin)).collect(),
            data_hash: random::hash(format!("{hashes:?}").as_bytes()),
            trainings: epochs.len(),
            epochs: epochs.iter().sum(),
        }
    }

    /// Every recipe on every data set with every seed.
    fn run(&self, lab: &Lab) -> Result<Outcome> {
        let Self { settings, seeds, picked, notice } = self;
        let tasks = self.tasks();
        let name = |task: &Task| {
            let Task { picked, recipe, seed } = task;
            format!("{}/{}, lr {}, seed {seed}", picked.pick.key(), recipe.name(settings), recipe.lr)
        };
        let tested = lab.map(&tasks, name, |task, job| self.test(task, &task.picked.pick.policy(), job))?;

        let recipes = recipes(settings);
        let per_set = recipes.len() * seeds.len();
        let results: Vec<Results> = picked
            .iter()
            .zip(tested.chunks(per_set))
            .map(|(picked, tested)| {
                let by_recipe: Vec<Vec<&Tested>> =
                    tested.chunks(seeds.len()).map(|tested| tested.iter().collect()).collect();
                Results::new(settings, picked, &recipes, &by_recipe)
            })
            .collect();

        let first: Vec<Parts> = picked.iter().map(|picked| self.parts(picked, seeds[0])).collect();
        let told = story::Told { settings, seeds, results: &results, first: &first, notice: notice.as_deref() };
        let (checks, story) = told.tell();
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
