//! The methods that weigh task losses or combine their gradients while a network trains. They need the network, so
//! `losslab loss` can't evaluate them; `losslab list` names them.

use crate::saved::{Parameter, parameter};
use anyhow::{Result, bail};
use serde::Serialize;

/// A way to weigh or combine tasks in training.
#[derive(Clone, Copy, Serialize)]
pub struct Balancing {
    /// Its name.
    pub name: &'static str,
    /// Its type in the library.
    #[serde(rename = "type")]
    pub type_name: &'static str,
    /// What it is for, in a line.
    pub summary: &'static str,
    /// Its hyperparameters.
    pub hyperparameters: &'static [Parameter],
}

/// All of them.
pub const BALANCING: &[Balancing] = &[
    Balancing {
        name: "gradnorm",
        type_name: "GradNorm",
        summary: "weights that give the gradients of all tasks one length, more to those that lag",
        hyperparameters: &[
            parameter("alpha", "1.5", "at least 0", "how strongly a task that lags is favoured"),
            parameter("learning_rate", "0.025", "above 0", "rate of the weights' own descent"),
            parameter("step", "Relative", "Relative | Additive", "a step of ln w, or the paper's of w"),
            parameter("initial", "none", "a number for each task, each above 0, or none", "losses at the start"),
        ],
    },
    Balancing {
        name: "dwa",
        type_name: "DynamicWeightAverage",
        summary: "weights by how slowly each loss fell in the last two epochs",
        hyperparameters: &[parameter("temperature", "2", "above 0", "the larger, the more equal the weights")],
    },
    Balancing {
        name: "pcgrad",
        type_name: "PcGrad",
        summary: "each task's gradient without its part that goes against another task",
        hyperparameters: &[
            parameter("order", "Random", "Random | Ascending", "the order of the projections"),
            parameter("seed", "0", "a whole number", "of a random order"),
        ],
    },
    Balancing {
        name: "cagrad",
        type_name: "CaGrad",
        summary: "the step near the sum of the gradients that helps the worst task most",
        hyperparameters: &[parameter("c", "0.4", "at least 0", "how far from the sum, as a share of its length")],
    },
    Balancing {
        name: "mgda",
        type_name: "Mgda",
        summary: "the shortest mixture of the gradients, which helps all tasks alike",
        hyperparameters: &[],
    },
    Balancing {
        name: "upgrad",
        type_name: "UpGrad",
        summary: "each task's gradient as near as no task is harmed, for any number of tasks",
        hyperparameters: &[],
    },
    Balancing {
        name: "graddrop",
        type_name: "GradDrop",
        summary: "one sign for each coordinate, drawn by how much of the gradients has it",
        hyperparameters: &[
            parameter("leak", "0", "[0, 1]", "part of what is dropped that comes through"),
            parameter("seed", "0", "a whole number", "of the draws"),
        ],
    },
];

/// An error for those who ask `losslab loss` for one of them.
pub fn refuse(name: &str) -> Result<()> {
    if let Some(method) = BALANCING.iter().find(|method| method.name == name) {
        bail!(
            "{name} works on a network while it trains: {} in the library, `losslab run multi-task` shows such methods",
            method.type_name
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::config::Config;
    use losslab::{
        CaGradConfig, DynamicWeightAverageConfig, GradDropConfig, GradNormConfig, MgdaConfig, PcGradConfig,
        UpGradConfig,
    };
    use serde_json::{Value, json};

    #[test]
    fn the_listed_defaults_are_those_of_the_library() {
        fn fields(config: impl Config) -> Value {
            serde_json::to_value(config).unwrap()
        }
        let library = [
            fields(GradNormConfig::new(2)),
            fields(DynamicWeightAverageConfig::new(2)),
            fields(PcGradConfig::new()),
            fields(CaGradConfig::new()),
            fields(MgdaConfig::new()),
            fields(UpGradConfig::new()),
            fields(GradDropConfig::new()),
        ];
        for (method, fields) in BALANCING.iter().zip(library) {
            let others = fields.as_object().unwrap().keys().filter(|key| *key != "tasks");
            assert_eq!(others.count(), method.hyperparameters.len(), "{}", method.name);
            for known in method.hyperparameters {
                let expected = match known.default {
                    "none" => Value::Null,
                    text => text.parse::<f64>().map_or_else(|_| json!(text), |number| json!(number)),
                };
                let found = &fields[known.name];
                let found = found.as_f64().map_or_else(|| found.clone(), |number| json!(number));
                assert_eq!(found, expected, "{} of {}", known.name, method.name);
            }
        }
    }
}
