//! Exercise 3: triplet loss for metric learning.
//!
//! 1. The loss itself is `losslab::AlignedTripletLoss` over given triplets, `losslab::TripletLoss` over a batch:
//!    [`mining::Miner`] builds both.
//! 2. Triplet sampling: batches of P classes × K images, and what is chosen from them: [`mining::Miner::online`];
//!    offline, once an epoch: [`training::train`].
//! 3. Semi-hard negatives: [`mining::Miner::semi_hard`].
//! 4. Training on MNIST and Fashion-MNIST: [`training::train`], once for each of [`recipes`].
//! 5. Recall@K and MAP@R on the test part: [`measures::Found`].
//! 6. The embedding space before and after: [`figures::maps`].
//!
//! Beyond the tasks: small batches ([`batches`]), lengths and collapse (both are [`recipes`]), and one epoch of MNIST
//! as in a well-known notebook ([`notebook`]).

mod batches;
mod checks;
mod figures;
mod lessons;
mod measures;
mod mining;
mod notebook;
mod results;
mod settings;
mod story;
mod training;

use super::{Exercise, Experiment, Plan, Request};
use crate::{
    data::{
        images::{ImageSet, Limits, Parts},
        sources::Name,
    },
    lab::{Job, Lab},
    models::encoder::Encoder,
    outcome::Outcome,
    random,
};
use anyhow::Result;
use batches::Draws;
use losslab::{Distance, metrics::Similarity};
use measures::{Embedded, Found};
use mining::{Geometry, Mining};
use notebook::Notebook;
use results::Results;
use serde::{Deserialize, Serialize};
use settings::{KNOBS, Part, Settings};
use training::{Notes, Recipe};

/// Exercise 3.
pub const EXPERIMENT: Experiment = Experiment {
    name: "triplet",
    summary: "exercise 3: triplet loss and the mining of triplets for metric learning",
    knobs: &KNOBS,
    takes: None,
    defaults: || serde_json::json!(Settings::quick()),
    prepare: |request| Ok(Box::new(Triplet::prepare(request)?)),
};

/// Names of what isn't trained with a loss.
const PIXELS: &str = "raw pixels";
const UNTRAINED: &str = "untrained network";
/// Semi-hard mining as it is in every part of the exercise.
const REFERENCE: &str = "semi-hard";
/// The same without bringing embeddings to length 1.
const RAW: &str = "semi-hard on raw lengths";
/// What is to collapse: squared distances of raw embeddings, batch-hard, large steps.
const COLLAPSING: &str = "batch-hard with large steps";
/// The remedies, each alone.
const REMEDIES: [&str; 3] = ["… with small steps", "… on unit length", "… but semi-hard"];

/// A data set with its names.
struct DataSet {
    /// In `outcome.json`.
    key: &'static str,
    /// In the report.
    title: &'static str,
    images: ImageSet,
}

/// What embeds the images.
#[derive(Clone, Debug)]
enum Way {
    Pixels,
    Untrained,
    Trained(Recipe),
}

impl Way {
    fn name(&self) -> &str {
        match self {
            Way::Pixels => PIXELS,
            Way::Untrained => UNTRAINED,
            Way::Trained(recipe) => &recipe.name,
        }
    }
}

/// One job: a way to embed a data set, for a seed.
struct Task<'a> {
    set: &'a DataSet,
    way: Way,
    seed: u64,
    /// Whether its embeddings are wanted for a map.
    is_mapped: bool,
}

/// What a job returns.
#[derive(Deserialize, Serialize)]
struct Tested {
    found: Found,
    /// Empty where nothing was trained.
    notes: Notes,
    /// Embeddings of the first test images, where they are wanted.
    map: Vec<f32>,
}

/// The exercise, ready to run.
struct Triplet {
    settings: Settings,
    seeds: Vec<u64>,
    /// The digits, then Fashion-MNIST if it is there.
    sets: Vec<DataSet>,
}

impl Triplet {
    fn prepare(request: &Request) -> Result<Self> {
        let settings = request.settings(Settings::quick(), Settings::full(), &KNOBS)?;
        let digits = DataSet { key: "digits", title: "Handwritten digits", images: request.sources.digits()? };
        let fashion = request.sources.find(Name::FashionMnist)?;
        let fashion = fashion.map(|images| DataSet { key: "fashion-mnist", title: "Fashion-MNIST", images });
        let sets: Vec<DataSet> = std::iter::once(digits).chain(fashion).collect();
        Ok(Self { seeds: request.seeds(3, 5), settings, sets })
    }

    /// The parts of a data set for a seed.
    fn parts(&self, set: &DataSet, seed: u64) -> Parts {
        let Settings { images, probe, tested, .. } = self.settings;
        set.images.parts(Limits { train: images, valid: probe, test: tested }, seed)
    }

    /// Every way to embed a data set. Only the digits see more than the comparison of strategies.
    fn ways(&self, set: &DataSet) -> Vec<Way> {
        let recipes = recipes(&self.settings, set.key == self.sets[0].key);
        let baselines = if recipes.is_empty() { vec![] } else { vec![Way::Pixels, Way::Untrained] };
        baselines.into_iter().chain(recipes.into_iter().map(Way::Trained)).collect()
    }

    fn tasks(&self) -> Vec<Task<'_>> {
        let of_set = |set| {
            let with_seed = move |way: Way| {
                self.seeds.iter().map(move |seed| {
                    let is_mapped = *seed == self.seeds[0] && [UNTRAINED, REFERENCE].contains(&way.name());
                    Task { set, way: way.clone(), seed: *seed, is_mapped }
                })
            };
            self.ways(set).into_iter().flat_map(with_seed)
        };
        self.sets.iter().flat_map(of_set).collect()
    }

    /// Embeds images in one way and measures it on the test part.
    fn test(&self, task: &Task, job: &Job) -> Result<Tested> {
        let parts = self.parts(task.set, task.seed);
        let scaling = parts.train.scaling();
        let embed = |network: &Encoder| [&parts.test, &parts.train].map(|part| network.embed(part, &scaling));
        let (rows, notes) = match &task.way {
            Way::Pixels => {
                let pixels = |at: usize| -> Vec<f32> {
                    let part = [&parts.test, &parts.train][at];
                    (0..part.len()).flat_map(|index| part.pixels(index)).map(|byte| f32::from(*byte)).collect()
                };
                ([0, 1].map(pixels), Notes::default())
            }
            Way::Untrained => {
                let network = [self.settings.width, self.settings.embedding];
                (embed(&training::untrained(network, &parts.train, task.seed, &job.device())), Notes::default())
            }
            Way::Trained(recipe) => {
                let (network, notes) = training::train(recipe, &parts.train, &parts.valid, task.seed, job)?;
                (embed(&network), notes)
            }
        };
        // Whoever learned distances of raw embeddings is measured by them.
        let similarity = match &task.way {
            Way::Trained(recipe) if !recipe.geometry.unit => Similarity::Euclidean,
            _ => Similarity::Cosine,
        };
        let [test, train] = &rows;
        let found = Found::new(
            &Embedded { values: test, images: &parts.test },
            &Embedded { values: train, images: &parts.train },
            similarity,
        )?;
        let mapped = if task.is_mapped { self.settings.mapped.min(parts.test.len()) } else { 0 };
        Ok(Tested { found, notes, map: test[..mapped * (test.len() / parts.test.len())].to_vec() })
    }
}

/// Every training on a data set, each once: parts share the reference.
fn recipes(settings: &Settings, is_first: bool) -> Vec<Recipe> {
    let unit = Geometry { distance: Distance::Euclidean, unit: true, margin: settings.margin };
    let raw = Geometry { unit: false, ..unit };
    let squared = Geometry { distance: Distance::SquaredEuclidean, ..raw };
    let base = |name: &str, mining| Recipe {
        name: name.to_owned(),
        mining,
        fallback: settings.fallback,
        geometry: unit,
        batch: [settings.classes, settings.samples],
        lr: settings.lr,
        epochs: settings.epochs,
        network: [settings.width, settings.embedding],
    };
    let reference = base(REFERENCE, Mining::SemiHard);

    let mut recipes = Vec::new();
    if settings.has(Part::Mining) {
        recipes.extend(settings.mining.iter().map(|mining| base(mining.name(), *mining)));
    }
    if is_first && settings.has(Part::Batches) {
        let sized = |size: &usize| Recipe {
            name: batches::name(settings, *size),
            batch: batches::shape(settings, *size),
            ..reference.clone()
        };
        recipes.extend(settings.batch.iter().map(sized));
    }
    if is_first && settings.has(Part::Lengths) {
        recipes.extend([reference.clone(), Recipe { name: RAW.to_owned(), geometry: raw, ..reference.clone() }]);
    }
    if is_first && settings.has(Part::Collapse) {
        let large = Recipe { geometry: squared, lr: settings.collapse_lr, ..base(COLLAPSING, Mining::BatchHard) };
        let remedy = |at: usize| Recipe { name: REMEDIES[at].to_owned(), ..large.clone() };
        recipes.extend([
            large.clone(),
            Recipe { lr: settings.lr, ..remedy(0) },
            Recipe { geometry: Geometry { unit: true, ..squared }, ..remedy(1) },
            Recipe { mining: Mining::SemiHard, ..remedy(2) },
        ]);
    }
    let is_new = |at: usize, recipes: &[Recipe]| recipes[..at].iter().all(|earlier| earlier.name != recipes[at].name);
    (0..recipes.len()).filter(|at| is_new(*at, &recipes)).map(|at| recipes[at].clone()).collect()
}

impl Exercise for Triplet {
    fn plan(&self) -> Plan {
        let trained = self.tasks().into_iter().filter_map(|task| match task.way {
            Way::Trained(recipe) => Some(recipe.epochs),
            _ => None,
        });
        let (notebook, per_training) = match self.settings.has(Part::Notebook) {
            true => (notebook::trainings(&self.settings, &self.seeds), notebook::EPOCHS),
            false => (0, 0),
        };
        let epochs: Vec<usize> = trained.chain(std::iter::repeat_n(per_training, notebook)).collect();
        let hashes: Vec<u64> = self.sets.iter().map(|set| set.images.hash()).collect();
        Plan {
            settings: serde_json::json!(self.settings),
            seeds: self.seeds.clone(),
            data: self.sets.iter().map(|set| format!("{}: {}", set.key, set.images.origin)).collect(),
            data_hash: random::hash(format!("{hashes:?}").as_bytes()),
            trainings: epochs.len(),
            epochs: epochs.iter().sum(),
        }
    }

    fn run(&self, lab: &Lab) -> Result<Outcome> {
        let Self { settings, seeds, sets } = self;
        let tasks = self.tasks();
        let name = |task: &Task| format!("{}/{}, seed {}", task.set.key, task.way.name(), task.seed);
        let tested = lab.map(&tasks, name, |task, job| self.test(task, job))?;
        let mut results: Vec<Results> = sets
            .iter()
            .map(|set| {
                let of_set = tasks.iter().zip(&tested).filter(|(task, _)| task.set.key == set.key);
                Results::new(set, of_set.map(|(task, tested)| (task.way.name(), tested)))
            })
            .collect();

        let mut draws = Vec::new();
        if settings.has(Part::Batches) {
            let labels: Vec<Vec<i64>> = seeds.iter().map(|seed| self.parts(&sets[0], *seed).train.labels()).collect();
            draws = Draws::of_sizes(settings, seeds, &labels)?;
            results[0].rows.extend(draws.iter().flat_map(|draws| draws.rows(sets[0].key)));
        }
        let notebook = match settings.has(Part::Notebook) {
            true => Some(Notebook::run(settings, &sets[0].images, seeds, lab)?),
            false => None,
        };
        results[0].rows.extend(notebook.iter().map(|notebook| notebook.row(sets[0].key)));

        let mapped: Vec<_> = sets
            .iter()
            .map(|set| {
                let test = self.parts(set, seeds[0]).test;
                test.select(&(0..settings.mapped.min(test.len())).collect::<Vec<usize>>())
            })
            .collect();
        let told = story::Told {
            settings,
            seeds,
            results: &results,
            mapped: &mapped,
            draws: &draws,
            notebook: notebook.as_ref(),
        };
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
