//! `losslab list`: what there is.

use crate::experiments::EXPERIMENTS;
use crate::losses::LOSSES;
use crate::metrics::METRICS;
use crate::saved::{Input, Parameter};
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
    /// Prints the experiments, the losses and the metrics.
    pub fn run(self) -> Result<()> {
        if self.json {
            let experiment = |name, summary, hyperparameters| json!({ "name": name, "summary": summary, "hyperparameters": hyperparameters });
            let experiments = EXPERIMENTS.map(|found| experiment(found.name, found.summary, found.hyperparameters()));
            let all = json!({ "experiments": experiments, "losses": LOSSES, "metrics": METRICS[..] });
            println!("{}", serde_json::to_string_pretty(&all)?);
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
            print_inputs(loss.inputs);
            print_parameters(loss.hyperparameters);
        }
        println!("\nMETRICS  losslab metric NAME --input FILE.safetensors --set KEY=VALUE");
        for metric in METRICS {
            println!("\n  {}: {} ({} is better)", metric.name, metric.summary, metric.better.name());
            print_inputs(metric.inputs);
            print_parameters(metric.parameters);
        }
        Ok(())
    }
}

fn print_inputs(inputs: &[Input]) {
    for input in inputs {
        let optional = if input.optional { ", optional" } else { "" };
        println!("      {:<16} {:<18} {} tensor{optional}", input.name, input.shape, input.dtype);
    }
}

fn print_parameters(parameters: &[Parameter]) {
    for known in parameters {
        println!("      {:<16} {:<18} {} ({})", known.name, known.default, known.meaning, known.range);
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
