//! What a training batch tells before the loss curve does: numbers, and findings in plain words with what to do.
//!
//! | call | for | finds |
//! |---|---|---|
//! | [`Diagnostics::of_embeddings`] | triplet and contrastive losses over a labelled batch | too few triplets, all easy, collapse, low rank, length |
//! | [`Diagnostics::of_contrastive`] | InfoNCE and its kin | temperature too high or low, few negatives, false negatives, collapse, length |
//! | [`Diagnostics::of_focal`], [`Diagnostics::of_sigmoid_focal`] | focal loss | easy examples that dominate, γ too high |
//! | [`Diagnostics::of_tasks`] | several tasks | different scales, conflicting gradients |
//!
//! Each is one call, made when one likes, say every hundredth step; nothing runs by itself. They look at the tensors
//! without their tape, on any device, and read what they need to the host, which waits for a GPU. The distances take the
//! time of a forward pass, and the rank of [`Diagnostics::of_embeddings`] that of
//! [`effective_rank`](crate::metrics::effective_rank): 0.02 s for 64 × 2048, about 1 s for 1000 × 512. A NaN, an infinite value or an empty batch is an [`InputError`](crate::InputError) that says where.
//!
//! A finding is a threshold crossed, not a proof. The thresholds are fields of the configuration of each call, documented
//! with their defaults; a healthy batch has no finding.
//!
//! # Example
//!
//! ```
//! use burn::tensor::{Device, Int, Tensor};
//! use losslab::diagnostics::{Diagnostics, EmbeddingDiagnosticsConfig, FindingKind};
//!
//! let device = Device::flex();
//! let embeddings = Tensor::<2>::from_data([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]], &device);
//! let labels = Tensor::<1, Int>::from_data([0, 1, 2, 3], &device);
//! let found = Diagnostics::of_embeddings(embeddings, labels, &EmbeddingDiagnosticsConfig::new())?;
//! assert_eq!(found.numbers.triplets.valid, 0);
//! let finding = found.finding(FindingKind::TooFewTriplets).unwrap();
//! assert!(finding.message.starts_with("there is no valid triplet"));
//! print!("{found}");
//! # Ok::<(), losslab::InputError>(())
//! ```

mod contrastive;
mod embeddings;
mod finding;
mod focal;
mod tasks;
mod vectors;

pub use contrastive::{ContrastiveDiagnosticsConfig, ContrastiveNumbers, Groups};
pub use embeddings::{EmbeddingDiagnosticsConfig, EmbeddingNumbers};
pub use finding::{Diagnostics, Finding, FindingKind, Severity};
pub use focal::{FocalDiagnosticsConfig, FocalNumbers};
pub use tasks::{TaskDiagnosticsConfig, TaskNumbers};
pub use vectors::VectorLengths;
