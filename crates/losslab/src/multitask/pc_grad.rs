//! Conflicts between tasks are projected away.

use super::gram::GramMatrix;
use super::surgery::{GradientWeights, step_rng};
use burn::config::Config;
use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};

/// In which order the gradient of a task is projected on those of the others. With two tasks there is only one.
#[derive(Config, Debug, Copy, PartialEq, Eq)]
pub enum PcGradOrder {
    /// Random, drawn anew for each task and step from the seed, as in the paper.
    Random,
    /// By the number of the task, the same in every step.
    Ascending,
}

/// Configuration of [`PcGrad`]. Every value is valid.
#[derive(Config, Debug)]
pub struct PcGradConfig {
    /// The order of the projections. Default: random.
    #[config(default = "PcGradOrder::Random")]
    pub order: PcGradOrder,
    /// The seed of a random order. Default: 0.
    #[config(default = 0)]
    pub seed: u64,
}

impl PcGradConfig {
    /// Creates the method.
    pub fn init(&self) -> PcGrad {
        PcGrad { order: self.order, seed: self.seed, step: 0 }
    }
}

/// Projecting conflicting gradients: PCGrad (Yu et al. 2020, [arXiv:2001.06782](https://arxiv.org/abs/2001.06782)).
///
/// ```text
/// for each task i:  p ← gᵢ
///     for each other task j, in random order:  if ⟨p, gⱼ⟩ < 0:  p ← p − ⟨p, gⱼ⟩ / ‖gⱼ‖² · gⱼ
///     pᵢ ← p
/// combined = Σᵢ pᵢ
/// ```
///
/// It holds that
/// - without a conflict it is the sum of the gradients;
/// - with **two** tasks the inner product of the combination with each gradient is at least 0: no task is harmed to first
///   order. With three or more that is **not** promised, since a projection can bring back an earlier conflict;
/// - scaling all gradients scales the combination; scaling *one* changes its share only, not where the others are
///   projected to;
/// - exactly opposed gradients of two tasks cancel, whatever their lengths: the combination is 0.
///
/// Zero gradients take no part. NaN: see [`GradientWeights`].
///
/// **Use it** where gradients conflict (cosine below 0) and single tasks do better alone. **Don't** expect a gain without
/// conflicts: it is then a plain sum, at the price of a backward pass per task.
///
/// The orders follow from the seed and the number of the step, which is all the state. It is saved with serde, and a
/// loaded one goes on as the saved one would have.
///
/// # Example
///
/// ```
/// use losslab::{GradientSurgery, PcGradConfig};
///
/// let mut surgery = PcGradConfig::new().init();
/// // ⟨g₀, g₁⟩ = −1: g₀ becomes (0.5, 0.5), and g₁ becomes (0, 1).
/// let combined = surgery.combine(&[[1.0, 0.0], [-1.0, 1.0]])?;
/// assert_eq!(combined, [0.5, 1.5]);
/// # Ok::<(), losslab::InputError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PcGrad {
    order: PcGradOrder,
    seed: u64,
    step: u64,
}

impl PcGrad {
    /// The steps made so far.
    pub fn step(&self) -> u64 {
        self.step
    }
}

impl GradientWeights for PcGrad {
    fn weights(&mut self, gram: &GramMatrix) -> Vec<f64> {
        let mut rng = step_rng(self.seed, self.step);
        self.step += 1;
        if !gram.is_finite() {
            return vec![f64::NAN; gram.tasks()];
        }
        let mut sum = vec![0.0; gram.tasks()];
        for task in 0..gram.tasks() {
            let mut others = (0..gram.tasks()).filter(|&other| other != task).collect::<Vec<usize>>();
            if self.order == PcGradOrder::Random {
                others.shuffle(&mut rng);
            }
            sum.iter_mut().zip(projected(gram, task, &others)).for_each(|(sum, weight)| *sum += weight);
        }
        sum
    }
}

/// The projected gradient of a task as weights of all gradients.
fn projected(gram: &GramMatrix, task: usize, others: &[usize]) -> Vec<f64> {
    let mut weights = vec![0.0; gram.tasks()];
    weights[task] = 1.0;
    for &other in others {
        let product = gram.product_with_sum(other, &weights);
        // A gradient of zero conflicts with nothing, so the division is safe.
        if product < 0.0 {
            weights[other] -= product / gram.product(other, other);
        }
    }
    weights
}
