use burn::tensor::Tensor;
use losslab::metrics::{Gain, MetricError, Rankings};
use losslab::{InputError, ListMleLoss, ListMleLossConfig, QueryLists, RelevanceTies};

/// Once, before training.
pub fn new_loss() -> ListMleLoss {
    ListMleLossConfig::new().with_ties(RelevanceTies::ByScore).init()
}

/// For each batch of whole lists: scores of their items, `[n]`, a relevance that falls with the place, `[n]`, and the query
/// of each; the items of a query stand together.
pub fn step(
    loss: &ListMleLoss,
    scores: Tensor<1>,
    relevance: Tensor<1>,
    queries: &[i64],
) -> Result<Tensor<1>, InputError> {
    loss.try_forward(scores, relevance, &QueryLists::try_from_query_ids(queries)?)
}

/// On the validation part: NDCG of all ranks. The gain is the relevance itself: places have no grades.
pub fn validate(scores: &[f64], relevance: &[f64], queries: &[i64]) -> Result<f64, MetricError> {
    Ok(Rankings::try_new(scores, relevance, queries)?.ndcg(None, Gain::Linear)?.mean)
}
