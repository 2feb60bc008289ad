//! What can be wrong with a configuration or an input, in one line that says what, where and what is allowed.

use burn::tensor::DType;
use std::fmt::Display;

/// A hyperparameter out of its range.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{loss}: {parameter} must be {allowed}, but is {value}")]
pub struct ConfigError {
    /// The name of the loss.
    pub loss: &'static str,
    /// The name of the hyperparameter.
    pub parameter: &'static str,
    /// The allowed values.
    pub allowed: String,
    /// The value found.
    pub value: String,
}

impl ConfigError {
    pub(crate) fn new(
        loss: &'static str,
        parameter: &'static str,
        allowed: impl Display,
        value: impl Display,
    ) -> ConfigError {
        ConfigError { loss, parameter, allowed: allowed.to_string(), value: value.to_string() }
    }

    /// Checks that a hyperparameter is finite and in a range.
    pub(crate) fn check(
        loss: &'static str,
        parameter: &'static str,
        value: f64,
        range: Range,
    ) -> Result<(), ConfigError> {
        if value.is_finite() && range.contains(value) {
            Ok(())
        } else {
            Err(ConfigError::new(loss, parameter, range, value))
        }
    }
}

/// The range of a hyperparameter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Range {
    AtLeast(f64),
    Above(f64),
    Within(f64, f64),
    AboveUpTo(f64, f64),
}

impl Range {
    pub(crate) fn contains(self, value: f64) -> bool {
        match self {
            Range::AtLeast(low) => value >= low,
            Range::Above(low) => value > low,
            Range::Within(low, high) => (low..=high).contains(&value),
            Range::AboveUpTo(low, high) => value > low && value <= high,
        }
    }
}

impl Display for Range {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Range::AtLeast(low) => write!(f, "at least {low}"),
            Range::Above(low) => write!(f, "above {low}"),
            Range::Within(low, high) => write!(f, "in [{low}, {high}]"),
            Range::AboveUpTo(low, high) => write!(f, "in ({low}, {high}]"),
        }
    }
}

/// An input tensor that a loss can't take.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InputError {
    /// A shape that doesn't fit the others.
    #[error("{loss}: {tensor} must have shape {expected}, but has {found:?}")]
    Shape {
        /// The name of the loss.
        loss: &'static str,
        /// The name of the tensor.
        tensor: &'static str,
        /// The shape it must have, and why.
        expected: String,
        /// The shape it has.
        found: Vec<usize>,
    },
    /// A float type that doesn't fit that of the other inputs.
    #[error("{loss}: {tensor} must be of type {expected}, but is {found}")]
    Dtype {
        /// The name of the loss.
        loss: &'static str,
        /// The name of the tensor.
        tensor: &'static str,
        /// The type it must have, and why.
        expected: String,
        /// The type it has.
        found: &'static str,
    },
    /// An element out of its range.
    #[error("{loss}: {tensor} must be {allowed}, but element {index} is {value}")]
    Value {
        /// The name of the loss.
        loss: &'static str,
        /// The name of the tensor.
        tensor: &'static str,
        /// The allowed values.
        allowed: String,
        /// The position of the element in row-major order.
        index: usize,
        /// The value found.
        value: String,
    },
}

impl InputError {
    /// Checks that a tensor has the expected shape; `why` names the tensor that fixes it.
    pub(crate) fn check_shape(
        loss: &'static str,
        tensor: &'static str,
        found: &[usize],
        expected: &[usize],
        why: &str,
    ) -> Result<(), InputError> {
        if found == expected {
            return Ok(());
        }
        Err(InputError::Shape { loss, tensor, expected: format!("{expected:?} {why}"), found: found.to_vec() })
    }

    /// Checks that embeddings have at least one dimension.
    pub(crate) fn check_width(loss: &'static str, tensor: &'static str, found: [usize; 2]) -> Result<(), InputError> {
        if found[1] > 0 {
            return Ok(());
        }
        Err(InputError::Shape { loss, tensor, expected: "[n, 1 or more]".into(), found: found.to_vec() })
    }

    /// Checks that two float tensors are computed in the same type: f64, or f32 for all others.
    pub(crate) fn check_dtype(
        loss: &'static str,
        tensor: &'static str,
        found: DType,
        expected: DType,
        why: &str,
    ) -> Result<(), InputError> {
        if (found == DType::F64) == (expected == DType::F64) {
            return Ok(());
        }
        Err(InputError::Dtype { loss, tensor, expected: format!("{} {why}", expected.name()), found: found.name() })
    }
}
