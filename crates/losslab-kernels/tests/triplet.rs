//! The triplet kernels against the f64 reference.

use losslab_kernels::options::{Distance, Reduction, SemiHardFallback, TripletMining};
use losslab_kernels::reference::{self, Mining};
use losslab_kernels::{Labelled, Metric, Sums, Triplet, TripletChoice, triplet, triplet_with_bank};

mod support;
use support::{numbers, wide};

const DISTANCES: [Distance; 3] = [Distance::Euclidean, Distance::SquaredEuclidean, Distance::Cosine];

const CHOICES: [(TripletChoice, TripletMining, SemiHardFallback); 5] = [
    (TripletChoice::All, TripletMining::BatchAll, SemiHardFallback::Skip),
    (TripletChoice::Hard { swap: false }, TripletMining::BatchHard, SemiHardFallback::Skip),
    (semi_hard(SemiHardFallback::Farthest), TripletMining::SemiHard, SemiHardFallback::Farthest),
    (semi_hard(SemiHardFallback::Nearest), TripletMining::SemiHard, SemiHardFallback::Nearest),
    (semi_hard(SemiHardFallback::Skip), TripletMining::SemiHard, SemiHardFallback::Skip),
];

const fn semi_hard(fallback: SemiHardFallback) -> TripletChoice {
    TripletChoice::SemiHard { swap: false, fallback }
}

fn swapped(choice: TripletChoice) -> Option<TripletChoice> {
    match choice {
        TripletChoice::All => None,
        TripletChoice::Hard { .. } => Some(TripletChoice::Hard { swap: true }),
        TripletChoice::SemiHard { fallback, .. } => Some(TripletChoice::SemiHard { swap: true, fallback }),
    }
}

/// What the reference gives for the sum, and how many triplets are active.
fn expected(loss: Triplet, mining: Mining, batch: Labelled<'_>) -> (reference::Evaluation, Option<u64>) {
    let swap = match loss.choice {
        TripletChoice::All => false,
        TripletChoice::Hard { swap } | TripletChoice::SemiHard { swap, .. } => swap,
    };
    let options = |reduction| reference::Triplet {
        margin: loss.margin,
        soft: loss.soft,
        swap,
        distance: loss.metric.distance,
        normalize: loss.metric.normalize,
        reduction,
    };
    let of = |reduction| reference::triplet(&wide(batch.rows), batch.labels, batch.width, mining, &options(reduction));
    let sum = of(Reduction::Sum);
    let mean = of(Reduction::MeanActive).value;
    let active = (mean > 0.0).then(|| (sum.value / mean).round() as u64);
    (sum, active)
}

fn assert_agrees(loss: Triplet, mining: Mining, batch: Labelled<'_>, slack: f32, what: &str) -> Sums {
    let (expected, active) = expected(loss, mining, batch);
    let mut gradient = vec![f32::NAN; batch.rows.len()];
    let sums = triplet(loss, batch, Some(&mut gradient));
    let error = (sums.total - expected.value).abs();
    assert!(error <= 1e-12 * expected.value.max(1.0), "{what}: {} instead of {}", sums.total, expected.value);
    active.into_iter().for_each(|active| assert_eq!(sums.active, active, "{what}: active"));
    let largest = expected.gradients[0].iter().fold(0.0f64, |largest, x| largest.max(x.abs())) as f32;
    for (i, (found, expected)) in gradient.iter().zip(&expected.gradients[0]).enumerate() {
        let error = (found - *expected as f32).abs();
        assert!(error <= slack * largest, "{what}: gradient[{i}] is {found} instead of {expected}");
    }
    assert_eq!(sums, triplet(loss, batch, None), "{what}: without a gradient");
    sums
}

fn metrics() -> impl Iterator<Item = Metric> {
    DISTANCES.into_iter().flat_map(|distance| [false, true].map(|normalize| Metric { distance, normalize }))
}

/// Every loss over a batch, the soft ones too.
fn for_each_loss(margin: f64, mut with: impl FnMut(Triplet, Mining, &str)) {
    for metric in metrics() {
        for (choice, rule, fallback) in CHOICES {
            for choice in [Some(choice), swapped(choice)].into_iter().flatten() {
                for soft in [false, true] {
                    let what = format!("{metric:?}, {choice:?}, soft: {soft}");
                    with(Triplet { margin, soft, metric, choice }, Mining { rule, fallback }, &what);
                }
            }
        }
    }
}

#[test]
fn every_triplet_loss_agrees_with_the_reference() {
    // Rows, width, classes: one row, one class, no class twice, sizes that are no multiple of a strip.
    for (n, width, classes) in [(1, 3, 1), (2, 1, 1), (5, 2, 1), (6, 3, 6), (9, 5, 3), (33, 7, 4), (67, 16, 9)] {
        let rows = numbers(n as u64, n * width);
        let labels = (0..n).map(|i| ((i * 5 + i / 3) % classes) as i64 - 2).collect::<Vec<i64>>();
        let batch = Labelled { rows: &rows, labels: &labels, width };
        for_each_loss(0.3, |loss, mining, what| {
            assert_agrees(loss, mining, batch, 4e-6, &format!("{n} x {width}, {classes} classes, {what}"));
        });
    }
}

#[test]
fn all_triplets_are_exact() {
    let width = 24;
    // Far from the origin, where products alone would lose digits.
    for (n, offset, classes) in [(64, 0.0, 2), (128, 0.0, 16), (128, 50.0, 32)] {
        let rows = numbers(8, n * width).into_iter().map(|x| x + offset).collect::<Vec<f32>>();
        let labels = (0..n).map(|i| (i % classes) as i64).collect::<Vec<i64>>();
        let batch = Labelled { rows: &rows, labels: &labels, width };
        for (metric, soft) in metrics().flat_map(|metric| [(metric, false), (metric, true)]) {
            let loss = Triplet { margin: 0.2, soft, metric, choice: TripletChoice::All };
            let mining = Mining { rule: TripletMining::BatchAll, ..Mining::default() };
            let sums =
                assert_agrees(loss, mining, batch, 1e-5, &format!("{n} + {offset}, {classes}, {metric:?} {soft}"));
            let positives = n / classes - 1;
            assert_eq!(sums.valid, (n * positives * (n - positives - 1)) as u64);
        }
    }
}

#[test]
fn ties_and_kinks_are_decided_as_the_reference_does() {
    // Points on a grid: many distances are equal, and many violations exactly 0.
    let (n, width) = (40, 2);
    let rows = (0..n * width).map(|i| ((i * 7 + i / 5) % 4) as f32).collect::<Vec<f32>>();
    let labels = (0..n).map(|i| (i % 5) as i64).collect::<Vec<i64>>();
    let batch = Labelled { rows: &rows, labels: &labels, width };
    for distance in [Distance::Euclidean, Distance::SquaredEuclidean] {
        for (choice, rule, fallback) in CHOICES {
            let metric = Metric { distance, normalize: false };
            let loss = Triplet { margin: 1.0, soft: false, metric, choice };
            assert_agrees(loss, Mining { rule, fallback }, batch, 4e-6, &format!("{metric:?}, {choice:?}"));
        }
    }
}

#[test]
fn duplicates_zero_rows_and_near_pairs_are_exact() {
    let (n, width) = (36, 6);
    let mut rows = numbers(5, n * width);
    for i in 0..n {
        match i % 4 {
            // A zero row, a duplicate, a row very close to another one.
            0 if i % 8 == 0 => rows[i * width..][..width].fill(0.0),
            1 if i > 4 => rows.copy_within((i - 4) * width..(i - 3) * width, i * width),
            2 if i > 2 => {
                rows.copy_within((i - 1) * width..i * width, i * width);
                rows[i * width] += 1e-5;
            }
            _ => {}
        }
    }
    let labels = (0..n).map(|i| (i / 3 % 4) as i64).collect::<Vec<i64>>();
    let batch = Labelled { rows: &rows, labels: &labels, width };
    for_each_loss(0.2, |loss, mining, what| {
        // The reference computes a cosine near 1, and so the choice between such, to 1e-16 in another order.
        let exact = loss.metric.distance != Distance::Cosine && !loss.metric.normalize;
        if exact || loss.choice == TripletChoice::All {
            assert_agrees(loss, mining, batch, 1e-5, what);
        }
        let mut gradient = vec![f32::NAN; rows.len()];
        let sums = triplet(loss, batch, Some(&mut gradient));
        assert!(sums.total.is_finite() && gradient.iter().all(|x| x.is_finite()), "{what}");
    });
}

#[test]
fn a_collapsed_batch_costs_the_margin_with_gradient_0() {
    let rows = [0.25f32; 6 * 3];
    let batch = Labelled { rows: &rows, labels: &[0, 0, 1, 1, 2, 2], width: 3 };
    for_each_loss(0.5, |loss, _, what| {
        let mut gradient = vec![f32::NAN; 18];
        let sums = triplet(loss, batch, Some(&mut gradient));
        let cost = if loss.soft { 0.5f64.exp().ln_1p() } else { 0.5 };
        assert!((sums.total - cost * sums.valid as f64).abs() < 1e-12, "{what}: {sums:?}");
        assert!(gradient.iter().all(|x| x.abs() < 1e-6), "{what}: {gradient:?}");
    });
}

#[test]
fn a_nan_shows_where_it_enters_and_only_there() {
    let width = 3;
    for broken in 0..8 {
        let mut rows = numbers(3, 8 * width);
        rows[broken * width + 1] = f32::NAN;
        let batch = Labelled { rows: &rows, labels: &[0, 0, 0, 1, 1, 2, 2, 3], width };
        for_each_loss(0.2, |loss, mining, what| {
            let sums = triplet(loss, batch, None);
            let (expected, _) = expected(loss, mining, batch);
            assert_eq!(sums.total.is_nan(), expected.value.is_nan(), "{what} row {broken}");
        });
    }
    // No query has a negative: nothing enters.
    let mut rows = numbers(3, 4 * width);
    rows[0] = f32::NAN;
    let batch = Labelled { rows: &rows, labels: &[0; 4], width };
    for_each_loss(0.2, |loss, _, what| {
        let mut gradient = vec![f32::NAN; rows.len()];
        assert_eq!(triplet(loss, batch, Some(&mut gradient)), Sums::default(), "{what}");
        assert!(gradient.iter().all(|&x| x == 0.0), "{what}");
    });
}

#[test]
fn embeddings_of_any_size_are_finite() {
    for scale in [1e-42f32, 1e-20, 1e18, 1e37] {
        let rows = numbers(17, 24 * 4).into_iter().map(|x| x * scale).collect::<Vec<f32>>();
        let labels = (0..24).map(|i| i % 4).collect::<Vec<i64>>();
        let batch = Labelled { rows: &rows, labels: &labels, width: 4 };
        for_each_loss(0.2, |loss, _, what| {
            let mut gradient = vec![f32::NAN; rows.len()];
            let sums = triplet(loss, batch, Some(&mut gradient));
            assert!(sums.total.is_finite(), "{scale} {what}");
            if loss.metric.distance != Distance::SquaredEuclidean {
                assert!(gradient.iter().all(|x| x.is_finite()), "{scale} {what}");
            }
        });
    }
}

/// A batch against itself with the anchor taken out is the same as each anchor against a bank of the others.
#[test]
fn a_bank_gives_what_the_batch_does() {
    let (n, width) = (45, 5);
    let rows = numbers(21, n * width);
    let labels = (0..n).map(|i| (i * i % 7) as i64).collect::<Vec<i64>>();
    for_each_loss(0.3, |loss, _, what| {
        let (mut total, mut gradient) = (Sums::default(), vec![0.0f64; rows.len()]);
        for a in 0..n {
            let others = |values: &[f32]| [&values[..a * width], &values[(a + 1) * width..]].concat();
            let other_labels = [&labels[..a], &labels[a + 1..]].concat();
            let bank = Labelled { rows: &others(&rows), labels: &other_labels, width };
            let query = Labelled { rows: &rows[a * width..][..width], labels: &labels[a..=a], width };
            let (mut by_query, mut by_bank) = (vec![f32::NAN; width], vec![f32::NAN; (n - 1) * width]);
            let sums = triplet_with_bank(loss, query, bank, [Some(&mut by_query), Some(&mut by_bank)]);
            total.total += sums.total;
            total.valid += sums.valid;
            total.active += sums.active;
            let places = (0..a * width).chain((a + 1) * width..n * width);
            places.zip(by_bank).for_each(|(place, g)| gradient[place] += f64::from(g));
            by_query.iter().enumerate().for_each(|(at, &g)| gradient[a * width + at] += f64::from(g));
        }
        let mut whole = vec![f32::NAN; rows.len()];
        let sums = triplet(loss, Labelled { rows: &rows, labels: &labels, width }, Some(&mut whole));
        assert!((sums.total - total.total).abs() <= 1e-11 * sums.total, "{what}: {sums:?} {total:?}");
        assert_eq!((sums.valid, sums.active), (total.valid, total.active), "{what}");
        let largest = gradient.iter().fold(0.0f64, |largest, x| largest.max(x.abs()));
        for (found, expected) in whole.iter().zip(&gradient) {
            assert!((f64::from(*found) - expected).abs() <= 1e-5 * largest, "{what}");
        }
    });
}

#[test]
fn an_empty_bank_or_no_query_is_nothing() {
    let some = Labelled { rows: &[1.0, 2.0], labels: &[0], width: 2 };
    let none = Labelled { rows: &[], labels: &[], width: 2 };
    for_each_loss(0.3, |loss, _, what| {
        let mut gradient = [f32::NAN; 2];
        assert_eq!(
            triplet_with_bank(loss, some, none, [Some(&mut gradient), Some(&mut [])]),
            Sums::default(),
            "{what}"
        );
        assert_eq!(gradient, [0.0; 2]);
        let mut gradient = [f32::NAN; 2];
        assert_eq!(
            triplet_with_bank(loss, none, some, [Some(&mut []), Some(&mut gradient)]),
            Sums::default(),
            "{what}"
        );
        assert_eq!(gradient, [0.0; 2]);
        assert_eq!(triplet(loss, none, Some(&mut [])), Sums::default());
    });
}

/// The same on pools of 1, 2, 3 and 5 threads.
fn assert_the_same_on_any_pool<T: PartialEq + Send>(what: &str, run: impl Fn() -> T + Sync) {
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(&run)
    };
    let alone = on(1);
    for threads in [2, 3, 5] {
        assert!(alone == on(threads), "{what}: {threads} threads");
    }
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|x| x.to_bits()).collect()
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let (n, width) = (300, 19);
    let rows = numbers(4, n * width);
    let labels = (0..n).map(|i| (i % 31) as i64).collect::<Vec<i64>>();
    let batch = Labelled { rows: &rows, labels: &labels, width };
    for_each_loss(0.2, |loss, _, what| {
        assert_the_same_on_any_pool(what, || {
            let mut gradient = vec![f32::NAN; rows.len()];
            let sums = triplet(loss, batch, Some(&mut gradient));
            (sums.total.to_bits(), sums.valid, sums.active, bits(&gradient))
        });
    });
}

#[test]
fn the_number_of_threads_changes_no_bit_against_a_bank() {
    // Several strips of queries, the last one short.
    let (n, m, width) = (150, 331, 7);
    let (rows, others) = (numbers(6, n * width), numbers(7, m * width));
    let labels = |count: usize| (0..count).map(|i| (i * i % 29) as i64).collect::<Vec<i64>>();
    let (of_rows, of_others) = (labels(n), labels(m));
    let queries = Labelled { rows: &rows, labels: &of_rows, width };
    let bank = Labelled { rows: &others, labels: &of_others, width };
    for_each_loss(0.2, |loss, _, what| {
        assert_the_same_on_any_pool(what, || {
            let (mut by_queries, mut by_bank) = (vec![f32::NAN; rows.len()], vec![f32::NAN; others.len()]);
            let sums = triplet_with_bank(loss, queries, bank, [Some(&mut by_queries), Some(&mut by_bank)]);
            assert!(by_queries.iter().chain(&by_bank).all(|g| g.is_finite()), "{what}");
            (sums.total.to_bits(), sums.valid, sums.active, bits(&by_queries), bits(&by_bank))
        });
    });
}
