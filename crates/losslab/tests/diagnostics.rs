//! Each pitfall of a training batch is produced here, and found. A healthy batch has no finding.

use burn::tensor::{DType, Device, Int, Tensor, TensorData};
use losslab::diagnostics::*;
use losslab::*;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

fn device() -> Device {
    Device::flex()
}

fn noise(seed: u64, rows: usize, dim: usize) -> Tensor<2> {
    let mut rng = StdRng::seed_from_u64(seed);
    let values = (0..rows * dim).map(|_| rng.random_range(-1.0..1.0)).collect::<Vec<f32>>();
    Tensor::from_data(TensorData::new(values, [rows, dim]), &device())
}

fn unit(x: Tensor<2>) -> Tensor<2> {
    let lengths = x.clone().square().sum_dim(1).sqrt();
    x / lengths
}

fn ints(values: &[i64]) -> Tensor<1, Int> {
    Tensor::from_data(values, &device())
}

/// 8 classes × 4 samples of length 1 around centres of their own.
fn healthy() -> (Tensor<2>, Tensor<1, Int>) {
    let labels = (0..32).map(|i| i / 4).collect::<Vec<i64>>();
    let centres = unit(noise(1, 8, 16)).select(0, ints(&labels));
    (unit(centres + noise(2, 32, 16) * 0.25), ints(&labels))
}

fn kinds<N>(diagnostics: &Diagnostics<N>) -> Vec<FindingKind> {
    diagnostics.findings.iter().map(|finding| finding.kind).collect()
}

mod embeddings {
    use super::*;

    fn of(embeddings: Tensor<2>, labels: Tensor<1, Int>) -> Diagnostics<EmbeddingNumbers> {
        Diagnostics::of_embeddings(embeddings, labels, &EmbeddingDiagnosticsConfig::new()).unwrap()
    }

    #[test]
    fn a_healthy_batch_has_no_finding() {
        let (embeddings, labels) = healthy();
        let found = of(embeddings.clone(), labels.clone());
        assert!(found.is_healthy(), "{found}");
        let numbers = &found.numbers;
        assert_eq!((numbers.samples, numbers.classes, numbers.anchors), (32, 8, 32));
        assert_eq!(numbers.triplets.valid, 32 * 3 * 28);
        assert!(numbers.spread > 0.8 && numbers.spread <= 1.0, "{numbers:?}");
        assert!(numbers.effective_rank > 5.0 && numbers.effective_rank < 16.0, "{numbers:?}");

        // The batch-hard number is the batch-hard loss, and the tape makes no difference.
        let loss = TripletLossConfig::new().with_mining(TripletMining::BatchHard).init();
        let loss = loss.forward(embeddings.clone(), labels.clone()).into_scalar::<f64>();
        assert!((numbers.batch_hard_loss - loss).abs() < 1e-6);
        assert_eq!(of(embeddings.autodiff().require_grad(), labels), found);
    }

    #[test]
    fn pitfall_2_the_triplet_batch_is_too_small() {
        let (embeddings, labels) = healthy();
        let found = of(embeddings.slice(0..8), labels.slice(0..8));
        let finding = found.finding(FindingKind::TooFewTriplets).unwrap();
        assert_eq!(finding.severity, Severity::Warning);
        assert_eq!(finding.message, "a batch of 8 samples of 2 classes has only 96 triplets");
        assert!(finding.advice.contains("larger"));
    }

    #[test]
    fn pitfall_2_a_batch_of_8_without_a_valid_triplet() {
        let (embeddings, _) = healthy();
        let found = of(embeddings.slice(0..8), ints(&[0, 1, 2, 3, 4, 5, 6, 7]));
        let finding = &found.findings[0];
        assert_eq!((finding.kind, finding.severity), (FindingKind::TooFewTriplets, Severity::Error));
        assert_eq!(finding.message, "there is no valid triplet among 8 samples of 8 classes, so the loss is 0");
    }

    #[test]
    fn classes_hardly_repeat_without_p_k_sampling() {
        let labels = (0..32).map(|i| if i < 6 { i / 2 } else { i }).collect::<Vec<i64>>();
        let found = of(healthy().0, ints(&labels));
        let finding = found.finding(FindingKind::TooFewTriplets).unwrap();
        assert!(finding.message.starts_with("only 6 of 32 samples have both a positive and a negative"), "{finding}");
        assert!(finding.advice.contains("PkSampler"));
    }

    #[test]
    fn all_triplets_are_easy() {
        let labels = (0..32).map(|i| i / 4).collect::<Vec<i64>>();
        let corners = Tensor::<2>::eye(8, &device()).select(0, ints(&labels));
        let found = of(unit(corners + noise(3, 32, 8) * 0.01), ints(&labels));
        assert_eq!(kinds(&found), [FindingKind::AllTripletsEasy], "{found}");
        assert_eq!(found.numbers.active_anchors, 0);
        assert!(found.findings[0].message.starts_with("100 % of 2688 triplets are easy: 0 of 32"), "{found}");
    }

    #[test]
    fn collapsed_embeddings_have_the_margin_as_loss() {
        let (_, labels) = healthy();
        let point = Tensor::<2>::ones([32, 16], &device()) + noise(4, 32, 16) * 1e-3;
        let found = of(unit(point), labels.clone());
        assert_eq!(kinds(&found), [FindingKind::Collapsed], "{found}");
        assert_eq!(found.findings[0].severity, Severity::Error);
        assert!((found.numbers.batch_hard_loss - 0.2).abs() < 0.01, "{found:?}");
        assert!(found.numbers.spread < 0.001);

        // To the origin, where directions differ but distances are far below the margin.
        let config = EmbeddingDiagnosticsConfig::new().with_unit_length(false);
        let tiny = Diagnostics::of_embeddings(noise(5, 32, 16) * 1e-3, labels.clone(), &config).unwrap();
        assert_eq!(kinds(&tiny), [FindingKind::Collapsed], "{tiny}");
        let zero = Diagnostics::of_embeddings(Tensor::zeros([32, 16], &device()), labels, &config).unwrap();
        assert_eq!(zero.findings[0].kind, FindingKind::Collapsed, "{zero}");
    }

    #[test]
    fn a_common_offset_is_no_collapse() {
        // Small next to the length, but large next to the margin: separated, or not yet.
        let (embeddings, labels) = healthy();
        let free = EmbeddingDiagnosticsConfig::new().with_unit_length(false);
        for margin in [0.0, 0.2, 0.5] {
            for embeddings in [embeddings.clone(), noise(20, 32, 16) * 2.0] {
                let config = free.clone().with_margin(margin);
                let found = Diagnostics::of_embeddings(embeddings + 100.0, labels.clone(), &config).unwrap();
                assert!(found.numbers.spread < 0.05, "{:?}", found.numbers);
                assert!(found.finding(FindingKind::Collapsed).is_none(), "{margin}: {found}{:?}", found.numbers);
            }
        }
        // A point far from the origin is one still, with and without triplets.
        for labels in [labels, ints(&(0..32).collect::<Vec<i64>>())] {
            for config in [free.clone(), free.clone().with_margin(0.0)] {
                let point = noise(21, 32, 16) * 1e-3 + 100.0;
                let found = Diagnostics::of_embeddings(point, labels.clone(), &config).unwrap();
                assert!(found.finding(FindingKind::Collapsed).is_some(), "{found}");
            }
            let zero = Diagnostics::of_embeddings(Tensor::zeros([32, 16], &device()), labels.clone(), &free).unwrap();
            assert!(zero.finding(FindingKind::Collapsed).is_some(), "{zero}");
            let apart = Diagnostics::of_embeddings(Tensor::eye(32, &device()) + 100.0, labels, &free).unwrap();
            assert!(apart.finding(FindingKind::Collapsed).is_none(), "{apart}");
        }
    }

    #[test]
    fn embeddings_on_a_line_are_of_low_rank() {
        let labels = (0..32).map(|i| i / 2).collect::<Vec<i64>>();
        let along = noise(6, 32, 1).matmul(Tensor::ones([1, 16], &device()));
        let config = EmbeddingDiagnosticsConfig::new().with_unit_length(false);
        let found = Diagnostics::of_embeddings(along, ints(&labels), &config).unwrap();
        assert_eq!(kinds(&found), [FindingKind::LowRank], "{found}");
        assert!((found.numbers.effective_rank - 1.0).abs() < 1e-3);
    }

    #[test]
    fn pitfall_4_embeddings_are_not_normalised() {
        let (embeddings, labels) = healthy();
        let raw = embeddings * 7.0;
        let found = of(raw.clone(), labels.clone());
        let finding = found.finding(FindingKind::NotUnitLength).unwrap();
        assert!(finding.message.contains("lengths from 7 to 7"), "{finding}");
        assert!(finding.advice.contains("normalize"));

        // A loss that normalises, one that knows no length, and one that wants none have no such finding.
        let normalize = EmbeddingDiagnosticsConfig::from(&TripletLossConfig::new().with_normalize(true));
        let cosine = EmbeddingDiagnosticsConfig::new().with_distance(Distance::Cosine);
        let free = EmbeddingDiagnosticsConfig::new().with_unit_length(false).with_margin(2.0);
        for config in [normalize, cosine, free] {
            let found = Diagnostics::of_embeddings(raw.clone(), labels.clone(), &config).unwrap();
            assert!(found.finding(FindingKind::NotUnitLength).is_none(), "{config}: {found}");
        }
    }

    #[test]
    fn zero_vectors_have_no_direction() {
        let (embeddings, labels) = healthy();
        let dead = embeddings.slice_fill(0..2, 0);
        let config = EmbeddingDiagnosticsConfig::new().with_normalize(true);
        let found = Diagnostics::of_embeddings(dead, labels, &config).unwrap();
        assert_eq!(kinds(&found), [FindingKind::ZeroVectors], "{found}");
        assert!(found.findings[0].message.starts_with("2 of the embeddings are zero vectors"));
    }

    #[test]
    fn every_dtype_and_one_class_and_one_sample() {
        let (embeddings, labels) = healthy();
        for dtype in [DType::F64, DType::F16] {
            let found = of(embeddings.clone().cast(dtype), labels.clone());
            assert!(found.is_healthy(), "{dtype:?}: {found}");
        }
        let one_class = of(Tensor::ones([4, 2], &device()) * 0.5f32.sqrt(), ints(&[3, 3, 3, 3]));
        assert_eq!(kinds(&one_class), [FindingKind::TooFewTriplets], "{one_class}");
        let single = of(Tensor::from_data([[1.0, 0.0]], &device()), ints(&[0]));
        assert_eq!(kinds(&single), [FindingKind::TooFewTriplets]);
    }

    #[test]
    fn what_cannot_be_judged_is_an_error() {
        let config = EmbeddingDiagnosticsConfig::new();
        let of = |x, labels| Diagnostics::of_embeddings(x, labels, &config).unwrap_err().to_string();
        let nan = Tensor::<2>::from_data([[1.0, 0.0], [f32::NAN, 1.0]], &device());
        let message = of(nan, ints(&[0, 1]));
        assert_eq!(message, "diagnostics of embeddings: embeddings must be finite, but element 2 is NaN");
        assert!(of(Tensor::zeros([0, 2], &device()), ints(&[])).contains("at least one row"));
        assert!(of(Tensor::zeros([2, 2], &device()), ints(&[1])).contains("one for each row"));

        let (embeddings, labels) = healthy();
        let with = |config: EmbeddingDiagnosticsConfig| {
            Diagnostics::of_embeddings(embeddings.clone(), labels.clone(), &config).unwrap_err().to_string()
        };
        let message = with(config.clone().with_margin(f64::NAN));
        assert_eq!(message, "diagnostics of embeddings: margin must be at least 0, but element 0 is NaN");
        assert!(with(config.clone().with_margin(-0.1)).contains("margin must be at least 0, but element 0 is -0.1"));
        let cosine = config.clone().with_margin(2.5).with_distance(Distance::Cosine);
        assert!(with(cosine).contains("margin must be in [0, 2], but element 0 is 2.5"));
        assert!(with(config.clone().with_margin(2.5).with_normalize(true)).contains("in [0, 2]"));
    }
}

mod contrastive {
    use super::*;

    /// Pairs of two noisy views of 64 points.
    fn views() -> (Tensor<2>, Tensor<2>) {
        let points = unit(noise(10, 64, 32));
        (unit(points.clone() + noise(11, 64, 32) * 0.15), unit(points + noise(12, 64, 32) * 0.15))
    }

    fn at(temperature: f64) -> Diagnostics<ContrastiveNumbers> {
        let (queries, keys) = views();
        let config = ContrastiveDiagnosticsConfig::new();
        Diagnostics::of_contrastive(queries, keys, temperature, None, &config).unwrap()
    }

    #[test]
    fn healthy_pairs_have_no_finding_at_usual_temperatures() {
        for temperature in [0.05, 0.07, 0.1, 0.2, 0.5] {
            let found = at(temperature);
            assert!(found.is_healthy(), "{temperature}: {found}{:?}", found.numbers);
            assert_eq!(found.numbers.negatives, 63.0);
            assert!(found.numbers.effective_negatives > 2.0 && found.numbers.effective_negatives < 63.0);
        }
        let found = at(0.07);
        let config = InfoNceLossConfig::new().with_symmetric(false);
        let (queries, keys) = views();
        let loss = config.init(&device()).forward(queries, keys).into_scalar::<f64>();
        assert!((found.numbers.loss - loss).abs() < 1e-5);
        assert!(found.numbers.accuracy > 0.9, "{:?}", found.numbers);
    }

    #[test]
    fn an_untrained_network_is_no_fault_of_the_temperature() {
        // In many dimensions random similarities are small: the softmax is near uniform, but can be learned.
        let config = ContrastiveDiagnosticsConfig::new();
        let (queries, keys) = (noise(13, 64, 2048), noise(14, 64, 2048));
        let found = Diagnostics::of_contrastive(queries, keys, 0.07, None, &config).unwrap();
        assert!(found.numbers.entropy > 0.95, "{:?}", found.numbers);
        assert!(found.is_healthy(), "{found}");
    }

    #[test]
    fn pitfall_3_the_temperature_is_too_high() {
        let found = at(10.0);
        assert_eq!(kinds(&found), [FindingKind::TemperatureTooHigh], "{found}");
        assert!(found.numbers.entropy > 0.999);
        assert!(found.findings[0].message.starts_with("at τ = 10 the softmax over 64 keys is near uniform"), "{found}");
        assert!(found.findings[0].advice.contains("0.07"));
    }

    #[test]
    fn the_number_of_keys_makes_no_temperature_too_high() {
        // An untrained network with a queue: near uniform, and the more keys the larger what perfect embeddings lose.
        let config = ContrastiveDiagnosticsConfig::new();
        for (dim, m) in [(128, 64), (128, 4096), (512, 4096)] {
            let keys = noise(30, m, dim);
            let queries = keys.clone().slice(0..8) + noise(31, 8, dim) * 2.0;
            let at = |temperature| {
                Diagnostics::of_contrastive(queries.clone(), keys.clone(), temperature, None, &config).unwrap()
            };
            for temperature in [0.2, 0.5] {
                let found = at(temperature);
                assert!(found.is_healthy(), "{dim} {m} {temperature}: {found}{:?}", found.numbers);
            }
            assert!(at(0.5).numbers.entropy > 0.95);
            assert!((at(0.5).numbers.odds - 4f64.exp()).abs() < 1e-9);
            for temperature in [1.0, 10.0] {
                assert_eq!(kinds(&at(temperature)), [FindingKind::TemperatureTooHigh], "{m} {temperature}");
            }
        }
    }

    #[test]
    fn a_temperature_out_of_range_is_an_error() {
        let (queries, keys) = views();
        let config = ContrastiveDiagnosticsConfig::new();
        for (temperature, value) in
            [(f64::NAN, "NaN"), (0.0, "0"), (-1.0, "-1"), (f64::INFINITY, "inf"), (1e-9, "0.000000001")]
        {
            let found = Diagnostics::of_contrastive(queries.clone(), keys.clone(), temperature, None, &config);
            let expected = format!(
                "diagnostics of contrastive pairs: temperature must be at least 0.000001, but element 0 is {value}"
            );
            assert_eq!(found.unwrap_err().to_string(), expected);
        }
    }

    #[test]
    fn pitfall_3_the_temperature_is_too_low() {
        let found = at(0.001);
        assert_eq!(kinds(&found), [FindingKind::TemperatureTooLow], "{found}{:?}", found.numbers);
        assert!(found.numbers.effective_negatives < 2.0);
        assert!(found.findings[0].message.starts_with("at τ = 0.001 the most similar negative takes"), "{found}");
    }

    #[test]
    fn pitfall_4_vectors_are_not_normalised() {
        let (queries, keys) = views();
        let config = ContrastiveDiagnosticsConfig::new().with_normalize(false);
        let found = Diagnostics::of_contrastive(queries * 3.0, keys, 0.07, None, &config).unwrap();
        let finding = found.finding(FindingKind::NotUnitLength).unwrap();
        assert!(finding.message.starts_with("the queries have lengths from 3 to 3"), "{finding}");
        assert_eq!(found.findings.iter().filter(|finding| finding.kind == FindingKind::NotUnitLength).count(), 1);
    }

    #[test]
    fn duplicates_are_false_negatives() {
        let (queries, keys) = views();
        // Key 1 is key 0 again, as a caption that comes twice; query 3 is query 2 again.
        let again = |x: Tensor<2>, i: usize| {
            Tensor::cat(vec![x.clone().slice(0..i + 1), x.clone().slice(i..i + 1), x.slice(i + 2..64)], 0)
        };
        let config = ContrastiveDiagnosticsConfig::new();
        let found = Diagnostics::of_contrastive(again(queries, 2), again(keys, 0), 0.07, None, &config).unwrap();
        assert_eq!(kinds(&found), [FindingKind::FalseNegatives], "{found}");
        assert_eq!(found.numbers.false_by_vector, 4);
        assert_eq!(found.numbers.queries_with_false, 4);
        assert!(found.findings[0].advice.contains("forward_grouped"));
    }

    #[test]
    fn samples_of_one_group_are_false_negatives() {
        let (queries, keys) = views();
        let groups = (0..64).map(|i| i / 2).collect::<Vec<i64>>();
        let groups = || Some(Groups { of_queries: ints(&groups), of_keys: ints(&groups) });
        let config = ContrastiveDiagnosticsConfig::new();
        let found = Diagnostics::of_contrastive(queries.clone(), keys.clone(), 0.07, groups(), &config).unwrap();
        assert_eq!(kinds(&found), [FindingKind::FalseNegatives], "{found}");
        let message =
            "64 of 64 queries have matches among their negatives: 64 pairs of one group, 0 of the same vector";
        assert_eq!(found.findings[0].message, message);

        let config = config.with_loss_knows_groups(true);
        let found = Diagnostics::of_contrastive(queries, keys, 0.07, groups(), &config).unwrap();
        assert!(found.is_healthy(), "{found}");
        assert_eq!(found.numbers.negatives, 62.0);
    }

    #[test]
    fn a_small_batch_has_few_negatives() {
        let (queries, keys) = views();
        let config = ContrastiveDiagnosticsConfig::new();
        let found = Diagnostics::of_contrastive(queries.slice(0..8), keys.slice(0..8), 0.07, None, &config).unwrap();
        assert_eq!(kinds(&found), [FindingKind::TooFewNegatives], "{found}");
        assert!(found.findings[0].message.starts_with("a query has 7 negatives in the mean"), "{found}");
    }

    #[test]
    fn a_collapse_is_no_matter_of_the_temperature() {
        let keys = Tensor::<2>::ones([64, 32], &device()) + noise(15, 64, 32) * 1e-3;
        let config = ContrastiveDiagnosticsConfig::new();
        let found = Diagnostics::of_contrastive(keys.clone(), keys, 0.07, None, &config).unwrap();
        assert_eq!(kinds(&found), [FindingKind::Collapsed], "{found}");
        assert!((found.numbers.loss - 64f64.ln()).abs() < 0.01);
    }

    #[test]
    fn one_pair_and_wrong_shapes() {
        let config = ContrastiveDiagnosticsConfig::new();
        let of = |n: usize, m: usize| {
            let ones = |rows| Tensor::<2>::ones([rows, 2], &device());
            Diagnostics::of_contrastive(ones(n), ones(m), 0.07, None, &config)
        };
        let single = of(1, 1).unwrap();
        assert_eq!(kinds(&single), [FindingKind::TooFewNegatives], "{single}");
        assert_eq!((single.numbers.loss, single.numbers.floor), (0.0, 0.0));
        assert!(of(2, 1).unwrap_err().to_string().contains("[2 or more, 2]"));
        assert!(of(0, 0).unwrap_err().to_string().contains("at least one row"));
    }
}

mod focal {
    use super::*;

    /// Two logits with this probability of class 0.
    fn logits(probabilities: &[f64]) -> Tensor<2> {
        let values = probabilities.iter().flat_map(|p| [(p / (1.0 - p)).ln() as f32, 0.0]).collect::<Vec<f32>>();
        Tensor::from_data(TensorData::new(values, [probabilities.len(), 2]), &device())
    }

    fn of(gamma: f64, probabilities: &[f64]) -> Diagnostics<FocalNumbers> {
        let loss = FocalLossConfig::new().with_gamma(gamma).init();
        let targets = ints(&vec![0; probabilities.len()]);
        Diagnostics::of_focal(&loss, logits(probabilities), targets, &FocalDiagnosticsConfig::new()).unwrap()
    }

    /// 990 easy examples of the common class and 10 of the rare one that are wrong still.
    fn imbalanced() -> Vec<f64> {
        [vec![0.95; 990], vec![0.1; 10]].concat()
    }

    #[test]
    fn easy_examples_dominate_without_focusing() {
        let found = of(0.0, &imbalanced());
        assert_eq!(kinds(&found), [FindingKind::EasyExamplesDominate], "{found}");
        // 990·0.05 against 10·0.9.
        assert!((found.numbers.easy_gradient - 49.5 / 58.5).abs() < 1e-3, "{:?}", found.numbers);
        assert!(found.findings[0].advice.contains("γ"));
        assert_eq!((found.numbers.examples, found.numbers.easy), (1000, 990));
    }

    #[test]
    fn focal_loss_turns_to_the_hard_ones() {
        let found = of(2.0, &imbalanced());
        assert!(found.is_healthy(), "{found}");
        assert!(found.numbers.easy_gradient < 0.1, "{:?}", found.numbers);
        assert!((found.numbers.easy_gradient_without - 49.5 / 58.5).abs() < 1e-3);
    }

    #[test]
    fn a_high_gamma_starves_everything() {
        let undecided = [0.6, 0.7, 0.75, 0.8, 0.85, 0.7, 0.65, 0.8];
        let found = of(8.0, &undecided);
        assert_eq!(kinds(&found), [FindingKind::GammaTooHigh], "{found}");
        assert!(found.findings[0].message.starts_with("γ = 8 leaves"), "{found}");
        assert!(of(2.0, &undecided).is_healthy());
        assert!(of(0.0, &undecided).numbers.gradient_kept == 1.0);
    }

    #[test]
    fn a_trained_model_has_no_finding() {
        for gamma in [0.0, 2.0, 5.0] {
            assert!(of(gamma, &[0.99; 32]).is_healthy());
        }
    }

    #[test]
    fn the_sigmoid_form_counts_elements_and_alpha() {
        // 10 positives that are wrong, 990 negatives that are right.
        let x = [vec![-2.0f32; 10], vec![-3.0f32; 990]].concat();
        let t = [vec![1.0f32; 10], vec![0.0f32; 990]].concat();
        let tensor = |values: &Vec<f32>| Tensor::<1>::from_data(values.as_slice(), &device());
        let of = |gamma, alpha| {
            let loss = SigmoidFocalLossConfig::new().with_gamma(gamma).with_alpha(alpha).init();
            let config = FocalDiagnosticsConfig::new();
            Diagnostics::of_sigmoid_focal(&loss, tensor(&x), tensor(&t), &config).unwrap()
        };
        let cross_entropy = of(0.0, FocalAlpha::None);
        assert_eq!(kinds(&cross_entropy), [FindingKind::EasyExamplesDominate], "{cross_entropy}");
        assert_eq!(cross_entropy.numbers.easy, 990);
        assert!(of(2.0, FocalAlpha::None).is_healthy());
        let balanced = of(0.0, FocalAlpha::Balanced(0.25)).numbers.easy_gradient;
        assert!(balanced > cross_entropy.numbers.easy_gradient, "α = 0.25 weighs negatives more");
    }

    #[test]
    fn ignored_samples_do_not_count() {
        let loss = FocalLossConfig::new().with_ignore_index(Some(-1)).init();
        let config = FocalDiagnosticsConfig::new();
        let found = Diagnostics::of_focal(&loss, logits(&[0.6, 0.99]), ints(&[0, -1]), &config).unwrap();
        assert_eq!((found.numbers.examples, found.numbers.easy), (1, 0));
        assert!((found.numbers.mean_probability - 0.6).abs() < 1e-6);
        let nothing = Diagnostics::of_focal(&loss, logits(&[0.6]), ints(&[-1]), &config).unwrap_err();
        assert!(nothing.to_string().contains("at least one example that counts"));
    }

    #[test]
    fn pitfall_1_class_indices_as_targets_are_an_error() {
        let loss = SigmoidFocalLossConfig::new().init();
        let indices = Tensor::<2>::from_data([[0.0, 1.0, 2.0]], &device());
        let config = FocalDiagnosticsConfig::new();
        let error = Diagnostics::of_sigmoid_focal(&loss, Tensor::zeros([1, 3], &device()), indices, &config);
        assert!(error.unwrap_err().to_string().contains("one-hot"));
    }
}

mod tasks {
    use super::*;

    fn of(losses: &[f32], gradients: &[[f32; 2]]) -> Diagnostics<TaskNumbers> {
        let gradients = gradients.iter().map(|&gradient| Tensor::<1>::from_data(gradient, &device())).collect();
        let losses = Tensor::<1>::from_data(losses, &device());
        Diagnostics::of_tasks(losses, gradients, &TaskDiagnosticsConfig::new()).unwrap()
    }

    #[test]
    fn tasks_that_agree_have_no_finding() {
        let found = of(&[2.3, 0.8, -1.0], &[[1.0, 0.5], [0.5, 1.0], [0.3, 0.0]]);
        assert!(found.is_healthy(), "{found}");
        assert!((found.numbers.cosines[0][1].unwrap() - 0.8).abs() < 1e-6);
        assert!(of(&[1.0, 0.0], &[]).is_healthy(), "a solved task has no scale");
        // The edge of what is small: nothing underflows.
        let tiny = of(&[1.0, 1.0], &[[1e-25, 0.0], [1e-25, 1e-25]]);
        assert!(tiny.is_healthy() && (tiny.numbers.cosines[0][1].unwrap() - 0.5f64.sqrt()).abs() < 1e-6, "{tiny:?}");
    }

    #[test]
    fn losses_and_gradients_of_different_scale() {
        let found = of(&[2.3, 0.01], &[[50.0, 0.0], [0.1, 0.1]]);
        assert_eq!(kinds(&found), [FindingKind::LossScalesDiffer, FindingKind::GradientScalesDiffer], "{found}");
        assert_eq!(found.findings[0].message, "the losses of the tasks differ by a factor of 230: 2.3, 0.01");
        assert!(found.findings[0].advice.contains("with_initial"));
    }

    #[test]
    fn gradients_in_conflict() {
        let found = of(&[1.0, 1.0, 1.0], &[[1.0, 0.0], [-1.0, 0.5], [0.0, 1.0]]);
        assert_eq!(kinds(&found), [FindingKind::ConflictingGradients], "{found}");
        assert!(found.findings[0].message.contains("tasks 0 and 1 (cosine -0.894)"), "{found}");
    }

    #[test]
    fn a_task_without_gradient() {
        let found = of(&[1.0, 1.0], &[[1.0, 0.0], [0.0, 0.0]]);
        assert_eq!(kinds(&found), [FindingKind::NoTaskGradient], "{found}");
        assert_eq!(found.numbers.cosines[1], [None, None]);
    }

    #[test]
    fn wrong_input_is_an_error() {
        let config = TaskDiagnosticsConfig::new();
        let one = || Tensor::<1>::ones([2], &device());
        let of = |losses: Tensor<1>, gradients: Vec<Tensor<1>>| {
            Diagnostics::of_tasks(losses, gradients, &config).unwrap_err().to_string()
        };
        assert!(of(Tensor::zeros([0], &device()), vec![]).contains("at least one task"));
        assert!(of(one(), vec![one()]).contains("one for each loss"));
        assert!(of(one(), vec![one(), Tensor::ones([3], &device())]).contains("the shape of the first"));
        assert!(of(one() * f32::INFINITY, vec![]).contains("must be finite, but element 0 is inf"));
    }
}
