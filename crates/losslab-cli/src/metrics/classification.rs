//! Metrics of predicted classes.

use super::{Better, Case, Measured, Metric, Rows, TARGETS};
use crate::saved::{Input, Parameter, either, parameter};
use anyhow::Result;
use losslab::metrics::{Average, ConfusionMatrix};

/// Logits or probabilities, one of the two, with targets.
pub(super) const ROWS: &[Input] = &[
    either("logits", "float", "[n, classes]", "probabilities"),
    either("probabilities", "float", "[n, classes]", "logits"),
    TARGETS,
];

const AVERAGE: Parameter = parameter("average", "macro", "macro | micro", "mean over the classes, or of pooled counts");

const fn metric(
    name: &'static str,
    summary: &'static str,
    parameters: &'static [Parameter],
    evaluate: fn(&Case) -> Result<Measured>,
) -> Metric {
    Metric { name, summary, better: Better::Higher, inputs: ROWS, parameters, evaluate }
}

pub const ACCURACY: Metric =
    metric("accuracy", "share of samples whose most probable class is the target", &[], |case| {
        Ok(matrix(case)?.accuracy().into())
    });

pub const BALANCED_ACCURACY: Metric =
    metric("balanced-accuracy", "mean recall of the classes among the targets", &[], |case| {
        Ok(matrix(case)?.balanced_accuracy().into())
    });

pub const MCC: Metric =
    metric("mcc", "Matthews' correlation of targets and predictions", &[], |case| Ok(matrix(case)?.mcc()?.into()));

pub const F1: Metric = metric(
    "f1",
    "harmonic mean of precision and recall",
    &[parameter("beta", "1", "a number, at least 0", "times as much weight on recall"), AVERAGE],
    |case| Ok(matrix(case)?.average_f_beta(case.set.number("beta", 1.0)?, average(case)?)?.into()),
);

pub const PRECISION: Metric =
    metric("precision", "share of the predictions of a class that are right", &[AVERAGE], |case| {
        Ok(matrix(case)?.average_precision(average(case)?).into())
    });

pub const RECALL: Metric = metric("recall", "share of the samples of a class that are found", &[AVERAGE], |case| {
    Ok(matrix(case)?.average_recall(average(case)?).into())
});

fn average(case: &Case) -> Result<Average> {
    case.set.choice("average")
}

fn matrix(case: &Case) -> Result<ConfusionMatrix> {
    let (predictions, classes) = match case.rows()? {
        Rows::Logits(logits) => (logits.predictions(), logits.classes()),
        Rows::Probabilities(probabilities) => (probabilities.predictions(), probabilities.classes()),
    };
    Ok(ConfusionMatrix::try_new(&case.tensors.integers("targets"), &predictions, classes)?)
}
