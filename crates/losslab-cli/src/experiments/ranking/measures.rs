//! How well scores rank: NDCG at 1, 5 and 10, and MAP.

use crate::data::ranked::Ranked;
use anyhow::{Context, Result};
use losslab::metrics::{Gain, Rankings};
use serde::{Deserialize, Serialize};

/// What is chosen by on the validation part, and compared first.
pub const FIRST: &str = "ndcg_at_10";

/// The names of the measures in `outcome.json` and in the report, in its order.
pub const MEASURES: [(&str, &str); 4] =
    [("ndcg_at_1", "NDCG@1"), ("ndcg_at_5", "NDCG@5"), (FIRST, "NDCG@10"), ("map", "MAP")];

/// The measures of a part, means over its queries with a relevant item.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct Found([f64; MEASURES.len()]);

impl Found {
    /// Measures scores.
    pub fn new(scores: &[f64], part: &Ranked) -> Result<Self> {
        let rankings = Rankings::try_new(scores, &part.relevance, &part.lists.ids())?;
        let ndcg = |k| rankings.ndcg(Some(k), Gain::Exponential).map(|found| found.mean);
        Ok(Self([ndcg(1)?, ndcg(5)?, ndcg(10)?, rankings.mean_average_precision()?.mean]))
    }

    /// All of them by their names.
    pub fn metrics(&self) -> Vec<(&'static str, f64)> {
        MEASURES.iter().zip(self.0).map(|((name, _), value)| (*name, value)).collect()
    }
}

/// What a choice is made by: the NDCG@10.
pub fn choice(scores: &[f64], part: &Ranked) -> Result<f64> {
    let rankings = Rankings::try_new(scores, &part.relevance, &part.lists.ids())?;
    Ok(rankings.ndcg(Some(10), Gain::Exponential).context("the validation part")?.mean)
}

/// The standard deviation of the NDCG@10 over the queries, over the root of their number: how much the test part itself
/// leaves open.
pub fn error_of_queries(scores: &[f64], part: &Ranked) -> Result<f64> {
    let rankings = Rankings::try_new(scores, &part.relevance, &part.lists.ids())?;
    let found = rankings.ndcg(Some(10), Gain::Exponential)?;
    let values: Vec<f64> = found.per_query.iter().map(|(_, value)| *value).collect();
    Ok(crate::statistics::std(&values) / (values.len() as f64).sqrt())
}
