//! The quadruplet kernel against the f64 reference.

use losslab_kernels::options::{Distance, QuadrupletMining, Reduction};
use losslab_kernels::{Labelled, Metric, Quadruplet, Quadruplets, Sums, quadruplet, reference};

mod support;
use support::{numbers, wide};

const REDUCTIONS: [Reduction; 3] = [Reduction::Mean, Reduction::MeanActive, Reduction::Sum];

fn metrics() -> impl Iterator<Item = Metric> {
    let distances = [Distance::Euclidean, Distance::SquaredEuclidean, Distance::Cosine];
    distances.into_iter().flat_map(|distance| [false, true].map(|normalize| Metric { distance, normalize }))
}

fn with_margins(metric: Metric, margin: f64, pair_margin: f64) -> Quadruplet {
    Quadruplet { margin, pair_margin, metric, reduction: Reduction::Sum }
}

fn assert_agrees(loss: Quadruplet, batch: Labelled<'_>, what: &str) -> Quadruplets {
    let options = reference::Quadruplet {
        margin: loss.margin,
        pair_margin: loss.pair_margin,
        distance: loss.metric.distance,
        normalize: loss.metric.normalize,
        reduction: loss.reduction,
    };
    let all = QuadrupletMining::BatchAll;
    let expected = reference::quadruplet(&wide(batch.rows), batch.labels, batch.width, all, &options);
    let mut gradient = vec![f32::NAN; batch.rows.len()];
    let found = quadruplet(loss, batch, Some(&mut gradient));
    let error = (found.value - expected.value).abs();
    assert!(error <= 1e-12 * expected.value.max(1.0), "{what}: {} instead of {}", found.value, expected.value);
    let largest = expected.gradients[0].iter().fold(0.0f64, |largest, x| largest.max(x.abs()));
    for (i, (&found, expected)) in gradient.iter().zip(&expected.gradients[0]).enumerate() {
        let error = (f64::from(found) - expected).abs();
        assert!(error <= 5e-6 * largest + 1e-12, "{what}: gradient[{i}] is {found} instead of {expected}");
    }
    assert_eq!(found, quadruplet(loss, batch, None), "{what}: without a gradient");
    found
}

/// The number of triplets and quadruplets by going through all rows.
fn count(labels: &[i64]) -> (u64, u64) {
    let n = labels.len();
    let (mut triplets, mut quadruplets) = (0, 0);
    for i in 0..n {
        for j in (0..n).filter(|&j| j != i && labels[j] == labels[i]) {
            triplets += labels.iter().filter(|label| **label != labels[i]).count();
            for k in (0..n).filter(|&k| j > i && labels[k] != labels[i]) {
                quadruplets += (k + 1..n).filter(|&l| labels[l] != labels[i] && labels[l] != labels[k]).count();
            }
        }
    }
    (triplets as u64, quadruplets as u64)
}

#[test]
fn every_form_agrees_with_the_reference() {
    // Nothing, no third class, no class twice, one class, sizes that are no multiple of a strip.
    for (n, width, classes) in [(1, 3, 1), (6, 2, 2), (5, 2, 5), (7, 1, 3), (6, 3, 1), (13, 4, 4), (33, 7, 9)] {
        for scale in [1.0, 0.1] {
            let rows = numbers(n as u64 + 1, n * width).into_iter().map(|x| x * scale).collect::<Vec<f32>>();
            let labels = (0..n).map(|i| ((i * 5 + i / 3) % classes) as i64 - 2).collect::<Vec<i64>>();
            let batch = Labelled { rows: &rows, labels: &labels, width };
            for metric in metrics() {
                for (margin, pair_margin) in [(0.3, 0.15), (0.05, 0.4), (1.5, 1.0)] {
                    for reduction in REDUCTIONS {
                        let loss = Quadruplet { reduction, ..with_margins(metric, margin, pair_margin) };
                        let what = format!("{n} x {width}, {classes} classes, {loss:?}");
                        let found = assert_agrees(loss, batch, &what);
                        assert_eq!((found.triplets.valid, found.quadruplets.valid), count(&labels), "{what}");
                    }
                }
            }
        }
    }
}

#[test]
fn duplicates_ties_and_zero_rows_are_decided_as_the_reference_does() {
    // Points of a grid: many distances are equal, and many hinges are exactly at their kink.
    for metric in metrics() {
        let n = 16;
        let rows = (0..n * 2).map(|i| ((i * i * 7 + i) % 3) as f32).collect::<Vec<f32>>();
        let labels = (0..n).map(|i| (i * 3 % 5) as i64).collect::<Vec<i64>>();
        for margin in [0.5, 1.0, 2.0] {
            let batch = Labelled { rows: &rows, labels: &labels, width: 2 };
            assert_agrees(with_margins(metric, margin, margin), batch, &format!("grid {metric:?} {margin}"));
            let collapsed = Labelled { rows: &vec![1.0; n * 2], labels: &labels, width: 2 };
            let found = assert_agrees(with_margins(metric, margin, margin / 2.0), collapsed, "collapsed");
            assert_eq!(found.quadruplets.active, found.quadruplets.valid);
        }
    }
}

#[test]
fn far_from_the_origin_nothing_is_lost() {
    let (n, width) = (24, 16);
    let rows = numbers(9, n * width).into_iter().map(|x| x + 50.0).collect::<Vec<f32>>();
    let labels = (0..n).map(|i| (i % 8) as i64).collect::<Vec<i64>>();
    for metric in metrics() {
        assert_agrees(with_margins(metric, 0.2, 0.1), Labelled { rows: &rows, labels: &labels, width }, "far away");
    }
}

#[test]
fn a_nan_comes_out() {
    let labels = [0, 0, 1, 1, 2, 3];
    for row in 0..labels.len() {
        let mut rows = numbers(2, labels.len() * 3);
        rows[row * 3 + 1] = f32::NAN;
        for reduction in REDUCTIONS {
            let loss = Quadruplet { reduction, ..with_margins(Metric::default(), 0.2, 0.1) };
            let batch = Labelled { rows: &rows, labels: &labels, width: 3 };
            let found = quadruplet(loss, batch, Some(&mut vec![0.0; rows.len()]));
            assert!(found.value.is_nan() && found.quadruplets.total.is_nan(), "row {row}: {found:?}");
        }
    }
}

#[test]
fn nothing_is_nothing() {
    let nothing = quadruplet(
        with_margins(Metric::default(), 1.0, 1.0),
        Labelled { rows: &[], labels: &[], width: 4 },
        Some(&mut []),
    );
    assert_eq!(nothing, Quadruplets::default());
    // Two classes have triplets, and no quadruplet.
    let mut gradient = [0.0; 3];
    let batch = Labelled { rows: &[0.0, 1.0, 1.5], labels: &[0, 0, 1], width: 1 };
    let found = quadruplet(with_margins(Metric::default(), 1.0, 1.0), batch, Some(&mut gradient));
    assert_eq!((found.quadruplets, found.triplets.valid), (Sums::default(), 2));
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let (n, width) = (700, 8);
    let rows = numbers(4, n * width);
    let labels = (0..n).map(|i| (i % 60) as i64).collect::<Vec<i64>>();
    let batch = Labelled { rows: &rows, labels: &labels, width };
    let loss = Quadruplet { reduction: Reduction::Mean, ..with_margins(Metric::default(), 0.4, 0.2) };
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let mut gradient = vec![0.0; rows.len()];
        (pool.install(|| quadruplet(loss, batch, Some(&mut gradient))), gradient)
    };
    let one = run(1);
    assert!(one.0.quadruplets.active > 0);
    assert!(run(2) == one && run(5) == one);
}
