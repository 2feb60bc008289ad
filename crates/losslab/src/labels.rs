//! Integer labels on the host, checked.

use crate::error::InputError;
use burn::tensor::{Int, Tensor};

/// The labels as integers. On a GPU this waits for the device: labels decide which terms there are.
pub(crate) fn read(labels: Tensor<1, Int>) -> Vec<i64> {
    labels.into_data().convert::<i64>().try_into_vec::<i64>().expect("labels converted to i64")
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
