//! Configurations: what is refused, with which text; that they survive being saved.

use crate::subjects::device;
use burn::config::Config;
use burn::module::Module;
use burn::tensor::{DType, Int, Tensor};
use losslab::*;

fn text<T>(result: Result<T, ConfigError>) -> String {
    result.err().expect("an error").to_string()
}

#[test]
fn every_hyperparameter_out_of_its_range_is_refused_by_name() {
    let focal = SigmoidFocalLossConfig::new;
    assert_eq!(text(focal().with_gamma(-1.0).try_init()), "focal-sigmoid: gamma must be in [0, 100], but is -1");
    assert_eq!(text(focal().with_gamma(f64::NAN).try_init()), "focal-sigmoid: gamma must be in [0, 100], but is NaN");
    assert_eq!(
        text(focal().with_alpha(FocalAlpha::Balanced(3.0)).try_init()),
        "focal-sigmoid: alpha must be in [0, 1], but is 3"
    );
    assert!(focal().with_alpha(FocalAlpha::Uniform(-0.1)).try_init().is_err());
    let softmax = FocalLossConfig::new;
    assert_eq!(text(softmax().with_gamma(f64::INFINITY).try_init()), "focal: gamma must be in [0, 100], but is inf");
    assert_eq!(
        text(softmax().with_alpha(Some(vec![1.0, -2.0])).try_init()),
        "focal: alpha must be at least 0, but is -2"
    );
    let weights = CrossEntropyLossConfig::new().with_weights(Some(vec![f32::NAN]));
    assert_eq!(text(weights.try_init()), "cross-entropy: weights must be at least 0, but is NaN");
    for smoothing in [-0.1, 1.1, f64::NAN] {
        let message = text(LabelSmoothingLossConfig::new().with_smoothing(smoothing).try_init());
        assert_eq!(message, format!("label-smoothing: smoothing must be in [0, 1], but is {smoothing}"));
    }
    for margin in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(ContrastiveLossConfig::new().with_margin(margin).try_init().is_err(), "{margin}");
        assert!(BatchContrastiveLossConfig::new().with_negative_margin(margin).try_init().is_err(), "{margin}");
        assert!(AlignedTripletLossConfig::new().with_margin(margin).try_init().is_err(), "{margin}");
        assert!(AlignedQuadrupletLossConfig::new().with_margin(margin).try_init().is_err(), "{margin}");
        assert!(AlignedQuadrupletLossConfig::new().with_pair_margin(margin).try_init().is_err(), "{margin}");
        let message = text(QuadrupletLossConfig::new().with_margin(margin).try_init());
        assert_eq!(message, format!("quadruplet: margin must be above 0, but is {margin}"));
        let message = text(QuadrupletLossConfig::new().with_pair_margin(margin).try_init());
        assert_eq!(message, format!("quadruplet: pair_margin must be above 0, but is {margin}"));
        let message = text(TripletLossConfig::new().with_margin(margin).try_init());
        assert_eq!(message, format!("triplet: margin must be above 0, but is {margin}"));
    }
    assert!(AlignedTripletLossConfig::new().with_margin(0.0).with_soft(true).try_init().is_ok());
    let crossed = BatchContrastiveLossConfig::new().with_positive_margin(1.0);
    assert_eq!(
        text(crossed.try_init()),
        "contrastive-batch: positive_margin must be below negative_margin = 1, but is 1"
    );
    // Unit vectors are at most 2 apart.
    for (distance, farthest) in [(Distance::Euclidean, 2), (Distance::SquaredEuclidean, 4), (Distance::Cosine, 2)] {
        let config = TripletLossConfig::new().with_distance(distance).with_normalize(true).with_margin(4.5);
        assert_eq!(text(config.try_init()), format!("triplet: margin must be in (0, {farthest}], but is 4.5"));
        let config = QuadrupletLossConfig::new().with_distance(distance).with_normalize(true).with_pair_margin(4.5);
        assert_eq!(text(config.try_init()), format!("quadruplet: pair_margin must be in (0, {farthest}], but is 4.5"));
        let config = ContrastiveLossConfig::new().with_distance(distance).with_normalize(true).with_margin(4.5);
        assert_eq!(text(config.try_init()), format!("contrastive: margin must be in (0, {farthest}], but is 4.5"));
    }
    for value in [0.0, -0.1, f64::NAN] {
        let temperature = TemperatureConfig::new().with_value(value);
        for (name, message) in [
            ("info-nce", text(InfoNceLossConfig::new().with_temperature(temperature.clone()).try_init(&device()))),
            ("nt-xent", text(NtXentLossConfig::new().with_temperature(temperature.clone()).try_init(&device()))),
            ("siglip", text(SigLipLossConfig::new().with_temperature(temperature.clone()).try_init(&device()))),
            ("dcl", text(DclLossConfig::new().with_temperature(temperature.clone()).try_init(&device()))),
            ("sup-con", text(SupConLossConfig::new().with_temperature(temperature).try_init(&device()))),
        ] {
            assert_eq!(message, format!("{name}: temperature must be at least 0.000001, but is {value}"));
        }
    }
    for bias in [f64::NAN, f64::INFINITY] {
        let message = text(SigLipLossConfig::new().with_bias(bias).try_init(&device()));
        assert_eq!(message, format!("siglip: bias must be a finite number, but is {bias}"));
    }
    let weights = DclLossConfig::new().with_sigma(Some(0.0)).try_init(&device());
    assert_eq!(text(weights), "dcl: sigma must be above 0, but is 0");
    let similar = MultiSimilarityLossConfig::new;
    for (config, message) in [
        (similar().with_alpha(0.0), "alpha must be above 0, but is 0"),
        (similar().with_beta(-1.0), "beta must be above 0, but is -1"),
        (similar().with_base(1.5), "base must be in [-1, 1], but is 1.5"),
        (similar().with_epsilon(Some(-0.1)), "epsilon must be at least 0, but is -0.1"),
    ] {
        assert_eq!(text(config.try_init()), format!("multi-similarity: {message}"));
    }
    assert!(similar().with_base(1.5).with_normalize(false).try_init().is_ok());
    assert_eq!(
        text(CircleLossConfig::new().with_margin(1.5).try_init()),
        "circle: margin must be in [-1, 1], but is 1.5"
    );
    assert_eq!(text(CircleLossConfig::new().with_gamma(0.0).try_init()), "circle: gamma must be above 0, but is 0");
    let arc = || ArcFaceLossConfig::new(3, 4);
    assert_eq!(text(arc().with_margin(2.0).try_init(&device())), "arc-face: margin must be in [0, 1.5], but is 2");
    assert_eq!(text(arc().with_scale(0.0).try_init(&device())), "arc-face: scale must be above 0, but is 0");
    let cos = || CosFaceLossConfig::new(3, 4);
    assert_eq!(text(cos().with_margin(-0.1).try_init(&device())), "cos-face: margin must be in [0, 2], but is -0.1");
    let classes = CosFaceLossConfig::new(0, 4).try_init(&device());
    assert_eq!(text(classes), "cos-face: classes must be at least 1, but is 0");
    assert!(ArcFaceLossConfig::new(3, 0).try_init(&device()).is_err());
    let negative = VicRegLossConfig::new().with_covariance(-1.0).try_init();
    assert_eq!(text(negative), "vicreg: covariance must be at least 0, but is -1");
    let negative = BarlowTwinsLossConfig::new().with_lambda(f64::NAN).try_init();
    assert_eq!(text(negative), "barlow-twins: lambda must be at least 0, but is NaN");
    let weighted = || WeightedSumLossConfig::new(2);
    assert_eq!(
        text(weighted().with_weights(Some(vec![1.0])).try_init(&device())),
        "weighted-sum: weights must be 2 numbers, one for each task, but is 1 numbers"
    );
    assert!(weighted().with_initial(Some(vec![1.0, 0.0])).try_init(&device()).is_err());
    // It would be 0 in f32, in which it is held.
    assert!(weighted().with_initial(Some(vec![1.0, 1e-50])).try_init(&device()).is_err());
    assert!(WeightedSumLossConfig::new(0).try_init(&device()).is_err());
    let form = UncertaintyForm::PerLikelihood(vec![Likelihood::Gaussian]);
    assert!(UncertaintyLossConfig::new(2).with_form(form).try_init(&device()).is_err());
    assert!(UncertaintyLossConfig::new(1).with_log_vars(Some(vec![f64::NAN])).try_init(&device()).is_err());
}

#[test]
fn init_panics_with_the_text_of_try_init() {
    let config = TripletLossConfig::new().with_margin(-1.0);
    let expected = text(config.try_init());
    let panic = std::panic::catch_unwind(|| config.init()).expect_err("a panic");
    assert_eq!(panic.downcast_ref::<String>(), Some(&expected));
}

#[test]
fn configurations_survive_being_saved() {
    let config = TripletLossConfig::new()
        .with_mining(TripletMining::BatchHard)
        .with_distance(Distance::Cosine)
        .with_reduction(Reduction::MeanActive);
    let loaded = TripletLossConfig::load_binary(config.to_string().as_bytes()).unwrap();
    assert_eq!(loaded.to_string(), config.to_string());
    let config = InfoNceLossConfig::new().with_temperature(TemperatureConfig::new().with_learned(true));
    let loaded = InfoNceLossConfig::load_binary(config.to_string().as_bytes()).unwrap();
    assert_eq!(loaded.to_string(), config.to_string());
}

#[test]
fn a_schedule_changes_gamma_between_steps() {
    let (logits, targets) = (Tensor::<1>::from_data([0.3, -1.0], &device()), Tensor::from_data([1.0, 0.0], &device()));
    let mut scheduled = SigmoidFocalLossConfig::new().with_gamma(0.0).init();
    for gamma in [0.0, 0.4, 1.0, 5.0] {
        scheduled.set_gamma(gamma).unwrap();
        let fresh = SigmoidFocalLossConfig::new().with_gamma(gamma).init();
        let value = |loss: &SigmoidFocalLoss| loss.forward(logits.clone(), targets.clone()).into_scalar::<f64>();
        assert_eq!(value(&scheduled), value(&fresh));
    }
    assert!(scheduled.set_gamma(-1.0).is_err());
    assert_eq!(scheduled.gamma(), 5.0);
    let mut softmax = FocalLossConfig::new().init();
    softmax.set_gamma(0.5).unwrap();
    assert_eq!(softmax.gamma(), 0.5);
}

#[test]
fn labels_that_are_no_class_are_refused() {
    let logits = || Tensor::<2>::zeros([2, 3], &device());
    let targets = |target: i64| Tensor::<1, Int>::from_data([0, target], &device());
    for target in [3, 7, -1] {
        let error = CrossEntropyLossConfig::new().init().try_forward(logits(), targets(target)).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "cross-entropy: targets must be a class index in [0, 3) (no ignore_index is set), but element 1 is {target}"
            )
        );
        assert!(FocalLossConfig::new().init().try_forward(logits(), targets(target)).is_err());
    }
    let ignoring = FocalLossConfig::new().with_ignore_index(Some(-1)).init();
    assert!(ignoring.try_forward(logits(), targets(-1)).is_ok());
    assert!(ignoring.try_forward(logits(), targets(-2)).is_err());
    let arc = ArcFaceLossConfig::new(3, 3).init(&device());
    assert!(arc.try_forward(logits(), targets(2)).is_ok());
    assert_eq!(
        arc.try_forward(logits(), targets(-1)).unwrap_err().to_string(),
        "arc-face: targets must be a class index in [0, 3) (no ignore_index is set), but element 1 is -1"
    );
    assert_eq!(
        arc.try_forward(Tensor::zeros([2, 5], &device()), targets(1)).unwrap_err().to_string(),
        "arc-face: embeddings must have shape [2, 3] (the width of the class vectors), but has [2, 5]"
    );
    let alpha = FocalLossConfig::new().with_alpha(Some(vec![1.0; 2])).init();
    let error = alpha.try_forward(logits(), targets(1)).unwrap_err().to_string();
    assert_eq!(error, "focal: alpha must have shape [3] (one for each column of logits), but has [2]");
}

#[test]
fn losses_are_modules_that_print() {
    let loss = TripletLossConfig::new().init();
    assert!(format!("{loss}").contains("TripletLoss"));
    assert_eq!(loss.num_params(), 0);
    let learned = InfoNceLossConfig::new().with_temperature(TemperatureConfig::new().with_learned(true));
    assert_eq!(learned.init(&device()).num_params(), 1);
    assert_eq!(SigLipLossConfig::new().init(&device()).num_params(), 2);
    assert_eq!(ArcFaceLossConfig::new(3, 4).init(&device()).num_params(), 12);
    let learned = NtXentLossConfig::new().with_temperature(TemperatureConfig::new().with_learned(true));
    assert_eq!(learned.init(&device()).num_params(), 1);
    assert_eq!(UncertaintyLossConfig::new(3).init(&device()).num_params(), 3);
}

#[test]
fn float_types_that_do_not_fit_are_refused() {
    let single = || Tensor::<2>::ones([2, 3], &device());
    let double = || single().cast(DType::F64);
    let half = || single().cast(DType::F16);
    let error = AlignedTripletLossConfig::new().init().try_forward(single(), single(), double()).unwrap_err();
    assert_eq!(error.to_string(), "triplet-aligned: negative must be of type f32 (that of anchor), but is f64");
    assert!(AlignedTripletLossConfig::new().init().try_forward(single(), half(), single()).is_ok());
    let quadruplet = AlignedQuadrupletLossConfig::new().init();
    let error = quadruplet.try_forward(single(), single(), single(), double()).unwrap_err();
    assert_eq!(error.to_string(), "quadruplet-aligned: other must be of type f32 (that of anchor), but is f64");
    assert!(SigmoidFocalLossConfig::new().init().try_forward(double(), single()).is_err());
    assert!(SigmoidFocalLossConfig::new().init().try_forward(half(), single()).is_ok());
    assert!(InfoNceLossConfig::new().init(&device()).try_forward(single(), double()).is_err());
    let error = NtXentLossConfig::new().init(&device()).try_forward(single(), double()).unwrap_err();
    assert_eq!(error.to_string(), "nt-xent: second must be of type f32 (that of first), but is f64");
    assert!(NtXentLossConfig::new().init(&device()).try_forward(single(), half()).is_ok());
    assert!(SigLipLossConfig::new().init(&device()).try_forward(single(), double()).is_err());
    assert!(DclLossConfig::new().init(&device()).try_forward(single(), double()).is_err());
    let similar = Tensor::<1, burn::tensor::Bool>::from_data([true, false], &device());
    assert!(ContrastiveLossConfig::new().init().try_forward(single(), double(), similar).is_err());
}

#[test]
fn embeddings_without_a_dimension_are_refused() {
    let labels = Tensor::<1, Int>::from_data([0, 0], &device());
    let nothing = || Tensor::<2>::zeros([2, 0], &device());
    let error = TripletLossConfig::new().init().try_forward(nothing(), labels.clone()).unwrap_err();
    assert_eq!(error.to_string(), "triplet: embeddings must have shape [n, 1 or more], but has [2, 0]");
    assert!(BatchContrastiveLossConfig::new().init().try_forward(nothing(), labels.clone()).is_err());
    assert!(QuadrupletLossConfig::new().init().try_forward(nothing(), labels).is_err());
    assert!(InfoNceLossConfig::new().init(&device()).try_forward(nothing(), nothing()).is_err());
    assert!(NtXentLossConfig::new().init(&device()).try_forward(nothing(), nothing()).is_err());
    let labels = Tensor::<1, Int>::from_data([0, 0], &device());
    assert!(SupConLossConfig::new().init(&device()).try_forward(nothing(), labels.clone()).is_err());
    assert!(SigLipLossConfig::new().init(&device()).try_forward(nothing(), nothing()).is_err());
    assert!(DclLossConfig::new().init(&device()).try_forward(nothing(), nothing()).is_err());
    assert!(MultiSimilarityLossConfig::new().init().try_forward(nothing(), labels.clone()).is_err());
    assert!(CircleLossConfig::new().init().try_forward(nothing(), labels).is_err());
    assert!(VicRegLossConfig::new().init().try_forward(nothing(), nothing()).is_err());
    assert!(BarlowTwinsLossConfig::new().init().try_forward(nothing(), nothing()).is_err());
}
