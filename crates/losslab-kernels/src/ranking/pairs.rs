//! Sums over the pairs of a list, row by row.

use rayon::prelude::*;

/// Rows that a thread takes at least.
const ROWS: usize = 32;

/// A value and a slope for each item, by a function of the item: over all threads, the sum in the order of the items.
/// The slopes are added to the gradient.
pub(super) fn by_item(
    items: usize,
    gradient: Option<&mut [f64]>,
    row: impl Fn(usize) -> (f64, f64) + Send + Sync,
) -> f64 {
    let rows: Vec<(f64, f64)> = (0..items).into_par_iter().with_min_len(ROWS).map(row).collect();
    if let Some(gradient) = gradient {
        gradient.iter_mut().zip(&rows).for_each(|(gradient, row)| *gradient += row.1);
    }
    rows.iter().map(|row| row.0).sum()
}

/// `Σ w(i, j) · ln(1 + exp(−σ(s_i − s_j)))` over all ordered pairs, where `w(i, i)` is 0.
pub(super) fn logistic(
    sigma: f64,
    scores: &[f64],
    gradient: Option<&mut [f64]>,
    weight: impl Fn(usize, usize) -> f64 + Sync,
) -> f64 {
    let tracked = gradient.is_some();
    // Each item adds up its own gradient, as the upper and as the lower one of its pairs: no two write to one place.
    by_item(scores.len(), gradient, |i| {
        let (mut value, mut slope) = (0.0, 0.0);
        for (j, score) in scores.iter().enumerate() {
            let (above, below) = (weight(i, j), if tracked { weight(j, i) } else { 0.0 });
            if above == 0.0 && below == 0.0 {
                continue;
            }
            let x = sigma * (scores[i] - score);
            let e = (-x.abs()).exp();
            if above != 0.0 {
                value += above * ((-x).max(0.0) + e.ln_1p());
            }
            let (small, large) = (e / (1.0 + e), 1.0 / (1.0 + e));
            let (by_above, by_below) = if x >= 0.0 { (small, large) } else { (large, small) };
            slope += sigma * (below * by_below - above * by_above);
        }
        (value, slope)
    })
}

/// `ln(1 + exp x)`.
pub(super) fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

/// `1 / (1 + exp(−x))`.
pub(super) fn sigmoid(x: f64) -> f64 {
    let e = (-x.abs()).exp();
    if x >= 0.0 { 1.0 / (1.0 + e) } else { e / (1.0 + e) }
}
