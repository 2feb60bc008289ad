//! Several task losses become one.

mod uncertainty;
mod weighted_sum;

pub use losslab_kernels::options::{Likelihood, UncertaintyForm};
pub use uncertainty::{UncertaintyLoss, UncertaintyLossConfig};
pub use weighted_sum::{WeightedSumLoss, WeightedSumLossConfig};
