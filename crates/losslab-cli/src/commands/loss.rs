//! `losslab loss`: a loss and its gradients on saved tensors.

use crate::losses::{self, Loss, Path};
use crate::saved::Tensors;
use crate::terminal;
use anyhow::{Result, ensure};
use clap::Args;
use serde_json::json;
use std::fmt::Write;
use std::path::PathBuf;

/// The flags of `losslab loss`.
#[derive(Args, Debug)]
pub struct LossArgs {
    /// The loss; `losslab list` shows them with their tensors and hyperparameters.
    name: String,
    /// The safetensors file with the input tensors.
    #[arg(long, value_name = "FILE")]
    input: PathBuf,
    /// Sets a hyperparameter.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Writes the gradient of every float input, under its name, to this safetensors file.
    #[arg(long, value_name = "FILE")]
    grad: Option<PathBuf>,
    /// How to compute it; by default as the library does.
    #[arg(long, value_enum)]
    path: Option<Path>,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

impl LossArgs {
    /// Evaluates the loss, writes the gradients, prints the value.
    pub fn run(self) -> Result<()> {
        let loss: Loss = losses::find(&self.name)?;
        let tensors = Tensors::read(&self.input)?;
        let evaluated = loss.evaluate(&tensors, &self.set, self.path)?;
        ensure!(evaluated.loss.is_finite(), "{}: the loss is {}: a term overflows", loss.name, evaluated.loss);
        if let Some(file) = &self.grad {
            let wide = evaluated.path == Path::Reference || !tensors.all_f32();
            losses::write(file, &evaluated.gradients, wide)?;
        }
        if self.json {
            let fields = json!({ "name": loss.name, "loss": evaluated.loss, "path": evaluated.path });
            return terminal::show(&format!("{fields}\n"));
        }
        let mut text = format!("{} ({})\n", evaluated.loss, evaluated.path.name());
        for gradient in &evaluated.gradients {
            let largest = gradient.values.iter().fold(0.0f64, |largest, x| largest.max(x.abs()));
            writeln!(text, "gradient of {} {:?}: largest entry {largest}", gradient.name, gradient.shape)?;
        }
        terminal::show(&text)
    }
}
