//! What combinations of task gradients share.

use super::gradients::TaskGradients;
use super::gram::GramMatrix;
use crate::error::InputError;
use burn::module::Module;
use burn::optim::GradientsParams;
use rand::SeedableRng;
use rand::rngs::StdRng;

/// A combination of the gradients of tasks.
///
/// Every implementation here gives the plain sum where the gradients ask for nothing else, as
/// [`WeightedSumLoss`](crate::WeightedSumLoss) with weights 1 does. Gradients of zero are allowed. A NaN or an infinite
/// value in a gradient comes out as NaN.
pub trait GradientSurgery {
    /// Combines one flattened gradient for each task.
    ///
    /// # Errors
    /// If there is no task, or the gradients differ in length.
    fn combine<G: AsRef<[f32]>>(&mut self, gradients: &[G]) -> Result<Vec<f32>, InputError>;

    /// Combines the gradients of the parameters that tasks share. A parameter of one task alone (its head) keeps that
    /// task's gradient, and has no say in the combination.
    fn combine_gradients<M: Module>(&mut self, gradients: TaskGradients<'_, M>) -> GradientsParams;
}

/// A combination `Σᵢ wᵢ·gᵢ` with weights that follow from the inner products of the gradients.
///
/// If a gradient has a NaN or an infinite value, or there is an overflow in the squares, all of the combination is NaN.
pub trait GradientWeights {
    /// The weight of each task. A method that draws at random goes on to its next step.
    fn weights(&mut self, gram: &GramMatrix) -> Vec<f64>;
}

impl<W: GradientWeights> GradientSurgery for W {
    fn combine<G: AsRef<[f32]>>(&mut self, gradients: &[G]) -> Result<Vec<f32>, InputError> {
        let weights = self.weights(&GramMatrix::of_slices(gradients)?);
        let mut sum = vec![0.0; gradients[0].as_ref().len()];
        for (gradient, weight) in gradients.iter().zip(weights) {
            sum.iter_mut().zip(gradient.as_ref()).for_each(|(sum, &value)| *sum += weight * f64::from(value));
        }
        Ok(sum.into_iter().map(|value| value as f32).collect())
    }

    fn combine_gradients<M: Module>(&mut self, gradients: TaskGradients<'_, M>) -> GradientsParams {
        let weights = self.weights(&gradients.gram());
        gradients.weighted_where_shared(&weights)
    }
}

/// The random numbers of a step.
pub(super) fn step_rng(seed: u64, step: u64) -> StdRng {
    // Two seeds must not give neighbouring streams.
    StdRng::seed_from_u64(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(step))
}
