//! Distances between embeddings, with gradients that are finite everywhere.

use crate::error::{ConfigError, Range};
use burn::tensor::Tensor;
pub use losslab_kernels::options::Distance;

/// The distance of every row of `x` from the same row of `y`: `[n, d]` and `[n, d]` to `[n]`.
pub(crate) fn between(distance: Distance, x: Tensor<2>, y: Tensor<2>) -> Tensor<1> {
    match distance {
        Distance::Euclidean => norm(x - y).squeeze_dim(1),
        Distance::SquaredEuclidean => (x - y).square().sum_dim(1).squeeze_dim(1),
        Distance::Cosine => -(normalize(x) * normalize(y)).sum_dim(1).squeeze_dim::<1>(1) + 1.0,
    }
}

/// The distance of every row of `x` from every row of `y`: `[a, d]` and `[b, d]` to `[a, b]`.
///
/// It subtracts before it squares. The usual `‖x‖² + ‖y‖² − 2xy` is faster, but leaves no digit of a small distance.
pub(crate) fn pairwise(distance: Distance, x: Tensor<2>, y: Tensor<2>) -> Tensor<2> {
    let differences = |x: Tensor<2>, y: Tensor<2>| x.unsqueeze_dim::<3>(1) - y.unsqueeze_dim::<3>(0);
    match distance {
        Distance::Euclidean => norm(differences(x, y)).squeeze_dim(2),
        Distance::SquaredEuclidean => differences(x, y).square().sum_dim(2).squeeze_dim(2),
        Distance::Cosine => -normalize(x).matmul(normalize(y).transpose()) + 1.0,
    }
}

/// Rows of length 1. A zero row stays zero, with gradient 0; so does one whose gradient would overflow.
pub(crate) fn normalize(x: Tensor<2>) -> Tensor<2> {
    let (scaled, largest) = by_largest(x);
    let zero = largest.lower_elem(1e-30);
    let norm = scaled.clone().square().sum_dim(1).mask_fill(zero.clone(), 1).sqrt();
    let shape = scaled.shape();
    (scaled / norm).mask_fill(zero.expand(shape), 0)
}

/// The Euclidean norm along the last dimension, kept as 1. The gradient of a zero vector is 0.
pub(crate) fn norm<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    let (scaled, largest) = by_largest(x);
    let squares = scaled.square().sum_dim(D - 1);
    let zero = squares.clone().equal_scalar(0);
    (squares.mask_fill(zero.clone(), 1).sqrt() * largest).mask_fill(zero, 0)
}

/// Divides each vector by its largest absolute value, a constant here, so that no square overflows or vanishes.
fn by_largest<const D: usize>(x: Tensor<D>) -> (Tensor<D>, Tensor<D>) {
    let largest = x.clone().inner().abs().max_dim(D - 1).clamp_min(1e-37);
    (x / largest.clone(), largest)
}

/// Checks a margin against the values that the distance can take.
pub(crate) fn check_margin(
    loss: &'static str,
    parameter: &'static str,
    margin: f64,
    distance: Distance,
    unit_length: bool,
    zero_allowed: bool,
) -> Result<(), ConfigError> {
    let farthest = match (distance, unit_length) {
        (Distance::Cosine, _) | (Distance::Euclidean, true) => Some(2.0),
        (Distance::SquaredEuclidean, true) => Some(4.0),
        _ => None,
    };
    let range = match (farthest, zero_allowed) {
        (Some(farthest), true) => Range::Within(0.0, farthest),
        (Some(farthest), false) => Range::AboveUpTo(0.0, farthest),
        (None, true) => Range::AtLeast(0.0),
        (None, false) => Range::Above(0.0),
    };
    ConfigError::check(loss, parameter, margin, range)
}
