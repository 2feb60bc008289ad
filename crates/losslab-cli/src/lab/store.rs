//! What a run has finished so far, on disk: results of jobs, and trainings at the end of an epoch.
//!
//! Files are written whole or not at all, so a run may be killed at any moment. They are CBOR, which keeps every
//! number as it is, NaN and infinities included.

use crate::record::write_whole;
use anyhow::{Context, Result};
use serde::{Serialize, de::DeserializeOwned};
use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    sync::Mutex,
    time::{Duration, Instant},
};

/// A folder of finished work.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
    /// A training is saved when its last copy on disk is older than this: short epochs would spend their time on files.
    interval: Duration,
    saved: Mutex<HashMap<PathBuf, Instant>>,
}

impl Store {
    /// The store in a folder, which is made where it isn't there. At most the work of `interval` and of the epoch in
    /// which a training is stopped are lost.
    pub fn in_folder(folder: &Path, interval: Duration) -> Result<Self> {
        fs::create_dir_all(folder).with_context(|| format!("{}: cannot be made", folder.display()))?;
        Ok(Self { folder: folder.to_owned(), interval, saved: Mutex::default() })
    }

    /// What the job of that name returned, where it is finished.
    pub fn result<R: DeserializeOwned>(&self, job: &str) -> Result<Option<R>> {
        read(&self.folder.join(file_name(job)).with_extension("result"))
    }

    /// Keeps what a job returned; its trainings are no longer needed.
    pub fn finish<R: Serialize>(&self, job: &str, result: &R) -> Result<()> {
        let base = self.folder.join(file_name(job));
        write(&base.with_extension("result"), result)?;
        match fs::remove_dir_all(&base) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(error).with_context(|| format!("{}: cannot be removed", base.display()))
            }
            _ => Ok(()),
        }
    }

    /// The last copy of a training of a job.
    pub fn checkpoint<C: DeserializeOwned>(&self, job: &str, training: &str) -> Result<Option<C>> {
        read(&self.checkpoint_path(job, training))
    }

    /// Keeps a training as it is, where the last copy is old enough; `checkpoint` is asked only then.
    pub fn save<C: Serialize>(&self, job: &str, training: &str, checkpoint: impl FnOnce() -> Result<C>) -> Result<()> {
        let path = self.checkpoint_path(job, training);
        let saved = || self.saved.lock().expect("no thread panics while it holds this");
        let last = *saved().entry(path.clone()).or_insert_with(Instant::now);
        if last.elapsed() < self.interval {
            return Ok(());
        }
        let folder = path.parent().expect("a file has a folder");
        fs::create_dir_all(folder).with_context(|| format!("{}: cannot be made", folder.display()))?;
        write(&path, &checkpoint()?)?;
        saved().insert(path, Instant::now());
        Ok(())
    }

    fn checkpoint_path(&self, job: &str, training: &str) -> PathBuf {
        self.folder.join(file_name(job)).join(file_name(training)).with_extension("training")
    }
}

/// A file name that a person can read and that differs for different names.
fn file_name(name: &str) -> String {
    let plain: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).take(60).collect();
    format!("{plain}-{:016x}", crate::random::hash(name.as_bytes()))
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("{}: cannot be read", path.display())),
    };
    let value = ciborium::from_reader(bytes.as_slice());
    value.map(Some).with_context(|| format!("{}: damaged; remove it to compute it again", path.display()))
}

fn write<T: Serialize>(path: &Path, value: &T) -> Result<()> {
    let mut bytes = Vec::new();
    ciborium::into_writer(value, &mut bytes).with_context(|| format!("{}: cannot be encoded", path.display()))?;
    write_whole(path, &bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_differ_have_files_that_differ() {
        assert_ne!(file_name("digits/seed 1"), file_name("digits seed/1"));
        assert!(file_name("digits/seed 1").starts_with("digits-seed-1-"));
    }

    #[test]
    fn a_finished_job_drops_its_trainings() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::in_folder(folder.path(), Duration::ZERO).unwrap();
        store.save("job", "training", || Ok(7_u32)).unwrap();
        assert_eq!(store.checkpoint("job", "training").unwrap(), Some(7_u32));
        store.finish("job", &"done").unwrap();
        assert_eq!(store.checkpoint::<u32>("job", "training").unwrap(), None);
        assert_eq!(store.result::<String>("job").unwrap().as_deref(), Some("done"));
    }

    #[test]
    fn a_damaged_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::in_folder(folder.path(), Duration::ZERO).unwrap();
        store.finish("job", &"done").unwrap();
        let file = fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
        fs::write(&file, [0xff]).unwrap();
        let message = format!("{:#}", store.result::<String>("job").unwrap_err());
        assert!(message.contains("job-") && message.contains("damaged"), "{message}");
    }
}
