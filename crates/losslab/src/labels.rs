//! Integer labels on the host, checked.

use crate::error::InputError;
use burn::tensor::{DType, Int, Tensor, TensorReadError};

/// The labels as integers. On a GPU this waits for the device: labels decide which terms there are.
///
/// Of u64 labels the bits are kept, so that different ids stay different: 2⁶³ and above become negative, `u64::MAX` −1.
pub(crate) fn read(labels: Tensor<1, Int>) -> Vec<i64> {
    try_read(labels).expect("labels can be read from their device")
}

/// As [`read`], where the tensor can't be read an error.
pub(crate) fn try_read(labels: Tensor<1, Int>) -> Result<Vec<i64>, TensorReadError> {
    let data = labels.try_into_data()?;
    if data.dtype() == DType::U64 {
        return Ok(data.try_into_vec::<u64>()?.into_iter().map(u64::cast_signed).collect());
    }
    Ok(data.try_cast_as::<i64>()?.try_into_vec::<i64>()?)
}

/// Checks that class indices are in `0..classes`, or ignored.
pub(crate) fn check_classes(
    loss: &'static str,
    targets: &[i64],
    classes: usize,
    ignore_index: Option<i64>,
) -> Result<(), InputError> {
    let bad = |target: i64| !(0..classes as i64).contains(&target) && ignore_index != Some(target);
    let Some(index) = targets.iter().position(|&target| bad(target)) else {
        return Ok(());
    };
    let ignored = ignore_index.map_or_else(|| "no ignore_index is set".into(), |i| format!("or ignore_index {i}"));
    Err(InputError::Value {
        loss,
        tensor: "targets",
        allowed: format!("a class index in [0, {classes}) ({ignored})"),
        index,
        value: targets[index].to_string(),
    })
}
