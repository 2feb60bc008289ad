//! Losses over class scores: focal, with schedules of its γ, cross-entropy with class weights, label smoothing.

mod adaptive_gamma;
mod cross_entropy;
mod focal;
mod gamma_schedule;
mod label_smoothing;
mod logit;
mod sigmoid_focal;

pub use adaptive_gamma::{AdaptiveGamma, AdaptiveGammaConfig};
pub use cross_entropy::{CrossEntropyLoss, CrossEntropyLossConfig};
pub use focal::{FocalLoss, FocalLossConfig};
pub use gamma_schedule::{GammaCourse, GammaSchedule, GammaScheduleConfig};
pub use label_smoothing::{LabelSmoothingLoss, LabelSmoothingLossConfig};
pub use losslab_kernels::options::{FocalAlpha, SmoothingConvention};
pub(crate) use sigmoid_focal::check as check_sigmoid_focal;
pub use sigmoid_focal::{SigmoidFocalLoss, SigmoidFocalLossConfig};

use crate::error::Range;

/// The focusing parameter of both focal losses; published ones are at most 5.
const GAMMA: Range = Range::Within(0.0, 100.0);
