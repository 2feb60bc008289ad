//! How good representations are: for a linear classifier, and for finding images of the same class.

use super::training::Material;
use crate::{
    data::images::{Images, Parts},
    models::projection::{Outputs, Projected},
    probe::{Probe, Rows},
};
use anyhow::Result;
use losslab::metrics::{Embeddings, Retrieval, RetrievalConfig, Similarity};
use serde::{Deserialize, Serialize};

/// What is measured of a network, all on the test part but for one.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub struct Measured {
    /// Of a linear classifier of the representations.
    pub accuracy: f64,
    /// The same on the validation part: step sizes are chosen by it.
    pub valid_accuracy: f64,
    /// Share of test images whose nearest other test image is of their class, by representations.
    pub recall_at_1: f64,
    /// Mean average precision at R, by representations.
    pub map_at_r: f64,
    /// Recall@1 by what the loss saw.
    pub recall_at_1_of_head: f64,
}

impl Measured {
    /// Measures a network. The linear classifier learns from the labels that the training was told, wrong ones among
    /// them; its penalty is chosen on validation images, whose labels are right, as are those for testing.
    pub fn new(network: &Projected, parts: &Parts, told: &[i64], material: &Material) -> Result<Self> {
        let scaling = parts.train.scaling();
        let outputs = |part: &Images| network.outputs(part, &scaling);
        let [train, valid, test] = [&parts.train, &parts.valid, &parts.test].map(outputs);
        let [valid_labels, test_labels] = [&parts.valid, &parts.test].map(|part| part.labels());
        let valid = Rows { values: &valid.representations, labels: &valid_labels };
        let told = Rows { values: &train.representations, labels: told };
        let probe = Probe::chosen(told, valid, material.classes)?;
        let Outputs { representations, outputs } = test;
        let found = Retrieval::leave_one_out(
            &rows(&representations, test_labels.len())?,
            &test_labels,
            &RetrievalConfig { similarity: Similarity::Cosine, cutoffs: vec![1], at_r: true, mrr: false },
        )?;
        let of_head = Retrieval::leave_one_out(
            &rows(&outputs, test_labels.len())?,
            &test_labels,
            &RetrievalConfig { similarity: Similarity::Cosine, cutoffs: vec![1], at_r: false, mrr: false },
        )?;
        Ok(Self {
            accuracy: probe.accuracy(Rows { values: &representations, labels: &test_labels }),
            valid_accuracy: probe.accuracy(valid),
            recall_at_1: found.recall_at_k(1)?,
            map_at_r: found.map_at_r()?,
            recall_at_1_of_head: of_head.recall_at_k(1)?,
        })
    }

    /// The numbers by the names they have in `outcome.json`.
    pub fn metrics(&self) -> Vec<(&'static str, f64)> {
        vec![
            ("accuracy", self.accuracy),
            ("recall_at_1", self.recall_at_1),
            ("map_at_r", self.map_at_r),
            ("recall_at_1_of_head", self.recall_at_1_of_head),
            ("valid_accuracy", self.valid_accuracy),
        ]
    }
}

fn rows(values: &[f32], count: usize) -> Result<Embeddings> {
    Ok(Embeddings::try_new(values.to_vec(), values.len() / count)?)
}
