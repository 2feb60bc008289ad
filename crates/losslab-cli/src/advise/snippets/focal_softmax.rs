use burn::tensor::{Int, Tensor};
use losslab::diagnostics::{Diagnostics, FocalDiagnosticsConfig, FocalNumbers};
use losslab::metrics::{self, Average, ConfusionMatrix, Logits, MetricError};
use losslab::{FocalLoss, FocalLossConfig, InputError};

const GAMMA: f64 = 2.0;
const ALPHA: Option<&[f32]> = None; // a weight for each class

/// Once, before training.
pub fn new_loss() -> FocalLoss {
    FocalLossConfig::new().with_gamma(GAMMA).with_alpha(ALPHA.map(<[f32]>::to_vec)).init()
}

/// For each batch: logits `[n, classes]`, class indices `[n]` (no one-hot rows).
pub fn step(loss: &FocalLoss, logits: Tensor<2>, targets: Tensor<1, Int>) -> Tensor<1> {
    loss.forward(logits, targets)
}

/// Now and then: who gets the gradient?
pub fn watch(
    loss: &FocalLoss,
    logits: Tensor<2>,
    targets: Tensor<1, Int>,
) -> Result<Diagnostics<FocalNumbers>, InputError> {
    Diagnostics::of_focal(loss, logits, targets, &FocalDiagnosticsConfig::new())
}

/// On the validation part: macro F1 and balanced accuracy.
pub fn validate(logits: Tensor<2>, targets: Tensor<1, Int>) -> Result<(f64, f64), MetricError> {
    let (logits, targets) = (Logits::try_from_tensor(logits)?, metrics::labels(targets));
    let matrix = ConfusionMatrix::try_new(&targets, &logits.predictions(), logits.classes())?;
    Ok((matrix.average_f_beta(1.0, Average::Macro)?, matrix.balanced_accuracy()))
}
