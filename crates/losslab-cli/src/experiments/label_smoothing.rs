//! Exercise 4: label smoothing.
//!
//! 1. The loss itself is `losslab::LabelSmoothingLoss`; [`Recipe::loss`] is the one place that builds it, and
//!    [`identities`] compares its two conventions and takes it apart into cross-entropy and a pull to equal
//!    probabilities.
//! 2. A classifier of images, trained with and without smoothing on the same batches from the same first weights:
//!    [`fit`]; the images: [`data`].
//! 3. Test accuracy, 4. calibration, 5. confidence: [`measures`]. The rival that needs no training is temperature
//!    scaling, [`Scaled`]: one number, fitted on the validation part.
//! 6. Different ε: every listed one, and the layer before the logits, [`clusters`].

mod advice;
mod clusters;
mod data;
mod figures;
mod identities;
mod lessons;
mod measures;
mod results;
mod settings;
mod story;

use super::{Exercise, Experiment, Plan, Request};
use crate::{
    data::images::{Parts, Scaling},
    lab::{Job, Lab},
    models::resnet::{Outputs, ResNet},
    outcome::Outcome,
    random::{self, Order},
};
use anyhow::{Context, Result};
use burn::{
    optim::AdamConfig,
    tensor::{Int, Tensor, TensorData},
};
use clusters::Clusters;
use data::Data;
use identities::Identities;
use losslab::{
    LabelSmoothingLoss, LabelSmoothingLossConfig, SmoothingConvention,
    metrics::{Logits, TemperatureScaling, nll_of_logits},
};
use measures::Measures;
use results::Results;
use serde::{Deserialize, Serialize};
use settings::{KNOBS, Settings};
use std::fmt;

/// Exercise 4.
pub const EXPERIMENT: Experiment = Experiment {
    name: "label-smoothing",
    summary: "exercise 4: label smoothing against overconfidence",
    knobs: &KNOBS,
    takes: None,
    defaults: || serde_json::json!(Settings::quick()),
    prepare: |request| Ok(Box::new(LabelSmoothing::prepare(request)?)),
};

/// What to train with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Recipe {
    smoothing: f64,
    convention: SmoothingConvention,
}

impl fmt::Display for Recipe {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self.convention {
            SmoothingConvention::Uniform => write!(f, "epsilon={}", self.smoothing),
            SmoothingConvention::Others => write!(f, "epsilon={} others", self.smoothing),
        }
    }
}

impl Recipe {
    const CROSS_ENTROPY: Recipe = Recipe::uniform(0.0);

    /// ε/K for every class, as in the paper.
    const fn uniform(smoothing: f64) -> Recipe {
        Recipe { smoothing, convention: SmoothingConvention::Uniform }
    }

    fn loss(self) -> LabelSmoothingLoss {
        LabelSmoothingLossConfig::new().with_smoothing(self.smoothing).with_convention(self.convention).init()
    }

    /// The same loss in the other convention: `Uniform` with ε is `Others` with ε(K−1)/K.
    fn converted(self, classes: usize) -> Recipe {
        let ratio = (classes as f64 - 1.0) / classes as f64;
        match self.convention {
            SmoothingConvention::Uniform => {
                Recipe { smoothing: self.smoothing * ratio, convention: SmoothingConvention::Others }
            }
            SmoothingConvention::Others => Recipe::uniform(self.smoothing / ratio),
        }
    }

    /// The probabilities that the loss asks for: of the true class, and of each other.
    fn targets(self, classes: usize) -> [f64; 2] {
        let k = classes as f64;
        let wrong = match self.convention {
            SmoothingConvention::Uniform => self.smoothing / k,
            SmoothingConvention::Others => self.smoothing / (k - 1.0),
        };
        [1.0 - wrong * (k - 1.0), wrong]
    }
}

/// A trained network, measured.
#[derive(Deserialize, Serialize)]
struct Tested {
    plain: Measures,
    scaled: Scaled,
    /// On the validation part, for the choice of ε.
    valid_nll: f64,
    /// Mean probability that the network gives the labels it was trained with.
    trained_confidence: f64,
    clusters: Clusters,
    /// Of cross-entropy alone: the loss is compared on what this network says.
    identities: Option<Identities>,
}

/// The network with its logits divided by the temperature that suits the validation part.
#[derive(Deserialize, Serialize)]
struct Scaled {
    /// Nothing where no temperature is best, such as where the network has everything right: it is then left at 1.
    temperature: Option<f64>,
    measures: Measures,
}

/// The exercise, ready to run.
struct LabelSmoothing {
    settings: Settings,
    seeds: Vec<u64>,
    data: Data,
}

impl LabelSmoothing {
    fn prepare(request: &Request) -> Result<Self> {
        let settings = request.settings(Settings::quick(), Settings::full(), &KNOBS)?;
        settings.check()?;
        let data = Data::find(&request.sources, &settings)?;
        Ok(Self { seeds: request.seeds(3, 5), data, settings })
    }
}

impl Exercise for LabelSmoothing {
    fn plan(&self) -> Plan {
        let trainings = self.seeds.len() * self.settings.recipes().len();
        Plan {
            settings: serde_json::json!(self.settings),
            seeds: self.seeds.clone(),
            data: vec![format!("{}: {}", self.data.key, self.data.about)],
            data_hash: self.data.set.hash(),
            trainings,
            epochs: trainings * self.settings.epochs,
        }
    }

    /// Every recipe with every seed.
    fn run(&self, lab: &Lab) -> Result<Outcome> {
        let Self { settings, seeds, data } = self;
        let recipes = settings.recipes();
        let jobs: Vec<(Recipe, u64)> =
            recipes.iter().flat_map(|recipe| seeds.iter().map(|seed| (*recipe, *seed))).collect();
        let tested = lab.map(
            &jobs,
            |(recipe, seed)| format!("{recipe}, seed {seed}"),
            |(recipe, seed), job| study(data, settings, *recipe, *seed, job),
        )?;
        let results = Results::new(settings, data, seeds, &tested);
        let (checks, story) = story::tell(&results);
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

/// One network: trains it, fits its temperature on the validation part, measures it on the test part.
fn study(data: &Data, settings: &Settings, recipe: Recipe, seed: u64, job: &Job) -> Result<Tested> {
    let parts = data.parts(seed);
    let scaling = parts.train.scaling();
    let labels = data.training_labels(&parts.train, seed);
    let network = fit(data, settings, recipe, seed, (&parts, &labels, &scaling), job)?;

    let [train, valid, test] = [&parts.train, &parts.valid, &parts.test].map(|part| network.outputs(part, &scaling));
    let logits =
        |outputs: &Outputs| Logits::try_new(outputs.logits.iter().map(|x| f64::from(*x)).collect(), data.classes());
    let (valid_logits, test_logits) = (logits(&valid)?, logits(&test)?);
    let [valid_labels, test_labels] = [&parts.valid, &parts.test].map(|part| part.labels());
    let scaled = || -> Result<Scaled> {
        let temperature = TemperatureScaling::fit(&valid_logits, &valid_labels).ok().map(|scaling| scaling.temperature);
        let logits = test_logits.scaled(temperature.unwrap_or(1.0))?;
        Ok(Scaled { temperature, measures: Measures::of(&logits, &test_labels, seed)? })
    };
    let is_plain = recipe == Recipe::CROSS_ENTROPY;
    Ok(Tested {
        plain: Measures::of(&test_logits, &test_labels, seed).context("the test part can't be measured")?,
        scaled: scaled().context("temperature scaling")?,
        valid_nll: nll_of_logits(&valid_logits, &valid_labels)?,
        trained_confidence: mean_probability(&logits(&train)?, &labels),
        clusters: Clusters::of(&train.features, &parts.train.labels(), &test.features, &test_labels)?,
        identities: is_plain
            .then(|| Identities::of(&test_logits, &test_labels, settings, &job.device()))
            .transpose()?,
    })
}

/// Trains a network. The seed decides the first weights and the order of the images and nothing else does, so all
/// recipes of a seed start from the same network and see the same batches.
fn fit(
    data: &Data,
    settings: &Settings,
    recipe: Recipe,
    seed: u64,
    (parts, labels, scaling): (&Parts, &[i64], &Scaling),
    job: &Job,
) -> Result<ResNet> {
    let Settings { width, epochs, batch, lr, .. } = *settings;
    let (device, loss) = (job.device(), recipe.loss());
    let mut order = Order::new(labels.len(), seed);
    let steps_an_epoch = labels.len().div_ceil(batch);
    let trained = job.train(
        &recipe.to_string(),
        epochs,
        || {
            let random = &mut random::stream(seed, "weights");
            let network = ResNet::new(data.set.shape().channels, width, data.classes(), random, &device);
            (network, AdamConfig::new().init(), ())
        },
        |fit, epoch| {
            for (step, rows) in order.of_epoch(epoch).chunks(batch).enumerate() {
                let images = parts.train.batch(rows, scaling, &device);
                let targets: Vec<i64> = rows.iter().map(|row| labels[*row]).collect();
                let targets = Tensor::<1, Int>::from_data(TensorData::new(targets, [rows.len()]), &device);
                let done = ((epoch - 1) * steps_an_epoch + step) as f64 / (epochs * steps_an_epoch) as f64;
                let loss = loss.forward(fit.network().forward(images), targets);
                fit.step(lr * half_cosine(done), loss);
            }
            Ok(())
        },
    )?;
    Ok(trained.network)
}

/// From 1 at the start to 0 at the end of a training.
fn half_cosine(done: f64) -> f64 {
    0.5 * (1.0 + (std::f64::consts::PI * done).cos())
}

/// The mean probability of the labels.
fn mean_probability(logits: &Logits, labels: &[i64]) -> f64 {
    let probabilities = logits.softmax();
    let of_labels = probabilities.rows().zip(labels).map(|(row, label)| row[*label as usize]);
    of_labels.sum::<f64>() / labels.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_those_of_the_handout_and_conversion_keeps_them() {
        let close = |a: [f64; 2], b: [f64; 2]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-12);
        assert!(close(Recipe::uniform(0.1).targets(4), [0.925, 0.025]));
        let others = Recipe { smoothing: 0.3, convention: SmoothingConvention::Others };
        assert!(close(others.targets(4), [0.7, 0.1]));
        for recipe in [others, Recipe::uniform(0.1), Recipe::CROSS_ENTROPY] {
            let converted = recipe.converted(10);
            assert_ne!(converted.convention, recipe.convention);
            assert!(close(converted.targets(10), recipe.targets(10)), "{recipe}, {converted}");
            assert!((converted.converted(10).smoothing - recipe.smoothing).abs() < 1e-12);
        }
    }

    #[test]
    fn the_step_size_falls_along_a_half_cosine() {
        assert_eq!((half_cosine(0.0), half_cosine(1.0)), (1.0, 0.0));
        assert!((half_cosine(0.5) - 0.5).abs() < 1e-12);
    }
}
