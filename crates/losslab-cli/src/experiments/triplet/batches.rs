//! How many triplets a batch has: drawn at random, and as P classes × K images.

use super::{REFERENCE, settings::Settings};
use crate::{experiments::common::row, outcome::Row, random::Order};
use anyhow::Result;
use losslab::PkSamplerConfig;
use std::collections::HashMap;

/// Passes over the training part that batches are counted in.
const PASSES: usize = 5;

/// P classes and K images of each, for a batch of about so many images.
pub fn shape(settings: &Settings, size: usize) -> [usize; 2] {
    let samples = (size / settings.classes).max(2);
    [(size / samples).clamp(2, settings.classes), samples]
}

/// The name of the training with batches of that size.
pub fn name(settings: &Settings, size: usize) -> String {
    match shape(settings, size) == [settings.classes, settings.samples] {
        true => REFERENCE.to_owned(),
        false => format!("{REFERENCE} in batches of {size}"),
    }
}

/// What batches of one size hold, one number a seed.
pub struct Draws {
    /// Images in a batch.
    pub size: usize,
    /// Drawn at random.
    pub at_random: Vec<Counts>,
    /// Drawn as P × K.
    pub sampled: Vec<Counts>,
}

/// Means over batches.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Counts {
    /// Share of batches without a valid triplet.
    pub without: f64,
    /// Share of images that have both a positive and a negative.
    pub anchors: f64,
    /// Valid triplets.
    pub triplets: f64,
}

impl Draws {
    /// Draws batches of every size from the labels of each seed.
    pub fn of_sizes(settings: &Settings, seeds: &[u64], labels: &[Vec<i64>]) -> Result<Vec<Self>> {
        settings.batch.iter().map(|size| Self::of_size(settings, *size, seeds, labels)).collect()
    }

    fn of_size(settings: &Settings, size: usize, seeds: &[u64], labels: &[Vec<i64>]) -> Result<Self> {
        let [classes, samples] = shape(settings, size);
        let (mut at_random, mut sampled) = (Vec::new(), Vec::new());
        for (seed, labels) in seeds.iter().zip(labels) {
            let mut order = Order::new(labels.len(), *seed);
            let passes = (1..=PASSES)
                .flat_map(|pass| order.of_epoch(pass).chunks_exact(size).map(<[usize]>::to_vec).collect::<Vec<_>>());
            at_random.push(Counts::of(passes, labels));
            let sampler = PkSamplerConfig::new(classes, samples).with_seed(*seed).try_init(labels)?;
            sampled.push(Counts::of((1..=PASSES as u64).flat_map(|pass| sampler.epoch(pass)), labels));
        }
        Ok(Self { size, at_random, sampled })
    }

    /// A row for each way of drawing.
    pub fn rows(&self, set: &str) -> [Row; 2] {
        let metrics = |counts: &Counts| {
            vec![
                ("batches_without_triplets", counts.without),
                ("anchors", counts.anchors),
                ("triplets", counts.triplets),
            ]
        };
        [("at random", &self.at_random), ("P × K", &self.sampled)].map(|(way, counts)| {
            row(format!("{set}/{} drawn {way}", self.size), &counts.iter().map(metrics).collect::<Vec<_>>())
        })
    }
}

impl Counts {
    fn of(batches: impl Iterator<Item = Vec<usize>>, labels: &[i64]) -> Self {
        let (mut sum, mut count) = (Self::default(), 0.0_f64);
        for batch in batches {
            let mut sizes = HashMap::<i64, usize>::new();
            batch.iter().for_each(|place| *sizes.entry(labels[*place]).or_default() += 1);
            let n = batch.len();
            let of_class = |size: usize| size * (size - 1) * (n - size);
            let triplets: usize = sizes.values().map(|size| of_class(*size)).sum();
            let anchors: usize = sizes.values().filter(|size| of_class(**size) > 0).sum();
            sum.without += f64::from(u8::from(triplets == 0));
            sum.anchors += anchors as f64 / n as f64;
            sum.triplets += triplets as f64;
            count += 1.0;
        }
        // Fewer images than a batch: there is none to speak of.
        let count = count.max(1.0);
        Self { without: sum.without / count, anchors: sum.anchors / count, triplets: sum.triplets / count }
    }
}

/// The chance that a batch drawn at random from so many equally frequent classes has no valid triplet: all of its
/// images are of different classes, or all of one.
pub fn chance_of_none(size: usize, classes: usize) -> f64 {
    let classes = classes as f64;
    let all_different: f64 = (0..size).map(|drawn| (1.0 - drawn as f64 / classes).max(0.0)).product();
    all_different + classes.powi(1 - size as i32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_hold_as_many_images_as_asked_for() {
        let settings = Settings::quick();
        assert_eq!([8, 32, 128].map(|size| shape(&settings, size)), [[4, 2], [8, 4], [8, 16]]);
        assert_eq!(name(&settings, 32), REFERENCE);
        assert_eq!(name(&settings, 8), "semi-hard in batches of 8");
    }

    #[test]
    fn triplets_are_counted_by_hand() {
        // Two of class 0 and one of class 1: (0, 0', 1) and (0', 0, 1). Then three classes: none.
        let labels = [0, 0, 1, 2];
        let counts = Counts::of([vec![0, 1, 2], vec![0, 2, 3]].into_iter(), &labels);
        assert_eq!(counts, Counts { without: 0.5, anchors: 1.0 / 3.0, triplets: 1.0 });
    }

    #[test]
    fn the_chance_of_no_triplet_by_hand() {
        assert_eq!(chance_of_none(2, 2), 1.0);
        assert_eq!(chance_of_none(3, 2), 0.25);
        assert!((chance_of_none(8, 10) - (1.814_4e6 / 1e8 + 1e-7)).abs() < 1e-12);
    }
}
