//! The contrastive kernels against the f64 reference: sizes, groups, temperatures, tiles kept and computed again, levels
//! of instructions and thread counts.

mod support;

use losslab_kernels::options::{Positives, Reduction, SupConForm};
use losslab_kernels::reference::{self, Evaluation, Groups};
use losslab_kernels::simd::Level;
use losslab_kernels::{
    Contrastive, Dcl, InfoNce, InfoNceGradients, SelfContrastive, SigLip, SigLipGradients, dcl, info_nce,
    self_contrastive, siglip,
};
use rayon::prelude::*;
use std::sync::{Mutex, MutexGuard};
use support::{numbers, wide};

/// The level of instructions is that of the process: tests that force one, or compare bits, run one at a time.
fn alone() -> MutexGuard<'static, ()> {
    static LEVEL: Mutex<()> = Mutex::new(());
    LEVEL.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

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

/// `least` is the size below which gradients are what large parts leave.
fn assert_near(found: &[f32], expected: &[f64], tolerance: f64, least: f64, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let largest = expected.iter().fold(least, |largest, x| largest.max(x.abs()));
    for (i, (&found, &expected)) in found.iter().zip(expected).enumerate() {
        let error = (f64::from(found) - expected).abs();
        assert!(error <= tolerance * largest, "{what}[{i}]: {found} instead of {expected}, largest {largest}");
    }
}

fn reference_of(loss: &InfoNce, shape: Shape, x: &[f32], y: &[f32]) -> Evaluation {
    let InfoNce { temperature, symmetric, normalize, groups, reduction, .. } = *loss;
    let options = reference::InfoNce { temperature, symmetric, normalize, groups, reduction };
    reference::info_nce(&wide(x), &wide(y), shape.width, &options)
}

fn assert_agrees(loss: &InfoNce, shape: Shape, x: &[f32], y: &[f32], tolerance: Tolerance, what: &str) -> Evaluation {
    let expected = reference_of(loss, shape, x, y);
    assert_is(loss, shape, x, y, &expected, tolerance, what);
    expected
}

fn assert_is(
    loss: &InfoNce,
    shape: Shape,
    x: &[f32],
    y: &[f32],
    expected: &Evaluation,
    tolerance: Tolerance,
    what: &str,
) {
    let (mut by_queries, mut by_keys) = (vec![f32::NAN; x.len()], vec![f32::NAN; y.len()]);
    let gradients = InfoNceGradients { queries: Some(&mut by_queries), keys: Some(&mut by_keys), log_scale: true };
    let found = info_nce(loss, x, y, shape.width, gradients);
    let what = format!("{what}, {shape:?}, {loss:?}");
    let error = (found.value - expected.value).abs();
    assert!(error <= tolerance.value * expected.value.abs(), "{what}: {} instead of {}", found.value, expected.value);
    assert_near(&by_queries, &expected.gradients[0], tolerance.gradient, 1e-8, &format!("{what}: queries"));
    assert_near(&by_keys, &expected.gradients[1], tolerance.gradient, 1e-8, &format!("{what}: keys"));
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
    Shape { queries: 130, keys: 130, width: 7 },
    Shape { queries: 20, keys: 260, width: 5 },
    Shape { queries: 129, keys: 150, width: 6 },
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
    let _alone = alone();
    for (seed, shape) in SHAPES.into_iter().enumerate() {
        let (x, y) = batch(shape, seed as u64);
        // The reference takes its time over many rows.
        let large = shape.queries.max(shape.keys) > 100;
        let temperatures: &[f64] = if large { &[0.07, 0.01] } else { &[0.001, 0.01, 0.07, 0.5, 10.0] };
        for &temperature in temperatures {
            over_forms(shape, temperature, |loss| {
                let expected = reference_of(loss, shape, &x, &y);
                for level in Level::available() {
                    Level::force(Some(level));
                    for memory in [0, 1 << 24] {
                        let loss = InfoNce { memory, ..*loss };
                        let tolerance = tolerance(&loss, shape);
                        assert_is(&loss, shape, &x, &y, &expected, tolerance, &format!("{level:?}"));
                    }
                }
            });
        }
        Level::force(None);
    }
}

fn assert_self_agrees(loss: &SelfContrastive, shape: Shape, x: &[f32], what: &str) {
    let mut gradient = vec![f32::NAN; x.len()];
    let found = self_contrastive(loss, x, shape.width, Some(&mut gradient), true);
    let SelfContrastive { temperature, normalize, form, reduction, .. } = *loss;
    let options = reference::SupCon { temperature, normalize, form, reduction };
    let expected = reference::sup_con(&wide(x), loss.labels, shape.width, &options);
    let tolerance = tolerance(&InfoNce { temperature, normalize, ..InfoNce::default() }, shape);
    let what = format!("{what}, {shape:?}, {loss:?}");
    let error = (found.value - expected.value).abs();
    assert!(error <= tolerance.value * expected.value.abs(), "{what}: {} instead of {}", found.value, expected.value);
    // The softmax over positives alone comes near to their mean.
    let least = 0.3 / (temperature * shape.queries as f64);
    assert_near(&gradient, &expected.gradients[0], tolerance.gradient, least, &what);
    let (by_scale, expected_scale) = (found.by_log_scale.unwrap(), expected.gradients[1][0]);
    let slack = 1e-5 * expected_scale.abs() + tolerance.gradient * (expected.value.abs() + 1.0);
    assert!((by_scale - expected_scale).abs() <= slack, "{what}: {by_scale} instead of {expected_scale}");
    let alone = self_contrastive(loss, x, shape.width, None, true);
    assert_eq!(alone, found, "{what}: without the gradient");
}

#[test]
fn losses_within_one_set_agree_with_the_reference() {
    let _alone = alone();
    for (seed, (rows, width)) in
        [(1, 3), (2, 1), (9, 2), (66, 8), (128, 5), (200, 17), (300, 4)].into_iter().enumerate()
    {
        let shape = Shape { queries: rows, keys: rows, width };
        let (x, _) = batch(shape, seed as u64 + 50);
        let views = (0..rows as i64).map(|i| i % rows.div_ceil(2) as i64).collect::<Vec<i64>>();
        for level in Level::available() {
            Level::force(Some(level));
            for labels in [views.clone(), groups(rows, 3), groups(rows, rows.max(4) / 2), vec![1; rows]] {
                for temperature in if rows > 100 { vec![0.1] } else { vec![0.001, 0.01, 0.1, 10.0] } {
                    for form in [SupConForm::Outside, SupConForm::Inside] {
                        for (normalize, memory) in [(true, 0), (true, 1 << 24), (false, 1 << 17)] {
                            let labels = labels.as_slice();
                            let loss =
                                SelfContrastive { temperature, normalize, labels, form, memory, ..Default::default() };
                            assert_self_agrees(&loss, shape, &x, &format!("{level:?}"));
                        }
                    }
                }
            }
        }
        Level::force(None);
    }
}

#[test]
fn every_reduction_is_that_of_the_reference() {
    let _alone = alone();
    let shape = Shape { queries: 20, keys: 24, width: 6 };
    let (x, y) = batch(shape, 3);
    for reduction in REDUCTIONS {
        over_forms(shape, 0.2, |loss| {
            let loss = InfoNce { reduction, ..*loss };
            assert_agrees(&loss, shape, &x, &y, tolerance(&loss, shape), "");
        });
        for form in [SupConForm::Outside, SupConForm::Inside] {
            let labels = groups(20, 7);
            let loss = SelfContrastive { labels: &labels, form, reduction, ..Default::default() };
            assert_self_agrees(&loss, shape, &x, "");
        }
    }
}

/// What a difference of nearly equal numbers would lose: a loss of 1e-9, and its gradient.
#[test]
fn small_losses_keep_their_digits() {
    let _alone = alone();
    let width = 40;
    let mut x = vec![0.0; width * width];
    (0..width).for_each(|i| x[i * width + i] = 1.0 + i as f32);
    let mut y = x.clone();
    y.iter_mut().zip(numbers(1, width * width)).for_each(|(y, noise)| *y += 0.01 * noise);
    let shape = Shape { queries: width, keys: width, width };
    let own = (0..width as i64).collect::<Vec<i64>>();
    for temperature in [0.04, 0.015] {
        let grouped = |positives| Some(Groups { queries: &own, keys: &own, positives });
        let forms = [None, grouped(Positives::Outside), grouped(Positives::Inside), grouped(Positives::Aligned)];
        for groups in forms {
            let loss = InfoNce { temperature, groups, ..InfoNce::default() };
            let tolerance = Tolerance { value: 1e-6 / temperature, gradient: 2e-6 / temperature };
            let expected = assert_agrees(&loss, shape, &x, &y, tolerance, "");
            assert!(expected.value < 1e-9, "{}", expected.value);
        }
    }
}

#[test]
fn extreme_inputs_have_finite_gradients() {
    let _alone = alone();
    let shape = Shape { queries: 20, keys: 24, width: 6 };
    let (x, y) = batch(shape, 9);
    for size in [1e-44, 1e-30, 1e8, 1e15, 1e30] {
        let scaled = |values: &[f32]| values.iter().map(|x| x * size).collect::<Vec<f32>>();
        let (x, y) = (scaled(&x), scaled(&y));
        over_forms(shape, 0.001, |loss| {
            if size > 1e15 && !loss.normalize {
                return; // The products are beyond f32.
            }
            let (mut by_queries, mut by_keys) = (vec![f32::NAN; x.len()], vec![f32::NAN; y.len()]);
            let gradients =
                InfoNceGradients { queries: Some(&mut by_queries), keys: Some(&mut by_keys), log_scale: true };
            let found = info_nce(loss, &x, &y, 6, gradients);
            assert!(found.value.is_finite() && found.by_log_scale.unwrap().is_finite(), "{size}, {loss:?}: {found:?}");
            assert!(by_queries.iter().chain(&by_keys).all(|g| g.is_finite()), "{size}, {loss:?}");
        });
    }
    // Saturated logits of ±1e4 and more.
    let x = [100.0f32, -100.0, 100.0, 50.0];
    let y = [100.0f32, 100.0, -100.0, -100.0];
    let shape = Shape { queries: 4, keys: 4, width: 1 };
    over_forms(shape, 1.0, |loss| {
        assert_agrees(loss, shape, &x, &y, Tolerance { value: 1e-6, gradient: 3e-5 }, "saturated");
    });
}

#[test]
fn a_nan_shows_in_every_form() {
    let _alone = alone();
    let shape = Shape { queries: 20, keys: 24, width: 6 };
    let (x, y) = batch(shape, 4);
    for temperature in [0.1, 0.001] {
        for place in [0, 61, 119] {
            let (mut bad_x, mut bad_y) = (x.clone(), y.clone());
            (bad_x[place], bad_y[place]) = (f32::NAN, f32::NAN);
            let own = (0..24).map(|i| i / 2).collect::<Vec<i64>>();
            for positives in [None, Some(Positives::Outside), Some(Positives::Inside), Some(Positives::Aligned)] {
                let groups = positives.map(|positives| Groups { queries: &own[..20], keys: &own, positives });
                let loss = InfoNce { temperature, groups, ..InfoNce::default() };
                assert!(info_nce(&loss, &bad_x, &y, 6, InfoNceGradients::default()).value.is_nan(), "{loss:?}");
                assert!(info_nce(&loss, &x, &bad_y, 6, InfoNceGradients::default()).value.is_nan(), "{loss:?}");
            }
            for form in [SupConForm::Outside, SupConForm::Inside] {
                let loss = SelfContrastive { temperature, labels: &own, form, ..Default::default() };
                assert!(self_contrastive(&loss, &bad_y, 6, None, false).value.is_nan(), "{loss:?}");
            }
        }
    }
}

#[test]
fn a_mean_over_nothing_is_zero_with_gradient_zero() {
    let _alone = alone();
    let (x, y) = (numbers(1, 12), numbers(2, 9));
    for (positives, form) in [(Positives::Outside, SupConForm::Outside), (Positives::Inside, SupConForm::Inside)] {
        let groups = Some(Groups { queries: &[1, 2, 3, 4], keys: &[5, 6, 7], positives });
        for (x, y, groups) in [(&x[..], &y[..], groups), (&[], &[], None), (&[], &y, None)] {
            let (mut by_queries, mut by_keys) = (vec![f32::NAN; x.len()], vec![f32::NAN; y.len()]);
            let gradients =
                InfoNceGradients { queries: Some(&mut by_queries), keys: Some(&mut by_keys), log_scale: true };
            let found = info_nce(&InfoNce { groups, ..InfoNce::default() }, x, y, 3, gradients);
            assert_eq!(found, Contrastive { value: 0.0, by_log_scale: Some(0.0) });
            assert!(by_queries.iter().chain(&by_keys).all(|&g| g == 0.0));
        }
        let mut gradient = vec![f32::NAN; 12];
        let loss = SelfContrastive { labels: &[1, 2, 3, 4], form, ..Default::default() };
        assert_eq!(self_contrastive(&loss, &x, 3, Some(&mut gradient), false).value, 0.0);
        assert!(gradient.iter().all(|&g| g == 0.0));
    }
}

/// Threads, and memory for all tiles, for some and for none.
#[test]
fn threads_and_memory_change_no_bit() {
    let _alone = alone();
    let shape = Shape { queries: 700, keys: 1100, width: 24 };
    let (x, y) = batch(shape, 2);
    let labels = groups(700, 50);
    for temperature in [0.1, 0.002] {
        let run = |threads: usize, memory: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let (mut by_queries, mut by_keys) = (vec![0.0; x.len()], vec![0.0; y.len()]);
            let mut by_vectors = vec![0.0; x.len()];
            pool.install(|| {
                let gradients =
                    InfoNceGradients { queries: Some(&mut by_queries), keys: Some(&mut by_keys), log_scale: true };
                let pairs = info_nce(&InfoNce { memory, temperature, ..InfoNce::default() }, &x, &y, 24, gradients);
                let loss = SelfContrastive { memory, temperature, labels: &labels, ..Default::default() };
                let within = self_contrastive(&loss, &x, 24, Some(&mut by_vectors), true);
                (pairs, within, by_queries.clone(), by_keys.clone(), by_vectors.clone())
            })
        };
        let alone = run(1, 1 << 28);
        for (threads, memory) in [(2, 1 << 28), (5, 1 << 28), (1, 0), (3, 0), (2, 6 << 20), (5, 8 << 20)] {
            assert!(alone == run(threads, memory), "{threads} threads, {memory} bytes");
        }
    }
}

/// A side that isn't asked for doesn't change the other.
#[test]
fn each_gradient_can_be_asked_for_alone() {
    let _alone = alone();
    let shape = Shape { queries: 70, keys: 90, width: 5 };
    let (x, y) = batch(shape, 8);
    let loss = InfoNce::default();
    let (mut by_queries, mut by_keys) = (vec![0.0; x.len()], vec![0.0; y.len()]);
    let gradients = InfoNceGradients { queries: Some(&mut by_queries), keys: Some(&mut by_keys), log_scale: true };
    let both = info_nce(&loss, &x, &y, 5, gradients);
    let (mut queries_alone, mut keys_alone) = (vec![0.0; x.len()], vec![0.0; y.len()]);
    let queries = InfoNceGradients { queries: Some(&mut queries_alone), ..Default::default() };
    assert_eq!(info_nce(&loss, &x, &y, 5, queries).value, both.value);
    let keys = InfoNceGradients { keys: Some(&mut keys_alone), log_scale: true, ..Default::default() };
    let by_scale = info_nce(&loss, &x, &y, 5, keys).by_log_scale.unwrap();
    assert!((by_scale - both.by_log_scale.unwrap()).abs() < 1e-5);
    assert!(queries_alone == by_queries && keys_alone == by_keys);
    let scale = info_nce(&loss, &x, &y, 5, InfoNceGradients { log_scale: true, ..Default::default() });
    assert_eq!(scale, both);
}

/// Tiles of the largest side, with some rows beyond a whole number of them: against sums in f64 for some rows.
#[test]
fn tiles_of_full_size_are_exact() {
    let _alone = alone();
    let (n, width, temperature) = (4100, 6, 0.5);
    let shape = Shape { queries: n, keys: n, width };
    let (x, y) = batch(shape, 12);
    let row = |values: &[f32], i: usize| wide(&values[i * width..(i + 1) * width]);
    let logit = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f64>() / temperature;
    // The logarithms of the sums of the rows of the matrix, without what `skip` says.
    let sums = |x: &[f32], y: &[f32], skip: fn(usize, usize) -> bool| -> Vec<f64> {
        let y = (0..n).map(|j| row(y, j)).collect::<Vec<Vec<f64>>>();
        let sum = |i: usize| {
            let x = row(x, i);
            (0..n).filter(|&j| !skip(i, j)).map(|j| logit(&x, &y[j]).exp()).sum::<f64>().ln()
        };
        (0..n).into_par_iter().map(sum).collect()
    };
    // The derivative with respect to a row, where the matrix has these derivatives with respect to its logits.
    let by_row = |y: &[f32], scale: f64, slope: &dyn Fn(usize) -> f64| -> Vec<f64> {
        let mut gradient = vec![0.0; width];
        for j in 0..n {
            let factor = scale * slope(j);
            gradient.iter_mut().zip(row(y, j)).for_each(|(g, y)| *g += factor * y);
        }
        gradient
    };
    let scale = 1.0 / (temperature * n as f64);
    let some = [0, 3, 255, 256, 1700, 4095, 4096, 4099];
    let found_at = |gradient: &[f32], i: usize| gradient[i * width..(i + 1) * width].to_vec();

    let (rows, columns) = (sums(&x, &y, |_, _| false), sums(&y, &x, |_, _| false));
    let logits = |i: usize, j: usize| logit(&row(&x, i), &row(&y, j));
    let value = (0..n).map(|i| rows[i] + columns[i] - 2.0 * logits(i, i)).sum::<f64>() / (2 * n) as f64;
    for memory in [1 << 28, 0] {
        let loss = InfoNce { temperature, normalize: false, memory, ..InfoNce::default() };
        let (mut by_queries, mut by_keys) = (vec![0.0; x.len()], vec![0.0; y.len()]);
        let gradients = InfoNceGradients { queries: Some(&mut by_queries), keys: Some(&mut by_keys), log_scale: false };
        let found = info_nce(&loss, &x, &y, width, gradients);
        assert!((found.value - value).abs() < 1e-6 * value, "{} instead of {value}", found.value);
        for i in some {
            let cell = |i: usize, j: usize| {
                let s = logits(i, j);
                0.5 * ((s - rows[i]).exp() + (s - columns[j]).exp()) - f64::from(u8::from(i == j))
            };
            let expected = by_row(&y, scale, &|j| cell(i, j));
            assert_near(&found_at(&by_queries, i), &expected, 1e-5, 0.0, &format!("query {i}"));
            let expected = by_row(&x, scale, &|j| cell(j, i));
            assert_near(&found_at(&by_keys, i), &expected, 1e-5, 0.0, &format!("key {i}"));
        }
    }

    let totals = sums(&x, &x, |i, j| i == j);
    let labels = (0..n as i64).map(|i| i % 1000).collect::<Vec<i64>>();
    let count = |i: usize| (if i % 1000 < 100 { 4 } else { 3 }) as f64;
    let logits = |i: usize, j: usize| logit(&row(&x, i), &row(&x, j));
    let partner = |i: usize, j: usize| i != j && i % 1000 == j % 1000;
    let mean = |i: usize| (i % 1000..n).step_by(1000).filter(|&j| j != i).map(|j| logits(i, j)).sum::<f64>() / count(i);
    let value = (0..n).map(|i| totals[i] - mean(i)).sum::<f64>() / n as f64;
    let mut gradient = vec![0.0; x.len()];
    let loss = SelfContrastive { temperature, normalize: false, labels: &labels, ..Default::default() };
    let found = self_contrastive(&loss, &x, width, Some(&mut gradient), false);
    assert!((found.value - value).abs() < 1e-6 * value, "{} instead of {value}", found.value);
    for i in some {
        let expected = by_row(&x, scale, &|j| {
            let (s, positive) = (logits(i, j), partner(i, j));
            if i == j {
                0.0
            } else {
                (s - totals[i]).exp() + (s - totals[j]).exp() - if positive { 2.0 / count(i) } else { 0.0 }
            }
        });
        assert_near(&found_at(&gradient, i), &expected, 1e-5, 0.0, &format!("vector {i}"));
    }
}

#[test]
fn siglip_is_that_of_the_reference() {
    let _alone = alone();
    for shape in SHAPES {
        let (x, y) = batch(shape, 21);
        let (of_queries, of_keys) = (groups(shape.queries, 5), groups(shape.keys, 5));
        for groups in [None, Some([of_queries.as_slice(), &of_keys])] {
            for (temperature, bias) in [(0.1, -10.0), (0.02, -3.0), (1.0, 0.5)] {
                for (normalize, reduction) in REDUCTIONS.into_iter().flat_map(|r| [(true, r), (false, r)]) {
                    let options = reference::SigLip { temperature, bias, normalize, groups, reduction };
                    let expected = reference::siglip(&wide(&x), &wide(&y), shape.width, &options);
                    let loss = SigLip { temperature, bias, normalize, groups, reduction };
                    let (mut by_queries, mut by_keys) = (vec![f32::NAN; x.len()], vec![f32::NAN; y.len()]);
                    let to = SigLipGradients { queries: Some(&mut by_queries), keys: Some(&mut by_keys), line: true };
                    let found = siglip(&loss, &x, &y, shape.width, to);
                    let what = format!("{shape:?}, {loss:?}");
                    // Each cell has the error of its logit.
                    let scale = if normalize { 1.0 } else { (shape.width as f64 / 3.0).max(1.0) } / temperature;
                    let (of_value, of_gradient) = (1e-6 + 2e-7 * scale, 3e-6 + 1e-6 * scale);
                    let error = (found.value - expected.value).abs();
                    assert!(error <= of_value * expected.value.abs(), "{what}: {} {}", found.value, expected.value);
                    assert_near(&by_queries, &expected.gradients[0], of_gradient, 1e-8, &format!("{what}: queries"));
                    assert_near(&by_keys, &expected.gradients[1], of_gradient, 1e-8, &format!("{what}: keys"));
                    let by_line = found.by_line.unwrap();
                    for (found, expected) in by_line.into_iter().zip([&expected.gradients[2], &expected.gradients[3]]) {
                        let slack = of_gradient * (expected[0].abs() + scale);
                        assert!((found - expected[0]).abs() <= slack, "{what}: {found} instead of {}", expected[0]);
                    }
                    let alone = siglip(&loss, &x, &y, shape.width, SigLipGradients::default());
                    assert_eq!((alone.value.to_bits(), alone.by_line), (found.value.to_bits(), None), "{what}");
                    let of_line = SigLipGradients { line: true, ..Default::default() };
                    assert!(siglip(&loss, &x, &y, shape.width, of_line).by_line.is_some());
                }
            }
        }
    }
}

#[test]
fn siglip_of_any_number_of_threads_and_level_is_the_same() {
    let _alone = alone();
    let shape = Shape { queries: 700, keys: 900, width: 9 };
    let (x, y) = batch(shape, 5);
    let run = || {
        let (mut by_queries, mut by_keys) = (vec![0.0; x.len()], vec![0.0; y.len()]);
        let to = SigLipGradients { queries: Some(&mut by_queries), keys: Some(&mut by_keys), line: true };
        let loss = SigLip { temperature: 0.1, bias: -2.0, normalize: true, groups: None, reduction: Reduction::Mean };
        (siglip(&loss, &x, &y, shape.width, to), by_queries, by_keys)
    };
    let expected = run();
    for threads in [1, 3] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        assert_eq!(pool.install(run), expected, "{threads} threads");
    }
    for level in Level::available() {
        Level::force(Some(level));
        let found = run();
        Level::force(None);
        let error = (found.0.value - expected.0.value).abs();
        assert!(error <= 1e-6 * expected.0.value, "{level:?}: {} {}", found.0.value, expected.0.value);
    }
}

#[test]
fn siglip_keeps_a_nan() {
    let shape = Shape { queries: 20, keys: 33, width: 4 };
    let (x, y) = batch(shape, 8);
    let loss = SigLip { temperature: 0.1, bias: -2.0, normalize: true, groups: None, reduction: Reduction::Mean };
    let (mut broken_x, mut broken_y) = (x.clone(), y.clone());
    (broken_x[30], broken_y[129]) = (f32::NAN, f32::NAN);
    assert!(siglip(&loss, &broken_x, &y, shape.width, SigLipGradients::default()).value.is_nan());
    assert!(siglip(&loss, &x, &broken_y, shape.width, SigLipGradients::default()).value.is_nan());
}

#[test]
fn dcl_is_that_of_the_reference() {
    for (samples, width) in [(1, 3), (2, 2), (5, 4), (17, 3), (64, 8), (150, 6)] {
        let (x, y) = batch(Shape { queries: samples, keys: samples, width }, 31);
        let views = [x.clone(), y.clone()].concat();
        for sigma in [None, Some(0.5)] {
            for temperature in [0.01, 0.1, 0.5] {
                for (normalize, reduction) in REDUCTIONS.into_iter().flat_map(|r| [(true, r), (false, r)]) {
                    let options = reference::Dcl { temperature, sigma, normalize, reduction };
                    let expected = reference::dcl(&wide(&x), &wide(&y), width, &options);
                    for memory in [0, losslab_kernels::DEFAULT_MEMORY] {
                        let loss = Dcl { temperature, sigma, normalize, reduction, memory };
                        let mut gradient = vec![f32::NAN; views.len()];
                        let found = dcl(&loss, &views, width, Some(&mut gradient), true);
                        let what = format!("{samples} samples, {loss:?}");
                        let scale = if normalize { 1.0 } else { (width as f64 / 3.0).max(1.0) } / temperature;
                        // The loss is a difference of logits.
                        let size = expected.terms.iter().map(|term| term.abs()).sum::<f64>() + scale;
                        let slack =
                            if reduction == Reduction::Sum { 2e-7 * size * samples as f64 } else { 2e-7 * size };
                        let error = (found.value - expected.value).abs();
                        assert!(error <= slack, "{what}: {} instead of {}", found.value, expected.value);
                        let of_gradient = 3e-6 + 2e-6 * scale;
                        let all = [expected.gradients[0].as_slice(), &expected.gradients[1]].concat();
                        assert_near(&gradient, &all, of_gradient, 1e-8, &what);
                        let (by_scale, right) = (found.by_log_scale.unwrap(), expected.gradients[2][0]);
                        let count = if reduction == Reduction::Sum { 2.0 * samples as f64 } else { 1.0 };
                        let slack = of_gradient * (right.abs() + scale * count);
                        assert!((by_scale - right).abs() <= slack, "{what}: {by_scale} instead of {right}");
                    }
                }
            }
        }
    }
}

#[test]
fn dcl_keeps_a_nan() {
    let (x, y) = batch(Shape { queries: 20, keys: 20, width: 4 }, 8);
    let mut views = [x, y].concat();
    views[30] = f32::NAN;
    for sigma in [None, Some(0.5)] {
        assert!(dcl(&Dcl { sigma, ..Dcl::default() }, &views, 4, None, false).value.is_nan());
    }
}
