//! The machine's own rate of matrix products, by the `gemm` that the kernels use too, through Burn.

use super::Sizes;
use crate::losses::Work;
use burn::tensor::{DType, Device, Distribution, Tensor};
use std::hint::black_box;
use std::time::Instant;

/// The largest side of the matrix of pairs.
const SIDE: usize = 4096;

/// Products of the shapes that a loss over all pairs has: similarities, and the gradient for either side.
pub struct Products {
    single: [Tensor<2>; 3],
    double: Option<[Tensor<2>; 3]>,
}

impl Products {
    /// For a batch, of which a loss may take two; also in f64 where that is wanted.
    pub fn new(sizes: &Sizes, double: bool) -> Self {
        let side = (2 * sizes.rows).min(SIDE);
        let matrices = |dtype: DType| {
            let shapes = [[side, sizes.dim], [side, sizes.dim], [side, side]];
            shapes.map(|shape| Tensor::<2>::random(shape, Distribution::Default, (&Device::flex(), dtype)))
        };
        Self { single: matrices(DType::F32), double: double.then(|| matrices(DType::F64)) }
    }

    /// The seconds that some work takes at the rate of one run.
    pub fn seconds(&self, work: Work) -> f64 {
        let double = self.double.as_ref().map_or(0.0, |matrices| work.double / rate(matrices));
        work.single / rate(&self.single) + double
    }
}

/// Operations a second.
fn rate([queries, keys, matrix]: &[Tensor<2>; 3]) -> f64 {
    let [side, dim] = queries.dims();
    let run = [
        (queries.clone(), keys.clone().transpose()),
        (matrix.clone(), keys.clone()),
        (matrix.clone().transpose(), queries.clone()),
    ];
    let clock = Instant::now();
    for (left, right) in run {
        black_box(left.matmul(right));
    }
    6.0 * (side * side * dim) as f64 / clock.elapsed().as_secs_f64()
}
