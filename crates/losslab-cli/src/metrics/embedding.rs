//! Metrics of embeddings by themselves.

use super::{Better, Case, Measured, Metric};
use crate::saved::{Input, Parameter, input, optional, parameter};
use anyhow::Result;
use losslab::metrics::{
    Embeddings, Lengths, MetricError, alignment, effective_rank, inter_class_distance, intra_class_distance, uniformity,
};

const LABELLED: &[Input] = &[input("embeddings", "float", "[n, d]"), input("labels", "int", "[n]")];
/// Labels aren't used, but one file may serve for all of these metrics.
const UNLABELLED: &[Input] = &[input("embeddings", "float", "[n, d]"), optional("labels", "int", "[n]")];
const NORMALIZE: &[Parameter] = &[parameter("normalize", "true", "true | false", "bring embeddings to length 1 first")];

const fn metric(
    name: &'static str,
    summary: &'static str,
    better: Better,
    inputs: &'static [Input],
    evaluate: fn(&Case) -> Result<Measured>,
) -> Metric {
    Metric { name, summary, better, inputs, parameters: NORMALIZE, evaluate }
}

pub const ALIGNMENT: Metric = metric(
    "alignment",
    "mean squared distance of two of one label (Wang and Isola 2020)",
    Better::Lower,
    LABELLED,
    |case| labelled(case, alignment),
);

pub const UNIFORMITY: Metric = metric(
    "uniformity",
    "logarithm of the mean of exp(−2 · squared distance) over all pairs (Wang and Isola 2020)",
    Better::Lower,
    UNLABELLED,
    |case| unlabelled(case, uniformity),
);

pub const EFFECTIVE_RANK: Metric = metric(
    "effective-rank",
    "how many dimensions are in use: exp of the entropy of the singular values (Roy and Vetterli 2007)",
    Better::Higher,
    UNLABELLED,
    |case| unlabelled(case, effective_rank),
);

pub const INTRA_CLASS_DISTANCE: Metric =
    metric("intra-class-distance", "mean distance of two of one label", Better::Lower, LABELLED, |case| {
        labelled(case, intra_class_distance)
    });

pub const INTER_CLASS_DISTANCE: Metric =
    metric("inter-class-distance", "mean distance of two of different labels", Better::Higher, LABELLED, |case| {
        labelled(case, inter_class_distance)
    });

fn labelled(case: &Case, metric: fn(&Embeddings, &[i64], Lengths) -> Result<f64, MetricError>) -> Result<Measured> {
    Ok(metric(&case.embeddings("embeddings")?, &case.tensors.integers("labels"), lengths(case)?)?.into())
}

fn unlabelled(case: &Case, metric: fn(&Embeddings, Lengths) -> Result<f64, MetricError>) -> Result<Measured> {
    Ok(metric(&case.embeddings("embeddings")?, lengths(case)?)?.into())
}

fn lengths(case: &Case) -> Result<Lengths> {
    Ok(if case.set.flag("normalize", true)? { Lengths::Unit } else { Lengths::AsGiven })
}
