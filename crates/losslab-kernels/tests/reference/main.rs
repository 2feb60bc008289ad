//! The f64 reference against finite differences, formulas and the edges of the definition.

mod edges;
mod gradients;
mod mined;
mod nan;
mod ranking;
mod support;
mod values;
