//! The one-pass kernels and those over pairs at each level of vector instructions that the machine has.

use losslab_kernels::options::{Distance, FocalAlpha, Reduction, SemiHardFallback, SmoothingConvention, TripletMining};
use losslab_kernels::simd::Level;
use losslab_kernels::{
    BatchContrastive, CrossEntropy, Labelled, Metric, SigmoidFocal, SigmoidFocalGradients, SoftmaxFocal, Sums, Triplet,
    TripletChoice, batch_contrastive, cross_entropy, reference, sigmoid_focal, softmax_focal, triplet,
};

mod support;
use support::{numbers, wide};

fn assert_agrees(sums: Sums, gradient: &[f32], expected: &reference::Evaluation, what: &str) {
    let error = (sums.total - expected.value).abs();
    assert!(error <= 2e-6 * expected.value, "{what}: {} instead of {}", sums.total, expected.value);
    let largest = expected.gradients[0].iter().fold(0.0f64, |largest, x| largest.max(x.abs()));
    for (i, (&found, expected)) in gradient.iter().zip(&expected.gradients[0]).enumerate() {
        let error = (f64::from(found) - expected).abs();
        assert!(error <= 5e-6 * largest, "{what}: gradient[{i}] is {found} instead of {expected}");
    }
}

fn element_wise(what: &str) {
    let reduction = Reduction::Sum;
    for (rows, classes) in [(3, 5), (7, 16), (2, 67)] {
        let count = rows * classes;
        let logits = numbers(1, count).into_iter().map(|x| x * 6.0).collect::<Vec<f32>>();
        let targets = (0..rows).map(|i| (i * 3 % classes) as i64).collect::<Vec<i64>>();
        let mut gradient = vec![f32::NAN; count];
        for gamma in [0.0, 0.5, 1.0, 2.0] {
            let hard = (0..count).map(|i| (i % 3 / 2) as f32).collect::<Vec<f32>>();
            let alpha = FocalAlpha::Balanced(0.25);
            let gradients = SigmoidFocalGradients { logits: Some(&mut gradient), targets: None };
            let sums = sigmoid_focal(SigmoidFocal { gamma: gamma as f32, alpha }, &logits, &hard, gradients);
            let options = reference::SigmoidFocal { gamma, alpha, reduction };
            let expected = reference::sigmoid_focal(&wide(&logits), &wide(&hard), &options);
            assert_agrees(sums, &gradient, &expected, &format!("{what}: sigmoid focal {gamma}"));

            let loss = SoftmaxFocal { gamma, alpha: None, ignore_index: None };
            let sums = softmax_focal(loss, &logits, classes, &targets, Some(&mut gradient));
            let options = reference::Focal { gamma, alpha: None, ignore_index: None, reduction };
            let expected = reference::focal(&wide(&logits), &targets, classes, &options);
            assert_agrees(sums, &gradient, &expected, &format!("{what}: focal {gamma}"));
        }
        let (smoothing, convention) = (0.1, SmoothingConvention::Uniform);
        let loss = CrossEntropy { smoothing, convention, weights: None, ignore_index: None };
        let sums = cross_entropy(loss, &logits, classes, &targets, Some(&mut gradient));
        let smoothing = Some((smoothing, convention));
        let options = reference::CrossEntropy { smoothing, weights: None, ignore_index: None, reduction };
        let expected = reference::cross_entropy(&wide(&logits), &targets, classes, &options);
        assert_agrees(sums, &gradient, &expected, &format!("{what}: smoothed cross-entropy"));
    }
}

fn over_pairs(what: &str) {
    let (n, width, reduction) = (43, 6, Reduction::Sum);
    let rows = numbers(2, n * width);
    let mut gradient = vec![f32::NAN; n * width];
    // Few positives, which are compared, and many, among which is searched.
    for classes in [9, 1 + n / 40] {
        let labels = (0..n).map(|i| (i % classes) as i64).collect::<Vec<i64>>();
        let batch = Labelled { rows: &rows, labels: &labels, width };
        for distance in [Distance::Euclidean, Distance::Cosine] {
            let metric = Metric { distance, normalize: false };
            for soft in [false, true] {
                let loss = Triplet { margin: 0.3, soft, metric, choice: TripletChoice::All };
                let sums = triplet(loss, batch, Some(&mut gradient));
                let options = reference::Triplet { soft, distance, reduction, ..reference::Triplet::with_margin(0.3) };
                let mining = reference::Mining { rule: TripletMining::BatchAll, ..Default::default() };
                let expected = reference::triplet(&wide(&rows), &labels, width, mining, &options);
                assert_agrees(sums, &gradient, &expected, &format!("{what}: triplet, soft {soft}"));
            }
            let loss = BatchContrastive { positive_margin: 0.0, negative_margin: 1.5, half: true, metric };
            let sums = batch_contrastive(loss, batch, Some(&mut gradient));
            let options =
                reference::BatchContrastive { negative_margin: 1.5, distance, reduction, ..Default::default() };
            let expected = reference::batch_contrastive(&wide(&rows), &labels, width, &options);
            assert_agrees(sums, &gradient, &expected, &format!("{what}: contrastive"));
        }
    }
}

/// Mined triplets: what is chosen is the same, so the active ones are as many.
fn mined(what: &str) {
    let (n, width, reduction) = (61, 5, Reduction::Sum);
    let rows = numbers(3, n * width);
    let mut gradient = vec![f32::NAN; n * width];
    let hard = |swap: bool| {
        (TripletChoice::Hard { swap }, reference::Mining { rule: TripletMining::BatchHard, ..Default::default() }, swap)
    };
    let semi_hard = |fallback: SemiHardFallback, swap: bool| {
        let mining = reference::Mining { rule: TripletMining::SemiHard, fallback };
        (TripletChoice::SemiHard { swap, fallback }, mining, swap)
    };
    let fallbacks = [SemiHardFallback::Farthest, SemiHardFallback::Nearest, SemiHardFallback::Skip];
    let choices = [false, true].into_iter().flat_map(|swap| {
        std::iter::once(hard(swap)).chain(fallbacks.into_iter().map(move |fallback| semi_hard(fallback, swap)))
    });
    // Few positives, whose thresholds are compared, and many, among which is searched.
    for ((choice, mining, swap), classes) in choices.flat_map(|choice| [(choice, 9), (choice, 2)]) {
        let labels = (0..n).map(|i| (i % classes) as i64).collect::<Vec<i64>>();
        let batch = Labelled { rows: &rows, labels: &labels, width };
        for distance in [Distance::Euclidean, Distance::SquaredEuclidean, Distance::Cosine] {
            let metric = Metric { distance, normalize: false };
            let loss = Triplet { margin: 0.3, soft: false, metric, choice };
            let sums = triplet(loss, batch, Some(&mut gradient));
            let options = reference::Triplet { swap, distance, reduction, ..reference::Triplet::with_margin(0.3) };
            let of = |options: &reference::Triplet| reference::triplet(&wide(&rows), &labels, width, mining, options);
            let (sum, what) = (of(&options), format!("{what}: {choice:?}, {distance:?}, {classes} classes"));
            assert_agrees(sums, &gradient, &sum, &what);
            let mean = of(&reference::Triplet { reduction: Reduction::MeanActive, ..options }).value;
            assert_eq!(sums.active, (sum.value / mean).round() as u64, "{what}");
        }
    }
}

// One test: the level is that of the process.
#[test]
fn every_level_agrees_with_the_reference() {
    for level in Level::available() {
        Level::force(Some(level));
        element_wise(&format!("{level:?}"));
        over_pairs(&format!("{level:?}"));
        mined(&format!("{level:?}"));
    }
    Level::force(None);
}
