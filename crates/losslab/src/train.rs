//! losslab inside Burn's own learner (feature `train`): outputs of a step, and metrics over whole epochs.
//!
//! Burn's learner has no slot for a loss. The loss is part of the module: a learned temperature or task weight is then
//! trained and saved with the model, and `step` returns an output whose tensors the metrics get.
//! `examples/supervised_training.rs` is a whole training.
//!
//! | output | metrics |
//! |---|---|
//! | [`EmbeddingOutput`] | [`SampleLoss`], [`EmbeddingMetric`]: [`recall_at`](EmbeddingMetric::recall_at), [`map_at_r`](EmbeddingMetric::map_at_r), [`equal_error_rate`](EmbeddingMetric::equal_error_rate), any other over embeddings and labels |
//! | [`ClassificationOutput`] of Burn | [`LogitMetric`]: [`ece`](LogitMetric::ece), [`balanced_accuracy`](LogitMetric::balanced_accuracy), any other over logits and targets; Burn's own |
//!
//! A metric of a ranking or of a calibration isn't the mean of its values over batches. An [`EpochMetric`] keeps the tensors
//! of an epoch and computes once, at its end, exactly what the function of [`metrics`](crate::metrics) does on all of them.

use crate::distance::Distance;
use crate::labels;
use crate::metrics::{
    CalibrationConfig, ConfusionMatrix, Embeddings, Logits, MetricError, Orientation, Retrieval, RetrievalConfig,
    VerificationPairs, equal_error_rate, top_label_ece,
};
use burn::backend::ExecutionError;
use burn::tensor::{Int, Tensor, TensorReadError};
use burn::train::ClassificationOutput;
use burn::train::metric::state::{FormatOptions, NumericMetricState};
use burn::train::metric::{
    Adaptor, ItemLazy, Metric, MetricAttributes, MetricMetadata, MetricName, Numeric, NumericAttributes, NumericEntry,
    SerializedEntry, format_float,
};
use std::sync::Arc;

/// What a step over labelled embeddings returns.
#[derive(Clone, Debug)]
pub struct EmbeddingOutput {
    /// The loss of the batch, shape `[1]`, or one value for each sample.
    pub loss: Tensor<1>,
    /// The embeddings, shape `[n, d]`.
    pub embeddings: Tensor<2>,
    /// The labels, shape `[n]`.
    pub labels: Tensor<1, Int>,
}

impl ItemLazy for EmbeddingOutput {
    fn sync(self) -> Result<Self, ExecutionError> {
        // The metrics run in a thread of their own: it must neither wait for the device nor hold the tape.
        self.loss.device().flush()?;
        Ok(Self {
            loss: self.loss.without_autodiff(),
            embeddings: self.embeddings.without_autodiff(),
            labels: self.labels.without_autodiff(),
        })
    }
}

impl Adaptor<LossBatch> for EmbeddingOutput {
    fn adapt(&self) -> LossBatch {
        LossBatch { loss: self.loss.clone(), samples: self.labels.dims()[0] }
    }
}

impl Adaptor<EmbeddingBatch> for EmbeddingOutput {
    fn adapt(&self) -> EmbeddingBatch {
        EmbeddingBatch { embeddings: self.embeddings.clone(), labels: self.labels.clone() }
    }
}

impl Adaptor<LossBatch> for ClassificationOutput {
    fn adapt(&self) -> LossBatch {
        LossBatch { loss: self.loss.clone(), samples: self.targets.dims()[0] }
    }
}

impl Adaptor<LogitBatch> for ClassificationOutput {
    fn adapt(&self) -> LogitBatch {
        LogitBatch { logits: self.output.clone(), targets: self.targets.clone() }
    }
}

/// The input of [`SampleLoss`].
#[derive(Clone, Debug)]
pub struct LossBatch {
    /// The loss of the batch, shape `[1]`, or one value for each sample.
    pub loss: Tensor<1>,
    /// The size of the batch.
    pub samples: usize,
}

/// The mean loss of an epoch, in which a batch weighs as many as its samples.
///
/// Burn's `LossMetric` weighs a batch by the length of its loss tensor, so that a short last batch counts as much as a full
/// one where the loss is a single number. The name is `Loss` as there, so that checkpoints and early stopping find it.
#[derive(Clone, Default)]
pub struct SampleLoss {
    state: NumericMetricState,
}

impl SampleLoss {
    /// Creates the metric.
    pub fn new() -> Self {
        Self::default()
    }

    fn format(&self) -> FormatOptions {
        FormatOptions::new(self.name()).precision(4)
    }
}

impl Metric for SampleLoss {
    type Input = LossBatch;

    fn name(&self) -> MetricName {
        Arc::new("Loss".into())
    }

    fn description(&self) -> Option<String> {
        Some("Mean loss of the samples".into())
    }

    fn attributes(&self) -> MetricAttributes {
        NumericAttributes { unit: None, higher_is_better: false }.into()
    }

    fn update(&mut self, batch: &LossBatch, _: &MetricMetadata) -> Result<SerializedEntry, TensorReadError> {
        let loss = batch.loss.clone().mean().try_into_scalar::<f64>()?;
        self.state.update(loss, batch.samples);
        Ok(self.state.compute_update(self.format()))
    }

    fn compute(&mut self) -> Result<SerializedEntry, TensorReadError> {
        Ok(self.state.compute_final(self.format()))
    }

    fn clear(&mut self) {
        self.state.reset();
    }
}

impl Numeric for SampleLoss {
    fn value(&self) -> Option<NumericEntry> {
        Some(self.state.current_value())
    }

    fn running_value(&self) -> Option<NumericEntry> {
        Some(self.state.running_value())
    }

    fn final_value(&self) -> NumericEntry {
        self.state.final_value()
    }
}

/// Batches that are put together at the end of an epoch.
pub trait EpochBatch: Clone + Send + Sync + 'static {
    /// All of an epoch, on the host.
    type Whole;

    /// Reads all batches, at least one; `Err` in the inner result where the metric can't take them.
    ///
    /// # Errors
    /// If a tensor can't be read.
    fn whole(batches: &[Self]) -> Result<Result<Self::Whole, MetricError>, TensorReadError>;
}

/// The input of [`EmbeddingMetric`].
#[derive(Clone, Debug)]
pub struct EmbeddingBatch {
    /// The embeddings, shape `[n, d]`.
    pub embeddings: Tensor<2>,
    /// The labels, shape `[n]`.
    pub labels: Tensor<1, Int>,
}

impl EpochBatch for EmbeddingBatch {
    type Whole = (Embeddings, Vec<i64>);

    fn whole(batches: &[Self]) -> Result<Result<Self::Whole, MetricError>, TensorReadError> {
        let embeddings = Tensor::cat(batches.iter().map(|batch| batch.embeddings.clone()).collect(), 0);
        let labels = Tensor::cat(batches.iter().map(|batch| batch.labels.clone()).collect(), 0);
        let dim = embeddings.dims()[1];
        let (embeddings, labels) = (embeddings.try_into_vec_as::<f32>()?, labels::try_read(labels)?);
        Ok(Embeddings::try_new(embeddings, dim).map(|embeddings| (embeddings, labels)))
    }
}

/// The input of [`LogitMetric`].
#[derive(Clone, Debug)]
pub struct LogitBatch {
    /// The logits, shape `[n, classes]`.
    pub logits: Tensor<2>,
    /// The class indices, shape `[n]`.
    pub targets: Tensor<1, Int>,
}

impl EpochBatch for LogitBatch {
    type Whole = (Logits, Vec<i64>);

    fn whole(batches: &[Self]) -> Result<Result<Self::Whole, MetricError>, TensorReadError> {
        let logits = Tensor::cat(batches.iter().map(|batch| batch.logits.clone()).collect(), 0);
        let targets = Tensor::cat(batches.iter().map(|batch| batch.targets.clone()).collect(), 0);
        let classes = logits.dims()[1];
        let (logits, targets) = (logits.try_into_vec_as::<f64>()?, labels::try_read(targets)?);
        Ok(Logits::try_new(logits, classes).map(|logits| (logits, targets)))
    }
}

/// A metric over the embeddings and labels of an epoch.
pub type EmbeddingMetric = EpochMetric<EmbeddingBatch>;

/// A metric over the logits and targets of an epoch.
pub type LogitMetric = EpochMetric<LogitBatch>;

type Compute<B> = dyn Fn(&<B as EpochBatch>::Whole) -> Result<f64, MetricError> + Send + Sync;

/// A metric that is computed once, over everything an epoch has seen.
///
/// Its tensors stay on their device until then. Where the metric is undefined, the entry says `N/A` and why, nothing is
/// logged to a file, and the number is NaN.
///
/// # Example
///
/// ```
/// use losslab::metrics::nll_of_logits;
/// use losslab::train::LogitMetric;
///
/// // Any function of `metrics` becomes a metric of the learner.
/// let nll = LogitMetric::new("NLL", false, |(logits, targets)| nll_of_logits(logits, targets));
/// let ece = LogitMetric::ece(losslab::metrics::CalibrationConfig::new());
/// // training.metrics((nll, ece))
/// ```
pub struct EpochMetric<B: EpochBatch> {
    name: MetricName,
    higher_is_better: bool,
    compute: Arc<Compute<B>>,
    batches: Vec<B>,
    value: f64,
}

impl<B: EpochBatch> Clone for EpochMetric<B> {
    fn clone(&self) -> Self {
        Self {
            name: self.name.clone(),
            higher_is_better: self.higher_is_better,
            compute: self.compute.clone(),
            batches: self.batches.clone(),
            value: self.value,
        }
    }
}

impl<B: EpochBatch> EpochMetric<B> {
    /// Any metric, under a name that no other one has.
    pub fn new(
        name: impl Into<String>,
        higher_is_better: bool,
        compute: impl Fn(&B::Whole) -> Result<f64, MetricError> + Send + Sync + 'static,
    ) -> Self {
        let (name, compute) = (Arc::new(name.into()), Arc::new(compute));
        Self { name, higher_is_better, compute, batches: Vec::new(), value: f64::NAN }
    }
}

impl EmbeddingMetric {
    /// Recall@K by cosine, every embedding of the epoch being a query among all others.
    pub fn recall_at(k: usize) -> Self {
        Self::new(format!("Recall@{k}"), true, move |(embeddings, labels)| {
            let config = RetrievalConfig { cutoffs: vec![k], at_r: false, mrr: false, ..RetrievalConfig::default() };
            Retrieval::leave_one_out(embeddings, labels, &config)?.recall_at_k(k)
        })
    }

    /// MAP@R by cosine, every embedding of the epoch being a query among all others.
    pub fn map_at_r() -> Self {
        Self::new("MAP@R", true, |(embeddings, labels)| {
            let config = RetrievalConfig { cutoffs: Vec::new(), mrr: false, ..RetrievalConfig::default() };
            Retrieval::leave_one_out(embeddings, labels, &config)?.map_at_r()
        })
    }

    /// The most rows of which [`equal_error_rate`](Self::equal_error_rate) takes all pairs: 8,386,560.
    pub const ROWS_OF_ALL_PAIRS: usize = 4096;

    /// The equal error rate of verification.
    ///
    /// Over all pairs of an epoch up to [`ROWS_OF_ALL_PAIRS`](Self::ROWS_OF_ALL_PAIRS) rows. Beyond, over as many pairs
    /// as that many rows have (8,386,560), [`sampled`](VerificationPairs::sampled) with seed 0: the pairs are those of the
    /// same rows in every epoch of the same labels in the same order, and the standard error of the estimate is at most
    /// about 0.00025. Time and memory (17 bytes a pair, 143 MB) are then as of 4,096 rows.
    pub fn equal_error_rate(distance: Distance) -> Self {
        const MOST: usize = EmbeddingMetric::ROWS_OF_ALL_PAIRS;
        Self::new("Equal error rate", false, move |(embeddings, labels)| {
            let pairs = if labels.len() <= MOST {
                VerificationPairs::all(embeddings, labels, distance)?
            } else {
                VerificationPairs::sampled(embeddings, labels, distance, MOST * (MOST - 1) / 2, 0)?
            };
            Ok(equal_error_rate(&pairs.distances, &pairs.same, Orientation::Distance)?.rate)
        })
    }
}

impl LogitMetric {
    /// The expected calibration error of the predicted class.
    pub fn ece(config: CalibrationConfig) -> Self {
        Self::new("ECE", false, move |(logits, targets)| top_label_ece(&logits.softmax(), targets, &config))
    }

    /// The mean recall of the classes.
    pub fn balanced_accuracy() -> Self {
        Self::new("Balanced accuracy", true, |(logits, targets)| {
            let matrix = ConfusionMatrix::try_new(targets, &logits.predictions(), logits.classes())?;
            Ok(matrix.balanced_accuracy())
        })
    }
}

impl<B: EpochBatch> Metric for EpochMetric<B> {
    type Input = B;

    fn name(&self) -> MetricName {
        self.name.clone()
    }

    fn attributes(&self) -> MetricAttributes {
        NumericAttributes { unit: None, higher_is_better: self.higher_is_better }.into()
    }

    fn update(&mut self, batch: &B, _: &MetricMetadata) -> Result<SerializedEntry, TensorReadError> {
        self.batches.push(batch.clone());
        Ok(SerializedEntry::not_available(None))
    }

    fn compute(&mut self) -> Result<SerializedEntry, TensorReadError> {
        self.value = f64::NAN;
        if self.batches.is_empty() {
            return Ok(SerializedEntry::not_available(None));
        }
        Ok(match B::whole(&self.batches)?.and_then(|whole| (self.compute)(&whole)) {
            Ok(value) => {
                self.value = value;
                SerializedEntry::new(format!("epoch {}", format_float(value, 4)), self.final_value().serialize())
            }
            Err(error) => {
                let formatted = format!("epoch {} ({error})", SerializedEntry::NOT_AVAILABLE);
                SerializedEntry::new(formatted, SerializedEntry::NOT_AVAILABLE.into())
            }
        })
    }

    fn clear(&mut self) {
        self.batches.clear();
        self.value = f64::NAN;
    }
}

impl<B: EpochBatch> Numeric for EpochMetric<B> {
    fn value(&self) -> Option<NumericEntry> {
        None
    }

    fn running_value(&self) -> Option<NumericEntry> {
        None
    }

    fn final_value(&self) -> NumericEntry {
        NumericEntry::Final(self.value)
    }
}
