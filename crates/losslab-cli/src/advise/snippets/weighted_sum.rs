use burn::tensor::{Device, Tensor};
use losslab::diagnostics::{Diagnostics, TaskDiagnosticsConfig, TaskNumbers};
use losslab::{InputError, WeightedSumLoss, WeightedSumLossConfig};

const TASKS: usize = 2;

/// Once, before training: equal weights.
pub fn new_loss(device: &Device) -> WeightedSumLoss {
    WeightedSumLossConfig::new(TASKS).init(device)
}

/// At the first batch: from now on every task loss is divided by what it was there, so that all start at 1.
pub fn normalise(loss: &mut WeightedSumLoss, first_losses: Tensor<1>) -> Result<(), InputError> {
    loss.set_initial(first_losses)
}

/// For each batch: the task losses `[tasks]`, as `Tensor::cat(vec![first, second], 0)` makes them.
pub fn step(loss: &WeightedSumLoss, losses: Tensor<1>) -> Tensor<1> {
    loss.forward(losses)
}

/// Now and then: scales and conflicts, from the gradient of each task with respect to one shared tensor. Backward uses up
/// a graph, so that each gradient needs a forward pass of its own.
pub fn watch(losses: Tensor<1>, gradients: Vec<Tensor<2>>) -> Result<Diagnostics<TaskNumbers>, InputError> {
    Diagnostics::of_tasks(losses, gradients, &TaskDiagnosticsConfig::new())
}
