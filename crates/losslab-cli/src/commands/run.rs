//! `losslab run`: an experiment from flags to report.

use crate::{
    data::{csv, digits::Digits, imbalanced},
    experiments::focal::{self, DataSet, Settings},
    record::{Record, RunInfo},
    settings, terminal,
};
use anyhow::{Result, ensure};
use clap::{Args, ValueEnum};
use std::{fmt::Write, path::PathBuf, time::Instant};

/// The experiments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Experiment {
    /// Exercise 1: focal loss for imbalanced data.
    #[default]
    Focal,
}

/// The flags of `losslab run`.
#[derive(Args, Debug, Default)]
pub struct RunArgs {
    /// Which experiment.
    #[arg(value_enum, default_value_t)]
    experiment: Experiment,
    /// Below a minute on two cores (the default).
    #[arg(long, conflicts_with = "full")]
    quick: bool,
    /// A larger network, more seeds, and all images that `--data-dir` has.
    #[arg(long)]
    full: bool,
    /// Sets a hyperparameter; an unknown key lists them all.
    #[arg(long, value_name = "KEY=VALUE[,VALUE...]")]
    set: Vec<String>,
    /// Number of seeds (6 with `--quick`, 10 with `--full`).
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1000))]
    seeds: Option<u64>,
    /// Use this CSV file, with a header and a 0/1 column named `label`, instead of the data sets.
    #[arg(long, value_name = "FILE", conflicts_with = "data_dir")]
    data: Option<PathBuf>,
    /// Take the digits from the MNIST files in this folder.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Where to write the results.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl RunArgs {
    /// The command that repeats this run, with everything that was left to defaults and may change later.
    fn command(&self, seeds: usize) -> String {
        let mut command = format!("losslab run focal {} --seeds {seeds}", if self.full { "--full" } else { "--quick" });
        self.set.iter().for_each(|set| _ = write!(command, " --set {}", quoted(set)));
        for (flag, path) in [("data", &self.data), ("data-dir", &self.data_dir), ("out", &self.out)] {
            if let Some(path) = path {
                _ = write!(command, " --{flag} {}", quoted(&path.to_string_lossy()));
            }
        }
        command
    }
}

fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_=.,/:".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

/// A run that is ready to start: flags checked, data read.
#[derive(Debug)]
pub struct Plan {
    settings: Settings,
    seeds: Vec<u64>,
    sets: Vec<DataSet>,
    out: PathBuf,
    command: String,
}

impl Plan {
    /// Checks the flags and reads the data. Nothing is written yet.
    pub fn new(args: RunArgs) -> Result<Self> {
        let (preset, seeds) = if args.full { (Settings::full(), 10) } else { (Settings::quick(), 6) };
        let settings = settings::with(&preset, &focal::KNOBS, &args.set)?;
        let seeds: Vec<u64> = (1..=args.seeds.unwrap_or(seeds)).collect();
        let out = args.out.clone().unwrap_or_else(|| PathBuf::from("losslab-out/focal"));
        ensure!(!out.exists() || out.is_dir(), "{}: not a folder", out.display());
        let sets = match &args.data {
            Some(file) => {
                let name = file.file_name().unwrap_or(file.as_os_str()).to_string_lossy().into_owned();
                vec![DataSet::table(csv::read(file, &settings.label)?, &name)]
            }
            None => {
                let digits = args.data_dir.as_deref().map_or_else(Digits::carried, Digits::from_folder)?;
                imbalanced::check_digit(&digits, settings.digit, settings.images, &seeds)?;
                // The slowest first: it then can't keep one core busy at the end while the others rest.
                vec![
                    DataSet::digits(digits, &settings),
                    DataSet::two_gaussians(0.1, &settings),
                    DataSet::two_gaussians(0.01, &settings),
                ]
            }
        };
        let command = args.command(seeds.len());
        Ok(Self { settings, seeds, sets, out, command })
    }

    /// Trains, writes the record and the report, and prints the results.
    pub fn run(self) -> Result<()> {
        let record = Record::in_folder(&self.out)?;
        let started = Instant::now();
        let trainings = self.sets.len() * self.seeds.len() * focal::trainings(&self.settings);
        let progress = terminal::progress(trainings);
        let outcome = focal::run(&self.settings, &self.sets, &self.seeds, &|| progress.inc(1));
        progress.finish_and_clear();
        let report = record.write(&outcome, &RunInfo::new(self.command, trainings, started.elapsed()))?;
        terminal::print(&outcome, &report)
    }
}
