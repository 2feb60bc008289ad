//! A run that is killed at any moment and goes on ends like one that was left alone.

mod binary;

use binary::command;
use std::{
    fs,
    path::Path,
    process::{Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

/// The program with one job after the other: some are then finished while others are not.
fn losslab(arguments: &[&str]) -> Command {
    let mut command = command(arguments);
    command.env("RAYON_NUM_THREADS", "1").stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

/// A run of a few seconds, with six jobs.
fn flags(out: &Path) -> [&str; 12] {
    let out = out.to_str().unwrap();
    ["run", "focal", "--seeds", "2", "--set", "epochs=12", "--set", "gamma=0,2", "--set", "alpha=0.75", "--out", out]
}

fn resume(out: &Path) -> Output {
    losslab(&["run", "--resume", out.to_str().unwrap()]).output().unwrap()
}

fn outcome(out: &Path) -> Vec<u8> {
    fs::read(out.join("outcome.json")).unwrap()
}

/// Number of files under a folder whose names end like this.
fn count(folder: &Path, ending: &str) -> usize {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let count_in = |path: &Path| {
        if path.is_dir() { count(path, ending) } else { usize::from(path.to_string_lossy().ends_with(ending)) }
    };
    entries.flatten().map(|entry| count_in(&entry.path())).sum()
}

/// Starts the run and kills it once so many jobs are finished.
fn killed(out: &Path, finished: usize) {
    let mut child = losslab(&flags(out)).spawn().unwrap();
    let started = Instant::now();
    while count(&out.join("unfinished"), ".result") < finished {
        assert!(started.elapsed() < Duration::from_secs(300), "no job was finished");
        assert!(child.try_wait().unwrap().is_none(), "the run ended before it could be killed");
        thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

fn failure(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(2));
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn killed_runs_go_on_and_end_alike() {
    let folder = tempfile::tempdir().unwrap();
    let [whole, stopped] = ["whole", "stopped"].map(|name| folder.path().join(name));
    assert!(losslab(&flags(&whole)).output().unwrap().status.success());
    assert_eq!(count(&whole, ".result"), 0);

    for finished in [1, 3] {
        killed(&stopped, finished);
        assert!(!stopped.join("outcome.json").exists());
    }
    // The folder may be moved meanwhile.
    let moved = folder.path().join("moved");
    fs::rename(&stopped, &moved).unwrap();
    let before = count(&moved, ".result");
    assert!((3..6).contains(&before), "{before}");

    let output = resume(&moved);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(outcome(&moved), outcome(&whole));
    assert!(!moved.join("unfinished").exists());
    assert!(failure(&resume(&moved)).contains("the run in it is finished"));
}

#[test]
fn a_stopped_run_is_neither_mixed_with_another_nor_lost() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    killed(&out, 1);
    let with = |more: &[&str]| losslab(&[&flags(&out), more].concat()).output().unwrap();
    let other = failure(&with(&["--set", "lr=0.001"]));
    assert!(
        other.contains("with other settings") && other.contains("--resume") && other.contains("--restart"),
        "{other}"
    );
    assert!(count(&out, ".result") >= 1);

    // The same command goes on by itself.
    let same = with(&[]);
    assert!(same.status.success());
    assert!(String::from_utf8_lossy(&same.stderr).contains("Going on with the run"));

    killed(&out, 1);
    assert!(with(&["--restart", "--set", "epochs=1"]).status.success());
    assert!(!out.join("unfinished").exists());
}

#[test]
fn there_must_be_something_to_go_on_with() {
    let folder = tempfile::tempdir().unwrap();
    assert!(failure(&resume(folder.path())).contains("no stopped run is in it"));
    assert!(failure(&resume(&folder.path().join("none"))).contains("none: no such folder"));
    let both = losslab(&["run", "--resume", "x", "--full"]).output().unwrap();
    assert!(failure(&both).contains("--full"));
}

#[test]
fn a_dry_run_does_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let output = losslab(&[&flags(&out)[..], &["--dry-run"]].concat()).stdout(Stdio::piped()).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    // Three data sets with two seeds: cross-entropy, weighted cross-entropy and two focal losses, 12 epochs each.
    assert!(text.contains("24, 288 epochs in all") && text.contains("Nothing was done."), "{text}");
    assert!(!out.exists());
}
