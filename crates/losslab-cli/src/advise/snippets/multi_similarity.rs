use burn::tensor::{Int, Tensor};
use losslab::diagnostics::{Diagnostics, EmbeddingDiagnosticsConfig, EmbeddingNumbers};
use losslab::{ConfigError, InputError, MultiSimilarityLoss, MultiSimilarityLossConfig, PkSampler, PkSamplerConfig};

const BASE: f64 = 0.5; // the cosine that separates positives from negatives
const EPSILON: f64 = 0.1; // of the pair mining
const CLASSES: usize = 8; // P, in a batch
const SAMPLES: usize = 16; // K, of each class

/// Once, before training. Similarities are cosines.
pub fn new_loss() -> MultiSimilarityLoss {
    MultiSimilarityLossConfig::new().with_base(BASE).with_epsilon(Some(EPSILON)).init()
}

/// Batches of P classes × K samples: `sampler.epoch(0)` lists the rows of each batch of the first epoch.
pub fn sampler(labels_of_all_rows: &[i64]) -> Result<PkSampler, ConfigError> {
    PkSamplerConfig::new(CLASSES, SAMPLES).try_init(labels_of_all_rows)
}

/// For each batch: embeddings `[n, d]`, labels `[n]`.
pub fn step(loss: &MultiSimilarityLoss, embeddings: Tensor<2>, labels: Tensor<1, Int>) -> Tensor<1> {
    loss.forward(embeddings, labels)
}

/// Now and then: do classes repeat in the batch, has the embedding collapsed?
pub fn watch(embeddings: Tensor<2>, labels: Tensor<1, Int>) -> Result<Diagnostics<EmbeddingNumbers>, InputError> {
    Diagnostics::of_embeddings(embeddings, labels, &EmbeddingDiagnosticsConfig::new().with_normalize(true))
}
