//! Failures of other libraries, and what their users suffer from: each must not happen here.

use crate::subjects::{device, gradients, labels, to_vec, values};
use burn::tensor::{Bool, Int, Tensor, TensorData};
use losslab::*;

fn tracked<const N: usize, const D: usize>(rows: [[f32; D]; N]) -> Tensor<2> {
    Tensor::<2>::from_data(rows, &device().autodiff()).require_grad()
}

fn ints<const N: usize>(values: [i64; N]) -> Tensor<1, Int> {
    Tensor::from_data(values, &device())
}

fn value(loss: Tensor<1>) -> f64 {
    loss.into_scalar::<f64>()
}

/// Value and gradient with respect to one tensor.
fn gradient(tensor: &Tensor<2>, loss: Tensor<1>) -> (f64, Vec<f32>) {
    let (value, mut gradients) = gradients(std::slice::from_ref(tensor), loss);
    (value, gradients.remove(0))
}

mod silent_failures {
    use super::*;

    #[test]
    fn row_01_swap_measures_from_the_positive() {
        // d(a,p) = 1, d(a,n) = 3, d(p,n) = 2: with swap 1 − 2 + 2, without 1 − 3 + 2.
        let embeddings = || Tensor::<2>::from_data([[0.0], [1.0], [3.0]], &device());
        let config = TripletLossConfig::new().with_margin(2.0).with_mining(TripletMining::BatchAll);
        let config = config.with_reduction(Reduction::Sum);
        let (plain, swap) = (config.clone().init(), config.with_swap(true).init());
        // Anchor 1 has the negative at 2 either way.
        assert_eq!(value(plain.forward(embeddings(), ints([0, 0, 1]))), 0.0 + 1.0);
        assert_eq!(value(swap.forward(embeddings(), ints([0, 0, 1]))), 1.0 + 1.0);
    }

    #[test]
    fn row_02_a_nan_embedding_is_not_dropped() {
        for mining in [TripletMining::BatchAll, TripletMining::BatchHard, TripletMining::SemiHard] {
            for row in 0..8 {
                let mut data = values(1, 40);
                data[row * 5] = f32::NAN;
                let embeddings = Tensor::<2>::from_data(TensorData::new(data, [8, 5]), &device());
                let config = TripletLossConfig::new().with_mining(mining).with_reduction(Reduction::MeanActive);
                assert!(value(config.init().forward(embeddings, labels())).is_nan(), "{mining:?} row {row}");
            }
        }
    }

    #[test]
    fn row_03_a_collapsed_batch_costs_something_with_cosine() {
        let collapsed = Tensor::<2>::ones([8, 4], &device());
        let config = BatchContrastiveLossConfig::new().with_distance(Distance::Cosine);
        assert!(value(config.init().forward(collapsed, labels())) > 0.1);
    }

    #[test]
    fn row_11_focal_gradient_with_gamma_below_1_at_a_saturated_logit() {
        for logit in [30.0, 90.0, 1e4] {
            let logits = tracked([[logit]]);
            let loss = SigmoidFocalLossConfig::new().with_gamma(0.5).init();
            let (value, gradient) = gradient(&logits, loss.forward(logits.clone(), Tensor::ones([1, 1], &device())));
            assert!((0.0..1e-12).contains(&value), "{value}");
            assert!(gradient[0].abs() < 1e-12, "{gradient:?}");

            let logits = tracked([[logit, 0.0, -logit]]);
            let loss = FocalLossConfig::new().with_gamma(0.5).init();
            let (value, gradient) = super::gradient(&logits, loss.forward(logits.clone(), ints([0])));
            assert!((0.0..1e-12).contains(&value), "{value}");
            assert!(gradient.iter().all(|g| g.abs() < 1e-12), "{gradient:?}");
        }
    }

    #[test]
    fn row_14_no_positive_pair_is_zero() {
        for positives in [Positives::Outside, Positives::Inside] {
            let queries = tracked([[1.0, 0.0], [0.0, 1.0]]);
            let keys = Tensor::<2>::from_data([[1.0, 1.0], [0.5, 1.0]], &device());
            let loss = InfoNceLossConfig::new().with_positives(positives).init(&device());
            let loss = loss.forward_grouped(queries.clone(), keys, ints([0, 1]), ints([2, 3]));
            assert_eq!(gradient(&queries, loss), (0.0, vec![0.0; 4]));
        }
        for form in [SupConForm::Outside, SupConForm::Inside] {
            let embeddings = tracked([[1.0, 0.0], [0.0, 1.0]]);
            let loss = SupConLossConfig::new().with_form(form).init(&device());
            let plain = loss.forward_plain(embeddings.clone(), ints([0, 1])).unwrap();
            assert_eq!(gradient(&embeddings, plain), (0.0, vec![0.0; 4]));
            let loss = loss.forward(embeddings.clone(), ints([0, 1]));
            assert_eq!(gradient(&embeddings, loss), (0.0, vec![0.0; 4]));
        }
    }

    #[test]
    fn row_23_the_mean_is_over_queries_with_a_positive() {
        let x = || Tensor::<2>::from_data(TensorData::new(values(2, 24), [6, 4]), &device());
        let groups = || ints([0, 0, 1, 2, 3, 4]);
        let (queries, keys) = (x().slice(0..6), x().slice(0..2));
        let config = InfoNceLossConfig::new().with_symmetric(false);
        let of = |reduction| {
            let loss = config.clone().with_reduction(reduction).init(&device());
            value(loss.forward_grouped(queries.clone(), keys.clone(), groups(), ints([0, 0])))
        };
        let counted = config.init(&device()).group_statistics(queries.clone(), keys.clone(), groups(), ints([0, 0]));
        assert_eq!((counted.valid_queries, counted.positives), (2, 4));
        assert!((of(Reduction::Mean) - of(Reduction::Sum) / 2.0).abs() < 1e-6);
    }

    #[test]
    fn row_15_bad_focal_parameters_and_labels_are_errors() {
        assert!(FocalLossConfig::new().with_gamma(-1.0).try_init().is_err());
        assert!(SigmoidFocalLossConfig::new().with_alpha(FocalAlpha::Balanced(3.0)).try_init().is_err());
        let logits = Tensor::<2>::zeros([1, 3], &device());
        assert!(FocalLossConfig::new().init().try_forward(logits.clone(), ints([7])).is_err());
        assert!(LabelSmoothingLossConfig::new().init().try_forward(logits, ints([7])).is_err());
    }

    #[test]
    fn handout_pitfall_1_class_indices_are_no_sigmoid_targets() {
        let logits = Tensor::<2>::zeros([1, 3], &device());
        let indices = Tensor::<2>::from_data([[0.0, 1.0, 2.0]], &device());
        let error = SigmoidFocalLossConfig::new().init().try_forward(logits, indices).unwrap_err().to_string();
        assert_eq!(
            error,
            "focal-sigmoid: targets must be in [0, 1] (class indices must be one-hot encoded first), but element 2 is 2"
        );
    }

    #[test]
    fn row_24_a_scale_of_100_and_more_is_finite() {
        for temperature in [0.01, 0.001] {
            let temperature = TemperatureConfig::new().with_value(temperature);
            let loss = InfoNceLossConfig::new().with_temperature(temperature).init(&device());
            let queries = tracked([[1.0, 0.0], [0.0, 1.0]]);
            let keys = Tensor::<2>::from_data([[-1.0, 0.0], [0.0, -1.0]], &device());
            let (value, gradient) = gradient(&queries, loss.forward(queries.clone(), keys));
            assert!(value.is_finite() && value >= 100.0);
            assert!(gradient.iter().all(|g| g.is_finite()));
        }
    }

    #[test]
    fn row_28_an_anchor_without_a_positive_is_skipped() {
        let embeddings = || Tensor::<2>::from_data([[0.0], [0.5], [1.2], [0.4]], &device());
        for mining in [TripletMining::BatchAll, TripletMining::BatchHard, TripletMining::SemiHard] {
            let config = TripletLossConfig::new().with_margin(1.0).with_mining(mining);
            let of_terms = config.init().forward_no_reduction(embeddings(), ints([0, 0, 1, 2]));
            let terms = to_vec(of_terms);
            assert!(terms[0] > 0.0 && terms[1] > 0.0, "{mining:?}: {terms:?}");
            assert_eq!(terms[2..], [0.0, 0.0], "{mining:?}");
        }
    }

    #[test]
    fn row_29_the_gradient_is_finite_where_anchor_and_positive_coincide() {
        let anchor = tracked([[1.0, 2.0]]);
        let far = Tensor::<2>::from_data([[1.0, 2.5]], &device());
        let loss = AlignedTripletLossConfig::new().init().forward(anchor.clone(), anchor.clone().detach(), far);
        let (value, gradient) = gradient(&anchor, loss);
        assert_eq!(value, 0.5);
        assert_eq!(gradient, [0.0, 1.0]);
    }

    #[test]
    fn row_31_and_complaint_09_zero_and_one_never_mean_two_things() {
        let labels = || ints([0, 1, 1]);
        let one = similar_where_one(labels()).unwrap().into_data();
        let zero = similar_where_zero(labels()).unwrap().into_data();
        assert_eq!(one.iter::<bool>().collect::<Vec<_>>(), [false, true, true]);
        assert_eq!(zero.iter::<bool>().collect::<Vec<_>>(), [true, false, false]);
        let error = similar_where_one(ints([1, -1])).unwrap_err().to_string();
        assert_eq!(error, "contrastive: labels must be 0 or 1, but element 1 is -1");
    }

    #[test]
    fn row_32_the_gradient_of_a_zero_vector_is_zero() {
        let x1 = tracked([[0.0, 0.0]]);
        let x2 = Tensor::<2>::from_data([[3.0, 4.0]], &device());
        let similar = Tensor::<1, Bool>::from_data([true], &device());
        let config = ContrastiveLossConfig::new().with_distance(Distance::Cosine);
        let (value, gradient) = gradient(&x1, config.init().forward(x1.clone(), x2, similar));
        assert_eq!(value, 0.5);
        assert_eq!(gradient, [0.0, 0.0]);
    }

    #[test]
    fn row_33_a_nan_margin_is_an_error() {
        assert!(AlignedTripletLossConfig::new().with_margin(f64::NAN).try_init().is_err());
        assert!(TripletLossConfig::new().with_margin(f64::NAN).try_init().is_err());
    }

    #[test]
    fn row_34_and_complaint_26_ignored_samples_do_not_dilute_the_mean() {
        let logits = || Tensor::<2>::from_data(TensorData::new(values(3, 12), [4, 3]), &device());
        let config = CrossEntropyLossConfig::new().with_ignore_index(Some(-100)).init();
        let padded = value(config.forward(logits(), ints([1, -100, 0, -100])));
        let kept = logits().select(0, ints([0, 2]));
        let alone = value(CrossEntropyLossConfig::new().init().forward(kept, ints([1, 0])));
        assert!((padded - alone).abs() < 1e-6);
    }

    #[test]
    fn row_34_nothing_in_an_ignored_row_reaches_the_loss() {
        for plain in [false, true] {
            let logits = tracked([[0.5, -0.5], [f32::NAN, f32::INFINITY]]);
            let loss = FocalLossConfig::new().with_ignore_index(Some(-1)).init();
            let targets = ints([0, -1]);
            let loss = if plain {
                loss.forward_plain(logits.clone(), targets).unwrap()
            } else {
                loss.forward(logits.clone(), targets)
            };
            let (value, gradient) = gradient(&logits, loss);
            assert!(value > 0.0 && gradient[0] < 0.0);
            assert_eq!(gradient[2..], [0.0, 0.0]);
        }
    }

    #[test]
    fn row_35_and_complaint_27_a_large_correct_logit_costs_next_to_nothing() {
        let loss = |logit: f32, target: f32| {
            let config = SigmoidFocalLossConfig::new().with_gamma(0.0).with_alpha(FocalAlpha::None);
            let (x, t) = (Tensor::<1>::from_data([logit], &device()), Tensor::from_data([target], &device()));
            value(config.init().forward(x, t))
        };
        assert!((loss(17.0, 1.0) - (-17f64).exp()).abs() < 1e-13);
        assert!((loss(17.0, 0.0) - 17.0).abs() < 1e-5);
    }
}

mod users {
    use super::*;

    #[test]
    fn complaint_06_no_valid_triplet_is_zero_with_zero_gradient() {
        for mining in [TripletMining::BatchAll, TripletMining::BatchHard, TripletMining::SemiHard] {
            for reduction in [Reduction::Mean, Reduction::MeanPerSample, Reduction::MeanActive, Reduction::Sum] {
                for labels in [[0, 1, 2], [4, 4, 4]] {
                    let embeddings = tracked([[0.0, 1.0], [2.0, 3.0], [4.0, 4.0]]);
                    let loss = TripletLossConfig::new().with_mining(mining).with_reduction(reduction).init();
                    let (value, gradient) = gradient(&embeddings, loss.forward(embeddings.clone(), ints(labels)));
                    assert_eq!(value, 0.0);
                    assert_eq!(gradient, [0.0; 6]);
                    assert_eq!(loss.statistics(embeddings.clone(), ints(labels)).valid, 0);
                    assert_eq!(to_vec(loss.forward_no_reduction(embeddings, ints(labels))), [0.0; 3]);
                }
            }
        }
    }

    #[test]
    fn complaint_06_a_batch_of_one_or_all_ignored_is_zero_with_zero_gradient() {
        let single = tracked([[1.0, 2.0]]);
        let loss = BatchContrastiveLossConfig::new().init().forward(single.clone(), ints([0]));
        assert_eq!(gradient(&single, loss), (0.0, vec![0.0; 2]));
        for reduction in [Reduction::Mean, Reduction::MeanPerSample, Reduction::MeanActive, Reduction::Sum] {
            for plain in [false, true] {
                let logits = tracked([[1.0, 2.0], [3.0, -1.0]]);
                let config = LabelSmoothingLossConfig::new().with_ignore_index(Some(9)).with_reduction(reduction);
                let loss = match plain {
                    true => config.init().forward_plain(logits.clone(), ints([9, 9])).unwrap(),
                    false => config.init().forward(logits.clone(), ints([9, 9])),
                };
                assert_eq!(gradient(&logits, loss), (0.0, vec![0.0; 4]));
            }
        }
    }

    #[test]
    fn complaint_07_no_nan_gradient_at_distance_zero() {
        let same = tracked([[0.5, 0.5], [0.5, 0.5], [0.5, 0.5], [0.5, 0.5]]);
        for mining in [TripletMining::BatchAll, TripletMining::BatchHard, TripletMining::SemiHard] {
            let loss = TripletLossConfig::new().with_mining(mining).init();
            let (value, gradient) = gradient(&same, loss.forward(same.clone(), ints([0, 0, 1, 1])));
            assert!((value - 0.2).abs() < 1e-6, "all distances are 0, so each triplet costs the margin");
            assert_eq!(gradient, [0.0; 8]);
        }
    }

    #[test]
    fn complaint_06_no_rows_are_zero() {
        for rows in [0, 1] {
            let x = || Tensor::<2>::ones([rows, 3], &device().autodiff()).require_grad();
            let labels = || Tensor::<1, Int>::zeros([rows], &device());
            let targets = Tensor::<2>::ones([rows, 3], &device());
            let similar = Tensor::<1, Bool>::full([rows], true, &device());
            let nce = InfoNceLossConfig::new().init(&device());
            let zero = |loss: Tensor<1>| assert_eq!(value(loss.clone()), value(loss) * rows as f64);
            zero(SigmoidFocalLossConfig::new().init().forward(x(), targets));
            zero(FocalLossConfig::new().init().forward(x(), labels()));
            zero(LabelSmoothingLossConfig::new().init().forward(x(), labels()));
            zero(LabelSmoothingLossConfig::new().init().forward_plain(x(), labels()).unwrap());
            zero(ContrastiveLossConfig::new().init().forward(x(), x(), similar));
            zero(AlignedTripletLossConfig::new().init().forward(x(), x(), x()));
            zero(nce.forward(x(), x()));
            zero(nce.forward_grouped(x(), x(), labels(), labels()));
            assert_eq!(nce.forward_no_reduction(x(), x()).dims(), [rows]);
            assert_eq!(nce.forward_grouped_no_reduction(x(), x(), labels(), labels()).dims(), [2 * rows]);
            zero(NtXentLossConfig::new().init(&device()).forward(x(), x()));
            zero(SupConLossConfig::new().init(&device()).forward(x(), labels()));
            zero(SupConLossConfig::new().init(&device()).forward_plain(x(), labels()).unwrap());
            assert_eq!(NtXentLossConfig::new().init(&device()).forward_no_reduction(x(), x()).dims(), [2 * rows]);
            assert_eq!(SupConLossConfig::new().init(&device()).forward_no_reduction(x(), labels()).dims(), [rows]);
            let none = Tensor::<2>::ones([3 * (1 - rows), 3], &device());
            let nobody = Tensor::<1, Int>::zeros([3 * (1 - rows)], &device());
            assert_eq!(value(nce.forward_grouped(x(), none.clone(), labels(), nobody.clone())), 0.0);
            assert_eq!(value(nce.forward_grouped(none, x(), nobody, labels())), 0.0);
            let contrastive = BatchContrastiveLossConfig::new().init();
            assert_eq!(value(contrastive.forward(x(), labels())), 0.0);
            assert_eq!(contrastive.forward_no_reduction(x(), labels()).dims(), [0]);
            for mining in [TripletMining::BatchAll, TripletMining::BatchHard, TripletMining::SemiHard] {
                let loss = TripletLossConfig::new().with_mining(mining).init();
                assert_eq!(value(loss.forward(x(), labels())), 0.0);
                assert_eq!(to_vec(loss.forward_no_reduction(x(), labels())), vec![0.0; rows]);
            }
        }
    }

    #[test]
    fn complaint_20_focal_is_exact_at_any_gamma_and_logit() {
        let options =
            |gamma, alpha| losslab_kernels::reference::SigmoidFocal { gamma, alpha, reduction: Reduction::Sum };
        let logits = [-1e4, -90.0, -20.0, -12.0, -3.0, -0.5, 0.0, 0.5, 3.0, 12.0, 20.0, 90.0, 1e4];
        for gamma in [0.0, 0.1, 0.5, 0.9, 1.0, 2.0, 3.7, 5.0] {
            for target in [0.0, 1e-8, 1e-5, 1e-3, 0.5, 0.999, 1.0] {
                for logit in logits {
                    let options = options(gamma, FocalAlpha::None);
                    // In f64 the numbers are those that f32 holds.
                    let exact = [f64::from(logit as f32), f64::from(target as f32)];
                    let expected = losslab_kernels::reference::sigmoid_focal(&exact[..1], &exact[1..], &options);
                    let loss = SigmoidFocalLossConfig::new().with_gamma(gamma).with_alpha(FocalAlpha::None).init();
                    for path in ["fused", "plain"] {
                        let x = tracked([[logit as f32]]);
                        let t = Tensor::<2>::from_data([[target as f32]], &device());
                        let found = match path {
                            "fused" => loss.forward(x.clone(), t),
                            _ => loss.forward_plain(x.clone(), t).unwrap(),
                        };
                        let (value, slope) = gradient(&x, found);
                        let what = format!("{path} γ = {gamma}, x = {logit}, t = {target}");
                        // Below the smallest normal f32 there is nothing to ask for.
                        let near =
                            |found: f64, expected: f64| (found - expected).abs() <= 1e-5 * expected.abs() + 1e-36;
                        assert!(near(value, expected.value), "{what}: {value} instead of {}", expected.value);
                        let (slope, expected) = (f64::from(slope[0]), expected.gradients[0][0]);
                        let slack = 1e-6 * value.abs();
                        assert!(
                            near(slope, expected) || (slope - expected).abs() < slack,
                            "{what}: {slope}, {expected}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn complaint_21_half_precision_gradients_at_saturated_logits() {
        for dtype in [burn::tensor::DType::F16, burn::tensor::DType::BF16] {
            for logit in [-1e4, -20.0, 20.0, 1e4] {
                let x = tracked([[logit]]).inner().cast(dtype).autodiff().require_grad();
                let loss = SigmoidFocalLossConfig::new().with_gamma(0.5).init();
                let loss = loss.forward(x.clone(), Tensor::zeros([1, 1], &device()));
                let (value, slope) = gradient(&x, loss);
                assert!(value.is_finite() && slope[0].is_finite(), "{logit}: {value}, {slope:?}");
            }
        }
    }

    #[test]
    fn complaint_22_the_worked_number_of_the_handout() {
        // p_t = 0.2, γ = 2, no α: 0.64·(−ln 0.2) = 1.03.
        let logit = (0.2f32 / 0.8).ln();
        let loss = SigmoidFocalLossConfig::new().with_alpha(FocalAlpha::None).init();
        let positive = loss.forward(Tensor::<1>::from_data([logit], &device()), Tensor::ones([1], &device()));
        let negative = loss.forward(Tensor::<1>::from_data([-logit], &device()), Tensor::zeros([1], &device()));
        assert!((value(positive) + 0.64 * 0.2f64.ln()).abs() < 1e-6);
        assert!((value(negative) + 0.64 * 0.2f64.ln()).abs() < 1e-6);
    }

    #[test]
    fn complaint_23_the_pattern_with_one_alpha_for_both_classes() {
        // Pattern 1 of the handout: 0.25·(1 − p_t)^γ·BCE for negatives as well.
        let (x, t) = (Tensor::<1>::from_data([0.7], &device()), Tensor::<1>::zeros([1], &device()));
        let of = |alpha| value(SigmoidFocalLossConfig::new().with_alpha(alpha).init().forward(x.clone(), t.clone()));
        let base = of(FocalAlpha::None);
        assert!((of(FocalAlpha::Uniform(0.25)) - 0.25 * base).abs() < 1e-7);
        assert!((of(FocalAlpha::Balanced(0.25)) - 0.75 * base).abs() < 1e-7);
    }

    #[test]
    fn complaint_24_both_conventions_of_label_smoothing() {
        let logits = || Tensor::<2>::from_data(TensorData::new(values(5, 12), [3, 4]), &device());
        let of = |convention, smoothing| {
            let config = LabelSmoothingLossConfig::new().with_convention(convention).with_smoothing(smoothing);
            value(config.init().forward(logits(), ints([0, 3, 1])))
        };
        let (uniform, others) = (of(SmoothingConvention::Uniform, 0.1), of(SmoothingConvention::Others, 0.1));
        assert!((uniform - others).abs() > 1e-3);
        // ε/(K−1) on the others is ε·K/(K−1) spread over all.
        assert!((of(SmoothingConvention::Uniform, 0.1 * 4.0 / 3.0) - others).abs() < 1e-6);
    }

    #[test]
    fn complaint_25_the_mean_is_per_sample() {
        let logits = Tensor::<2>::zeros([8, 5], &device());
        let loss = LabelSmoothingLossConfig::new().init().forward(logits, labels());
        assert!((value(loss) - 5f64.ln()).abs() < 1e-6);
    }

    #[test]
    fn focal_with_gamma_zero_is_weighted_cross_entropy() {
        let logits = || Tensor::<2>::from_data(TensorData::new(values(6, 24), [8, 3]), &device());
        let weights = Some(vec![0.5, 2.0, 1.5]);
        for reduction in [Reduction::Mean, Reduction::MeanPerSample, Reduction::Sum] {
            let focal = FocalLossConfig::new().with_gamma(0.0).with_alpha(weights.clone()).with_reduction(reduction);
            let entropy = CrossEntropyLossConfig::new().with_weights(weights.clone()).with_reduction(reduction);
            let (focal, entropy) =
                (focal.init().forward(logits(), labels()), entropy.init().forward(logits(), labels()));
            assert!((value(focal) - value(entropy)).abs() < 1e-6);
        }
    }

    #[test]
    fn complaint_30_duplicates_are_no_false_negatives() {
        // Queries 0 and 1 have the same key twice.
        let (queries, keys) =
            (tracked([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]), tracked([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]));
        let groups = || ints([0, 0, 1]);
        let of = |positives| {
            let loss = InfoNceLossConfig::new().with_positives(positives).init(&device());
            value(loss.forward_grouped(queries.clone(), keys.clone(), groups(), groups()))
        };
        let loss = InfoNceLossConfig::new().init(&device());
        let blind = value(loss.forward(queries.clone(), keys.clone()));
        assert!(blind > 0.4, "the duplicate is a negative of the same similarity: ln 2 for two of three, {blind}");
        assert!(of(Positives::Aligned) < 1e-5);
        let aligned = InfoNceLossConfig::new().with_positives(Positives::Aligned).init(&device());
        let counted = aligned.group_statistics(queries.clone(), keys.clone(), groups(), groups());
        assert_eq!((counted.valid_queries, counted.positives, counted.masked), (3, 3, 2));
        assert!(of(Positives::Inside) < 1e-5);
        assert!((of(Positives::Outside) - blind).abs() < 1e-5, "the lower bound of this form is ln |P|");
    }

    #[test]
    fn aligned_groups_must_agree() {
        let loss = InfoNceLossConfig::new().with_positives(Positives::Aligned).init(&device());
        let x = || Tensor::<2>::ones([2, 2], &device());
        let error = loss.try_forward_grouped(x(), x(), ints([0, 1]), ints([0, 2])).unwrap_err().to_string();
        assert_eq!(error, "info-nce: key_groups must be the group of its query (1), but element 1 is 2");
    }
}

mod mining {
    use super::*;

    #[test]
    fn miners_return_the_triplets_of_their_kind() {
        let embeddings = Tensor::<2>::from_data(TensorData::new(values(8, 40), [8, 5]), &device());
        let miner = TripletMinerConfig::new().with_margin(1.0).init();
        let distance = |i: usize, j: usize| {
            let x = to_vec(embeddings.clone());
            (0..5).map(|k| f64::from(x[i * 5 + k] - x[j * 5 + k]).powi(2)).sum::<f64>().sqrt()
        };
        let of =
            |kind: fn(&TripletMiner, Tensor<2>, Tensor<1, Int>) -> Triplets| kind(&miner, embeddings.clone(), labels());
        let (all, easy) = (of(TripletMiner::all), of(TripletMiner::easy));
        let (semi_hard, hard) = (of(TripletMiner::semi_hard), of(TripletMiner::hard));
        for [a, p, n] in all.as_slice() {
            let of_label = crate::subjects::LABELS;
            assert!(a != p && of_label[*a] == of_label[*p] && of_label[*a] != of_label[*n]);
        }
        // Classes of 3, 3 and 2: 3·2·5 + 3·2·5 + 2·1·6.
        assert_eq!(all.len(), 72);
        assert!(easy.as_slice().iter().all(|&[a, p, n]| distance(a, n) >= distance(a, p) + 1.0 - 1e-5));
        assert!(hard.as_slice().iter().all(|&[a, p, n]| distance(a, n) <= distance(a, p) + 1e-5));
        assert!(easy.len() > 3 && semi_hard.len() > 3 && hard.len() > 3);
        let statistics = miner.statistics(embeddings.clone(), labels());
        let counts = [all.len(), easy.len(), semi_hard.len(), hard.len()].map(|count| count as u64);
        assert_eq!([statistics.valid, statistics.easy, statistics.semi_hard, statistics.hard], counts);
        assert_eq!(statistics.active(), counts[2] + counts[3]);
        let shares = statistics.easy_share() + statistics.semi_hard_share() + statistics.hard_share();
        assert!((shares - 1.0).abs() < 1e-12);
    }

    #[test]
    fn a_nan_of_either_sign_counts_as_hard() {
        // An invalid operation gives a NaN with the sign set on many processors.
        for nan in [f32::NAN, -f32::NAN] {
            let embeddings = Tensor::<2>::from_data([[0.0], [0.1], [nan], [5.0]], &device());
            let miner = TripletMinerConfig::new().init();
            let statistics = miner.statistics(embeddings.clone(), ints([0, 0, 1, 1]));
            assert_eq!((statistics.valid, statistics.hard, statistics.easy), (8, 6, 2));
            assert_eq!(miner.hard(embeddings, ints([0, 0, 1, 1])).len(), 6);
        }
    }

    #[test]
    fn the_fallbacks_of_semi_hard_mining() {
        // Anchor 0: its positive is at 5, its negatives at 1 and 2, none beyond. Anchor 1: all negatives are nearer too.
        let embeddings = Tensor::<2>::from_data([[0.0], [5.0], [1.0], [2.0]], &device());
        let labels = || ints([0, 0, 1, 2]);
        let miner = TripletMinerConfig::new().init();
        let of = |fallback| miner.nearest_semi_hard(embeddings.clone(), labels(), fallback);
        assert_eq!(of(SemiHardFallback::Farthest).as_slice(), [[0, 1, 3], [1, 0, 2]]);
        assert_eq!(of(SemiHardFallback::Nearest).as_slice(), [[0, 1, 2], [1, 0, 3]]);
        assert!(of(SemiHardFallback::Skip).is_empty());
        assert_eq!(miner.batch_hard(embeddings.clone(), labels()).as_slice(), [[0, 1, 2], [1, 0, 3]]);
    }
}
