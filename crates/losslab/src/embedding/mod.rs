//! Losses over embeddings: contrastive pairs, triplets, and the miners that choose triplets.

mod batch_contrastive;
mod circle;
mod contrastive;
mod mining;
mod multi_similarity;
mod pairs;
mod triplet;
mod triplet_aligned;
mod triplet_plain;

pub use batch_contrastive::{BatchContrastiveLoss, BatchContrastiveLossConfig};
pub use circle::{CircleLoss, CircleLossConfig};
pub use contrastive::{ContrastiveLoss, ContrastiveLossConfig, similar_where_one, similar_where_zero};
pub use losslab_kernels::options::{SemiHardFallback, TripletMining};
pub(crate) use mining::Roles;
pub use mining::{TripletMiner, TripletMinerConfig, TripletStatistics, Triplets};
pub use multi_similarity::{MultiSimilarityLoss, MultiSimilarityLossConfig};
pub use triplet::{TripletLoss, TripletLossConfig};
pub use triplet_aligned::{AlignedTripletLoss, AlignedTripletLossConfig};

use crate::distance::normalize;
use crate::error::InputError;
use crate::math::in_f32;
use burn::tensor::{Int, Tensor};

/// Embeddings in f32 or f64, brought to length 1 where asked for.
pub(crate) fn prepare(embeddings: Tensor<2>, unit_length: bool) -> Tensor<2> {
    let embeddings = in_f32(embeddings);
    if unit_length { normalize(embeddings) } else { embeddings }
}

/// Checks a label for each embedding and reads the labels.
pub(crate) fn read_labels(
    loss: &'static str,
    embeddings: &Tensor<2>,
    labels: Tensor<1, Int>,
) -> Result<Vec<i64>, InputError> {
    InputError::check_width(loss, "embeddings", embeddings.dims())?;
    let rows = embeddings.dims()[0];
    InputError::check_shape(loss, "labels", &labels.dims(), &[rows], "(one for each row of embeddings)")?;
    Ok(crate::labels::read(labels))
}
