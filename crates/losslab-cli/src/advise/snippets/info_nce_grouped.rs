use burn::tensor::{Device, Int, Tensor};
use losslab::diagnostics::{ContrastiveDiagnosticsConfig, ContrastiveNumbers, Diagnostics, Groups};
use losslab::{InfoNceLoss, InfoNceLossConfig, InputError, Positives, TemperatureConfig};

const TEMPERATURE: f64 = 0.07;
const LEARNED: bool = true;

/// Once, before training. A learned temperature is a parameter: give the loss to the optimizer too.
pub fn new_loss(device: &Device) -> InfoNceLoss {
    let temperature = TemperatureConfig::new().with_value(TEMPERATURE).with_learned(LEARNED);
    InfoNceLossConfig::new().with_temperature(temperature).with_positives(Positives::Outside).init(device)
}

/// For each batch: queries `[n, d]` and keys `[m, d]` with the group of each; keys of a query's group are its matches.
pub fn step(loss: &InfoNceLoss, queries: Tensor<2>, keys: Tensor<2>, groups: Groups) -> Tensor<1> {
    loss.forward_grouped(queries, keys, groups.of_queries, groups.of_keys)
}

/// The groups of a batch.
pub fn groups(of_queries: Tensor<1, Int>, of_keys: Tensor<1, Int>) -> Groups {
    Groups { of_queries, of_keys }
}

/// After each step of the optimizer.
pub fn clip(mut loss: InfoNceLoss) -> InfoNceLoss {
    loss.temperature = loss.temperature.clip();
    loss
}

/// Now and then, with as many keys as queries and row i of both in one group: temperature, negatives, collapse.
pub fn watch(
    loss: &InfoNceLoss,
    queries: Tensor<2>,
    keys: Tensor<2>,
    groups: Groups,
) -> Result<Diagnostics<ContrastiveNumbers>, InputError> {
    let config = ContrastiveDiagnosticsConfig::new().with_loss_knows_groups(true);
    Diagnostics::of_contrastive(queries, keys, loss.temperature.value(), Some(groups), &config)
}
