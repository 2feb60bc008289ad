use burn::tensor::Tensor;
use losslab::metrics::{Gain, MetricError, Rankings};
use losslab::{InputError, QueryLists, RankNetForm, RankNetLoss, RankNetLossConfig};

const MARGIN: f64 = 1.0;
const CUTOFF: usize = 10;

/// Once, before training.
pub fn new_loss() -> RankNetLoss {
    RankNetLossConfig::new().with_form(RankNetForm::Hinge).with_margin(MARGIN).init()
}

/// For each batch of whole lists: scores and relevance of their items, `[n]`, and the query of each; the items of a query
/// stand together.
pub fn step(
    loss: &RankNetLoss,
    scores: Tensor<1>,
    relevance: Tensor<1>,
    queries: &[i64],
) -> Result<Tensor<1>, InputError> {
    loss.try_forward(scores, relevance, &QueryLists::try_from_query_ids(queries)?)
}

/// On the validation part: NDCG of the first ranks.
pub fn validate(scores: &[f64], relevance: &[f64], queries: &[i64]) -> Result<f64, MetricError> {
    Ok(Rankings::try_new(scores, relevance, queries)?.ndcg(Some(CUTOFF), Gain::Exponential)?.mean)
}
