//! Batch-wise losses in plain tensor operations, with the memory of one block of rows.

use super::attach;
use crate::math::sum;
use crate::reduction::count_active;
use burn::tensor::Tensor;
use losslab_kernels::Sums;
use losslab_kernels::options::Reduction;
use std::ops::Range;

/// A block's intermediate tensors hold about this many values each (16 MiB).
pub(crate) const BLOCK_VALUES: usize = 4 << 20;

/// Sums `terms` over blocks of rows and attaches the gradient to the inputs; returns the reduced loss.
///
/// `terms` gets the inputs and a range of rows, and returns their terms (0 where not valid), or nothing without any. Its graph lives only for
/// the block: forward and backward run here, on copies without the outer tape. `weight` and `valid` are known before.
pub(crate) fn sum_over_blocks<const N: usize, const D: usize>(
    inputs: [Tensor<2>; N],
    rows: usize,
    values_per_row: usize,
    valid: u64,
    reduction: Reduction,
    terms: impl Fn([Tensor<2>; N], Range<usize>) -> Option<Tensor<D>>,
) -> Tensor<1> {
    let device = inputs[0].device().inner();
    let step = (BLOCK_VALUES / values_per_row.max(1)).max(1);
    let mut sums = Sums { weight: valid as f64, valid, ..Sums::default() };
    let mut gradients: [Option<Tensor<2>>; N] = [const { None }; N];

    for start in (0..rows).step_by(step) {
        let block = start..(start + step).min(rows);
        let leaves = inputs.clone().map(|input| {
            let inner = input.clone().inner();
            if input.is_tracked() { inner.autodiff().require_grad() } else { inner }
        });
        let Some(terms) = terms(leaves.clone(), block) else { continue };
        if reduction == Reduction::MeanActive {
            sums.active += count_active(terms.clone());
        }
        let total = sum(terms);
        sums.total += total.clone().into_scalar::<f64>();
        if total.is_tracked() {
            let mut grads = total.backward();
            for (so_far, leaf) in gradients.iter_mut().zip(&leaves) {
                let Some(gradient) = leaf.grad_remove(&mut grads) else {
                    continue;
                };
                *so_far = Some(match so_far.take() {
                    Some(so_far) => so_far + gradient,
                    None => gradient,
                });
            }
        }
    }

    let mut value = Tensor::from_data([sums.total], (&device, inputs[0].dtype()));
    for (input, gradient) in inputs.into_iter().zip(gradients) {
        value = attach(value, input, gradient);
    }
    value * sums.scale(reduction)
}
