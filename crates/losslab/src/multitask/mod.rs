//! Several tasks become one step.
//!
//! | method | weighs | needs | for |
//! |---|---|---|---|
//! | [`WeightedSumLoss`] | losses | nothing | the baseline: fixed weights, losses of different scale |
//! | [`UncertaintyLoss`] | losses | nothing | weights learned by the optimiser, different units |
//! | [`DynamicWeightAverage`] | losses | the mean losses of each epoch | tasks that learn at different pace |
//! | [`GradNorm`] | losses | the gradient norm of each task | gradients of different length |
//! | [`PcGrad`] | gradients | the gradient of each task | gradients that point against each other |
//! | [`CaGrad`] | gradients | the gradient of each task | the same, with a stated worst case |
//! | [`UpGrad`] | gradients | the gradient of each task | the same with three tasks or more: no task is harmed |
//! | [`Mgda`] | gradients | the gradient of each task | a step that helps all tasks, or none where there is none |
//! | [`GradDrop`] | gradients | the gradient of each task | coordinates that disagree in sign, one side at random |
//!
//! # The gradient of each task in Burn
//!
//! Burn walks a graph backwards once: after `a.backward()`, a `b.backward()` that comes to the same part of the graph
//! panics ("graph tape has already been consumed"). So each task needs a forward pass of its own.
//! [`TaskGradients::of_losses`] takes losses from an iterator and calls `backward` on one before it asks for the next,
//! so that one graph is alive at a time:
//!
//! ```
//! use burn::module::Module;
//! use burn::nn::{Linear, LinearConfig};
//! use burn::optim::SgdConfig;
//! use burn::tensor::{Device, Tensor};
//! use losslab::{GradientSurgery, PcGradConfig, TaskGradients};
//!
//! #[derive(Module, Debug)]
//! struct Model {
//!     shared: Linear,
//!     heads: Vec<Linear>,
//! }
//!
//! impl Model {
//!     fn loss(&self, task: usize, x: Tensor<2>) -> Tensor<1> {
//!         self.heads[task].forward(self.shared.forward(x)).square().mean()
//!     }
//! }
//!
//! let device = Device::flex().autodiff();
//! let layer = || LinearConfig::new(4, 4).init(&device);
//! let mut model = Model { shared: layer(), heads: vec![layer(), layer()] };
//! let mut optimizer = SgdConfig::new().init();
//! let mut surgery = PcGradConfig::new().init();
//!
//! let x = Tensor::<2>::ones([8, 4], &device);
//! let gradients = TaskGradients::of_losses(&model, (0..2).map(|task| model.loss(task, x.clone())))?;
//! println!("cosine {:?}", gradients.gram().cosine(0, 1));
//! let combined = surgery.combine_gradients(gradients);
//! model = optimizer.step(0.01, model, combined);
//! # Ok::<(), losslab::InputError>(())
//! ```
//!
//! A cheaper way, where the gradient with respect to a shared representation is enough (to look at norms and cosines,
//! or for [`GradNorm`]): cut the graph there with `Tensor::from_inner(h.inner()).require_grad()`, and give that leaf to
//! the heads. Their graphs are then apart, and each may be walked.

mod ca_grad;
mod dynamic_weight_average;
mod grad_drop;
mod grad_norm;
mod gradients;
mod gram;
mod linear;
mod mgda;
mod pc_grad;
mod surgery;
mod uncertainty;
mod up_grad;
mod weighted_sum;
mod worst_case;

pub use ca_grad::{CaGrad, CaGradConfig};
pub use dynamic_weight_average::{DynamicWeightAverage, DynamicWeightAverageConfig};
pub use grad_drop::{GradDrop, GradDropConfig};
pub use grad_norm::{GradNorm, GradNormConfig, GradNormStep};
pub use gradients::TaskGradients;
pub use gram::{GramMatrix, TaskGradientStatistics};
pub use losslab_kernels::options::{Likelihood, UncertaintyForm};
pub use mgda::{Mgda, MgdaConfig};
pub use pc_grad::{PcGrad, PcGradConfig, PcGradOrder};
pub use surgery::{GradientSurgery, GradientWeights};
pub use uncertainty::{UncertaintyLoss, UncertaintyLossConfig};
pub use up_grad::{UpGrad, UpGradConfig};
pub use weighted_sum::{WeightedSumLoss, WeightedSumLossConfig};

use crate::error::{InputError, Range};
use crate::math::in_f32;
use burn::tensor::Tensor;

/// Checks that there is one number for each task, finite and in a range.
fn check_each(name: &'static str, what: &'static str, found: &[f64], tasks: usize, range: Range) -> InputResult {
    InputError::check_shape(name, what, &[found.len()], &[tasks], "(one for each task)")?;
    let wrong = found.iter().position(|&value| !(value.is_finite() && range.contains(value)));
    let error = |index: usize| {
        let (allowed, value) = (format!("{range} and finite"), found[index].to_string());
        InputError::Value { loss: name, tensor: what, allowed, index, value }
    };
    wrong.map_or(Ok(()), |index| Err(error(index)))
}

type InputResult = Result<(), InputError>;

/// The sum of task losses with constant weights.
fn weigh(name: &'static str, weights: &[f64], losses: Tensor<1>) -> Result<Tensor<1>, InputError> {
    InputError::check_shape(name, "losses", &losses.dims(), &[weights.len()], "(one for each task)")?;
    let losses = in_f32(losses);
    let weights = Tensor::<1>::from_data(weights, &losses.device().inner()).cast(losses.dtype());
    Ok((losses * weights).sum())
}
