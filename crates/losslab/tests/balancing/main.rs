//! Ways to balance tasks: against saved values, by what they promise, and within a Burn model.

mod gradients;
mod model;
mod oracle;
mod sign_dropout;
mod unconflicting;
mod weights;
