//! `losslab metric`: a metric on saved tensors.

use crate::{metrics, saved::Tensors, terminal};
use anyhow::Result;
use clap::Args;
use serde_json::{Map, Value};
use std::{fmt::Write, path::PathBuf};

/// The flags of `losslab metric`.
#[derive(Args, Debug)]
pub struct MetricArgs {
    /// The metric; `losslab list` shows them with their tensors and parameters.
    name: String,
    /// The safetensors file with the input tensors.
    #[arg(long, value_name = "FILE")]
    input: PathBuf,
    /// Sets a parameter.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

impl MetricArgs {
    /// Evaluates the metric and prints it.
    pub fn run(self) -> Result<()> {
        let metric = metrics::find(&self.name)?;
        let found = metric.evaluate(&Tensors::read(&self.input)?, &self.set)?;
        if self.json {
            let head = [("name", Value::from(metric.name)), ("value", found.value.into())];
            let head = head.into_iter().map(|(name, value)| (name.to_owned(), value));
            let fields: Map<String, Value> = head.chain(found.details).collect();
            return terminal::show(&format!("{}\n", Value::from(fields)));
        }
        let mut text = format!("{} ({} is better)\n", found.value, metric.better.name());
        for (name, value) in &found.details {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            writeln!(text, "{}: {value}", name.replace('_', " "))?;
        }
        terminal::show(&text)
    }
}
