//! Metrics: plain functions on checked inputs, in f64.
//!
//! A metric that is undefined on its input returns a [`MetricError`] that says why; it never stands in a 0 or a NaN.
//! Labels and query ids are integers of any size.

mod error;
mod input;

pub use error::MetricError;
pub use input::{Embeddings, Logits, Probabilities, flags, labels, values};
