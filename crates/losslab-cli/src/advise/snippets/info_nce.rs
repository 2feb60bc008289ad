use burn::tensor::{Device, Tensor};
use losslab::diagnostics::{ContrastiveDiagnosticsConfig, ContrastiveNumbers, Diagnostics};
use losslab::{InfoNceLoss, InfoNceLossConfig, InputError, TemperatureConfig};

const TEMPERATURE: f64 = 0.07;
const LEARNED: bool = true;

/// Once, before training. A learned temperature is a parameter: give the loss to the optimizer too.
pub fn new_loss(device: &Device) -> InfoNceLoss {
    let temperature = TemperatureConfig::new().with_value(TEMPERATURE).with_learned(LEARNED);
    InfoNceLossConfig::new().with_temperature(temperature).init(device)
}

/// For each batch: row i of both belongs together, `[n, d]`; all other rows are negatives.
pub fn step(loss: &InfoNceLoss, queries: Tensor<2>, keys: Tensor<2>) -> Tensor<1> {
    loss.forward(queries, keys)
}

/// After each step of the optimizer.
pub fn clip(mut loss: InfoNceLoss) -> InfoNceLoss {
    loss.temperature = loss.temperature.clip();
    loss
}

/// Now and then: temperature, negatives, duplicates, collapse.
pub fn watch(
    loss: &InfoNceLoss,
    queries: Tensor<2>,
    keys: Tensor<2>,
) -> Result<Diagnostics<ContrastiveNumbers>, InputError> {
    let config = ContrastiveDiagnosticsConfig::new();
    Diagnostics::of_contrastive(queries, keys, loss.temperature.value(), None, &config)
}
