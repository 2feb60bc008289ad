//! Losses of class scores.

use super::tape::{Tape, Var, sigmoid, softplus};
use super::{Evaluation, reduce, values};
use crate::options::{FocalAlpha, Reduction, SmoothingConvention};

/// The options of [`sigmoid_focal`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SigmoidFocal {
    /// γ ≥ 0: how strongly easy elements are turned down.
    pub gamma: f64,
    /// The class weight.
    pub alpha: FocalAlpha,
    /// How the elements become one number.
    pub reduction: Reduction,
}

impl Default for SigmoidFocal {
    fn default() -> Self {
        Self { gamma: 2.0, alpha: FocalAlpha::Balanced(0.25), reduction: Reduction::Mean }
    }
}

/// The options of [`focal`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Focal<'a> {
    /// γ ≥ 0: how strongly easy samples are turned down.
    pub gamma: f64,
    /// A weight for each class; 1 where not given.
    pub alpha: Option<&'a [f64]>,
    /// Samples with this target are left out.
    pub ignore_index: Option<i64>,
    /// How the samples become one number.
    pub reduction: Reduction,
}

impl Default for Focal<'_> {
    fn default() -> Self {
        Self { gamma: 2.0, alpha: None, ignore_index: None, reduction: Reduction::Mean }
    }
}

/// The options of [`cross_entropy`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CrossEntropy<'a> {
    /// ε in `[0, 1]` and where it goes; none is ε = 0.
    pub smoothing: Option<(f64, SmoothingConvention)>,
    /// A weight for each class; 1 where not given.
    pub weights: Option<&'a [f64]>,
    /// Samples with this target are left out.
    pub ignore_index: Option<i64>,
    /// How the samples become one number.
    pub reduction: Reduction,
}

/// `a_t · (1 − p_t)^γ · BCE(x, t)` for each element, for targets in `[0, 1]`. Terms: one for each element. Gradients:
/// logits, targets.
pub fn sigmoid_focal(logits: &[f64], targets: &[f64], options: &SigmoidFocal) -> Evaluation {
    assert_eq!(logits.len(), targets.len(), "a target for each logit");
    let tape = Tape::default();
    let (logits, targets) = (tape.variables(logits), tape.variables(targets));
    let term = |element: usize| {
        let t = targets[element];
        let modulated = modulated_cross_entropy(logits[element], t, options.gamma);
        match options.alpha {
            FocalAlpha::None => modulated,
            FocalAlpha::Balanced(alpha) => (alpha * t + (1.0 - alpha) * (1.0 - t)) * modulated,
            FocalAlpha::Uniform(alpha) => alpha * modulated,
        }
    };
    let terms = (0..logits.len()).map(term).collect::<Vec<_>>();
    let value = reduce(&tape, &terms, terms.len() as f64, options.reduction);
    Evaluation::new(value, values(&terms), &[&logits, &targets])
}

/// `α_y · (1 − p_y)^γ · (−log p_y)` of the softmax, for logits `[N, classes]` and targets `[N]`. Terms: `[N]`, 0 for
/// an ignored sample. Gradients: logits.
pub fn focal(logits: &[f64], targets: &[i64], classes: usize, options: &Focal) -> Evaluation {
    assert!(options.alpha.is_none_or(|alpha| alpha.len() == classes), "a weight for each class");
    let tape = Tape::default();
    let logits = tape.variables(logits);
    let rule = (options.ignore_index, options.reduction);
    over_samples(&tape, &logits, targets, classes, rule, |scores, label| {
        // −log p_y is the cross-entropy of one logit: that of all other classes against this one.
        let others: Vec<_> = (0..classes).filter(|&class| class != label).map(|class| scores[class]).collect();
        let against = tape.log_sum_exp(&others) - scores[label];
        let weight = options.alpha.map_or(1.0, |alpha| alpha[label]);
        (weight * modulated_cross_entropy(against, tape.constant(0.0), options.gamma), weight)
    })
}

/// The cross-entropy of the softmax, class-weighted and smoothed, for logits `[N, classes]` and targets `[N]`. Terms:
/// `[N]`, 0 for an ignored sample. Gradients: logits.
///
/// ```text
/// uniform: (1 − ε)·w_y·nll_y + ε/K · Σ_c w_c·nll_c
/// others:  (1 − ε)·w_y·nll_y + ε/(K − 1) · Σ_{c≠y} w_c·nll_c
/// ```
pub fn cross_entropy(logits: &[f64], targets: &[i64], classes: usize, options: &CrossEntropy) -> Evaluation {
    assert!(options.weights.is_none_or(|weights| weights.len() == classes), "a weight for each class");
    let tape = Tape::default();
    let logits = tape.variables(logits);
    let weight = |class: usize| options.weights.map_or(1.0, |weights| weights[class]);
    let (epsilon, convention) = options.smoothing.unwrap_or_default();
    let rule = (options.ignore_index, options.reduction);
    over_samples(&tape, &logits, targets, classes, rule, |scores, label| {
        let nll = negative_log_softmax(&tape, scores);
        let mut parts = vec![(1.0 - epsilon) * weight(label) * nll[label]];
        if epsilon > 0.0 {
            let k = classes as f64;
            parts.extend((0..classes).filter_map(|class| match convention {
                SmoothingConvention::Uniform => Some(epsilon / k * weight(class) * nll[class]),
                SmoothingConvention::Others if class == label => None,
                SmoothingConvention::Others => Some(epsilon / (k - 1.0) * weight(class) * nll[class]),
            }));
        }
        (tape.sum(&parts), weight(label))
    })
}

/// Evaluates a loss of `(scores, label)`, which gives its term and the weight that the term has in the mean.
fn over_samples<'t>(
    tape: &'t Tape,
    logits: &[Var<'t>],
    targets: &[i64],
    classes: usize,
    (ignore_index, reduction): (Option<i64>, Reduction),
    loss: impl Fn(&[Var<'t>], usize) -> (Var<'t>, f64),
) -> Evaluation {
    assert_eq!(logits.len(), targets.len() * classes, "a row of {classes} logits for each target");
    let (mut terms, mut weight, mut per_sample) = (vec![], 0.0, vec![0.0; targets.len()]);
    for (sample, &target) in targets.iter().enumerate() {
        if Some(target) == ignore_index {
            continue;
        }
        assert!((0..classes as i64).contains(&target), "target {target} is no class of {classes}");
        let scores = &logits[sample * classes..(sample + 1) * classes];
        let (term, term_weight) = loss(scores, target as usize);
        per_sample[sample] = term.value();
        terms.push(term);
        weight += term_weight;
    }
    Evaluation::new(reduce(tape, &terms, weight, reduction), per_sample, &[logits])
}

/// `−log softmax` of every score.
pub(super) fn negative_log_softmax<'t>(tape: &'t Tape, scores: &[Var<'t>]) -> Vec<Var<'t>> {
    let normalizer = tape.log_sum_exp(scores);
    let mut all: Vec<_> = scores.iter().map(|&score| normalizer - score).collect();
    // Only the top score can come near 0, where the difference would cancel: a difference of any other is ≥ log 2.
    let higher = |top: usize, next: usize| {
        if scores[next].value() > scores[top].value() { next } else { top }
    };
    if let Some(top) = (0..scores.len()).reduce(higher) {
        let others = [&scores[..top], &scores[top + 1..]].concat();
        all[top] = (tape.log_sum_exp(&others) - scores[top]).softplus();
    }
    all
}

/// `q^γ · ce` with `p = σ(x)`, `q = 1 − p_t = p(1 − t) + (1 − p)t` and `ce = t·softplus(−x) + (1 − t)·softplus(x)`.
///
/// Where a confident answer is right, `q` and `ce` vanish together while `∂ log q/∂t` grows without bound, so the
/// chain rule factor by factor would end in 0·∞. Here `q` stays a logarithm, and its derivatives are bounded products:
///
/// ```text
/// r = p(1 − t)/q = σ(x + log((1 − t)/t))       ∂ log q/∂x = r(1 − p) − (1 − r)p      ∂ce/∂x = p(1 − t) − (1 − p)t
/// ce/q = r·s(x) + (1 − r)·s(−x)                ∂ log q/∂t = (1 − 2p)/q               ∂ce/∂t = −x
/// s(x) = softplus(x)/σ(x)
/// ```
fn modulated_cross_entropy<'t>(x: Var<'t>, t: Var<'t>, gamma: f64) -> Var<'t> {
    let (logit, target) = (x.value(), t.value());
    let (p, complement) = (sigmoid(logit), sigmoid(-logit));
    // At the ends the general formulas would meet log 0, and ∞ − ∞ for a logit of −∞ (a softmax over one class).
    let (r, log_q) = match target {
        0.0 => (1.0, -softplus(-logit)),
        1.0 => (0.0, -softplus(logit)),
        _ => {
            let (log_negative, log_positive) = ((-target).ln_1p() - softplus(-logit), target.ln() - softplus(logit));
            let odds = log_negative - log_positive;
            (sigmoid(odds), log_negative.max(log_positive) + softplus(-odds.abs()))
        }
    };
    let weigh = |share: f64, quantity: f64| if share == 0.0 { 0.0 } else { share * quantity };
    let ce = weigh(target, softplus(-logit)) + weigh(1.0 - target, softplus(logit));
    let ce_over_q = weigh(r, softplus_over_sigmoid(logit)) + weigh(1.0 - r, softplus_over_sigmoid(-logit));
    let modulation = if gamma == 0.0 { 1.0 } else { (gamma * log_q).exp() };
    let log_q_by_x = r * complement - (1.0 - r) * p;
    let ce_by_x = p * (1.0 - target) - complement * target;
    let by_x = modulation * (gamma * ce * log_q_by_x + ce_by_x);
    let by_t = modulation * (gamma * ce_over_q * (complement - p) - logit);
    x.zip(t, modulation * ce, [by_x, by_t])
}

/// `softplus(x)/σ(x)`, which tends to 1 for `x → −∞`.
fn softplus_over_sigmoid(x: f64) -> f64 {
    if x < -40.0 { 1.0 } else { softplus(x) / sigmoid(x) }
}
