//! `losslab list`: what there is.

use crate::experiments::EXPERIMENTS;
use crate::losses::LOSSES;
use anyhow::Result;
use clap::Args;
use serde_json::{Value, json};

/// The flags of `losslab list`.
#[derive(Args, Debug)]
pub struct ListArgs {
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

impl ListArgs {
    /// Prints the experiments and the losses.
    pub fn run(self) -> Result<()> {
        if self.json {
            let experiment = |name, summary, hyperparameters| json!({ "name": name, "summary": summary, "hyperparameters": hyperparameters });
            let experiments = EXPERIMENTS.map(|found| experiment(found.name, found.summary, found.hyperparameters()));
            println!("{}", serde_json::to_string_pretty(&json!({ "experiments": experiments, "losses": LOSSES }))?);
            return Ok(());
        }
        println!("EXPERIMENTS  losslab run NAME --set KEY=VALUE[,VALUE...]");
        for experiment in EXPERIMENTS {
            println!("\n  {}: {}", experiment.name, experiment.summary);
            for known in experiment.hyperparameters() {
                let range = known.range.map(|(low, high)| format!(" ({low} to {high})")).unwrap_or_default();
                println!("      {:<16} {:<18} {}{range}", known.name, plain(&known.default), known.meaning);
            }
        }
        println!("\nLOSSES  losslab loss NAME --input FILE.safetensors --set KEY=VALUE");
        for loss in LOSSES {
            println!("\n  {}: {}", loss.name, loss.summary);
            for input in loss.inputs {
                let optional = if input.optional { ", optional" } else { "" };
                println!("      {:<16} {:<18} {} tensor{optional}", input.name, input.shape, input.dtype);
            }
            for known in loss.hyperparameters {
                println!("      {:<16} {:<18} {} ({})", known.name, known.default, known.meaning, known.range);
            }
        }
        Ok(())
    }
}

/// A default as one would type it.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}
