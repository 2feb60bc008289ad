//! Metrics of retrieval: each embedding looks for its label among the others, or in a gallery.

use super::{Better, Case, Measured, Metric};
use crate::saved::{Input, Parameter, input, optional, parameter};
use anyhow::{Result, bail};
use losslab::metrics::{MetricError, Retrieval, RetrievalConfig};

const SEARCHED: &[Input] = &[
    input("embeddings", "float", "[n, d]"),
    input("labels", "int", "[n]"),
    optional("gallery", "float", "[m, d]"),
    optional("gallery_labels", "int", "[m]"),
];
const SIMILARITY: Parameter =
    parameter("similarity", "cosine", "cosine | dot | euclidean", "by what neighbours are ranked");
const AT_K: &[Parameter] =
    &[parameter("k", "1", "a whole number above 0", "the number of nearest neighbours"), SIMILARITY];
const AT_R: &[Parameter] = &[SIMILARITY];

const fn metric(
    name: &'static str,
    summary: &'static str,
    parameters: &'static [Parameter],
    evaluate: fn(&Case) -> Result<Measured>,
) -> Metric {
    Metric { name, summary, better: Better::Higher, inputs: SEARCHED, parameters, evaluate }
}

pub const RECALL_AT_K: Metric =
    metric("recall-at-k", "share of queries with one of their label among the K nearest", AT_K, |case| {
        at_k(case, Retrieval::recall_at_k)
    });

pub const PRECISION_AT_K: Metric =
    metric("precision-at-k", "mean share of the query's label among the K nearest", AT_K, |case| {
        at_k(case, Retrieval::precision_at_k)
    });

pub const NDCG_AT_K: Metric = metric("ndcg-at-k", "discounted gain of the K nearest over the best", AT_K, |case| {
    at_k(case, Retrieval::ndcg_at_k)
});

pub const MAP_AT_R: Metric = metric(
    "map-at-r",
    "mean average precision at R, the number of items of the query's label (Musgrave et al. 2020)",
    AT_R,
    |case| found(case, RetrievalConfig { cutoffs: vec![], mrr: false, ..config(case)? }, Retrieval::map_at_r),
);

pub const R_PRECISION: Metric = metric("r-precision", "mean precision at R", AT_R, |case| {
    found(case, RetrievalConfig { cutoffs: vec![], mrr: false, ..config(case)? }, Retrieval::r_precision)
});

pub const MRR_RETRIEVAL: Metric =
    metric("mrr-retrieval", "mean of 1 / rank of the nearest of the query's label", AT_R, |case| {
        found(case, RetrievalConfig { cutoffs: vec![], at_r: false, ..config(case)? }, Retrieval::mrr)
    });

fn config(case: &Case) -> Result<RetrievalConfig> {
    Ok(RetrievalConfig { similarity: case.set.choice("similarity")?, ..RetrievalConfig::default() })
}

fn at_k(case: &Case, metric: fn(&Retrieval, usize) -> Result<f64, MetricError>) -> Result<Measured> {
    let k = case.set.count("k", 1)?;
    let config = RetrievalConfig { cutoffs: vec![k], at_r: false, mrr: false, ..config(case)? };
    found(case, config, |retrieval| metric(retrieval, k))
}

fn found(
    case: &Case,
    config: RetrievalConfig,
    metric: impl Fn(&Retrieval) -> Result<f64, MetricError>,
) -> Result<Measured> {
    let (queries, labels) = (case.embeddings("embeddings")?, case.tensors.integers("labels"));
    let retrieval = match (case.tensors.has("gallery"), case.tensors.has("gallery_labels")) {
        (true, true) => {
            let (gallery, gallery_labels) = (case.embeddings("gallery")?, case.tensors.integers("gallery_labels"));
            Retrieval::with_gallery(&queries, &labels, &gallery, &gallery_labels, &config)?
        }
        (false, false) => Retrieval::leave_one_out(&queries, &labels, &config)?,
        _ => bail!("gallery and gallery_labels come together, but only one of them is there"),
    };
    Ok(Measured::from(metric(&retrieval)?).with_queries(retrieval.evaluated(), retrieval.excluded()))
}
