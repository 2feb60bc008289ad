//! Beyond the exercises: the landscape of a loss around its solution.
//!
//! 1. The same network is trained with four losses on the same batches of digits: [`training::train`].
//! 2. Around each solution, on a fixed part of the training images: the loss on a plane of filter-normalised random
//!    directions, and on the plane in which the optimiser's path spreads most: [`measures::Pictures`].
//! 3. The ends of the Hessian's spectrum, its trace, and how high the loss rises nearby: [`measures::Curvature`].

mod checks;
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
    data::images::{ImageSet, Limits, Parts},
    lab::{Job, Lab},
    outcome::Outcome,
    random,
};
use anyhow::{Result, ensure};
use burn::{module::Module, tensor::Device};
use measures::{Curvature, Pictures};
use methods::{METHODS, Method};
use results::Results;
use serde::{Deserialize, Serialize};
use settings::{KNOBS, Settings};

/// The landscape of a loss around its solution.
pub const EXPERIMENT: Experiment = Experiment {
    name: "landscape",
    summary: "bonus: loss surfaces, curvature and sharpness around solutions found with different losses",
    knobs: &KNOBS,
    takes: None,
    defaults: || serde_json::json!(Settings::quick()),
    prepare: |request| Ok(Box::new(Landscape::prepare(request)?)),
};

/// The side of what is cut out of the middle of an image: where the digits are.
const SIDE: usize = 20;

/// Everything that one seed tells about one loss.
#[derive(Deserialize, Serialize)]
struct Study {
    /// Share of test images whose class is predicted.
    accuracy: f64,
    curvature: Curvature,
    /// Share of the variance of the path in its plane.
    in_plane: f64,
    /// Of the first seed only: they are large.
    pictures: Option<Pictures>,
}

/// The experiment, ready to run.
struct Landscape {
    settings: Settings,
    seeds: Vec<u64>,
    digits: ImageSet,
}

impl Landscape {
    fn prepare(request: &Request) -> Result<Self> {
        let settings = request.settings(Settings::quick(), Settings::full(), &KNOBS)?;
        ensure!(settings.grid % 2 == 1, "--set grid={}: an odd number has a point in the middle", settings.grid);
        ensure!(
            settings.measured <= settings.images,
            "--set measured={}: there are only {} images for training",
            settings.measured,
            settings.images
        );
        ensure!(
            settings.epochs * settings.points >= 2,
            "--set epochs={}, points={}: a path needs two points beside its start",
            settings.epochs,
            settings.points
        );
        let digits = request.sources.digits()?;
        Ok(Self { seeds: request.seeds(3, 5), settings, digits })
    }

    fn parts(&self, seed: u64) -> Parts {
        let Settings { images, tested, .. } = self.settings;
        self.digits.parts(Limits { train: images, valid: 0, test: tested }, seed)
    }

    /// Trains with a loss and looks around.
    fn study(&self, method: Method, seed: u64, job: &Job) -> Result<Study> {
        let (settings, parts) = (&self.settings, self.parts(seed));
        let (network, path) = training::train(method, settings, &parts.train, seed, job)?;
        // Hessians want 64 bits, which not every device has: all is measured on the processor.
        let processor = Device::flex();
        let network = network.valid().to_device(&processor).train();
        let scaling = parts.train.scaling();
        let measured = measures::Measured::new(&parts.train, settings, seed, &processor.autodiff());
        let plane = measures::plane(&path)?;
        let pictures = (seed == self.seeds[0])
            .then(|| Pictures::take(&network, method, settings, &measured, &plane, seed))
            .transpose()?;
        Ok(Study {
            accuracy: training::accuracy(method, &network, &parts.train, &parts.test, &scaling)?,
            curvature: Curvature::measure(&network, method, settings, &measured, seed)?,
            in_plane: plane.explained.iter().sum(),
            pictures,
        })
    }
}

impl Exercise for Landscape {
    fn plan(&self) -> Plan {
        let trainings = METHODS.len() * self.seeds.len();
        Plan {
            settings: serde_json::json!(self.settings),
            seeds: self.seeds.clone(),
            data: vec![format!("digits: {}", self.digits.origin)],
            data_hash: self.digits.hash(),
            trainings,
            epochs: trainings * self.settings.epochs,
        }
    }

    fn run(&self, lab: &Lab) -> Result<Outcome> {
        let Self { settings, seeds, digits } = self;
        let jobs: Vec<(Method, u64)> =
            METHODS.into_iter().flat_map(|method| seeds.iter().map(move |seed| (method, *seed))).collect();
        let name = |(method, seed): &(Method, u64)| format!("{}, seed {seed}", method.name(settings));
        let studies = lab.map(&jobs, name, |(method, seed), job| self.study(*method, *seed, job))?;
        let results = Results::new(settings, &studies, seeds.len());
        let (checks, story) = story::tell(&results, seeds, &digits.origin);
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

/// A number for each purpose and seed, where the library takes one.
fn drawn(seed: u64, purpose: &str) -> u64 {
    random::hash(purpose.as_bytes()) ^ seed
}
