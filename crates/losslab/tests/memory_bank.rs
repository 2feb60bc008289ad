//! The memory bank: its ring, its record, and the losses over it.

use burn::module::Module;
use burn::optim::{GradientsParams, SgdConfig};
use burn::tensor::{Bytes, DType, Device, Int, Tensor, TensorData};
use losslab::*;

fn device() -> Device {
    Device::flex()
}

fn ints(values: &[i64]) -> Tensor<1, Int> {
    Tensor::from_data(values, &device())
}

/// Rows `[i, −i]` for entries `i`.
fn rows(entries: std::ops::Range<i64>) -> Tensor<2> {
    let values = entries.clone().flat_map(|i| [i as f32, -(i as f32)]).collect::<Vec<f32>>();
    Tensor::from_data(TensorData::new(values, [entries.count(), 2]), &device())
}

fn put(bank: &mut MemoryBank, entries: std::ops::Range<i64>) {
    let labels = entries.clone().map(|i| 10 * i).collect::<Vec<i64>>();
    let ids = entries.clone().collect::<Vec<i64>>();
    bank.enqueue_with_ids(rows(entries), ints(&labels), ints(&ids));
}

fn floats<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().convert::<f32>().try_into_vec().unwrap()
}

fn longs(tensor: Tensor<1, Int>) -> Vec<i64> {
    tensor.into_data().convert::<i64>().try_into_vec().unwrap()
}

/// The ids of the entries, with a check that embeddings, labels and ids belong together.
fn contents(bank: &MemoryBank) -> Vec<i64> {
    let entries = bank.entries();
    let ids = longs(entries.ids);
    assert_eq!(longs(entries.labels), ids.iter().map(|id| 10 * id).collect::<Vec<i64>>());
    assert_eq!(floats(entries.embeddings), ids.iter().flat_map(|&id| [id as f32, -(id as f32)]).collect::<Vec<f32>>());
    assert_eq!(ids.len(), bank.len());
    ids
}

#[test]
fn it_is_a_ring_that_holds_only_what_was_put_in() {
    // Against a plain list of places, for batches of every size.
    for capacity in [1, 5, 8] {
        let mut bank = MemoryBankConfig::new(capacity, 2).init(&device());
        let (mut expected, mut next, mut so_far) = (vec![], 0, 0i64);
        assert!(bank.is_empty() && contents(&bank).is_empty());
        assert_eq!(bank.entries().embeddings.dims(), [0, 2]);
        for size in [2, 3, 0, 1, 7, 4, 5, 8, 19, 1, 3] {
            put(&mut bank, so_far..so_far + size);
            for id in so_far..so_far + size {
                if next == expected.len() {
                    expected.push(id)
                } else {
                    expected[next] = id
                }
                next = (next + 1) % capacity;
            }
            so_far += size;
            assert_eq!(contents(&bank), expected, "capacity {capacity}");
            assert_eq!(bank.next_place(), next);
            assert_eq!(bank.is_full(), expected.len() == capacity);
        }
        bank.clear();
        assert!(bank.is_empty() && contents(&bank).is_empty());
        put(&mut bank, 3..4);
        assert_eq!(contents(&bank), [3]);
    }
}

#[test]
fn it_survives_a_checkpoint_and_goes_on_as_before() {
    // Row 4 of the silent failures: the place of the next entry and the fill are not lost.
    for batches in [vec![3], vec![3, 4], vec![3, 4, 4, 2]] {
        let mut bank = MemoryBankConfig::new(8, 2).init(&device());
        let mut so_far = 0;
        for size in batches {
            put(&mut bank, so_far..so_far + size);
            so_far += size;
        }
        let saved = bank.clone().into_record().into_bytes().unwrap().to_vec();
        let record = burn::store::ModuleRecord::from_bytes(Bytes::from_bytes_vec(saved)).unwrap();
        let mut loaded = MemoryBankConfig::new(8, 2).init(&device()).load_record(record);
        assert_eq!(contents(&loaded), contents(&bank));
        assert_eq!((loaded.next_place(), loaded.len()), (bank.next_place(), bank.len()));
        for bank in [&mut loaded, &mut bank] {
            put(bank, so_far..so_far + 3);
        }
        assert_eq!(contents(&loaded), contents(&bank));
    }
}

#[test]
fn loading_into_a_copy_leaves_the_original_alone() {
    let (mut one, mut two) = (MemoryBankConfig::new(4, 2).init(&device()), MemoryBankConfig::new(4, 2).init(&device()));
    put(&mut one, 0..3);
    put(&mut two, 5..7);
    let loaded = one.clone().load_record(two.into_record());
    assert_eq!((contents(&one), contents(&loaded)), (vec![0, 1, 2], vec![5, 6]));
    let mut copy = one.clone();
    put(&mut copy, 8..9);
    assert_eq!((contents(&one), contents(&copy)), (vec![0, 1, 2], vec![0, 1, 2, 8]));
}

#[test]
fn a_bank_of_another_shape_does_not_load() {
    let record = || MemoryBankConfig::new(8, 2).init(&device()).into_record();
    for (capacity, width) in [(9, 2), (8, 3)] {
        assert!(MemoryBankConfig::new(capacity, width).init(&device()).try_load_record(record()).is_err());
    }
}

#[test]
fn labels_and_ids_keep_all_their_bits() {
    let mut bank = MemoryBankConfig::new(3, 2).init(&device());
    let large = [16_777_216, 16_777_217, i64::MAX];
    let longs_of = |values: [i64; 3]| Tensor::<1, Int>::from_data(values, (&device(), DType::I64));
    bank.enqueue_with_ids(rows(0..3), longs_of(large), longs_of(large));
    assert_eq!((longs(bank.entries().labels), longs(bank.entries().ids)), (large.to_vec(), large.to_vec()));
}

#[derive(Module, Debug)]
struct WithBank {
    scale: burn::module::Param<Tensor<1>>,
    bank: MemoryBank,
}

#[test]
fn no_gradient_and_no_step_of_an_optimiser_reaches_it() {
    let device = device().autodiff();
    let mut bank = MemoryBankConfig::new(4, 2).init(&device);
    let batch = rows(1..3).autodiff().require_grad();
    // What is put in leaves its tape behind.
    bank.enqueue(batch.clone() * 2.0, ints(&[1, 2]));
    assert!(!bank.entries().embeddings.is_autodiff());
    let loss = TripletLossConfig::new().with_margin(3.0).init();
    let memory = bank.entries();
    let value = loss.forward_with_bank(batch.clone(), ints(&[1, 2]), memory.embeddings, memory.labels);
    assert!(batch.grad(&value.backward()).is_some());

    let scale = burn::module::Param::from_tensor(Tensor::<1>::ones([1], &device));
    let model = WithBank { scale, bank }.train();
    let before = floats(model.bank.entries().embeddings);
    let value = (model.scale.val() * model.bank.entries().embeddings.sum()).sum();
    let gradients = GradientsParams::from_grads(value.backward(), &model);
    assert_eq!(gradients.len(), 1);
    let mut optimizer =
        SgdConfig::new().with_weight_decay(Some(burn::optim::decay::WeightDecayConfig::new(0.5))).init();
    let model: WithBank = optimizer.step(0.1, model, gradients);
    assert_eq!(floats(model.bank.entries().embeddings), before);
    assert!(floats(model.scale.val())[0] != 1.0);
}

#[test]
fn what_does_not_fit_is_refused_and_leaves_it_as_it_was() {
    let config = |capacity, width| MemoryBankConfig::new(capacity, width).try_init(&device());
    assert_eq!(config(0, 2).unwrap_err().to_string(), "memory-bank: capacity must be at least 1, but is 0");
    assert_eq!(config(2, 0).unwrap_err().to_string(), "memory-bank: width must be at least 1, but is 0");
    let mut bank = config(4, 2).unwrap();
    put(&mut bank, 0..3);
    let mut error = |embeddings: Tensor<2>, labels: &[i64], ids: Option<&[i64]>| {
        bank.try_enqueue(embeddings, ints(labels), ids.map(ints)).unwrap_err().to_string()
    };
    let zeros = |shape: [usize; 2]| Tensor::<2>::zeros(shape, &device());
    assert_eq!(
        error(zeros([2, 3]), &[0, 1], None),
        "memory-bank: embeddings must have shape [2, 2] (of the bank's width), but has [2, 3]"
    );
    assert_eq!(
        error(zeros([2, 2]), &[0], None),
        "memory-bank: labels must have shape [2] (one for each row of embeddings), but has [1]"
    );
    assert_eq!(
        error(zeros([2, 2]), &[0, 1], Some(&[0, 1, 2])),
        "memory-bank: ids must have shape [2] (one for each row of embeddings), but has [3]"
    );
    assert_eq!(
        error(zeros([2, 2]).cast(DType::F64), &[0, 1], None),
        "memory-bank: embeddings must be of type f32 (that of the bank), but is f64"
    );
    assert_eq!(contents(&bank), [0, 1, 2]);
    bank.enqueue(zeros([1, 2]).cast(DType::F16), ints(&[0]));
    assert_eq!(longs(bank.entries().ids), [0, 1, 2, -1]);
}

#[test]
fn the_samples_of_a_batch_are_left_out_by_their_ids() {
    let mut bank = MemoryBankConfig::new(6, 2).init(&device());
    put(&mut bank, 0..4);
    bank.enqueue(rows(7..9), ints(&[70, 80]));
    let others = bank.others(ints(&[3, 1, 9, -1]));
    // Entries without an id are never left out, whatever the ids.
    assert_eq!(longs(others.ids), [0, 2, -1, -1]);
    assert_eq!(longs(others.labels), [0, 20, 70, 80]);
    assert_eq!(floats(others.embeddings), [0.0, 0.0, 2.0, -2.0, 7.0, -7.0, 8.0, -8.0]);
    let mut bank = MemoryBankConfig::new(6, 2).init(&device());
    put(&mut bank, 0..2);
    let none = bank.others(ints(&[0, 1]));
    assert_eq!((none.embeddings.dims(), none.labels.dims()), ([0, 2], [0]));
}

fn values(seed: u32, count: usize) -> Vec<f32> {
    let mut state = seed | 1;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 24) as f32 * 2.0 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

/// Value and gradient with respect to the batch.
fn gradient(batch: &Tensor<2>, loss: Tensor<1>) -> (f64, Vec<f32>) {
    let value = loss.clone().into_scalar::<f64>();
    (value, floats(batch.grad(&loss.backward()).expect("the batch is attached")))
}

fn assert_close(found: &(f64, Vec<f32>), expected: &(f64, Vec<f32>), what: &str) {
    assert!(
        (found.0 - expected.0).abs() <= 1e-5 * expected.0.abs().max(1e-3),
        "{what}: {} not {}",
        found.0,
        expected.0
    );
    for (x, y) in found.1.iter().zip(&expected.1) {
        assert!((x - y).abs() <= 1e-5 * expected.1.iter().fold(1e-3f32, |most, y| most.max(y.abs())), "{what}");
    }
}

#[test]
fn the_loss_over_the_memory_is_what_the_whole_set_costs_beyond_its_parts() {
    const BATCH: usize = 7;
    let (labels, bank_labels) = ([0, 1, 2, 0, 1, 5, 2], [0, 0, 1, 2, 2, 9, 1, 0, 2]);
    let leaf = |values: &[f32]| {
        let data = TensorData::new(values.to_vec(), [values.len() / 3, 3]);
        Tensor::<2>::from_data(data, &device().autodiff()).require_grad()
    };
    let (batch, bank) = (leaf(&values(1, BATCH * 3)), leaf(&values(2, bank_labels.len() * 3)).inner());
    let all_labels = [&labels[..], &bank_labels[..]].concat();
    for distance in [Distance::Euclidean, Distance::SquaredEuclidean, Distance::Cosine] {
        for normalize in [false, true] {
            let config = BatchContrastiveLossConfig::new().with_positive_margin(0.2).with_negative_margin(1.2);
            let config = config.with_distance(distance).with_normalize(normalize).with_reduction(Reduction::Sum);
            let loss = config.init();
            let what = format!("{distance:?} {normalize}");
            // All pairs of the set are those of the batch, those of the bank, and those between them.
            let all = Tensor::cat(vec![batch.clone(), bank.clone().autodiff()], 0);
            let (of_all, by_all) = gradient(&batch, loss.forward(all, ints(&all_labels)));
            let (of_batch, by_batch) = gradient(&batch, loss.forward(batch.clone(), ints(&labels)));
            let of_bank = loss.forward(bank.clone(), ints(&bank_labels)).into_scalar::<f64>();
            let expected = by_all.iter().zip(&by_batch).map(|(all, batch)| all - batch).collect();
            let expected = (of_all - of_batch - of_bank, expected);
            let (x, y) = (|| batch.clone(), || bank.clone());
            let found = loss.forward_with_bank(x(), ints(&labels), y(), ints(&bank_labels));
            assert_close(&gradient(&batch, found), &expected, &what);
            let plain = loss.forward_with_bank_plain(x(), ints(&labels), y(), ints(&bank_labels)).unwrap();
            assert_close(&gradient(&batch, plain), &expected, &what);
        }
    }
}

#[test]
fn the_pair_loss_over_a_bank_has_all_its_forms() {
    let leaf = |seed, rows: usize| {
        let data = TensorData::new(values(seed, rows * 4), [rows, 4]);
        Tensor::<2>::from_data(data, &device().autodiff()).require_grad()
    };
    let (batch, bank) = (leaf(3, 5), leaf(4, 8));
    let (labels, bank_labels) = (ints(&[0, 1, 5, 0, 2]), ints(&[1, 0, 9, 2, 2, 0, 1, 9]));
    for reduction in [Reduction::Mean, Reduction::MeanPerSample, Reduction::MeanActive, Reduction::Sum] {
        for (distance, half) in [(Distance::Euclidean, true), (Distance::Cosine, false)] {
            let config = BatchContrastiveLossConfig::new().with_distance(distance).with_half(half);
            let loss = config.with_reduction(reduction).init();
            let (x, y) = (|| batch.clone(), || bank.clone());
            let found = loss.forward_with_bank(x(), labels.clone(), y(), bank_labels.clone());
            let plain = loss.forward_with_bank_plain(x(), labels.clone(), y(), bank_labels.clone()).unwrap();
            // The bank's gradient flows where it is on the tape.
            for leaf in [&batch, &bank] {
                let again = loss.forward_with_bank(x(), labels.clone(), y(), bank_labels.clone());
                let plainly = loss.forward_with_bank_plain(x(), labels.clone(), y(), bank_labels.clone()).unwrap();
                assert_close(&gradient(leaf, again), &gradient(leaf, plainly), &format!("{reduction:?} {distance:?}"));
            }
            assert!((found.into_scalar::<f64>() - plain.into_scalar::<f64>()).abs() < 1e-5);
        }
    }
    let loss = BatchContrastiveLossConfig::new().init();
    let none = Tensor::<2>::zeros([0, 4], &device());
    let empty = loss.forward_with_bank(batch.clone(), labels.clone(), none.clone(), ints(&[]));
    assert_eq!(gradient(&batch, empty), (0.0, vec![0.0; 20]));
    let empty = loss.forward_with_bank_plain(batch.clone(), labels.clone(), none, ints(&[])).unwrap();
    assert_eq!(gradient(&batch, empty), (0.0, vec![0.0; 20]));
    let error = loss.try_forward_with_bank(batch, labels, Tensor::zeros([2, 3], &device()), ints(&[0, 1])).unwrap_err();
    assert_eq!(
        error.to_string(),
        "contrastive-batch: bank must have shape [2, 4] (of the width of embeddings), but has [2, 3]"
    );
}

#[test]
fn a_nan_in_the_bank_comes_out() {
    let mut bank = MemoryBankConfig::new(4, 2).init(&device());
    bank.enqueue(Tensor::from_data([[f32::NAN, 0.0], [1.0, 2.0]], &device()), ints(&[0, 1]));
    let memory = bank.entries();
    for label in [0, 1] {
        let (x, loss) = (rows(1..2), BatchContrastiveLossConfig::new().init());
        let value = loss.forward_with_bank(x, ints(&[label]), memory.embeddings.clone(), memory.labels.clone());
        assert!(value.into_scalar::<f64>().is_nan());
    }
}

#[test]
fn info_nce_takes_a_bank_as_further_keys() {
    let leaf = |seed, rows: usize| {
        let data = TensorData::new(values(seed, rows * 4), [rows, 4]);
        Tensor::<2>::from_data(data, &device().autodiff()).require_grad()
    };
    let (queries, keys, bank) = (leaf(5, 6), leaf(6, 6), leaf(7, 9).inner());
    for symmetric in [false, true] {
        let loss = InfoNceLossConfig::new().with_symmetric(symmetric).init(&device());
        for leaf in [&queries, &keys] {
            let found = loss.forward_with_bank(queries.clone(), keys.clone(), bank.clone());
            let all = Tensor::cat(vec![keys.clone(), bank.clone().autodiff()], 0);
            assert_close(&gradient(leaf, found), &gradient(leaf, loss.forward(queries.clone(), all)), "a bank");
            let none = loss.forward_with_bank(queries.clone(), keys.clone(), bank.clone().slice(0..0));
            let without = loss.forward(queries.clone(), keys.clone());
            assert_eq!(gradient(leaf, none), gradient(leaf, without));
        }
    }
    let loss = InfoNceLossConfig::new().init(&device());
    let error = loss.try_forward_with_bank(queries, keys, Tensor::zeros([2, 3], &device())).unwrap_err().to_string();
    assert_eq!(error, "info-nce: bank must have shape [2, 4] (of the width of keys), but has [2, 3]");
}
