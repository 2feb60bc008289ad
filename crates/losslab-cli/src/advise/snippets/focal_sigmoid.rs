use burn::tensor::Tensor;
use losslab::diagnostics::{Diagnostics, FocalDiagnosticsConfig, FocalNumbers};
use losslab::metrics::{Criterion, MetricError, average_precision, choose_threshold};
use losslab::{FocalAlpha, InputError, SigmoidFocalLoss, SigmoidFocalLossConfig};

const GAMMA: f64 = 2.0;
const ALPHA: f64 = 0.25; // of the positives; 1 − α of the others

/// Once, before training.
pub fn new_loss() -> SigmoidFocalLoss {
    SigmoidFocalLossConfig::new().with_gamma(GAMMA).with_alpha(FocalAlpha::Balanced(ALPHA)).init()
}

/// For each batch: logits and 0/1 targets of one shape, `[n, 1]` for two classes, `[n, labels]` for several labels.
pub fn step(loss: &SigmoidFocalLoss, logits: Tensor<2>, targets: Tensor<2>) -> Tensor<1> {
    loss.forward(logits, targets)
}

/// Now and then: who gets the gradient?
pub fn watch(
    loss: &SigmoidFocalLoss,
    logits: Tensor<2>,
    targets: Tensor<2>,
) -> Result<Diagnostics<FocalNumbers>, InputError> {
    Diagnostics::of_sigmoid_focal(loss, logits, targets, &FocalDiagnosticsConfig::new())
}

/// On the validation part, for one output: AUPRC, and the threshold to use on new data. Cross-entropy gets one too.
pub fn validate(scores: &[f64], is_rare: &[bool]) -> Result<(f64, f64), MetricError> {
    let chosen = choose_threshold(scores, is_rare, Criterion::F1)?;
    Ok((average_precision(scores, is_rare)?, chosen.threshold))
}
