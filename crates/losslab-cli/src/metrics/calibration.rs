//! Metrics of probabilities: are they right as often as they say?

use super::classification::ROWS;
use super::scores::SCORED;
use super::{Better, Case, Measured, Metric, Rows};
use crate::saved::{Input, Parameter, parameter};
use anyhow::Result;
use losslab::metrics::{
    Binning, CalibrationConfig, MetricError, Probabilities, binary_ece, brier, classwise_ece, nll, nll_of_logits,
    top_label_debiased_ece, top_label_ece, top_label_mce,
};

const BINS: &[Parameter] = &[parameter("bins", "15", "a whole number from 1 to 1000000", "bins of confidence")];

const fn metric(
    name: &'static str,
    summary: &'static str,
    inputs: &'static [Input],
    parameters: &'static [Parameter],
    evaluate: fn(&Case) -> Result<Measured>,
) -> Metric {
    Metric { name, summary, better: Better::Lower, inputs, parameters, evaluate }
}

pub const ECE: Metric =
    metric("ece", "expected calibration error of the predicted class, bins of equal width", ROWS, BINS, |case| {
        binned(case, Binning::EqualWidth, top_label_ece)
    });

pub const ECE_EQUAL_MASS: Metric = metric("ece-equal-mass", "the same with bins of equal counts", ROWS, BINS, |case| {
    binned(case, Binning::EqualMass, top_label_ece)
});

pub const MCE: Metric = metric("mce", "maximum calibration error: that of the worst bin", ROWS, BINS, |case| {
    binned(case, Binning::EqualWidth, top_label_mce)
});

pub const ECE_CLASSWISE: Metric =
    metric("ece-classwise", "mean over the classes of the error of each class's probability", ROWS, BINS, |case| {
        binned(case, Binning::EqualWidth, classwise_ece)
    });

pub const ECE_DEBIASED: Metric = metric(
    "ece-debiased",
    "root mean square calibration error less what chance adds (Kumar et al. 2019)",
    ROWS,
    BINS,
    |case| binned(case, Binning::EqualWidth, top_label_debiased_ece),
);

pub const ECE_BINARY: Metric =
    metric("ece-binary", "expected calibration error of the positive class of two", SCORED, BINS, |case| {
        let config = config(case, Binning::EqualWidth)?;
        Ok(binary_ece(&case.tensors.floats("scores"), &case.flags("targets")?, &config)?.into())
    });

pub const BRIER: Metric =
    metric("brier", "squared error of the probabilities, summed over the classes", ROWS, &[], |case| {
        Ok(brier(&case.probabilities()?, &case.tensors.integers("targets"))?.into())
    });

pub const NLL: Metric = metric("nll", "negative log-likelihood: cross-entropy, in nats", ROWS, &[], |case| {
    let targets = case.tensors.integers("targets");
    Ok(match case.rows()? {
        Rows::Logits(logits) => nll_of_logits(&logits, &targets)?,
        Rows::Probabilities(probabilities) => nll(&probabilities, &targets)?,
    }
    .into())
});

type Binned = fn(&Probabilities, &[i64], &CalibrationConfig) -> Result<f64, MetricError>;

fn binned(case: &Case, binning: Binning, metric: Binned) -> Result<Measured> {
    Ok(metric(&case.probabilities()?, &case.tensors.integers("targets"), &config(case, binning)?)?.into())
}

fn config(case: &Case, binning: Binning) -> Result<CalibrationConfig> {
    Ok(CalibrationConfig::new().with_bins(case.set.count("bins", 15)?).with_binning(binning))
}
