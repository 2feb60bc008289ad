//! Calling the program as a user does, and the files for it.

// Each test takes what it needs.
#![allow(dead_code)]

use safetensors::{Dtype, tensor::TensorView};
use serde_json::Value;
use std::{
    fs,
    path::Path,
    process::{Command, Output, Stdio},
};

/// The program with these arguments, to be changed or started. Its input is no terminal, so that it asks nothing.
pub fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_losslab"));
    command.args(arguments).stdin(Stdio::null());
    command
}

pub fn losslab(arguments: &[&str]) -> Output {
    command(arguments).output().expect("losslab runs")
}

/// `losslab run` with settings `key=value`, on a number of threads.
pub fn run(experiment: &str, out: &Path, seeds: &str, threads: &str, settings: &[&str]) -> Output {
    let mut command = command(&["run", experiment, "--seeds", seeds, "--out", out.to_str().unwrap()]);
    settings.iter().for_each(|setting| {
        command.args(["--set", setting]);
    });
    command.env("RAYON_NUM_THREADS", threads).output().expect("losslab runs")
}

pub fn succeeded(output: &Output) {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// What a run has written as its outcome.
pub fn outcome(folder: &Path) -> Value {
    serde_json::from_slice(&fs::read(folder.join("outcome.json")).unwrap()).unwrap()
}

pub fn json(output: &Output) -> Value {
    succeeded(output);
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// The one line of an error, which comes with status 2 and nothing on the output.
pub fn error(arguments: &[&str]) -> String {
    refusal(&losslab(arguments))
}

/// The same of a program that has ended.
pub fn refusal(output: &Output) -> String {
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(output.stdout.is_empty());
    assert!(text.starts_with("error: ") && text.ends_with('\n') && text.lines().count() == 1, "{text}");
    text
}

/// A tensor for a file.
pub struct Saved {
    name: &'static str,
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

pub fn floats(name: &'static str, shape: &[usize], values: &[f32]) -> Saved {
    let bytes = values.iter().flat_map(|x| x.to_le_bytes()).collect();
    Saved { name, dtype: Dtype::F32, shape: shape.to_vec(), bytes }
}

pub fn doubles(name: &'static str, shape: &[usize], values: &[f64]) -> Saved {
    let bytes = values.iter().flat_map(|x| x.to_le_bytes()).collect();
    Saved { name, dtype: Dtype::F64, shape: shape.to_vec(), bytes }
}

pub fn integers(name: &'static str, values: &[i64]) -> Saved {
    let bytes = values.iter().flat_map(|x| x.to_le_bytes()).collect();
    Saved { name, dtype: Dtype::I64, shape: vec![values.len()], bytes }
}

pub fn bools(name: &'static str, values: &[bool]) -> Saved {
    Saved { name, dtype: Dtype::BOOL, shape: vec![values.len()], bytes: values.iter().map(|&x| u8::from(x)).collect() }
}

/// Writes tensors to a file of the folder and returns its path.
pub fn save(folder: &Path, tensors: &[Saved]) -> String {
    let views = tensors
        .iter()
        .map(|saved| (saved.name, TensorView::new(saved.dtype, saved.shape.clone(), &saved.bytes).unwrap()));
    let file = folder.join("saved.safetensors");
    std::fs::write(&file, safetensors::serialize(views.collect::<Vec<_>>(), None).unwrap()).unwrap();
    file.to_str().unwrap().to_owned()
}
