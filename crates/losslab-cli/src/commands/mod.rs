//! The commands, one file each.

mod advise;
mod bench;
mod data;
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
    /// List the published data sets, fetch them, check them.
    Data(data::DataArgs),
    /// List the experiments, the losses and the metrics.
    List(list::ListArgs),
    /// Evaluate a loss and its gradients on saved tensors.
    Loss(loss::LossArgs),
    /// Evaluate a metric on saved tensors.
    Metric(metric::MetricArgs),
    /// Time the kernels of losses against plain tensor operations.
    Bench(bench::BenchArgs),
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
            Command::Run(args) => args.run(),
            Command::Report(args) => args.run(),
            Command::Advise(args) => args.run(),
            Command::Data(args) => args.run(),
            Command::List(args) => args.run(),
            Command::Loss(args) => args.run(),
            Command::Metric(args) => args.run(),
            Command::Bench(args) => args.run(),
        }
    }
}
