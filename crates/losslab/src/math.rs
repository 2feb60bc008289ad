//! Functions of tensors that keep their digits, their NaN and a finite gradient on every device.

use burn::tensor::{DType, Tensor};

/// f16 and bf16 become f32; f32 and f64 stay.
pub(crate) fn in_f32<const D: usize>(tensor: Tensor<D>) -> Tensor<D> {
    match tensor.dtype() {
        DType::F32 | DType::F64 => tensor,
        _ => tensor.cast(DType::F32),
    }
}

/// `max(0, x)` with gradient 0 at 0. Unlike `relu` on every device, it keeps a NaN.
pub(crate) fn hinge<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    let flat = x.clone().lower_equal_elem(0.0);
    x.mask_fill(flat, 0)
}

/// `ln(1 + exp(x))`. Burn's `log_sigmoid` has no digits left of a small one on devices other than Flex.
pub(crate) fn softplus<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    // Each branch is finite where the other one counts, and so is its gradient.
    let positive = x.clone().greater_elem(0.0);
    let low = x.clone().clamp_max(0).exp().log1p();
    let high = x.clone() + (-x.clamp_min(0)).exp().log1p();
    low.mask_where(positive, high)
}

/// The sum in two levels: in one, an f32 sum of millions of terms loses four digits.
pub(crate) fn sum<const D: usize>(x: Tensor<D>) -> Tensor<1> {
    const GROUP: usize = 1024;
    let count = x.shape().num_elements();
    let groups = count / GROUP;
    if groups < 2 {
        return x.sum();
    }
    let flat = x.reshape([count]);
    let whole = flat.clone().slice(0..groups * GROUP).reshape([groups, GROUP]).sum_dim(1).sum();
    if count.is_multiple_of(GROUP) { whole } else { whole + flat.slice(groups * GROUP..count).sum() }
}

/// Rows above others, in f32 or f64, on the tape of either.
pub(crate) fn stacked(rows: Tensor<2>, others: Tensor<2>) -> Tensor<2> {
    let (rows, others) = (in_f32(rows), in_f32(others));
    let on_tape = rows.is_autodiff() || others.is_autodiff();
    let tape = |x: Tensor<2>| if on_tape { x.autodiff() } else { x };
    if others.dims()[0] == 0 { tape(rows) } else { Tensor::cat(vec![tape(rows), tape(others)], 0) }
}
