//! What every loss obeys, as one list of rules over one list of losses.

mod config;
mod fused;
mod pitfalls;
mod ranking;
mod rules;
mod subjects;
mod temperature;
