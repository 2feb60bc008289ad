//! Batches of P classes × K samples, as losses over labelled batches need them.

#[cfg(feature = "dataset")]
mod loader;

#[cfg(feature = "dataset")]
pub use loader::{PkDataLoader, labels_of};

use crate::error::ConfigError;
use burn::config::Config;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use std::collections::BTreeMap;

const NAME: &str = "pk-sampler";

/// What happens to classes with fewer than K samples.
#[derive(Config, Debug, Copy, PartialEq, Eq)]
pub enum SmallClasses {
    /// Their samples come more than once in a batch, each as often as the others or once more.
    Repeat,
    /// They are left out.
    Skip,
}

/// What is seen equally often.
#[derive(Config, Debug, Copy, PartialEq, Eq)]
pub enum PkBalance {
    /// Classes, as in Hermans et al. 2017: a sample of a small class is seen more often than one of a large class.
    Classes,
    /// Samples: a large class is drawn more often, at most once a batch.
    Samples,
}

/// Configuration of a [`PkSampler`].
#[derive(Config, Debug)]
pub struct PkSamplerConfig {
    /// P, the classes in a batch: at least 1, and at most those there are.
    pub classes: usize,
    /// K, the samples of each class in a batch, at least 1. With 1 no sample has a positive.
    pub samples: usize,
    /// What happens to classes with fewer than K samples. Default: repeat.
    #[config(default = "SmallClasses::Repeat")]
    pub small_classes: SmallClasses,
    /// What is seen equally often. Default: classes.
    #[config(default = "PkBalance::Classes")]
    pub balance: PkBalance,
    /// The seed. Default: 0.
    #[config(default = 0)]
    pub seed: u64,
    /// The batches of an epoch, at least 1. Default: as many as hold each usable sample once, rounded up.
    pub batches: Option<usize>,
}

impl PkSamplerConfig {
    /// Creates the sampler for a data set with these labels.
    ///
    /// # Errors
    /// If P, K or the number of batches is 0, or P is more than the classes that can be used.
    pub fn try_init(&self, labels: &[i64]) -> Result<PkSampler, ConfigError> {
        let error = |parameter, allowed: String, value: usize| Err(ConfigError::new(NAME, parameter, allowed, value));
        if self.samples == 0 {
            return error("samples", "at least 1".into(), 0);
        }
        if self.batches == Some(0) {
            return error("batches", "at least 1".into(), 0);
        }
        let mut by_class = BTreeMap::<i64, Vec<usize>>::new();
        labels.iter().enumerate().for_each(|(index, &label)| by_class.entry(label).or_default().push(index));
        let all = by_class.len();
        let usable = |class: &Vec<usize>| self.small_classes == SmallClasses::Repeat || class.len() >= self.samples;
        let members = by_class.into_values().filter(usable).collect::<Vec<Vec<usize>>>();
        if !(1..=members.len()).contains(&self.classes) {
            let small = match all - members.len() {
                0 => String::new(),
                small => format!("; {small} have fewer than {} samples", self.samples),
            };
            let allowed = format!("from 1 to {} (the labels have {all} classes{small})", members.len());
            return error("classes", allowed, self.classes);
        }
        let samples = members.iter().map(Vec::len).sum::<usize>();
        let batches = self.batches.unwrap_or_else(|| samples.div_ceil(self.classes * self.samples));
        Ok(PkSampler {
            members,
            labelled: labels.len(),
            classes: self.classes,
            samples: self.samples,
            balance: self.balance,
            seed: self.seed,
            batches,
        })
    }

    /// Creates the sampler for a data set with these labels.
    ///
    /// # Panics
    /// Where [`try_init`](Self::try_init) returns an error.
    pub fn init(&self, labels: &[i64]) -> PkSampler {
        self.try_init(labels).unwrap_or_else(|error| panic!("{error}"))
    }
}

/// Draws batches of P classes × K samples (Hermans et al. 2017, [arXiv:1703.07737](https://arxiv.org/abs/1703.07737)).
///
/// Every batch holds P different classes, one after the other, with K samples each. Within an epoch each class comes as
/// often as every other or once more (by [`PkBalance`]), and so do the samples within a class; a class of K samples or more
/// never repeats one in a batch. Where all classes have the same number of samples, and P and K divide evenly, an epoch shows each sample
/// exactly once.
///
/// The batches follow from the seed and the number of the epoch alone, with the same version of this crate.
///
/// # Example
///
/// ```
/// use losslab::PkSamplerConfig;
///
/// let labels = [7, 7, 7, 7, 3, 3, 3, 3, 5, 5, 5, 5];
/// let sampler = PkSamplerConfig::new(2, 2).init(&labels);
/// let epoch = sampler.epoch(0);
/// assert_eq!(epoch.len(), 3); // 12 samples in batches of 4
/// for batch in &epoch {
///     assert_eq!(labels[batch[0]], labels[batch[1]]);
///     assert_eq!(labels[batch[2]], labels[batch[3]]);
///     assert_ne!(labels[batch[0]], labels[batch[2]]);
/// }
/// ```
#[derive(Clone, Debug)]
pub struct PkSampler {
    /// The positions of the samples of each usable class, in the order of the labels.
    members: Vec<Vec<usize>>,
    labelled: usize,
    classes: usize,
    samples: usize,
    balance: PkBalance,
    seed: u64,
    batches: usize,
}

impl PkSampler {
    /// The batches of an epoch as positions in the data set.
    pub fn epoch(&self, epoch: u64) -> Vec<Vec<usize>> {
        // Two seeds, or two epochs, must not give neighbouring streams.
        let mut rng = StdRng::seed_from_u64(self.seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(epoch));
        let mut left = self.quotas(&mut rng);
        let mut decks = self.members.iter().map(|members| Deck::new(members)).collect::<Vec<Deck>>();
        let batch = |batches_left: usize| {
            let chosen = choose(&mut left, self.classes, batches_left, &mut rng);
            chosen.into_iter().flat_map(|class| decks[class].draw(self.samples, &mut rng)).collect()
        };
        (1..=self.batches).rev().map(batch).collect()
    }

    /// The batches of an epoch.
    pub fn batches(&self) -> usize {
        self.batches
    }

    /// The labels that it was made for, those of classes left out among them.
    pub fn labelled(&self) -> usize {
        self.labelled
    }

    /// The samples in a batch, P·K.
    pub fn batch_size(&self) -> usize {
        self.classes * self.samples
    }

    /// The classes that are drawn from.
    pub fn usable_classes(&self) -> usize {
        self.members.len()
    }

    /// How often each class comes in an epoch: at most once a batch, P times the number of batches together.
    fn quotas(&self, rng: &mut StdRng) -> Vec<usize> {
        let weight = |class: usize| match self.balance {
            PkBalance::Classes => 1.0,
            PkBalance::Samples => self.members[class].len() as f64,
        };
        let mut quotas = vec![0; self.members.len()];
        let mut open = (0..self.members.len()).collect::<Vec<usize>>();
        let mut left = self.batches * self.classes;
        // A class whose share is one a batch or more gets one a batch; the others share the rest.
        let unit = loop {
            let unit = left as f64 / open.iter().map(|&class| weight(class)).sum::<f64>();
            let before = open.len();
            open.retain(|&class| {
                let below = weight(class) * unit < self.batches as f64;
                if !below {
                    quotas[class] = self.batches;
                    left -= self.batches;
                }
                below
            });
            if open.len() == before || open.is_empty() {
                break unit;
            }
        };
        // Each of them gets its share, rounded up or down at random so that it is right in the mean and in the sum.
        open.shuffle(rng);
        let (mut given, mut shares) = (0, rng.random::<f64>());
        for (position, &class) in open.iter().enumerate() {
            shares += weight(class) * unit;
            let until = if position + 1 == open.len() { left } else { (shares as usize).min(left) };
            quotas[class] = until - given;
            given = until;
        }
        quotas
    }
}

/// Chooses the classes of a batch. A class that has to come in each batch left is taken; the others are drawn, with chances
/// in proportion to how often they have to come. So no class is left over at the end.
fn choose(left: &mut [usize], classes: usize, batches_left: usize, rng: &mut StdRng) -> Vec<usize> {
    let candidates = (0..left.len()).filter(|&class| left[class] > 0);
    let key = |class: usize, rng: &mut StdRng| {
        let urgent = left[class] == batches_left;
        // The smallest of exponential times with these rates is a weighted draw (Efraimidis and Spirakis 2006).
        let time = -rng.random::<f64>().max(f64::MIN_POSITIVE).ln() / left[class] as f64;
        (!urgent, time)
    };
    let mut keyed = candidates.map(|class| (key(class, rng), class)).collect::<Vec<_>>();
    keyed.sort_by(|((a_later, a_time), _), ((b_later, b_time), _)| a_later.cmp(b_later).then(a_time.total_cmp(b_time)));
    let mut chosen = keyed.into_iter().take(classes).map(|(_, class)| class).collect::<Vec<usize>>();
    chosen.shuffle(rng);
    chosen.iter().for_each(|&class| left[class] -= 1);
    chosen
}

/// The samples of a class, drawn like cards: all of them once before any comes again.
struct Deck<'a> {
    members: &'a [usize],
    cards: Vec<usize>,
}

impl<'a> Deck<'a> {
    fn new(members: &'a [usize]) -> Self {
        Self { members, cards: Vec::new() }
    }

    fn draw(&mut self, count: usize, rng: &mut StdRng) -> Vec<usize> {
        let mut drawn = Vec::with_capacity(count);
        while drawn.len() < count {
            if self.cards.is_empty() {
                self.cards = self.members.to_vec();
                self.cards.shuffle(rng);
                if self.members.len() >= count {
                    // Cards are taken from the end: those of this batch go to the front.
                    self.cards.sort_by_key(|card| !drawn.contains(card));
                }
            }
            drawn.extend(self.cards.pop());
        }
        drawn
    }
}
