//! Learning without labels: SimCLR (Chen et al. 2020), with the momentum encoder and queue of MoCo (He et al. 2020) as an
//! option.
//!
//! 1. Two views of each image: [`Policy`](crate::data::augment::Policy).
//! 2. The losses are `losslab::NtXentLoss`, and `losslab::InfoNceLoss` with a `losslab::MemoryBank`; training:
//!    [`training::pre_train`].
//! 3. What the representation is worth with 1 %, 10 % and all of the labels: [`measures::Yardstick`], against a network
//!    that learns from the same labels alone, [`training::from_scratch`].
//! 4. Before and after the projection head, temperatures, batch sizes, augmentations left out: one thing at a time
//!    differs, [`methods::ways`].

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
    data::images::{Limits, Parts},
    lab::{Job, Lab},
    models::projection::Head,
    outcome::Outcome,
    random,
};
use anyhow::Result;
use measures::{Labelled, Measured, Yardstick};
use methods::{SIMCLR, Way, ways};
use results::Results;
use serde::{Deserialize, Serialize};
use settings::{KNOBS, Settings};
use training::Material;

/// Learning without labels.
pub const EXPERIMENT: Experiment = Experiment {
    name: "simclr",
    summary: "self-supervised learning from two views of each image, and what it saves in labels",
    knobs: &KNOBS,
    takes: None,
    defaults: || serde_json::json!(Settings::quick()),
    prepare: |request| Ok(Box::new(SimClr::prepare(request)?)),
};

/// Test images on the maps.
const MAPPED: usize = 500;

/// What a job returns.
#[derive(Deserialize, Serialize)]
struct Tested {
    /// One for each share of the labels that the way is measured with.
    measured: Vec<Measured>,
    /// Representations of the first test images, where they are wanted.
    map: Vec<f32>,
}

/// One job: a way on a data set with a seed.
struct Task<'a> {
    picked: &'a Picked,
    way: Way,
    seed: u64,
}

/// The experiment, ready to run.
struct SimClr {
    settings: Settings,
    seeds: Vec<u64>,
    picked: Vec<Picked>,
    notice: Option<String>,
}

impl SimClr {
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

    fn ways(&self, picked: &Picked) -> Vec<Way> {
        ways(&self.settings, &picked.pick.policy(), picked.pick == self.picked[0].pick)
    }

    fn tasks(&self) -> Vec<Task<'_>> {
        let of_set = |picked| {
            let with_seed =
                move |way: Way| self.seeds.iter().map(move |seed| Task { picked, way: way.clone(), seed: *seed });
            self.ways(picked).into_iter().flat_map(with_seed)
        };
        self.picked.iter().flat_map(of_set).collect()
    }

    /// Comes by a representation in one way, and measures it.
    fn test(&self, task: &Task, job: &Job) -> Result<Tested> {
        let Task { picked, way, seed } = task;
        let (settings, seed) = (&self.settings, *seed);
        let parts = self.parts(picked, seed);
        let classes = picked.set.classes.len();
        let scaling = parts.train.scaling();
        let policy = picked.pick.policy();
        let material = Material { images: &parts.train, scaling: &scaling, policy: &policy, classes };
        let labelled = |share: f64| Labelled::new(&parts, share, classes, seed);
        let yardstick = Yardstick { settings, classes, test: &parts.test };
        let network = match way {
            Way::Pixels => {
                let by_share = settings.shares().into_iter().map(|share| yardstick.pixels(&labelled(share)));
                return Ok(Tested { measured: by_share.collect::<Result<_>>()?, map: Vec::new() });
            }
            Way::Scratch(share) => {
                let labelled = labelled(*share);
                let network = training::from_scratch(settings, &material, &labelled.train, seed, job)?;
                let measured = vec![yardstick.classifier(&network, &labelled, &scaling)];
                return Ok(Tested { measured, map: Vec::new() });
            }
            Way::Untrained => {
                let head = Head::Projection(settings.projection);
                training::untrained(settings, head, &parts.train, seed, &job.device())
            }
            Way::PreTrained(recipe) => training::pre_train(settings, recipe, &material, seed, job)?,
        };
        let by_share =
            settings.shares().into_iter().map(|share| yardstick.network(&network, &labelled(share), &scaling));
        let measured = by_share.collect::<Result<_>>()?;
        let is_mapped = seed == self.seeds[0] && [SIMCLR, methods::UNTRAINED].contains(&way.name());
        let map = if is_mapped {
            let shown: Vec<usize> = (0..MAPPED.min(parts.test.len())).collect();
            network.outputs(&parts.test.select(&shown), &scaling).representations
        } else {
            Vec::new()
        };
        Ok(Tested { measured, map })
    }
}

impl Exercise for SimClr {
    fn plan(&self) -> Plan {
        let is_trained = |task: &&Task| matches!(task.way, Way::Scratch(_) | Way::PreTrained(_));
        let trainings = self.tasks().iter().filter(is_trained).count();
        let hashes: Vec<u64> = self.picked.iter().map(|picked| picked.set.hash()).collect();
        Plan {
            settings: serde_json::json!(self.settings),
            seeds: self.seeds.clone(),
            data: self.picked.iter().map(|one| format!("{}: {}", one.pick.key(), one.set.origin)).collect(),
            data_hash: random::hash(format!("{hashes:?}").as_bytes()),
            trainings,
            epochs: trainings * self.settings.epochs,
        }
    }

    /// Every way on every data set with every seed.
    fn run(&self, lab: &Lab) -> Result<Outcome> {
        let Self { settings, seeds, picked, notice } = self;
        let tasks = self.tasks();
        let name = |task: &Task| {
            let Task { picked, way, seed } = task;
            let way = match way {
                Way::Scratch(share) => methods::row_name(way.name(), *share),
                _ => way.name().to_owned(),
            };
            format!("{}/{way}, seed {seed}", picked.pick.key())
        };
        let tested = lab.map(&tasks, name, |task, job| self.test(task, job))?;

        let results: Vec<Results> = picked
            .iter()
            .map(|picked| {
                let of_set: Vec<(&Task, &Tested)> =
                    tasks.iter().zip(&tested).filter(|(task, _)| task.picked.pick == picked.pick).collect();
                let by_way = of_set.chunks(seeds.len());
                let by_way: Vec<(Way, Vec<&Tested>)> = by_way
                    .map(|chunk| (chunk[0].0.way.clone(), chunk.iter().map(|(_, tested)| *tested).collect()))
                    .collect();
                Results::new(settings, picked, &by_way)
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
