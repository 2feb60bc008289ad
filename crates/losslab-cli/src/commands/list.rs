//! `losslab list`: what there is.

use crate::experiments::experiments;
use crate::losses::{BALANCING, LOSSES};
use crate::metrics::METRICS;
use crate::saved::{Input, Parameter};
use crate::terminal;
use anyhow::Result;
use clap::Args;
use serde_json::{Value, json};
use std::fmt::Write;

/// The flags of `losslab list`.
#[derive(Args, Debug)]
pub struct ListArgs {
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

impl ListArgs {
    /// Prints the experiments, the losses, the ways to balance tasks, and the metrics.
    pub fn run(self) -> Result<()> {
        terminal::show(&if self.json { json()? } else { text()? })
    }
}

fn json() -> Result<String> {
    let experiment = |name, summary, hyperparameters| json!({ "name": name, "summary": summary, "hyperparameters": hyperparameters });
    let experiments: Vec<Value> =
        experiments().map(|found| experiment(found.name, found.summary, found.hyperparameters())).collect();
    let all =
        json!({ "experiments": experiments, "losses": LOSSES[..], "balancing": BALANCING, "metrics": METRICS[..] });
    Ok(serde_json::to_string_pretty(&all)? + "\n")
}

fn text() -> Result<String, std::fmt::Error> {
    let mut out = String::new();
    writeln!(out, "EXPERIMENTS  losslab run NAME --set KEY=VALUE[,VALUE...]")?;
    for experiment in experiments() {
        writeln!(out, "\n  {}: {}", experiment.name, experiment.summary)?;
        for known in experiment.hyperparameters() {
            let range = known.range.map(|(low, high)| format!(" ({low} to {high})")).unwrap_or_default();
            writeln!(out, "      {:<16} {:<18} {}{range}", known.name, plain(&known.default), known.meaning)?;
        }
    }
    writeln!(out, "\nLOSSES  losslab loss NAME --input FILE.safetensors --set KEY=VALUE")?;
    for loss in LOSSES {
        writeln!(out, "\n  {}: {}", loss.name, loss.summary)?;
        details(&mut out, loss.inputs, loss.hyperparameters)?;
    }
    writeln!(out, "\nBALANCING OF TASKS  while a network trains, in the library: losslab run multi-task")?;
    for method in BALANCING {
        writeln!(out, "\n  {} ({}): {}", method.name, method.type_name, method.summary)?;
        details(&mut out, &[], method.hyperparameters)?;
    }
    writeln!(out, "\nMETRICS  losslab metric NAME --input FILE.safetensors --set KEY=VALUE")?;
    for metric in METRICS {
        writeln!(out, "\n  {}: {} ({} is better)", metric.name, metric.summary, metric.better.name())?;
        details(&mut out, metric.inputs, metric.parameters)?;
    }
    Ok(out)
}

fn details(out: &mut String, inputs: &[Input], parameters: &[Parameter]) -> std::fmt::Result {
    for input in inputs {
        let remark = match input.instead {
            Some(other) => format!(", or {other}"),
            None if input.optional => ", optional".to_owned(),
            None => String::new(),
        };
        writeln!(out, "      {:<16} {:<18} {} tensor{remark}", input.name, input.shape, input.dtype)?;
    }
    for known in parameters {
        writeln!(out, "      {:<16} {:<18} {} ({})", known.name, known.default, known.meaning, known.range)?;
    }
    Ok(())
}

/// A default as one would type it.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}
