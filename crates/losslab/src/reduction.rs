//! From the terms of a loss to one number.

use crate::math::sum;
use burn::tensor::Tensor;
use losslab_kernels::Sums;
pub use losslab_kernels::options::Reduction;

/// The terms of a loss, with what counts in their mean. Terms that are not valid are 0.
pub(crate) struct Terms {
    /// The terms, of any shape.
    pub values: Tensor<1>,
    /// The sum of the weights of the valid terms.
    pub weight: f64,
    /// The number of valid terms.
    pub valid: u64,
}

impl Terms {
    /// Terms that are all valid, with weight 1.
    pub fn all(values: Tensor<1>) -> Self {
        let valid = values.dims()[0] as u64;
        Self { values, weight: valid as f64, valid }
    }

    /// The reduced loss, shape `[1]`.
    pub fn reduce(self, reduction: Reduction) -> Tensor<1> {
        let active = match reduction {
            // Read back only where it is needed: on a GPU it waits for the device.
            Reduction::MeanActive => count_active(self.values.clone()),
            _ => 0,
        };
        let sums = Sums { total: 0.0, weight: self.weight, valid: self.valid, active };
        sum(self.values) * sums.scale(reduction)
    }
}

/// The number of values above 0, a NaN among them.
pub(crate) fn count_active<const D: usize>(values: Tensor<D>) -> u64 {
    let active = values.inner().lower_equal_scalar(0).bool_not().int().sum();
    active.into_scalar::<i64>() as u64
}
