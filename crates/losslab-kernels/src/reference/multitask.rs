//! Several losses as one.

use super::tape::Tape;
use super::{Evaluation, values};
use crate::options::{Likelihood, UncertaintyForm};

/// `Σ wᵢ·Lᵢ/Lᵢ(0)` over the tasks; weights and initial losses that are not given are 1. Terms: `[T]`. Gradients: losses.
pub fn weighted_sum(losses: &[f64], weights: Option<&[f64]>, initial: Option<&[f64]>) -> Evaluation {
    for given in [weights, initial].into_iter().flatten() {
        assert_eq!(given.len(), losses.len(), "a number for each task");
    }
    let tape = Tape::default();
    let inputs = tape.variables(losses);
    let of = |numbers: Option<&[f64]>, task: usize| numbers.map_or(1.0, |numbers| numbers[task]);
    let weighted = |task: usize| inputs[task] * of(weights, task) / of(initial, task);
    let terms: Vec<_> = (0..losses.len()).map(weighted).collect();
    Evaluation::new(tape.sum(&terms), values(&terms), &[&inputs])
}

/// Losses weighted by learned uncertainties `s = log σ²`. Terms: `[T]`. Gradients: losses, `log_vars`.
pub fn uncertainty(losses: &[f64], log_vars: &[f64], form: &UncertaintyForm) -> Evaluation {
    assert_eq!(losses.len(), log_vars.len(), "a log-variance for each task");
    if let UncertaintyForm::PerLikelihood(likelihoods) = form {
        assert_eq!(likelihoods.len(), losses.len(), "a likelihood for each task");
    }
    let tape = Tape::default();
    let (losses, log_vars) = (tape.variables(losses), tape.variables(log_vars));
    let term = |task: usize| {
        let (scaled, s) = ((-log_vars[task]).exp() * losses[task], log_vars[task]);
        match form {
            UncertaintyForm::Unscaled => scaled + s,
            UncertaintyForm::Halved => 0.5 * scaled + 0.5 * s,
            UncertaintyForm::PerLikelihood(likelihoods) => match likelihoods[task] {
                Likelihood::Gaussian => 0.5 * scaled + 0.5 * s,
                Likelihood::Categorical => scaled + 0.5 * s,
            },
        }
    };
    let terms: Vec<_> = (0..losses.len()).map(term).collect();
    Evaluation::new(tape.sum(&terms), values(&terms), &[&losses, &log_vars])
}
