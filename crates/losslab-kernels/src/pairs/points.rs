//! Rows made ready for products: sorted by label, of length 1 where asked for, centred.

use super::{Labelled, Metric};
use crate::distances::{dot, sum};
use crate::options::Distance;
use rayon::prelude::*;
use std::ops::Range;

/// Rows below this are zero: the gradient of their direction would overflow.
const ZERO: f32 = 1e-30;

/// A pair whose squared distance is below this share of its squared lengths is computed by subtraction.
pub(crate) const NEAR: f64 = 1.0 / 128.0;

/// A set of rows, sorted by label and within a label by position.
pub(crate) struct Points<'a> {
    rows: &'a [f32],
    pub(crate) width: usize,
    pub(crate) metric: Metric,
    /// The position of each sorted row in the order as given.
    pub(crate) order: Vec<u32>,
    /// The sorted labels.
    pub(crate) labels: Vec<i64>,
    /// The length by which each row is divided; 0 for a zero row.
    norms: Vec<f64>,
    /// The rows minus their centre.
    pub(crate) wide: Vec<f64>,
    /// The same over `unit`, zeros where that isn't finite.
    pub(crate) narrow: Vec<f32>,
    pub(crate) unit: f64,
    /// Half the squared length of the rows in `wide`.
    pub(crate) halves: Vec<f64>,
    /// The largest of them.
    pub(crate) longest: f64,
}

impl<'a> Points<'a> {
    /// Prepares sets of rows whose distances are wanted, with one centre.
    ///
    /// # Panics
    /// If a length doesn't fit, or a set has 2³¹ rows or more.
    pub fn prepare<const N: usize>(sets: [Labelled<'a>; N], metric: Metric) -> [Self; N] {
        let width = sets[0].width;
        let mut sets = sets.map(|set| {
            assert!(set.width == width && width > 0, "sets of one width above 0, not {} and {width}", set.width);
            Self::sorted(set, metric)
        });
        // What is measured doesn't depend on the centre, but its digits do. Cosines aren't moved: they have no centre.
        let mut center = vec![0.0; width];
        if metric.distance != Distance::Cosine {
            let mut finite = 0.0;
            for row in sets.iter().flat_map(|set| set.wide.chunks(width)) {
                if row.iter().all(|x| x.is_finite()) {
                    finite += 1.0;
                    center.iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
                }
            }
            center.iter_mut().for_each(|sum| *sum /= f64::max(finite, 1.0));
        }
        sets.iter_mut().for_each(|set| set.center(&center));
        let unit = sets.iter().map(Self::largest).fold(0.0, f64::max);
        sets.iter_mut().for_each(|set| set.narrow(if unit > 0.0 { unit } else { 1.0 }));
        sets
    }

    fn sorted(set: Labelled<'a>, metric: Metric) -> Self {
        let (rows, width) = (set.rows, set.width);
        assert_eq!(rows.len(), set.labels.len() * width, "a row of {width} for each label");
        assert!(set.labels.len() < 1 << 31, "fewer than 2^31 rows");
        let mut order = (0..set.labels.len() as u32).collect::<Vec<u32>>();
        order.sort_by_key(|&row| set.labels[row as usize]);
        let labels = order.iter().map(|&row| set.labels[row as usize]).collect();
        let row = |at: u32| &rows[at as usize * width..][..width];
        let norm = |&at: &u32| match metric.by_direction() {
            true if row(at).iter().all(|x| x.abs() < ZERO) => 0.0,
            true => dot(row(at), row(at)).sqrt(),
            false => 1.0,
        };
        let norms = order.par_iter().map(norm).collect::<Vec<f64>>();
        let mut wide = vec![0.0; rows.len()];
        wide.par_chunks_mut(width).zip(&order).zip(&norms).for_each(|((to, &at), &norm)| {
            let scale = reciprocal(norm);
            to.iter_mut().zip(row(at)).for_each(|(to, &x)| *to = f64::from(x) * scale);
        });
        let (narrow, halves) = (vec![], vec![]);
        Self { rows, width, metric, order, labels, norms, wide, narrow, unit: 1.0, halves, longest: 0.0 }
    }

    fn center(&mut self, center: &[f64]) {
        let cosine = self.metric.distance == Distance::Cosine;
        let rows = self.wide.par_chunks_mut(self.width);
        let halves = rows.map(|row| {
            row.iter_mut().zip(center).for_each(|(x, center)| *x -= center);
            // With ½ for each row, ½ + ½ − x·y is 1 − cos, also with a zero row.
            if cosine { 0.5 } else { 0.5 * row.iter().map(|x| x * x).sum::<f64>() }
        });
        self.halves = halves.collect();
        self.longest = self.halves.iter().copied().fold(0.0, f64::max);
    }

    fn largest(&self) -> f64 {
        self.wide.iter().map(|x| x.abs()).filter(|x| x.is_finite()).fold(0.0, f64::max)
    }

    fn narrow(&mut self, unit: f64) {
        self.unit = unit;
        self.narrow = vec![0.0; self.wide.len()];
        let rows = self.narrow.par_chunks_mut(self.width).zip(self.wide.par_chunks(self.width));
        rows.for_each(|(to, row)| {
            if row.iter().all(|x| x.is_finite()) {
                to.iter_mut().zip(row).for_each(|(to, x)| *to = (x / unit) as f32);
            }
        });
    }

    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// The sorted labels.
    pub fn labels(&self) -> &[i64] {
        &self.labels
    }

    /// The sorted rows that have a label.
    pub(crate) fn with_label(&self, label: i64) -> Range<usize> {
        self.labels.partition_point(|&other| other < label)..self.labels.partition_point(|&other| other <= label)
    }

    fn row(&self, at: usize) -> &[f32] {
        &self.rows[self.order[at] as usize * self.width..][..self.width]
    }

    /// The distance of a row from one of a set, without a product.
    pub fn exact(&self, i: usize, others: &Self, j: usize) -> f64 {
        let (x, y, of_x, of_y) = (self.row(i), others.row(j), self.norms[i], others.norms[j]);
        let squared = || {
            let (of_x, of_y) = (reciprocal(of_x), reciprocal(of_y));
            sum(x, y, |x, y| (x * of_x - y * of_y) * (x * of_x - y * of_y))
        };
        match self.metric.distance {
            Distance::Euclidean => squared().sqrt(),
            Distance::SquaredEuclidean => squared(),
            // The cosine with a zero vector is 0.
            Distance::Cosine if of_x == 0.0 || of_y == 0.0 => 1.0,
            Distance::Cosine => 1.0 - dot(x, y) / (of_x * of_y),
        }
    }

    /// How far the distances of a row from `others` can be off, where a product gives them and the pair isn't [`NEAR`].
    ///
    /// A sum of `d` products is off by at most `d·u` of the sum of their absolute values, `½‖x‖² + ½‖y‖²` at most, and
    /// a few more roundings of that size follow. The root of a pair that isn't near makes it `1/√(2·NEAR)` times as
    /// much, in the unit of its argument's root.
    pub fn tolerance(&self, at: usize, others: &Self) -> f64 {
        let halves = self.halves[at] + others.longest;
        let relative = (self.width + 16) as f64 * f64::EPSILON;
        match self.metric.distance {
            Distance::Euclidean => relative * halves.sqrt() / (2.0 * NEAR).sqrt(),
            Distance::SquaredEuclidean => 2.0 * relative * halves,
            Distance::Cosine => relative * halves,
        }
    }

    /// Calls `with` with the entries of `x − y`, without a product.
    pub(crate) fn for_each_difference(&self, i: usize, others: &Self, j: usize, mut with: impl FnMut(usize, f64)) {
        let (of_x, of_y) = (reciprocal(self.norms[i]), reciprocal(others.norms[j]));
        for (at, (&x, &y)) in self.row(i).iter().zip(others.row(j)).enumerate() {
            with(at, f64::from(x) * of_x - f64::from(y) * of_y);
        }
    }

    /// Turns the gradient of a sorted row into that of the row as given: along `x`, the direction doesn't change.
    pub(crate) fn pull_back(&self, at: usize, gradient: &[f32], to: &mut [f32]) {
        // A row that enters no term may be NaN.
        if !self.metric.by_direction() || gradient.iter().all(|&g| g == 0.0) {
            to.copy_from_slice(gradient);
            return;
        }
        let (row, scale) = (self.row(at), reciprocal(self.norms[at]));
        let along = dot(row, gradient) * scale;
        for ((to, &g), &x) in to.iter_mut().zip(gradient).zip(row) {
            *to = ((f64::from(g) - along * f64::from(x) * scale) * scale) as f32;
        }
    }
}

fn reciprocal(norm: f64) -> f64 {
    if norm == 0.0 { 0.0 } else { 1.0 / norm }
}
