//! Loss functions beyond cross-entropy for [Burn](https://burn.dev).
//!
//! | task | loss |
//! |---|---|
//! | rare classes | [`SigmoidFocalLoss`], [`FocalLoss`] |
//! | γ of focal loss over a training | [`GammaSchedule`], [`AdaptiveGamma`] |
//! | classification, the baseline | [`CrossEntropyLoss`] |
//! | classes by the thousand, compared by angle | [`ArcFaceLoss`], [`CosFaceLoss`] |
//! | overconfidence | [`LabelSmoothingLoss`] |
//! | pairs: same or different | [`ContrastiveLoss`], [`BatchContrastiveLoss`] |
//! | retrieval and verification | [`TripletLoss`], [`AlignedTripletLoss`], with [`TripletMiner`] |
//! | the same, with one threshold for all classes | [`QuadrupletLoss`], [`AlignedQuadrupletLoss`] |
//! | two views, two modalities | [`InfoNceLoss`], [`NtXentLoss`], with a [`Temperature`] fixed or learned |
//! | more positives and negatives than a batch holds | [`MemoryBank`] |
//! | a larger batch than fits into memory | [`GradientCache`] |
//! | ranked lists | [`RankNetLoss`], [`LambdaLoss`], [`ListNetLoss`], [`ListMleLoss`], [`ApproxNdcgLoss`], on [`QueryLists`] |
//! | two modalities in large batches, or on many devices | [`SigLipLoss`] |
//! | two views in small batches | [`DclLoss`], [`VicRegLoss`], [`BarlowTwinsLoss`] |
//! | an encoder from labels | [`SupConLoss`], [`MultiSimilarityLoss`], [`CircleLoss`] |
//! | several tasks | [`WeightedSumLoss`], [`UncertaintyLoss`], [`DynamicWeightAverage`], [`GradNorm`] |
//! | several tasks whose gradients conflict | [`PcGrad`], [`CaGrad`], [`UpGrad`], [`Mgda`], [`GradDrop`] |
//! | to evaluate a model | the [`metrics`] |
//! | to see what is wrong with a batch | the [`diagnostics`] |
//! | to see how a loss lies around a solution | the [`landscape`] |
//! | batches of P classes × K samples | [`PkSampler`], and a data loader of Burn with feature `dataset` |
//! | Burn's own learner | feature `train` |
//!
//! # A loss
//!
//! ```
//! use burn::tensor::{Device, Int, Tensor};
//! use losslab::{TripletLossConfig, TripletMining};
//!
//! let device = Device::flex().autodiff();
//! let embeddings = Tensor::<2>::from_data([[0.0, 0.1], [0.3, 0.0], [0.2, 0.2], [0.9, 1.0]], &device).require_grad();
//! let labels = Tensor::<1, Int>::from_data([0, 0, 1, 1], &device);
//!
//! let loss = TripletLossConfig::new().with_mining(TripletMining::BatchHard).init();
//! let value = loss.forward(embeddings.clone(), labels);
//! let gradients = value.backward();
//! assert_eq!(embeddings.grad(&gradients).unwrap().dims(), [4, 2]);
//! ```
//!
//! # Rules that all losses obey
//!
//! - A `…Config` is checked: `try_init` returns a [`ConfigError`] that names the value and its range; `init` panics with
//!   the same text. Temperatures and task weights live on a device, so their `init` takes one.
//! - `forward` returns shape `[1]`; `forward_no_reduction` one value for each sample, anchor, pair or task. The values
//!   add up to the loss under [`Reduction::Sum`].
//! - A mean over nothing is 0 with gradient 0, attached to the graph. A NaN comes out as NaN.
//! - Gradients are finite for every finite input whose loss is finite: duplicates, zero vectors, saturated logits.
//! - Nothing broadcasts silently: `try_forward` returns an [`InputError`] with both shapes, and `forward` panics with it.
//! - f32 stays f32 and f64 stays f64; f16 and bf16 are computed in f32.
//!
//! # How it is computed
//!
//! Focal loss, cross-entropy, label smoothing, InfoNCE, SigLIP, NT-Xent, DCL, SupCon, and the triplet and contrastive losses over
//! labelled batches on f32 tensors of the CPU run through kernels that give value and gradient together
//! (`losslab-kernels`), and miners take their distances from a kernel there; everything else, and
//! `forward_no_reduction`, runs through tensor operations on any device. Batch-wise losses work through blocks of rows,
//! so that their memory doesn't grow with the square of the batch. Losses that look at labels read them to the host,
//! which waits for a GPU; losses over ranked lists compute there, on any device.
//!
//! Every loss sees the batch that it is given. Under data parallelism that is the local part: negatives of other
//! devices don't take part.

pub mod classification;
pub mod contrastive;
pub mod diagnostics;
mod distance;
pub mod embedding;
mod error;
mod fused;
mod gradient_cache;
mod labels;
pub mod landscape;
mod math;
mod memory_bank;
pub mod metrics;
pub mod multitask;
pub mod ranking;
mod reduction;
pub mod sampler;
mod temperature;
#[cfg(feature = "train")]
pub mod train;

pub use classification::{
    AdaptiveGamma, AdaptiveGammaConfig, CrossEntropyLoss, CrossEntropyLossConfig, FocalAlpha, FocalLoss,
    FocalLossConfig, GammaCourse, GammaSchedule, GammaScheduleConfig, LabelSmoothingLoss, LabelSmoothingLossConfig,
    SigmoidFocalLoss, SigmoidFocalLossConfig, SmoothingConvention,
};
pub use contrastive::{
    BarlowTwinsLoss, BarlowTwinsLossConfig, DclLoss, DclLossConfig, GroupStatistics, InfoNceLoss, InfoNceLossConfig,
    NtXentLoss, NtXentLossConfig, Positives, SigLipLoss, SigLipLossConfig, SupConForm, SupConLoss, SupConLossConfig,
    VicRegForm, VicRegLoss, VicRegLossConfig, ZeroVariance,
};
pub use distance::Distance;
pub use embedding::{
    AlignedQuadrupletLoss, AlignedQuadrupletLossConfig, AlignedTripletLoss, AlignedTripletLossConfig, ArcFaceBeyond,
    ArcFaceLoss, ArcFaceLossConfig, BatchContrastiveLoss, BatchContrastiveLossConfig, CircleLoss, CircleLossConfig,
    ContrastiveLoss, ContrastiveLossConfig, CosFaceLoss, CosFaceLossConfig, CosineHead, MultiSimilarityLoss,
    MultiSimilarityLossConfig, QuadrupletLoss, QuadrupletLossConfig, QuadrupletMining, QuadrupletStatistics,
    SemiHardFallback, TripletLoss, TripletLossConfig, TripletMiner, TripletMinerConfig, TripletMining,
    TripletStatistics, Triplets, similar_where_one, similar_where_zero,
};
pub use error::{ConfigError, InputError};
pub use gradient_cache::{CachedGradients, Chunk, GradientCache, GradientCacheConfig};
pub use memory_bank::{BankEntries, MemoryBank, MemoryBankConfig};
pub use multitask::{
    CaGrad, CaGradConfig, DynamicWeightAverage, DynamicWeightAverageConfig, GradDrop, GradDropConfig, GradNorm,
    GradNormConfig, GradNormStep, GradientSurgery, GradientWeights, GramMatrix, Likelihood, Mgda, MgdaConfig, PcGrad,
    PcGradConfig, PcGradOrder, TaskGradientStatistics, TaskGradients, UncertaintyForm, UncertaintyLoss,
    UncertaintyLossConfig, UpGrad, UpGradConfig, WeightedSumLoss, WeightedSumLossConfig,
};
pub use ranking::{
    ApproxNdcgLoss, ApproxNdcgLossConfig, Gain, LambdaLoss, LambdaLossConfig, LambdaWeighting, ListMleLoss,
    ListMleLossConfig, ListNetLoss, ListNetLossConfig, PairReduction, QueryLists, RankNetForm, RankNetLoss,
    RankNetLossConfig, RelevanceTies,
};
pub use reduction::Reduction;
pub use sampler::{PkBalance, PkSampler, PkSamplerConfig, SmallClasses};
#[cfg(feature = "dataset")]
pub use sampler::{PkDataLoader, labels_of};
pub use temperature::{Temperature, TemperatureConfig};

/// The README's example is one of the tests.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
