//! Fixed-size chunks over threads, with sums that don't depend on the number of threads.

use crate::options::Reduction;
use rayon::prelude::*;
use std::ops::RangeInclusive;

/// What a kernel adds up over its terms.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sums {
    /// The sum of the terms.
    pub total: f64,
    /// The sum of the weights of the valid terms.
    pub weight: f64,
    /// The number of valid terms.
    pub valid: u64,
    /// The number of terms above 0, NaN among them.
    pub active: u64,
}

impl Sums {
    /// The sums of one valid term.
    pub(crate) fn of(term: f64, weight: f64) -> Self {
        Self { total: term, weight, valid: 1, active: u64::from(term > 0.0 || term.is_nan()) }
    }

    /// Adds the sums of other terms.
    pub(crate) fn add(&mut self, other: Self) {
        self.total += other.total;
        self.weight += other.weight;
        self.valid += other.valid;
        self.active += other.active;
    }

    /// The factor that turns the sum of the terms, and its gradient, into the reduced loss. It is 0 where there is
    /// nothing to average.
    pub fn scale(&self, reduction: Reduction) -> f64 {
        let denominator = match reduction {
            Reduction::Mean => self.weight,
            Reduction::MeanPerSample => self.valid as f64,
            Reduction::MeanActive => self.active as f64,
            Reduction::Sum => return 1.0,
        };
        if denominator == 0.0 { 0.0 } else { 1.0 / denominator }
    }
}

/// The position of the first value outside a range; a NaN is outside none.
pub fn first_outside(values: &[f32], range: RangeInclusive<f32>) -> Option<usize> {
    let (low, high) = (*range.start(), *range.end());
    let outside = |x: f32| (x < low) | (x > high);
    // A whole chunk at a time, which vector instructions look at without a branch.
    const CHUNK: usize = 1 << 14;
    let is_bad = |chunk: &&[f32]| chunk.iter().fold(false, |bad, &x| bad | outside(x));
    let (at, chunk) = values.par_chunks(CHUNK).enumerate().find_first(|(_, chunk)| is_bad(chunk))?;
    chunk.iter().position(|&x| outside(x)).map(|index| at * CHUNK + index)
}

/// Adds up the sums of all chunks in their order.
pub(crate) fn in_order(chunks: Vec<Sums>) -> Sums {
    let mut sums = Sums::default();
    chunks.into_iter().for_each(|chunk| sums.add(chunk));
    sums
}

/// The number of rows in a chunk, so that a chunk holds about 16 Ki values.
pub(crate) fn rows_per_chunk(columns: usize) -> usize {
    (16 * 1024 / columns.max(1)).max(1)
}

/// Cuts a gradient of `total` values into pieces of `size`, or makes as many empty places.
///
/// # Panics
/// If the gradient has another length.
pub(crate) fn pieces(gradient: Option<&mut [f32]>, total: usize, size: usize) -> Vec<Option<&mut [f32]>> {
    match gradient {
        Some(gradient) => {
            assert_eq!(gradient.len(), total, "one gradient an input");
            gradient.chunks_mut(size).map(Some).collect()
        }
        None => (0..total.div_ceil(size)).map(|_| None).collect(),
    }
}
