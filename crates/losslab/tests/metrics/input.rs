//! The types that metrics take.

use crate::{close, fails};
use burn::tensor::{Bool, DType, Device, Int, Tensor, TensorData};
use losslab::metrics::{Embeddings, Logits, Probabilities, flags, labels, values};

#[test]
fn tensors_of_any_kind_arrive() {
    let device = Device::flex();
    let rows = Tensor::<2>::from_data([[1.0, 2.0, 3.0], [4.0, 5.0, 6.5]], &device);
    for dtype in [DType::F16, DType::BF16, DType::F32, DType::F64] {
        let logits = Logits::try_from_tensor(rows.clone().cast(dtype)).unwrap();
        assert_eq!((logits.len(), logits.classes()), (2, 3));
        assert_eq!(logits.rows().last().unwrap(), [4.0, 5.0, 6.5]);
        let embeddings = Embeddings::try_from_tensor(rows.clone().cast(dtype)).unwrap();
        assert_eq!((embeddings.len(), embeddings.dim(), embeddings.row(1)), (2, 3, &[4.0, 5.0, 6.5f32][..]));
    }
    let tracked = Tensor::<2>::from_data([[0.25, 0.75]], &device.clone().autodiff()).require_grad();
    assert_eq!(Probabilities::try_from_tensor(tracked).unwrap().of_class(1).unwrap(), [0.75]);
    assert_eq!(values(Tensor::<1>::from_data([0.5, -1.0], &device)), [0.5, -1.0]);
    assert_eq!(flags(Tensor::<1, Bool>::from_data([true, false], &device)), [true, false]);
    for dtype in [DType::I32, DType::I64] {
        let ints = Tensor::<1, Int>::from_data(TensorData::from([16_777_216i64, 16_777_217]), (&device, dtype));
        assert_eq!(labels(ints), [16_777_216, 16_777_217]);
    }
}

#[test]
fn u64_ids_keep_their_bits() {
    let ids = [0, 7, i64::MAX as u64, 1 << 63, u64::MAX - 1, u64::MAX];
    let ints = Tensor::<1, Int>::from_data(TensorData::from(ids), (&Device::flex(), DType::U64));
    assert_eq!(ints.dtype(), DType::U64);
    assert_eq!(labels(ints), [0, 7, i64::MAX, i64::MIN, -2, -1]);
    let ints = Tensor::<1, Int>::from_data(TensorData::from([0, u32::MAX]), (&Device::flex(), DType::U32));
    assert_eq!(labels(ints), [0, i64::from(u32::MAX)]);
}

#[test]
fn no_row_is_fine_and_no_column_is_not() {
    assert!(Logits::try_new(vec![], 3).unwrap().is_empty());
    assert!(Probabilities::try_new(vec![], 3).unwrap().is_empty());
    assert!(Embeddings::try_new(vec![], 3).unwrap().is_empty());
    fails(Logits::try_new(vec![], 0), &["logits", "classes", "at least 1"]);
    fails(Probabilities::try_new(vec![], 0), &["probabilities", "classes"]);
    fails(Embeddings::try_new(vec![], 0), &["embeddings", "d must be"]);
    fails(Logits::try_new(vec![1.0; 7], 3), &["multiple of classes = 3", "7"]);
}

#[test]
fn what_is_not_finite_is_named() {
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        fails(Logits::try_new(vec![0.0, 1.0, bad], 3), &["logits", "finite", "element 2", &bad.to_string()]);
        fails(Embeddings::try_new(vec![0.0, bad as f32], 1), &["embeddings", "element 1"]);
        fails(Probabilities::try_new(vec![bad, 1.0], 2), &["probabilities", "in [0, 1]", "element 0"]);
    }
}

#[test]
fn probabilities_are_probabilities() {
    fails(Probabilities::try_new(vec![0.5, 0.5, 0.9, 0.3], 2), &["row 1", "sum 1.2", "within 1e-4"]);
    fails(Probabilities::try_new(vec![1.5, -0.5], 2), &["in [0, 1]", "element 0", "1.5"]);
    // What an f32 softmax leaves.
    assert!(Probabilities::try_new(vec![0.500_09, 0.5], 2).is_ok());
    assert!(Probabilities::try_new(vec![0.500_11, 0.5], 2).is_err());
    let certain = Probabilities::try_new(vec![1.0, 0.0, 0.0, 1.0], 2).unwrap();
    assert_eq!(certain.predictions(), [0, 1]);
    fails(certain.of_class(2), &["class", "below 2"]);
}

#[test]
fn softmax_survives_any_size() {
    let logits = Logits::try_new(vec![0.0, 3f64.ln(), 1e308, -1e308, -1e30, -1e30], 2).unwrap();
    let rows: Vec<f64> = logits.softmax().rows().flatten().copied().collect();
    close(rows[0], 0.25);
    close(rows[1], 0.75);
    assert_eq!(rows[2..4], [1.0, 0.0]);
    close(rows[4], 0.5);
}

#[test]
fn the_lowest_index_wins_ties_and_softmax_keeps_predictions() {
    assert_eq!(Logits::try_new(vec![1.0, 2.0, 2.0, 0.0, -0.0, 0.0], 3).unwrap().predictions(), [1, 0]);
    // They differ by less than a probability shows.
    let logits = Logits::try_new(vec![0.0, 1e-30, 0.0], 3).unwrap();
    assert_eq!(logits.predictions(), [1]);
    assert_eq!(logits.softmax().predictions(), [1]);
}

#[test]
fn scaling_divides_by_the_temperature() {
    let logits = Logits::try_new(vec![2.0, -4.0], 2).unwrap();
    assert_eq!(logits.scaled(2.0).unwrap().rows().next().unwrap(), [1.0, -2.0]);
    for temperature in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        fails(logits.scaled(temperature), &["temperature", "above 0"]);
    }
    fails(Logits::try_new(vec![1e300, 0.0], 2).unwrap().scaled(1e-10), &["finite", "inf"]);
}

#[test]
fn normalising_leaves_a_zero_row() {
    let embeddings = Embeddings::try_new(vec![3.0, 4.0, 0.0, 0.0, 3e38, 0.0, 0.0, -1e-45], 2).unwrap();
    assert_eq!(embeddings.normalized().values(), [0.6, 0.8, 0.0, 0.0, 1.0, 0.0, 0.0, -1.0]);
}
