use burn::tensor::{Int, Tensor};
use losslab::metrics::{
    self, CalibrationConfig, Logits, MetricError, TemperatureScaling, nll_of_logits, top_label_ece,
};
use losslab::{LabelSmoothingLoss, LabelSmoothingLossConfig};

const SMOOTHING: f64 = 0.1;

/// The baseline: a temperature fitted on the validation part of the network that you have, trained with cross-entropy.
/// It prints NLL and ECE before and after; `apply` it to new logits.
pub fn baseline(valid_logits: Tensor<2>, valid_targets: Tensor<1, Int>) -> Result<TemperatureScaling, MetricError> {
    let logits = Logits::try_from_tensor(valid_logits)?;
    let scaling = TemperatureScaling::fit(&logits, &metrics::labels(valid_targets))?;
    println!("T = {}, NLL {} → {}", scaling.temperature, scaling.nll_before, scaling.nll_after);
    println!("ECE {} → {}", scaling.ece_before, scaling.ece_after);
    Ok(scaling)
}

/// Once, before training.
pub fn new_loss() -> LabelSmoothingLoss {
    LabelSmoothingLossConfig::new().with_smoothing(SMOOTHING).init()
}

/// For each batch: logits `[n, classes]`, class indices `[n]`.
pub fn step(loss: &LabelSmoothingLoss, logits: Tensor<2>, targets: Tensor<1, Int>) -> Tensor<1> {
    loss.forward(logits, targets)
}

/// On the validation part: negative log-likelihood and calibration error.
pub fn validate(logits: Tensor<2>, targets: Tensor<1, Int>) -> Result<(f64, f64), MetricError> {
    let (logits, targets) = (Logits::try_from_tensor(logits)?, metrics::labels(targets));
    let ece = top_label_ece(&logits.softmax(), &targets, &CalibrationConfig::new())?;
    Ok((nll_of_logits(&logits, &targets)?, ece))
}
