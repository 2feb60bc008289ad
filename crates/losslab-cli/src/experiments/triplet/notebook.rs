//! One epoch of MNIST with semi-hard triplets, as in pytorch-metric-learning's notebook `TripletMarginLossMNIST`: each
//! test image looks for its nearest training image by cosine.

use super::{
    measures::Embedded,
    mining::{Geometry, Mining},
    settings::Settings,
    training::{Recipe, train},
};
use crate::{
    data::images::{ImageSet, Images, Limits},
    experiments::common::row,
    lab::{Job, Lab},
    outcome::{Metric, Row},
};
use anyhow::Result;
use losslab::{Distance, metrics::Similarity};

/// Precision@1 that the notebook shows after its first epoch.
pub const TARGET: f64 = 0.9808;
/// The notebook's figure is that of its first epoch.
pub const EPOCHS: usize = 1;
/// Multiplications for an image in the notebook's network: convolutions 1 → 32 → 64 of 3 × 3 without padding, pooling,
/// and a dense layer 9216 → 128.
pub const MULTIPLICATIONS: usize = 26 * 26 * 9 * 32 + 24 * 24 * 9 * 32 * 64 + 9216 * EMBEDDING;

const EMBEDDING: usize = 128;
/// Images of the complete part for training.
const COMPLETE: usize = 60_000;
/// Validation images that a choice is judged on.
const JUDGES: usize = 2000;
/// The choice has a seed that no result has.
const SEED_OF_CHOICE: u64 = 0;

/// Step size and margin with the precision on the validation part.
#[derive(Clone, Copy, Debug)]
pub struct Choice {
    /// Adam's step size.
    pub lr: f64,
    /// The margin.
    pub margin: f64,
    /// Precision@1 of validation images among the images trained on.
    pub precision: f64,
}

/// The results.
pub struct Notebook {
    /// All that was tried.
    pub choices: Vec<Choice>,
    /// The best of them.
    pub chosen: Choice,
    /// Precision@1 on the test part, one a seed.
    pub precision: Metric,
    /// Images for training and for testing.
    pub images: [usize; 2],
}

/// Networks to train.
pub fn trainings(settings: &Settings, seeds: &[u64]) -> usize {
    settings.notebook_lr.len() * settings.notebook_margin.len() + seeds.len()
}

/// Multiplications for an image of 28 × 28 in the network that is used here.
pub fn multiplications(settings: &Settings) -> usize {
    let width = settings.notebook_width;
    let convolutions = 24 * 24 * 25 * width + 8 * 8 * 25 * width * 2 * width;
    convolutions + 4 * 4 * 2 * width * 8 * width + 8 * width * EMBEDDING
}

impl Notebook {
    /// Chooses step size and margin on images carved from training, then trains on all of them with every seed.
    pub fn run(settings: &Settings, set: &ImageSet, seeds: &[u64], lab: &Lab) -> Result<Self> {
        let pairs: Vec<(f64, f64)> = settings
            .notebook_lr
            .iter()
            .flat_map(|lr| settings.notebook_margin.iter().map(move |margin| (*lr, *margin)))
            .collect();
        let limits = Limits { train: settings.notebook_choice, valid: JUDGES, test: 0 };
        let parts = set.parts(limits, SEED_OF_CHOICE);
        let precisions = lab.map(
            &pairs,
            |(lr, margin)| format!("notebook, choice of lr {lr} and margin {margin}"),
            |pair, job| precision(settings, *pair, &parts.train, &parts.valid, SEED_OF_CHOICE, job),
        )?;
        let choices = pairs.iter().zip(&precisions);
        let choices: Vec<Choice> = choices
            .map(|((lr, margin), precision)| Choice { lr: *lr, margin: *margin, precision: *precision })
            .collect();
        let better = |best: Choice, next: &Choice| if next.precision > best.precision { *next } else { best };
        let chosen = choices.iter().skip(1).fold(choices[0], better);

        let precisions = lab.map(
            seeds,
            |seed| format!("notebook, seed {seed}"),
            |seed, job| precision(settings, (chosen.lr, chosen.margin), &set.train, &set.test, *seed, job),
        )?;
        let images = [set.train.len(), set.test.len()];
        Ok(Self { choices, chosen, precision: precisions.into(), images })
    }

    /// Whether these are the images of the notebook.
    pub fn is_complete(&self) -> bool {
        self.images[0] == COMPLETE
    }

    /// The row in `outcome.json`.
    pub fn row(&self, set: &str) -> Row {
        let numbers = |value: &f64| vec![("p_at_1", *value), ("lr", self.chosen.lr), ("margin", self.chosen.margin)];
        row(
            format!("{set}/one epoch as in the notebook"),
            &self.precision.values.iter().map(numbers).collect::<Vec<_>>(),
        )
    }
}

/// Trains for an epoch and measures how often the nearest training image is of the query's class.
fn precision(
    settings: &Settings,
    (lr, margin): (f64, f64),
    images: &Images,
    queries: &Images,
    seed: u64,
    job: &Job,
) -> Result<f64> {
    let recipe = Recipe {
        name: "one epoch".to_owned(),
        mining: Mining::SemiHard,
        fallback: settings.fallback,
        geometry: Geometry { distance: Distance::Cosine, unit: false, margin },
        batch: [10, settings.notebook_samples],
        lr,
        epochs: EPOCHS,
        network: [settings.notebook_width, EMBEDDING],
    };
    let watched = images.limited(settings.probe, seed);
    let (network, _) = train(&recipe, images, &watched, seed, job)?;
    let scaling = images.scaling();
    let [found, reference] = [queries, images].map(|part| network.embed(part, &scaling));
    let found = Embedded { values: &found, images: queries };
    Ok(found.precision_at_1(&Embedded { values: &reference, images }, Similarity::Cosine)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_network_of_the_handout_needs_a_third_of_the_notebooks_multiplications() {
        assert_eq!(MULTIPLICATIONS, 11_991_168);
        let settings = Settings { notebook_width: 32, ..Settings::quick() };
        assert_eq!(multiplications(&settings), 460_800 + 3_276_800 + 262_144 + 32_768);
    }
}
