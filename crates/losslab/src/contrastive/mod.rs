//! Contrastive losses that pick a sample's positives among all others: between two sets of embeddings, and within one.

mod barlow_twins;
mod dcl;
mod features;
mod info_nce;
mod memory;
mod nt_xent;
mod pairing;
mod siglip;
mod sup_con;
mod vicreg;

pub use barlow_twins::{BarlowTwinsLoss, BarlowTwinsLossConfig};
pub use dcl::{DclLoss, DclLossConfig};
pub use info_nce::{InfoNceLoss, InfoNceLossConfig};
pub use losslab_kernels::options::{Positives, SupConForm, VicRegForm, ZeroVariance};
pub use losslab_kernels::release_memory;
pub use memory::set_tile_memory;
pub use nt_xent::{NtXentLoss, NtXentLossConfig};
pub use pairing::GroupStatistics;
pub(crate) use pairing::log_sum_exp;
pub use siglip::{SigLipLoss, SigLipLossConfig};
pub use sup_con::{SupConLoss, SupConLossConfig};
pub use vicreg::{VicRegLoss, VicRegLossConfig};
