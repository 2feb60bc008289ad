use burn::tensor::{Int, Tensor};
use losslab::diagnostics::{Diagnostics, EmbeddingDiagnosticsConfig, EmbeddingNumbers};
use losslab::{ConfigError, InputError, PkSampler, PkSamplerConfig, TripletLossConfig, TripletMining};

const MARGIN: f64 = 0.2;
const CLASSES: usize = 32; // P, in a batch
const SAMPLES: usize = 4; // K, of each class

/// Once, before training. Embeddings are brought to length 1, so that the margin has a meaning.
pub fn config() -> TripletLossConfig {
    TripletLossConfig::new().with_margin(MARGIN).with_mining(TripletMining::SemiHard).with_normalize(true)
}

/// Batches of P classes × K samples: `sampler.epoch(0)` lists the rows of each batch of the first epoch.
pub fn sampler(labels_of_all_rows: &[i64]) -> Result<PkSampler, ConfigError> {
    PkSamplerConfig::new(CLASSES, SAMPLES).try_init(labels_of_all_rows)
}

/// For each batch: embeddings `[n, d]`, labels `[n]`.
pub fn step(config: &TripletLossConfig, embeddings: Tensor<2>, labels: Tensor<1, Int>) -> Tensor<1> {
    config.init().forward(embeddings, labels)
}

/// Now and then: are there triplets, and do they still teach something?
pub fn watch(
    config: &TripletLossConfig,
    embeddings: Tensor<2>,
    labels: Tensor<1, Int>,
) -> Result<Diagnostics<EmbeddingNumbers>, InputError> {
    Diagnostics::of_embeddings(embeddings, labels, &EmbeddingDiagnosticsConfig::from(config))
}
