//! What a row or a column of the matrix comes to: its term, and its share in the gradient.
//!
//! Logits and their logarithms are natural, in f64.

use super::partners::{Grouping, Partners, Side};
use super::vectors::Vectors;
use crate::chunks::{Sums, in_order};
use crate::distances::dot;
use rayon::prelude::*;

/// How many lines a task takes.
const CHUNK: usize = 64;

/// A row or a column of the matrix.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line {
    /// The number of its positives; without one it doesn't count.
    positives: usize,
    /// `ln Σ exp` of its cells in the matrix: of the negatives, then of the positives where groups are split.
    cells: [f64; 2],
    /// `ln Σ exp` of all that it meets.
    total: f64,
    term: f64,
    /// The weight of its positive, where that is no part of the sum.
    decoupled: Option<f64>,
}

impl Line {
    /// The derivative of its term with respect to the logit of a positive that is apart from the matrix.
    fn pull(&self, logit: f64) -> f64 {
        match (self.positives, self.decoupled) {
            (0, _) => 0.0,
            (_, Some(weight)) => -weight,
            (1, None) => -sigmoid(self.cells[0] - logit),
            (several, None) => (logit - self.total).exp() - 1.0 / several as f64,
        }
    }

    /// `(shift, sign)`: the derivative with respect to the logit of a cell is `sign·exp(logit − shift)`.
    pub fn slope(&self, positive: bool) -> (f64, f64) {
        let [negatives, positives] = self.cells;
        match self.positives {
            0 => (f64::INFINITY, 0.0),
            // exp(s − total) − exp(s − positives)
            _ if positive => (positives + self.total - negatives, -1.0),
            _ => (self.total, 1.0),
        }
    }
}

/// The positive pairs of a matrix with their logits.
pub(super) struct Pairs<'a> {
    vectors: [&'a Vectors<'a>; 2],
    partners: &'a Partners,
    /// 1/τ
    scale: f64,
    /// The groups whose positives come in as one sum, in ascending order, and those sums of vectors, of each side.
    summed: Vec<usize>,
    sums: [Vec<f32>; 2],
}

impl<'a> Pairs<'a> {
    pub fn new(vectors: [&'a Vectors<'a>; 2], partners: &'a Partners, scale: f64) -> Self {
        let width = vectors[0].width;
        let of = |side: Side| {
            let groups = partners.summed_groups(side);
            let mut sums = vec![0.0; groups.len() * width];
            sums.par_chunks_mut(width).zip(&groups).for_each_init(
                || vec![0.0; width],
                |sum, (to, (_, lines))| {
                    sum.fill(0.0);
                    for &line in *lines {
                        let row = vectors[side as usize].row(line as usize);
                        sum.iter_mut().zip(row).for_each(|(sum, &x)| *sum += f64::from(x));
                    }
                    to.iter_mut().zip(sum).for_each(|(to, &mut sum)| *to = sum as f32);
                },
            );
            sums
        };
        let summed = partners.summed_groups(Side::Rows).iter().map(|&(group, _)| group).collect();
        let rows = of(Side::Rows);
        let columns = if partners.is_mirrored() { vec![] } else { of(Side::Columns) };
        Self { vectors, partners, scale, summed, sums: [rows, columns] }
    }

    pub fn vectors(&self) -> [&'a Vectors<'a>; 2] {
        self.vectors
    }

    pub fn scale(&self) -> f64 {
        self.scale
    }

    pub fn is_mirrored(&self) -> bool {
        self.partners.is_mirrored()
    }

    /// The memory that the sums of groups take.
    pub fn bytes(&self) -> usize {
        self.sums.iter().map(|sums| size_of_val(sums.as_slice())).sum()
    }

    fn logit(&self, side: Side, line: usize, other: usize) -> f64 {
        let (x, y) = (self.vectors[side as usize], self.vectors[side.other() as usize]);
        self.scale * dot(x.row(line), y.row(other))
    }

    /// The sum of the vectors of the other side that are in a line's group, itself among them where it is mirrored.
    fn sum(&self, side: Side, line: usize) -> Option<&[f32]> {
        let group = self.partners.summed(side, line)?;
        let at = self.summed.binary_search(&group).expect("a summed group");
        let other = if self.partners.is_mirrored() { Side::Rows } else { side.other() };
        let width = self.vectors[0].width;
        Some(&self.sums[other as usize][at * width..(at + 1) * width])
    }

    /// The mean logit of the positives of each line, where it is known without the matrix; NaN where not.
    pub fn means(&self, side: Side) -> Vec<f64> {
        let mean = |line: usize| {
            let count = self.partners.count(side, line) as f64;
            let apart = self.partners.apart(side, line).iter();
            match self.sum(side, line) {
                Some(sum) => {
                    let x = self.vectors[side as usize].row(line);
                    let own = if self.partners.is_mirrored() { dot(x, x) } else { 0.0 };
                    self.scale * (dot(x, sum) - own) / count
                }
                None => apart.map(|&other| self.logit(side, line, other as usize)).sum::<f64>() / count,
            }
        };
        (0..self.partners.lines(side)).into_par_iter().with_min_len(CHUNK).map(mean).collect()
    }

    /// The lines of a side and their sums, from the logarithms of the sums of their cells. `spread` adds the logarithm of
    /// the number of positives to each term; `decoupled` has a weight for the positive of each.
    pub fn lines(
        &self,
        side: Side,
        means: &[f64],
        cells: &[[f64; 2]],
        spread: bool,
        decoupled: Option<&[f64]>,
    ) -> (Vec<Line>, Sums) {
        let line = |(line, (&mean, &cells)): (usize, (&f64, &[f64; 2]))| {
            let positives = self.partners.count(side, line);
            if let Some(weight) = decoupled.map(|weights| weights[line]) {
                // Without a negative there is nothing to compare with.
                let positives = if cells[0] == f64::NEG_INFINITY { 0 } else { positives };
                let (total, term) = (cells[0], cells[0] - weight * mean);
                return Line { positives, cells, total, term, decoupled: Some(weight) };
            }
            let apart = self.partners.apart(side, line).iter();
            let logits = apart.map(|&other| self.logit(side, line, other as usize));
            let total = logits.fold(log_add(cells[0], cells[1]), log_add);
            let term = match positives {
                0 => 0.0,
                _ if self.partners.grouping() == Grouping::Split => softplus(cells[0] - cells[1]),
                1 => softplus(cells[0] - mean),
                _ => total - mean,
            };
            let spread = if spread && positives > 0 { (positives as f64).ln() } else { 0.0 };
            Line { positives, cells, total, term: term + spread, decoupled: None }
        };
        let lines: Vec<Line> = means.par_iter().zip(cells).enumerate().with_min_len(CHUNK).map(line).collect();
        let terms = lines.iter().filter(|line| line.positives > 0).map(|line| Sums::of(line.term, 1.0));
        let sums = in_order(terms.collect());
        (lines, sums)
    }

    /// Writes the gradient through the positives that are known without the matrix. `weights` are those of the terms of
    /// rows and of columns; a side without weight has no lines.
    pub fn begin(&self, side: Side, lines: [&[Line]; 2], weights: [f64; 2], gradient: &mut [f32]) {
        let width = self.vectors[0].width;
        let [own, other] = [side, side.other()].map(|side| (lines[side as usize], weights[side as usize]));
        let others = self.vectors[side.other() as usize];
        gradient.par_chunks_mut(width).with_min_len(CHUNK).enumerate().for_each(|(line, gradient)| {
            gradient.fill(0.0);
            let mut add = |factor: f64, x: &[f32]| {
                gradient.iter_mut().zip(x).for_each(|(g, &x)| *g += (factor * f64::from(x)) as f32);
            };
            let pull = |(lines, weight): (&[Line], f64), line: usize, logit: f64| {
                if weight == 0.0 { 0.0 } else { weight * lines[line].pull(logit) }
            };
            for partner in self.partners.apart(side, line).iter().map(|&partner| partner as usize) {
                let logit = self.logit(side, line, partner);
                add(pull(own, line, logit) + pull(other, partner, logit), others.row(partner));
            }
            if let Some(sum) = self.sum(side, line) {
                let mine = own.1 / self.partners.count(side, line) as f64;
                let theirs = if other.1 == 0.0 { 0.0 } else { other.1 / self.partners.count_across(side, line) as f64 };
                add(-mine - theirs, sum);
                if self.partners.is_mirrored() {
                    add(mine + theirs, self.vectors[0].row(line));
                }
            }
        });
    }
}

/// `ln(exp a + exp b)`
pub(super) fn log_add(a: f64, b: f64) -> f64 {
    let (low, high) = if a < b { (a, b) } else { (b, a) };
    // −∞ is the sum of nothing.
    if low == f64::NEG_INFINITY { high } else { high + (low - high).exp().ln_1p() }
}

/// `ln(1 + exp x)`
fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

/// `1/(1 + exp(−x))`
fn sigmoid(x: f64) -> f64 {
    let small = (-x.abs()).exp();
    if x >= 0.0 { 1.0 / (1.0 + small) } else { small / (1.0 + small) }
}
