//! Metrics of one score for two classes.

use super::{Better, Case, Measured, Metric, SCORES};
use crate::saved::{Input, input};
use anyhow::Result;
use losslab::metrics::{MetricError, auroc, average_precision};

/// A score for each sample, with whether it is positive.
pub(super) const SCORED: &[Input] = &[SCORES, input("targets", "bool or int", "[n]")];

pub const AUROC: Metric = Metric {
    name: "auroc",
    summary: "area under the ROC curve: the share of positive-negative pairs in order",
    better: Better::Higher,
    inputs: SCORED,
    parameters: &[],
    evaluate: |case| of_scores(case, auroc),
};

pub const AUPRC: Metric = Metric {
    name: "auprc",
    summary: "average precision, the area under the precision-recall steps: for rare positives",
    better: Better::Higher,
    inputs: SCORED,
    parameters: &[],
    evaluate: |case| of_scores(case, average_precision),
};

fn of_scores(case: &Case, metric: fn(&[f64], &[bool]) -> Result<f64, MetricError>) -> Result<Measured> {
    Ok(metric(&case.tensors.floats("scores"), &case.flags("targets")?)?.into())
}
