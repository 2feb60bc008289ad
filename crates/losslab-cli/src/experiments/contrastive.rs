//! Exercise 2: contrastive loss for Siamese networks.
//!
//! 1. The Siamese network: one [`Encoder`] for both images of a pair, [`Pairs::ends`].
//! 2. Pairs of MNIST, balanced and drawn afresh for each epoch: [`Pairs::draw`]; parts and held-out digits: [`Digits`].
//! 3. The loss itself is `losslab::ContrastiveLoss`; [`Recipe::loss`] is the one place that builds it.
//! 4. Training: [`fit`].
//! 5. Embeddings before and after, by t-SNE: [`figures::maps`].
//! 6. Verification, on digits that were trained on and on digits that were not: [`trial`], [`Verified`].

mod data;
mod figures;
mod lessons;
mod measures;
mod method;
mod results;
mod settings;
mod story;

use super::{Exercise, Experiment, Plan, Preset, Request};
use crate::{
    data::{
        images::{ImageSet, Images, Scaling},
        sources::Name,
    },
    lab::{Job, Lab},
    models::{encoder::Encoder, mlp::values},
    outcome::Outcome,
    random::{self, Order},
};
use anyhow::{Context, Result, ensure};
use burn::{
    optim::AdamConfig,
    tensor::{Device, Tensor, TensorData},
};
use data::{Digits, Pairs};
use losslab::{
    Distance,
    metrics::{Embeddings, MetricError, VerificationPairs},
};
use measures::{Verified, threshold_and_eer};
use method::{Method, Recipe};
use results::Results;
use serde::{Deserialize, Serialize};
use settings::{KNOBS, Settings};

/// Exercise 2.
pub const EXPERIMENT: Experiment = Experiment {
    name: "contrastive",
    summary: "exercise 2: contrastive loss for Siamese networks",
    knobs: &KNOBS,
    takes: None,
    defaults: || serde_json::json!(Settings::quick()),
    prepare: |request| Ok(Box::new(Contrastive::prepare(request)?)),
};

/// What one method with one seed came to.
#[derive(Deserialize, Serialize)]
struct Trial {
    /// Equal error rate on validation pairs: what margins are chosen by.
    valid_eer: f64,
    /// The distance up to which two images count as the same digit: the best on validation pairs.
    threshold: f64,
    /// Test pairs of the digits that were trained on.
    seen: Verified,
    /// Test pairs of the digits that were not.
    held_out: Verified,
    /// How the training went; empty without one.
    history: History,
    /// Embeddings for a map, of the first seed only.
    map: Vec<f32>,
}

/// How a training went.
#[derive(Default, Deserialize, Serialize)]
struct History {
    /// Mean loss of the training pairs in each epoch.
    losses: Vec<f64>,
    /// Validation pairs before the first epoch and after each.
    watched: Vec<Watched>,
}

/// Validation pairs at one moment of a training.
#[derive(Clone, Copy, Deserialize, Serialize)]
struct Watched {
    /// Their mean loss.
    loss: f64,
    /// Of the pairs to be pushed apart, the share that costs nothing: they are beyond the margin and send no gradient.
    beyond: f64,
}

/// The exercise, ready to run.
struct Contrastive {
    settings: Settings,
    seeds: Vec<u64>,
    set: ImageSet,
    methods: Vec<Method>,
    notice: Vec<String>,
}

impl Contrastive {
    fn prepare(request: &Request) -> Result<Self> {
        let settings = request.settings(Settings::quick(), Settings::full(), &KNOBS)?;
        let seeds = request.seeds(3, 5);
        let count = settings.held_out.len();
        ensure!((2..=8).contains(&count), "--set held_out: {count} digits are listed, allowed are 2 to 8 of the ten");
        let complete = request.sources.find(Name::Mnist)?;
        let notice = (complete.is_none() && request.preset == Preset::Full).then(|| {
            "MNIST is not here, so the 5,000 digits that losslab carries took its place; `losslab data fetch mnist` \
             gets it."
                .to_owned()
        });
        let set = complete.map_or_else(ImageSet::carried, Ok)?;
        seeds.iter().try_for_each(|seed| Digits::new(&set, &settings, *seed).check())?;
        Ok(Self { methods: Method::all(&settings), settings, seeds, set, notice: notice.into_iter().collect() })
    }
}

impl Exercise for Contrastive {
    fn plan(&self) -> Plan {
        let is_trained = |method: &&Method| matches!(method, Method::Trained(_));
        let trainings = self.seeds.len() * self.methods.iter().filter(is_trained).count();
        Plan {
            settings: serde_json::json!(self.settings),
            seeds: self.seeds.clone(),
            data: vec![format!("digits: {}", self.set.origin)],
            data_hash: self.set.hash(),
            trainings,
            epochs: trainings * self.settings.epochs,
        }
    }

    /// Every method with every seed.
    fn run(&self, lab: &Lab) -> Result<Outcome> {
        let Self { settings, seeds, set, methods, .. } = self;
        let jobs: Vec<(Method, u64)> =
            methods.iter().flat_map(|method| seeds.iter().map(|seed| (*method, *seed))).collect();
        let name = |(method, seed): &(Method, u64)| format!("{method}, seed {seed}");
        let mapped = set.test.limited(settings.map, seeds[0]);
        let trials = lab.map(&jobs, name, |(method, seed), job| {
            let mapped = (*seed == seeds[0]).then_some(&mapped);
            trial(&Digits::new(set, settings, *seed), *method, settings, *seed, mapped, job)
        })?;
        let results = Results::new(settings, methods, &trials);
        let (checks, story) = story::tell(&results, set, &mapped, &self.notice);
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

/// One method with one seed: train if it is to be trained, choose the threshold on validation pairs, measure test pairs.
fn trial(
    digits: &Digits,
    method: Method,
    settings: &Settings,
    seed: u64,
    mapped: Option<&Images>,
    job: &Job,
) -> Result<Trial> {
    let (network, history) = match method {
        Method::Pixels => (None, History::default()),
        Method::Untrained { .. } => (Some(first_network(digits, settings, seed, &job.device())), History::default()),
        Method::Trained(recipe) => {
            let (network, history) = fit(digits, recipe, settings, seed, job)?;
            (Some(network), history)
        }
    };
    let embed = |images: &Images| -> Result<Embeddings, MetricError> {
        let rows = match &network {
            Some(network) => network.embed(images, &digits.scaling),
            None => pixels(images),
        };
        let width = rows.len() / images.len();
        let embeddings = Embeddings::try_new(rows, width)?;
        Ok(if method.is_normalised() { embeddings.normalized() } else { embeddings })
    };
    // By labels and seed alone: every method gets the same pairs.
    let pairs = |images: &Images| {
        VerificationPairs::sampled(&embed(images)?, &images.labels(), Distance::Euclidean, settings.pairs, seed)
    };
    let measured = || -> Result<Trial, MetricError> {
        let (threshold, valid_eer) = threshold_and_eer(&pairs(&digits.valid)?)?;
        Ok(Trial {
            valid_eer,
            threshold,
            seen: Verified::new(&pairs(&digits.seen)?, threshold)?,
            held_out: Verified::new(&pairs(&digits.held_out)?, threshold)?,
            history,
            map: mapped.map(&embed).transpose()?.map_or(Vec::new(), |embeddings| embeddings.values().to_vec()),
        })
    };
    measured().context("the embeddings can't be measured")
}

/// Trains the network with one recipe.
///
/// The seed decides the first weights, the batches and the pairs in them, and nothing else does: all recipes of a seed
/// start from the same network and see the same pairs.
fn fit(digits: &Digits, recipe: Recipe, settings: &Settings, seed: u64, job: &Job) -> Result<(Encoder, History)> {
    let loss = recipe.loss();
    let device = job.device();
    let labels = digits.train.labels();
    let mut order = Order::new(digits.train.len(), seed);
    let watched_pairs = Pairs::draw(&digits.valid.labels(), &mut random::stream(seed, "validation pairs"));
    let trained = job.train(
        &recipe.to_string(),
        settings.epochs,
        || (first_network(digits, settings, seed, &device), AdamConfig::new().init(), Vec::new()),
        |fit, epoch| {
            if epoch == 1 {
                fit.notes.push(watch(fit.network(), digits, recipe, &watched_pairs));
            }
            let random = &mut random::stream(seed, &format!("pairs of epoch {epoch}"));
            for rows in order.of_epoch(epoch).chunks(settings.batch) {
                let in_batch: Vec<i64> = rows.iter().map(|row| labels[*row]).collect();
                let pairs = Pairs::draw(&in_batch, random);
                if pairs.is_empty() {
                    continue;
                }
                let images = digits.train.batch(rows, &digits.scaling, &device);
                let [left, right] = pairs.ends(fit.network().forward(images));
                fit.step(settings.lr, loss.forward(left, right, recipe.similar(&pairs, &device)));
            }
            fit.notes.push(watch(fit.network(), digits, recipe, &watched_pairs));
            Ok(())
        },
    )?;
    Ok((trained.network, History { losses: trained.losses, watched: trained.notes }))
}

/// The network that all trainings of a seed start from.
fn first_network(digits: &Digits, settings: &Settings, seed: u64, device: &Device) -> Encoder {
    let shape = digits.train.shape();
    let shape = [shape.channels, shape.height, shape.width];
    Encoder::new(shape, settings.embedding, &mut random::stream(seed, "weights"), device)
}

/// What the loss says of the validation pairs.
fn watch(network: &Encoder, digits: &Digits, recipe: Recipe, pairs: &Pairs) -> Watched {
    let device = Device::flex();
    let rows = network.embed(&digits.valid, &digits.scaling);
    let shape = [digits.valid.len(), rows.len() / digits.valid.len()];
    let [left, right] = pairs.ends(Tensor::from_data(TensorData::new(rows, shape), &device));
    let costs = values(recipe.loss().forward_no_reduction(left, right, recipe.similar(pairs, &device)));
    let pushed: Vec<f32> =
        costs.iter().zip(pairs.same()).filter(|(_, same)| recipe.pushes(**same)).map(|(cost, _)| *cost).collect();
    Watched {
        loss: costs.iter().map(|cost| f64::from(*cost)).sum::<f64>() / costs.len() as f64,
        beyond: pushed.iter().filter(|cost| **cost == 0.0).count() as f64 / pushed.len() as f64,
    }
}

/// Images as rows of their pixels, from 0 for black to 1 for white.
fn pixels(images: &Images) -> Vec<f32> {
    let all: Vec<usize> = (0..images.len()).collect();
    values(images.batch(&all, &Scaling::unit(images.shape().channels), &Device::flex()))
}
