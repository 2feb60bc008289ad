//! The hyperparameters of the experiment on ranking.

use super::methods::Method;
use crate::settings::Knob;
use serde::{Deserialize, Serialize};

/// All hyperparameters, with the names that `--set` knows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Losses to compare.
    pub losses: Vec<Method>,
    /// Queries for training in the generated searches.
    pub queries: usize,
    /// Sessions of a query in the generated searches, in the middle.
    pub sessions: f64,
    /// How fast attention falls with the rank in the generated searches.
    pub bias: f64,
    /// Passes over the training part at most; the best one on the validation part counts.
    pub epochs: usize,
    /// Queries in a batch.
    pub batch: usize,
    /// Adam's step sizes to choose from on the validation part.
    pub lr: Vec<f64>,
    /// Width of the hidden layer.
    pub hidden: usize,
    /// The margin of the hinge.
    pub margin: f64,
    /// The temperature of ApproxNDCG.
    pub temperature: f64,
}

/// Names, ranges and meanings of the settings.
pub const KNOBS: [Knob; 10] = [
    Knob::word(
        "losses",
        "losses to compare: regression, rank-net, rank-net-hinge, lambda-rank, ndcg-loss2-plus-plus, list-net, list-mle, \
         approx-ndcg",
    ),
    Knob::number("queries", 20.0, 10_000.0, "queries for training in the generated searches"),
    Knob::number("sessions", 1.0, 1000.0, "sessions of a query in the generated searches, in the middle"),
    Knob::number("bias", 0.0, 3.0, "how fast attention falls with the rank in the generated searches; 0: not at all"),
    Knob::number(
        "epochs",
        1.0,
        1000.0,
        "passes over the training part at most; the best on the validation part counts",
    ),
    Knob::number("batch", 1.0, 1024.0, "queries in a batch"),
    Knob::number("lr", 1e-6, 1.0, "step sizes of Adam to choose from on the validation part"),
    Knob::number("hidden", 1.0, 4096.0, "width of the hidden layer"),
    Knob::number("margin", 0.001, 100.0, "the margin of the hinge"),
    Knob::number("temperature", 0.001, 100.0, "the temperature of ApproxNDCG"),
];

impl Settings {
    /// Half a minute of one core.
    pub fn quick() -> Self {
        Self {
            losses: Method::ALL.to_vec(),
            queries: 300,
            sessions: 20.0,
            bias: 1.0,
            epochs: 20,
            batch: 16,
            lr: vec![0.003, 0.01, 0.03],
            hidden: 32,
            margin: 1.0,
            temperature: 0.3,
        }
    }

    /// More queries, a wider network, more time.
    pub fn full() -> Self {
        Self { queries: 1000, epochs: 40, hidden: 64, lr: vec![0.001, 0.003, 0.01, 0.03], ..Self::quick() }
    }
}
