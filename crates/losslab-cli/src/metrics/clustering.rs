//! Metrics of clusters against labels.

use super::{Better, Case, Measured, Metric};
use crate::saved::{Input, input};
use anyhow::Result;
use losslab::metrics::{MetricError, ami, nmi};

const CLUSTERED: &[Input] = &[input("labels", "int", "[n]"), input("clusters", "int", "[n]")];

pub const NMI: Metric = Metric {
    name: "nmi",
    summary: "normalised mutual information of labels and clusters; grows with the number of clusters",
    better: Better::Higher,
    inputs: CLUSTERED,
    parameters: &[],
    evaluate: |case| of_clusters(case, nmi),
};

pub const AMI: Metric = Metric {
    name: "ami",
    summary: "the same less what chance gives: comparable for any number of clusters",
    better: Better::Higher,
    inputs: CLUSTERED,
    parameters: &[],
    evaluate: |case| of_clusters(case, ami),
};

fn of_clusters(case: &Case, metric: fn(&[i64], &[i64]) -> Result<f64, MetricError>) -> Result<Measured> {
    Ok(metric(&case.tensors.integers("labels"), &case.tensors.integers("clusters"))?.into())
}
