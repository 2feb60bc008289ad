//! Softmax focal loss in one pass a row.

use crate::chunks::Sums;
use crate::rows::{Others, RowTerm, by_row};
use crate::simd::Arithmetic;

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
    by_row(&loss, logits, classes, targets, gradient, loss.ignore_index)
}

impl RowTerm for SoftmaxFocal<'_> {
    #[inline(always)]
    fn row<A: Arithmetic>(&self, x: &[f32], y: usize, mut gradient: Option<&mut [f32]>) -> Sums {
        let alpha = self.alpha.map_or(1.0, |alpha| f64::from(alpha[y]));
        let others = Others::of::<A>(x, y, gradient.as_deref_mut());
        // The loss is the sigmoid focal loss of z, the logit of p_y, with target 1.
        let (e, positive) = ((-others.z.abs()).exp(), others.z >= 0.0);
        let (p, q) = if positive { (1.0 / (1.0 + e), e / (1.0 + e)) } else { (e / (1.0 + e), 1.0 / (1.0 + e)) };
        let log_1p = e.ln_1p();
        let cross_entropy = log_1p + if positive { 0.0 } else { -others.z };
        let modulation = match self.gamma {
            0.0 => 1.0,
            1.0 => q,
            2.0 => q * q,
            gamma => (gamma * (-log_1p - if positive { others.z } else { 0.0 })).exp(),
        };
        if let Some(gradient) = gradient {
            let by_z = -alpha * modulation * (self.gamma * p * cross_entropy + q);
            let share = others.share(-by_z);
            gradient.iter_mut().for_each(|g| *g *= share);
            gradient[y] = by_z as f32;
        }
        // At z = ∞ (one class, say) the modulation and the cross-entropy are both 0.
        Sums::of(alpha * modulation * cross_entropy, alpha)
    }
}
