//! `losslab run`: experiments from flags to report.

use crate::{
    data::sources::Sources,
    experiments::{EXERCISES, Exercise, Experiment, Plan, Preset, Request, experiments},
    lab::{Devices, Lab, Progress, Store},
    outcome::Outcome,
    record::{Record, RunInfo},
    terminal,
    unfinished::{Fingerprint, Unfinished},
};
use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use serde::{Deserialize, Serialize};
use std::{
    fmt::Write,
    path::PathBuf,
    process,
    time::{Duration, Instant},
};

/// The name that stands for all experiments.
const ALL: &str = "all";

/// The flags of `losslab run`.
#[derive(Args, Debug, Default)]
pub struct RunArgs {
    /// An experiment (`losslab list` names them), or `all`: the six exercises, with --full what goes beyond them too.
    #[arg(default_value = "focal")]
    experiment: String,
    /// About a minute an experiment on two cores, on the data that the program carries (the default).
    #[arg(long, conflicts_with = "full")]
    quick: bool,
    /// Larger networks, more seeds, and the complete data sets, where they are here.
    #[arg(long)]
    full: bool,
    /// Sets a hyperparameter; an unknown key lists them all.
    #[arg(long, value_name = "KEY=VALUE[,VALUE...]")]
    set: Vec<String>,
    /// Number of seeds, if not the preset's.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1000))]
    seeds: Option<u64>,
    /// Where to compute: flex (this processor), or wgpu, vulkan, metal, cuda, rocm in a program built with them.
    #[arg(long, value_name = "NAME", default_value = "flex")]
    device: String,
    /// Use this file instead of the experiment's data sets.
    #[arg(long, value_name = "FILE", conflicts_with = "data_dir")]
    data: Option<PathBuf>,
    /// Take complete data sets from this folder.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Where to write the results (losslab-out/EXPERIMENT).
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print what would be done, and do nothing.
    #[arg(long)]
    dry_run: bool,
    /// Go on with the run in this folder that was stopped.
    #[arg(long, value_name = "DIR", conflicts_with_all = [
        "experiment", "quick", "full", "set", "seeds", "device", "data", "data_dir", "out", "dry_run", "restart",
    ])]
    resume: Option<PathBuf>,
    /// Drop what a stopped run has left in the folder, and start anew.
    #[arg(long)]
    restart: bool,
}

/// What decides the results of a run, in the form in which a stopped run keeps it.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    experiment: String,
    preset: Preset,
    set: Vec<String>,
    seeds: Option<u64>,
    device: String,
    data: Option<PathBuf>,
    data_dir: Option<PathBuf>,
    out: PathBuf,
}

impl RunArgs {
    /// Does what the flags say.
    pub fn run(self) -> Result<()> {
        if let Some(folder) = self.resume {
            let asked: Asked = Unfinished::asked(&folder)?;
            // The folder may have been moved.
            return Run::prepare(Asked { out: folder, ..asked })?.start(false);
        }
        let (dry_run, restart) = (self.dry_run, self.restart);
        let run = Run::prepare(self.asked()?)?;
        if dry_run { terminal::show(&run.description()) } else { run.start(restart) }
    }

    fn asked(self) -> Result<Asked> {
        let experiment = if self.experiment.is_empty() { "focal".to_owned() } else { self.experiment };
        let absolute = |path: Option<PathBuf>| path.map(std::path::absolute).transpose();
        Ok(Asked {
            out: self.out.unwrap_or_else(|| PathBuf::from("losslab-out").join(&experiment)),
            experiment,
            preset: if self.full { Preset::Full } else { Preset::Quick },
            set: self.set,
            seeds: self.seeds,
            device: if self.device.is_empty() { "flex".to_owned() } else { self.device },
            data: absolute(self.data)?,
            data_dir: absolute(self.data_dir)?,
        })
    }
}

/// A run that is ready to start: flags checked, data read, nothing written.
struct Run {
    asked: Asked,
    devices: Devices,
    exercises: Vec<Prepared>,
}

struct Prepared {
    experiment: &'static Experiment,
    /// The assignments that concern it.
    set: Vec<String>,
    exercise: Box<dyn Exercise>,
    plan: Plan,
}

impl Run {
    fn prepare(asked: Asked) -> Result<Self> {
        let chosen: Vec<&'static Experiment> = match asked.experiment.as_str() {
            ALL if asked.preset == Preset::Full => experiments().collect(),
            ALL => EXERCISES.iter().collect(),
            name => vec![Experiment::named(name).with_context(|| {
                let names = experiments().map(|experiment| experiment.name).collect::<Vec<_>>().join(", ");
                format!("{name}: no such experiment, there are: {names}, {ALL}")
            })?],
        };
        if let Some(file) = &asked.data {
            let takes = chosen.iter().all(|experiment| experiment.takes.is_some());
            ensure!(takes, "--data {}: {} takes no file", file.display(), asked.experiment);
        }
        ensure!(!asked.out.exists() || asked.out.is_dir(), "{}: not a folder", asked.out.display());
        let devices = Devices::named(&asked.device)?;
        let sources = Sources::new(asked.data_dir.as_deref(), asked.preset == Preset::Quick)?;
        let known = |name: &str| chosen.iter().any(|one| one.knobs.iter().any(|knob| knob.name == name));
        if asked.experiment == ALL
            && let Some(unknown) = asked.set.iter().find(|set| !known(key(set)))
        {
            bail!("--set {unknown}: no experiment has a key {:?}", key(unknown));
        }
        let prepare = |experiment: &'static Experiment| -> Result<Prepared> {
            let concerns =
                |set: &&String| asked.experiment != ALL || experiment.knobs.iter().any(|knob| knob.name == key(set));
            let set: Vec<String> = asked.set.iter().filter(concerns).cloned().collect();
            let request = Request {
                preset: asked.preset,
                set: set.clone(),
                seeds: asked.seeds,
                data: asked.data.clone(),
                sources: sources.clone(),
            };
            let exercise = (experiment.prepare)(&request)?;
            Ok(Prepared { experiment, set, plan: exercise.plan(), exercise })
        };
        let exercises = chosen.into_iter().map(prepare).collect::<Result<_>>()?;
        Ok(Self { asked, devices, exercises })
    }

    /// Trains, writes records and report, and prints the results. What was finished before a stop is not done again.
    fn start(self, restart: bool) -> Result<()> {
        let fingerprints: Vec<_> = self.exercises.iter().map(Prepared::fingerprint).collect();
        let unfinished = Unfinished::open(&self.asked.out, &self.asked, &fingerprints, restart)?;
        let folder = unfinished.run_folder();
        say_how_to_resume(folder)?;
        let is_alone = self.exercises.len() == 1;
        let report = folder.join("report.html");
        let mut finished = Vec::new();
        let mut records = Vec::new();
        for prepared in &self.exercises {
            let name = prepared.experiment.name;
            let record = Record::in_folder(&if is_alone { folder.to_owned() } else { folder.join(name) })?;
            if !unfinished.is_done(name) {
                let (outcome, took) = self.measured(prepared, unfinished.store(name)?)?;
                record.write(&outcome, &RunInfo::new(self.command(prepared), prepared.plan.trainings, took))?;
                unfinished.done(name)?;
            }
            finished.push(record.folder().to_owned());
            // After each: a run that is stopped later has a report of what was finished.
            records = super::report::write(&report, &finished)?;
        }
        unfinished.remove()?;
        terminal::print(&records, &report)
    }

    fn measured(&self, prepared: &Prepared, store: Store) -> Result<(Outcome, Duration)> {
        let started = Instant::now();
        let progress = Progress::new(prepared.plan.epochs as u64);
        let lab = Lab::new(self.devices.clone(), store, progress.clone());
        let outcome = prepared.exercise.run(&lab);
        progress.finish();
        Ok((outcome?, started.elapsed()))
    }

    /// The command that repeats one experiment, with everything that was left to defaults and may change later.
    fn command(&self, prepared: &Prepared) -> String {
        let Asked { preset, device, data, data_dir, .. } = &self.asked;
        let preset = if *preset == Preset::Full { "--full" } else { "--quick" };
        let mut command =
            format!("losslab run {} {preset} --seeds {}", prepared.experiment.name, prepared.plan.seeds.len());
        prepared.set.iter().for_each(|set| _ = write!(command, " --set {}", quoted(set)));
        if device != "flex" {
            _ = write!(command, " --device {device}");
        }
        for (flag, path) in [("data", data), ("data-dir", data_dir)] {
            if let Some(path) = path {
                _ = write!(command, " --{flag} {}", quoted(&path.to_string_lossy()));
            }
        }
        command
    }

    /// What `--dry-run` prints.
    fn description(&self) -> String {
        let mut text = String::new();
        for prepared in &self.exercises {
            let plan = &prepared.plan;
            _ = writeln!(text, "{}: {}", prepared.experiment.name, prepared.experiment.summary);
            plan.data.iter().for_each(|line| _ = writeln!(text, "  data       {line}"));
            let seeds = plan.seeds.len();
            _ = writeln!(text, "  seeds      {seeds}");
            _ = writeln!(text, "  trainings  {}, {} epochs in all", plan.trainings, plan.epochs);
            _ = writeln!(text, "  settings   {}", plan.settings);
            _ = writeln!(text, "  command    {}\n", self.command(prepared));
        }
        _ = writeln!(text, "Results go to {}. Nothing was done.", self.asked.out.display());
        text
    }
}

impl Prepared {
    fn fingerprint(&self) -> Fingerprint {
        let Plan { settings, seeds, data_hash, .. } = &self.plan;
        Fingerprint {
            experiment: self.experiment.name.to_owned(),
            settings: settings.clone(),
            seeds: seeds.clone(),
            data: *data_hash,
        }
    }
}

/// The part of an assignment before the equals sign.
fn key(assignment: &str) -> &str {
    assignment.split('=').next().unwrap_or_default()
}

/// On Ctrl-C the program ends at once: everything on disk is whole at any moment.
fn say_how_to_resume(folder: &std::path::Path) -> Result<()> {
    let command = format!("losslab run --resume {}", quoted(&folder.to_string_lossy()));
    ctrlc::set_handler(move || {
        eprintln!("\nstopped; what was finished is kept, and this goes on from there: {command}");
        process::exit(130);
    })
    .context("Ctrl-C can't be caught")
}

fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_=.,/:".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}
