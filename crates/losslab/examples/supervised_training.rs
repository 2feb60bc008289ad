//! Burn's own learner with a losslab loss, a learned temperature and losslab metrics.
//!
//! `cargo run --release -p losslab --features train --example supervised_training`
//!
//! Two noisy views of each sample are encoded, and InfoNCE brings those of one class together. The loss is a field of the
//! module, so that Burn's optimiser trains its temperature along with the encoder. Batches hold 8 classes × 8 samples.

use burn::config::Config;
use burn::data::dataloader::batcher::Batcher;
use burn::data::dataloader::{DataLoader, DataLoaderBuilder};
use burn::data::dataset::InMemDataset;
use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::optim::AdamConfig;
use burn::tensor::activation::relu;
use burn::tensor::{Device, Int, Tensor, TensorData};
use burn::train::logger::{EvaluationProgressLogger, InMemoryMetricLogger, TrainingProgressLogger};
use burn::train::metric::{MetricDefinition, NumericEntry};
use burn::train::renderer::{
    EvaluationName, MetricState, MetricsRenderer, MetricsRendererEvaluation, MetricsRendererTraining,
};
use burn::train::{InferenceStep, Learner, SupervisedTraining, TrainOutput, TrainStep};
use losslab::diagnostics::{ContrastiveDiagnosticsConfig, Diagnostics, Groups};
use losslab::train::{EmbeddingMetric, EmbeddingOutput, SampleLoss};
use losslab::{InfoNceLoss, InfoNceLossConfig, PkDataLoader, PkSamplerConfig, TemperatureConfig, labels_of};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::sync::{Arc, Mutex};

const CLASSES: i64 = 16;
const FEATURES: usize = 12;

/// Two views of a sample, and its class.
#[derive(Clone, Debug)]
struct Pair {
    views: [[f32; FEATURES]; 2],
    class: i64,
}

/// Classes are the sign patterns of products of hidden factors: no linear map separates them.
fn pairs(seed: u64, per_class: usize) -> Vec<Pair> {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut pair = |class: i64| {
        let factors = [(); FEATURES / 2].map(|()| rng.random_range(0.5..1.5) * if rng.random() { 1.0 } else { -1.0 });
        let mut view = || {
            let mut features = [0.0; FEATURES];
            for (bit, factor) in factors.iter().enumerate() {
                let sign = if class >> (bit % 4) & 1 == 1 { 1.0 } else { -1.0 };
                features[2 * bit] = factor + rng.random_range(-0.3..0.3);
                features[2 * bit + 1] = factor * sign + rng.random_range(-0.3..0.3);
            }
            features
        };
        Pair { views: [view(), view()], class }
    };
    (0..CLASSES * per_class as i64).map(|i| pair(i % CLASSES)).collect()
}

#[derive(Clone, Debug)]
struct Batch {
    queries: Tensor<2>,
    keys: Tensor<2>,
    labels: Tensor<1, Int>,
}

#[derive(Clone)]
struct Pairs;

impl Batcher<Pair, Batch> for Pairs {
    fn batch(&self, items: Vec<Pair>, device: &Device) -> Batch {
        let view = |which: usize| {
            let values = items.iter().flat_map(|item| item.views[which]).collect::<Vec<f32>>();
            Tensor::from_data(TensorData::new(values, [items.len(), FEATURES]), device)
        };
        let labels = items.iter().map(|item| item.class).collect::<Vec<i64>>();
        Batch { queries: view(0), keys: view(1), labels: Tensor::from_data(labels.as_slice(), device) }
    }
}

#[derive(Config, Debug)]
struct TaskConfig {
    #[config(default = 128)]
    hidden: usize,
    #[config(default = 16)]
    embedding: usize,
    /// Too high at the start, on purpose: training finds a better one.
    #[config(default = 0.5)]
    temperature: f64,
}

/// The model and its loss, trained together.
#[derive(Module, Debug)]
struct Task {
    hidden: Linear,
    output: Linear,
    loss: InfoNceLoss,
}

impl TaskConfig {
    fn init(&self, device: &Device) -> Task {
        let temperature = TemperatureConfig::new().with_value(self.temperature).with_learned(true);
        Task {
            hidden: LinearConfig::new(FEATURES, self.hidden).init(device),
            output: LinearConfig::new(self.hidden, self.embedding).init(device),
            loss: InfoNceLossConfig::new().with_temperature(temperature).init(device),
        }
    }
}

impl Task {
    fn embed(&self, x: Tensor<2>) -> Tensor<2> {
        self.output.forward(relu(self.hidden.forward(x)))
    }

    fn forward(&self, batch: Batch) -> EmbeddingOutput {
        let Batch { queries, keys, labels } = batch;
        let (queries, keys) = (self.embed(queries), self.embed(keys));
        // The labels as groups: the other samples of a class are positives, not negatives.
        let loss = self.loss.forward_grouped(queries.clone(), keys, labels.clone(), labels.clone());
        EmbeddingOutput { loss, embeddings: queries, labels }
    }

    /// What is wrong with a batch, one finding a line.
    fn diagnose(&self, batch: Batch) -> String {
        let groups = Groups { of_queries: batch.labels.clone(), of_keys: batch.labels };
        let (queries, keys) = (self.embed(batch.queries), self.embed(batch.keys));
        let config = ContrastiveDiagnosticsConfig::new().with_loss_knows_groups(true);
        let found = Diagnostics::of_contrastive(queries, keys, self.loss.temperature.value(), Some(groups), &config);
        match found {
            Ok(found) if found.is_healthy() => "no finding".into(),
            Ok(found) => found.to_string(),
            Err(error) => error.to_string(),
        }
    }
}

impl TrainStep for Task {
    type Input = Batch;
    type Output = EmbeddingOutput;

    fn step(&self, batch: Batch) -> TrainOutput<EmbeddingOutput> {
        let output = self.forward(batch);
        TrainOutput::new(self, output.loss.backward(), output)
    }
}

impl InferenceStep for Task {
    type Input = Batch;
    type Output = EmbeddingOutput;

    fn step(&self, batch: Batch) -> EmbeddingOutput {
        self.forward(batch)
    }
}

/// What a training has come to.
#[derive(Debug)]
pub struct Outcome {
    /// The temperature before and after.
    pub temperatures: [f64; 2],
    /// The metrics of each epoch on validation data.
    pub epochs: Vec<Values>,
}

/// Metrics by their names.
pub type Values = Vec<(String, f64)>;

/// Trains for some epochs.
pub fn run(epochs: usize) -> Outcome {
    let device = Device::flex();
    device.seed(1);
    let train = InMemDataset::new(pairs(1, 64));
    let sampler = PkSamplerConfig::new(8, 8).with_seed(1);
    let sampler = sampler.init(&labels_of(&train, |pair| pair.class).expect("items in memory"));
    let train = PkDataLoader::new(train, Pairs, sampler, &device);
    let valid = DataLoaderBuilder::new(Pairs).batch_size(100).build(InMemDataset::new(pairs(2, 32)));

    let task = TaskConfig::new().init(&device.clone().autodiff());
    let before = task.loss.temperature.value();
    let first = train.iter().next().expect("a batch").expect("items in memory");
    println!("the first batch: {}", task.diagnose(first));

    let lines = EpochLines::default();
    let kept = lines.epochs.clone();
    let learner = Learner::new(task, AdamConfig::new().init(), 3e-3);
    let result = SupervisedTraining::new(std::env::temp_dir(), Arc::new(train), valid)
        .metrics((SampleLoss::new(), EmbeddingMetric::recall_at(1), EmbeddingMetric::map_at_r()))
        .num_epochs(epochs)
        .renderer(Box::new(lines))
        // Neither a log nor a checkpoint is written.
        .with_metric_logger(InMemoryMetricLogger::new())
        .with_application_logger(None)
        .launch(learner);
    assert!(result.error.is_none(), "{:?}", result.error);
    let epochs = std::mem::take(&mut *kept.lock().expect("no thread panicked"));
    Outcome { temperatures: [before, result.model.loss.temperature.value()], epochs }
}

/// Prints the metrics of each epoch on validation data, and keeps them.
#[derive(Default)]
struct EpochLines {
    now: Values,
    epochs: Arc<Mutex<Vec<Values>>>,
    names: Vec<MetricDefinition>,
}

impl MetricsRendererTraining for EpochLines {
    fn update_train(&mut self, _: MetricState) {}

    fn update_valid(&mut self, state: MetricState) {
        if let MetricState::Numeric(entry, Some(NumericEntry::Final(value))) = state {
            let name = self.names.iter().find(|definition| definition.metric_id == entry.metric_id);
            self.now.extend(name.map(|definition| (definition.name.to_string(), value)));
        }
    }
}

impl TrainingProgressLogger for EpochLines {
    fn start(&mut self, _: usize, _: usize, _: Option<usize>, _: Option<&str>) {}

    fn start_split(&mut self, _: &str, _: usize) {}

    fn update_split(&mut self, _: usize) {}

    fn end_split(&mut self) {}

    fn update_epoch(&mut self, epoch: usize) {
        let metrics = self.now.iter().map(|(name, value)| format!("{name} {value:.3}")).collect::<Vec<String>>();
        println!("epoch {epoch}: {}", metrics.join(", "));
        self.epochs.lock().expect("no thread panicked").push(std::mem::take(&mut self.now));
    }

    fn end(&mut self) {}

    fn log_event_training(&mut self, _: String) {}
}

impl MetricsRenderer for EpochLines {
    fn manual_close(&mut self) {}

    fn register_metric(&mut self, definition: MetricDefinition) {
        self.names.push(definition);
    }
}

impl MetricsRendererEvaluation for EpochLines {
    fn update_test(&mut self, _: EvaluationName, _: MetricState) {}
}

impl EvaluationProgressLogger for EpochLines {
    fn start_global_progress(&mut self, _: usize) {}

    fn start_test(&mut self, _: &str, _: usize) {}

    fn update_test_progress(&mut self, _: usize) {}

    fn end_test(&mut self) {}

    fn end_global_progress(&mut self) {}

    fn log_event_evaluation(&mut self, _: String) {}
}

#[allow(dead_code, reason = "the test of this example calls `run`")]
fn main() {
    let [before, after] = run(8).temperatures;
    println!("temperature {before:.3} → {after:.3}");
}
