//! Why a metric has no value, in one line that says what, where and what is allowed.

use std::fmt::Display;

/// An input that a metric can't take, or one on which it isn't defined. A metric never stands in a 0 or a NaN for it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MetricError {
    /// There is nothing to measure.
    #[error("{metric}: {input} must not be empty")]
    Empty {
        /// The name of the metric.
        metric: &'static str,
        /// The name of the input.
        input: &'static str,
    },
    /// Two inputs that don't belong together.
    #[error("{metric}: {input} must have {expected}, but has {found}")]
    Length {
        /// The name of the metric.
        metric: &'static str,
        /// The name of the input.
        input: &'static str,
        /// The length it must have, and why.
        expected: String,
        /// The length it has.
        found: usize,
    },
    /// An element or a row out of its range, NaN included.
    #[error("{metric}: {input} must be {allowed}, but {place} {index} is {value}")]
    Value {
        /// The name of the metric.
        metric: &'static str,
        /// The name of the input.
        input: &'static str,
        /// What stands at the index: `element`, `row`, …
        place: &'static str,
        /// Its position.
        index: usize,
        /// The allowed values.
        allowed: String,
        /// The value found.
        value: String,
    },
    /// A parameter out of its range.
    #[error("{metric}: {parameter} must be {allowed}, but is {value}")]
    Parameter {
        /// The name of the metric.
        metric: &'static str,
        /// The name of the parameter.
        parameter: &'static str,
        /// The allowed values.
        allowed: String,
        /// The value found.
        value: String,
    },
    /// A valid input on which the metric has no value: a quotient of 0 by 0, for instance.
    #[error("{metric} is undefined: {why}")]
    Undefined {
        /// The name of the metric.
        metric: &'static str,
        /// What is missing.
        why: String,
    },
}

impl MetricError {
    pub(crate) fn undefined(metric: &'static str, why: impl Into<String>) -> Self {
        Self::Undefined { metric, why: why.into() }
    }

    pub(crate) fn parameter(
        metric: &'static str,
        parameter: &'static str,
        value: impl Display,
        allowed: impl Display,
    ) -> Self {
        Self::Parameter { metric, parameter, allowed: allowed.to_string(), value: value.to_string() }
    }

    /// An element out of its range.
    pub(crate) fn element(
        metric: &'static str,
        input: &'static str,
        index: usize,
        value: impl Display,
        allowed: impl Display,
    ) -> Self {
        let (allowed, value) = (allowed.to_string(), value.to_string());
        Self::Value { metric, input, place: "element", index, allowed, value }
    }

    /// Checks that there is something to measure.
    pub(crate) fn check_not_empty(metric: &'static str, input: &'static str, length: usize) -> Result<(), Self> {
        if length == 0 { Err(Self::Empty { metric, input }) } else { Ok(()) }
    }

    /// Checks that an input has as many elements as another one.
    pub(crate) fn check_length(
        metric: &'static str,
        input: &'static str,
        found: usize,
        expected: usize,
        other: &'static str,
    ) -> Result<(), Self> {
        if found == expected {
            return Ok(());
        }
        Err(Self::Length { metric, input, expected: format!("{expected} elements like {other}"), found })
    }
}
