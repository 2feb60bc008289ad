//! Beyond the exercises: quadruplet loss against triplet loss.
//!
//! The triplet loss orders the distances around each anchor. The quadruplet loss (Chen et al. 2017) also asks that every
//! pair of one class be closer than every pair of two others, and should so give smaller distances within classes, larger
//! ones between them, and better retrieval of classes that were not trained on.
//!
//! 1. Both losses, over all triplets and quadruplets of a batch or over the hardest ones: [`methods::Method`].
//! 2. The margin of each is chosen on validation images: [`Quadruplet::choose`].
//! 3. Training on some of the classes: [`training::train`].
//! 4. Retrieval, verification and distances on test images of these classes, and of those that were held out:
//!    [`measures::Found`].

mod figures;
mod lessons;
mod measures;
mod methods;
mod settings;
mod story;
mod training;

use super::{Exercise, Experiment, Plan, Request, common::row};
use crate::{
    data::images::{ImageSet, Images, Limits},
    lab::{Job, Lab},
    outcome::{Outcome, Row},
    random,
};
use anyhow::{Result, ensure};
use measures::Found;
use methods::Method;
use serde::{Deserialize, Serialize};
use settings::{KNOBS, Settings};
use training::{Notes, Recipe};

/// Quadruplet against triplet.
pub const EXPERIMENT: Experiment = Experiment {
    name: "quadruplet",
    summary: "quadruplet loss against triplet loss, on classes that were trained on and on others",
    knobs: &KNOBS,
    takes: None,
    defaults: || serde_json::json!(Settings::quick()),
    prepare: |request| Ok(Box::new(Quadruplet::prepare(request)?)),
};

/// Test images of classes that were trained on.
const SEEN: &str = "trained classes";
/// Test images of other classes.
const HELD_OUT: &str = "held-out classes";
const UNTRAINED: &str = "untrained network";

/// The seed of the choice of margins: none of those of the results.
const CHOICE_SEED: u64 = 0;

/// The experiment, ready to run.
struct Quadruplet {
    settings: Settings,
    seeds: Vec<u64>,
    set: ImageSet,
}

/// Images by their part and class.
struct Split {
    /// For learning.
    train: Images,
    /// For choosing, and for counting what is left to learn.
    valid: Images,
    /// Of the classes that are trained.
    seen: Images,
    /// Of the others.
    held_out: Images,
}

/// What a training returns.
#[derive(Deserialize, Serialize)]
struct Tested {
    seen: Found,
    held_out: Found,
    /// Empty where nothing was trained.
    notes: Notes,
    /// Embeddings of the first held-out test images, where they are wanted.
    map: Vec<f32>,
}

/// A margin tried for a method, with what it gives on validation images.
#[derive(Clone, Copy, Debug)]
struct Choice {
    method: Method,
    margin: f64,
    map_at_r: f64,
}

impl Quadruplet {
    fn prepare(request: &Request) -> Result<Self> {
        let settings = request.settings(Settings::quick(), Settings::full(), &KNOBS)?;
        let set = request.sources.digits()?;
        let (classes, held_out) = (set.classes.len(), settings.held_out);
        ensure!(
            settings.classes + held_out <= classes,
            "classes and held_out must leave room for each other: {} + {held_out} of {classes} classes",
            settings.classes
        );
        Ok(Self { seeds: request.seeds(5, 5), settings, set })
    }

    fn split(&self, seed: u64) -> Split {
        let Settings { images, probe, tested, held_out, .. } = self.settings;
        let parts = self.set.parts(Limits { train: images, valid: probe, test: tested }, seed);
        let first_held_out = self.set.classes.len() - held_out;
        let is_seen = |class: usize| class < first_held_out;
        Split {
            train: parts.train.of_classes(is_seen),
            valid: parts.valid.of_classes(is_seen),
            seen: parts.test.of_classes(is_seen),
            held_out: parts.test.of_classes(|class| !is_seen(class)),
        }
    }

    fn recipe(&self, method: Method, margin: f64, epochs: usize) -> Recipe {
        let Settings { classes, samples, pair_share, lr, width, embedding, .. } = self.settings;
        let network = [width, embedding];
        Recipe { method, margin, pair_margin: pair_share * margin, batch: [classes, samples], lr, epochs, network }
    }

    /// Tries every margin for every method on validation images, for a part of the epochs; test images have no say.
    fn choose(&self, lab: &Lab) -> Result<Vec<Choice>> {
        let Settings { methods, margins, choice_epochs, .. } = &self.settings;
        let tried: Vec<(Method, f64)> =
            methods.iter().flat_map(|method| margins.iter().map(|margin| (*method, *margin))).collect();
        let name = |(method, margin): &(Method, f64)| format!("choice of {}, margin {margin}", method.name());
        let found = lab.map(&tried, name, |(method, margin), job| {
            let split = self.split(CHOICE_SEED);
            let recipe = self.recipe(*method, *margin, *choice_epochs);
            let (network, _) = training::train(&recipe, &split.train, &split.valid, CHOICE_SEED, job)?;
            Ok(Found::new(&network.embed(&split.valid, &split.train.scaling()), &split.valid)?.map_at_r)
        })?;
        let choice = |((method, margin), map_at_r)| Choice { method, margin, map_at_r };
        Ok(tried.into_iter().zip(found).map(choice).collect())
    }

    /// Trains one method for a seed, or nothing, and measures it.
    fn test(&self, recipe: Option<&Recipe>, seed: u64, is_mapped: bool, job: &Job) -> Result<Tested> {
        let split = self.split(seed);
        let scaling = split.train.scaling();
        let (network, notes) = match recipe {
            Some(recipe) => training::train(recipe, &split.train, &split.valid, seed, job)?,
            None => {
                let network = [self.settings.width, self.settings.embedding];
                (training::untrained(network, &split.train, seed, &job.device()), Notes::default())
            }
        };
        let [seen, held_out] = [&split.seen, &split.held_out].map(|images| network.embed(images, &scaling));
        let mapped = if is_mapped { self.settings.mapped.min(split.held_out.len()) } else { 0 };
        let width = held_out.len() / split.held_out.len();
        Ok(Tested {
            seen: Found::new(&seen, &split.seen)?,
            held_out: Found::new(&held_out, &split.held_out)?,
            notes,
            map: held_out[..mapped * width].to_vec(),
        })
    }
}

/// The chosen margin of a method: the first of the best.
fn best(choices: &[Choice], method: Method) -> f64 {
    let of_method = choices.iter().filter(|choice| choice.method == method);
    let best = of_method.reduce(|best, next| if next.map_at_r > best.map_at_r { next } else { best });
    best.expect("every method has margins").margin
}

impl Exercise for Quadruplet {
    fn plan(&self) -> Plan {
        let Settings { methods, margins, epochs, choice_epochs, .. } = &self.settings;
        let (chosen, trained) = (methods.len() * margins.len(), methods.len() * self.seeds.len());
        Plan {
            settings: serde_json::json!(self.settings),
            seeds: self.seeds.clone(),
            data: vec![format!("digits: {}", self.set.origin)],
            data_hash: random::hash(format!("{:?}", self.set.hash()).as_bytes()),
            trainings: chosen + trained,
            epochs: chosen * choice_epochs + trained * epochs,
        }
    }

    fn run(&self, lab: &Lab) -> Result<Outcome> {
        let Self { settings, seeds, .. } = self;
        let choices = self.choose(lab)?;
        let recipe = |method: &Method| self.recipe(*method, best(&choices, *method), settings.epochs);
        let ways: Vec<Option<Recipe>> =
            std::iter::once(None).chain(settings.methods.iter().map(recipe).map(Some)).collect();
        let name_of = |way: &Option<Recipe>| way.as_ref().map_or(UNTRAINED, |recipe| recipe.method.name());
        let tasks: Vec<(&Option<Recipe>, u64)> =
            ways.iter().flat_map(|way| seeds.iter().map(move |seed| (way, *seed))).collect();
        let name = |(way, seed): &(&Option<Recipe>, u64)| format!("{}, seed {seed}", name_of(way));
        let tested =
            lab.map(&tasks, name, |(way, seed), job| self.test(way.as_ref(), *seed, *seed == seeds[0], job))?;

        let by_way: Vec<(&str, &[Tested])> = ways.iter().map(name_of).zip(tested.chunks(seeds.len())).collect();
        let rows: Vec<Row> = [SEEN, HELD_OUT]
            .into_iter()
            .flat_map(|part| by_way.iter().map(move |(name, tested)| row_of(part, name, tested)))
            .collect();
        let held_out = self.split(seeds[0]).held_out;
        let mapped = held_out.select(&(0..settings.mapped.min(held_out.len())).collect::<Vec<usize>>());
        let told = story::Told {
            settings,
            seeds,
            set: &self.set,
            choices: &choices,
            by_way: &by_way,
            rows: &rows,
            mapped: &mapped,
        };
        let (checks, story) = told.tell();
        Ok(Outcome {
            experiment: EXPERIMENT.name.to_owned(),
            config: serde_json::json!(settings),
            seeds: seeds.clone(),
            rows,
            checks,
            story,
        })
    }
}

/// The row of a way to embed, for the trained or the held-out classes.
fn row_of(part: &str, name: &str, tested: &[Tested]) -> Row {
    let metrics = |tested: &Tested| {
        let mut metrics = if part == SEEN { tested.seen.metrics() } else { tested.held_out.metrics() };
        if let (SEEN, Some(last)) = (part, tested.notes.probes.last()) {
            metrics.extend([("active_triplets", last.triplets), ("active_quadruplets", last.quadruplets)]);
        }
        metrics
    };
    row(format!("{part}/{name}"), &tested.iter().map(metrics).collect::<Vec<_>>())
}
