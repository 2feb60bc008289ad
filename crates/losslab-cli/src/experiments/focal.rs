//! Exercise 1: focal loss for imbalanced data.
//!
//! 1. The loss itself is `losslab::SigmoidFocalLoss`; [`loss_of`] is the one place that builds it.
//! 2. Imbalanced data sets: [`DataSet`].
//! 3. Cross-entropy, weighted cross-entropy and focal loss on the same batches from the same first weights: [`study`].
//! 4. Accuracy of both classes, precision, F1, AUPRC on the test part: [`Tested`].
//! 5. Loss on easy and on hard examples over the epochs, and who gets the gradient: [`hardness`].
//! 6. γ: every listed one, each with the α that is best on the validation part.

pub(super) mod data;
mod figures;
mod hardness;
mod lessons;
pub(super) mod measures;
mod results;
pub(super) mod settings;
mod story;

use data::DataSet;
use settings::{KNOBS, Settings};

use super::{Exercise, Experiment, Plan, Request};
use crate::{
    data::{Split, csv, imbalanced},
    lab::{Job, Lab},
    models::mlp::Mlp,
    outcome::Outcome,
    random::{self, Order},
};
use anyhow::{Context, Result};
use burn::optim::AdamConfig;
use hardness::{GradientShares, Hardness};
use losslab::metrics::{BinaryCounts, MetricError};
use losslab::{FocalAlpha, SigmoidFocalLoss, SigmoidFocalLossConfig};
use measures::Scores;
use results::{CROSS_ENTROPY, Results, TUNED, WEIGHTED, focal_name};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Exercise 1.
pub const EXPERIMENT: Experiment = Experiment {
    name: "focal",
    summary: "exercise 1: focal loss for imbalanced data",
    knobs: &KNOBS,
    takes: Some("a CSV file with a header and a 0/1 column for the label"),
    defaults: || serde_json::json!(Settings::quick()),
    prepare: |request| Ok(Box::new(Focal::prepare(request)?)),
};

/// A probability of one half, as a logit: the threshold that nobody has tuned.
const HALF: f32 = 0.0;

/// Accuracy on the common class that the handout expects of focal loss.
const HANDOUT_COMMON: f64 = 0.95;

/// Which loss to train with: `(1 − p_t)^γ` times cross-entropy, weighted by α and 1 − α where there is an α.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Recipe {
    gamma: f64,
    alpha: Option<f64>,
}

impl fmt::Display for Recipe {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self.alpha {
            Some(alpha) => write!(f, "γ = {}, α = {alpha}", self.gamma),
            None => f.write_str("cross-entropy"),
        }
    }
}

impl Recipe {
    const CROSS_ENTROPY: Recipe = Recipe { gamma: 0.0, alpha: None };
}

/// The loss of a recipe. Cross-entropy is focal loss with γ = 0.
fn loss_of(recipe: Recipe) -> SigmoidFocalLoss {
    let alpha = recipe.alpha.map_or(FocalAlpha::None, FocalAlpha::Balanced);
    SigmoidFocalLossConfig::new().with_gamma(recipe.gamma).with_alpha(alpha).init()
}

/// A trained network: what it says about the parts it was not trained on, and how it got there.
struct Fit {
    recipe: Recipe,
    valid: Vec<f32>,
    test: Vec<f32>,
    /// Mean cross-entropy of easy and of hard validation examples after each epoch.
    by_epoch: Vec<[Option<f64>; 2]>,
    /// Logits of the training part after the first epoch.
    first_epoch: Vec<f32>,
}

/// What is noted down while a network is trained.
#[derive(Default, Deserialize, Serialize)]
struct Notes {
    by_epoch: Vec<[Option<f64>; 2]>,
    first_epoch: Vec<f32>,
}

/// A method with its results on the test part.
#[derive(Deserialize, Serialize)]
struct Tested {
    /// As in `outcome.json`.
    name: String,
    alpha: Option<f64>,
    /// The decision threshold as a logit.
    threshold: f32,
    counts: BinaryCounts,
    average_precision: f64,
    /// Recall where [`HANDOUT_COMMON`] of the common class are right.
    recall_at_95: f64,
    /// Precision at each recall of the grid of the figures.
    precision_at: Vec<f64>,
}

/// Everything that one seed tells about one data set.
#[derive(Deserialize, Serialize)]
struct Study {
    rare_share: f64,
    /// Easy and hard examples of the validation part.
    easy_and_hard: [usize; 2],
    cross_entropy: Tested,
    tuned: Tested,
    weighted: Tested,
    /// One for each γ.
    focal: Vec<Tested>,
    /// The criterion on the validation part, for each γ and each α.
    choice: Vec<Vec<f64>>,
    /// Cross-entropy on easy and hard examples over the epochs, of cross-entropy and of focal loss.
    by_epoch: [Vec<[Option<f64>; 2]>; 2],
    gradient: GradientShares,
}

impl Study {
    fn methods(&self) -> impl Iterator<Item = &Tested> {
        [&self.cross_entropy, &self.tuned, &self.weighted].into_iter().chain(&self.focal)
    }
}

/// The exercise, ready to run.
struct Focal {
    settings: Settings,
    seeds: Vec<u64>,
    sets: Vec<DataSet>,
}

impl Focal {
    fn prepare(request: &Request) -> Result<Self> {
        let settings = request.settings(Settings::quick(), Settings::full(), &KNOBS)?;
        let seeds = request.seeds(6, 10);
        let sets = match &request.data {
            Some(file) => {
                let name = file.file_name().unwrap_or(file.as_os_str()).to_string_lossy().into_owned();
                vec![DataSet::table(csv::read(file, &settings.label)?, &name)]
            }
            None => {
                let digits = request.sources.digits()?;
                imbalanced::check_digit(&digits, settings.digit, settings.images, &seeds)?;
                // The slowest first: it then can't keep one core busy at the end while the others rest.
                vec![
                    DataSet::digits(digits, &settings),
                    DataSet::two_gaussians(0.1, &settings),
                    DataSet::two_gaussians(0.01, &settings),
                ]
            }
        };
        Ok(Self { settings, seeds, sets })
    }
}

impl Exercise for Focal {
    fn plan(&self) -> Plan {
        let recipes = 2 + self.settings.gamma.len() * self.settings.alpha.len();
        let trainings = self.sets.len() * self.seeds.len() * recipes;
        Plan {
            settings: serde_json::json!(self.settings),
            seeds: self.seeds.clone(),
            data: self.sets.iter().map(|set| format!("{}: {}", set.key, set.about)).collect(),
            data_hash: random::hash(
                format!("{:?}", self.sets.iter().map(DataSet::hash).collect::<Vec<_>>()).as_bytes(),
            ),
            trainings,
            epochs: trainings * self.settings.epochs,
        }
    }

    /// Every data set with every seed.
    fn run(&self, lab: &Lab) -> Result<Outcome> {
        let Self { settings, seeds, sets } = self;
        let jobs: Vec<(&DataSet, u64)> =
            sets.iter().flat_map(|set| seeds.iter().map(move |seed| (set, *seed))).collect();
        let name = |(set, seed): &(&DataSet, u64)| format!("{}, seed {seed}", set.key);
        let studies = lab.map(&jobs, name, |(set, seed), job| study(&set.split(*seed), settings, *seed, job))?;
        let results: Vec<Results> =
            sets.iter().zip(studies.chunks(seeds.len())).map(|(set, studies)| Results::new(set, studies)).collect();
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

/// One seed on one data set: train with every loss, choose on the validation part, measure on the test part.
fn study(split: &Split, settings: &Settings, seed: u64, job: &Job) -> Result<Study> {
    let hardness = Hardness::judge(&split.train, &split.valid);
    let rare_share = split.train.rare_share();
    let on_valid = |fit: &Fit| Scores::new(&fit.valid, &split.valid.labels);
    let criterion = |fit: &Fit| settings.criterion.of(&on_valid(fit).at(HALF)?);

    let fit = |recipe: Recipe| fit(split, settings, seed, recipe, &hardness, job);
    let cross_entropy = fit(Recipe::CROSS_ENTROPY)?;
    // Balanced: both classes weigh the same in total, so each has the share of the other.
    let weighted = fit(Recipe { gamma: 0.0, alpha: Some(1.0 - rare_share) })?;
    let recipe = |gamma: f64, alpha: f64| Recipe { gamma, alpha: Some(alpha) };
    let with_gamma = |gamma: f64| settings.alpha.iter().map(|alpha| fit(recipe(gamma, *alpha))).collect();
    let focal = settings.gamma.iter().map(|gamma| with_gamma(*gamma)).collect::<Result<Vec<Vec<Fit>>>>()?;

    let choice = focal.iter().map(|fits| fits.iter().map(criterion).collect::<Result<Vec<f64>, _>>());
    let choice = choice.collect::<Result<Vec<Vec<f64>>, MetricError>>().context("a network can't be measured")?;
    let chosen: Vec<&Fit> = focal.iter().zip(&choice).map(|(fits, values)| &fits[first_best(values)]).collect();
    let reference = chosen[settings.gamma.iter().position(|gamma| *gamma == settings.reference_gamma()).unwrap_or(0)];
    let tuned = on_valid(&cross_entropy).best_threshold(settings.criterion)?;
    let of_focal = chosen.iter().map(|fit| Tested::new(focal_name(fit.recipe.gamma), fit, HALF, split));

    Ok(Study {
        rare_share,
        easy_and_hard: hardness.sizes(),
        tuned: Tested::new(TUNED.to_owned(), &cross_entropy, tuned, split)?,
        weighted: Tested::new(WEIGHTED.to_owned(), &weighted, HALF, split)?,
        focal: of_focal.collect::<Result<_, _>>()?,
        choice,
        by_epoch: [cross_entropy.by_epoch.clone(), reference.by_epoch.clone()],
        gradient: GradientShares::of(&cross_entropy.first_epoch, &split.train.labels, &settings.gamma),
        cross_entropy: Tested::new(CROSS_ENTROPY.to_owned(), &cross_entropy, HALF, split)?,
    })
}

/// Trains with one loss and asks the network about the validation and the test part.
///
/// The seed decides the first weights and the order of the rows and nothing else does, so all losses of a seed start
/// from the same network and see the same batches.
fn fit(split: &Split, settings: &Settings, seed: u64, recipe: Recipe, hardness: &Hardness, job: &Job) -> Result<Fit> {
    let loss = loss_of(recipe);
    let is_watched = recipe == Recipe::CROSS_ENTROPY || recipe.gamma == settings.reference_gamma();
    let device = job.device();
    let mut order = Order::new(split.train.rows(), seed);
    let trained = job.train(
        &recipe.to_string(),
        settings.epochs,
        || {
            let random = &mut random::stream(seed, "weights");
            let network = Mlp::new(split.train.columns, settings.hidden, random, &device);
            (network, AdamConfig::new().init(), Notes::default())
        },
        |fit, epoch| {
            for rows in order.of_epoch(epoch).chunks(settings.batch) {
                let (inputs, targets) = split.train.batch(rows, &device);
                let loss = loss.forward(fit.network().forward(inputs), targets);
                fit.step(settings.lr, loss);
            }
            if is_watched {
                let losses = hardness.losses(&fit.network().logits(&split.valid), &split.valid.labels);
                fit.notes.by_epoch.push(losses);
            }
            if recipe == Recipe::CROSS_ENTROPY && epoch == 1 {
                fit.notes.first_epoch = fit.network().logits(&split.train);
            }
            Ok(())
        },
    )?;
    let [valid, test] = [&split.valid, &split.test].map(|part| trained.network.logits(part));
    Ok(Fit { recipe, valid, test, by_epoch: trained.notes.by_epoch, first_epoch: trained.notes.first_epoch })
}

fn first_best(values: &[f64]) -> usize {
    (1..values.len()).fold(0, |best, index| if values[index] > values[best] { index } else { best })
}

impl Tested {
    fn new(name: String, fit: &Fit, threshold: f32, split: &Split) -> Result<Self, MetricError> {
        let scores = Scores::new(&fit.test, &split.test.labels);
        Ok(Self {
            name,
            alpha: fit.recipe.alpha,
            threshold,
            counts: scores.at(threshold)?,
            average_precision: scores.average_precision()?,
            recall_at_95: scores.recall_at(HANDOUT_COMMON)?,
            precision_at: scores.precision_at(&figures::recall_grid())?,
        })
    }

    /// All numbers of this method, by the names they have in `outcome.json`.
    fn metrics(&self) -> Vec<(&'static str, f64)> {
        // Precision and the like are undefined where nothing is predicted rare; a table shows that as 0.
        let or_zero = |metric: Result<f64, MetricError>| metric.unwrap_or(0.0);
        let counts = &self.counts;
        let probability = 1.0 / (1.0 + f64::from(-self.threshold).exp());
        let mut metrics = vec![
            ("accuracy", or_zero(counts.accuracy())),
            ("common_accuracy", or_zero(counts.specificity())),
            ("recall", or_zero(counts.recall())),
            ("precision", or_zero(counts.precision())),
            ("f1", or_zero(counts.f_beta(1.0))),
            ("balanced_accuracy", or_zero(counts.balanced_accuracy())),
            ("auprc", self.average_precision),
            ("recall_at_95_common", self.recall_at_95),
            ("threshold", probability),
        ];
        metrics.extend(self.alpha.map(|alpha| ("alpha", alpha)));
        metrics
    }
}
