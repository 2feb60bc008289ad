//! What a run keeps in its folder until it is finished, so that it can go on after being stopped at any moment.

use crate::{lab::Store, record::write_whole};
use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

/// The folder inside the folder of a run.
const NAME: &str = "unfinished";

/// Trainings are saved at most this often.
const INTERVAL: Duration = Duration::from_secs(1);

/// What must be the same for a stopped run to go on: everything that decides its results.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Fingerprint {
    /// Name of the experiment.
    pub experiment: String,
    /// All hyperparameters.
    pub settings: Value,
    /// The seeds.
    pub seeds: Vec<u64>,
    /// A number that differs for different data.
    pub data: u64,
}

#[derive(Debug, Deserialize, Serialize)]
struct Content<A> {
    version: String,
    asked: A,
    exercises: Vec<Fingerprint>,
}

/// The folder of finished work of a run that isn't finished.
#[derive(Debug)]
pub struct Unfinished {
    run: PathBuf,
    folder: PathBuf,
}

impl Unfinished {
    /// What was asked of the stopped run in a folder.
    pub fn asked<A: DeserializeOwned>(run: &Path) -> Result<A> {
        ensure!(run.is_dir(), "{}: no such folder", run.display());
        let content = read::<A>(&run.join(NAME))?;
        let content = content.with_context(|| match run.join("report.html").exists() {
            true => format!("{}: the run in it is finished, there is nothing to go on with", run.display()),
            false => format!("{}: no stopped run is in it", run.display()),
        })?;
        Ok(content.asked)
    }

    /// Opens the folder for a run. A stopped run in it goes on if it was asked for the same, and is otherwise an error
    /// unless `restart` drops it.
    pub fn open<A>(run: &Path, asked: &A, exercises: &[Fingerprint], restart: bool) -> Result<Self>
    where
        A: Serialize + DeserializeOwned,
    {
        fs::create_dir_all(run).with_context(|| format!("{}: cannot be made", run.display()))?;
        // Shown to the user: better absolute.
        let run = fs::canonicalize(run).with_context(|| format!("{}: cannot be found", run.display()))?;
        let this = Self { folder: run.join(NAME), run };
        if restart {
            this.remove()?;
        }
        if let Some(before) = read::<A>(&this.folder)? {
            let version = env!("CARGO_PKG_VERSION");
            let resume = format!("`losslab run --resume {}` goes on with it", this.run.display());
            let difference = match before.exercises.iter().zip(exercises).find(|(before, now)| before != now) {
                _ if before.version != version => format!("with losslab {}, this is {version}", before.version),
                Some((before, now)) if before.experiment != now.experiment => format!("of {}", before.experiment),
                Some((before, now)) if before.data != now.data => "on other data".to_owned(),
                Some((before, now)) if before.seeds != now.seeds => format!("with {} seeds", before.seeds.len()),
                Some(_) => "with other settings".to_owned(),
                None if before.exercises.len() != exercises.len() => "of other experiments".to_owned(),
                None => {
                    eprintln!("Going on with the run that was stopped here.");
                    return Ok(this);
                }
            };
            bail!(
                "{}: holds a run that was stopped, {difference}; {resume}, --restart drops it, --out chooses another folder",
                this.run.display()
            );
        }
        // A run that was stopped while it removed this folder may have left a part of it.
        this.remove()?;
        fs::create_dir_all(&this.folder).with_context(|| format!("{}: cannot be made", this.folder.display()))?;
        let content = Content { version: env!("CARGO_PKG_VERSION").to_owned(), asked, exercises: exercises.to_vec() };
        write_whole(&this.folder.join("run.json"), &serde_json::to_vec_pretty(&content)?)?;
        Ok(this)
    }

    /// The folder of the run.
    pub fn run_folder(&self) -> &Path {
        &self.run
    }

    /// Where an experiment keeps its finished work.
    pub fn store(&self, experiment: &str) -> Result<Store> {
        Store::in_folder(&self.folder.join(experiment), INTERVAL)
    }

    /// Whether the record of an experiment has been written.
    pub fn is_done(&self, experiment: &str) -> bool {
        self.folder.join(format!("{experiment}.done")).exists()
    }

    /// The record of an experiment has been written.
    pub fn done(&self, experiment: &str) -> Result<()> {
        write_whole(&self.folder.join(format!("{experiment}.done")), &[])
    }

    /// The run is finished.
    pub fn remove(&self) -> Result<()> {
        match fs::remove_dir_all(&self.folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(error).with_context(|| format!("{}: cannot be removed", self.folder.display()))
            }
            _ => Ok(()),
        }
    }
}

fn read<A: DeserializeOwned>(folder: &Path) -> Result<Option<Content<A>>> {
    let path = folder.join("run.json");
    match fs::read(&path) {
        Ok(bytes) => {
            let content = serde_json::from_slice(&bytes);
            content.map(Some).with_context(|| format!("{}: damaged; --restart starts anew", path.display()))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("{}: cannot be read", path.display())),
    }
}
