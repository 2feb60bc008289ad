//! Tasks 3 and 4: InfoNCE on batches of pairs.

use super::{
    methods::{Duplicates, Method},
    settings::Settings,
};
use crate::{
    data::{
        captions::{Captioned, Vocabulary},
        images::Scaling,
    },
    lab::Job,
    models::clip::{MiniClip, Sizes},
    random::Order,
};
use anyhow::Result;
use burn::{optim::AdamConfig, tensor::Tensor};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// Pairs for training with what is measured on them alone: the words, and the scale of the pixels.
pub struct Material {
    /// The pairs.
    pub pairs: Captioned,
    /// The words of their captions.
    pub vocabulary: Vocabulary,
    /// What makes numbers of their pixels.
    pub scaling: Scaling,
}

impl Material {
    /// Reads words and scale off the pairs.
    pub fn new(pairs: Captioned) -> Self {
        let (vocabulary, scaling) = (Vocabulary::of(&pairs.captions), pairs.images.scaling());
        Self { pairs, vocabulary, scaling }
    }
}

/// How a training went.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Course {
    /// Mean loss of each epoch, in nats.
    pub losses: Vec<f64>,
    /// Loss of each batch of the last epoch.
    pub last_losses: Vec<f64>,
    /// The temperature before the first step and after each, where it is learned.
    pub temperatures: Vec<f64>,
    /// The temperature at the end.
    pub temperature: f64,
    /// Steps in all.
    pub steps: usize,
    /// Pairs of a batch that have the meaning of a pair besides itself, in the mean of the first epoch.
    pub duplicates: f64,
}

/// Trains with a method.
///
/// The seed decides the first weights and the order of the pairs and nothing else does: all methods start from the same
/// towers (as far as they have the same layers) and see the same pairs in the same order.
pub fn train(
    material: &Material,
    method: &Method,
    settings: &Settings,
    seed: u64,
    job: &Job,
) -> Result<(MiniClip, Course)> {
    let Material { pairs, vocabulary, scaling } = material;
    let device = job.device();
    let mut order = Order::new(pairs.len(), seed);
    let trained = job.train(
        &method.name,
        method.epochs,
        || {
            let Settings { hidden, embedding, .. } = *settings;
            let sizes = Sizes { image: pairs.images.shape(), vocabulary: vocabulary.len(), hidden, embedding };
            let network = MiniClip::new(method.tower, sizes, method.loss(&device), seed, &device);
            let start = network.loss.temperature.value();
            let temperatures = if method.learned { vec![start] } else { Vec::new() };
            (network, AdamConfig::new().init(), Course { temperatures, ..Course::default() })
        },
        |fit, epoch| {
            fit.notes.last_losses.clear();
            let order = order.of_epoch(epoch);
            if epoch == 1 {
                fit.notes.duplicates = mean_duplicates(&pairs.meanings, order, method.batch);
            }
            for batch in order.chunks(method.batch) {
                let network = fit.network();
                let images = network.images(pairs.images.batch(batch, scaling, &device));
                let texts = network.texts(vocabulary.bags(&pairs.texts(batch), &device));
                let loss: Tensor<1> = match method.duplicates {
                    Duplicates::Negatives => network.loss.forward(images, texts),
                    Duplicates::Positives | Duplicates::LeftOut => {
                        let groups = pairs.groups(batch, &device);
                        network.loss.forward_grouped(images, texts, groups.clone(), groups)
                    }
                };
                fit.notes.last_losses.push(f64::from(loss.clone().into_scalar::<f32>()));
                fit.step(settings.lr, loss);
                fit.notes.steps += 1;
                if method.learned {
                    fit.change(MiniClip::clipped);
                    let temperature = fit.network().loss.temperature.value();
                    fit.notes.temperatures.push(temperature);
                }
            }
            Ok(())
        },
    )?;
    let temperature = trained.network.loss.temperature.value();
    Ok((trained.network, Course { losses: trained.losses, temperature, ..trained.notes }))
}

/// How many others of a batch mean the same as a pair of it, in the mean over all pairs.
fn mean_duplicates(meanings: &[i64], order: &[usize], batch: usize) -> f64 {
    let of_batch = |batch: &[usize]| {
        let mut counts: HashMap<i64, usize> = HashMap::new();
        batch.iter().for_each(|index| *counts.entry(meanings[*index]).or_default() += 1);
        counts.values().map(|count| count * (count - 1)).sum::<usize>()
    };
    order.chunks(batch).map(of_batch).sum::<usize>() as f64 / order.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duplicates_are_counted_within_a_batch() {
        // Batches (7, 7, 7), (1, 2, 1) and (7): 3 × 2 and 2 × 1 ordered pairs for seven members.
        let meanings = [7, 7, 7, 1, 2, 1, 7];
        assert_eq!(mean_duplicates(&meanings, &[0, 1, 2, 3, 4, 5, 6], 3), 8.0 / 7.0);
        assert_eq!(mean_duplicates(&meanings, &[0, 3, 1, 4, 2, 5, 6], 1), 0.0);
    }
}
