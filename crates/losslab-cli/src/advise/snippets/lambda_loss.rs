use burn::tensor::Tensor;
use losslab::metrics::{Gain, MetricError, Rankings};
use losslab::{InputError, LambdaLoss, LambdaLossConfig, LambdaWeighting, QueryLists};

const SIGMA: f64 = 1.0;
const CUTOFF: usize = 10;

/// Once, before training.
pub fn new_loss() -> LambdaLoss {
    LambdaLossConfig::new().with_weighting(LambdaWeighting::LambdaRank).with_sigma(SIGMA).init()
}

/// For each batch of whole lists: scores and relevance of their items, `[n]`, and the query of each; the items of a query
/// stand together.
pub fn step(
    loss: &LambdaLoss,
    scores: Tensor<1>,
    relevance: Tensor<1>,
    queries: &[i64],
) -> Result<Tensor<1>, InputError> {
    loss.try_forward(scores, relevance, &QueryLists::try_from_query_ids(queries)?)
}

/// On the validation part: NDCG of the first ranks, and MAP.
pub fn validate(scores: &[f64], relevance: &[f64], queries: &[i64]) -> Result<(f64, f64), MetricError> {
    let rankings = Rankings::try_new(scores, relevance, queries)?;
    Ok((rankings.ndcg(Some(CUTOFF), Gain::Exponential)?.mean, rankings.mean_average_precision()?.mean))
}
