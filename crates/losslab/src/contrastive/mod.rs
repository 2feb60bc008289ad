//! Contrastive losses between two sets of embeddings.

mod info_nce;
mod memory;
mod pairing;

pub use info_nce::{InfoNceLoss, InfoNceLossConfig};
pub use losslab_kernels::options::Positives;
pub use losslab_kernels::release_memory;
pub use memory::set_tile_memory;
pub use pairing::GroupStatistics;
