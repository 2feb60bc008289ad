//! What the losses that look at the features of two views share.

use crate::error::InputError;
use crate::math::in_f32;
use burn::tensor::{Bool, Tensor, TensorData};
use std::ops::Range;

/// The features of two views of a batch: a row for each feature, a column for each sample.
pub(super) fn of_views(loss: &'static str, first: Tensor<2>, second: Tensor<2>) -> Result<[Tensor<2>; 2], InputError> {
    let shape = first.dims();
    InputError::check_width(loss, "first", shape)?;
    InputError::check_shape(loss, "second", &second.dims(), &shape, "(that of first)")?;
    InputError::check_dtype(loss, "second", second.dtype(), first.dtype(), "(that of first)")?;
    Ok([first, second].map(|views| in_f32(views).transpose()))
}

/// Each feature less its mean.
pub(super) fn centred(features: Tensor<2>) -> Tensor<2> {
    features.clone() - features.mean_dim(1)
}

/// Marks where a feature of some rows meets itself among all features.
pub(super) fn own(rows: Range<usize>, like: &Tensor<2>) -> Tensor<2, Bool> {
    let (count, shape) = (like.dims()[1], like.shape());
    let own = rows.flat_map(|i| (0..count).map(move |j| i == j)).collect::<Vec<bool>>();
    Tensor::from_data(TensorData::new(own, shape), &like.device().inner())
}
