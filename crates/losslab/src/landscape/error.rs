//! What can go wrong when a landscape is measured.

use crate::error::{ConfigError, InputError};

/// Why a landscape has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LandscapeError {
    /// A setting out of its range, or one that doesn't fit the question.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A vector of the wrong length, or a number that must be finite and isn't.
    #[error(transparent)]
    Input(#[from] InputError),
}

pub(super) const NAME: &str = "landscape";

/// Checks the length of a vector of parameters.
pub(super) fn check_length(tensor: &'static str, found: usize, expected: usize) -> Result<(), LandscapeError> {
    Ok(InputError::check_shape(NAME, tensor, &[found], &[expected], "(one number for each parameter)")?)
}

/// Checks that all numbers are finite: a Hessian of NaN has no eigenvalues.
pub(super) fn check_finite(tensor: &'static str, values: &[f64]) -> Result<(), LandscapeError> {
    match values.iter().position(|value| !value.is_finite()) {
        None => Ok(()),
        Some(index) => {
            let value = values[index].to_string();
            Err(InputError::Value { loss: NAME, tensor, allowed: "finite".into(), index, value }.into())
        }
    }
}
