//! A reverse-mode tape of f64 scalars.
//!
//! Each operation records the partial derivatives of its result. Walking the record backwards gives the derivative of
//! one result with respect to everything before it.

use std::cell::RefCell;
use std::ops::{Add, Div, Mul, Neg, Sub};

/// The record of a computation.
#[derive(Default)]
pub(super) struct Tape {
    record: RefCell<Record>,
}

/// The edges of node `i` end at `ends[i]` and start where those of node `i − 1` end.
#[derive(Default)]
struct Record {
    ends: Vec<usize>,
    edges: Vec<Edge>,
}

struct Edge {
    input: usize,
    partial: f64,
}

/// A number on a tape.
#[derive(Clone, Copy)]
pub(super) struct Var<'t> {
    tape: &'t Tape,
    index: usize,
    value: f64,
}

impl Tape {
    /// Records a result and its partial derivatives.
    fn push<'t>(&'t self, value: f64, partials: impl IntoIterator<Item = (Var<'t>, f64)>) -> Var<'t> {
        let record = &mut *self.record.borrow_mut();
        record.edges.extend(partials.into_iter().map(|(input, partial)| Edge { input: input.index, partial }));
        record.ends.push(record.edges.len());
        Var { tape: self, index: record.ends.len() - 1, value }
    }

    /// A number without inputs.
    pub(super) fn constant(&self, value: f64) -> Var<'_> {
        self.push(value, [])
    }

    /// The inputs of a loss.
    pub(super) fn variables(&self, values: &[f64]) -> Vec<Var<'_>> {
        values.iter().map(|&value| self.constant(value)).collect()
    }

    /// `Σ xᵢ`, 0 for none.
    pub(super) fn sum<'t>(&'t self, terms: &[Var<'t>]) -> Var<'t> {
        let value = terms.iter().fold(0.0, |sum, term| sum + term.value);
        self.push(value, terms.iter().map(|&term| (term, 1.0)))
    }

    /// `Σ xᵢ·yᵢ`, where `x` and `y` may be the same.
    pub(super) fn dot<'t>(&'t self, x: &[Var<'t>], y: &[Var<'t>]) -> Var<'t> {
        assert_eq!(x.len(), y.len(), "vectors of different lengths");
        let value = x.iter().zip(y).fold(0.0, |sum, (x, y)| sum + x.value * y.value);
        self.push(value, x.iter().zip(y).flat_map(|(&x, &y)| [(x, y.value), (y, x.value)]))
    }

    /// `log Σ exp xᵢ`, −∞ for none.
    pub(super) fn log_sum_exp<'t>(&'t self, terms: &[Var<'t>]) -> Var<'t> {
        // `f64::max` passes over a NaN, which then shows in the sum.
        let largest = terms.iter().fold(f64::NEG_INFINITY, |largest, term| largest.max(term.value));
        let shift = if largest.is_finite() { largest } else { 0.0 };
        let sum = terms.iter().fold(0.0, |sum, term| sum + (term.value - shift).exp());
        let share = |term: &Var| {
            if sum == 0.0 { 0.0 } else { (term.value - shift).exp() / sum }
        };
        self.push(shift + sum.ln(), terms.iter().map(|&term| (term, share(&term))))
    }
}

impl<'t> Var<'t> {
    pub(super) fn value(&self) -> f64 {
        self.value
    }

    pub(super) fn index(&self) -> usize {
        self.index
    }

    /// The derivatives of this number with respect to every number of its tape, by index.
    pub(super) fn adjoints(&self) -> Vec<f64> {
        let record = self.tape.record.borrow();
        let mut adjoints = vec![0.0; record.ends.len()];
        adjoints[self.index] = 1.0;
        for node in (0..=self.index).rev() {
            let adjoint = adjoints[node];
            // Nothing flows through 0, whatever the partial.
            if adjoint != 0.0 {
                let start = if node == 0 { 0 } else { record.ends[node - 1] };
                for edge in &record.edges[start..record.ends[node]] {
                    adjoints[edge.input] += adjoint * edge.partial;
                }
            }
        }
        adjoints
    }

    /// A function of one number: its value and its derivative.
    pub(super) fn map(self, value: f64, derivative: f64) -> Self {
        self.tape.push(value, [(self, derivative)])
    }

    /// A function of two numbers: its value and its two partial derivatives.
    pub(super) fn zip(self, other: Self, value: f64, partials: [f64; 2]) -> Self {
        self.tape.push(value, [(self, partials[0]), (other, partials[1])])
    }

    pub(super) fn exp(self) -> Self {
        self.map(self.value.exp(), self.value.exp())
    }

    pub(super) fn square(self) -> Self {
        self.map(self.value * self.value, 2.0 * self.value)
    }

    /// The square root, with derivative 0 at 0.
    pub(super) fn sqrt(self) -> Self {
        let root = self.value.sqrt();
        self.map(root, if root == 0.0 { 0.0 } else { 0.5 / root })
    }

    /// `log(1 + exp x)`.
    pub(super) fn softplus(self) -> Self {
        self.map(softplus(self.value), sigmoid(self.value))
    }

    /// `max(0, x)`, with derivative 0 at 0. A NaN stays.
    pub(super) fn max0(self) -> Self {
        if self.value > 0.0 || self.value.is_nan() { self } else { self.tape.constant(0.0) }
    }

    /// The smaller of two numbers, the first where they are equal. A NaN stays.
    pub(super) fn min(self, other: Self) -> Self {
        if self.value <= other.value || self.value.is_nan() { self } else { other }
    }
}

/// `log(1 + exp x)` of a plain number.
pub(super) fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

/// `1/(1 + exp(−x))` of a plain number.
pub(super) fn sigmoid(x: f64) -> f64 {
    let small = (-x.abs()).exp();
    if x >= 0.0 { 1.0 / (1.0 + small) } else { small / (1.0 + small) }
}

impl Add for Var<'_> {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        self.zip(other, self.value + other.value, [1.0, 1.0])
    }
}

impl Sub for Var<'_> {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        self.zip(other, self.value - other.value, [1.0, -1.0])
    }
}

impl Mul for Var<'_> {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        self.zip(other, self.value * other.value, [other.value, self.value])
    }
}

impl Div for Var<'_> {
    type Output = Self;
    fn div(self, other: Self) -> Self {
        let ratio = self.value / other.value;
        self.zip(other, ratio, [1.0 / other.value, -ratio / other.value])
    }
}

impl Neg for Var<'_> {
    type Output = Self;
    fn neg(self) -> Self {
        self.map(-self.value, -1.0)
    }
}

impl Add<f64> for Var<'_> {
    type Output = Self;
    fn add(self, other: f64) -> Self {
        self.map(self.value + other, 1.0)
    }
}

impl Sub<f64> for Var<'_> {
    type Output = Self;
    fn sub(self, other: f64) -> Self {
        self.map(self.value - other, 1.0)
    }
}

impl Mul<f64> for Var<'_> {
    type Output = Self;
    fn mul(self, other: f64) -> Self {
        self.map(self.value * other, other)
    }
}

impl Div<f64> for Var<'_> {
    type Output = Self;
    fn div(self, other: f64) -> Self {
        self.map(self.value / other, 1.0 / other)
    }
}

impl<'t> Sub<Var<'t>> for f64 {
    type Output = Var<'t>;
    fn sub(self, other: Var<'t>) -> Var<'t> {
        other.map(self - other.value, -1.0)
    }
}

impl<'t> Mul<Var<'t>> for f64 {
    type Output = Var<'t>;
    fn mul(self, other: Var<'t>) -> Var<'t> {
        other * self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_used_twice_collects_both_derivatives() {
        let tape = Tape::default();
        let (x, y) = (tape.constant(3.0), tape.constant(2.0));
        let result = x * x / y - (y - 1.0) * 4.0 + 0.5 * x;
        assert_eq!(result.value(), 4.5 - 4.0 + 1.5);
        let adjoints = result.adjoints();
        assert_eq!(adjoints[x.index()], 3.0 + 0.5);
        assert_eq!(adjoints[y.index()], -9.0 / 4.0 - 4.0);
    }

    #[test]
    fn log_sum_exp_is_stable_and_shows_nan() {
        let tape = Tape::default();
        let lse = |numbers: &[f64]| tape.log_sum_exp(&tape.variables(numbers)).value();
        assert_eq!(lse(&[1e4, 1e4]), 1e4 + 2f64.ln());
        assert_eq!(lse(&[-1e4, -1e4]), -1e4 + 2f64.ln());
        assert_eq!(lse(&[]), f64::NEG_INFINITY);
        assert_eq!(lse(&[f64::NEG_INFINITY, 1.0]), 1.0);
        assert!(lse(&[f64::NAN]).is_nan() && lse(&[1.0, f64::NAN]).is_nan() && lse(&[f64::NAN, 1.0]).is_nan());
    }

    #[test]
    fn a_dot_product_with_itself_has_twice_the_derivative() {
        let tape = Tape::default();
        let x = tape.variables(&[1.0, -2.0]);
        let adjoints = tape.dot(&x, &x).adjoints();
        assert_eq!([adjoints[0], adjoints[1]], [2.0, -4.0]);
    }

    #[test]
    fn kinks_have_derivative_zero_and_nan_passes() {
        let tape = Tape::default();
        let zero = tape.constant(0.0);
        assert_eq!(zero.sqrt().adjoints()[zero.index()], 0.0);
        assert_eq!(zero.max0().adjoints()[zero.index()], 0.0);
        let nan = tape.constant(f64::NAN);
        assert!(nan.max0().value().is_nan() && nan.min(zero).value().is_nan() && zero.min(nan).value().is_nan());
        assert!(nan.softplus().value().is_nan() && nan.sqrt().value().is_nan());
    }
}
