//! The contrastive kernels against the f64 reference: sizes, groups, temperatures, tiles kept and computed again, levels
//! of instructions and thread counts.

mod support;

use losslab_kernels::options::{Positives, Reduction};
use losslab_kernels::reference::{self, Evaluation, Groups};
use losslab_kernels::simd::Level;
use losslab_kernels::{InfoNce, InfoNceGradients, info_nce};
use std::sync::Mutex;
use support::{numbers, wide};

/// The level of instructions is that of the process: who forces one, is alone.
static LEVEL: Mutex<()> = Mutex::new(());

const REDUCTIONS: [Reduction; 3] = [Reduction::Mean, Reduction::Sum, Reduction::MeanActive];

#[derive(Clone, Copy, Debug)]
struct Shape {
    queries: usize,
    keys: usize,
    width: usize,
}

/// Vectors among which there are zeros and duplicates; keys lean towards their queries.
fn batch(shape: Shape, seed: u64) -> (Vec<f32>, Vec<f32>) {
    let Shape { queries, keys, width } = shape;
    let mut x = numbers(seed, queries * width);
    let mut y = numbers(seed + 1, keys * width);
    y.iter_mut().zip(&x).for_each(|(y, x)| *y = 0.7 * *y + 0.6 * x);
    if queries > 3 {
        x[2 * width..3 * width].fill(0.0);
        y[..width].fill(0.0);
        y.copy_within(width..2 * width, 3 * width);
        x.copy_within(width..2 * width, 3 * width);
    }
    (x, y)
}

/// Of a value, relative; of a gradient, relative to its largest entry.
struct Tolerance {
    value: f64,
    gradient: f64,
}

fn assert_near(found: &[f32], expected: &[f64], tolerance: f64, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let largest = expected.iter().fold(0.0f64, |largest, x| largest.max(x.abs()));
    for (i, (&found, &expected)) in found.iter().zip(expected).enumerate() {
        let error = (f64::from(found) - expected).abs();
        assert!(error <= tolerance * (largest + 1e-8), "{what}[{i}]: {found} instead of {expected}, largest {largest}");
    }
}

fn assert_agrees(loss: &InfoNce, shape: Shape, x: &[f32], y: &[f32], tolerance: Tolerance, what: &str) -> Evaluation {
    let (mut by_queries, mut by_keys) = (vec![f32::NAN; x.len()], vec![f32::NAN; y.len()]);
    let gradients = InfoNceGradients { queries: Some(&mut by_queries), keys: Some(&mut by_keys), log_scale: true };
    let found = info_nce(loss, x, y, shape.width, gradients);
    let options = reference::InfoNce {
        temperature: loss.temperature,
        symmetric: loss.symmetric,
        normalize: loss.normalize,
        groups: loss.groups,
        reduction: loss.reduction,
    };
    let expected = reference::info_nce(&wide(x), &wide(y), shape.width, &options);
    let what = format!("{what}, {shape:?}, {loss:?}");
    let error = (found.value - expected.value).abs();
    assert!(error <= tolerance.value * expected.value.abs(), "{what}: {} instead of {}", found.value, expected.value);
    assert_near(&by_queries, &expected.gradients[0], tolerance.gradient, &format!("{what}: queries"));
    assert_near(&by_keys, &expected.gradients[1], tolerance.gradient, &format!("{what}: keys"));
    let by_scale = found.by_log_scale.unwrap();
    // A difference of similarities, each of the size of 1/τ, that may cancel.
    let slack = 1e-5 * expected.gradients[2][0].abs() + tolerance.gradient * (expected.value.abs() + 1.0);
    assert!(
        (by_scale - expected.gradients[2][0]).abs() <= slack,
        "{what}: {by_scale} instead of {:?}",
        expected.gradients[2]
    );
    let alone = info_nce(loss, x, y, shape.width, InfoNceGradients::default());
    assert_eq!(alone.value.to_bits(), found.value.to_bits(), "{what}: the value alone");
    expected
}

/// An f32 product has an error of about 1e-7, and a logit 1/τ times that.
fn tolerance(loss: &InfoNce, shape: Shape) -> Tolerance {
    let scale = if loss.normalize { 1.0 } else { (shape.width as f64 / 3.0).max(1.0) } / loss.temperature;
    Tolerance { value: 2e-6 + 2e-7 * scale, gradient: 3e-6 + if loss.normalize { 1e-6 } else { 4e-6 } * scale }
}

fn groups(count: usize, kinds: usize) -> Vec<i64> {
    (0..count).map(|i| ((i * i + i / 3) % kinds) as i64 * 1000 - 7).collect()
}

const SHAPES: [Shape; 8] = [
    Shape { queries: 1, keys: 1, width: 3 },
    Shape { queries: 1, keys: 4, width: 1 },
    Shape { queries: 5, keys: 7, width: 1 },
    Shape { queries: 17, keys: 17, width: 2 },
    Shape { queries: 64, keys: 65, width: 8 },
    Shape { queries: 130, keys: 130, width: 13 },
    Shape { queries: 33, keys: 300, width: 5 },
    Shape { queries: 129, keys: 200, width: 16 },
];

fn over_forms(shape: Shape, temperature: f64, check: impl Fn(&InfoNce)) {
    let own = (0..shape.queries.max(shape.keys) as i64).collect::<Vec<i64>>();
    let mut kinds = vec![(own.clone(), own[..shape.keys].to_vec())];
    kinds[0].0.truncate(shape.queries);
    for count in [2, 5, shape.queries.max(4) / 2] {
        kinds.push((groups(shape.queries, count), groups(shape.keys, count + 1)));
    }
    let mut forms = vec![None];
    for (queries, keys) in &kinds {
        for positives in [Positives::Outside, Positives::Inside] {
            forms.push(Some(Groups { queries, keys, positives }));
        }
    }
    let same = groups(shape.keys, 6);
    forms.push(Some(Groups { queries: &same[..shape.queries], keys: &same, positives: Positives::Aligned }));
    for groups in forms {
        for symmetric in [false, true] {
            for normalize in [false, true] {
                let loss = InfoNce { temperature, symmetric, normalize, groups, ..InfoNce::default() };
                check(&loss);
            }
        }
    }
}

#[test]
fn info_nce_agrees_with_the_reference() {
    let _alone = LEVEL.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    for (seed, shape) in SHAPES.into_iter().enumerate() {
        let (x, y) = batch(shape, seed as u64);
        for level in Level::available() {
            Level::force(Some(level));
            let temperatures: &[f64] =
                if shape.queries > 100 { &[0.07, 0.01] } else { &[0.001, 0.01, 0.07, 0.5, 10.0] };
            for &temperature in temperatures {
                over_forms(shape, temperature, |loss| {
                    for memory in [0, 1 << 24] {
                        let loss = InfoNce { memory, ..*loss };
                        assert_agrees(&loss, shape, &x, &y, tolerance(&loss, shape), &format!("{level:?}"));
                    }
                });
            }
        }
        Level::force(None);
    }
}
