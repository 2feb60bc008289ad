//! What `losslab loss` and `losslab metric` share: described inputs and parameters, saved tensors, `--set`.

mod assignments;
#[cfg(test)]
pub mod cases;
mod tensors;

pub use assignments::Assignments;
pub use tensors::{Tensors, device, to_f64};

use serde::Serialize;

/// An input tensor.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Input {
    /// Its name in the file.
    pub name: &'static str,
    /// `float`, `int` or `bool`, or two of them with ` or ` between.
    pub dtype: &'static str,
    /// Its shape in terms of the others.
    pub shape: &'static str,
    /// Whether it may be missing.
    pub optional: bool,
    /// The input that may be there instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instead: Option<&'static str>,
}

/// Something that `--set` sets.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Parameter {
    /// Its name in `--set`.
    pub name: &'static str,
    /// Its value where it isn't set.
    pub default: &'static str,
    /// The allowed values.
    pub range: &'static str,
    /// What it does.
    pub meaning: &'static str,
}

/// An input that must be there.
pub const fn input(name: &'static str, dtype: &'static str, shape: &'static str) -> Input {
    Input { name, dtype, shape, optional: false, instead: None }
}

/// An input that may be missing.
pub const fn optional(name: &'static str, dtype: &'static str, shape: &'static str) -> Input {
    Input { name, dtype, shape, optional: true, instead: None }
}

/// An input that is there, or the other one instead.
pub const fn either(name: &'static str, dtype: &'static str, shape: &'static str, instead: &'static str) -> Input {
    Input { name, dtype, shape, optional: true, instead: Some(instead) }
}

/// A parameter.
pub const fn parameter(
    name: &'static str,
    default: &'static str,
    range: &'static str,
    meaning: &'static str,
) -> Parameter {
    Parameter { name, default, range, meaning }
}
