//! What happens to the cells of a tile, row by row in vector instructions.
//!
//! A cell holds a similarity; its logit to the base 2 is `factor` times that. −∞ stands for a cell that doesn't count.

use super::partners::Grouping;
use crate::simd::{Arithmetic, Kernel, exp2};

/// Rows of a tile are whole numbers of so many cells.
pub(super) use crate::waves::LANES;
/// The largest side of a tile.
pub(super) const SIDE: usize = 256;
/// How many cells are added up in f32 at most, across a lane or down a column.
const RUN: usize = 16;

/// A tile, and what its cells are to each other.
pub(super) struct Cells<'a> {
    /// Row-major, a row each `stride`.
    pub tile: &'a mut [f32],
    pub stride: usize,
    pub factor: f32,
    pub grouping: Grouping,
    /// The group of each row and of each column.
    pub groups: [&'a [i32]; 2],
}

/// `Σ 2^(logit − shift)` of each of some lines.
#[derive(Clone, Default)]
pub(super) struct Sums {
    pub shifts: Vec<f32>,
    pub totals: Vec<f64>,
}

impl Sums {
    pub fn new(shift: f32, lines: usize) -> Self {
        Self { shifts: vec![shift; lines], totals: vec![0.0; lines] }
    }

    /// The natural logarithm of a sum.
    pub fn log(&self, line: usize) -> f64 {
        (f64::from(self.shifts[line]) + self.totals[line].log2()) * std::f64::consts::LN_2
    }
}

/// Turns similarities into `2^(logit − shift)` with one shift for all, and adds them up.
///
/// Sums of negatives and of positives are apart where groups are [`Grouping::Split`]; else all is in the first.
pub(super) struct Exponentiate<'a, 's> {
    pub cells: Cells<'a>,
    pub shift: f32,
    pub rows: &'s mut [Sums; 2],
    pub columns: Option<&'s mut [Sums; 2]>,
}

impl Kernel for Exponentiate<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arithmetic>(mut self) {
        let Cells { stride, factor, grouping, groups, .. } = self.cells;
        let mut partial = [[0.0; SIDE]; 2];
        for (strip, rows) in self.cells.tile.chunks_mut(RUN * stride).enumerate() {
            for (row, line) in rows.chunks_exact_mut(stride).zip(strip * RUN..) {
                row.iter_mut().for_each(|x| *x = exp2::<A>(A::mul_add(*x, factor, -self.shift)));
                if grouping == Grouping::Split {
                    let (own, ids) = (groups[0][line], &groups[1][..stride]);
                    let mut other = [0.0; SIDE];
                    for ((positive, partial), sums) in [false, true].into_iter().zip(&mut partial).zip(&mut *self.rows)
                    {
                        for ((to, &x), &id) in other.iter_mut().zip(&*row).zip(ids) {
                            *to = if (id == own) == positive { x } else { 0.0 };
                        }
                        sums.totals[line] += add(&other[..stride], partial);
                    }
                } else {
                    hide(row, grouping, groups, line, 0.0);
                    self.rows[0].totals[line] += add(row, &mut partial[0]);
                }
            }
            if let Some(columns) = &mut self.columns {
                for (sums, partial) in columns.iter_mut().zip(&mut partial) {
                    flush(partial, &mut sums.totals);
                }
            }
        }
    }
}

/// Adds up exponentials with a shift for each line, the largest logit that it has had so far. The tile stays.
pub(super) struct AddUp<'a, 's> {
    pub cells: Cells<'a>,
    pub rows: &'s mut [Sums; 2],
    pub columns: Option<&'s mut [Sums; 2]>,
}

impl Kernel for AddUp<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arithmetic>(mut self) {
        let cells = &self.cells;
        let kinds = if cells.grouping == Grouping::Split { 2 } else { 1 };
        let mut logits = [0.0; SIDE];
        let logits = &mut logits[..cells.stride];
        let rows = cells.tile.len() / cells.stride;
        for kind in 0..kinds {
            let Sums { shifts, totals } = &mut self.rows[kind];
            for (line, (shift, total)) in shifts.iter_mut().zip(totals).enumerate().take(rows) {
                cells.logits(line, kind, logits);
                raise(shift, total, largest(logits));
                let low = finite_or_zero(*shift);
                logits.iter_mut().for_each(|x| *x = exp2::<A>(*x - low));
                *total += f64::from(sum(logits));
            }
            let Some(columns) = &mut self.columns else { continue };
            let Sums { shifts, totals } = &mut columns[kind];
            let mut highest = [f32::NEG_INFINITY; SIDE];
            for line in 0..rows {
                cells.logits(line, kind, logits);
                highest.iter_mut().zip(&*logits).for_each(|(most, &x)| *most = if x > *most { x } else { *most });
            }
            let mut low = [0.0; SIDE];
            for (((shift, total), &most), low) in shifts.iter_mut().zip(totals.iter_mut()).zip(&highest).zip(&mut low) {
                raise(shift, total, most);
                *low = finite_or_zero(*shift);
            }
            let mut partial = [0.0; SIDE];
            for line in 0..rows {
                cells.logits(line, kind, logits);
                for ((sum, &x), &low) in partial.iter_mut().zip(&*logits).zip(&low) {
                    *sum += exp2::<A>(x - low);
                }
                if line % RUN == RUN - 1 || line + 1 == rows {
                    flush(&mut partial, totals);
                }
            }
        }
    }
}

impl Cells<'_> {
    /// The logits of a row; −∞ for cells of another kind (negatives, then positives where groups are split).
    #[inline(always)]
    fn logits(&self, line: usize, kind: usize, to: &mut [f32]) {
        let row = &self.tile[line * self.stride..(line + 1) * self.stride];
        to.iter_mut().zip(row).for_each(|(to, &x)| *to = x * self.factor);
        if self.grouping != Grouping::Ignored {
            let own = self.groups[0][line];
            for (x, &id) in to.iter_mut().zip(self.groups[1]) {
                *x = if (id == own) == (kind == 1) { *x } else { f32::NEG_INFINITY };
            }
        }
    }
}

/// What the exponentials of a line are multiplied by for the gradient: `2^(logit − shift)·weight` of each cell.
pub(super) struct Weights<'a> {
    pub shifts: &'a [f32],
    pub weights: &'a [f32],
}

/// What a tile holds when its gradient is made.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Holds {
    /// Similarities; each line has its own shift.
    Similarities,
    /// Similarities; all lines have this shift.
    Shifted(f32),
    /// Exponentials with a shift that all lines have.
    Exponentials,
}

/// Turns cells into the gradient with respect to their logits: the weighted softmax of its row and of its column.
pub(super) struct Weigh<'a, 'w> {
    pub cells: Cells<'a>,
    pub holds: Holds,
    /// Of negatives, then of positives where groups are split.
    pub rows: [Weights<'w>; 2],
    pub columns: [Weights<'w>; 2],
}

impl Kernel for Weigh<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<A: Arithmetic>(self) {
        let Cells { tile, stride, factor, grouping, groups } = self.cells;
        let [columns, positive_columns] = self.columns;
        for (line, row) in tile.chunks_exact_mut(stride).enumerate() {
            let own = if grouping == Grouping::Ignored { 0 } else { groups[0][line] };
            let weight = self.rows[0].weights[line];
            if self.holds == Holds::Similarities {
                hide(row, grouping, groups, line, f32::NEG_INFINITY);
                let shift = self.rows[0].shifts[line];
                let cell = |x: f32, shift: f32, weight: f32, low: f32, share: f32| {
                    // The product is rounded as where it was added up: of huge logits, the rounding is large too.
                    let logit = x * factor;
                    A::mul_add(weight, exp2::<A>(logit - shift), share * exp2::<A>(logit - low))
                };
                let plain = row.iter_mut().zip(columns.shifts).zip(columns.weights);
                if grouping == Grouping::Split {
                    let (high, gain) = (self.rows[1].shifts[line], self.rows[1].weights[line]);
                    let positive = positive_columns.shifts.iter().zip(positive_columns.weights);
                    for ((((x, &low), &share), (&top, &part)), &id) in plain.zip(positive).zip(groups[1]) {
                        let same = id == own;
                        let (shift, weight) = if same { (high, gain) } else { (shift, weight) };
                        let (low, share) = if same { (top, part) } else { (low, share) };
                        *x = cell(*x, shift, weight, low, share);
                    }
                } else {
                    plain.for_each(|((x, &low), &share)| *x = cell(*x, shift, weight, low, share));
                }
                continue;
            }
            if let Holds::Shifted(shift) = self.holds {
                row.iter_mut().for_each(|x| *x = exp2::<A>(A::mul_add(*x, factor, -shift)));
                hide(row, grouping, groups, line, 0.0);
            }
            let plain = row.iter_mut().zip(columns.weights);
            if grouping == Grouping::Split {
                let gain = self.rows[1].weights[line];
                for (((x, &share), &part), &id) in plain.zip(positive_columns.weights).zip(groups[1]) {
                    *x *= if id == own { gain + part } else { weight + share };
                }
            } else {
                plain.for_each(|(x, &share)| *x *= weight + share);
            }
        }
    }
}

/// Gives the cells of the row's own group a value, where groups are hidden.
#[inline(always)]
fn hide(row: &mut [f32], grouping: Grouping, groups: [&[i32]; 2], line: usize, value: f32) {
    if grouping == Grouping::Hidden {
        let own = groups[0][line];
        row.iter_mut().zip(groups[1]).for_each(|(x, &id)| *x = if id == own { value } else { *x });
    }
}

/// Adds a row to the sums of its columns, and returns its own sum.
#[inline(always)]
fn add(row: &[f32], columns: &mut [f32; SIDE]) -> f64 {
    columns.iter_mut().zip(row).for_each(|(sum, &x)| *sum += x);
    sum(row).into()
}

/// The sum of a whole number of vectors, at most [`RUN`] of them.
#[inline(always)]
fn sum(row: &[f32]) -> f32 {
    let mut lanes = [0.0; LANES];
    for cells in row.as_chunks::<LANES>().0 {
        lanes.iter_mut().zip(cells).for_each(|(lane, &x)| *lane += x);
    }
    lanes.iter().sum()
}

/// The largest of a whole number of vectors; NaN is passed over.
#[inline(always)]
fn largest(row: &[f32]) -> f32 {
    let mut lanes = [f32::NEG_INFINITY; LANES];
    for cells in row.as_chunks::<LANES>().0 {
        lanes.iter_mut().zip(cells).for_each(|(lane, &x)| *lane = if x > *lane { x } else { *lane });
    }
    lanes.into_iter().fold(f32::NEG_INFINITY, f32::max)
}

/// Raises the shift of a sum.
#[inline(always)]
fn raise(shift: &mut f32, total: &mut f64, to: f32) {
    if to > *shift {
        *total *= f64::from(*shift - to).exp2();
        *shift = to;
    }
}

/// A line without a cell has no shift yet.
#[inline(always)]
fn finite_or_zero(shift: f32) -> f32 {
    if shift == f32::NEG_INFINITY { 0.0 } else { shift }
}

/// Moves sums of a few cells each to f64.
#[inline(always)]
fn flush(partial: &mut [f32; SIDE], totals: &mut [f64]) {
    for (total, partial) in totals.iter_mut().zip(partial) {
        *total += f64::from(*partial);
        *partial = 0.0;
    }
}
