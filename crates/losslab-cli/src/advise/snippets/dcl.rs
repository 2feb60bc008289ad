use burn::tensor::{Device, Tensor};
use losslab::diagnostics::{ContrastiveDiagnosticsConfig, ContrastiveNumbers, Diagnostics};
use losslab::{DclLoss, DclLossConfig, InputError, TemperatureConfig};

const TEMPERATURE: f64 = 0.1;

/// Once, before training.
pub fn new_loss(device: &Device) -> DclLoss {
    DclLossConfig::new().with_temperature(TemperatureConfig::new().with_value(TEMPERATURE)).init(device)
}

/// For each batch: row i of both is a view of sample i, `[n, d]`; all views of other samples are negatives.
pub fn step(loss: &DclLoss, first: Tensor<2>, second: Tensor<2>) -> Tensor<1> {
    loss.forward(first, second)
}

/// Now and then: temperature, negatives, duplicates, collapse.
pub fn watch(
    loss: &DclLoss,
    first: Tensor<2>,
    second: Tensor<2>,
) -> Result<Diagnostics<ContrastiveNumbers>, InputError> {
    let config = ContrastiveDiagnosticsConfig::new();
    Diagnostics::of_contrastive(first, second, loss.temperature.value(), None, &config)
}
