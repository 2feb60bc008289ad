//! Task 4: training on batches of P classes × K images, or on triplets that were mined beforehand.

use super::mining::{Cost, Geometry, Miner, Mining, a_third};
use crate::{
    data::images::{Images, Scaling},
    lab::{Fit, Job},
    models::encoder::Encoder,
    random::{self, Random},
};
use anyhow::Result;
use burn::{
    optim::AdamConfig,
    tensor::{Device, Int, Tensor, TensorData},
};
use losslab::diagnostics::{Diagnostics, EmbeddingDiagnosticsConfig, FindingKind};
use losslab::{PkSamplerConfig, SemiHardFallback};
use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};

/// Images among which offline triplets are looked for: all pairs of the training part would be too many.
const POOL: usize = 1024;

/// How to train a network.
#[derive(Clone, Debug, PartialEq)]
pub struct Recipe {
    /// As in `outcome.json`.
    pub name: String,
    /// Which triplets.
    pub mining: Mining,
    /// The negative where none is semi-hard.
    pub fallback: SemiHardFallback,
    /// The distance with its margin.
    pub geometry: Geometry,
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
    /// Share of the chosen triplets that cost something, for every epoch.
    pub active: Vec<f64>,
}

/// What the triplets of some images say about a network.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Probe {
    /// Shares of easy, semi-hard and hard ones among all triplets.
    pub shares: [f64; 3],
    /// The batch-hard loss over the margin: 1 in a network that has collapsed.
    pub loss_over_margin: f64,
    /// The mean distance over the margin.
    pub distance_over_margin: f64,
    /// What the library's diagnostics say, if they call the embeddings collapsed.
    pub collapse: Option<String>,
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
/// First weights and batches depend on the seed alone (and on the size of the batches): strategies start from the same
/// network and see the same images in the same order, but for offline mining. That sees as many images an epoch, in
/// triplets of its own, and embeds all of them once more without gradients to find these.
pub fn train(recipe: &Recipe, images: &Images, watched: &Images, seed: u64, job: &Job) -> Result<(Encoder, Notes)> {
    let device = job.device();
    let scaling = images.scaling();
    let labels = images.labels();
    let miner = Miner::new(recipe.mining, recipe.fallback, recipe.geometry)?;
    let [classes, samples] = recipe.batch;
    let sampler = PkSamplerConfig::new(classes, samples).with_seed(seed).try_init(&labels)?;
    let look = |network: &Encoder| Probe::of(network, watched, &scaling, recipe.geometry);

    let trained = job.train(
        &recipe.name,
        recipe.epochs,
        || (untrained(recipe.network, images, seed, &device), AdamConfig::new().init(), Notes::default()),
        |fit, epoch| {
            if epoch == 1 {
                let first = look(fit.network())?;
                fit.notes.probes.push(first);
            }
            let random = &mut random::stream(seed, &format!("triplets of epoch {epoch}"));
            let mut active = Vec::new();
            let mut learn = |fit: &mut Fit<Encoder, Notes>, cost: Option<Cost>| {
                if let Some(cost) = cost {
                    active.push(cost.active);
                    fit.step(recipe.lr, cost.loss);
                }
            };
            if recipe.mining == Mining::Offline {
                let triplets = mined(fit.network(), images, &scaling, &miner, random);
                for triplets in triplets.chunks((classes * samples / 3).max(1)) {
                    let part = |at: usize| triplets.iter().map(move |triplet| triplet[at]);
                    let rows: Vec<usize> = part(0).chain(part(1)).chain(part(2)).collect();
                    let embeddings = fit.network().forward(images.batch(&rows, &scaling, &device));
                    let [a, p, n] =
                        [0, 1, 2].map(|at| embeddings.clone().slice(at * triplets.len()..(at + 1) * triplets.len()));
                    learn(fit, Some(miner.over(a, p, n)));
                }
            } else {
                for rows in sampler.epoch(epoch as u64) {
                    let embeddings = fit.network().forward(images.batch(&rows, &scaling, &device));
                    let labels: Vec<i64> = rows.iter().map(|row| labels[*row]).collect();
                    learn(fit, miner.online(embeddings, &labels, random));
                }
            }
            fit.notes.active.push(active.iter().sum::<f64>() / active.len().max(1) as f64);
            let probe = look(fit.network())?;
            fit.notes.probes.push(probe);
            Ok(())
        },
    )?;
    Ok((trained.network, trained.notes))
}

/// Triplets for an epoch, as places of images: semi-hard ones for the network as it is now.
fn mined(network: &Encoder, images: &Images, scaling: &Scaling, miner: &Miner, random: &mut Random) -> Vec<[usize; 3]> {
    let mut order: Vec<usize> = (0..images.len()).collect();
    order.shuffle(random);
    let mut triplets = Vec::new();
    for pool in order.chunks(POOL) {
        let (embeddings, labels) = embedded(network, &images.select(pool), scaling);
        let found = miner.semi_hard(embeddings, labels);
        let chosen = a_third(pool.len(), found, random);
        triplets.extend(chosen.into_iter().map(|triplet| triplet.map(|place| pool[place])));
    }
    triplets
}

/// Embeddings `[n, d]` of images, without gradients, and their labels `[n]`.
fn embedded(network: &Encoder, images: &Images, scaling: &Scaling) -> (Tensor<2>, Tensor<1, Int>) {
    let device = Device::flex();
    let values = network.embed(images, scaling);
    let shape = [images.len(), values.len() / images.len()];
    (Tensor::from_data(TensorData::new(values, shape), &device), Tensor::from_data(images.labels().as_slice(), &device))
}

impl Probe {
    /// Looks at all triplets of some images.
    fn of(network: &Encoder, images: &Images, scaling: &Scaling, geometry: Geometry) -> Result<Self> {
        let (embeddings, labels) = embedded(network, images, scaling);
        let Geometry { distance, unit, margin } = geometry;
        let config = EmbeddingDiagnosticsConfig::new().with_margin(margin).with_distance(distance).with_normalize(unit);
        let found = Diagnostics::of_embeddings(embeddings, labels, &config)?;
        let triplets = found.numbers.triplets;
        Ok(Self {
            shares: [triplets.easy_share(), triplets.semi_hard_share(), triplets.hard_share()],
            loss_over_margin: found.numbers.batch_hard_loss / margin,
            distance_over_margin: found.numbers.mean_distance / margin,
            collapse: found.finding(FindingKind::Collapsed).map(|finding| finding.message.clone()),
        })
    }
}
