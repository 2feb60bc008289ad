//! The files of a run. Each is written whole or not at all.

use crate::{outcome::Outcome, report};
use anyhow::{Context, Result};
use serde::Serialize;
use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// How a run was made: what may differ between two runs with the same outcome.
#[derive(Clone, Debug, Serialize)]
pub struct RunInfo {
    /// The command that repeats it.
    pub command: String,
    /// Version of losslab.
    pub version: String,
    /// Operating system, processor and cores.
    pub machine: String,
    /// Networks trained.
    pub trainings: usize,
    /// How long they took.
    pub seconds: f64,
    /// When they were done, in seconds since 1970.
    pub finished: u64,
}

impl RunInfo {
    /// For a run that ends now, on this machine.
    pub fn new(command: String, trainings: usize, took: Duration) -> Self {
        Self {
            command,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            machine: machine(),
            trainings,
            seconds: took.as_secs_f64(),
            finished: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()),
        }
    }
}

fn machine() -> String {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let processor = fs::read_to_string("/proc/cpuinfo").ok().and_then(|text| {
        let line = text.lines().find(|line| line.starts_with("model name"))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    });
    let processor = processor.unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    format!("{}, {processor}, {cores} cores", std::env::consts::OS)
}

/// The folder of a run.
#[derive(Debug)]
pub struct Record {
    folder: PathBuf,
}

impl Record {
    /// Makes the folder, before any work is done for it.
    pub fn in_folder(folder: &Path) -> Result<Self> {
        fs::create_dir_all(folder).with_context(|| format!("{}: cannot be made", folder.display()))?;
        // Shown to the user and opened in a browser: better absolute.
        let folder = fs::canonicalize(folder).with_context(|| format!("{}: cannot be found", folder.display()))?;
        Ok(Self { folder })
    }

    /// Writes `outcome.json`, `run.json` and `report.html`, and returns the path of the report.
    pub fn write(&self, outcome: &Outcome, info: &RunInfo) -> Result<PathBuf> {
        self.file("outcome.json", &(serde_json::to_string_pretty(outcome)? + "\n"))?;
        self.file("run.json", &(serde_json::to_string_pretty(info)? + "\n"))?;
        self.file("report.html", &report::page(outcome, info))
    }

    fn file(&self, name: &str, content: &str) -> Result<PathBuf> {
        let path = self.folder.join(name);
        write_whole(&path, content.as_bytes())?;
        Ok(path)
    }
}

/// Writes a file beside its final place and then moves it there: nobody ever sees half of it.
pub fn write_whole(path: &Path, content: &[u8]) -> Result<()> {
    let write = || -> Result<()> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let name = path.file_name().context("no file name")?.to_string_lossy();
        let mut builder = tempfile::Builder::new();
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let mut file = builder.prefix(&format!(".{name}.")).tempfile_in(folder)?;
        file.write_all(content)?;
        file.persist(path)?;
        Ok(())
    };
    write().with_context(|| format!("{}: cannot be written", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_replaced_whole_and_nothing_else_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let record = Record::in_folder(&folder.path().join("a/b")).unwrap();
        record.file("x.json", "old").unwrap();
        let path = record.file("x.json", "new").unwrap();
        assert_eq!(fs::read_to_string(path).unwrap(), "new");
        assert_eq!(fs::read_dir(&record.folder).unwrap().count(), 1);
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let message = format!("{:#}", Record::in_folder(&file.path().join("sub")).unwrap_err());
        assert!(message.contains("cannot be made"), "{message}");
    }
}
