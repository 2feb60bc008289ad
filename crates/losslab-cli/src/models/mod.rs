//! The networks that experiments train.

pub mod clip;
pub mod encoder;
pub mod layers;
pub mod mlp;
pub mod momentum;
pub mod multi_task;
pub mod projection;
pub mod resnet;
