//! The contrastive kernel over all pairs against the f64 reference.

use losslab_kernels::options::{Distance, Reduction};
use losslab_kernels::{
    BatchContrastive, Labelled, Metric, Sums, batch_contrastive, batch_contrastive_with_bank, reference,
};

mod support;
use support::{numbers, wide};

fn losses() -> Vec<BatchContrastive> {
    let mut losses = vec![];
    for distance in [Distance::Euclidean, Distance::SquaredEuclidean, Distance::Cosine] {
        for (normalize, half) in [(false, true), (true, true), (false, false)] {
            for (positive_margin, negative_margin) in [(0.0, 1.0), (0.25, 1.75)] {
                let metric = Metric { distance, normalize };
                losses.push(BatchContrastive { positive_margin, negative_margin, half, metric });
            }
        }
    }
    losses
}

fn assert_agrees(loss: BatchContrastive, batch: Labelled<'_>, what: &str) {
    let of = |reduction| {
        let options = reference::BatchContrastive {
            positive_margin: loss.positive_margin,
            negative_margin: loss.negative_margin,
            half: loss.half,
            distance: loss.metric.distance,
            normalize: loss.metric.normalize,
            reduction,
        };
        reference::batch_contrastive(&wide(batch.rows), batch.labels, batch.width, &options)
    };
    let expected = of(Reduction::Sum);
    let mut gradient = vec![f32::NAN; batch.rows.len()];
    let sums = batch_contrastive(loss, batch, Some(&mut gradient));
    let error = (sums.total - expected.value).abs();
    assert!(error <= 1e-12 * expected.value.max(1.0), "{what}: {} instead of {}", sums.total, expected.value);
    assert_eq!(sums.valid as usize, expected.terms.len(), "{what}");
    assert_eq!(sums.active as usize, expected.terms.iter().filter(|&&term| term > 0.0).count(), "{what}");
    let largest = expected.gradients[0].iter().fold(0.0f64, |largest, x| largest.max(x.abs()));
    for (i, (&found, expected)) in gradient.iter().zip(&expected.gradients[0]).enumerate() {
        let error = (f64::from(found) - expected).abs();
        assert!(error <= 5e-6 * largest, "{what}: gradient[{i}] is {found} instead of {expected}");
    }
    assert_eq!(sums, batch_contrastive(loss, batch, None), "{what}: without a gradient");
}

#[test]
fn every_form_agrees_with_the_reference() {
    for (n, width, classes) in [(1, 3, 1), (2, 1, 1), (5, 2, 1), (6, 3, 6), (34, 7, 4), (131, 16, 9)] {
        // From far apart to well within the margins.
        for scale in [1.0, 0.2] {
            let rows = numbers(n as u64, n * width).into_iter().map(|x| x * scale).collect::<Vec<f32>>();
            let labels = (0..n).map(|i| ((i * 5 + i / 3) % classes) as i64 - 2).collect::<Vec<i64>>();
            let batch = Labelled { rows: &rows, labels: &labels, width };
            for loss in losses() {
                assert_agrees(loss, batch, &format!("{n} x {width}, {classes} classes, {loss:?}"));
            }
        }
    }
}

#[test]
fn kinks_duplicates_and_zero_rows_are_decided_as_the_reference_does() {
    let (n, width) = (50, 2);
    let rows = (0..n * width).map(|i| ((i * 7 + i / 5) % 4) as f32 * 0.5).collect::<Vec<f32>>();
    let labels = (0..n).map(|i| (i % 5) as i64).collect::<Vec<i64>>();
    // The roundings of directions decide kinks of their own.
    for loss in losses().into_iter().filter(|loss| !loss.metric.normalize && loss.metric.distance != Distance::Cosine) {
        assert_agrees(loss, Labelled { rows: &rows, labels: &labels, width }, &format!("{loss:?}"));
    }
    for loss in losses() {
        let mut gradient = vec![f32::NAN; n * width];
        let sums = batch_contrastive(loss, Labelled { rows: &rows, labels: &labels, width }, Some(&mut gradient));
        assert!(sums.total.is_finite() && gradient.iter().all(|x| x.is_finite()), "{loss:?}");
    }
}

#[test]
fn a_nan_comes_out_and_no_pair_is_nothing() {
    let mut rows = numbers(3, 9 * 4);
    rows[17] = f32::NAN;
    for loss in losses() {
        let batch = Labelled { rows: &rows, labels: &[0, 1, 2, 0, 1, 2, 0, 1, 2], width: 4 };
        assert!(batch_contrastive(loss, batch, None).total.is_nan());
        for count in [0, 1] {
            let batch = Labelled { rows: &rows[..count * 4], labels: &[5][..count], width: 4 };
            let mut gradient = vec![f32::NAN; count * 4];
            assert_eq!(batch_contrastive(loss, batch, Some(&mut gradient)), Sums::default());
            assert!(gradient.iter().all(|&x| x == 0.0));
        }
    }
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let (n, width) = (400, 19);
    let rows = numbers(4, n * width).into_iter().map(|x| x * 0.3).collect::<Vec<f32>>();
    let labels = (0..n).map(|i| (i % 31) as i64).collect::<Vec<i64>>();
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let mut gradient = vec![0.0; rows.len()];
        let batch = Labelled { rows: &rows, labels: &labels, width };
        let sums = pool.install(|| batch_contrastive(losses()[0], batch, Some(&mut gradient)));
        (sums.total.to_bits(), sums.active, gradient)
    };
    let alone = run(1);
    assert_eq!(alone, run(2));
    assert_eq!(alone, run(5));
}

#[test]
fn a_bank_has_the_pairs_of_the_whole_set_that_are_not_within_a_part() {
    let (n, m, width) = (37, 64, 5);
    let rows = numbers(3, (n + m) * width).into_iter().map(|x| x * 0.5).collect::<Vec<f32>>();
    let labels = (0..n + m).map(|i| (i * 7 % 6) as i64).collect::<Vec<i64>>();
    let of = |range: std::ops::Range<usize>| Labelled {
        rows: &rows[range.start * width..range.end * width],
        labels: &labels[range],
        width,
    };
    for loss in losses() {
        let alone = |range: std::ops::Range<usize>| {
            let mut gradient = vec![0.0; range.len() * width];
            (batch_contrastive(loss, of(range), Some(&mut gradient)), gradient)
        };
        let [all, queries, bank] = [0..n + m, 0..n, n..n + m].map(alone);
        let mut by = [vec![f32::NAN; n * width], vec![f32::NAN; m * width]];
        let [by_queries, by_bank] = by.each_mut().map(|gradient| Some(&mut gradient[..]));
        let sums = batch_contrastive_with_bank(loss, of(0..n), of(n..n + m), [by_queries, by_bank]);
        let expected = all.0.total - queries.0.total - bank.0.total;
        assert!((sums.total - expected).abs() <= 1e-9 * all.0.total, "{loss:?}: {} not {expected}", sums.total);
        assert_eq!((sums.valid, sums.active), ((n * m) as u64, all.0.active - queries.0.active - bank.0.active));
        let largest = all.1.iter().fold(0.0f32, |largest, x| largest.max(x.abs()));
        let parts = queries.1.iter().chain(&bank.1);
        for (found, (all, part)) in by.concat().iter().zip(all.1.iter().zip(parts)) {
            assert!((found - (all - part)).abs() <= 2e-5 * largest, "{loss:?}: {found} not {}", all - part);
        }
        let none = batch_contrastive_with_bank(loss, of(0..n), of(0..0), [None, None]);
        assert_eq!(none, Sums::default());
    }
}
