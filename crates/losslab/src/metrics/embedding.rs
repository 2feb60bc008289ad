//! How embeddings lie in space: alignment, uniformity, effective rank, distances within and between classes.
//!
//! All are computed in f64 from the f32 rows as given, with no matrix of all pairs: distances are made row by row,
//! over threads, and added in an order that doesn't depend on them.

use super::error::MetricError;
use super::input::Embeddings;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// Whether embeddings are brought to length 1 before they are measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lengths {
    /// Every row has length 1, in f64; a zero row stays zero.
    #[default]
    Unit,
    /// As they are.
    AsGiven,
}

/// The mean squared distance of the pairs of one label: `mean ‖x − y‖²` (Wang and Isola 2020, α = 2).
///
/// In `[0, 4]` for unit lengths, and 0 is best. Each pair of rows counts once, so that large classes weigh more. Takes
/// `O(n·d)` time, through the mean of each class.
///
/// # Errors
/// If labels have another length, or no two rows have the same label.
///
/// ```
/// use losslab::metrics::{Embeddings, Lengths, alignment};
///
/// let embeddings = Embeddings::try_new(vec![2.0, 0.0, 0.0, 1.0, 5.0, 0.0], 2)?;
/// assert_eq!(alignment(&embeddings, &[1, 1, 2], Lengths::Unit)?, 2.0);
/// assert_eq!(alignment(&embeddings, &[1, 1, 2], Lengths::AsGiven)?, 5.0);
/// # Ok::<(), losslab::metrics::MetricError>(())
/// ```
pub fn alignment(embeddings: &Embeddings, labels: &[i64], lengths: Lengths) -> Result<f64, MetricError> {
    const NAME: &str = "alignment";
    check(NAME, embeddings, labels)?;
    let rows = Rows::new(embeddings, lengths);
    let mut classes: HashMap<i64, Vec<usize>> = HashMap::new();
    labels.iter().enumerate().for_each(|(row, label)| classes.entry(*label).or_default().push(row));
    let mut classes: Vec<Vec<usize>> = classes.into_values().filter(|members| members.len() > 1).collect();
    classes.sort_unstable();
    // Over the pairs of n rows, Σ ‖x − y‖² = n Σ ‖x − mean‖².
    let (mut sum, mut pairs) = (0.0, 0.0);
    for members in classes {
        let n = members.len() as f64;
        let mut mean = vec![0.0; rows.dim];
        for &row in &members {
            mean.iter_mut().zip(rows.row(row)).for_each(|(mean, x)| *mean += x / n);
        }
        sum += n * members.iter().map(|&row| squared_distance(rows.row(row), &mean)).sum::<f64>();
        pairs += 0.5 * n * (n - 1.0);
    }
    if pairs == 0.0 {
        return Err(MetricError::undefined(NAME, "no two rows have the same label"));
    }
    Ok(sum / pairs)
}

/// The logarithm of the mean Gaussian potential of all pairs: `ln mean exp(−2‖x − y‖²)` (Wang and Isola 2020, t = 2).
///
/// In `[−8, 0]` for unit lengths; 0 where all are equal, and the lower the more evenly they cover the sphere. It doesn't
/// underflow where all rows are far apart. Takes `O(n²·d)` time.
///
/// # Errors
/// If there are fewer than two rows.
pub fn uniformity(embeddings: &Embeddings, lengths: Lengths) -> Result<f64, MetricError> {
    const NAME: &str = "uniformity";
    let n = embeddings.len();
    if n < 2 {
        return Err(MetricError::undefined(NAME, format!("it needs two rows, and there are {n}")));
    }
    let rows = Rows::new(embeddings, lengths);
    // The largest exponent of each row, and the sum of exponentials below it.
    let of_row = |i: usize| {
        let exponents: Vec<f64> = (i + 1..n).map(|j| -2.0 * squared_distance(rows.row(i), rows.row(j))).collect();
        let largest = exponents.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        (largest, exponents.iter().map(|exponent| (exponent - largest).exp()).sum::<f64>())
    };
    let sums: Vec<(f64, f64)> = (0..n - 1).into_par_iter().map(of_row).collect();
    let largest = sums.iter().map(|sum| sum.0).fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = sums.iter().map(|(exponent, sum)| (exponent - largest).exp() * sum).sum();
    let pairs = 0.5 * n as f64 * (n as f64 - 1.0);
    Ok(largest + (sum / pairs).ln())
}

/// How many dimensions the embeddings use: `exp H(σ / Σσ)` of their singular values (Roy and Vetterli 2007).
///
/// From 1 (all on a line through the origin) to `min(n, d)` (all singular values equal). Rows aren't centred. Small
/// singular values are as exact as large ones, since no Gram matrix is formed. Takes
/// `O(n·d·k + k³)` time and `k²` memory with `k = min(n, d)`: 0.02 s for 64 × 2048, about 1 s for
/// 1000 × 512.
///
/// # Errors
/// If there are no rows, or all are zero.
///
/// ```
/// use losslab::metrics::{Embeddings, Lengths, effective_rank};
///
/// let embeddings = Embeddings::try_new(vec![1.0, 0.0, 0.0, -3.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0], 3)?;
/// assert!((effective_rank(&embeddings, Lengths::Unit)? - 2.0).abs() < 1e-12);
/// # Ok::<(), losslab::metrics::MetricError>(())
/// ```
pub fn effective_rank(embeddings: &Embeddings, lengths: Lengths) -> Result<f64, MetricError> {
    const NAME: &str = "effective-rank";
    MetricError::check_not_empty(NAME, "embeddings", embeddings.len())?;
    let singular = singular_values(&Rows::new(embeddings, lengths));
    let sum: f64 = singular.iter().sum();
    if sum == 0.0 {
        return Err(MetricError::undefined(NAME, "all rows are zero"));
    }
    let shares = singular.iter().map(|value| value / sum).filter(|&share| share > 0.0);
    Ok(shares.map(|share| -share * share.ln()).sum::<f64>().exp())
}

/// The mean Euclidean distance of the pairs of one label. Each pair counts once. Takes `O(n²·d)` time.
///
/// # Errors
/// If labels have another length, or no two rows have the same label.
pub fn intra_class_distance(embeddings: &Embeddings, labels: &[i64], lengths: Lengths) -> Result<f64, MetricError> {
    mean_distance("intra-class-distance", "no two rows have the same label", embeddings, labels, lengths, |a, b| a == b)
}

/// The mean Euclidean distance of the pairs of two labels. Each pair counts once. Takes `O(n²·d)` time.
///
/// # Errors
/// If labels have another length, or all rows have the same label.
pub fn inter_class_distance(embeddings: &Embeddings, labels: &[i64], lengths: Lengths) -> Result<f64, MetricError> {
    mean_distance("inter-class-distance", "no two rows have different labels", embeddings, labels, lengths, |a, b| {
        a != b
    })
}

fn mean_distance(
    name: &'static str,
    without_pairs: &str,
    embeddings: &Embeddings,
    labels: &[i64],
    lengths: Lengths,
    counts: impl Fn(i64, i64) -> bool + Sync,
) -> Result<f64, MetricError> {
    check(name, embeddings, labels)?;
    let rows = Rows::new(embeddings, lengths);
    let of_row = |i: usize| {
        let others = (i + 1..labels.len()).filter(|&j| counts(labels[i], labels[j]));
        others.fold((0.0, 0u64), |(sum, pairs), j| (sum + squared_distance(rows.row(i), rows.row(j)).sqrt(), pairs + 1))
    };
    let sums: Vec<(f64, u64)> = (0..labels.len()).into_par_iter().map(of_row).collect();
    let (sum, pairs) = sums.iter().fold((0.0, 0), |total, row| (total.0 + row.0, total.1 + row.1));
    if pairs == 0 {
        return Err(MetricError::undefined(name, without_pairs));
    }
    Ok(sum / pairs as f64)
}

fn check(name: &'static str, embeddings: &Embeddings, labels: &[i64]) -> Result<(), MetricError> {
    MetricError::check_not_empty(name, "embeddings", embeddings.len())?;
    MetricError::check_length(name, "labels", labels.len(), embeddings.len(), "embeddings")
}

/// Rows in f64.
struct Rows {
    values: Vec<f64>,
    dim: usize,
}

impl Rows {
    fn new(embeddings: &Embeddings, lengths: Lengths) -> Self {
        let mut values = Vec::with_capacity(embeddings.values().len());
        for row in embeddings.rows() {
            let norm = match lengths {
                Lengths::Unit => row.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>().sqrt(),
                Lengths::AsGiven => 1.0,
            };
            let norm = if norm > 0.0 { norm } else { 1.0 };
            values.extend(row.iter().map(|&x| f64::from(x) / norm));
        }
        Self { values, dim: embeddings.dim() }
    }

    fn row(&self, row: usize) -> &[f64] {
        &self.values[row * self.dim..(row + 1) * self.dim]
    }
}

/// Added up in four lanes, which a compiler turns into vector instructions.
fn squared_distance(x: &[f64], y: &[f64]) -> f64 {
    in_lanes(x, y, |x, y| (x - y) * (x - y))
}

fn dot(x: &[f64], y: &[f64]) -> f64 {
    in_lanes(x, y, |x, y| x * y)
}

#[inline(always)]
fn in_lanes(x: &[f64], y: &[f64], term: impl Fn(f64, f64) -> f64) -> f64 {
    let ((x, x_rest), (y, y_rest)) = (x.as_chunks::<4>(), y.as_chunks::<4>());
    let mut lanes = [0.0; 4];
    for (x, y) in x.iter().zip(y) {
        for lane in 0..4 {
            lanes[lane] += term(x[lane], y[lane]);
        }
    }
    lanes.iter().sum::<f64>() + x_rest.iter().zip(y_rest).map(|(&x, &y)| term(x, y)).sum::<f64>()
}

/// The singular values of rows.
fn singular_values(rows: &Rows) -> Vec<f64> {
    let mut triangle = triangle(rows);
    make_orthogonal(&mut triangle);
    triangle.iter().map(|row| dot(row, row).sqrt()).collect()
}

/// A triangle with the same singular values, of as many rows as the shorter side has: rotations bring one row after
/// another into it, or one column where there are fewer rows (Golub and Van Loan, *Matrix Computations*, 5.1.8).
fn triangle(rows: &Rows) -> Vec<Vec<f64>> {
    let (n, d) = (rows.values.len() / rows.dim, rows.dim);
    let (long, short) = (n.max(d), n.min(d));
    let mut triangle = vec![vec![0.0f64; short]; short];
    let mut next = vec![0.0; short];
    for i in 0..long {
        if n < d {
            next.iter_mut().enumerate().for_each(|(row, x)| *x = rows.values[row * d + i]);
        } else {
            next.copy_from_slice(rows.row(i));
        }
        for (j, kept) in triangle.iter_mut().enumerate() {
            if next[j] != 0.0 {
                let length = kept[j].hypot(next[j]);
                let (c, s) = (kept[j] / length, next[j] / length);
                rotate(&mut kept[j..], &mut next[j..], c, s);
            }
        }
    }
    triangle
}

/// Makes rows orthogonal by one-sided Jacobi rotations (Golub and Van Loan, 8.6.3), the longest first in each sweep, with
/// squared lengths that each rotation updates (de Rijk 1989).
fn make_orthogonal(rows: &mut [Vec<f64>]) {
    let squared_length = |row: &Vec<f64>| dot(row, row);
    let largest = rows.iter().map(squared_length).fold(0.0, f64::max);
    let noise = f64::EPSILON * f64::EPSILON * largest;
    // What rounding leaves of a product of orthogonal rows.
    let orthogonal = f64::EPSILON * (rows.len() as f64).sqrt();
    // Rotations square the remaining error in each sweep: a dozen do.
    for _ in 0..60 {
        rows.sort_by(|x, y| squared_length(y).total_cmp(&squared_length(x)));
        let mut lengths: Vec<f64> = rows.iter().map(squared_length).collect();
        let mut done = true;
        for q in 1..rows.len() {
            let (head, tail) = rows.split_at_mut(q);
            let y = &mut tail[0];
            for (p, x) in head.iter_mut().enumerate() {
                let (xx, yy) = (lengths[p], lengths[q]);
                if xx.min(yy) <= noise {
                    continue;
                }
                let xy = dot(x, y);
                if xy.abs() <= orthogonal * (xx * yy).sqrt() {
                    continue;
                }
                done = false;
                let zeta = (yy - xx) / (2.0 * xy);
                let tangent = 1.0f64.copysign(zeta) / (zeta.abs() + 1.0f64.hypot(zeta));
                let cosine = 1.0 / 1.0f64.hypot(tangent);
                rotate(x, y, cosine, -cosine * tangent);
                // A difference of nearly equal numbers has few digits.
                let kept = |updated: f64, before: f64, row: &[f64]| {
                    if updated > 0.1 * before { updated } else { dot(row, row) }
                };
                lengths[p] = kept(xx - tangent * xy, xx, x);
                lengths[q] = kept(yy + tangent * xy, yy, y);
            }
        }
        if done {
            break;
        }
    }
}

/// `x ← c·x + s·y`, `y ← c·y − s·x`.
fn rotate(x: &mut [f64], y: &mut [f64], c: f64, s: f64) {
    for (x, y) in x.iter_mut().zip(y) {
        (*x, *y) = (c * *x + s * *y, c * *y - s * *x);
    }
}
