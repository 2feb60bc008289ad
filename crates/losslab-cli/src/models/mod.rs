//! The networks that experiments train.

pub mod mlp;
