//! The handout's decision tree as a program: from a situation to a loss, with everything that one needs to use it.
//!
//! [`Answers`] are what flags, files and questions gave; [`Situation`] is what the advice follows from; [`advise`] follows
//! it down the tree. A branch is a plain function from its facts to an [`Advice`], which [`page`] prints.

mod batch;
mod classification;
mod embedding;
mod hyperparameters;
mod multitask;
pub mod page;
pub mod questions;
mod ranking;
mod situation;
mod snippets;
#[cfg(test)]
mod tests;

pub use situation::{Answers, Branch, Situation, Supervision};

use hyperparameters::Hyperparameter;
use losslab::diagnostics::FindingKind;
use serde::{Serialize, Serializer};

/// What to do.
#[derive(Clone, Debug, Serialize)]
pub struct Advice {
    /// The branch of the tree.
    pub task: Branch,
    /// What the advice follows from.
    pub facts: Vec<String>,
    /// The name of the loss in `losslab loss`.
    pub loss: &'static str,
    /// The name of the loss in the library.
    pub type_name: &'static str,
    /// Why this one.
    pub why: Vec<String>,
    /// What to set, where to start, and between which values to search.
    pub hyperparameters: Vec<Hyperparameter>,
    /// How to make batches.
    pub batch: Batch,
    /// What to beat first.
    pub baseline: Vec<String>,
    /// What to choose by, on the validation part, the most important first.
    pub metrics: Vec<Named>,
    /// What to watch while it trains.
    pub watch: Vec<Watch>,
    /// The code.
    pub rust: String,
}

/// How to make batches.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Batch {
    /// Samples (or pairs, or triplets) in a batch.
    pub size: Option<usize>,
    /// P: classes in a batch.
    pub classes: Option<usize>,
    /// K: samples of each class in a batch.
    pub samples_per_class: Option<usize>,
    /// In words.
    pub text: Vec<String>,
}

/// A metric with why.
#[derive(Clone, Debug, Serialize)]
pub struct Named {
    /// Its name in `losslab metric`; nothing where it is a metric of the user's tasks.
    pub name: Option<&'static str>,
    /// Why this one.
    pub why: String,
}

/// A finding of the diagnostics, with what it would mean here.
#[derive(Clone, Debug, Serialize)]
pub struct Watch {
    /// The finding.
    #[serde(serialize_with = "by_name")]
    pub finding: FindingKind,
    /// What it means, and what to do.
    pub then: &'static str,
}

fn by_name<S: Serializer>(finding: &FindingKind, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(finding.name())
}

fn metric(name: &'static str, why: impl Into<String>) -> Named {
    Named { name: Some(name), why: why.into() }
}

fn watch(finding: FindingKind, then: &'static str) -> Watch {
    Watch { finding, then }
}

/// Follows the tree.
pub fn advise(situation: &Situation) -> Advice {
    match situation {
        Situation::Imbalanced(facts) => classification::imbalanced(facts),
        Situation::Classification(facts) => classification::balanced(facts),
        Situation::Calibration(facts) => classification::calibration(facts),
        Situation::Similarity(facts) => embedding::similarity(facts),
        Situation::MultiModal(facts) => embedding::multi_modal(facts),
        Situation::MultiTask(facts) => multitask::multi_task(facts),
        Situation::Ranking(facts) => ranking::ranking(facts),
    }
}
