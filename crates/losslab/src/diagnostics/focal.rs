//! Diagnostics of focal loss.

use super::finding::{Diagnostics, Finding, FindingKind, Severity, percent, short};
use super::vectors::finite;
use crate::classification::{FocalLoss, SigmoidFocalLoss, check_sigmoid_focal};
use crate::error::InputError;
use burn::config::Config;
use burn::tensor::{Int, Tensor};
use losslab_kernels::options::FocalAlpha;
use losslab_kernels::{SigmoidFocal, SigmoidFocalGradients, SoftmaxFocal, sigmoid_focal, softmax_focal};

const NAME: &str = "diagnostics of focal loss";

/// The thresholds of [`Diagnostics::of_focal`] and [`Diagnostics::of_sigmoid_focal`].
#[derive(Config, Debug)]
pub struct FocalDiagnosticsConfig {
    /// An example whose true class has at least this probability is easy. Default: 0.9.
    #[config(default = 0.9)]
    pub easy: f64,
    /// Easy examples may give at most this share of the gradient. Default: 0.5.
    #[config(default = 0.5)]
    pub max_easy_gradient: f64,
    /// The examples that aren't easy must keep at least this share of the gradient that they have at γ = 0. Default: 0.05.
    #[config(default = 0.05)]
    pub min_gradient: f64,
}

/// Where the gradient of a focal loss comes from. A gradient is the sum of its absolute values with respect to the logits.
#[derive(Clone, Debug, PartialEq)]
pub struct FocalNumbers {
    /// The focusing parameter γ.
    pub gamma: f64,
    /// The samples, or the elements of the sigmoid form, that count.
    pub examples: usize,
    /// Those whose true class has a high probability.
    pub easy: usize,
    /// The share of the gradient that easy examples give.
    pub easy_gradient: f64,
    /// The share that they would give at γ = 0, with cross-entropy and the same α.
    pub easy_gradient_without: f64,
    /// The gradient of the examples that aren't easy, as a share of theirs at γ = 0; 1 where all are easy. It may pass 1.
    pub gradient_kept: f64,
    /// The mean probability of the true class.
    pub mean_probability: f64,
}

impl Diagnostics<FocalNumbers> {
    /// Looks at the batch of a softmax focal loss, with its γ, its α and its ignore index.
    ///
    /// Findings: [`EasyExamplesDominate`](FindingKind::EasyExamplesDominate) and
    /// [`GammaTooHigh`](FindingKind::GammaTooHigh); neither where all examples are easy: then training is done.
    ///
    /// # Shapes
    /// - `logits`: `[n, classes]`
    /// - `targets`: `[n]`, class indices in `[0, classes)` or the ignore index
    ///
    /// # Errors
    /// Where [`FocalLoss::try_forward`] returns one, and if nothing counts or a logit isn't finite.
    pub fn of_focal(
        loss: &FocalLoss,
        logits: Tensor<2>,
        targets: Tensor<1, Int>,
        config: &FocalDiagnosticsConfig,
    ) -> Result<Self, InputError> {
        let [_, classes] = logits.dims();
        let targets = loss.check(&logits, targets)?.indices;
        let x = in_f32(finite(NAME, "logits", logits)?);
        let gradients = |gamma: f64, alpha: Option<&[f32]>| {
            let mut gradient = vec![0.0; x.len()];
            let focal = SoftmaxFocal { gamma, alpha, ignore_index: loss.ignore_index };
            softmax_focal(focal, &x, classes, &targets, Some(&mut gradient));
            let rows = gradient.chunks(classes.max(1));
            rows.map(|row| row.iter().map(|g| f64::from(g.abs())).sum()).collect::<Vec<f64>>()
        };
        let counts = targets.iter().map(|&target| loss.ignore_index != Some(target)).collect::<Vec<bool>>();
        // The gradient of cross-entropy is 1 − p at the true class, and as much at the others together.
        let wrong = gradients(0.0, None).into_iter().map(|gradient| gradient / 2.0).collect();
        let alpha = loss.alpha.as_deref();
        let examples =
            Examples { counts, wrong, focal: gradients(loss.gamma(), alpha), without: gradients(0.0, alpha) };
        examples.judge(loss.gamma(), config)
    }

    /// Looks at the batch of a sigmoid focal loss, with its γ and its α; every element is an example.
    ///
    /// Findings as in [`of_focal`](Self::of_focal).
    ///
    /// # Shapes
    /// - `logits`: any
    /// - `targets`: the same, with values in `[0, 1]`. For a soft one, the distance of the probability from it stands for
    ///   that of the wrong class.
    ///
    /// # Errors
    /// Where [`SigmoidFocalLoss::try_forward`] returns one, and if there is nothing or a logit isn't finite.
    pub fn of_sigmoid_focal<const D: usize>(
        loss: &SigmoidFocalLoss,
        logits: Tensor<D>,
        targets: Tensor<D>,
        config: &FocalDiagnosticsConfig,
    ) -> Result<Self, InputError> {
        check_sigmoid_focal(&logits, &targets)?;
        let x = in_f32(finite(NAME, "logits", logits)?);
        let t = in_f32(finite(NAME, "targets", targets)?);
        let gradients = |gamma: f64, alpha: FocalAlpha| {
            let mut gradient = vec![0.0; x.len()];
            let into = SigmoidFocalGradients { logits: Some(&mut gradient), targets: None };
            sigmoid_focal(SigmoidFocal { gamma: gamma as f32, alpha }, &x, &t, into);
            gradient.into_iter().map(|g: f32| f64::from(g.abs())).collect::<Vec<f64>>()
        };
        let examples = Examples {
            counts: vec![true; x.len()],
            wrong: gradients(0.0, FocalAlpha::None),
            focal: gradients(loss.gamma(), loss.alpha),
            without: gradients(0.0, loss.alpha),
        };
        examples.judge(loss.gamma(), config)
    }
}

fn in_f32(values: Vec<f64>) -> Vec<f32> {
    values.into_iter().map(|value| value as f32).collect()
}

/// Each example with the probability of what it isn't, and its gradients with γ and without.
struct Examples {
    counts: Vec<bool>,
    wrong: Vec<f64>,
    focal: Vec<f64>,
    without: Vec<f64>,
}

impl Examples {
    fn judge(self, gamma: f64, config: &FocalDiagnosticsConfig) -> Result<Diagnostics<FocalNumbers>, InputError> {
        let counted = || (0..self.wrong.len()).filter(|&i| self.counts[i]);
        let is_easy = |i: &usize| 1.0 - self.wrong[*i] >= config.easy;
        let sum = |of: &[f64], easy: bool| counted().filter(|i| is_easy(i) == easy).map(|i| of[i]).sum::<f64>();
        let share = |of: &[f64]| ratio(sum(of, true), sum(of, true) + sum(of, false), 0.0);
        let examples = counted().count();
        if examples == 0 {
            let expected = "at least one example that counts".into();
            return Err(InputError::Shape { loss: NAME, tensor: "targets", expected, found: vec![self.wrong.len()] });
        }
        let numbers = FocalNumbers {
            gamma,
            examples,
            easy: counted().filter(is_easy).count(),
            easy_gradient: share(&self.focal),
            easy_gradient_without: share(&self.without),
            gradient_kept: ratio(sum(&self.focal, false), sum(&self.without, false), 1.0),
            mean_probability: counted().map(|i| 1.0 - self.wrong[i]).sum::<f64>() / examples as f64,
        };
        let findings = [easy_dominate(&numbers, config), gamma_too_high(&numbers, config)];
        Ok(Diagnostics::new(numbers, findings.into_iter().flatten().collect()))
    }
}

fn ratio(part: f64, whole: f64, of_nothing: f64) -> f64 {
    if whole == 0.0 { of_nothing } else { part / whole }
}

fn easy_dominate(numbers: &FocalNumbers, config: &FocalDiagnosticsConfig) -> Option<Finding> {
    let FocalNumbers { gamma, examples, easy, easy_gradient, .. } = *numbers;
    (easy < examples && easy_gradient > config.max_easy_gradient).then(|| Finding {
        kind: FindingKind::EasyExamplesDominate,
        severity: Severity::Warning,
        message: format!(
            "{easy} of {examples} examples are right already (p ≥ {}), and give {} of the gradient at γ = {}: the {} \
             others are drowned",
            short(config.easy),
            percent(easy_gradient),
            short(gamma),
            examples - easy
        ),
        advice: "Raise γ (2 is usual), give the rare class a larger α, or draw it more often.",
    })
}

fn gamma_too_high(numbers: &FocalNumbers, config: &FocalDiagnosticsConfig) -> Option<Finding> {
    let FocalNumbers { gamma, examples, easy, gradient_kept, mean_probability, .. } = *numbers;
    (easy < examples && gradient_kept < config.min_gradient).then(|| Finding {
        kind: FindingKind::GammaTooHigh,
        severity: Severity::Warning,
        message: format!(
            "γ = {} leaves {} of the gradient of cross-entropy to the {} of {examples} examples that aren't easy (mean \
             probability of all: {})",
            short(gamma),
            percent(gradient_kept),
            examples - easy,
            short(mean_probability)
        ),
        advice: "Lower γ to 2 or less, or raise it in steps during training.",
    })
}
