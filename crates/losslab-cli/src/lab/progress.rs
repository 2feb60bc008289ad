//! Progress on standard error, where that is a terminal.

use indicatif::{ProgressBar, ProgressStyle};
use std::time::Duration;

/// A bar that counts epochs over all trainings of a run.
#[derive(Clone, Debug)]
pub struct Progress(ProgressBar);

impl Progress {
    /// A bar for that many epochs.
    pub fn new(epochs: u64) -> Self {
        let style = ProgressStyle::with_template("{bar:24} {percent:>3} %, {eta} left  {wide_msg}");
        let bar = ProgressBar::new(epochs).with_style(style.expect("a valid template"));
        bar.enable_steady_tick(Duration::from_millis(500));
        Self(bar)
    }

    /// Nothing is shown.
    #[cfg(test)]
    pub fn hidden() -> Self {
        Self(ProgressBar::hidden())
    }

    /// Epochs that were done before this start: they don't count for the time left.
    pub fn skip(&self, epochs: u64) {
        self.0.inc(epochs);
        self.0.reset_eta();
    }

    /// Some epochs of a job are done.
    pub fn advance(&self, epochs: u64, job: &str, message: &str) {
        self.0.set_message(format!("{job}: {message}"));
        self.0.inc(epochs);
    }

    /// Removes the bar.
    pub fn finish(&self) {
        self.0.finish_and_clear();
    }
}
