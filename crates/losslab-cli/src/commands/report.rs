//! `losslab report`: one page out of the records of several runs.

use crate::{
    record::{self, Recorded},
    report::{self, Told},
    terminal,
};
use anyhow::{Result, ensure};
use clap::Args;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// The flags of `losslab report`.
#[derive(Args, Debug)]
pub struct ReportArgs {
    /// Folders of runs; a folder that holds folders of runs stands for all of them.
    #[arg(required = true, value_name = "DIR")]
    folders: Vec<PathBuf>,
    /// Where to write the page.
    #[arg(long, value_name = "FILE", default_value = "report.html")]
    out: PathBuf,
}

impl ReportArgs {
    /// Reads the records and writes the page.
    pub fn run(self) -> Result<()> {
        ensure!(!self.out.is_dir(), "--out {}: a folder, expected the name of a file", self.out.display());
        let mut folders = Vec::new();
        for folder in &self.folders {
            folders.extend(runs_in(folder)?);
        }
        let runs = folders.iter().map(|folder| record::read(folder)).collect::<Result<Vec<Recorded>>>()?;
        let told: Vec<Told> = runs
            .iter()
            .zip(labels(&folders))
            .map(|(run, label)| Told { outcome: &run.outcome, info: &run.info, label })
            .collect();
        record::write_whole(&self.out, report::page(&told).as_bytes())?;
        let count = told.len();
        terminal::show(&format!(
            "Report of {count} run{}: {}\n",
            if count == 1 { "" } else { "s" },
            fs::canonicalize(&self.out)?.display()
        ))
    }
}

/// The folder itself where it holds a run, else the runs one level below, by name.
fn runs_in(folder: &Path) -> Result<Vec<PathBuf>> {
    ensure!(folder.is_dir(), "{}: no such folder", folder.display());
    if record::is_run(folder) {
        return Ok(vec![folder.to_owned()]);
    }
    let mut runs: Vec<PathBuf> =
        fs::read_dir(folder)?.flatten().map(|entry| entry.path()).filter(|path| record::is_run(path)).collect();
    runs.sort();
    ensure!(!runs.is_empty(), "{}: no run is in it: expected {}", folder.display(), record::FILES.join(", "));
    Ok(runs)
}

/// The names of the folders, or their whole paths where names are the same.
fn labels(folders: &[PathBuf]) -> Vec<String> {
    let name = |folder: &PathBuf| folder.file_name().unwrap_or(folder.as_os_str()).to_string_lossy().into_owned();
    let mut names: Vec<String> = folders.iter().map(name).collect();
    names.sort_unstable();
    names.dedup();
    let is_unique = names.len() == folders.len();
    folders.iter().map(|folder| if is_unique { name(folder) } else { folder.display().to_string() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_tell_folders_apart() {
        assert_eq!(labels(&["runs/a".into(), "runs/b".into()]), ["a", "b"]);
        assert_eq!(labels(&["x/focal".into(), "y/focal".into()]), ["x/focal", "y/focal"]);
    }
}
