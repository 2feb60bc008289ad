//! Metrics of embeddings: retrieval, shape and clusters. Values as formulas, brute force, properties, memory.

mod clustering;
#[path = "../counting/mod.rs"]
mod counting;
mod embedding;
mod memory;
mod retrieval;

use losslab::metrics::{Embeddings, MetricError};
use proptest::prelude::*;

/// Equal but for rounding.
#[track_caller]
fn close(found: f64, expected: f64) {
    assert!((found - expected).abs() <= 1e-11 * expected.abs().max(1.0), "found {found}, expected {expected}");
}

/// An error whose text has the given parts.
#[track_caller]
fn fails<T: std::fmt::Debug>(result: Result<T, MetricError>, parts: &[&str]) {
    let text = result.expect_err("it should fail").to_string();
    for part in parts {
        assert!(text.contains(part), "{text:?} should contain {part:?}");
    }
}

fn embeddings<const D: usize>(rows: &[[f32; D]]) -> Embeddings {
    Embeddings::try_new(rows.concat(), D).unwrap()
}

/// Reproducible numbers in `[-1, 1)`.
fn numbers(seed: u64, count: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        ((state >> 40) as f32 / (1u64 << 23) as f32) - 1.0
    };
    (0..count).map(|_| next()).collect()
}

/// The rows in another order.
fn reordered(embeddings: &Embeddings, order: &[usize]) -> Embeddings {
    let values = order.iter().flat_map(|&row| embeddings.row(row).to_vec()).collect();
    Embeddings::try_new(values, embeddings.dim()).unwrap()
}

/// The items at the given places.
fn at<T: Clone>(items: &[T], order: &[usize]) -> Vec<T> {
    order.iter().map(|&place| items[place].clone()).collect()
}

/// A random order of `0..n`.
fn orders(n: usize) -> impl Strategy<Value = Vec<usize>> {
    Just((0..n).collect::<Vec<usize>>()).prop_shuffle()
}
