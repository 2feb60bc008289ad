//! The engine under the experiments: independent jobs on all cores, trainings that survive being stopped, progress.
//!
//! An experiment splits its work into jobs, [`Lab::map`]. What a finished job returned is on disk and isn't computed
//! again when a stopped run goes on; inside a job, [`Job::train`] goes on after the last epoch on disk. Both give what
//! an uninterrupted run gives, bit for bit: every random number comes from a stream that is named, not from a
//! generator whose state would have to be saved.

mod device;
mod parallel;
mod progress;
mod store;
mod training;

pub use device::Devices;
pub use progress::Progress;
pub use store::Store;
pub use training::Fit;

use anyhow::{Context, Result};
use burn::tensor::Device;
use serde::{Serialize, de::DeserializeOwned};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Where an experiment runs.
#[derive(Debug)]
pub struct Lab {
    devices: Devices,
    store: Store,
    progress: Progress,
}

/// What a finished job leaves on disk.
#[derive(Debug, serde::Deserialize, Serialize)]
struct Finished<R> {
    epochs: u64,
    result: R,
}

impl Lab {
    /// A lab that computes on `devices` and keeps what is finished in `store`.
    pub fn new(devices: Devices, store: Store, progress: Progress) -> Self {
        Self { devices, store, progress }
    }

    /// Runs `job` for every item, on all cores, and returns the results in the order of the items.
    ///
    /// `name` must tell the items of an experiment apart: results on disk are found by it.
    ///
    /// # Errors
    /// Of the first item whose job failed, with its name. Jobs that haven't started by then are left out.
    pub fn map<T, R>(
        &self,
        items: &[T],
        name: impl Fn(&T) -> String + Sync,
        job: impl Fn(&T, &Job) -> Result<R> + Sync,
    ) -> Result<Vec<R>>
    where
        T: Sync,
        R: Serialize + DeserializeOwned + Send + Sync,
    {
        let failed = AtomicBool::new(false);
        let run = |item: &T| -> Option<Result<R>> {
            if failed.load(Ordering::Relaxed) {
                return None;
            }
            let name = name(item);
            let result = self.once(&name, |handle| job(item, handle)).with_context(|| name.clone());
            failed.fetch_or(result.is_err(), Ordering::Relaxed);
            Some(result)
        };
        let results = parallel::map(items, self.devices.workers(), run);
        // Jobs start in order, so a job that was left out comes after one that failed.
        results.into_iter().map_while(|result| result).collect()
    }

    /// The result of a job from disk, or else of running it.
    fn once<R: Serialize + DeserializeOwned>(&self, name: &str, job: impl FnOnce(&Job) -> Result<R>) -> Result<R> {
        if let Some(Finished { epochs, result }) = self.store.result(name)? {
            self.progress.skip(epochs);
            return Ok(result);
        }
        let handle = Job { lab: self, name: name.to_owned(), epochs: AtomicU64::new(0) };
        let result = job(&handle)?;
        let finished = Finished { epochs: handle.epochs.into_inner(), result };
        self.store.finish(name, &finished)?;
        Ok(finished.result)
    }
}

/// One job at work.
#[derive(Debug)]
pub struct Job<'a> {
    lab: &'a Lab,
    name: String,
    epochs: AtomicU64,
}

impl Job<'_> {
    /// Where networks are trained: gradients are recorded.
    pub fn device(&self) -> Device {
        self.lab.devices.training()
    }

    /// Shows an epoch as done. [`Job::train`] does it by itself.
    fn tick(&self, epochs: u64, message: &str) {
        self.epochs.fetch_add(epochs, Ordering::Relaxed);
        self.lab.progress.advance(epochs, &self.name, message);
    }
}

#[cfg(test)]
pub(crate) fn temporary() -> (tempfile::TempDir, Lab) {
    let folder = tempfile::tempdir().unwrap();
    let lab = in_folder(folder.path());
    (folder, lab)
}

#[cfg(test)]
pub(crate) fn in_folder(folder: &std::path::Path) -> Lab {
    let store = Store::in_folder(folder, std::time::Duration::ZERO).unwrap();
    Lab::new(Devices::default(), store, Progress::hidden())
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::bail;
    use std::sync::atomic::AtomicUsize;

    #[test]
    fn finished_jobs_are_not_run_again() {
        let folder = tempfile::tempdir().unwrap();
        let runs = AtomicUsize::new(0);
        let numbers = |last_fails: bool| {
            in_folder(folder.path()).map(
                &[1.5, f64::NAN, 3.0],
                |item| format!("item {item}"),
                |item, _| {
                    runs.fetch_add(1, Ordering::Relaxed);
                    if last_fails && *item == 3.0 {
                        bail!("out of luck");
                    }
                    Ok(vec![*item / 3.0])
                },
            )
        };
        assert_eq!(format!("{:#}", numbers(true).unwrap_err()), "item 3: out of luck");
        assert_eq!(runs.load(Ordering::Relaxed), 3);
        let results = numbers(false).unwrap();
        assert_eq!(runs.load(Ordering::Relaxed), 4);
        assert!(results[0] == [0.5] && results[1][0].is_nan() && results[2] == [1.0]);
    }
}
