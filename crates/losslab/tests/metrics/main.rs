//! Metrics: values as formulas, edges, properties, and the failures of other libraries.

mod calibration;
mod classification;
mod input;
mod ranking;
mod verification;

use losslab::metrics::MetricError;
use proptest::prelude::*;

/// Equal but for rounding.
#[track_caller]
fn close(found: f64, expected: f64) {
    assert!((found - expected).abs() <= 1e-12 * expected.abs().max(1.0), "found {found}, expected {expected}");
}

/// An error whose text has the given parts.
#[track_caller]
fn fails<T: std::fmt::Debug>(result: Result<T, MetricError>, parts: &[&str]) {
    let text = result.expect_err("it should fail").to_string();
    for part in parts {
        assert!(text.contains(part), "{text:?} should contain {part:?}");
    }
}

/// Scores with many ties, exact in f64 whatever is done to them here.
fn tied_scores(n: usize) -> impl Strategy<Value = Vec<f64>> {
    prop::collection::vec((-12i32..12).prop_map(|score| f64::from(score) / 4.0), n)
}

/// Strictly increasing functions that keep those scores apart.
const INCREASING: [fn(f64) -> f64; 4] =
    [f64::exp, |x| x * x * x + x, |x| 100.0 * x - 7.0, |x| 1.0 / (1.0 + (-x).exp())];

/// The items at the given places.
fn at<T: Clone>(items: &[T], order: &[usize]) -> Vec<T> {
    order.iter().map(|&place| items[place].clone()).collect()
}

/// A random order of `0..n`.
fn orders(n: usize) -> impl Strategy<Value = Vec<usize>> {
    Just((0..n).collect::<Vec<usize>>()).prop_shuffle()
}
