//! The commands, one file each.

mod advise;
mod list;
mod loss;
mod metric;
mod report;
mod run;

use anyhow::Result;
use clap::Subcommand;

/// What the program is asked to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run an experiment and write its report.
    Run(run::RunArgs),
    /// Make one report of several runs.
    Report(report::ReportArgs),
    /// Say which loss to use, with which hyperparameters and batches, and what to beat first.
    Advise(advise::AdviseArgs),
    /// List the experiments, the losses and the metrics.
    List(list::ListArgs),
    /// Evaluate a loss and its gradients on saved tensors.
    Loss(loss::LossArgs),
    /// Evaluate a metric on saved tensors.
    Metric(metric::MetricArgs),
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
            Command::Report(args) => args.run(),
            Command::Advise(args) => args.run(),
            Command::List(args) => args.run(),
            Command::Loss(args) => args.run(),
            Command::Metric(args) => args.run(),
        }
    }
}
