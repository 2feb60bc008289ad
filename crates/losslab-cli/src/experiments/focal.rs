//! Exercise 1: focal loss for imbalanced data.
//!
//! 1. The loss itself is `losslab::SigmoidFocalLoss`; [`loss_of`] is the one place that builds it.
//! 2. Imbalanced data sets: [`DataSet`].
//! 3. Cross-entropy, weighted cross-entropy and focal loss on the same batches from the same first weights: [`study`].
//! 4. Accuracy of both classes, precision, F1, AUPRC on the test part: [`Tested`].
//! 5. Loss on easy and on hard examples over the epochs, and who gets the gradient: [`hardness`].
//! 6. γ: every listed one, each with the α that is best on the validation part.

mod data;
mod figures;
mod hardness;
mod lessons;
mod measures;
mod results;
mod settings;
mod story;

pub use data::DataSet;
pub use settings::{KNOBS, Settings};

use crate::{data::Split, outcome::Outcome, parallel, training};
use anyhow::{Context, Result};
use burn::tensor::Tensor;
use hardness::{GradientShares, Hardness};
use losslab::metrics::{BinaryCounts, MetricError};
use losslab::{FocalAlpha, SigmoidFocalLoss, SigmoidFocalLossConfig};
use measures::Scores;
use results::{CROSS_ENTROPY, Results, TUNED, WEIGHTED, focal_name};

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

/// A method with its results on the test part.
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

/// Runs the exercise on every data set with every seed. `tick` is called after each training.
///
/// # Errors
/// If a network diverged.
pub fn run(settings: &Settings, sets: &[DataSet], seeds: &[u64], tick: &(dyn Fn() + Sync)) -> Result<Outcome> {
    let jobs: Vec<(&DataSet, u64)> = sets.iter().flat_map(|set| seeds.iter().map(move |seed| (set, *seed))).collect();
    let studies = parallel::map(&jobs, |(set, seed)| {
        let context = || format!("{}, seed {seed}: a network can't be measured, a lower lr may help", set.key);
        study(&set.split(*seed), settings, *seed, tick).with_context(context)
    });
    let studies = studies.into_iter().collect::<Result<Vec<Study>>>()?;
    let results: Vec<Results> =
        sets.iter().zip(studies.chunks(seeds.len())).map(|(set, studies)| Results::new(set, studies)).collect();
    let (checks, story) = story::tell(settings, &results);
    Ok(Outcome {
        experiment: "focal".to_owned(),
        config: serde_json::to_value(settings).expect("settings are plain data"),
        seeds: seeds.to_vec(),
        rows: results.into_iter().flat_map(|results| results.rows).collect(),
        checks,
        story,
    })
}

/// Trainings that [`run`] does for one data set and one seed.
pub fn trainings(settings: &Settings) -> usize {
    2 + settings.gamma.len() * settings.alpha.len()
}

/// One seed on one data set: train with every loss, choose on the validation part, measure on the test part.
fn study(split: &Split, settings: &Settings, seed: u64, tick: &(dyn Fn() + Sync)) -> Result<Study, MetricError> {
    let hardness = Hardness::judge(&split.train, &split.valid);
    let rare_share = split.train.rare_share();
    let on_valid = |fit: &Fit| Scores::new(&fit.valid, &split.valid.labels);
    let criterion = |fit: &Fit| settings.criterion.of(&on_valid(fit).at(HALF)?);

    let fit = |recipe: Recipe| {
        let fit = fit(split, settings, seed, recipe, &hardness);
        tick();
        fit
    };
    let cross_entropy = fit(Recipe::CROSS_ENTROPY);
    // Balanced: both classes weigh the same in total, so each has the share of the other.
    let weighted = fit(Recipe { gamma: 0.0, alpha: Some(1.0 - rare_share) });
    let focal: Vec<Vec<Fit>> = settings
        .gamma
        .iter()
        .map(|gamma| settings.alpha.iter().map(|alpha| fit(Recipe { gamma: *gamma, alpha: Some(*alpha) })).collect())
        .collect();

    let choice = focal.iter().map(|fits| fits.iter().map(criterion).collect::<Result<Vec<f64>, _>>());
    let choice = choice.collect::<Result<Vec<Vec<f64>>, _>>()?;
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
fn fit(split: &Split, settings: &Settings, seed: u64, recipe: Recipe, hardness: &Hardness) -> Fit {
    let loss = loss_of(recipe);
    let is_watched = recipe == Recipe::CROSS_ENTROPY || recipe.gamma == settings.reference_gamma();
    let (mut by_epoch, mut first_epoch) = (Vec::new(), Vec::new());
    let network = training::train(
        &split.train,
        settings.schedule(),
        seed,
        |logits: Tensor<2>, targets: Tensor<2>| loss.forward(logits, targets),
        |epoch| {
            if is_watched {
                by_epoch.push(hardness.losses(&epoch.network.logits(&split.valid), &split.valid.labels));
            }
            if recipe == Recipe::CROSS_ENTROPY && epoch.number == 1 {
                first_epoch = epoch.network.logits(&split.train);
            }
        },
    );
    Fit { recipe, valid: network.logits(&split.valid), test: network.logits(&split.test), by_epoch, first_epoch }
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
