//! Sigmoid focal loss (Lin et al. 2017) in one pass.

use crate::chunks::{Sums, in_order, pieces, rows_per_chunk};
use crate::options::FocalAlpha;
use crate::simd::{Arithmetic, Kernel, dispatch, exp, ln, ln_1p_of_unit, padded};
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
        .map(|(((logits, targets), by_logits), by_targets)| {
            dispatch(Chunk { terms: Terms::of(loss), logits, targets, by_logits, by_targets })
        })
        .collect();
    in_order(sums)
}

/// The elements that are looked at side by side.
const LANES: usize = 16;

struct Chunk<'a> {
    terms: Terms,
    logits: &'a [f32],
    targets: &'a [f32],
    by_logits: Option<&'a mut [f32]>,
    by_targets: Option<&'a mut [f32]>,
}

impl Kernel for Chunk<'_> {
    type Output = Sums;

    #[inline(always)]
    fn run<A: Arithmetic>(self) -> Sums {
        // Code of its own for each of the usual exponents: a power is a logarithm and an exponential.
        match self.terms.gamma {
            0.0 => self.sum::<A, 0>(),
            1.0 => self.sum::<A, 1>(),
            2.0 => self.sum::<A, 2>(),
            _ => self.sum::<A, ANY>(),
        }
    }
}

/// An exponent that has no code of its own.
const ANY: u8 = 3;

impl Chunk<'_> {
    #[inline(always)]
    fn sum<A: Arithmetic, const GAMMA: u8>(self) -> Sums {
        let Self { terms, logits, targets, mut by_logits, mut by_targets } = self;
        let mut sums = LaneSums::default();
        let (groups, rest) = logits.as_chunks::<LANES>();
        let (target_groups, target_rest) = targets.as_chunks::<LANES>();
        for (at, (x, t)) in groups.iter().zip(target_groups).enumerate() {
            let place = at * LANES..(at + 1) * LANES;
            let by_logits = by_logits.as_deref_mut().map(|gradient| &mut gradient[place.clone()]);
            let by_targets = by_targets.as_deref_mut().map(|gradient| &mut gradient[place]);
            sums.add::<A, GAMMA>(&terms, x, t, LANES, by_logits, by_targets);
        }
        if !rest.is_empty() {
            let place = groups.len() * LANES..logits.len();
            let by_logits = by_logits.map(|gradient| &mut gradient[place.clone()]);
            let by_targets = by_targets.map(|gradient| &mut gradient[place]);
            let [x, t] = [rest, target_rest].map(|rest| padded(rest, 0.0));
            sums.add::<A, GAMMA>(&terms, &x, &t, rest.len(), by_logits, by_targets);
        }
        let valid = logits.len() as u64;
        let active = sums.active.iter().map(|&active| u64::from(active)).sum();
        Sums { total: sums.totals.iter().sum(), weight: valid as f64, valid, active }
    }
}

#[derive(Default)]
struct LaneSums {
    totals: [f64; LANES],
    active: [u32; LANES],
}

impl LaneSums {
    /// Adds the first `count` of some elements, and writes their gradients.
    #[inline(always)]
    fn add<A: Arithmetic, const GAMMA: u8>(
        &mut self,
        terms: &Terms,
        x: &[f32; LANES],
        t: &[f32; LANES],
        count: usize,
        by_logits: Option<&mut [f32]>,
        by_targets: Option<&mut [f32]>,
    ) {
        let (mut values, mut slopes) = ([0.0; LANES], [0.0; LANES]);
        for lane in 0..LANES {
            let term = terms.term::<A, GAMMA>(x[lane], t[lane]);
            (values[lane], slopes[lane]) = (term.value, term.by_logit);
        }
        // What pads the last group adds nothing.
        values[count..].fill(0.0);
        for ((value, total), active) in values.iter().zip(&mut self.totals).zip(&mut self.active) {
            *total += f64::from(*value);
            // A NaN is active.
            *active += if *value <= 0.0 { 0 } else { 1 };
        }
        if let Some(gradient) = by_logits {
            gradient.copy_from_slice(&slopes[..count]);
        }
        if let Some(gradient) = by_targets {
            for lane in 0..LANES {
                slopes[lane] = terms.by_target::<A, GAMMA>(x[lane], t[lane]);
            }
            gradient.copy_from_slice(&slopes[..count]);
        }
    }
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

/// The loss, with nothing left to decide for each element.
#[derive(Clone, Copy)]
struct Terms {
    gamma: f32,
    /// α of positives and of negatives; of all targets unless `balanced`.
    alpha: f32,
    of_negatives: f32,
    balanced: bool,
}

impl Terms {
    fn of(loss: SigmoidFocal) -> Self {
        let gamma = loss.gamma;
        let uniform = |alpha: f32| Self { gamma, alpha, of_negatives: alpha, balanced: false };
        match loss.alpha {
            FocalAlpha::None => uniform(1.0),
            FocalAlpha::Uniform(alpha) => uniform(alpha as f32),
            FocalAlpha::Balanced(alpha) => {
                let alpha = alpha as f32;
                Self { gamma, alpha, of_negatives: 1.0 - alpha, balanced: true }
            }
        }
    }

    /// The loss is symmetric: `x < 0` with target `t` is `|x|` with target `1 − t`. So everything is in terms of
    /// `s = |x|` and `e = exp(−s)`, which can't overflow, and of `y`, the target on that side:
    /// `1 − p_t = ((1 − y) + e·y) / (1 + e)` and `CE = s·(1 − y) + ln(1 + e)`.
    #[inline(always)]
    fn term<A: Arithmetic, const GAMMA: u8>(&self, x: f32, t: f32) -> Term {
        let positive = x >= 0.0;
        // Not `wrong = 1 − y` for both: a small target would lose its digits.
        let (y, wrong) = if positive { (t, 1.0 - t) } else { (1.0 - t, t) };
        let (s, sign) = (x.abs(), if positive { 1.0 } else { -1.0 });
        let e = exp::<A>(-s);
        let (softplus, numerator) = (ln_1p_of_unit::<A>(e), wrong + e * y);
        let share = 1.0 / (1.0 + e);
        let q = numerator * share;
        let cross_entropy = s * wrong + softplus;
        let correct = wrong == 0.0;
        // `steep` is `modulation / (1 − p_t)` times the derivative `e/(1 + e)²` of `1 − p_t`, which needs no division.
        let (modulation, steep) = match GAMMA {
            0 => (1.0, 0.0),
            1 => (q, e * share * share),
            2 => (q * q, q * (e * share) * share),
            _ => {
                // A wholly correct target leaves 1 − p_t = e/(1 + e): its logarithm is known where e underflows.
                let log_q = if correct { -s } else { ln::<A>(numerator) };
                let modulation = exp::<A>(self.gamma * (log_q - softplus));
                (modulation, modulation * if correct { share } else { e * share / numerator })
            }
        };
        let weight = if self.balanced { self.alpha * t + self.of_negatives * (1.0 - t) } else { self.alpha };
        let slope = modulation * ((wrong - e * y) * share) + self.gamma * steep * (wrong - y) * cross_entropy;
        Term {
            value: weight * modulation * cross_entropy,
            by_logit: sign * weight * slope,
            weight,
            modulation,
            cross_entropy,
            ratio: if correct && e < 1e-30 { 1.0 } else { cross_entropy / q },
        }
    }

    #[inline(always)]
    fn by_target<A: Arithmetic, const GAMMA: u8>(&self, x: f32, t: f32) -> f32 {
        debug_assert!(t.is_nan() || (0.0..=1.0).contains(&t));
        let term = self.term::<A, GAMMA>(x, t);
        let e = exp::<A>(-x.abs());
        // d(1 − p_t)/dt = 1 − 2p
        let slope = -x.signum() * (1.0 - e) / (1.0 + e);
        let by_weight = if self.balanced { (2.0 * self.alpha - 1.0) * term.cross_entropy } else { 0.0 };
        let focus = if GAMMA == 0 { 0.0 } else { self.gamma * slope * term.ratio };
        term.modulation * (by_weight + term.weight * (focus - x))
    }
}
