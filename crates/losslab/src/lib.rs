//! losslab
pub mod classification;
pub mod contrastive;
mod distance;
pub mod embedding;
mod error;
mod fused;
mod labels;
pub mod multitask;
mod reduction;
mod temperature;

pub use classification::{
    CrossEntropyLoss, CrossEntropyLossConfig, FocalAlpha, FocalLoss, FocalLossConfig, LabelSmoothingLoss,
    LabelSmoothingLossConfig, SigmoidFocalLoss, SigmoidFocalLossConfig, SmoothingConvention,
};
pub use contrastive::{InfoNceLoss, InfoNceLossConfig, Positives};
pub use distance::Distance;
pub use embedding::{
    AlignedTripletLoss, AlignedTripletLossConfig, BatchContrastiveLoss, BatchContrastiveLossConfig, ContrastiveLoss,
    ContrastiveLossConfig, SemiHardFallback, TripletLoss, TripletLossConfig, TripletMiner, TripletMinerConfig,
    TripletMining, TripletStatistics, Triplets, similar_where_one, similar_where_zero,
};
pub use error::{ConfigError, InputError};
pub use multitask::{
    Likelihood, UncertaintyForm, UncertaintyLoss, UncertaintyLossConfig, WeightedSumLoss, WeightedSumLossConfig,
};
pub use reduction::Reduction;
pub use temperature::{Temperature, TemperatureConfig};
