//! Weights that give every task a gradient of fitting length.

use super::{check_each, weigh};
use crate::error::{ConfigError, InputError, Range};
use burn::config::Config;
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;

const NAME: &str = "gradnorm";

/// The least weight after an additive step.
const FLOOR: f64 = 1e-4;

/// How [`GradNorm`] goes down its objective.
#[derive(Config, Debug, Copy, PartialEq, Eq)]
pub enum GradNormStep {
    /// `ln wᵢ −= rate · ∂(L_grad / Ḡ)/∂ ln wᵢ`: weights stay above 0, and may differ by orders of magnitude. It doesn't
    /// depend on the scale of the gradients.
    Relative,
    /// `wᵢ −= rate · ∂L_grad/∂wᵢ`, the paper's. The step is as long as the gradient of the task, so the rate must suit the
    /// scale of the gradients; what would fall below 0.0001 is set to it.
    Additive,
}

/// Configuration of [`GradNorm`].
#[derive(Config, Debug)]
pub struct GradNormConfig {
    /// The number of tasks, at least 1.
    pub tasks: usize,
    /// α, at least 0: how strongly a task that has learned less than the others is favoured; with 0 all gradients get the
    /// same length. Default: 1.5.
    #[config(default = 1.5)]
    pub alpha: f64,
    /// The rate of the weights' own descent, above 0. Default: 0.025.
    #[config(default = 0.025)]
    pub learning_rate: f64,
    /// How the weights move. Default: relative.
    #[config(default = "GradNormStep::Relative")]
    pub step: GradNormStep,
    /// The loss of each task at the start of training, above 0. Default: those of the first update. The paper
    /// recommends `ln(classes)` for a cross-entropy where the initialisation matters much.
    pub initial: Option<Vec<f64>>,
}

impl GradNormConfig {
    /// Creates the method, with weights 1.
    ///
    /// # Errors
    /// If there is no task, α is below 0, the rate isn't above 0, the number of initial losses isn't that of the tasks, or
    /// one isn't above 0.
    pub fn try_init(&self) -> Result<GradNorm, ConfigError> {
        ConfigError::check(NAME, "tasks", self.tasks as f64, Range::AtLeast(1.0))?;
        ConfigError::check(NAME, "alpha", self.alpha, Range::AtLeast(0.0))?;
        ConfigError::check(NAME, "learning_rate", self.learning_rate, Range::Above(0.0))?;
        for &loss in self.initial.iter().flatten() {
            ConfigError::check(NAME, "initial", loss, Range::Above(0.0))?;
        }
        let initial = self.initial.as_ref().map_or(self.tasks, Vec::len);
        if initial != self.tasks {
            let allowed = format!("{} numbers, one for each task", self.tasks);
            return Err(ConfigError::new(NAME, "initial", allowed, format!("{initial} numbers")));
        }
        Ok(GradNorm {
            alpha: self.alpha,
            learning_rate: self.learning_rate,
            step: self.step,
            initial: self.initial.clone(),
            weights: vec![1.0; self.tasks],
        })
    }

    /// Creates the method, with weights 1.
    ///
    /// # Panics
    /// Where [`try_init`](Self::try_init) returns an error.
    pub fn init(&self) -> GradNorm {
        self.try_init().unwrap_or_else(|error| panic!("{error}"))
    }
}

/// Gradient normalisation: GradNorm (Chen et al. 2018, [arXiv:1711.02257](https://arxiv.org/abs/1711.02257)).
///
/// ```text
/// L       = Σᵢ wᵢ·Lᵢ                          what the model is trained with
/// Gᵢ      = wᵢ·‖∇_W Lᵢ‖,   Ḡ = meanᵢ Gᵢ       W: the weights of the last layer that the tasks share
/// rᵢ      = (Lᵢ/Lᵢ(0)) / meanⱼ (Lⱼ/Lⱼ(0))     the relative inverse training rate
/// L_grad  = Σᵢ |Gᵢ − Ḡ·rᵢ^α|                  what w is trained with, Ḡ·rᵢ^α being a constant
/// ```
///
/// After each step of `w`, the weights are divided so that their sum is the number of tasks. Where the target is met they
/// waver about it by the learning rate, as any descent on absolute values does. With one task the weight is 1.
///
/// If all norms are 0 the weights stay; if all losses are 0, every `rᵢ` is 1. A NaN, an infinite or a negative number is an
/// error, and changes nothing.
///
/// **Use it** where gradients differ in length, and tasks should learn at one pace. **Don't** where one task is there to
/// help another: it will get its equal share all the same.
///
/// The state (weights and initial losses) is saved with serde; a loaded one goes on as the saved one would have, to the
/// last bit if the format keeps f64 exactly (serde_json needs its feature `float_roundtrip` for that).
///
/// # Example
///
/// ```
/// use losslab::GradNormConfig;
///
/// let mut balance = GradNormConfig::new(2).init();
/// // In each step: the losses, and the norms of their gradients in the last shared layer, both unweighted, as from
/// // `TaskGradients::gram_of(&model.last)?.norms()`.
/// for _ in 0..200 {
///     balance.update(&[2.0, 0.1], &[3.0, 1.0])?;
/// }
/// let [first, second] = balance.weights() else { unreachable!() };
/// assert!((first * 3.0 - second * 1.0).abs() < 0.1); // equal lengths: both tasks have learned equally much
/// assert!((first + second - 2.0).abs() < 1e-12);
/// # Ok::<(), losslab::InputError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GradNorm {
    alpha: f64,
    learning_rate: f64,
    step: GradNormStep,
    initial: Option<Vec<f64>>,
    weights: Vec<f64>,
}

impl GradNorm {
    /// The weight of each task; their sum is the number of tasks.
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// The weighted sum of the losses, shape `[1]`, from losses of shape `[tasks]`. The weights are constants here:
    /// [`update`](Self::update) moves them.
    ///
    /// # Panics
    /// Where [`try_forward`](Self::try_forward) returns an error.
    pub fn forward(&self, losses: Tensor<1>) -> Tensor<1> {
        self.try_forward(losses).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The weighted sum, as [`forward`](Self::forward).
    ///
    /// # Errors
    /// If the number of losses isn't that of the tasks.
    pub fn try_forward(&self, losses: Tensor<1>) -> Result<Tensor<1>, InputError> {
        weigh(NAME, &self.weights, losses)
    }

    /// Moves the weights by one step, from the unweighted losses of a batch and the norms of their unweighted gradients.
    ///
    /// # Errors
    /// If there isn't one number for each task, one is negative, NaN or infinite, or a loss of the first update is 0; the
    /// weights then stay.
    pub fn update(&mut self, losses: &[f64], norms: &[f64]) -> Result<(), InputError> {
        let tasks = self.weights.len();
        let range = if self.initial.is_some() { Range::AtLeast(0.0) } else { Range::Above(0.0) };
        check_each(NAME, "losses", losses, tasks, range)?;
        check_each(NAME, "norms", norms, tasks, Range::AtLeast(0.0))?;
        let initial = self.initial.get_or_insert_with(|| losses.to_vec());
        let left = losses.iter().zip(initial.iter()).map(|(loss, initial)| loss / initial).collect::<Vec<f64>>();
        let lengths = self.weights.iter().zip(norms).map(|(weight, norm)| weight * norm).collect::<Vec<f64>>();
        let (mean_left, mean_length) = (mean(&left), mean(&lengths));
        if mean_length == 0.0 {
            return Ok(());
        }
        for task in 0..tasks {
            let rate = if mean_left == 0.0 { 1.0 } else { left[task] / mean_left };
            // The derivative of |G − target| by G.
            let direction = match lengths[task].total_cmp(&(mean_length * rate.powf(self.alpha))) {
                Ordering::Less => -1.0,
                Ordering::Equal => 0.0,
                Ordering::Greater => 1.0,
            };
            let weight = &mut self.weights[task];
            match self.step {
                GradNormStep::Relative => {
                    *weight *= (-self.learning_rate * direction * lengths[task] / mean_length).exp();
                }
                GradNormStep::Additive => {
                    *weight = (*weight - self.learning_rate * direction * norms[task]).max(FLOOR);
                }
            }
        }
        let scale = tasks as f64 / self.weights.iter().sum::<f64>();
        self.weights.iter_mut().for_each(|weight| *weight *= scale);
        Ok(())
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}
