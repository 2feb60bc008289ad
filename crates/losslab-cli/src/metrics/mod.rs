//! Every metric by its name: its inputs, its parameters, and its evaluation on saved tensors.

mod calibration;
mod classification;
mod clustering;
mod embedding;
#[cfg(test)]
mod oracle;
mod ranking;
mod retrieval;
mod scores;
mod verification;

use crate::saved::{Assignments, Input, Parameter, Tensors, input};
use anyhow::{Context, Result, bail};
use losslab::metrics::{Embeddings, Logits, Probabilities};
use serde::Serialize;
use serde_json::{Map, Value};

/// Which values are good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Better {
    /// High ones.
    Higher,
    /// Low ones.
    Lower,
}

impl Better {
    /// As it is shown.
    pub fn name(self) -> &'static str {
        match self {
            Better::Higher => "higher",
            Better::Lower => "lower",
        }
    }
}

/// A metric of the library.
#[derive(Clone, Copy, Serialize)]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// What it measures, in a line.
    pub summary: &'static str,
    /// Which values are good.
    pub better: Better,
    /// Its input tensors.
    pub inputs: &'static [Input],
    /// Its parameters.
    pub parameters: &'static [Parameter],
    #[serde(skip)]
    evaluate: fn(&Case) -> Result<Measured>,
}

/// All metrics.
pub const METRICS: [Metric; 36] = [
    classification::ACCURACY,
    classification::BALANCED_ACCURACY,
    classification::MCC,
    classification::F1,
    classification::PRECISION,
    classification::RECALL,
    scores::AUROC,
    scores::AUPRC,
    calibration::ECE,
    calibration::ECE_EQUAL_MASS,
    calibration::MCE,
    calibration::ECE_CLASSWISE,
    calibration::ECE_DEBIASED,
    calibration::ECE_BINARY,
    calibration::BRIER,
    calibration::NLL,
    retrieval::RECALL_AT_K,
    retrieval::PRECISION_AT_K,
    retrieval::NDCG_AT_K,
    retrieval::MAP_AT_R,
    retrieval::R_PRECISION,
    retrieval::MRR_RETRIEVAL,
    verification::EER,
    verification::VERIFICATION_ACCURACY,
    verification::TAR_AT_FAR,
    embedding::ALIGNMENT,
    embedding::UNIFORMITY,
    embedding::EFFECTIVE_RANK,
    embedding::INTRA_CLASS_DISTANCE,
    embedding::INTER_CLASS_DISTANCE,
    clustering::NMI,
    clustering::AMI,
    ranking::NDCG,
    ranking::MAP,
    ranking::MRR,
    ranking::ERR,
];

/// Finds a metric by its name.
pub fn find(name: &str) -> Result<Metric> {
    let Some(metric) = METRICS.into_iter().find(|metric| metric.name == name) else {
        let names = METRICS.map(|metric| metric.name).join(", ");
        bail!("unknown metric {name:?}, the metrics are: {names}");
    };
    Ok(metric)
}

/// What a metric is evaluated on.
pub struct Case<'a> {
    set: Assignments,
    tensors: &'a Tensors,
}

/// The value of a metric, and what else was found on the way to it.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// The value.
    pub value: f64,
    /// Counts, thresholds and the like, by name.
    pub details: Map<String, Value>,
}

impl Metric {
    /// Evaluates the metric.
    pub fn evaluate(&self, tensors: &Tensors, set: &[String]) -> Result<Measured> {
        let set = Assignments::parse(self.name, self.parameters, set)?;
        tensors.check(self.name, self.inputs)?;
        (self.evaluate)(&Case { set, tensors }).with_context(|| format!("{}: {}", tensors.file(), self.name))
    }
}

impl From<f64> for Measured {
    fn from(value: f64) -> Self {
        Self { value, details: Map::new() }
    }
}

impl Measured {
    /// With a number beside the value. JSON knows no infinite numbers: those become `"inf"` and `"-inf"`.
    fn with(mut self, name: &str, number: f64) -> Self {
        let value = if number.is_finite() { number.into() } else { number.to_string().into() };
        self.details.insert(name.to_owned(), value);
        self
    }

    /// With the numbers of queries that entered the mean and that didn't.
    fn with_queries(mut self, evaluated: usize, excluded: usize) -> Self {
        self.details.insert("evaluated_queries".to_owned(), evaluated.into());
        self.details.insert("excluded_queries".to_owned(), excluded.into());
        self
    }
}

/// The rows of logits or probabilities of a file.
enum Rows {
    Logits(Logits),
    Probabilities(Probabilities),
}

impl Case<'_> {
    fn rows(&self) -> Result<Rows> {
        let name = self.one_of("logits", "probabilities")?;
        let (values, classes) = (self.tensors.floats(name), self.tensors.shape(name)[1]);
        Ok(match name {
            "logits" => Rows::Logits(Logits::try_new(values, classes)?),
            _ => Rows::Probabilities(Probabilities::try_new(values, classes)?),
        })
    }

    fn probabilities(&self) -> Result<Probabilities> {
        Ok(match self.rows()? {
            Rows::Logits(logits) => logits.softmax(),
            Rows::Probabilities(probabilities) => probabilities,
        })
    }

    fn embeddings(&self, name: &'static str) -> Result<Embeddings> {
        let values = self.tensors.floats(name).into_iter().map(|value| value as f32).collect();
        Ok(Embeddings::try_new(values, self.tensors.shape(name)[1])?)
    }

    fn one_of(&self, first: &'static str, second: &'static str) -> Result<&'static str> {
        match (self.tensors.has(first), self.tensors.has(second)) {
            (true, false) => Ok(first),
            (false, true) => Ok(second),
            (true, true) => bail!("there are {first} and {second}, it takes one of them"),
            (false, false) => bail!("tensor {first:?} or {second:?} is missing"),
        }
    }

    /// Yes or no, also as 1 or 0.
    fn flags(&self, name: &'static str) -> Result<Vec<bool>> {
        if self.tensors.is_bool(name) {
            return Ok(self.tensors.bools(name));
        }
        let flag = |(index, value): (usize, i64)| match value {
            0 => Ok(false),
            1 => Ok(true),
            other => bail!("{name} must be 0 or 1, but element {index} is {other}"),
        };
        self.tensors.integers(name).into_iter().enumerate().map(flag).collect()
    }
}

const TARGETS: Input = input("targets", "int", "[n]");
const SCORES: Input = input("scores", "float", "[n]");
