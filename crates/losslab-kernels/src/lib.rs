//! The arithmetic of losslab: no tensor framework, no files, only slices.
//!
//! - [`options`]: the choices that the losses offer, shared with the crates above.
//! - [`sigmoid_focal`], [`softmax_focal`], [`cross_entropy`]: one-pass kernels. Each reads its input once, writes the
//!   gradient once, and returns the *sum* of the terms with what is needed to normalise it. A caller that wants a mean
//!   scales value and gradient by the same factor.
//! - [`distances`]: of rows from all rows, for mining.
//! - [`triplet()`], [`triplet_with_bank`]: all triplets of a labelled batch, or mined ones; [`batch_contrastive()`],
//!   [`batch_contrastive_with_bank`]: all pairs; [`quadruplet()`]: all pairs of one class against those of two others.
//! - [`ranking()`]: losses over lists of items, with [`Dcg`], which the metric shares.
//! - [`Gallery`]: exact nearest neighbours among many rows, and the rank of a row.
//! - [`simd`]: which vector instructions are used.
//! - [`reference`](mod@reference): every loss as plain `f64` loops straight from its formula, with exact gradients: the
//!   oracle for everything else.
//!
//! Data are `f32` and sums over rows `f64`. Work is cut into chunks of a fixed size, whose sums are added in order: the
//! result doesn't depend on the number of threads.
//!
//! [`guide`] tells how each kernel works, with its formulas and its cost.

mod batch_contrastive;
mod chunks;
mod contrastive;
mod cross_entropy;
mod dcg;
mod distances;
#[doc = include_str!("../docs/kernels.md")]
pub mod guide {}
mod knn;
mod matrix;
pub mod options;
mod pairs;
mod quadruplet;
mod ranking;
pub mod reference;
mod rows;
mod sigmoid_focal;

pub mod simd;
mod softmax_focal;
mod triplet;
mod waves;

pub use batch_contrastive::{BatchContrastive, batch_contrastive, batch_contrastive_with_bank};
pub use chunks::{Sums, first_outside};
pub use contrastive::{
    Contrastive, DEFAULT_MEMORY, Dcl, InfoNce, InfoNceGradients, SelfContrastive, SigLip, SigLipGradients, Sigmoid,
    dcl, info_nce, release_memory, self_contrastive, siglip,
};
pub use cross_entropy::{CrossEntropy, cross_entropy};
pub use dcg::Dcg;
pub use distances::distances;
pub use knn::{Gallery, Neighbours};
pub use pairs::{Labelled, Metric};
pub use quadruplet::{Quadruplet, Quadruplets, quadruplet};
pub use ranking::{ApproxNdcg, LambdaLoss, ListLoss, ListMle, ListNet, Lists, RankNet, ranking};
pub use sigmoid_focal::{SigmoidFocal, SigmoidFocalGradients, sigmoid_focal};
pub use softmax_focal::{SoftmaxFocal, softmax_focal};
pub use triplet::{FEW_POSITIVES, Triplet, TripletChoice, triplet, triplet_with_bank};
