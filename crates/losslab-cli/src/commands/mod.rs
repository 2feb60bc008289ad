//! The commands, one file each.

mod list;
mod loss;
mod run;

use anyhow::Result;
use clap::Subcommand;

/// What the program is asked to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run an experiment and write its report.
    Run(run::RunArgs),
    /// List the experiments and the losses.
    List(list::ListArgs),
    /// Evaluate a loss and its gradients on saved tensors.
    Loss(loss::LossArgs),
}

impl Default for Command {
    fn default() -> Self {
        Command::Run(run::RunArgs::default())
    }
}

impl Command {
    /// Does it.
    pub fn run(self) -> Result<()> {
        match self {
            Command::Run(args) => run::Plan::new(args)?.run(),
            Command::List(args) => args.run(),
            Command::Loss(args) => args.run(),
        }
    }
}
