//! Kernels against plain operations, and triplets against a bank.

use crate::subjects::{LABELS, device, gradients, values};
use burn::tensor::{Int, Tensor, TensorData};
use losslab::*;
use losslab_kernels::reference;

const REDUCTIONS: [Reduction; 4] = [Reduction::Mean, Reduction::MeanPerSample, Reduction::MeanActive, Reduction::Sum];

fn tracked(values: &[f32], width: usize) -> Tensor<2> {
    let data = TensorData::new(values.to_vec(), [values.len() / width, width]);
    Tensor::<2>::from_data(data, &device().autodiff()).require_grad()
}

fn ints(values: &[i64]) -> Tensor<1, Int> {
    Tensor::from_data(values, &device())
}

fn assert_same(found: (f64, Vec<Vec<f32>>), expected: (f64, Vec<Vec<f32>>), what: &str) {
    assert!((found.0 - expected.0).abs() <= 2e-6 * expected.0.abs(), "{what}: {} instead of {}", found.0, expected.0);
    for (found, expected) in found.1.iter().zip(&expected.1) {
        let largest = expected.iter().fold(0.0f32, |largest, x| largest.max(x.abs()));
        for (x, y) in found.iter().zip(expected) {
            assert!((x - y).abs() <= 2e-5 * largest, "{what}: {found:?} instead of {expected:?}");
        }
    }
}

fn triplet_configs(mut with: impl FnMut(TripletLossConfig, &str)) {
    for distance in [Distance::Euclidean, Distance::SquaredEuclidean, Distance::Cosine] {
        for mining in [TripletMining::BatchAll, TripletMining::BatchHard, TripletMining::SemiHard] {
            for fallback in [SemiHardFallback::Farthest, SemiHardFallback::Nearest, SemiHardFallback::Skip] {
                for (soft, swap) in [(false, false), (true, false), (false, true)] {
                    for (normalize, reduction) in REDUCTIONS.into_iter().flat_map(|r| [(false, r), (true, r)]) {
                        let config = TripletLossConfig::new().with_margin(0.6).with_mining(mining);
                        let config = config.with_fallback(fallback).with_soft(soft).with_swap(swap);
                        let config = config.with_distance(distance).with_normalize(normalize).with_reduction(reduction);
                        let what =
                            format!("{distance:?} {mining:?} {fallback:?} {soft} {swap} {normalize} {reduction:?}");
                        with(config, &what);
                    }
                }
            }
        }
    }
}

#[test]
fn the_triplet_kernel_does_what_plain_operations_do() {
    let embeddings = tracked(&values(7, 8 * 5), 5);
    triplet_configs(|config, what| {
        let loss = config.init();
        let of = |loss: Tensor<1>| gradients(std::slice::from_ref(&embeddings), loss);
        let found = of(loss.forward(embeddings.clone(), ints(&LABELS)));
        let expected = of(loss.forward_plain(embeddings.clone(), ints(&LABELS)).unwrap());
        assert_same(found, expected, what);
    });
}

#[test]
fn the_quadruplet_kernel_does_what_plain_operations_do() {
    let embeddings = tracked(&values(5, 12 * 5), 5);
    // Classes of four, three, two and one rows, then too few classes for a quadruplet, and no pair.
    let batches = [[3, 0, 1, 0, 2, 1, 0, 3, 1, 0, 8, 2], [0, 1, 1, 0, 1, 1, 0, 0, 1, 1, 0, 1], [0; 12]];
    for labels in batches.into_iter().chain([std::array::from_fn(|i| i as i64)]) {
        for distance in [Distance::Euclidean, Distance::SquaredEuclidean, Distance::Cosine] {
            for mining in [QuadrupletMining::BatchAll, QuadrupletMining::BatchHard] {
                for (normalize, reduction) in REDUCTIONS.into_iter().flat_map(|r| [(false, r), (true, r)]) {
                    let config = QuadrupletLossConfig::new().with_margin(0.6).with_pair_margin(0.5).with_mining(mining);
                    let config = config.with_distance(distance).with_normalize(normalize);
                    let loss = config.with_reduction(reduction).init();
                    let of = |loss: Tensor<1>| gradients(std::slice::from_ref(&embeddings), loss);
                    let found = of(loss.forward(embeddings.clone(), ints(&labels)));
                    let expected = of(loss.forward_plain(embeddings.clone(), ints(&labels)).unwrap());
                    let what = format!("{distance:?} {mining:?} {normalize} {reduction:?} {labels:?}");
                    assert_same(found.clone(), expected, &what);
                    let options =
                        reference::Quadruplet { margin: 0.6, pair_margin: 0.5, distance, normalize, reduction };
                    let wide = values(5, 12 * 5).iter().map(|&x| f64::from(x)).collect::<Vec<f64>>();
                    let expected = reference::quadruplet(&wide, &labels, 5, mining, &options);
                    let by = expected.gradients[0].iter().map(|&g| g as f32).collect();
                    assert_same(found, (expected.value, vec![by]), &what);
                    if reduction == Reduction::Sum {
                        let terms = loss.forward_no_reduction(embeddings.clone(), ints(&labels)).into_data();
                        for (found, expected) in terms.iter::<f64>().zip(&expected.terms) {
                            assert!((found - expected).abs() <= 1e-4 * expected.abs().max(1e-2), "{what}: terms");
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn quadruplets_are_counted() {
    let embeddings = tracked(&values(5, 12 * 5), 5);
    let labels = [3, 0, 1, 0, 2, 1, 0, 3, 1, 0, 8, 2];
    let loss = QuadrupletLossConfig::new().with_margin(0.6).with_pair_margin(0.5).init();
    let found = loss.statistics(embeddings.clone(), ints(&labels));
    // Classes of 4, 3, 2, 2 and 1 rows: pairs of one class, times pairs of two others.
    let pairs_of_two =
        |sizes: [u64; 4]| (sizes.iter().sum::<u64>().pow(2) - sizes.iter().map(|n| n * n).sum::<u64>()) / 2;
    let expected = 6 * pairs_of_two([3, 2, 2, 1]) + 3 * pairs_of_two([4, 2, 2, 1]) + 2 * pairs_of_two([4, 3, 2, 1]);
    assert_eq!((found.triplets, found.quadruplets), (4 * 3 * 8 + 3 * 2 * 9 + 2 * (2 * 10), expected));
    let value = |reduction| {
        let config = QuadrupletLossConfig::new().with_margin(100.0).with_pair_margin(0.5).with_reduction(reduction);
        config.init().forward(embeddings.clone(), ints(&labels)).into_scalar::<f64>()
    };
    // With a margin out of reach all triplets are active, so what is left between the two means is the second hinge.
    let [mean, active, sum] = [Reduction::Mean, Reduction::MeanActive, Reduction::Sum].map(value);
    let (n, quadruplets, costly) = (found.triplets as f64, found.quadruplets as f64, found.active_quadruplets as f64);
    let second = (active - mean) / (1.0 / costly - 1.0 / quadruplets);
    assert!(found.active_quadruplets < found.quadruplets);
    assert!(((mean - second / quadruplets) * n + second - sum).abs() <= 1e-3 * sum);
}

#[test]
fn the_contrastive_kernel_does_what_plain_operations_do() {
    let embeddings = tracked(&values(6, 8 * 5), 5);
    for distance in [Distance::Euclidean, Distance::SquaredEuclidean, Distance::Cosine] {
        for (positive, negative, half) in [(0.0, 1.0, true), (0.4, 1.6, false)] {
            for (normalize, reduction) in REDUCTIONS.into_iter().flat_map(|r| [(false, r), (true, r)]) {
                let config = BatchContrastiveLossConfig::new().with_positive_margin(positive).with_half(half);
                let config = config.with_negative_margin(negative).with_distance(distance);
                let loss = config.with_normalize(normalize).with_reduction(reduction).init();
                let of = |loss: Tensor<1>| gradients(std::slice::from_ref(&embeddings), loss);
                let found = of(loss.forward(embeddings.clone(), ints(&LABELS)));
                let expected = of(loss.forward_plain(embeddings.clone(), ints(&LABELS)).unwrap());
                assert_same(found, expected, &format!("{distance:?} {positive} {negative} {normalize} {reduction:?}"));
            }
        }
    }
}

#[test]
fn a_bank_takes_part_as_it_does_in_plain_operations() {
    let (embeddings, bank) = (tracked(&values(8, 5 * 4), 4), tracked(&values(9, 11 * 4), 4));
    // Label 5 is in no row of the bank, label 9 in no row of the batch.
    let (labels, bank_labels) = (ints(&[0, 1, 5, 0, 2]), ints(&[1, 0, 9, 2, 2, 0, 1, 9, 0, 1, 2]));
    triplet_configs(|config, what| {
        let loss = config.init();
        let of = |loss: Tensor<1>| gradients(&[embeddings.clone(), bank.clone()], loss);
        let (x, y) = (|| embeddings.clone(), || bank.clone());
        let found = of(loss.forward_with_bank(x(), labels.clone(), y(), bank_labels.clone()));
        let expected = loss.forward_with_bank_plain(x(), labels.clone(), y(), bank_labels.clone()).unwrap();
        assert_same(found, of(expected), what);
    });
}

#[test]
fn a_bank_of_constants_has_no_gradient() {
    let (embeddings, bank) = (tracked(&values(8, 4 * 3), 3), tracked(&values(9, 6 * 3), 3).inner());
    let (labels, bank_labels) = (ints(&[0, 1, 0, 1]), ints(&[0, 0, 1, 1, 2, 2]));
    for swap in [false, true] {
        for mining in [TripletMining::BatchAll, TripletMining::BatchHard, TripletMining::SemiHard] {
            let loss = TripletLossConfig::new().with_margin(1.0).with_mining(mining).with_swap(swap).init();
            let of = |loss: Tensor<1>| gradients(std::slice::from_ref(&embeddings), loss);
            let (x, y) = (|| embeddings.clone(), || bank.clone());
            let found = of(loss.forward_with_bank(x(), labels.clone(), y(), bank_labels.clone()));
            let plain = loss.forward_with_bank_plain(x(), labels.clone(), y(), bank_labels.clone()).unwrap();
            assert!(found.0 > 0.0);
            assert_same(found, of(plain), &format!("{mining:?} {swap}"));
        }
    }
}

#[test]
fn the_bank_must_fit_the_batch() {
    let loss = TripletLossConfig::new().init();
    let error = |bank: [usize; 2], labels: usize| {
        let bank = Tensor::<2>::zeros(bank, &device());
        let labels = Tensor::<1, Int>::zeros([labels], &device());
        loss.try_forward_with_bank(Tensor::zeros([2, 3], &device()), ints(&[0, 1]), bank, labels)
            .unwrap_err()
            .to_string()
    };
    assert_eq!(error([5, 4], 5), "triplet: bank must have shape [5, 3] (of the width of embeddings), but has [5, 4]");
    assert_eq!(error([5, 3], 4), "triplet: bank_labels must have shape [5] (one for each row of bank), but has [4]");
}

#[test]
fn half_precision_is_computed_in_f32() {
    let values = values(3, 8 * 5);
    let half = tracked(&values, 5).cast(burn::tensor::DType::F16);
    let exact = half.clone().cast(burn::tensor::DType::F32);
    for mining in [TripletMining::BatchAll, TripletMining::BatchHard, TripletMining::SemiHard] {
        let loss = TripletLossConfig::new().with_margin(1.0).with_mining(mining).init();
        let value = |x: Tensor<2>| loss.forward(x, ints(&LABELS)).into_scalar::<f64>();
        assert_eq!(value(half.clone()), value(exact.clone()));
    }
}

#[test]
fn a_triplet_loss_of_f32_is_that_of_f64() {
    let values = values(7, 8 * 5);
    let wide = values.iter().map(|&x| f64::from(x)).collect::<Vec<f64>>();
    let loss = TripletLossConfig::new().with_mining(TripletMining::BatchAll).init();
    let found = loss.forward(tracked(&values, 5), ints(&LABELS)).into_scalar::<f64>();
    let options = reference::Triplet::with_margin(0.2);
    let mining = reference::Mining { rule: TripletMining::BatchAll, ..Default::default() };
    let expected = reference::triplet(&wide, &LABELS, 5, mining, &options).value;
    assert!((found - expected).abs() <= 1e-7 * expected, "{found} instead of {expected}");
}
