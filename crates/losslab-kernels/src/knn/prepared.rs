//! Rows made ready for a matrix product, and how far its scores can be off.
//!
//! The score of a pair is `x̂·ŷ − f·b`, larger where the row is nearer, with `‖x̂‖ ≤ 1` and `‖ŷ‖ ≤ 1`:
//! - dot: the query is scaled to length 1, the gallery by its longest row;
//! - cosine: both have length 1;
//! - Euclidean: both are moved by the gallery's mean and scaled by its longest row, `b = ‖ŷ‖²/2`, and `f` keeps a far
//!   query within length 1. Then `score = f·(‖x‖² − ‖x − y‖²)/2`, where the query's own length wasn't shortened.
//!
//! So each exact value has a score too (`offset + slope·value`), to which scores from the product can be compared.

use super::Gallery;
use crate::distances::{dot, squared};
use crate::options::Similarity;
use rayon::prelude::*;

/// The number of gallery rows that are multiplied at once.
pub(super) const COLUMNS: usize = 1024;

/// The unit roundoffs of f32 and f64.
const U32: f64 = f32::EPSILON as f64 / 2.0;
const U64: f64 = f64::EPSILON / 2.0;

/// A block of queries.
pub(super) struct Queries<'a> {
    rows: &'a [f32],
    width: usize,
    squares: Vec<f64>,
    cosine: bool,
    pub(super) prepared: Vec<f32>,
    /// `offset + slope·value` is the score of an exact value.
    scores: Vec<Score>,
}

struct Score {
    offset: f64,
    slope: f64,
    bias_factor: f32,
    /// How far the score of an exact value can be off.
    slack: f64,
}

impl Queries<'_> {
    pub(super) fn len(&self) -> usize {
        self.scores.len()
    }

    /// The score of an exact value.
    pub(super) fn score(&self, query: usize, value: f64) -> f64 {
        let value = if self.cosine { signed_root(value) } else { value };
        self.scores[query].offset + self.scores[query].slope * value
    }

    /// How far the score of an exact value can be off.
    pub(super) fn slack(&self, query: usize) -> f64 {
        self.scores[query].slack
    }

    /// What a row's bias is multiplied by.
    pub(super) fn bias_factor(&self, query: usize) -> f32 {
        self.scores[query].bias_factor
    }
}

impl<'a> Gallery<'a> {
    /// Prepares rows, `[n, width]` row-major.
    ///
    /// # Panics
    /// If `rows` isn't finite or has no whole number of rows, `width` is 0 or above 2²², or there are 2³² rows or more.
    pub fn new(similarity: Similarity, rows: &'a [f32], width: usize) -> Self {
        assert!((1..=1 << 22).contains(&width), "a width within 1 and 2^22, not {width}");
        assert!(rows.len().is_multiple_of(width), "rows of {width} in {} values", rows.len());
        assert!(rows.iter().all(|x| x.is_finite()), "finite rows");
        let n = rows.len() / width;
        assert!(u32::try_from(n).is_ok(), "fewer than 2^32 rows");

        let squares: Vec<f64> = rows.par_chunks(width).map(|row| dot(row, row)).collect();
        let mut center = vec![0.0; width];
        if similarity == Similarity::Euclidean {
            for row in rows.chunks(width) {
                center.iter_mut().zip(row).for_each(|(sum, &x)| *sum += f64::from(x));
            }
            center.iter_mut().for_each(|sum| *sum /= n.max(1) as f64);
        }
        let lengths: Vec<f64> = match similarity {
            Similarity::Euclidean => rows.par_chunks(width).map(|row| length(row, &center)).collect(),
            _ => squares.iter().map(|square| square.sqrt()).collect(),
        };
        let longest = lengths.iter().copied().fold(0.0, f64::max);
        let unit = if longest > 0.0 { longest } else { 1.0 };

        let mut prepared = vec![0.0; rows.len()];
        prepared.par_chunks_mut(width).zip(rows.par_chunks(width)).zip(&lengths).for_each(|((to, row), &length)| {
            let unit = if similarity == Similarity::Cosine { length } else { unit };
            prepare(row, &center, unit, to);
        });
        let relative = |&length: &f64| if similarity == Similarity::Cosine { 1.0 } else { length / unit };
        let lengths: Vec<f64> = lengths.iter().map(relative).collect();
        let half_square = |&length: &f64| if similarity == Similarity::Euclidean { 0.5 * length * length } else { 0.0 };
        let bias = lengths.iter().map(|length| half_square(length) as f32).collect();
        let errors: Vec<f32> = lengths.iter().map(|&length| error(width, length)).collect();
        let largest = |errors: &[f32]| errors.iter().copied().fold(0.0, f32::max);
        let tile_errors = errors.chunks(COLUMNS).map(largest).collect();
        Self { similarity, rows, width, squares, center, unit, prepared, errors, tile_errors, bias }
    }

    /// Prepares a block of queries.
    pub(super) fn queries<'b>(&self, rows: &'b [f32]) -> Queries<'b> {
        let squares: Vec<f64> = rows.chunks(self.width).map(|row| dot(row, row)).collect();
        let mut prepared = vec![0.0; rows.len()];
        let rounding = (self.width + 8) as f64 * U64;
        let places = prepared.chunks_mut(self.width).zip(rows.chunks(self.width));
        let scores = places.zip(&squares).map(|((to, row), square)| match self.similarity {
            Similarity::Cosine | Similarity::Dot => {
                let norm = square.sqrt();
                prepare(row, &self.center, norm, to);
                let unit = if self.similarity == Similarity::Cosine { 1.0 } else { norm * self.unit };
                let slope = if unit > 0.0 { 1.0 / unit } else { 0.0 };
                Score { offset: 0.0, slope, bias_factor: 0.0, slack: 2.0 * rounding }
            }
            Similarity::Euclidean => {
                let length = length(row, &self.center) / self.unit;
                let factor = 1.0 / length.max(1.0);
                prepare(row, &self.center, self.unit / factor, to);
                let slope = -0.5 * factor / (self.unit * self.unit);
                let slack = 2.0 * rounding * factor * (length + 1.0) * (length + 1.0);
                Score { offset: 0.5 * factor * length * length, slope, bias_factor: factor as f32, slack }
            }
        });
        let scores = scores.collect();
        let cosine = self.similarity == Similarity::Cosine;
        Queries { rows, width: self.width, squares, cosine, prepared, scores }
    }

    /// The exact value of a pair, by which it is ranked. That of the cosine is its square with its sign: a quotient
    /// of sums, with no root that could part equal ones.
    pub(super) fn value(&self, queries: &Queries<'_>, query: usize, row: usize) -> f64 {
        let x = &queries.rows[query * queries.width..(query + 1) * queries.width];
        let y = &self.rows[row * self.width..(row + 1) * self.width];
        match self.similarity {
            Similarity::Dot => dot(x, y),
            Similarity::Euclidean => squared(x, y),
            Similarity::Cosine => {
                let squares = queries.squares[query] * self.squares[row];
                if squares == 0.0 {
                    return 0.0;
                }
                let dot = dot(x, y);
                dot * dot.abs() / squares
            }
        }
    }

    /// What a value by which rows are ranked is to the caller.
    pub(super) fn shown(&self, value: f64) -> f64 {
        if self.similarity == Similarity::Cosine { signed_root(value) } else { value }
    }

    /// Whether the first of two (value, row) comes before the second.
    pub(super) fn before(&self, a: (f64, usize), b: (f64, usize)) -> bool {
        let nearer = if self.similarity == Similarity::Euclidean { a.0 < b.0 } else { a.0 > b.0 };
        nearer || a.0 == b.0 && a.1 < b.1
    }

    /// How far the scores of the tile that starts at a row can be off.
    pub(super) fn tile_error(&self, start: usize) -> f64 {
        self.tile_errors[start / COLUMNS].into()
    }
}

/// How far a score from the matrix product can be off, for a prepared row of this length.
///
/// A sum of `d` products in f32, in any order, is off by at most `d·u/(1 − d·u)·Σ|xᵢyᵢ|`, and the sum is at most the
/// product of the lengths. The few more roundings are those of the prepared values, the bias and the difference;
/// twice, for the bias can add half as much. Products below the smallest normal number may be lost.
fn error(width: usize, length: f64) -> f32 {
    let roundings = (width + 8) as f64;
    (2.0 * roundings * (U32 / (1.0 - roundings * U32) * length + f64::from(f32::MIN_POSITIVE))) as f32
}

fn signed_root(value: f64) -> f64 {
    value.abs().sqrt().copysign(value)
}

/// The distance of a row from the centre.
fn length(row: &[f32], center: &[f64]) -> f64 {
    row.iter().zip(center).map(|(&x, c)| (f64::from(x) - c) * (f64::from(x) - c)).sum::<f64>().sqrt()
}

/// `(row − center) / unit`, 0 for a zero unit.
fn prepare(row: &[f32], center: &[f64], unit: f64, to: &mut [f32]) {
    let scale = if unit > 0.0 { 1.0 / unit } else { 0.0 };
    for ((to, &x), c) in to.iter_mut().zip(row).zip(center) {
        *to = ((f64::from(x) - c) * scale) as f32;
    }
}
