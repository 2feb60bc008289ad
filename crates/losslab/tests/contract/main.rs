//! What every loss obeys, as one list of rules over one list of losses.

mod config;
mod fused;
mod pitfalls;
mod rules;
mod subjects;
mod temperature;
