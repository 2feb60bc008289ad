//! Losses over embeddings: contrastive pairs, triplets, quadruplets, and the miners that choose triplets; all pairs of a
//! batch by hardness; classifiers by cosines.

mod arc_face;
mod batch_contrastive;
mod circle;
mod contrastive;
mod cos_face;
mod cosine_head;
mod mining;
mod multi_similarity;
mod pairs;
mod quadruplet;
mod quadruplet_aligned;
mod quadruplet_plain;
mod triplet;
mod triplet_aligned;
mod triplet_plain;

pub use arc_face::{ArcFaceLoss, ArcFaceLossConfig};
pub use batch_contrastive::{BatchContrastiveLoss, BatchContrastiveLossConfig};
pub use circle::{CircleLoss, CircleLossConfig};
pub use contrastive::{ContrastiveLoss, ContrastiveLossConfig, similar_where_one, similar_where_zero};
pub use cos_face::{CosFaceLoss, CosFaceLossConfig};
pub use cosine_head::CosineHead;
pub use losslab_kernels::options::{ArcFaceBeyond, QuadrupletMining, SemiHardFallback, TripletMining};
pub(crate) use mining::Roles;
pub use mining::{TripletMiner, TripletMinerConfig, TripletStatistics, Triplets};
pub use multi_similarity::{MultiSimilarityLoss, MultiSimilarityLossConfig};
pub use quadruplet::{QuadrupletLoss, QuadrupletLossConfig, QuadrupletStatistics};
pub use quadruplet_aligned::{AlignedQuadrupletLoss, AlignedQuadrupletLossConfig};
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

/// Anchors with their labels, and a bank with its own.
pub(crate) type Bank = (Tensor<2>, Vec<i64>, Tensor<2>, Vec<i64>);

/// Checks anchors and what they are compared with, in one float type, and reads the labels.
pub(crate) fn check_bank(
    loss: &'static str,
    embeddings: Tensor<2>,
    labels: Tensor<1, Int>,
    bank: Tensor<2>,
    bank_labels: Tensor<1, Int>,
) -> Result<Bank, InputError> {
    let labels = read_labels(loss, &embeddings, labels)?;
    let (rows, width) = (bank.dims()[0], embeddings.dims()[1]);
    InputError::check_shape(loss, "bank", &bank.dims(), &[rows, width], "(of the width of embeddings)")?;
    InputError::check_dtype(loss, "bank", bank.dtype(), embeddings.dtype(), "(that of embeddings)")?;
    InputError::check_shape(loss, "bank_labels", &bank_labels.dims(), &[rows], "(one for each row of bank)")?;
    Ok((in_f32(embeddings), labels, in_f32(bank), crate::labels::read(bank_labels)))
}

/// Positions on the device of a tensor.
pub(crate) fn positions(positions: impl Iterator<Item = usize>, like: &Tensor<2>) -> Tensor<1, Int> {
    let positions = positions.map(|position| position as i64).collect::<Vec<i64>>();
    Tensor::from_data(positions.as_slice(), &like.device().inner())
}
