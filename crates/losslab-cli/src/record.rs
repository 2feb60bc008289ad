//! The files of a run. Each is written whole or not at all.

use crate::{
    outcome::Outcome,
    report::{self, Told},
};
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// What a run leaves beside its report.
pub const FILES: [&str; 3] = ["outcome.json", "story.json", "run.json"];

/// How a run was made: what may differ between two runs with the same outcome.
#[derive(Clone, Debug, Serialize, Deserialize)]
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

    /// Writes `outcome.json`, `story.json`, `run.json` and `report.html`, and returns the path of the report.
    pub fn write(&self, outcome: &Outcome, info: &RunInfo) -> Result<PathBuf> {
        let [outcome_file, story_file, info_file] = FILES;
        self.file(outcome_file, &(serde_json::to_string_pretty(outcome)? + "\n"))?;
        // For programs only, and large: on one line.
        self.file(story_file, &(serde_json::to_string(&outcome.story)? + "\n"))?;
        self.file(info_file, &(serde_json::to_string_pretty(info)? + "\n"))?;
        let label = self.folder.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        self.file("report.html", &report::page(&[Told { outcome, info, label }]))
    }

    fn file(&self, name: &str, content: &str) -> Result<PathBuf> {
        let path = self.folder.join(name);
        write_whole(&path, content.as_bytes())?;
        Ok(path)
    }
}

/// A run as it was written.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// What came out, with its story.
    pub outcome: Outcome,
    /// How it was made.
    pub info: RunInfo,
}

/// Whether a folder looks like that of a finished run.
pub fn is_run(folder: &Path) -> bool {
    folder.join(FILES[0]).is_file()
}

/// Reads what [`Record::write`] wrote.
///
/// # Errors
/// If a file is missing, or isn't what this version writes: names the file, and the version that wrote it where that
/// is another one.
pub fn read(folder: &Path) -> Result<Recorded> {
    let [outcome_file, story_file, info_file] = FILES.map(|name| folder.join(name));
    // Alone, so that it can still be read from a file of a version with other fields.
    #[derive(Deserialize)]
    struct Version {
        version: String,
    }
    let Version { version } = json(&info_file)?;
    let here = env!("CARGO_PKG_VERSION");
    let read = || -> Result<Recorded> {
        let info = json(&info_file)?;
        let outcome = Outcome { story: json(&story_file)?, ..json(&outcome_file)? };
        Ok(Recorded { outcome, info })
    };
    let context = || format!("written by losslab {version}, this is losslab {here}");
    if version == here { read() } else { read().with_context(context) }
}

fn json<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let content = fs::read(path).with_context(|| format!("{}: cannot be read", path.display()))?;
    serde_json::from_slice(&content).with_context(|| format!("{}: not what losslab writes", path.display()))
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
    use crate::outcome::Story;

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

    #[test]
    fn a_record_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let outcome = Outcome {
            experiment: "focal".into(),
            config: serde_json::json!({"epochs": 1}),
            seeds: vec![1],
            rows: Vec::new(),
            checks: Vec::new(),
            story: Story { number: 1, title: "T".into(), ..Story::default() },
        };
        let info = RunInfo::new("losslab run focal".into(), 1, Duration::from_secs(2));
        Record::in_folder(folder.path()).unwrap().write(&outcome, &info).unwrap();
        let recorded = read(folder.path()).unwrap();
        assert_eq!(
            serde_json::to_value((&recorded.outcome, &recorded.outcome.story, &recorded.info)).unwrap(),
            serde_json::to_value((&outcome, &outcome.story, &info)).unwrap()
        );

        let refused = |name: &str, content: &str| {
            let path = folder.path().join(name);
            let kept = fs::read(&path).unwrap();
            fs::write(&path, content).unwrap();
            let message = format!("{:#}", read(folder.path()).unwrap_err());
            fs::write(&path, kept).unwrap();
            assert!(message.contains(name) && message.contains("not what losslab writes"), "{message}");
        };
        refused("outcome.json", "{}");
        refused("story.json", "[1, 2");
        refused("run.json", "{\"version\": 3}");

        let info = fs::read_to_string(folder.path().join("run.json")).unwrap();
        fs::write(folder.path().join("run.json"), info.replace(env!("CARGO_PKG_VERSION"), "99.0.0")).unwrap();
        fs::write(folder.path().join("story.json"), "{\"chapters\": []}").unwrap();
        let message = format!("{:#}", read(folder.path()).unwrap_err());
        assert!(message.contains("written by losslab 99.0.0, this is losslab"), "{message}");
        fs::remove_file(folder.path().join("story.json")).unwrap();
        assert!(format!("{:#}", read(folder.path()).unwrap_err()).contains("story.json: cannot be read"));
    }
}
