//! Each gradient, as near as no task is harmed.

use super::gram::GramMatrix;
use super::linear::non_negative_least_squares;
use super::surgery::GradientWeights;
use burn::config::Config;

/// Configuration of [`UpGrad`], which has no hyperparameter.
#[derive(Config, Debug)]
pub struct UpGradConfig {}

impl UpGradConfig {
    /// Creates the method.
    pub fn init(&self) -> UpGrad {
        UpGrad {}
    }
}

/// Unconflicting projection of gradients: UPGrad (Quinton & Rey 2024, [arXiv:2406.16232](https://arxiv.org/abs/2406.16232)),
/// the aggregator of Jacobian descent.
///
/// ```text
/// pᵢ = the p nearest to gᵢ with ⟨gⱼ, p⟩ ≥ 0 for every task j
///    = gᵢ + Σⱼ vⱼ·gⱼ,   where v ≥ 0 minimises ‖gᵢ + Σⱼ vⱼ·gⱼ‖
/// combined = Σᵢ pᵢ
/// ```
///
/// The paper (and torchjd) takes the mean of the projections; the sum here gives it times the number of tasks, so that it
/// compares with the other methods. The projections are found by active sets, exactly up to rounding; torchjd adds 10⁻⁴ of
/// the mean squared length to the diagonal of the products first.
///
/// It holds that
/// - the inner product of the combination with each gradient is at least 0, for **any number of tasks**: no task is
///   harmed to first order, which [`PcGrad`](crate::PcGrad) promises for two only (for two tasks both are the same);
/// - without a conflict it is the sum of the gradients;
/// - scaling *one* gradient scales its projection: the combination is linear in such factors. So a task with a large loss
///   counts for more but never harms another one, and a factor on a loss is a preference;
/// - it is 0 where gradients cancel in a sum with weights that are all above 0, and only there;
/// - the order of the tasks doesn't matter.
///
/// Zero gradients take no part. NaN: see [`GradientWeights`].
///
/// **Use it** with three tasks or more whose gradients conflict, or where no task may get worse. **Don't** expect a gain
/// without conflicts: it is then a plain sum, at the price of a backward pass per task. A programme of the size of the
/// number of tasks is solved for each of them: with 100 tasks that shows.
///
/// # Example
///
/// ```
/// use losslab::{GradientSurgery, UpGradConfig};
///
/// let gradients = [[1.0, 0.0], [-0.5, 1.0], [-0.5, -3.0]];
/// let combined = UpGradConfig::new().init().combine(&gradients)?;
/// for gradient in gradients {
///     assert!(gradient[0] * combined[0] + gradient[1] * combined[1] > -1e-6);
/// }
/// # Ok::<(), losslab::InputError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct UpGrad {}

impl GradientWeights for UpGrad {
    fn weights(&mut self, gram: &GramMatrix) -> Vec<f64> {
        if !gram.is_finite() {
            return vec![f64::NAN; gram.tasks()];
        }
        let gradients = gram.vectors();
        let mut sum = vec![1.0; gram.tasks()];
        for gradient in &gradients {
            let against = gradient.iter().map(|value| -value).collect::<Vec<f64>>();
            let added = non_negative_least_squares(&gradients, &against);
            sum.iter_mut().zip(added).for_each(|(sum, added)| *sum += added);
        }
        sum
    }
}
