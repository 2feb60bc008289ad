use burn::tensor::{Device, Tensor};
use losslab::diagnostics::{ContrastiveDiagnosticsConfig, ContrastiveNumbers, Diagnostics};
use losslab::{InputError, SigLipLoss, SigLipLossConfig, TemperatureConfig};

const TEMPERATURE: f64 = 0.1;
const BIAS: f64 = -10.0;

/// Once, before training. Temperature and bias are parameters: give the loss to the optimizer too.
pub fn new_loss(device: &Device) -> SigLipLoss {
    let temperature = TemperatureConfig::new().with_value(TEMPERATURE).with_learned(true);
    SigLipLossConfig::new().with_temperature(temperature).with_bias(BIAS).init(device)
}

/// For each batch: row i of both belongs together, `[n, d]`; all other rows are negatives.
pub fn step(loss: &SigLipLoss, queries: Tensor<2>, keys: Tensor<2>) -> Tensor<1> {
    loss.forward(queries, keys)
}

/// After each step of the optimizer.
pub fn clip(mut loss: SigLipLoss) -> SigLipLoss {
    loss.temperature = loss.temperature.clip();
    loss
}

/// Now and then: duplicates, collapse.
pub fn watch(
    loss: &SigLipLoss,
    queries: Tensor<2>,
    keys: Tensor<2>,
) -> Result<Diagnostics<ContrastiveNumbers>, InputError> {
    let config = ContrastiveDiagnosticsConfig::new();
    Diagnostics::of_contrastive(queries, keys, loss.temperature.value(), None, &config)
}
