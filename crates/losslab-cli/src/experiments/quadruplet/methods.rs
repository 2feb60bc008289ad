//! The losses that are compared: triplet and quadruplet, over all of a batch or over the hardest.

use super::training::Recipe;
use anyhow::Result;
use burn::tensor::{Int, Tensor};
use losslab::{
    QuadrupletLoss, QuadrupletLossConfig, QuadrupletMining, Reduction, TripletLoss, TripletLossConfig, TripletMining,
};
use serde::{Deserialize, Serialize};

/// A loss with its mining.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// All triplets of a batch.
    TripletBatchAll,
    /// For each anchor its farthest positive and its nearest negative.
    TripletBatchHard,
    /// All triplets and quadruplets of a batch.
    QuadrupletBatchAll,
    /// The hard triplet of each anchor, and what is nearest to its negative of a third class.
    QuadrupletBatchHard,
}

impl Method {
    /// All of them, each quadruplet loss as far behind its triplet loss.
    pub const ALL: [Method; 4] =
        [Method::TripletBatchAll, Method::TripletBatchHard, Method::QuadrupletBatchAll, Method::QuadrupletBatchHard];

    /// As in tables.
    pub fn name(self) -> &'static str {
        match self {
            Method::TripletBatchAll => "triplet, batch-all",
            Method::TripletBatchHard => "triplet, batch-hard",
            Method::QuadrupletBatchAll => "quadruplet, batch-all",
            Method::QuadrupletBatchHard => "quadruplet, batch-hard",
        }
    }

    /// The triplet loss that a quadruplet loss is compared with; none for a triplet loss.
    pub fn rival(self) -> Option<Method> {
        match self {
            Method::QuadrupletBatchAll => Some(Method::TripletBatchAll),
            Method::QuadrupletBatchHard => Some(Method::TripletBatchHard),
            _ => None,
        }
    }
}

/// A loss, ready to be used.
pub enum Loss {
    Triplet(TripletLoss),
    Quadruplet(QuadrupletLoss),
}

impl Loss {
    /// On unit length, as a mean over the terms that cost something, for each hinge by itself: all methods then differ by
    /// their terms alone.
    ///
    /// # Errors
    /// If a margin is out of the distance's reach.
    pub fn new(recipe: &Recipe) -> Result<Self> {
        let triplet = |mining| {
            let config = TripletLossConfig::new().with_margin(recipe.margin).with_mining(mining).with_normalize(true);
            Ok(Loss::Triplet(config.with_reduction(Reduction::MeanActive).try_init()?))
        };
        let quadruplet = |mining| Ok(Loss::Quadruplet(quadruplet(recipe, mining)?));
        match recipe.method {
            Method::TripletBatchAll => triplet(TripletMining::BatchAll),
            Method::TripletBatchHard => triplet(TripletMining::BatchHard),
            Method::QuadrupletBatchAll => quadruplet(QuadrupletMining::BatchAll),
            Method::QuadrupletBatchHard => quadruplet(QuadrupletMining::BatchHard),
        }
    }

    /// What a labelled batch `[n, d]` costs.
    pub fn forward(&self, embeddings: Tensor<2>, labels: Tensor<1, Int>) -> Tensor<1> {
        match self {
            Loss::Triplet(loss) => loss.forward(embeddings, labels),
            Loss::Quadruplet(loss) => loss.forward(embeddings, labels),
        }
    }
}

/// The quadruplet loss with a recipe's margins.
pub fn quadruplet(recipe: &Recipe, mining: QuadrupletMining) -> Result<QuadrupletLoss> {
    let config = QuadrupletLossConfig::new().with_margin(recipe.margin).with_pair_margin(recipe.pair_margin);
    let config = config.with_mining(mining).with_normalize(true).with_reduction(Reduction::MeanActive);
    Ok(config.try_init()?)
}
