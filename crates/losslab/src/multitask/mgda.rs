//! The shortest mixture of gradients.

use super::gram::GramMatrix;
use super::linear::non_negative_least_squares;
use super::surgery::GradientWeights;
use burn::config::Config;

/// Configuration of [`Mgda`], which has no hyperparameter.
#[derive(Config, Debug)]
pub struct MgdaConfig {}

impl MgdaConfig {
    /// Creates the method.
    pub fn init(&self) -> Mgda {
        Mgda {}
    }
}

/// Multiple-gradient descent: MGDA (Désidéri 2012, [doi:10.1016/j.crma.2012.03.014](https://doi.org/10.1016/j.crma.2012.03.014);
/// for networks Sener & Koltun 2018, [arXiv:1810.04650](https://arxiv.org/abs/1810.04650)).
///
/// ```text
/// combined = T · g_w,   g_w = Σᵢ wᵢ·gᵢ,   where w minimises ‖g_w‖ over w ≥ 0, Σᵢ wᵢ = 1;   T: number of tasks
/// ```
///
/// The papers (and torchjd) step along `g_w`; times `T` it compares with a sum of the gradients: for equal gradients, and
/// for perpendicular ones of equal length, it is the sum. The minimum is found by active sets, exactly up to rounding and
/// in the same way for the same input, where the authors' code and torchjd approach it by steps of Frank and Wolfe.
///
/// It holds that
/// - `⟨gᵢ, g_w⟩ ≥ ‖g_w‖²` for every task, with equality for the tasks with weight: no task is harmed to first order, and
///   all that take part gain the same;
/// - a task that gains more than that already (its gradient is long, and not against the others) has the weight 0: it is
///   dominated;
/// - the combination is 0 where a mixture of gradients vanishes (the point is Pareto-stationary, to first order no step
///   helps all tasks), and only there;
/// - scaling all gradients scales the combination, and the order of the tasks doesn't matter.
///
/// A gradient of zero is such a mixture by itself: **one task that is done stops all others**. NaN: see
/// [`GradientWeights`].
///
/// **Use it** to train until no task can gain without another one's loss. **Don't** with losses of very different scale:
/// the mixture is never longer than the shortest gradient, so a task with a small loss decides; divide each loss by its
/// first value then ([`WeightedSumLoss::set_initial`](crate::WeightedSumLoss::set_initial) shows how).
///
/// # Example
///
/// ```
/// use losslab::{GradientSurgery, MgdaConfig};
///
/// let mut surgery = MgdaConfig::new().init();
/// // The nearest point to 0 between (2, 0) and (0, 1) is (0.4, 0.8), with the weights 0.2 and 0.8; times two tasks.
/// let combined = surgery.combine(&[[2.0, 0.0], [0.0, 1.0]])?;
/// assert!((combined[0] - 0.8).abs() < 1e-6 && (combined[1] - 1.6).abs() < 1e-6);
/// # Ok::<(), losslab::InputError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Mgda {}

impl GradientWeights for Mgda {
    fn weights(&mut self, gram: &GramMatrix) -> Vec<f64> {
        let tasks = gram.tasks();
        if !gram.is_finite() {
            return vec![f64::NAN; tasks];
        }
        if let Some(done) = (0..tasks).find(|&task| gram.product(task, task) == 0.0) {
            return (0..tasks).map(|task| if task == done { tasks as f64 } else { 0.0 }).collect();
        }
        // Without Σ wᵢ = 1: u ≥ 0 that minimises ‖Σ uᵢ·gᵢ‖² + s²·(Σ uᵢ − 1)² is along w for any s.
        let shortest = gram.norms().into_iter().fold(f64::INFINITY, f64::min);
        let mut columns = gram.vectors();
        for column in &mut columns {
            column.iter_mut().for_each(|value| *value /= shortest);
            column.push(1.0);
        }
        let mut target = vec![0.0; tasks];
        target.push(1.0);
        let along = non_negative_least_squares(&columns, &target);
        let sum = along.iter().sum::<f64>();
        along.into_iter().map(|weight| tasks as f64 * weight / sum).collect()
    }
}
