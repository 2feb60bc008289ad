//! Exact nearest neighbours: a matrix product in f32 finds the candidates, f64 decides.
//!
//! The product of a block of queries with a block of gallery rows gives scores with a known bound on their rounding
//! error. A row is dropped only where that bound proves that `k` others come before it; the few that remain are
//! computed again in f64 from the rows as given. What comes out is therefore what sorting all rows by the f64 values
//! would give, whatever the processor, the block sizes and the number of threads.

mod candidates;
mod prepared;

use crate::options::Similarity;
use candidates::Candidates;
use gemm::Parallelism;
use prepared::{COLUMNS, Queries};
use rayon::prelude::*;
use std::ops::Range;

/// The most queries in a block. With [`COLUMNS`], a MiB of scores: larger ones leave the caches, smaller ones multiply
/// more slowly.
const QUERIES: usize = 256;

/// The most candidates that a block of queries holds at once, 16 bytes each.
const CANDIDATES: usize = 512 * 1024;

/// The nearest gallery rows of each query, in order.
#[derive(Clone, Debug, PartialEq)]
pub struct Neighbours {
    /// The number of neighbours of each query: what was asked for, or all rows where there are fewer.
    pub k: usize,
    /// Their positions in the gallery, `[queries, k]`, nearest first.
    pub indices: Vec<u32>,
    /// Their cosine, inner product or squared Euclidean distance in f64, `[queries, k]`.
    pub values: Vec<f64>,
}

impl Neighbours {
    /// The neighbours of one query.
    pub fn of(&self, query: usize) -> &[u32] {
        &self.indices[query * self.k..(query + 1) * self.k]
    }
}

/// Rows among which neighbours are searched, prepared for any number of searches.
///
/// | similarity | value, in f64 from the f32 rows | first |
/// |---|---|---|
/// | [`Similarity::Cosine`] | `x·y / (‖x‖‖y‖)`, 0 where a row is zero | the largest |
/// | [`Similarity::Dot`] | `x·y` | the largest |
/// | [`Similarity::Euclidean`] | `Σ (x − y)²` | the smallest |
///
/// Rows with the same value in f64 come in the order of their position, so duplicates tie and the lowest index wins. (The
/// cosines of other multiples of a row may differ in the last digit.) That order is exact: the f32 matrix product only
/// drops rows of which its error bound proves that they aren't among the nearest, and f64 values order the rest. No
/// digits are lost for points far from the origin, of very different length, or close together. Where very many rows are equal or nearly so (collapsed embeddings), the f64 values of
/// most pairs are computed and the search slows down, but it stays within its memory.
///
/// # Memory
/// A prepared copy of the rows; a search adds its result (12 bytes a neighbour) and, for each thread, about a MiB of
/// scores and at most 8 MiB of candidates, or those of 8 queries where `k` is very large. No matrix of all queries by
/// all rows.
///
/// ```
/// use losslab_kernels::{Gallery, options::Similarity};
///
/// let rows = [0.0, 0.0, 3.0, 4.0, 0.0, 1.0, 0.0, 1.0]; // four rows of two
/// let gallery = Gallery::new(Similarity::Euclidean, &rows, 2);
/// // Leave one out: row i is no neighbour of query i, but a duplicate of it is.
/// let found = gallery.nearest(&rows, 2, Some(&[0, 1, 2, 3]));
/// assert_eq!(found.of(0), [2, 3]);
/// assert_eq!(found.of(3), [2, 0]);
/// assert_eq!(found.values[..2], [1.0, 1.0]);
/// ```
pub struct Gallery<'a> {
    similarity: Similarity,
    rows: &'a [f32],
    width: usize,
    /// The squared length of each row as given.
    squares: Vec<f64>,
    /// What is subtracted from rows and queries before they are multiplied.
    center: Vec<f64>,
    /// The length that is 1 in the prepared rows.
    unit: f64,
    /// The rows centred and scaled, at most 1 long, for the matrix product.
    prepared: Vec<f32>,
    /// How far the scores of a row can be off, and those of a tile.
    errors: Vec<f32>,
    tile_errors: Vec<f32>,
    /// What a row's product is reduced by: half the squared length for the Euclidean distance, else 0.
    bias: Vec<f32>,
}

impl Gallery<'_> {
    /// The number of rows.
    pub fn len(&self) -> usize {
        self.squares.len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.squares.is_empty()
    }

    /// The `k` nearest rows of each query, `[n, width]` row-major. `excluded` holds for each query one gallery row that
    /// isn't searched, such as the query itself. Where `k` is more than there are rows, all come out in order.
    ///
    /// # Panics
    /// If `queries` isn't finite or has no whole number of rows, or `excluded` has another length or reaches beyond the
    /// gallery.
    pub fn nearest(&self, queries: &[f32], k: usize, excluded: Option<&[usize]>) -> Neighbours {
        let n = self.check(queries, excluded);
        let k = k.min(self.len().saturating_sub(usize::from(excluded.is_some())));
        let (mut indices, mut values) = (vec![0; n * k], vec![0.0; n * k]);
        if n * k > 0 {
            let capacity = Candidates::capacity(k, self.len());
            let block = block_size(n, (CANDIDATES / capacity).clamp(8, QUERIES));
            let places = indices.par_chunks_mut(block * k).zip(values.par_chunks_mut(block * k));
            places.enumerate().for_each(|(at, (indices, values))| {
                let block = at * block..((at + 1) * block).min(n);
                let excluded = |query: usize| excluded.map_or(usize::MAX, |rows| rows[block.start + query]);
                let queries = self.queries(&queries[block.start * self.width..block.end * self.width]);
                let mut found: Vec<Candidates> =
                    (0..queries.len()).map(|query| Candidates::new(k, capacity, excluded(query))).collect();
                self.for_each_tile(&queries, |query, columns, scores| {
                    found[query].scan(self, &queries, query, columns, scores);
                });
                let places = indices.chunks_mut(k).zip(values.chunks_mut(k));
                for ((query, mut found), (indices, values)) in found.into_iter().enumerate().zip(places) {
                    found.finish(self, &queries, query, indices, values);
                }
            });
        }
        Neighbours { k, indices, values }
    }

    /// The number of rows that come before row `targets[i]` in the order of query `i`: 0 for its nearest one.
    /// `excluded` is as in [`nearest`](Self::nearest); an excluded row counts as no row.
    ///
    /// # Panics
    /// As [`nearest`](Self::nearest), and if `targets` has another length or reaches beyond the gallery.
    pub fn ranks(&self, queries: &[f32], targets: &[usize], excluded: Option<&[usize]>) -> Vec<usize> {
        let n = self.check(queries, excluded);
        assert_eq!(targets.len(), n, "one target a query");
        assert!(targets.iter().all(|&row| row < self.len()), "targets within {} rows", self.len());
        let block = block_size(n, QUERIES);
        let mut ranks = vec![0; n];
        ranks.par_chunks_mut(block).enumerate().for_each(|(at, ranks)| {
            let first = at * block;
            let queries = self.queries(&queries[first * self.width..(first + ranks.len()) * self.width]);
            let targets = &targets[first..first + ranks.len()];
            let values: Vec<f64> = targets.iter().enumerate().map(|(i, &row)| self.value(&queries, i, row)).collect();
            self.for_each_tile(&queries, |query, columns, scores| {
                let target = (values[query], targets[query]);
                ranks[query] += self.count_before(&queries, query, target, columns, scores);
            });
            // The count is exact, so that an excluded row is in it exactly if it comes before.
            for (query, rank) in ranks.iter_mut().enumerate() {
                let target = (values[query], targets[query]);
                let before = |row: usize| self.before((self.value(&queries, query, row), row), target);
                *rank -= usize::from(excluded.is_some_and(|rows| before(rows[first + query])));
            }
        });
        ranks
    }

    fn check(&self, queries: &[f32], excluded: Option<&[usize]>) -> usize {
        assert!(queries.len().is_multiple_of(self.width), "rows of {} in {} values", self.width, queries.len());
        assert!(queries.iter().all(|x| x.is_finite()), "finite queries");
        let n = queries.len() / self.width;
        if let Some(rows) = excluded {
            assert_eq!(rows.len(), n, "one excluded row a query");
            assert!(rows.iter().all(|&row| row < self.len()), "excluded rows within {}", self.len());
        }
        n
    }

    /// Calls `visit(query, columns, scores)` for each query of a block and each range of gallery rows, in their order.
    fn for_each_tile(&self, queries: &Queries<'_>, mut visit: impl FnMut(usize, Range<usize>, &[f32])) {
        let mut tile = vec![0.0f32; queries.len() * COLUMNS];
        for start in (0..self.len()).step_by(COLUMNS) {
            let columns = start..(start + COLUMNS).min(self.len());
            let rows = &self.prepared[start * self.width..columns.end * self.width];
            multiply(&queries.prepared, rows, self.width, &mut tile);
            for (query, scores) in tile.chunks(COLUMNS).enumerate() {
                visit(query, columns.clone(), &scores[..columns.len()]);
            }
        }
    }

    /// How many rows of a tile come before a target, given as value and row.
    fn count_before(
        &self,
        queries: &Queries<'_>,
        query: usize,
        target: (f64, usize),
        columns: Range<usize>,
        scores: &[f32],
    ) -> usize {
        let score = queries.score(query, target.0);
        let slack = self.tile_error(columns.start) + 2.0 * queries.slack(query);
        let (low, high) = (((score - slack) as f32).next_down(), ((score + slack) as f32).next_up());
        let (bias, factor) = (&self.bias[columns.clone()], queries.bias_factor(query));
        let mut count = 0;
        for (at, (scores, bias)) in scores.chunks(64).zip(bias.chunks(64)).enumerate() {
            let (mut above, mut unclear) = (0u32, 0u32);
            for (score, bias) in scores.iter().zip(bias) {
                let score = score - factor * bias;
                above += u32::from(score > high);
                unclear += u32::from(score >= low);
            }
            count += above as usize;
            if unclear > above {
                for (j, (score, bias)) in scores.iter().zip(bias).enumerate() {
                    let (score, row) = (score - factor * bias, columns.start + at * 64 + j);
                    let close = (low..=high).contains(&score);
                    count += usize::from(close && self.before((self.value(queries, query, row), row), target));
                }
            }
        }
        count
    }
}

/// At most `most` queries a block, evenly over the threads.
fn block_size(queries: usize, most: usize) -> usize {
    let threads = rayon::current_num_threads();
    let rounds = queries.div_ceil(most * threads).max(1);
    queries.div_ceil(rounds * threads).max(1)
}

/// `tile[i, j] = x[i]·y[j]`, with rows of [`COLUMNS`] in the tile.
fn multiply(x: &[f32], y: &[f32], width: usize, tile: &mut [f32]) {
    let (m, n) = (x.len() / width, y.len() / width);
    assert!(n <= COLUMNS && m * COLUMNS <= tile.len());
    let (along, across) = (1, width as isize);
    // SAFETY: the strides describe `x`, the transposed `y` and the tile within their lengths, as asserted; a slice
    // that is written isn't read elsewhere.
    unsafe {
        gemm::gemm(
            m,
            n,
            width,
            tile.as_mut_ptr(),
            1,
            COLUMNS as isize,
            false,
            x.as_ptr(),
            along,
            across,
            y.as_ptr(),
            across,
            along,
            0.0f32,
            1.0f32,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}
