//! Losses over ranked lists: the items of each query with a score and a relevance.
//!
//! | loss | what it looks at | cost of a list of n items |
//! |---|---|---|
//! | [`RankNetLoss`] | pairs in the wrong order, all alike | `O(n²)`, as a hinge `O(n log n)` |
//! | [`LambdaLoss`] | pairs, weighted by what they mean for the NDCG | `O(n²)` |
//! | [`ListNetLoss`] | which item comes first | `O(n)` |
//! | [`ListMleLoss`] | the whole order | `O(n log n)` |
//! | [`ApproxNdcgLoss`] | the NDCG itself, with smooth ranks | `O(n²)` |
//!
//! All take the scores `[n]` of the items of several lists, one list after the other, their relevance `[n]` (finite, at
//! least 0, whole or not), and [`QueryLists`], which says where one list ends: lists may differ in length, and no value
//! stands for "no item". The memory is that of a few numbers an item.
//!
//! # What counts
//!
//! - The term of a loss is that of a list; lists count the same in a mean, however long they are.
//! - An item is relevant where its relevance is above 0. A list without a relevant item ([`RankNetLoss`]: without two
//!   items of different relevance) has nothing to learn from: its term is 0 and it doesn't count in a mean. If no list
//!   counts, the loss is 0, attached to the graph.
//! - A NaN score makes the loss NaN, unless its list doesn't count.
//! - Gain, discount and ties are those of the metric: [`Rankings`](crate::metrics::Rankings) and the losses share one
//!   definition ([`Dcg`](losslab_kernels::Dcg)).
//!
//! # How it is computed
//!
//! Scores are one number an item: they are read to the host, where value and gradient are computed together in f64,
//! whatever their type and device. On a GPU that waits for the device.

mod approx_ndcg;
mod lambda;
mod list_mle;
mod list_net;
mod lists;
mod rank_net;
mod terms;

pub use approx_ndcg::{ApproxNdcgLoss, ApproxNdcgLossConfig};
pub use lambda::{LambdaLoss, LambdaLossConfig};
pub use list_mle::{ListMleLoss, ListMleLossConfig};
pub use list_net::{ListNetLoss, ListNetLossConfig};
pub use lists::QueryLists;
pub use losslab_kernels::options::{Gain, LambdaWeighting, PairReduction, RankNetForm, RelevanceTies};
pub use rank_net::{RankNetLoss, RankNetLossConfig};
