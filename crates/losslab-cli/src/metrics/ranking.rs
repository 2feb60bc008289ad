//! Metrics of ranked lists, one list for each query.

use super::{Better, Case, Measured, Metric, SCORES};
use crate::saved::{Input, Parameter, input, parameter};
use anyhow::Result;
use losslab::metrics::{Gain, MetricError, QueryMean, Rankings, Ties};

const RANKED: &[Input] = &[SCORES, input("relevance", "int or float", "[n]"), input("query", "int", "[n]")];
const TIES: Parameter =
    parameter("ties", "averaged", "averaged | by-order", "equal scores: the mean of all orders, or the rows' order");
const K: Parameter = parameter("k", "none", "a whole number above 0, or none", "only the first k ranks count");

const fn metric(
    name: &'static str,
    summary: &'static str,
    parameters: &'static [Parameter],
    evaluate: fn(&Case) -> Result<Measured>,
) -> Metric {
    Metric { name, summary, better: Better::Higher, inputs: RANKED, parameters, evaluate }
}

pub const NDCG: Metric = metric(
    "ndcg",
    "discounted gain over that of the best order",
    &[K, parameter("gain", "exponential", "exponential | linear", "2^grade − 1, or the grade"), TIES],
    |case| {
        let (k, gain) = (case.set.count_or_none("k")?, case.set.choice::<Gain>("gain")?);
        mean(case, |rankings| rankings.ndcg(k, gain))
    },
);

pub const MAP: Metric =
    metric("map", "mean average precision", &[TIES], |case| mean(case, Rankings::mean_average_precision));

pub const MRR: Metric = metric("mrr", "mean of 1 / rank of the first relevant item", &[K, TIES], |case| {
    let k = case.set.count_or_none("k")?;
    mean(case, |rankings| rankings.mean_reciprocal_rank(k))
});

pub const ERR: Metric = metric(
    "err",
    "expected 1 / rank at which a reader stops (Chapelle et al. 2009)",
    &[
        K,
        parameter("max_grade", "none", "a number, or none", "highest grade of the scale; none: the highest there is"),
        TIES,
    ],
    |case| {
        let (k, max_grade) = (case.set.count_or_none("k")?, case.set.number_or_none("max_grade", None)?);
        mean(case, |rankings| rankings.expected_reciprocal_rank(k, max_grade))
    },
);

fn mean(case: &Case, metric: impl Fn(&Rankings) -> Result<QueryMean, MetricError>) -> Result<Measured> {
    let tensors = case.tensors;
    let (scores, queries) = (tensors.floats("scores"), tensors.integers("query"));
    let rankings = Rankings::try_new(&scores, &tensors.numbers("relevance"), &queries)?;
    let found = metric(&rankings.with_ties(case.set.choice::<Ties>("ties")?))?;
    Ok(Measured::from(found.mean).with_queries(found.evaluated, found.excluded))
}
