//! The one-pass kernels against the f64 reference, over sizes and thread counts.

use losslab_kernels::options::{Distance, FocalAlpha, Reduction, SmoothingConvention};
use losslab_kernels::{
    CrossEntropy, SigmoidFocal, SigmoidFocalGradients, SoftmaxFocal, Sums, cross_entropy, distances, reference,
    sigmoid_focal, softmax_focal,
};

mod support;
use support::{numbers, wide};

const GAMMAS: [f64; 6] = [0.0, 0.3, 0.5, 1.0, 2.0, 5.0];

/// `slack` is what a gradient loses as a difference of probabilities.
fn assert_agrees(sums: Sums, gradient: &[f32], expected: &reference::Evaluation, input: usize, slack: f64, what: &str) {
    let error = (sums.total - expected.value).abs();
    assert!(error <= 2e-6 * expected.value.abs(), "{what}: {} instead of {}", sums.total, expected.value);
    let expected = &expected.gradients[input];
    let largest = expected.iter().fold(0.0f64, |largest, x| largest.max(x.abs()));
    for (i, (&found, &expected)) in gradient.iter().zip(expected).enumerate() {
        let error = (f64::from(found) - expected).abs();
        assert!(error <= 3e-6 * largest + slack, "{what}: gradient[{i}] is {found} instead of {expected}");
    }
}

#[test]
fn sigmoid_focal_agrees_with_the_reference() {
    for (seed, count) in [1, 2, 7, 300, 16 * 1024 + 1].into_iter().enumerate() {
        for scale in [0.5, 5.0, 60.0, 1e4] {
            let logits = numbers(seed as u64 + 1, count).into_iter().map(|x| x * scale).collect::<Vec<f32>>();
            // Hard targets, and soft ones between them.
            let soft = numbers(seed as u64 + 9, count);
            let target = |(i, x): (usize, f32)| if i % 3 == 0 { 0.5 + 0.5 * x } else { (i % 2) as f32 };
            let targets = soft.into_iter().enumerate().map(target).collect::<Vec<f32>>();
            for gamma in GAMMAS {
                for alpha in [FocalAlpha::None, FocalAlpha::Balanced(0.25), FocalAlpha::Uniform(0.6)] {
                    let (mut by_logits, mut by_targets) = (vec![f32::NAN; count], vec![f32::NAN; count]);
                    let gradients =
                        SigmoidFocalGradients { logits: Some(&mut by_logits), targets: Some(&mut by_targets) };
                    let loss = SigmoidFocal { gamma: gamma as f32, alpha };
                    let sums = sigmoid_focal(loss, &logits, &targets, gradients);
                    let reduction = Reduction::Sum;
                    let options = reference::SigmoidFocal { gamma: f64::from(gamma as f32), alpha, reduction };
                    let expected = reference::sigmoid_focal(&wide(&logits), &wide(&targets), &options);
                    let what = format!("{count} elements, scale {scale}, gamma {gamma}, {alpha:?}");
                    assert_agrees(sums, &by_logits, &expected, 0, 0.0, &what);
                    assert_agrees(sums, &by_targets, &expected, 1, 0.0, &format!("{what}, targets"));
                    assert_eq!(sums, sigmoid_focal(loss, &logits, &targets, SigmoidFocalGradients::default()));
                }
            }
        }
    }
}

/// Logits and targets of some rows, some of them ignored.
fn rows(rows: usize, classes: usize, scale: f32) -> (Vec<f32>, Vec<i64>) {
    let logits = numbers((rows * classes) as u64, rows * classes).into_iter().map(|x| x * scale).collect();
    let targets = (0..rows).map(|i| if i % 5 == 4 { -100 } else { ((i * 7) % classes) as i64 }).collect();
    (logits, targets)
}

const SHAPES: [(usize, usize); 7] = [(1, 1), (1, 2), (5, 3), (9, 17), (3, 1000), (2, 20_000), (700, 30)];

#[test]
fn softmax_focal_agrees_with_the_reference() {
    for (count, classes) in SHAPES {
        for scale in [1.0, 30.0, 1e4] {
            let (logits, targets) = rows(count, classes, scale);
            let alpha = numbers(3, classes).into_iter().map(|x| x + 1.0).collect::<Vec<f32>>();
            for (gamma, weighted) in GAMMAS.into_iter().flat_map(|gamma| [(gamma, false), (gamma, true)]) {
                let mut gradient = vec![f32::NAN; logits.len()];
                let loss =
                    SoftmaxFocal { gamma, alpha: weighted.then_some(alpha.as_slice()), ignore_index: Some(-100) };
                let sums = softmax_focal(loss, &logits, classes, &targets, Some(&mut gradient));
                let alpha = wide(&alpha);
                let options = reference::Focal {
                    gamma,
                    alpha: weighted.then_some(alpha.as_slice()),
                    ignore_index: Some(-100),
                    reduction: Reduction::Sum,
                };
                let expected = reference::focal(&wide(&logits), &targets, classes, &options);
                assert_agrees(
                    sums,
                    &gradient,
                    &expected,
                    0,
                    0.0,
                    &format!("{count} x {classes}, {scale}, gamma {gamma}"),
                );
                assert_eq!(sums, softmax_focal(loss, &logits, classes, &targets, None));
            }
        }
    }
}

#[test]
fn cross_entropy_agrees_with_the_reference() {
    for (count, classes) in SHAPES {
        for scale in [1.0, 30.0, 1e4] {
            let (logits, targets) = rows(count, classes, scale);
            let weights = numbers(4, classes).into_iter().map(|x| x + 1.0).collect::<Vec<f32>>();
            for convention in [SmoothingConvention::Uniform, SmoothingConvention::Others] {
                for (smoothing, weighted) in [(0.0, false), (0.0, true), (0.1, false), (0.1, true), (1.0, true)] {
                    if classes == 1 && convention == SmoothingConvention::Others {
                        continue;
                    }
                    let mut gradient = vec![f32::NAN; logits.len()];
                    let loss = CrossEntropy {
                        smoothing,
                        convention,
                        weights: weighted.then_some(weights.as_slice()),
                        ignore_index: Some(-100),
                    };
                    let sums = cross_entropy(loss, &logits, classes, &targets, Some(&mut gradient));
                    let weights = wide(&weights);
                    let options = reference::CrossEntropy {
                        smoothing: Some((smoothing, convention)),
                        weights: weighted.then_some(weights.as_slice()),
                        ignore_index: Some(-100),
                        reduction: Reduction::Sum,
                    };
                    let expected = reference::cross_entropy(&wide(&logits), &targets, classes, &options);
                    let what = format!("{count} x {classes}, {scale}, {convention:?} {smoothing}");
                    let slack = if smoothing > 0.0 { 3e-7 } else { 0.0 };
                    assert_agrees(sums, &gradient, &expected, 0, slack, &what);
                    assert_eq!(sums, cross_entropy(loss, &logits, classes, &targets, None));
                }
            }
        }
    }
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let (logits, targets) = rows(5000, 13, 4.0);
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let mut gradient = vec![0.0; logits.len()];
        let loss = SoftmaxFocal { gamma: 1.5, alpha: None, ignore_index: Some(-100) };
        let sums = pool.install(|| softmax_focal(loss, &logits, 13, &targets, Some(&mut gradient)));
        (sums.total.to_bits(), gradient)
    };
    let alone = run(1);
    assert_eq!(alone, run(2));
    assert_eq!(alone, run(5));
}

#[test]
fn the_sums_know_every_mean() {
    let (logits, targets) = rows(10, 4, 2.0);
    let weights = [0.5, 2.0, 0.0, 1.0];
    let loss = CrossEntropy {
        smoothing: 0.0,
        convention: SmoothingConvention::Uniform,
        weights: Some(&weights),
        ignore_index: Some(-100),
    };
    let sums = cross_entropy(loss, &logits, 4, &targets, None);
    let counted = targets.iter().filter(|&&target| target >= 0).map(|&target| weights[target as usize]);
    let counted = counted.collect::<Vec<f32>>();
    assert_eq!(sums.valid, counted.len() as u64);
    assert_eq!(sums.weight, f64::from(counted.iter().sum::<f32>()));
    assert_eq!(sums.active, counted.iter().filter(|&&weight| weight > 0.0).count() as u64);
    assert_eq!(sums.scale(Reduction::Mean), 1.0 / sums.weight);
    assert_eq!(sums.scale(Reduction::MeanPerSample), 1.0 / sums.valid as f64);
    assert_eq!(sums.scale(Reduction::MeanActive), 1.0 / sums.active as f64);
    assert_eq!(sums.scale(Reduction::Sum), 1.0);
    assert_eq!(Sums::default().scale(Reduction::Mean), 0.0);
}

#[test]
fn distances_are_those_of_each_pair() {
    let (n, width) = (7, 9);
    let mut x = numbers(11, n * width);
    x[..width].fill(0.0);
    let row = |i: usize| &x[i * width..(i + 1) * width];
    let dot = |i: usize, j: usize| row(i).iter().zip(row(j)).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum::<f64>();
    let squared = |i: usize, j: usize| {
        row(i).iter().zip(row(j)).map(|(&x, &y)| (f64::from(x) - f64::from(y)).powi(2)).sum::<f64>()
    };
    let cosine = |i: usize, j: usize| {
        if i == 0 || j == 0 { 1.0 } else { 1.0 - dot(i, j) / (dot(i, i) * dot(j, j)).sqrt() }
    };
    let of = |distance| distances(distance, &x, width, 0..n);
    let (euclidean, square, angular) = (of(Distance::Euclidean), of(Distance::SquaredEuclidean), of(Distance::Cosine));
    for (i, j) in (0..n).flat_map(|i| (0..n).map(move |j| (i, j))) {
        assert!((square[i * n + j] - squared(i, j)).abs() < 1e-12);
        assert!((euclidean[i * n + j] - squared(i, j).sqrt()).abs() < 1e-12);
        assert!((angular[i * n + j] - cosine(i, j)).abs() < 1e-12);
    }
    assert_eq!(distances(Distance::Cosine, &x, width, 2..5), angular[2 * n..5 * n]);
}
