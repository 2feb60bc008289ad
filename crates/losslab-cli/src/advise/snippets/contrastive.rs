use burn::tensor::{Bool, Tensor};
use losslab::metrics::{Embeddings, EqualErrorRate, MetricError, Orientation, VerificationPairs, equal_error_rate};
use losslab::{ContrastiveLoss, ContrastiveLossConfig, Distance};

const MARGIN: f64 = 1.0;

/// Once, before training. Embeddings are brought to length 1, so that the margin has a meaning.
pub fn new_loss() -> ContrastiveLoss {
    ContrastiveLossConfig::new().with_margin(MARGIN).with_normalize(true).init()
}

/// For each batch: both embeddings of each pair `[n, d]`, from one network, and whether they are alike `[n]`.
pub fn step(loss: &ContrastiveLoss, left: Tensor<2>, right: Tensor<2>, similar: Tensor<1, Bool>) -> Tensor<1> {
    loss.forward(left, right, similar)
}

/// On the validation pairs: the equal error rate, and the distance below which a pair is accepted.
pub fn validate(left: Tensor<2>, right: Tensor<2>, same: &[bool]) -> Result<EqualErrorRate, MetricError> {
    let [left, right] = [left, right].map(|x| Embeddings::try_from_tensor(x).map(|x| x.normalized()));
    let pairs = VerificationPairs::row_by_row(&left?, &right?, same, Distance::Euclidean)?;
    equal_error_rate(&pairs.distances, &pairs.same, Orientation::Distance)
}
