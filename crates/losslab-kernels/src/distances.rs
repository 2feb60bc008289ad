//! Distances between rows, for mining.

use crate::options::Distance;
use rayon::prelude::*;

/// The distance of each of some rows of `x`, `[n, width]`, from all rows: `[rows.len(), n]`, row-major, in f64.
///
/// # Panics
/// If `x` has no whole number of rows, or `rows` reaches beyond them.
pub fn distances(distance: Distance, x: &[f32], width: usize, rows: std::ops::Range<usize>) -> Vec<f64> {
    assert!(width > 0 && x.len().is_multiple_of(width), "rows of {width} in {} values", x.len());
    let row = |i: usize| &x[i * width..(i + 1) * width];
    let n = x.len() / width;
    let norms = match distance {
        Distance::Cosine => (0..n).map(|i| dot(row(i), row(i)).sqrt()).collect::<Vec<f64>>(),
        _ => Vec::new(),
    };
    let between = |i: usize, j: usize| match distance {
        Distance::Euclidean => squared(row(i), row(j)).sqrt(),
        Distance::SquaredEuclidean => squared(row(i), row(j)),
        // The cosine with a zero vector is 0.
        Distance::Cosine if norms[i] == 0.0 || norms[j] == 0.0 => 1.0,
        Distance::Cosine => 1.0 - dot(row(i), row(j)) / (norms[i] * norms[j]),
    };
    let mut found = vec![0.0; rows.len() * n];
    found.par_chunks_mut(n.max(1)).zip(rows).for_each(|(found, i)| {
        found.iter_mut().enumerate().for_each(|(j, found)| *found = between(i, j));
    });
    found
}

pub(crate) fn squared(x: &[f32], y: &[f32]) -> f64 {
    sum(x, y, |x, y| (x - y) * (x - y))
}

pub(crate) fn dot(x: &[f32], y: &[f32]) -> f64 {
    sum(x, y, |x, y| x * y)
}

/// Adds up in four lanes, which a compiler turns into vector instructions.
#[inline]
pub(crate) fn sum(x: &[f32], y: &[f32], term: impl Fn(f64, f64) -> f64) -> f64 {
    const LANES: usize = 4;
    let mut lanes = [0.0; LANES];
    let (x_chunks, y_chunks) = (x.chunks_exact(LANES), y.chunks_exact(LANES));
    let rest = x_chunks.remainder().iter().zip(y_chunks.remainder());
    let rest: f64 = rest.map(|(&x, &y)| term(x.into(), y.into())).sum();
    for (x, y) in x_chunks.zip(y_chunks) {
        for lane in 0..LANES {
            lanes[lane] += term(x[lane].into(), y[lane].into());
        }
    }
    lanes.iter().sum::<f64>() + rest
}
