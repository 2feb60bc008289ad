//! Softmax focal loss in one pass a row.

use crate::chunks::{Sums, in_order, pieces, rows_per_chunk};
use rayon::prelude::*;

/// The parameters of the softmax focal loss.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SoftmaxFocal<'a> {
    /// The focusing parameter γ, at least 0.
    pub gamma: f64,
    /// A weight α for each class.
    pub alpha: Option<&'a [f32]>,
    /// Samples with this target are not valid.
    pub ignore_index: Option<i64>,
}

/// The sum over all samples of `α_y (1 − p_y)^γ · (−ln p_y)`, with its gradient with respect to the logits.
///
/// `logits` is row-major, `[targets.len(), classes]`; targets are in `0..classes`, or `ignore_index`.
///
/// # Panics
/// If a length or a target doesn't fit.
pub fn softmax_focal(
    loss: SoftmaxFocal<'_>,
    logits: &[f32],
    classes: usize,
    targets: &[i64],
    gradient: Option<&mut [f32]>,
) -> Sums {
    by_row(logits, classes, targets, gradient, loss.ignore_index, |x, y, gradient| {
        let alpha = loss.alpha.map_or(1.0, |alpha| f64::from(alpha[y]));
        let others = Others::of(x, y);
        // The loss is the sigmoid focal loss of z, the logit of p_y, with target 1.
        let (e, positive) = ((-others.z.abs()).exp(), others.z >= 0.0);
        let (p, q) = if positive { (1.0 / (1.0 + e), e / (1.0 + e)) } else { (e / (1.0 + e), 1.0 / (1.0 + e)) };
        let cross_entropy = e.ln_1p() + if positive { 0.0 } else { -others.z };
        let log_q = -e.ln_1p() - if positive { others.z } else { 0.0 };
        let modulation = if loss.gamma == 0.0 { 1.0 } else { (loss.gamma * log_q).exp() };
        if let Some(gradient) = gradient {
            let by_z = -alpha * modulation * (loss.gamma * p * cross_entropy + q);
            others.spread(x, -by_z, gradient);
            gradient[y] = by_z as f32;
        }
        // At z = ∞ (one class, say) the modulation and the cross-entropy are both 0.
        Sums::of(alpha * modulation * cross_entropy, alpha)
    })
}

/// The logit of `p_y` against all other classes, `z = x_y − log Σ_{c≠y} exp(x_c)`, which keeps its precision where
/// `p_y` is near 0 and near 1.
pub(crate) struct Others {
    pub(crate) z: f64,
    shift: f32,
    sum: f64,
}

impl Others {
    pub(crate) fn of(x: &[f32], y: usize) -> Self {
        let (before, after) = (&x[..y], &x[y + 1..]);
        let max = before.iter().chain(after).copied().fold(f32::NEG_INFINITY, f32::max);
        // The maximum of nothing, or of classes that are ruled out, leaves p_y = 1. `f32::max` passes over a NaN, but
        // the sum doesn't.
        let shift = if max == f32::NEG_INFINITY { 0.0 } else { max };
        let sum: f64 = before.iter().chain(after).map(|&x| f64::from((x - shift).exp())).sum();
        Self { z: f64::from(x[y] - shift) - sum.ln(), shift, sum }
    }

    /// Writes `mass` spread over the other classes in proportion to their share of the softmax.
    pub(crate) fn spread(&self, x: &[f32], mass: f64, gradient: &mut [f32]) {
        let share = if self.sum == 0.0 { 0.0 } else { (mass / self.sum) as f32 };
        for (g, &x) in gradient.iter_mut().zip(x) {
            *g = share * (x - self.shift).exp();
        }
    }
}

/// Runs a loss of one row over all rows; ignored rows get a gradient of 0.
pub(crate) fn by_row(
    logits: &[f32],
    classes: usize,
    targets: &[i64],
    gradient: Option<&mut [f32]>,
    ignore_index: Option<i64>,
    row: impl Fn(&[f32], usize, Option<&mut [f32]>) -> Sums + Sync,
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
        .map(|((logits, targets), mut piece)| {
            let mut sums = Sums::default();
            for (i, (x, &target)) in logits.chunks(classes).zip(targets).enumerate() {
                let gradient = piece.as_mut().map(|piece| &mut piece[i * classes..(i + 1) * classes]);
                if ignore_index == Some(target) {
                    gradient.into_iter().for_each(|gradient| gradient.fill(0.0));
                } else {
                    sums.add(row(x, target as usize, gradient));
                }
            }
            sums
        })
        .collect();
    in_order(sums)
}
