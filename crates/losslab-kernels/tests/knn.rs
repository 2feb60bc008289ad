//! Nearest neighbours and ranks against sorting all rows by plain f64 sums.

use losslab_kernels::options::Similarity;
use losslab_kernels::{Gallery, Neighbours};

const SIMILARITIES: [Similarity; 3] = [Similarity::Cosine, Similarity::Dot, Similarity::Euclidean];

/// Reproducible numbers in `[-1, 1)`.
fn numbers(seed: u64, count: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        ((state >> 40) as f32 / (1u64 << 23) as f32) - 1.0
    };
    (0..count).map(|_| next()).collect()
}

/// Small whole numbers: f64 sums of their products are exact, so that ties are those of the formula.
fn whole(seed: u64, count: usize) -> Vec<f32> {
    numbers(seed, count).into_iter().map(|x| (x * 2.5).round()).collect()
}

/// What rows are ranked by: a cosine by its square with its sign, which is exact for small whole numbers.
fn value(similarity: Similarity, x: &[f32], y: &[f32]) -> f64 {
    let sum = |term: fn(f64, f64) -> f64, x: &[f32], y: &[f32]| {
        x.iter().zip(y).map(|(&x, &y)| term(x.into(), y.into())).sum::<f64>()
    };
    let dot = |x: &[f32], y: &[f32]| sum(|x, y| x * y, x, y);
    match similarity {
        Similarity::Dot => dot(x, y),
        Similarity::Euclidean => sum(|x, y| (x - y) * (x - y), x, y),
        Similarity::Cosine => {
            let squares = dot(x, x) * dot(y, y);
            if squares == 0.0 { 0.0 } else { dot(x, y) * dot(x, y).abs() / squares }
        }
    }
}

/// All rows but the excluded one, in their order.
fn sorted(similarity: Similarity, query: &[f32], gallery: &[f32], excluded: Option<usize>) -> Vec<(f64, u32)> {
    let rows = gallery.chunks(query.len()).enumerate().filter(|(i, _)| Some(*i) != excluded);
    let mut rows: Vec<(f64, u32)> = rows.map(|(i, row)| (value(similarity, query, row), i as u32)).collect();
    // Values are finite; total_cmp would put −0 before 0.
    let nearer = |a: f64, b: f64| a.partial_cmp(&b).unwrap();
    let nearer = |a: f64, b: f64| if similarity == Similarity::Euclidean { nearer(a, b) } else { nearer(b, a) };
    rows.sort_by(|a, b| nearer(a.0, b.0).then(a.1.cmp(&b.1)));
    rows
}

fn assert_sorted(similarity: Similarity, queries: &[f32], gallery: &[f32], width: usize, k: usize, leave: bool) {
    let what = format!("{similarity:?}, width {width}, k {k}, leave-one-out {leave}");
    let excluded: Vec<usize> = (0..queries.len() / width).collect();
    let excluded = leave.then_some(excluded.as_slice());
    let prepared = Gallery::new(similarity, gallery, width);
    let found = prepared.nearest(queries, k, excluded);
    let rows = gallery.len() / width - usize::from(leave);
    assert_eq!(found.k, k.min(rows), "{what}");
    let (mut targets, mut ranks) = (Vec::new(), Vec::new());
    for (query, x) in queries.chunks(width).enumerate() {
        let expected = sorted(similarity, x, gallery, excluded.map(|excluded| excluded[query]));
        let order: Vec<u32> = expected.iter().take(k).map(|row| row.1).collect();
        assert_eq!(found.of(query), order, "{what}, query {query}");
        for (found, expected) in found.values[query * found.k..].iter().zip(&expected[..found.k]) {
            let cosine = similarity == Similarity::Cosine;
            let found = if cosine { found * found.abs() } else { *found };
            assert!((found - expected.0).abs() <= 1e-12 * expected.0.abs().max(1e-30), "{what}: {found} {expected:?}");
        }
        if !expected.is_empty() {
            ranks.push((query * 7) % expected.len());
            targets.push(expected[(query * 7) % expected.len()].1 as usize);
        }
    }
    if !targets.is_empty() {
        assert_eq!(prepared.ranks(queries, &targets, excluded), ranks, "{what}");
    }
}

#[test]
fn agrees_with_sorting_all_rows() {
    // Widths and counts beside the sizes of vectors, groups (16), tiles (1,024) and blocks (256).
    for (queries, rows, width) in [(1, 1, 1), (3, 17, 1), (5, 40, 3), (33, 1025, 8), (300, 2100, 19), (7, 3000, 65)] {
        let (x, y) = (numbers(1, queries * width), numbers(2, rows * width));
        for similarity in SIMILARITIES {
            for k in [0, 1, 2, 10, 100, rows - 1, rows, rows + 5] {
                assert_sorted(similarity, &x, &y, width, k, false);
            }
        }
    }
}

#[test]
fn leave_one_out_never_finds_itself() {
    for width in [1, 2, 5] {
        // Whole numbers: of 1,100 rows many are duplicates, some are zero.
        let x = whole(width as u64, 1100 * width);
        for similarity in SIMILARITIES {
            for k in [1, 7, 300] {
                assert_sorted(similarity, &x, &x, width, k, true);
            }
        }
    }
    let alone = Gallery::new(Similarity::Dot, &[1.0, 2.0], 2).nearest(&[1.0, 2.0], 3, Some(&[0]));
    assert_eq!(alone, Neighbours { k: 0, indices: vec![], values: vec![] });
}

#[test]
fn equal_rows_come_in_the_order_of_their_index() {
    let gallery = [0.3f32, -0.7, 0.2].repeat(3000);
    for similarity in SIMILARITIES {
        let gallery = Gallery::new(similarity, &gallery, 3);
        let found = gallery.nearest(&numbers(3, 6), 5, Some(&[1, 2999]));
        assert_eq!(found.indices, [0, 2, 3, 4, 5, 0, 1, 2, 3, 4]);
        assert_eq!(gallery.ranks(&numbers(3, 6), &[5, 2998], Some(&[1, 2999])), [4, 2998]);
    }
}

/// What a product in f32 alone can't tell apart.
#[test]
fn no_digits_are_lost() {
    let (rows, width) = (1500, 6);
    let near = |offset: f32, spread: f32| -> Vec<f32> {
        numbers(5, rows * width).into_iter().map(|x| offset + spread * x).collect()
    };
    let mut outlier = numbers(6, rows * width);
    outlier[9 * width..10 * width].iter_mut().for_each(|x| *x *= 1e6);
    let mut mixed = numbers(7, rows * width);
    mixed.iter_mut().enumerate().for_each(|(i, x)| *x *= 10f32.powi((i / width % 25) as i32 - 12));
    let cases = [
        ("far from the origin", near(1000.0, 1e-2)),
        ("nearly equal", near(1.0, 1e-5)),
        ("large", near(0.0, 1e38)),
        ("small", near(0.0, 1e-30)),
        ("an outlier", outlier),
        ("mixed lengths", mixed),
    ];
    for (name, x) in &cases {
        println!("{name}"); // shown where it fails
        for similarity in SIMILARITIES {
            assert_sorted(similarity, &x[..40 * width], x, width, 9, true);
        }
    }
    // Queries far from the gallery.
    let far: Vec<f32> = numbers(8, 20 * width).into_iter().map(|x| 1e5 * x).collect();
    for similarity in SIMILARITIES {
        assert_sorted(similarity, &far, &cases[4].1, width, 9, false);
    }
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let x = numbers(4, 1300 * 24);
    for similarity in SIMILARITIES {
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let gallery = Gallery::new(similarity, &x, 24);
                (gallery.nearest(&x, 12, None), gallery.ranks(&x, &[77; 1300], None))
            })
        };
        let one = run(1);
        assert!(one == run(2) && one == run(3));
    }
}

#[test]
fn empty_inputs_have_no_neighbours() {
    let empty = Gallery::new(Similarity::Euclidean, &[], 3);
    assert!(empty.is_empty());
    assert_eq!(empty.nearest(&[1.0, 2.0, 3.0], 2, None).k, 0);
    let gallery = Gallery::new(Similarity::Cosine, &[1.0, 2.0], 2);
    assert_eq!(gallery.len(), 1);
    assert!(gallery.nearest(&[], 1, None).indices.is_empty());
}

#[test]
#[should_panic(expected = "finite")]
fn a_nan_is_refused() {
    Gallery::new(Similarity::Dot, &[f32::NAN], 1);
}
