//! Contrastive losses between two sets of embeddings.

mod info_nce;

pub use info_nce::{GroupStatistics, InfoNceLoss, InfoNceLossConfig};
pub use losslab_kernels::options::Positives;
