use burn::tensor::Tensor;
use losslab::metrics::{Embeddings, Lengths, MetricError, effective_rank};
use losslab::{VicRegLoss, VicRegLossConfig};

const INVARIANCE: f64 = 25.0;
const VARIANCE: f64 = 25.0;
const COVARIANCE: f64 = 1.0;

/// Once, before training.
pub fn new_loss() -> VicRegLoss {
    VicRegLossConfig::new().with_invariance(INVARIANCE).with_variance(VARIANCE).with_covariance(COVARIANCE).init()
}

/// For each batch: row i of both is a view of sample i, `[n, d]`, as a wide projection head gives it, not normalised.
pub fn step(loss: &VicRegLoss, first: Tensor<2>, second: Tensor<2>) -> Tensor<1> {
    loss.forward(first, second)
}

/// Now and then: in how many directions do the embeddings of a batch differ? Near 1 they have collapsed.
pub fn watch(embeddings: Tensor<2>) -> Result<f64, MetricError> {
    effective_rank(&Embeddings::try_from_tensor(embeddings)?, Lengths::AsGiven)
}
