//! Metrics inside Burn's learner: their value over an epoch is that of all samples at once.

use burn::data::dataloader::Progress;
use burn::tensor::{DType, Device, Int, Tensor, TensorData};
use burn::train::ClassificationOutput;
use burn::train::metric::{Adaptor, ItemLazy, Metric, MetricMetadata, Numeric, NumericEntry};
use losslab::Distance;
use losslab::metrics::{
    CalibrationConfig, Embeddings, Logits, MetricError, Orientation, Retrieval, RetrievalConfig, VerificationPairs,
    equal_error_rate, top_label_ece,
};
use losslab::train::*;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

fn metadata() -> MetricMetadata {
    MetricMetadata { progress: Progress::new(1, 1, None), iteration: Some(0), lr: None }
}

fn values(seed: u64, count: usize) -> Vec<f32> {
    let mut rng = StdRng::seed_from_u64(seed);
    (0..count).map(|_| rng.random_range(-2.0..2.0)).collect()
}

fn rows(values: &[f32], width: usize) -> Tensor<2> {
    Tensor::from_data(TensorData::new(values.to_vec(), [values.len() / width, width]), &Device::flex())
}

fn ints(values: &[i64]) -> Tensor<1, Int> {
    Tensor::from_data(values, &Device::flex())
}

/// Batches of 20, 20 and 3 samples.
const SPLITS: [std::ops::Range<usize>; 3] = [0..20, 20..40, 40..43];

fn value(entry: NumericEntry) -> f64 {
    match entry {
        NumericEntry::Final(value) => value,
        other => panic!("a final value, not {other:?}"),
    }
}

#[test]
fn the_calibration_of_an_epoch_is_not_the_mean_of_its_batches() {
    let logits = values(1, 43 * 3);
    let targets = (0..43).map(|i| i * 7 % 3).collect::<Vec<i64>>();
    let mut metric = LogitMetric::ece(CalibrationConfig::new());
    for split in SPLITS {
        let output = ClassificationOutput::new(
            Tensor::from_data([0.0], &Device::flex()),
            rows(&logits[split.start * 3..split.end * 3], 3),
            ints(&targets[split]),
        );
        let entry = metric.update(&output.adapt(), &metadata()).unwrap();
        assert!(entry.is_not_available() && metric.value().is_none() && metric.running_value().is_none());
    }
    let entry = metric.compute().unwrap();
    let of = |logits: &[f32], targets: &[i64]| {
        let logits = Logits::try_new(logits.iter().map(|&x| x.into()).collect(), 3).unwrap();
        top_label_ece(&logits.softmax(), targets, &CalibrationConfig::new()).unwrap()
    };
    let exact = of(&logits, &targets);
    assert_eq!(value(metric.final_value()), exact);
    assert_eq!(entry.serialized, format!("{exact},final"));
    let mean =
        SPLITS.map(|split| of(&logits[split.start * 3..split.end * 3], &targets[split])).iter().sum::<f64>() / 3.0;
    assert!((mean - exact).abs() > 0.05, "{mean} and {exact}");
}

#[test]
fn any_metric_over_embeddings_is_one_of_burns() {
    let x = values(2, 43 * 4);
    let labels = (0..43).map(|i| i % 5).collect::<Vec<i64>>();
    let rows_seen = |(embeddings, labels): &(Embeddings, Vec<i64>)| {
        Ok::<f64, MetricError>(embeddings.len() as f64 + labels.iter().sum::<i64>() as f64 / 1000.0)
    };
    let mut metric = EmbeddingMetric::new("rows", true, rows_seen);
    for epoch in 0..2 {
        for split in SPLITS {
            let output = EmbeddingOutput {
                loss: Tensor::from_data([1.0], &Device::flex()),
                embeddings: rows(&x[split.start * 4..split.end * 4], 4),
                labels: ints(&labels[split]),
            };
            metric.update(&output.adapt(), &metadata()).unwrap();
        }
        metric.compute().unwrap();
        let expected = 43.0 + labels.iter().sum::<i64>() as f64 / 1000.0;
        assert_eq!(value(metric.final_value()), expected, "epoch {epoch}");
        metric.clear();
    }
    assert!(metric.compute().unwrap().is_not_available());
}

#[test]
fn retrieval_looks_for_neighbours_in_the_whole_epoch() {
    let x = values(3, 43 * 4);
    let labels = (0..43).map(|i| i % 5).collect::<Vec<i64>>();
    let whole = Embeddings::try_new(x.clone(), 4).unwrap();
    let retrieval =
        Retrieval::leave_one_out(&whole, &labels, &RetrievalConfig { cutoffs: vec![1, 5], ..Default::default() });
    let retrieval = retrieval.unwrap();
    let pairs = VerificationPairs::all(&whole, &labels, Distance::Euclidean).unwrap();
    let eer = equal_error_rate(&pairs.distances, &pairs.same, Orientation::Distance).unwrap().rate;
    let expected = [
        (EmbeddingMetric::recall_at(1), retrieval.recall_at_k(1).unwrap()),
        (EmbeddingMetric::recall_at(5), retrieval.recall_at_k(5).unwrap()),
        (EmbeddingMetric::map_at_r(), retrieval.map_at_r().unwrap()),
        (EmbeddingMetric::equal_error_rate(Distance::Euclidean), eer),
    ];
    for (mut metric, expected) in expected {
        for split in SPLITS {
            let embeddings = rows(&x[split.start * 4..split.end * 4], 4);
            metric.update(&EmbeddingBatch { embeddings, labels: ints(&labels[split]) }, &metadata()).unwrap();
        }
        metric.compute().unwrap();
        assert_eq!(value(metric.final_value()), expected, "{}", metric.name());
    }
}

#[test]
fn a_large_epoch_samples_its_pairs() {
    const MOST: usize = EmbeddingMetric::ROWS_OF_ALL_PAIRS;
    let rate = |pairs: &VerificationPairs| {
        equal_error_rate(&pairs.distances, &pairs.same, Orientation::Distance).unwrap().rate
    };
    for n in [MOST, MOST + 1] {
        let labels: Vec<i64> = (0..n as i64).map(|i| i % 50).collect();
        let mut x = values(4, n * 2);
        for (x, label) in x.chunks_exact_mut(2).zip(&labels) {
            x[0] += *label as f32 / 5.0;
        }
        let whole = Embeddings::try_new(x.clone(), 2).unwrap();
        let all = rate(&VerificationPairs::all(&whole, &labels, Distance::Euclidean).unwrap());
        let mut metric = EmbeddingMetric::equal_error_rate(Distance::Euclidean);
        metric.update(&EmbeddingBatch { embeddings: rows(&x, 2), labels: ints(&labels) }, &metadata()).unwrap();
        metric.compute().unwrap();
        let found = value(metric.final_value());
        if n == MOST {
            assert_eq!(found, all);
        } else {
            let sampled =
                VerificationPairs::sampled(&whole, &labels, Distance::Euclidean, MOST * (MOST - 1) / 2, 0).unwrap();
            assert_eq!(found, rate(&sampled));
            assert!((found - all).abs() < 0.001, "{found} and {all}");
        }
    }
}

#[test]
fn u64_labels_are_ids_too() {
    let ids = |ids: [u64; 4]| Tensor::<1, Int>::from_data(TensorData::from(ids), (&Device::flex(), DType::U64));
    let mut metric = EmbeddingMetric::recall_at(1);
    let embeddings = rows(&[1.0, 0.0, 1.0, 0.1, 0.0, 1.0, 0.1, 1.0], 2);
    let labels = ids([u64::MAX, u64::MAX, u64::MAX - 1, u64::MAX - 1]);
    metric.update(&EmbeddingBatch { embeddings, labels }, &metadata()).unwrap();
    metric.compute().unwrap();
    assert_eq!(value(metric.final_value()), 1.0);
}

#[test]
fn an_undefined_metric_says_why() {
    let mut metric = LogitMetric::ece(CalibrationConfig::new());
    let output =
        ClassificationOutput::new(Tensor::from_data([0.0], &Device::flex()), rows(&[f32::NAN, 0.0], 2), ints(&[0]));
    metric.update(&output.adapt(), &metadata()).unwrap();
    let entry = metric.compute().unwrap();
    assert!(entry.is_not_available() && entry.formatted.contains("finite"), "{}", entry.formatted);
    assert!(value(metric.final_value()).is_nan());
}

#[test]
fn balanced_accuracy_counts_classes_over_the_epoch() {
    let mut metric = LogitMetric::balanced_accuracy();
    for (logits, targets) in [([2.0, 0.0, 2.0, 0.0], [0, 0]), ([2.0, 0.0, 0.0, 2.0], [0, 1])] {
        let batch = LogitBatch { logits: rows(&logits, 2), targets: ints(&targets) };
        metric.update(&batch, &metadata()).unwrap();
    }
    metric.compute().unwrap();
    assert_eq!(value(metric.final_value()), 1.0);
}

#[test]
fn a_short_last_batch_weighs_less() {
    let mut metric = SampleLoss::new();
    for (loss, samples) in [(1.0, 30), (4.0, 10)] {
        let loss = Tensor::from_data([loss], &Device::flex());
        metric.update(&LossBatch { loss, samples }, &metadata()).unwrap();
    }
    assert_eq!(metric.running_value().unwrap().current(), 1.75);
    metric.compute().unwrap();
    assert_eq!(value(metric.final_value()), 1.75);
    metric.clear();
    // One value for each sample gives the same.
    let each = Tensor::from_data([1.0, 2.0, 6.0], &Device::flex());
    metric.update(&LossBatch { loss: each, samples: 3 }, &metadata()).unwrap();
    assert_eq!(metric.value().unwrap().current(), 3.0);
}

#[test]
fn the_output_leaves_the_tape() {
    let device = Device::flex().autodiff();
    let embeddings = Tensor::<2>::ones([2, 2], &device).require_grad();
    let output = EmbeddingOutput { loss: embeddings.clone().mean(), embeddings, labels: ints(&[0, 1]) };
    let output = output.sync().unwrap();
    assert!(!output.embeddings.device().is_autodiff() && !output.loss.device().is_autodiff());
}
