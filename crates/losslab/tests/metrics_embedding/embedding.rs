use crate::{at, close, embeddings, fails, numbers, orders, reordered};
use losslab::metrics::*;
use proptest::prelude::*;

#[test]
fn values_of_small_sets() {
    // A square of side 2.
    let square = embeddings(&[[1.0, 1.0], [1.0, -1.0], [-1.0, -1.0], [-1.0, 1.0]]);
    let labels = [3, 3, 4, 4];
    close(alignment(&square, &labels, Lengths::AsGiven).unwrap(), 4.0);
    close(alignment(&square, &labels, Lengths::Unit).unwrap(), 2.0);
    close(intra_class_distance(&square, &labels, Lengths::AsGiven).unwrap(), 2.0);
    close(inter_class_distance(&square, &labels, Lengths::AsGiven).unwrap(), (2.0 + 8f64.sqrt()) / 2.0);
    let potential = (4.0 * (-4f64).exp() + 2.0 * (-8f64).exp()) / 6.0;
    close(uniformity(&square, Lengths::Unit).unwrap(), potential.ln());
    close(effective_rank(&square, Lengths::Unit).unwrap(), 2.0);
    // Singular values 3 and 1.
    let stretched = embeddings(&[[3.0, 0.0], [0.0, 1.0]]);
    let entropy = -(0.75 * 0.75f64.ln() + 0.25 * 0.25f64.ln());
    close(effective_rank(&stretched, Lengths::AsGiven).unwrap(), entropy.exp());
}

#[test]
fn distances_agree_with_all_pairs() {
    let rows = Embeddings::try_new(numbers(3, 70 * 5), 5).unwrap();
    let labels: Vec<i64> = (0..70).map(|i| i * i % 7).collect();
    let distance = |i: usize, j: usize| {
        let terms = rows.row(i).iter().zip(rows.row(j)).map(|(&x, &y)| (f64::from(x) - f64::from(y)).powi(2));
        terms.sum::<f64>().sqrt()
    };
    let pairs: Vec<(usize, usize)> = (0..70).flat_map(|i| (i + 1..70).map(move |j| (i, j))).collect();
    let mean = |same: bool, term: fn(f64) -> f64| {
        let chosen = pairs.iter().filter(|(i, j)| (labels[*i] == labels[*j]) == same);
        let terms: Vec<f64> = chosen.map(|&(i, j)| term(distance(i, j))).collect();
        terms.iter().sum::<f64>() / terms.len() as f64
    };
    close(alignment(&rows, &labels, Lengths::AsGiven).unwrap(), mean(true, |distance| distance * distance));
    close(intra_class_distance(&rows, &labels, Lengths::AsGiven).unwrap(), mean(true, |distance| distance));
    close(inter_class_distance(&rows, &labels, Lengths::AsGiven).unwrap(), mean(false, |distance| distance));
    let sum: f64 = pairs.iter().map(|&(i, j)| (-2.0 * distance(i, j).powi(2)).exp()).sum();
    close(uniformity(&rows, Lengths::AsGiven).unwrap(), (sum / pairs.len() as f64).ln());
}

#[test]
fn collapse_and_extremes() {
    let collapsed = embeddings(&[[0.3, -0.7, 0.2]; 9]);
    close(uniformity(&collapsed, Lengths::Unit).unwrap(), 0.0);
    close(effective_rank(&collapsed, Lengths::Unit).unwrap(), 1.0);
    assert!(alignment(&collapsed, &[1; 9], Lengths::Unit).unwrap() < 1e-30);
    // exp(−2·10¹²) is 0 in f64, its logarithm isn't.
    let far = embeddings(&[[0.0], [1e6]]);
    close(uniformity(&far, Lengths::AsGiven).unwrap(), -2e12);
    // A hundredth of the spread in a direction counts as much as it is, and a missing direction for nothing.
    let thin = embeddings(&[[1.0, 0.0, 0.0], [0.0, 1e-9, 0.0]]);
    let share = f64::from(1e-9f32);
    let expected = (-(share / (1.0 + share)) * (share / (1.0 + share)).ln() + share / (1.0 + share)).exp();
    let found = effective_rank(&thin, Lengths::AsGiven).unwrap();
    assert!((found - expected).abs() < 1e-14, "{found} {expected}");
    // A zero row stays zero.
    let zero = embeddings(&[[0.0, 0.0], [0.0, 2.0]]);
    close(intra_class_distance(&zero, &[1, 1], Lengths::Unit).unwrap(), 1.0);
}

/// `Σ value · u vᵀ` over columns of Hadamard matrices, which is exact in f32: the values are the singular ones but for a
/// common factor.
fn of_singular_values(values: &[f32], rows: usize, dim: usize) -> Embeddings {
    let sign = |i: usize, j: usize| if (i & j).count_ones().is_multiple_of(2) { 1.0f32 } else { -1.0 };
    let element =
        |i: usize, j: usize| values.iter().enumerate().map(|(k, s)| s * sign(i, k + 1) * sign(j, 2 * k + 1)).sum();
    Embeddings::try_new((0..rows * dim).map(|at| element(at / dim, at % dim)).collect(), dim).unwrap()
}

#[test]
fn the_effective_rank_of_wide_tall_and_deficient_embeddings() {
    let powers: Vec<f32> = (0..12).map(|k| 0.5f32.powi(k)).collect();
    for values in [vec![1.0; 1], vec![1.0; 7], vec![2.0; 31], powers] {
        let sum: f64 = values.iter().map(|&value| f64::from(value)).sum();
        let shares = values.iter().map(|&value| f64::from(value) / sum);
        let expected = shares.map(|share| -share * share.ln()).sum::<f64>().exp();
        for (rows, dim) in [(64, 1024), (1024, 64), (64, 64)] {
            let found = effective_rank(&of_singular_values(&values, rows, dim), Lengths::AsGiven).unwrap();
            assert!((found - expected).abs() < 1e-12 * expected, "{rows}×{dim}: {found} {expected}");
        }
    }
    // Rows and columns can change places, at any scale.
    for (rows, dim) in [(1, 9), (9, 1), (5, 40), (33, 130), (90, 91)] {
        let values = numbers(7, rows * dim);
        let transposed = (0..rows * dim).map(|at| values[at % rows * dim + at / rows]);
        for scale in [1.0, 1e-18, 1e18] {
            let wide = Embeddings::try_new(values.iter().map(|x| x * scale).collect(), dim).unwrap();
            let tall = Embeddings::try_new(transposed.clone().map(|x| x * scale).collect(), rows).unwrap();
            let [wide, tall] = [wide, tall].map(|x| effective_rank(&x, Lengths::AsGiven).unwrap());
            assert!((wide - tall).abs() < 1e-12 * wide, "{rows}×{dim}: {wide} {tall}");
        }
    }
}

#[test]
fn the_effective_rank_of_a_batch_of_wide_embeddings() {
    // Random directions in many more dimensions than rows are nearly orthogonal.
    let rank = effective_rank(&Embeddings::try_new(numbers(11, 64 * 2048), 2048).unwrap(), Lengths::Unit).unwrap();
    assert!(rank > 60.0 && rank < 64.0, "{rank}");
}

#[test]
fn what_is_undefined_says_why() {
    let rows = embeddings(&[[1.0], [2.0]]);
    fails(alignment(&rows, &[1, 2], Lengths::Unit), &["alignment is undefined", "same label"]);
    fails(intra_class_distance(&rows, &[1, 2], Lengths::Unit), &["intra-class-distance is undefined", "same label"]);
    fails(inter_class_distance(&rows, &[1, 1], Lengths::Unit), &["inter-class-distance is undefined", "different"]);
    fails(alignment(&rows, &[1], Lengths::Unit), &["labels", "2 elements"]);
    fails(uniformity(&embeddings(&[[1.0]]), Lengths::Unit), &["uniformity is undefined", "two rows"]);
    fails(effective_rank(&embeddings(&[[0.0, 0.0]]), Lengths::Unit), &["effective-rank is undefined", "zero"]);
    let empty = Embeddings::try_new(vec![], 2).unwrap();
    fails(effective_rank(&empty, Lengths::Unit), &["empty"]);
    fails(intra_class_distance(&empty, &[], Lengths::Unit), &["empty"]);
}

#[test]
fn ids_16777216_and_16777217_are_different() {
    let labels = [16_777_216, 16_777_217, 16_777_216];
    let rows = embeddings(&[[0.0], [5.0], [1.0]]);
    close(intra_class_distance(&rows, &labels, Lengths::AsGiven).unwrap(), 1.0);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 40, ..Default::default() })]

    #[test]
    fn order_names_and_rotations_do_not_matter(
        seed in 1u64..1000,
        labels in prop::collection::vec(0i64..3, 20),
        order in orders(20),
    ) {
        let rows = Embeddings::try_new(numbers(seed, 20 * 3), 3).unwrap();
        let renamed: Vec<i64> = at(&labels, &order).iter().map(|label| 1_000_003 * (7 - label)).collect();
        // A turn by a right angle is exact in f32.
        let turned = reordered(&rows, &order).rows().flat_map(|row| [-row[1], row[0], row[2]]).collect();
        let turned = Embeddings::try_new(turned, 3).unwrap();
        for lengths in [Lengths::Unit, Lengths::AsGiven] {
            for metric in [alignment, intra_class_distance, inter_class_distance] {
                close(metric(&turned, &renamed, lengths).unwrap(), metric(&rows, &labels, lengths).unwrap());
            }
            close(uniformity(&turned, lengths).unwrap(), uniformity(&rows, lengths).unwrap());
            let rank = effective_rank(&rows, lengths).unwrap();
            close(effective_rank(&turned, lengths).unwrap(), rank);
            prop_assert!((1.0..=3.0 + 1e-12).contains(&rank));
        }
    }
}
