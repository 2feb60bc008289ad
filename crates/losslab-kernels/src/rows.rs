//! Losses of one row of logits, over all rows.

use crate::chunks::{Sums, in_order, pieces, rows_per_chunk};
use crate::simd::{Arithmetic, Kernel, dispatch, exp};
use rayon::prelude::*;

/// The values that are looked at side by side.
const LANES: usize = 16;

/// A loss of one row.
pub(crate) trait RowTerm: Sync {
    /// The term of a row with its true class; writes its gradient. To be `#[inline(always)]`.
    fn row<A: Arithmetic>(&self, x: &[f32], y: usize, gradient: Option<&mut [f32]>) -> Sums;
}

/// Runs a loss of one row over all rows; ignored rows get a gradient of 0.
pub(crate) fn by_row(
    term: &impl RowTerm,
    logits: &[f32],
    classes: usize,
    targets: &[i64],
    gradient: Option<&mut [f32]>,
    ignore_index: Option<i64>,
) -> Sums {
    assert_eq!(logits.len(), targets.len() * classes, "[targets, classes] logits");
    if logits.is_empty() {
        return Sums::default();
    }
    let rows = rows_per_chunk(classes);
    let sums = logits
        .par_chunks(rows * classes)
        .zip(targets.par_chunks(rows))
        .zip(pieces(gradient, logits.len(), rows * classes))
        .map(|((logits, targets), gradient)| dispatch(Rows { term, logits, classes, targets, gradient, ignore_index }))
        .collect();
    in_order(sums)
}

struct Rows<'a, T> {
    term: &'a T,
    logits: &'a [f32],
    classes: usize,
    targets: &'a [i64],
    gradient: Option<&'a mut [f32]>,
    ignore_index: Option<i64>,
}

impl<T: RowTerm> Kernel for Rows<'_, T> {
    type Output = Sums;

    #[inline(always)]
    fn run<A: Arithmetic>(mut self) -> Sums {
        let (mut sums, classes) = (Sums::default(), self.classes);
        for (i, (x, &target)) in self.logits.chunks(classes).zip(self.targets).enumerate() {
            let gradient = self.gradient.as_mut().map(|gradient| &mut gradient[i * classes..(i + 1) * classes]);
            if self.ignore_index == Some(target) {
                gradient.into_iter().for_each(|gradient| gradient.fill(0.0));
            } else {
                sums.add(self.term.row::<A>(x, target as usize, gradient));
            }
        }
        sums
    }
}

/// The logit of `p_y` against all other classes, `z = x_y − log Σ_{c≠y} exp(x_c)`, which keeps its precision where
/// `p_y` is near 0 and near 1.
pub(crate) struct Others {
    pub z: f64,
    sum: f64,
}

impl Others {
    /// Leaves `exp(x_c − max)` in the gradient, 0 for the class `y`.
    #[inline(always)]
    pub fn of<A: Arithmetic>(x: &[f32], y: usize, gradient: Option<&mut [f32]>) -> Self {
        let max = max_without(x, y);
        // The maximum of nothing, or of classes that are ruled out, leaves p_y = 1. It passes over a NaN, but the sum
        // doesn't.
        let shift = if max == f32::NEG_INFINITY { 0.0 } else { max };
        let sum = sum_of_exponentials::<A>(x, y, shift, gradient);
        Self { z: f64::from(x[y] - shift) - sum.ln(), sum }
    }

    /// What the exponentials are multiplied by, to spread `mass` over the other classes in proportion to their share of
    /// the softmax.
    pub fn share(&self, mass: f64) -> f32 {
        if self.sum == 0.0 { 0.0 } else { (mass / self.sum) as f32 }
    }
}

/// A group of a row, padded and without class `y`: there it is −∞.
#[inline(always)]
fn group_without(x: &[f32], y: usize, at: usize) -> [f32; LANES] {
    let (groups, rest) = x.as_chunks::<LANES>();
    let mut group = [f32::NEG_INFINITY; LANES];
    match groups.get(at) {
        Some(whole) => group = *whole,
        None => group[..rest.len()].copy_from_slice(rest),
    }
    if y / LANES == at {
        group[y % LANES] = f32::NEG_INFINITY;
    }
    group
}

#[inline(always)]
fn max_without(x: &[f32], y: usize) -> f32 {
    let mut max = [f32::NEG_INFINITY; LANES];
    for at in 0..x.len().div_ceil(LANES) {
        let group = group_without(x, y, at);
        for lane in 0..LANES {
            max[lane] = if group[lane] > max[lane] { group[lane] } else { max[lane] };
        }
    }
    max.into_iter().fold(f32::NEG_INFINITY, f32::max)
}

/// `Σ_{c≠y} exp(x_c − shift)`, whose terms are left in `to`.
#[inline(always)]
fn sum_of_exponentials<A: Arithmetic>(x: &[f32], y: usize, shift: f32, mut to: Option<&mut [f32]>) -> f64 {
    let mut sums = [0.0; LANES];
    for at in 0..x.len().div_ceil(LANES) {
        let mut group = group_without(x, y, at);
        for value in &mut group {
            *value = exp::<A>(*value - shift);
        }
        for lane in 0..LANES {
            sums[lane] += f64::from(group[lane]);
        }
        if let Some(to) = &mut to {
            let (groups, rest) = to.as_chunks_mut::<LANES>();
            match groups.get_mut(at) {
                Some(whole) => *whole = group,
                None => rest.copy_from_slice(&group[..rest.len()]),
            }
        }
    }
    sums.iter().sum()
}

/// `Σ x` in f64, or `Σ w·x`.
#[inline(always)]
pub(crate) fn weighted_sum(x: &[f32], weights: Option<&[f32]>) -> f64 {
    let mut sums = [0.0; LANES];
    let (groups, rest) = x.as_chunks::<LANES>();
    match weights {
        None => {
            for group in groups {
                for lane in 0..LANES {
                    sums[lane] += f64::from(group[lane]);
                }
            }
            sums.iter().sum::<f64>() + rest.iter().map(|&x| f64::from(x)).sum::<f64>()
        }
        Some(weights) => {
            let (weight_groups, rest_weights) = weights.as_chunks::<LANES>();
            for (group, weights) in groups.iter().zip(weight_groups) {
                for lane in 0..LANES {
                    sums[lane] += f64::from(weights[lane]) * f64::from(group[lane]);
                }
            }
            let rest = rest.iter().zip(rest_weights).map(|(&x, &weight)| f64::from(weight) * f64::from(x));
            sums.iter().sum::<f64>() + rest.sum::<f64>()
        }
    }
}
