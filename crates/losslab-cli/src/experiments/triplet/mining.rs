//! Tasks 1 to 3: the loss, and which triplets it is taken over.

use crate::{models::mlp::values, random::Random};
use anyhow::Result;
use burn::tensor::{Int, Tensor};
use losslab::{
    AlignedTripletLoss, AlignedTripletLossConfig, ConfigError, Distance, Reduction, SemiHardFallback, TripletLoss,
    TripletLossConfig, TripletMiner, TripletMinerConfig, TripletMining,
};
use rand::{RngExt, seq::SliceRandom};
use serde::{Deserialize, Serialize};

/// Which triplets a network learns from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mining {
    /// For each anchor of a batch a positive and a negative at random.
    Random,
    /// All of a batch.
    BatchAll,
    /// For each anchor of a batch its farthest positive and its nearest negative.
    BatchHard,
    /// For each anchor and positive of a batch the nearest negative beyond the positive.
    SemiHard,
    /// Semi-hard ones of the whole training part, looked for once an epoch.
    Offline,
}

impl Mining {
    /// As in `--set` and in tables.
    pub fn name(self) -> &'static str {
        match self {
            Mining::Random => "random",
            Mining::BatchAll => "batch-all",
            Mining::BatchHard => "batch-hard",
            Mining::SemiHard => "semi-hard",
            Mining::Offline => "offline",
        }
    }
}

/// How far apart embeddings are, and by how much.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Geometry {
    /// The distance.
    pub distance: Distance,
    /// Whether embeddings are brought to length 1.
    pub unit: bool,
    /// The margin.
    pub margin: f64,
}

/// What a batch costs.
pub struct Cost {
    /// The mean over the triplets that cost something, a single number.
    pub loss: Tensor<1>,
    /// The share of these among the triplets that were looked at.
    pub active: f64,
}

/// A strategy with its loss.
///
/// The loss is always the mean over the triplets that cost something (Hermans et al. 2017: batch-all learns little
/// where the many easy triplets count too), so that strategies differ by their triplets alone.
pub struct Miner {
    mining: Mining,
    fallback: SemiHardFallback,
    finder: TripletMiner,
    given: AlignedTripletLoss,
    all: TripletLoss,
}

impl Miner {
    /// A strategy for a geometry.
    ///
    /// # Errors
    /// If the distance can't reach the margin.
    pub fn new(mining: Mining, fallback: SemiHardFallback, geometry: Geometry) -> Result<Self, ConfigError> {
        let Geometry { distance, unit, margin } = geometry;
        let finder = TripletMinerConfig::new().with_margin(margin).with_distance(distance).with_normalize(unit);
        let given = AlignedTripletLossConfig::new().with_margin(margin).with_distance(distance).with_normalize(unit);
        let all = TripletLossConfig::new().with_margin(margin).with_distance(distance).with_normalize(unit);
        let all = all.with_mining(TripletMining::BatchAll).with_reduction(Reduction::MeanActive);
        Ok(Self { mining, fallback, finder: finder.try_init()?, given: given.try_init()?, all: all.try_init()? })
    }

    /// The cost of a labelled batch `[n, d]`; nothing where it has no triplet.
    pub fn online(&self, embeddings: Tensor<2>, labels: &[i64], random: &mut Random) -> Option<Cost> {
        let targets = || Tensor::<1, Int>::from_data(labels, &embeddings.device().inner());
        let triplets = match self.mining {
            Mining::BatchAll => {
                let statistics = self.all.statistics(embeddings.clone(), targets());
                let loss = self.all.forward(embeddings.clone(), targets());
                return (statistics.valid > 0).then(|| Cost { loss, active: statistics.active_share() });
            }
            Mining::Random => at_random(labels, random),
            Mining::BatchHard => self.finder.batch_hard(embeddings.clone(), targets()).as_slice().to_vec(),
            Mining::SemiHard | Mining::Offline => self.semi_hard(embeddings.clone(), targets()),
        };
        let part = |at: usize| {
            let rows: Vec<i64> = triplets.iter().map(|triplet| triplet[at] as i64).collect();
            embeddings.clone().select(0, Tensor::from_data(rows.as_slice(), &embeddings.device().inner()))
        };
        (!triplets.is_empty()).then(|| self.over(part(0), part(1), part(2)))
    }

    /// The cost of given triplets, `[n, d]` each, at least one.
    pub fn over(&self, anchors: Tensor<2>, positives: Tensor<2>, negatives: Tensor<2>) -> Cost {
        let costs = self.given.forward_no_reduction(anchors, positives, negatives);
        let all = values(costs.clone());
        let active = all.iter().filter(|cost| **cost > 0.0).count();
        Cost { loss: costs.sum() / active.max(1) as f32, active: active as f64 / all.len() as f64 }
    }

    /// For each anchor and positive the nearest negative beyond the positive, or what the fallback says.
    pub fn semi_hard(&self, embeddings: Tensor<2>, labels: Tensor<1, Int>) -> Vec<[usize; 3]> {
        self.finder.nearest_semi_hard(embeddings, labels, self.fallback).as_slice().to_vec()
    }
}

/// A positive and a negative for each anchor that has both.
fn at_random(labels: &[i64], random: &mut Random) -> Vec<[usize; 3]> {
    let mut triplets = Vec::with_capacity(labels.len());
    for anchor in 0..labels.len() {
        let (same, other): (Vec<usize>, Vec<usize>) =
            (0..labels.len()).filter(|&index| index != anchor).partition(|&index| labels[index] == labels[anchor]);
        if !same.is_empty() && !other.is_empty() {
            let mut pick = |from: &[usize]| from[random.random_range(0..from.len())];
            triplets.push([anchor, pick(&same), pick(&other)]);
        }
    }
    triplets
}

/// A third as many triplets as there are rows, so that they hold as many images as an epoch of batches does.
pub fn a_third(rows: usize, mut triplets: Vec<[usize; 3]>, random: &mut Random) -> Vec<[usize; 3]> {
    triplets.shuffle(random);
    triplets.truncate(rows / 3);
    triplets
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random;
    use burn::tensor::Device;

    /// Two classes on a line: 0 at 0 and 0.3, 1 at 0.4 and 2.
    fn line() -> (Tensor<2>, [i64; 4]) {
        (Tensor::from_data([[0.0], [0.3], [0.4], [2.0]], &Device::flex()), [0, 0, 1, 1])
    }

    fn cost(mining: Mining) -> Cost {
        let geometry = Geometry { distance: Distance::Euclidean, unit: false, margin: 0.2 };
        let miner = Miner::new(mining, SemiHardFallback::Skip, geometry).unwrap();
        let (embeddings, labels) = line();
        miner.online(embeddings, &labels, &mut random::stream(1, "test")).unwrap()
    }

    #[test]
    fn strategies_cost_what_their_triplets_cost() {
        let close = |mining: Mining, loss: f64, active: f64| {
            let cost = cost(mining);
            assert!((f64::from(cost.loss.into_scalar::<f32>()) - loss).abs() < 1e-6, "{mining:?}");
            assert_eq!(cost.active, active, "{mining:?}");
        };
        // Of eight triplets cost (0, 1, 2): 0.1, (1, 0, 2): 0.4, (2, 3, 0): 1.4, (2, 3, 1): 1.7, (3, 2, 1): 0.1.
        close(Mining::BatchAll, (0.1 + 0.4 + 1.4 + 1.7 + 0.1) / 5.0, 5.0 / 8.0);
        close(Mining::BatchHard, (0.1 + 0.4 + 1.7 + 0.1) / 4.0, 1.0);
        // Beyond the positive: (0, 1, 2), (1, 0, 3) at no cost, (3, 2, 1); anchor 2 has no negative that far.
        close(Mining::SemiHard, 0.1, 2.0 / 3.0);
    }

    #[test]
    fn random_triplets_are_valid_and_one_an_anchor() {
        let labels = [3, 3, 5, 5, 5, 7];
        let triplets = at_random(&labels, &mut random::stream(1, "test"));
        assert_eq!(triplets.iter().map(|triplet| triplet[0]).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
        for [a, p, n] in triplets {
            assert!(a != p && labels[a] == labels[p] && labels[a] != labels[n]);
        }
    }

    #[test]
    fn a_batch_without_triplets_costs_nothing() {
        let geometry = Geometry { distance: Distance::Cosine, unit: true, margin: 0.2 };
        for mining in [Mining::Random, Mining::BatchAll, Mining::BatchHard, Mining::SemiHard] {
            let miner = Miner::new(mining, SemiHardFallback::Farthest, geometry).unwrap();
            let embeddings = Tensor::<2>::from_data([[1.0, 0.0], [0.0, 1.0]], &Device::flex());
            assert!(miner.online(embeddings, &[1, 2], &mut random::stream(1, "test")).is_none(), "{mining:?}");
        }
    }
}
