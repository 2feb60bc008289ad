use burn::tensor::{Device, Tensor};
use losslab::diagnostics::{Diagnostics, TaskDiagnosticsConfig, TaskNumbers};
use losslab::{InputError, Likelihood, UncertaintyForm, UncertaintyLoss, UncertaintyLossConfig};

const TASKS: usize = 2;
const REGRESSIONS: usize = 1; // the first of the tasks, with a squared error; the others have a cross-entropy

/// Once, before training. The weights are parameters: give the loss to the optimizer too.
pub fn new_loss(device: &Device) -> UncertaintyLoss {
    let kind = |task| if task < REGRESSIONS { Likelihood::Gaussian } else { Likelihood::Categorical };
    let form = UncertaintyForm::PerLikelihood((0..TASKS).map(kind).collect());
    UncertaintyLossConfig::new(TASKS).with_form(form).init(device)
}

/// For each batch: the task losses `[tasks]`, as `Tensor::cat(vec![first, second], 0)` makes them.
pub fn step(loss: &UncertaintyLoss, losses: Tensor<1>) -> Tensor<1> {
    loss.forward(losses)
}

/// Now and then: scales and conflicts, from the gradient of each task with respect to one shared tensor. Backward uses up
/// a graph, so that each gradient needs a forward pass of its own.
pub fn watch(losses: Tensor<1>, gradients: Vec<Tensor<2>>) -> Result<Diagnostics<TaskNumbers>, InputError> {
    Diagnostics::of_tasks(losses, gradients, &TaskDiagnosticsConfig::new())
}
