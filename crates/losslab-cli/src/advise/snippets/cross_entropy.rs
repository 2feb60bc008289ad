use burn::tensor::{Int, Tensor};
use losslab::metrics::{self, ConfusionMatrix, Logits, MetricError, nll_of_logits};
use losslab::{CrossEntropyLoss, CrossEntropyLossConfig};

/// Once, before training.
pub fn new_loss() -> CrossEntropyLoss {
    CrossEntropyLossConfig::new().init()
}

/// For each batch: logits `[n, classes]`, class indices `[n]`.
pub fn step(loss: &CrossEntropyLoss, logits: Tensor<2>, targets: Tensor<1, Int>) -> Tensor<1> {
    loss.forward(logits, targets)
}

/// After each epoch, on the validation part: balanced accuracy and negative log-likelihood.
pub fn validate(logits: Tensor<2>, targets: Tensor<1, Int>) -> Result<(f64, f64), MetricError> {
    let (logits, targets) = (Logits::try_from_tensor(logits)?, metrics::labels(targets));
    let matrix = ConfusionMatrix::try_new(&targets, &logits.predictions(), logits.classes())?;
    Ok((matrix.balanced_accuracy(), nll_of_logits(&logits, &targets)?))
}
