//! Training on batches of P classes × K images.

use super::methods::{Loss, Method, quadruplet};
use crate::{
    data::images::{Images, Scaling},
    lab::Job,
    models::encoder::Encoder,
    random,
};
use anyhow::Result;
use burn::{
    optim::AdamConfig,
    tensor::{Device, Int, Tensor, TensorData},
};
use losslab::{PkSamplerConfig, QuadrupletMining};
use serde::{Deserialize, Serialize};

/// How to train a network.
#[derive(Clone, Debug, PartialEq)]
pub struct Recipe {
    /// Which loss.
    pub method: Method,
    /// How much farther than the positive the negative must be.
    pub margin: f64,
    /// How much farther apart than a positive pair a pair of two others must be.
    pub pair_margin: f64,
    /// P classes and K images of each in a batch.
    pub batch: [usize; 2],
    /// Adam's step size.
    pub lr: f64,
    /// Passes over the training part.
    pub epochs: usize,
    /// Channels after the first convolution, and numbers in an embedding.
    pub network: [usize; 2],
}

/// What is noted down while a network is trained.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Notes {
    /// The probe before the first and after every epoch.
    pub probes: Vec<Probe>,
}

/// What is left to learn on the validation images, by the margins of the recipe, whatever its loss.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub struct Probe {
    /// The share of all triplets that cost something.
    pub triplets: f64,
    /// The share of all quadruplets that cost something.
    pub quadruplets: f64,
}

/// A network before its first step: the seed alone decides its weights.
pub fn untrained(network: [usize; 2], images: &Images, seed: u64, device: &Device) -> Encoder {
    let [width, embedding] = network;
    let shape = images.shape();
    let random = &mut random::stream(seed, "weights");
    Encoder::of_width(width, [shape.channels, shape.height, shape.width], embedding, random, device)
}

/// Trains a network on images, and looks at others, which it doesn't learn from, before the first and after every epoch.
///
/// First weights and batches depend on the seed alone: all losses start from the same network and see the same images in
/// the same order.
pub fn train(recipe: &Recipe, images: &Images, watched: &Images, seed: u64, job: &Job) -> Result<(Encoder, Notes)> {
    let device = job.device();
    let (scaling, labels) = (images.scaling(), images.labels());
    let loss = Loss::new(recipe)?;
    let [classes, samples] = recipe.batch;
    let sampler = PkSamplerConfig::new(classes, samples).with_seed(seed).try_init(&labels)?;
    let trained = job.train(
        &format!("{}, margin {}", recipe.method.name(), recipe.margin),
        recipe.epochs,
        || (untrained(recipe.network, images, seed, &device), AdamConfig::new().init(), Notes::default()),
        |fit, epoch| {
            if epoch == 1 {
                let first = Probe::of(fit.network(), watched, &scaling, recipe)?;
                fit.notes.probes.push(first);
            }
            for rows in sampler.epoch(epoch as u64) {
                let embeddings = fit.network().forward(images.batch(&rows, &scaling, &device));
                let labels: Vec<i64> = rows.iter().map(|row| labels[*row]).collect();
                let labels = Tensor::<1, Int>::from_data(labels.as_slice(), &device.clone().inner());
                fit.step(recipe.lr, loss.forward(embeddings, labels));
            }
            let probe = Probe::of(fit.network(), watched, &scaling, recipe)?;
            fit.notes.probes.push(probe);
            Ok(())
        },
    )?;
    Ok((trained.network, trained.notes))
}

impl Probe {
    fn of(network: &Encoder, images: &Images, scaling: &Scaling, recipe: &Recipe) -> Result<Self> {
        let device = Device::flex();
        let values = network.embed(images, scaling);
        let shape = [images.len(), values.len() / images.len()];
        let embeddings = Tensor::<2>::from_data(TensorData::new(values, shape), &device);
        let labels = Tensor::<1, Int>::from_data(images.labels().as_slice(), &device);
        let found = quadruplet(recipe, QuadrupletMining::BatchAll)?.statistics(embeddings, labels);
        let share = |active: u64, all: u64| if all == 0 { 0.0 } else { active as f64 / all as f64 };
        Ok(Self {
            triplets: share(found.active_triplets, found.triplets),
            quadruplets: share(found.active_quadruplets, found.quadruplets),
        })
    }
}
