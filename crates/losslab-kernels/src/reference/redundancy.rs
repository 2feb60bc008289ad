//! Losses of two views that keep features apart in place of samples: VICReg and Barlow Twins.

use super::tape::{Tape, Var};
use super::{Evaluation, reduce, values};
use crate::options::{Reduction, VicRegForm, ZeroVariance};

/// The options of [`vic_reg`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct VicReg {
    /// The weight λ of the distance between the views.
    pub invariance: f64,
    /// The weight μ of the variance of each feature.
    pub variance: f64,
    /// The weight ν of the covariance of features.
    pub covariance: f64,
    /// What the weights multiply.
    pub form: VicRegForm,
    /// How the features become one number.
    pub reduction: Reduction,
}

impl Default for VicReg {
    fn default() -> Self {
        let (form, reduction) = (VicRegForm::Algorithm, Reduction::Mean);
        Self { invariance: 25.0, variance: 25.0, covariance: 1.0, form, reduction }
    }
}

/// The options of [`barlow_twins`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BarlowTwins {
    /// The weight λ of the correlations between different features.
    pub lambda: f64,
    /// What standardises a feature that hardly varies.
    pub zero_variance: ZeroVariance,
    /// How the features become one number.
    pub reduction: Reduction,
}

impl Default for BarlowTwins {
    fn default() -> Self {
        Self { lambda: 0.005, zero_variance: ZeroVariance::Epsilon, reduction: Reduction::Sum }
    }
}

/// VICReg of two views `[N, width]`. For each feature j:
///
/// ```text
/// λ/N·Σ_b (z_bj − z'_bj)² + μ·[max(0, 1 − √(var_j + 1e-4)) + the same of z'] + ν·[Σ_{i≠j} cov_ij² + the same of z']
/// ```
///
/// with (co)variances over N − 1. In the equations' form the first term is `width` times as large, in the code's the second
/// half as large. Terms: `[width]`. Gradients: the two views.
pub fn vic_reg(first: &[f64], second: &[f64], width: usize, options: &VicReg) -> Evaluation {
    let tape = Tape::default();
    let (first, second) = (tape.variables(first), tape.variables(second));
    let [a, b] = [&first, &second].map(|views| features(views, width));
    let samples = a.first().map_or(0, Vec::len);
    let degrees = (samples.max(2) - 1) as f64;
    let [of_invariance, of_variance] = match options.form {
        VicRegForm::Algorithm => [1.0, 1.0],
        VicRegForm::Equations => [width as f64, 1.0],
        VicRegForm::Code => [1.0, 0.5],
    };
    let [centred_a, centred_b] = [&a, &b].map(|z| z.iter().map(|feature| centred(&tape, feature)).collect::<Vec<_>>());
    let term = |j: usize| {
        let apart = a[j].iter().zip(&b[j]).map(|(&a, &b)| (a - b).square()).collect::<Vec<_>>();
        let mut parts = vec![options.invariance * of_invariance / samples as f64 * tape.sum(&apart)];
        for z in [&centred_a, &centred_b] {
            let deviation = (tape.dot(&z[j], &z[j]) / degrees + 1e-4).sqrt();
            parts.push(options.variance * of_variance * (1.0 - deviation).max0());
            let others = (0..width).filter(|&i| i != j);
            parts.extend(others.map(|i| options.covariance * (tape.dot(&z[i], &z[j]) / degrees).square()));
        }
        tape.sum(&parts)
    };
    let terms: Vec<_> = if samples == 0 { vec![] } else { (0..width).map(term).collect() };
    let value = reduce(&tape, &terms, terms.len() as f64, options.reduction);
    Evaluation::new(value, values(&terms), &[&first, &second])
}

/// Barlow Twins of two views `[N, width]`: `(1 − C_jj)² + λ·Σ_{i≠j} C_ji²` for each feature j, with the correlations C
/// between the features of the first and of the second view. Terms: `[width]`. Gradients: the two views.
pub fn barlow_twins(first: &[f64], second: &[f64], width: usize, options: &BarlowTwins) -> Evaluation {
    let tape = Tape::default();
    let (first, second) = (tape.variables(first), tape.variables(second));
    let [a, b] = [&first, &second].map(|views| {
        let standard = |feature: &Vec<_>| standardised(&tape, feature, options.zero_variance);
        features(views, width).iter().map(standard).collect::<Vec<_>>()
    });
    let samples = a.first().map_or(0, Vec::len);
    let term = |j: usize| {
        let correlation = |i: usize| tape.dot(&a[j], &b[i]) / samples as f64;
        let cell = |i: usize| match i == j {
            true => (1.0 - correlation(i)).square(),
            false => options.lambda * correlation(i).square(),
        };
        tape.sum(&(0..width).map(cell).collect::<Vec<_>>())
    };
    let terms: Vec<_> = if samples == 0 { vec![] } else { (0..width).map(term).collect() };
    let value = reduce(&tape, &terms, terms.len() as f64, options.reduction);
    Evaluation::new(value, values(&terms), &[&first, &second])
}

/// The values of each feature.
fn features<'t>(views: &[Var<'t>], width: usize) -> Vec<Vec<Var<'t>>> {
    assert!(width > 0 && views.len().is_multiple_of(width), "{} numbers are no rows of {width}", views.len());
    (0..width).map(|j| views.iter().skip(j).step_by(width).copied().collect()).collect()
}

fn centred<'t>(tape: &'t Tape, feature: &[Var<'t>]) -> Vec<Var<'t>> {
    let mean = tape.sum(feature) / feature.len().max(1) as f64;
    feature.iter().map(|&value| value - mean).collect()
}

fn standardised<'t>(tape: &'t Tape, feature: &[Var<'t>], zero_variance: ZeroVariance) -> Vec<Var<'t>> {
    let centred = centred(tape, feature);
    let mean = (tape.sum(feature) / feature.len().max(1) as f64).value();
    let variance = tape.dot(&centred, &centred) / feature.len().max(1) as f64;
    let deviation = match zero_variance {
        ZeroVariance::Epsilon => (variance + 1e-5).sqrt(),
        // A NaN stays.
        ZeroVariance::Zero if centred.iter().all(|value| value.value().abs() <= 1e-6 * mean.abs()) => {
            return centred.iter().map(|_| tape.constant(0.0)).collect();
        }
        ZeroVariance::Zero => variance.sqrt(),
    };
    centred.iter().map(|&value| value / deviation).collect()
}
