//! Sigmoid focal loss (Lin et al. 2017) in one pass.

use crate::chunks::{Sums, in_order, pieces, rows_per_chunk};
use crate::options::FocalAlpha;
use rayon::prelude::*;

/// The parameters of the sigmoid focal loss.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SigmoidFocal {
    /// The focusing parameter γ, at least 0.
    pub gamma: f32,
    /// The class weight α.
    pub alpha: FocalAlpha,
}

/// Where the gradient of the sum of the terms goes; each is written once and whole.
#[derive(Debug, Default)]
pub struct SigmoidFocalGradients<'a> {
    /// With respect to the logits.
    pub logits: Option<&'a mut [f32]>,
    /// With respect to the targets.
    pub targets: Option<&'a mut [f32]>,
}

/// The sum over all elements of `α_t (1 − p_t)^γ · BCE(x, t)`, with its gradients.
///
/// `logits` and `targets` have the same length; targets are in `[0, 1]` and may be soft.
///
/// # Panics
/// If lengths differ.
pub fn sigmoid_focal(
    loss: SigmoidFocal,
    logits: &[f32],
    targets: &[f32],
    gradients: SigmoidFocalGradients<'_>,
) -> Sums {
    assert_eq!(logits.len(), targets.len(), "one target a logit");
    let chunk = rows_per_chunk(1);
    let sums = logits
        .par_chunks(chunk)
        .zip(targets.par_chunks(chunk))
        .zip(pieces(gradients.logits, logits.len(), chunk))
        .zip(pieces(gradients.targets, logits.len(), chunk))
        .map(|(((logits, targets), mut by_logits), mut by_targets)| {
            let mut sums = Sums::default();
            for (i, (&x, &t)) in logits.iter().zip(targets).enumerate() {
                let term = loss.term(x, t);
                sums.add(Sums::of(term.value.into(), 1.0));
                if let Some(gradient) = &mut by_logits {
                    gradient[i] = term.by_logit;
                }
                if let Some(gradient) = &mut by_targets {
                    gradient[i] = loss.by_target(x, t, &term);
                }
            }
            sums
        })
        .collect();
    in_order(sums)
}

/// One term with what its derivatives need.
struct Term {
    value: f32,
    by_logit: f32,
    weight: f32,
    modulation: f32,
    cross_entropy: f32,
    /// `CE / (1 − p_t)`, finite also where both underflow.
    ratio: f32,
}

impl SigmoidFocal {
    /// The loss is symmetric: `x < 0` with target `t` is `|x|` with target `1 − t`. So everything is in terms of
    /// `s = |x|` and `e = exp(−s)`, which can't overflow, and of `y`, the target on that side:
    /// `1 − p_t = ((1 − y) + e·y) / (1 + e)` and `CE = s·(1 − y) + ln(1 + e)`.
    #[inline]
    fn term(&self, x: f32, t: f32) -> Term {
        // Not `wrong = 1 − y` for both: a small target would lose its digits.
        let (s, y, wrong, sign) = if x >= 0.0 { (x, t, 1.0 - t, 1.0) } else { (-x, 1.0 - t, t, -1.0) };
        let e = (-s).exp();
        let (softplus, numerator) = (e.ln_1p(), wrong + e * y);
        let q = numerator / (1.0 + e);
        let cross_entropy = s * wrong + softplus;
        // A wholly correct target leaves 1 − p_t = e/(1 + e): its logarithm is known where e underflows.
        let correct = wrong == 0.0;
        let by_q = if correct { 1.0 / (1.0 + e) } else { e / ((1.0 + e) * numerator) };
        let modulation = if self.gamma == 0.0 {
            1.0
        } else if self.gamma == 1.0 {
            q
        } else if self.gamma == 2.0 {
            q * q
        } else {
            let log_q = if correct { -s - softplus } else { numerator.ln() - softplus };
            (self.gamma * log_q).exp()
        };
        let weight = match self.alpha {
            FocalAlpha::None => 1.0,
            FocalAlpha::Balanced(alpha) => alpha as f32 * t + (1.0 - alpha as f32) * (1.0 - t),
            FocalAlpha::Uniform(alpha) => alpha as f32,
        };
        let slope = (wrong - e * y) / (1.0 + e) + self.gamma * by_q * (wrong - y) * cross_entropy;
        Term {
            value: weight * modulation * cross_entropy,
            by_logit: sign * weight * modulation * slope,
            weight,
            modulation,
            cross_entropy,
            ratio: if correct && e < 1e-30 { 1.0 } else { cross_entropy / q },
        }
    }

    #[inline]
    fn by_target(&self, x: f32, t: f32, term: &Term) -> f32 {
        let e = (-x.abs()).exp();
        // d(1 − p_t)/dt = 1 − 2p
        let slope = -x.signum() * (1.0 - e) / (1.0 + e);
        let by_weight = match self.alpha {
            FocalAlpha::Balanced(alpha) => (2.0 * alpha as f32 - 1.0) * term.cross_entropy,
            _ => 0.0,
        };
        let focus = if self.gamma == 0.0 { 0.0 } else { self.gamma * slope * term.ratio };
        debug_assert!(t.is_nan() || (0.0..=1.0).contains(&t));
        term.modulation * (by_weight + term.weight * (focus - x))
    }
}
