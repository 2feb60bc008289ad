//! Diagnostics of several tasks.

use super::finding::{Diagnostics, Finding, FindingKind, Severity, short};
use super::vectors::finite;
use crate::distance::{norm, normalize};
use crate::error::InputError;
use crate::math::in_f32;
use burn::config::Config;
use burn::tensor::Tensor;

const NAME: &str = "diagnostics of tasks";

/// The thresholds of [`Diagnostics::of_tasks`].
#[derive(Config, Debug)]
pub struct TaskDiagnosticsConfig {
    /// The largest loss may be at most this many times the smallest, in absolute value. Default: 10.
    #[config(default = 10.0)]
    pub max_loss_ratio: f64,
    /// The longest gradient may be at most this many times the shortest. Default: 10.
    #[config(default = 10.0)]
    pub max_gradient_ratio: f64,
    /// The cosine of two gradients must be at least this. Default: −0.1.
    #[config(default = -0.1)]
    pub min_cosine: f64,
}

/// The numbers of several tasks.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskNumbers {
    /// The loss of each task.
    pub losses: Vec<f64>,
    /// The length of the gradient of each task; empty where no gradients were given.
    pub gradient_lengths: Vec<f64>,
    /// The cosine of the gradients of each two tasks, row by row; nothing where one of them is zero.
    pub cosines: Vec<Vec<Option<f64>>>,
    /// The largest loss over the smallest one that isn't 0, in absolute value; 1 with fewer than two.
    pub loss_ratio: f64,
    /// The longest gradient over the shortest that isn't 0; 1 with fewer than two.
    pub gradient_ratio: f64,
}

impl Diagnostics<TaskNumbers> {
    /// Looks at the losses of several tasks and at the gradient of each with respect to what they share: the common
    /// representation, which is cheap, or the common parameters, flattened and put together. Without gradients only the
    /// losses are judged. A loss of 0 is that of a solved task and has no scale.
    ///
    /// Findings: [`LossScalesDiffer`](FindingKind::LossScalesDiffer),
    /// [`GradientScalesDiffer`](FindingKind::GradientScalesDiffer), [`NoTaskGradient`](FindingKind::NoTaskGradient),
    /// [`ConflictingGradients`](FindingKind::ConflictingGradients).
    ///
    /// # Shapes
    /// - `losses`: `[tasks]`
    /// - `gradients`: none, or one for each task, all of one shape
    ///
    /// # Errors
    /// If there is no task, the shapes don't fit, or a value isn't finite.
    ///
    /// # Example
    ///
    /// ```
    /// use burn::tensor::{Device, Tensor};
    /// use losslab::diagnostics::{Diagnostics, FindingKind, TaskDiagnosticsConfig};
    ///
    /// // Two tasks pull a shared representation to opposite sides.
    /// let shared = Tensor::<2>::zeros([4, 2], &Device::flex().autodiff()).require_grad();
    /// let tasks = [1.0, -0.5].map(|target| (shared.clone() - target).square().mean());
    /// let losses = Tensor::cat(tasks.to_vec(), 0);
    /// let gradients = tasks.map(|loss| shared.grad(&loss.backward()).unwrap());
    /// let found = Diagnostics::of_tasks(losses, gradients.to_vec(), &TaskDiagnosticsConfig::new())?;
    /// assert!((found.numbers.cosines[0][1].unwrap() + 1.0).abs() < 1e-6);
    /// assert_eq!(found.findings[0].kind, FindingKind::ConflictingGradients);
    /// # Ok::<(), losslab::InputError>(())
    /// ```
    pub fn of_tasks<const D: usize>(
        losses: Tensor<1>,
        gradients: Vec<Tensor<D>>,
        config: &TaskDiagnosticsConfig,
    ) -> Result<Self, InputError> {
        let losses = finite(NAME, "losses", losses)?;
        if losses.is_empty() {
            let expected = "[tasks] with at least one task".into();
            return Err(InputError::Shape { loss: NAME, tensor: "losses", expected, found: vec![0] });
        }
        let (gradient_lengths, cosines) = compare(losses.len(), gradients)?;
        let numbers = TaskNumbers {
            loss_ratio: ratio(&losses),
            gradient_ratio: ratio(&gradient_lengths),
            losses,
            gradient_lengths,
            cosines,
        };
        let findings = [
            scales(&numbers.losses, numbers.loss_ratio, config.max_loss_ratio, FindingKind::LossScalesDiffer),
            scales(
                &numbers.gradient_lengths,
                numbers.gradient_ratio,
                config.max_gradient_ratio,
                FindingKind::GradientScalesDiffer,
            ),
            no_gradient(&numbers),
            conflicts(&numbers, config),
        ];
        Ok(Self::new(numbers, findings.into_iter().flatten().collect()))
    }
}

type Cosines = Vec<Vec<Option<f64>>>;

/// The lengths and cosines of gradients, computed where they live: only these are read.
fn compare<const D: usize>(tasks: usize, gradients: Vec<Tensor<D>>) -> Result<(Vec<f64>, Cosines), InputError> {
    let Some(first) = gradients.first().map(|gradient| gradient.dims()) else {
        return Ok((Vec::new(), Vec::new()));
    };
    InputError::check_shape(NAME, "gradients", &[gradients.len()], &[tasks], "(one for each loss)")?;
    for gradient in &gradients {
        InputError::check_shape(NAME, "gradients", &gradient.dims(), &first, "(the shape of the first)")?;
    }
    let elements = first.iter().product::<usize>();
    if elements == 0 {
        let expected = "tensors with at least one element".into();
        return Err(InputError::Shape { loss: NAME, tensor: "gradients", expected, found: first.to_vec() });
    }
    let rows = gradients.into_iter().map(|gradient| in_f32(gradient.inner()).reshape([1, elements])).collect();
    let rows = Tensor::<2>::cat(rows, 0);
    let lengths = finite(NAME, "lengths of gradients", norm(rows.clone()).squeeze_dim::<1>(1))?;
    let unit = normalize(rows);
    let products = finite(NAME, "gradients", unit.clone().matmul(unit.transpose()))?;
    let cosine = |i: usize, j: usize| {
        let both = lengths[i] > 0.0 && lengths[j] > 0.0;
        both.then(|| if i == j { 1.0 } else { products[i * tasks + j].clamp(-1.0, 1.0) })
    };
    let cosines = (0..tasks).map(|i| (0..tasks).map(|j| cosine(i, j)).collect()).collect();
    Ok((lengths, cosines))
}

fn ratio(values: &[f64]) -> f64 {
    let sizes = || values.iter().map(|value| value.abs()).filter(|&size| size > 0.0);
    match (sizes().reduce(f64::max), sizes().reduce(f64::min)) {
        (Some(largest), Some(smallest)) => largest / smallest,
        _ => 1.0,
    }
}

fn scales(values: &[f64], ratio: f64, limit: f64, kind: FindingKind) -> Option<Finding> {
    let (what, advice) = match kind {
        FindingKind::LossScalesDiffer => (
            "losses",
            "Divide each loss by its value at the start (`WeightedSumLossConfig::with_initial`), or learn the weights \
             (`UncertaintyLoss`).",
        ),
        _ => (
            "gradients with respect to what the tasks share",
            "Give the task with the shorter gradient a larger weight: the longest one decides alone.",
        ),
    };
    (ratio > limit).then(|| Finding {
        kind,
        severity: Severity::Warning,
        message: format!("the {what} of the tasks differ by a factor of {}: {}", short(ratio), list(values)),
        advice,
    })
}

fn list(values: &[f64]) -> String {
    values.iter().map(|&value| short(value)).collect::<Vec<String>>().join(", ")
}

fn no_gradient(numbers: &TaskNumbers) -> Option<Finding> {
    let zero = |task: &usize| numbers.gradient_lengths[*task] == 0.0;
    let tasks = (0..numbers.gradient_lengths.len()).filter(zero).map(|task| task.to_string()).collect::<Vec<String>>();
    (!tasks.is_empty()).then(|| Finding {
        kind: FindingKind::NoTaskGradient,
        severity: Severity::Warning,
        message: format!(
            "the gradient of task {} with respect to what the tasks share is 0",
            tasks.join(" and of task ")
        ),
        advice: "Look for a `detach` on the way, a weight of 0, or a task that is solved.",
    })
}

fn conflicts(numbers: &TaskNumbers, config: &TaskDiagnosticsConfig) -> Option<Finding> {
    let tasks = numbers.cosines.len();
    let pairs = (0..tasks).flat_map(|i| (i + 1..tasks).map(move |j| (i, j)));
    let cosines = pairs.filter_map(|(i, j)| numbers.cosines[i][j].map(|cosine| (i, j, cosine)));
    let mut against = cosines.filter(|(.., cosine)| *cosine < config.min_cosine).collect::<Vec<_>>();
    against.sort_by(|x, y| x.2.total_cmp(&y.2));
    let told = against.iter().map(|(i, j, cosine)| format!("{i} and {j} (cosine {})", short(*cosine)));
    let told = told.collect::<Vec<String>>().join(", ");
    (!against.is_empty()).then(|| Finding {
        kind: FindingKind::ConflictingGradients,
        severity: Severity::Warning,
        message: format!("gradients point against each other in tasks {told}: what helps one harms the other"),
        advice: "Compare with each task trained alone. If it loses, change the weights, give tasks more parameters of \
                 their own, or project conflicts away.",
    })
}
