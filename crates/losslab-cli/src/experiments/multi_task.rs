//! Exercise 6: several losses, one network.
//!
//! 1. The problem: a shared encoder whose code is classified and turned back into the image, `models::multi_task`.
//! 2. The losses: cross-entropy and the squared error of a pixel, [`training::Batch`].
//! 3. Weighting strategies: [`methods`] lists them, [`balance`] makes the step of each.
//! 4. Adaptive weighting: uncertainty weighting, GradNorm, DWA; and PCGrad, CAGrad and MGDA, which combine gradients.
//!    UPGrad of two tasks is PCGrad.
//! 5. Trade-offs: fixed weights from one task to the other, and each task alone, [`results`].
//! 6. Gradient magnitudes: [`training::Epoch`], watched on some batches of every epoch.

mod balance;
mod checks;
mod figures;
mod lessons;
mod methods;
mod results;
mod settings;
mod story;
mod training;

use methods::{Recipe, recipes};
use results::Results;
use settings::{KNOBS, Settings};
use training::{Material, Trained};

use super::{Exercise, Experiment, Plan, Request};
use crate::{
    data::images::{ImageSet, Images, Limits},
    lab::Lab,
    outcome::Outcome,
};
use anyhow::Result;

/// Exercise 6.
pub const EXPERIMENT: Experiment = Experiment {
    name: "multi-task",
    summary: "exercise 6: classify and reconstruct with one encoder, and how to weigh the losses",
    knobs: &KNOBS,
    takes: None,
    defaults: || serde_json::json!(Settings::quick()),
    prepare: |request| Ok(Box::new(MultiTaskLearning::prepare(request)?)),
};

/// The exercise, ready to run.
struct MultiTaskLearning {
    settings: Settings,
    seeds: Vec<u64>,
    digits: ImageSet,
}

impl MultiTaskLearning {
    fn prepare(request: &Request) -> Result<Self> {
        let settings = request.settings(Settings::quick(), Settings::full(), &KNOBS)?;
        Ok(Self { settings, seeds: request.seeds(3, 5), digits: request.sources.digits()? })
    }

    fn material(&self, seed: u64) -> Material {
        let Settings { images, measured, .. } = self.settings;
        let parts = self.digits.parts(Limits { train: images, valid: measured, test: measured }, seed);
        Material {
            shown: one_of_each(&parts.test, self.digits.classes.len()),
            parts,
            classes: self.digits.classes.len(),
        }
    }
}

/// The first image of each class.
fn one_of_each(images: &Images, classes: usize) -> Images {
    let first = |class| (0..images.len()).find(|image| images.label(*image) == class);
    images.select(&(0..classes).filter_map(first).collect::<Vec<usize>>())
}

impl Exercise for MultiTaskLearning {
    fn plan(&self) -> Plan {
        let trainings = recipes(&self.settings).len() * self.seeds.len();
        let Settings { images, measured, .. } = self.settings;
        Plan {
            settings: serde_json::json!(self.settings),
            seeds: self.seeds.clone(),
            data: vec![format!(
                "digits: {}; at most {images} for training and {measured} each for validation and testing",
                self.digits.origin
            )],
            data_hash: self.digits.hash(),
            trainings,
            epochs: trainings * self.settings.epochs,
        }
    }

    /// Every recipe with every seed.
    fn run(&self, lab: &Lab) -> Result<Outcome> {
        let Self { settings, seeds, .. } = self;
        let materials: Vec<Material> = seeds.iter().map(|seed| self.material(*seed)).collect();
        let recipes = recipes(settings);
        let jobs: Vec<(Recipe, usize)> =
            recipes.iter().flat_map(|recipe| (0..seeds.len()).map(move |at| (*recipe, at))).collect();
        let name = |(recipe, at): &(Recipe, usize)| format!("{}, seed {}", recipe.key(), seeds[*at]);
        let trained: Vec<Trained> = lab.map(&jobs, name, |(recipe, at), job| {
            training::train(*recipe, &materials[*at], settings, seeds[*at], job)
        })?;
        let by_recipe: Vec<&[Trained]> = trained.chunks(seeds.len()).collect();
        let results = Results::new(settings, &recipes, &by_recipe);
        let (checks, story) = story::tell(settings, &results, &materials[0], &self.digits.origin);
        Ok(Outcome {
            experiment: EXPERIMENT.name.to_owned(),
            config: serde_json::json!(settings),
            seeds: seeds.clone(),
            rows: results.rows,
            checks,
            story,
        })
    }
}
