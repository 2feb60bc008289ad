//! From the weights of pairs to the gradient of rows.

use super::Points;
use super::evaluate::Strip;
use crate::matrix::{View, multiply};
use rayon::prelude::*;
use std::ops::Range;

/// The rows of a gradient that one thread writes at a time.
const ROWS: usize = 128;

/// Where less than one weight in so many isn't 0, products aren't worth while.
const SPARSE: usize = 24;

/// A pair that is computed by subtraction: `weight·(x_i − y_j)` is added to the gradient of `x_i`, taken from `y_j`'s.
#[derive(Clone, Copy)]
pub(super) struct Entry {
    i: u32,
    j: u32,
    weight: f64,
}

impl Entry {
    /// Marks an `i` that is one of the others, as `j` is, and no anchor.
    const ACROSS: u32 = 1 << 31;

    pub fn new(from_anchor: bool, i: usize, j: usize, weight: f64) -> Self {
        Self { i: i as u32 | if from_anchor { 0 } else { Self::ACROSS }, j: j as u32, weight }
    }

    fn has_anchor(&self) -> bool {
        self.i & Self::ACROSS == 0
    }

    fn pair(&self) -> (usize, usize) {
        ((self.i & !Self::ACROSS) as usize, self.j as usize)
    }
}

/// The gradients of one set of rows while they grow.
struct Gradient {
    /// By the sorted rows, at length 1 where that is asked for.
    rows: Vec<f32>,
    /// The sum of the weights of each row.
    weights: Vec<f64>,
}

pub(super) struct Accumulator<'a> {
    anchors: &'a Points<'a>,
    others: Option<&'a Points<'a>>,
    by_anchors: Option<Gradient>,
    by_others: Option<Gradient>,
}

impl<'a> Accumulator<'a> {
    pub fn new(anchors: &'a Points<'a>, others: Option<&'a Points<'a>>, wanted: [bool; 2]) -> Self {
        let gradient = |points: &Points<'_>| Gradient {
            rows: vec![0.0; points.len() * points.width],
            weights: vec![0.0; points.len()],
        };
        Self {
            anchors,
            others,
            by_anchors: wanted[0].then(|| gradient(anchors)),
            by_others: others.filter(|_| wanted[1]).map(gradient),
        }
    }

    /// Adds a block of anchors. `weights` is `[rows.len(), others]`, 0 in the columns that are skipped.
    pub fn add(&mut self, rows: Range<usize>, skipped: usize, weights: &[f32], mut strips: Vec<Strip>) {
        let (anchors, others) = (self.anchors, self.others.unwrap_or(self.anchors));
        let m = others.len();
        let weights = &weights[..rows.len() * m];
        let count: usize = strips.iter().map(|strip| strip.count).sum();
        if count * SPARSE < rows.len() * (m - skipped) {
            let mut found = Vec::with_capacity(count);
            for (i, weights) in rows.zip(weights.chunks(m)) {
                let weights = weights.iter().enumerate().filter(|(_, weight)| **weight != 0.0);
                found.extend(weights.map(|(j, &weight)| Entry::new(true, i, j, f64::from(weight) / anchors.unit)));
            }
            strips.push(Strip { entries: found, ..Strip::default() });
        } else {
            if let Some(gradient) = &mut self.by_anchors {
                gradient.add_rows(rows.clone(), &strips, weights, skipped, others);
            }
            let to_others = if self.others.is_some() { &mut self.by_others } else { &mut self.by_anchors };
            if let Some(gradient) = to_others {
                gradient.add_columns(rows, weights, skipped, anchors);
            }
        }
        self.add_entries(&strips);
    }

    /// Adds the pairs of strips that aren't among their weights.
    pub fn add_entries(&mut self, strips: &[Strip]) {
        if strips.iter().all(|strip| strip.entries.is_empty()) {
            return;
        }
        let entries = || strips.iter().flat_map(|strip| &strip.entries);
        let (anchors, others) = (self.anchors, self.others);
        let one_set = others.is_none();
        if let Some(gradient) = &mut self.by_anchors {
            gradient.add_entries(anchors.width, |rows, to| {
                for entry in entries().filter(|entry| entry.has_anchor() || one_set) {
                    let (i, j) = entry.pair();
                    add_difference(to, &rows, i, entry.weight, (anchors, i), (others.unwrap_or(anchors), j));
                    if one_set {
                        add_difference(to, &rows, j, -entry.weight, (anchors, i), (anchors, j));
                    }
                }
            });
        }
        if let (Some(gradient), Some(others)) = (&mut self.by_others, others) {
            gradient.add_entries(others.width, |rows, to| {
                for entry in entries() {
                    let (i, j) = entry.pair();
                    let from = if entry.has_anchor() { anchors } else { others };
                    if !entry.has_anchor() {
                        add_difference(to, &rows, i, entry.weight, (from, i), (others, j));
                    }
                    add_difference(to, &rows, j, -entry.weight, (from, i), (others, j));
                }
            });
        }
    }

    /// Writes the gradients of the rows as they were given.
    pub fn finish(self, gradients: [Option<&mut [f32]>; 2]) {
        let [by_anchors, by_others] = gradients;
        if let (Some(gradient), Some(to)) = (self.by_anchors, by_anchors) {
            gradient.finish(self.anchors, to);
        }
        if let (Some(gradient), Some(to), Some(others)) = (self.by_others, by_others, self.others) {
            gradient.finish(others, to);
        }
    }
}

/// `to[target] += weight·(x − y)`, where the target is among the rows that `to` holds.
fn add_difference(
    to: &mut [f32],
    rows: &Range<usize>,
    target: usize,
    weight: f64,
    (x, i): (&Points<'_>, usize),
    (y, j): (&Points<'_>, usize),
) {
    if rows.contains(&target) {
        let to = &mut to[(target - rows.start) * x.width..][..x.width];
        x.for_each_difference(i, y, j, |at, difference| to[at] += (weight * difference) as f32);
    }
}

impl Gradient {
    /// What a block of anchors gives to the anchors.
    fn add_rows(&mut self, rows: Range<usize>, strips: &[Strip], weights: &[f32], skipped: usize, others: &Points<'_>) {
        let (m, width) = (others.len(), others.width);
        let sums = strips.iter().flat_map(|strip| &strip.row_weights);
        self.weights[rows.clone()].iter_mut().zip(sums).for_each(|(weight, sum)| *weight += sum);
        let right = View::of(&others.narrow[skipped * width..], width);
        let to = &mut self.rows[rows.start * width..rows.end * width];
        to.par_chunks_mut(ROWS * width).zip(weights.par_chunks(ROWS * m)).for_each(|(to, weights)| {
            let left = View::new(&weights[skipped..], to.len() / width, m - skipped, m);
            multiply(to, width, true, -1.0, left, right);
        });
    }

    /// What a block of anchors gives to the others.
    fn add_columns(&mut self, rows: Range<usize>, weights: &[f32], skipped: usize, anchors: &Points<'_>) {
        let (m, width) = (self.weights.len(), anchors.width);
        let right = View::of(&anchors.narrow[rows.start * width..rows.end * width], width);
        let to = self.rows[skipped * width..].par_chunks_mut(ROWS * width);
        let sums = self.weights[skipped..].par_chunks_mut(ROWS);
        to.zip(sums).enumerate().for_each(|(at, (to, sums))| {
            let first = skipped + at * ROWS;
            let columns = &weights[first..];
            for row in columns.chunks(m) {
                sums.iter_mut().zip(row).for_each(|(sum, &weight)| *sum += f64::from(weight));
            }
            let left = View::new(columns, rows.len(), sums.len(), m);
            multiply(to, width, true, -1.0, left.transposed(), right);
        });
    }

    /// Calls `add(rows, gradient of these rows)` for pieces of the rows.
    fn add_entries(&mut self, width: usize, add: impl Fn(Range<usize>, &mut [f32]) + Sync) {
        // Each piece goes through all entries: few pieces.
        let piece = self.weights.len().div_ceil(16).max(1);
        self.rows.par_chunks_mut(piece * width).enumerate().for_each(|(at, to)| {
            let first = at * piece;
            add(first..first + to.len() / width, to);
        });
    }

    fn finish(mut self, points: &Points<'_>, to: &mut [f32]) {
        let width = points.width;
        assert_eq!(to.len(), self.rows.len(), "one gradient an input");
        let rows = self.rows.par_chunks_mut(width).zip(points.narrow.par_chunks(width)).zip(&self.weights);
        rows.for_each(|((gradient, row), &weight)| {
            gradient.iter_mut().zip(row).for_each(|(g, &x)| *g += (weight * f64::from(x)) as f32);
        });
        for (at, gradient) in self.rows.chunks(width).enumerate() {
            points.pull_back(at, gradient, &mut to[points.order[at] as usize * width..][..width]);
        }
    }
}
