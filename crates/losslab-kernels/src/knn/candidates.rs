//! The rows that may still be among the nearest of one query.

use super::Gallery;
use super::prepared::Queries;
use std::ops::Range;

/// The number of scores that are looked at together.
const LANES: usize = 16;

#[derive(Clone, Copy)]
struct Candidate {
    /// The score from the matrix product, or the exact value.
    number: f64,
    row: u32,
    exact: bool,
}

pub(super) struct Candidates {
    k: usize,
    capacity: usize,
    excluded: usize,
    candidates: Vec<Candidate>,
    /// `k` candidates have at least this score, whatever the rounding.
    reached: f64,
}

impl Candidates {
    /// How many candidates are kept before the hopeless ones are dropped.
    pub(super) fn capacity(k: usize, rows: usize) -> usize {
        (k + (k / 2).max(64)).min(rows)
    }

    pub(super) fn new(k: usize, capacity: usize, excluded: usize) -> Self {
        Self { k, capacity, excluded, candidates: Vec::with_capacity(capacity), reached: f64::NEG_INFINITY }
    }

    /// Takes up the rows of a tile that may be among the nearest.
    pub(super) fn scan(
        &mut self,
        gallery: &Gallery<'_>,
        queries: &Queries<'_>,
        query: usize,
        columns: Range<usize>,
        scores: &[f32],
    ) {
        let factor = queries.bias_factor(query);
        let bias = &gallery.bias[columns.clone()];
        let error = gallery.tile_error(columns.start) + queries.slack(query);
        let mut floor = below(self.reached - error);
        let (groups, rest) = scores.as_chunks::<LANES>();
        let (group_biases, rest_bias) = bias.as_chunks::<LANES>();
        for (at, (scores, bias)) in groups.iter().zip(group_biases).enumerate() {
            // Nearly every group ends here: no branch within it, so that it becomes vector instructions.
            let mut above = 0u32;
            for lane in 0..LANES {
                above |= u32::from(scores[lane] - factor * bias[lane] > floor);
            }
            if above != 0 {
                let first = columns.start + at * LANES;
                self.push_above(&mut floor, error, (gallery, queries, query), first, scores, bias);
            }
        }
        let first = columns.end - rest.len();
        self.push_above(&mut floor, error, (gallery, queries, query), first, rest, rest_bias);
    }

    /// Takes up the rows with scores above the floor, which rises with them.
    fn push_above(
        &mut self,
        floor: &mut f32,
        error: f64,
        (gallery, queries, query): (&Gallery<'_>, &Queries<'_>, usize),
        first: usize,
        scores: &[f32],
        bias: &[f32],
    ) {
        let factor = queries.bias_factor(query);
        for (row, (score, bias)) in (first..).zip(scores.iter().zip(bias)) {
            let score = score - factor * bias;
            if score > *floor && row != self.excluded {
                if self.candidates.len() == self.capacity {
                    self.shrink(gallery, queries, query);
                    *floor = below(self.reached - error);
                }
                self.candidates.push(Candidate { number: score.into(), row: row as u32, exact: false });
            }
        }
    }

    /// Drops what can't be among the nearest; decides by exact values where that isn't enough.
    fn shrink(&mut self, gallery: &Gallery<'_>, queries: &Queries<'_>, query: usize) {
        let bounds = |candidate: &Candidate| match candidate.exact {
            true => (queries.score(query, candidate.number), queries.slack(query)),
            false => (candidate.number, f64::from(gallery.errors[candidate.row as usize]) + queries.slack(query)),
        };
        let lowest = |candidate: &Candidate| bounds(candidate).0 - bounds(candidate).1;
        let highest = |candidate: &Candidate| bounds(candidate).0 + bounds(candidate).1;
        self.candidates.select_nth_unstable_by(self.k - 1, |a, b| lowest(b).total_cmp(&lowest(a)));
        self.reached = self.reached.max(lowest(&self.candidates[self.k - 1]));
        self.candidates.retain(|candidate| highest(candidate) >= self.reached);
        if self.candidates.len() > (self.k + self.capacity) / 2 {
            self.decide(gallery, queries, query);
            self.reached = self.reached.max(lowest(&self.candidates[self.k - 1]));
        }
    }

    /// Keeps the nearest by exact value, the last of them in its place.
    fn decide(&mut self, gallery: &Gallery<'_>, queries: &Queries<'_>, query: usize) {
        for candidate in self.candidates.iter_mut().filter(|candidate| !candidate.exact) {
            candidate.number = gallery.value(queries, query, candidate.row as usize);
            candidate.exact = true;
        }
        self.candidates.select_nth_unstable_by(self.k - 1, |a, b| order(gallery, a, b));
        self.candidates.truncate(self.k);
    }

    /// Writes the nearest in their order.
    pub(super) fn finish(
        &mut self,
        gallery: &Gallery<'_>,
        queries: &Queries<'_>,
        query: usize,
        indices: &mut [u32],
        values: &mut [f64],
    ) {
        if self.candidates.len() > self.k {
            self.shrink(gallery, queries, query);
        }
        self.decide(gallery, queries, query);
        self.candidates.sort_unstable_by(|a, b| order(gallery, a, b));
        for ((index, value), candidate) in indices.iter_mut().zip(values).zip(&self.candidates) {
            (*index, *value) = (candidate.row, gallery.shown(candidate.number));
        }
    }
}

/// The order of two exact candidates.
fn order(gallery: &Gallery<'_>, a: &Candidate, b: &Candidate) -> std::cmp::Ordering {
    let [a, b] = [a, b].map(|candidate| (candidate.number, candidate.row as usize));
    match gallery.before(a, b) {
        true => std::cmp::Ordering::Less,
        false if a == b => std::cmp::Ordering::Equal,
        false => std::cmp::Ordering::Greater,
    }
}

/// A single below a bound, so that no score that reaches the bound is lost to its rounding.
fn below(bound: f64) -> f32 {
    (bound as f32).next_down()
}
