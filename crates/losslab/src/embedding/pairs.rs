//! Which samples of a labelled batch make positive pairs and which negative ones.

use crate::contrastive::log_sum_exp;
use crate::math::softplus;
use burn::tensor::{Bool, Tensor, TensorData};
use std::collections::HashMap;
use std::ops::Range;

/// Of some samples: which samples of the batch share their label, other than they themselves, and which don't.
pub(super) struct Partners {
    pub positive: Tensor<2, Bool>,
    pub negative: Tensor<2, Bool>,
}

impl Partners {
    pub fn of(labels: &[i64], rows: Range<usize>, like: &Tensor<2>) -> Self {
        let mask = |holds: &dyn Fn(usize, usize) -> bool| {
            let row = |i: usize| (0..labels.len()).map(move |j| holds(i, j));
            let shape = [rows.len(), labels.len()];
            let data = TensorData::new(rows.clone().flat_map(row).collect::<Vec<bool>>(), shape);
            Tensor::<2, Bool>::from_data(data, &like.device().inner())
        };
        Self {
            positive: mask(&|i, j| i != j && labels[i] == labels[j]),
            negative: mask(&|i, j| labels[i] != labels[j]),
        }
    }

    /// How many samples of a batch have partners of both kinds.
    pub fn samples_with_both(labels: &[i64]) -> u64 {
        let mut sizes = HashMap::new();
        labels.iter().for_each(|label| *sizes.entry(label).or_insert(0usize) += 1);
        let with_both = |&&size: &&usize| size > 1 && size < labels.len();
        sizes.values().filter(with_both).map(|&size| size as u64).sum()
    }
}

/// `ln Σ exp(x_ij)` over what a mask chooses of each row, and 0 for a row of which it chooses nothing, with which rows
/// these are: shape `[n, 1]` each.
pub(super) fn masked_log_sum_exp(x: Tensor<2>, chosen: Tensor<2, Bool>) -> (Tensor<2>, Tensor<2, Bool>) {
    let empty = chosen.clone().int().sum_dim(1).equal_elem(0);
    let shape = x.shape();
    // A row of nothing would be ln 0. It gets any finite value, and then 0.
    let hidden = chosen.bool_not().bool_and(empty.clone().bool_not().expand(shape.clone()));
    let x = x.mask_fill(empty.clone().expand(shape), 0).mask_fill(hidden, f32::NEG_INFINITY);
    (log_sum_exp(x).mask_fill(empty.clone(), 0), empty)
}

/// `ln(1 + Σ exp(x_ij))` over what a mask chooses of each row, shape `[n]`.
pub(super) fn masked_log_one_plus_sum_exp(x: Tensor<2>, chosen: Tensor<2, Bool>) -> Tensor<1> {
    let (sums, empty) = masked_log_sum_exp(x, chosen);
    softplus(sums).mask_fill(empty, 0).squeeze_dim(1)
}
