use crate::{at, close, embeddings, fails, numbers, orders, reordered};
use losslab::metrics::{Embeddings, Retrieval, RetrievalConfig, Similarity};
use proptest::prelude::*;

const SIMILARITIES: [Similarity; 3] = [Similarity::Cosine, Similarity::Dot, Similarity::Euclidean];

fn config(similarity: Similarity, cutoffs: &[usize]) -> RetrievalConfig {
    RetrievalConfig { similarity, cutoffs: cutoffs.to_vec(), ..Default::default() }
}

fn likeness(similarity: Similarity, x: &[f32], y: &[f32]) -> f64 {
    let dot = |x: &[f32], y: &[f32]| x.iter().zip(y).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum::<f64>();
    match similarity {
        Similarity::Dot => dot(x, y),
        Similarity::Cosine => dot(x, y) / (dot(x, x) * dot(y, y)).sqrt(),
        Similarity::Euclidean => -x.iter().zip(y).map(|(&x, &y)| (f64::from(x) - f64::from(y)).powi(2)).sum::<f64>(),
    }
}

/// Every metric from the sorted gallery of each query: recall, precision and NDCG at k, MAP@R, R-precision, MRR.
fn brute_force(
    similarity: Similarity,
    k: usize,
    [queries, gallery]: [&Embeddings; 2],
    [labels, gallery_labels]: [&[i64]; 2],
    leave_out: bool,
) -> ([f64; 6], usize) {
    let (mut sums, mut evaluated) = ([0.0; 6], 0);
    for (i, query) in queries.rows().enumerate() {
        let items = gallery.rows().enumerate().filter(|(j, _)| !(leave_out && *j == i));
        let mut items: Vec<(f64, usize)> = items.map(|(j, row)| (likeness(similarity, query, row), j)).collect();
        items.sort_by(|a, b| b.0.partial_cmp(&a.0).unwrap().then(a.1.cmp(&b.1)));
        let hits: Vec<f64> =
            items.iter().map(|item| f64::from(u8::from(gallery_labels[item.1] == labels[i]))).collect();
        let r = hits.iter().sum::<f64>() as usize;
        if r == 0 {
            continue;
        }
        evaluated += 1;
        let first = |n: usize| hits.iter().take(n).sum::<f64>();
        let discount = |rank: usize| 1.0 / (rank as f64 + 2.0).log2();
        let gain: f64 = hits.iter().take(k).enumerate().map(|(rank, hit)| hit * discount(rank)).sum();
        let best: f64 = (0..k.min(r)).map(discount).sum();
        let average: f64 = (0..r).map(|rank| hits[rank] * first(rank + 1) / (rank + 1) as f64).sum();
        let rank = hits.iter().position(|&hit| hit == 1.0).unwrap() + 1;
        let found = f64::from(u8::from(first(k) > 0.0));
        let of_query =
            [found, first(k) / k as f64, gain / best, average / r as f64, first(r) / r as f64, 1.0 / rank as f64];
        sums.iter_mut().zip(of_query).for_each(|(sum, value)| *sum += value);
    }
    (sums.map(|sum| sum / evaluated as f64), evaluated)
}

fn all(retrieval: &Retrieval, k: usize) -> [f64; 6] {
    let at_k = [retrieval.recall_at_k(k), retrieval.precision_at_k(k), retrieval.ndcg_at_k(k)];
    let others = [retrieval.map_at_r(), retrieval.r_precision(), retrieval.mrr()];
    let [a, b, c] = at_k.map(Result::unwrap);
    let [d, e, f] = others.map(Result::unwrap);
    [a, b, c, d, e, f]
}

#[test]
fn values_of_a_small_gallery() {
    // On a line, the query at 0: relevant, not, relevant, not, relevant.
    let query = embeddings(&[[0.0]]);
    let gallery = embeddings(&[[5.0], [1.0], [2.0], [3.0], [-4.0]]);
    let labels = [8, 8, 9, 8, 9];
    let found = Retrieval::with_gallery(&query, &[8], &gallery, &labels, &config(Similarity::Euclidean, &[1, 2, 4, 9]))
        .unwrap();
    assert_eq!(found.recall_at_k(1).unwrap(), 1.0);
    assert_eq!(found.precision_at_k(2).unwrap(), 0.5);
    assert_eq!(found.precision_at_k(4).unwrap(), 0.5);
    // Over K, also where the gallery is smaller.
    close(found.precision_at_k(9).unwrap(), 3.0 / 9.0);
    close(found.ndcg_at_k(4).unwrap(), (1.0 + 0.5) / (1.0 + 1.0 / 3f64.log2() + 0.5));
    close(found.map_at_r().unwrap(), (1.0 + 2.0 / 3.0) / 3.0);
    close(found.r_precision().unwrap(), 2.0 / 3.0);
    assert_eq!(found.mrr().unwrap(), 1.0);
    // The other label: not, relevant, not | relevant, not.
    let found = Retrieval::with_gallery(&query, &[9], &gallery, &labels, &config(Similarity::Euclidean, &[1])).unwrap();
    assert_eq!((found.recall_at_k(1).unwrap(), found.mrr().unwrap()), (0.0, 0.5));
    assert_eq!(found.map_at_r().unwrap(), 0.25);
}

#[test]
fn agrees_with_sorting_the_whole_gallery() {
    for (n, m, dim, classes) in [(40, 60, 3, 5), (300, 300, 8, 3), (90, 1500, 5, 60), (7, 4, 2, 2)] {
        let queries = Embeddings::try_new(numbers(n as u64, n * dim), dim).unwrap();
        let gallery = Embeddings::try_new(numbers(m as u64 + 7, m * dim), dim).unwrap();
        let ids = |count: usize, step: usize| (0..count).map(|i| ((i * step) % classes) as i64 * 1000 - 7).collect();
        let (labels, gallery_labels): (Vec<i64>, Vec<i64>) = (ids(n, 7), ids(m, 11));
        for similarity in SIMILARITIES {
            for k in [1, 5, 70] {
                let config = config(similarity, &[k]);
                let found = Retrieval::with_gallery(&queries, &labels, &gallery, &gallery_labels, &config).unwrap();
                let (expected, evaluated) =
                    brute_force(similarity, k, [&queries, &gallery], [&labels, &gallery_labels], false);
                assert_eq!((found.evaluated(), found.excluded()), (evaluated, n - evaluated));
                all(&found, k).into_iter().zip(expected).for_each(|(found, expected)| close(found, expected));

                let found = Retrieval::leave_one_out(&queries, &labels, &config).unwrap();
                let (expected, evaluated) = brute_force(similarity, k, [&queries; 2], [&labels; 2], true);
                assert_eq!(found.evaluated(), evaluated);
                all(&found, k).into_iter().zip(expected).for_each(|(found, expected)| close(found, expected));
            }
        }
    }
}

#[test]
fn mrr_reaches_beyond_the_neighbours() {
    // The only relevant item is the last of 2,500.
    let n = 2500;
    let gallery = Embeddings::try_new((0..n).map(|i| i as f32).collect(), 1).unwrap();
    let labels: Vec<i64> = (0..n).map(|i| if i == n - 1 { 1 } else { 0 }).collect();
    let query = embeddings(&[[-1.0]]);
    let found = Retrieval::with_gallery(&query, &[1], &gallery, &labels, &config(Similarity::Euclidean, &[1])).unwrap();
    assert_eq!(found.mrr().unwrap(), 1.0 / n as f64);
}

#[test]
fn a_row_never_finds_itself_but_its_duplicate() {
    // Pairs of duplicates with different labels: no row finds its own label first.
    let rows = [[1.0, 2.0], [1.0, 2.0], [-3.0, 1.0], [-3.0, 1.0]];
    for similarity in SIMILARITIES {
        let found = Retrieval::leave_one_out(&embeddings(&rows), &[1, 2, 1, 2], &config(similarity, &[1])).unwrap();
        assert_eq!(found.recall_at_k(1).unwrap(), 0.0, "{similarity:?}");
        let found = Retrieval::leave_one_out(&embeddings(&rows), &[1, 1, 2, 2], &config(similarity, &[1])).unwrap();
        assert_eq!(found.recall_at_k(1).unwrap(), 1.0, "{similarity:?}");
    }
}

#[test]
fn equally_near_items_come_by_their_index() {
    // Collapsed: everybody finds item 0, and item 0 finds item 1.
    let rows = embeddings(&[[0.5, 0.5]; 6]);
    for similarity in SIMILARITIES {
        let found = Retrieval::leave_one_out(&rows, &[4, 5, 4, 5, 4, 5], &config(similarity, &[1])).unwrap();
        close(found.recall_at_k(1).unwrap(), 2.0 / 6.0);
    }
    // Multiples of a row have the same cosine.
    let gallery = embeddings(&[[3.0, 3.0], [1.0, 1.0], [7.0, 7.0]]);
    let query = embeddings(&[[1.0, 0.0]]);
    for relevant in 0..3 {
        let labels: Vec<i64> = (0..3).map(|i| i64::from(i == relevant)).collect();
        let found = Retrieval::with_gallery(&query, &[1], &gallery, &labels, &RetrievalConfig::default()).unwrap();
        assert_eq!(found.mrr().unwrap(), 1.0 / (relevant + 1) as f64);
    }
}

/// Pitfall 2b-5: labels in f32 make these two the same.
#[test]
fn ids_16777216_and_16777217_are_different() {
    let rows = embeddings(&[[0.0], [1.0], [10.0], [11.0]]);
    let labels = [16_777_216, 16_777_217, 16_777_216, 16_777_217];
    let found = Retrieval::leave_one_out(&rows, &labels, &config(Similarity::Euclidean, &[1])).unwrap();
    assert_eq!(found.recall_at_k(1).unwrap(), 0.0);
    let labels = [i64::MAX, i64::MAX, i64::MIN, i64::MIN];
    let found = Retrieval::leave_one_out(&rows, &labels, &config(Similarity::Euclidean, &[1])).unwrap();
    assert_eq!(found.recall_at_k(1).unwrap(), 1.0);
}

#[test]
fn queries_without_a_relevant_item_are_excluded_and_counted() {
    let rows = embeddings(&[[0.0], [1.0], [2.0], [9.0]]);
    let found = Retrieval::leave_one_out(&rows, &[1, 1, 2, 3], &config(Similarity::Euclidean, &[1])).unwrap();
    assert_eq!((found.evaluated(), found.excluded()), (2, 2));
    assert_eq!(found.recall_at_k(1).unwrap(), 1.0);
}

#[test]
fn what_is_undefined_says_why() {
    let rows = embeddings(&[[0.0], [1.0]]);
    let default = RetrievalConfig::default();
    fails(Retrieval::leave_one_out(&rows, &[1, 2], &default), &["retrieval", "no query has an item of its label"]);
    fails(Retrieval::leave_one_out(&rows, &[1], &default), &["labels", "2", "1"]);
    let empty = Embeddings::try_new(vec![], 1).unwrap();
    fails(Retrieval::leave_one_out(&empty, &[], &default), &["embeddings must not be empty"]);
    fails(Retrieval::with_gallery(&rows, &[1, 1], &empty, &[], &default), &["gallery must not be empty"]);
    let wide = embeddings(&[[0.0, 1.0]]);
    fails(Retrieval::with_gallery(&rows, &[1, 1], &wide, &[1], &default), &["gallery", "rows of 1", "2"]);
    fails(Retrieval::leave_one_out(&rows, &[1, 1], &config(Similarity::Dot, &[0])), &["k must be at least 1", "0"]);
    let found =
        Retrieval::leave_one_out(&rows, &[1, 1], &RetrievalConfig { mrr: false, at_r: false, ..default }).unwrap();
    fails(found.recall_at_k(2), &["k must be one of the cutoffs [1]", "2"]);
    fails(found.mrr(), &["mrr"]);
    fails(found.map_at_r(), &["at_r"]);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 40, ..Default::default() })]

    // The numbers are drawn without ties.
    #[test]
    fn the_order_of_rows_and_the_names_of_classes_do_not_matter(
        seed in 1u64..1000,
        labels in prop::collection::vec(0i64..6, 50),
        order in orders(50),
    ) {
        let rows = Embeddings::try_new(numbers(seed, 50 * 4), 4).unwrap();
        let renamed: Vec<i64> = at(&labels, &order).iter().map(|label| 1_000_003 * (7 - label)).collect();
        for similarity in SIMILARITIES {
            let config = config(similarity, &[3]);
            let one = Retrieval::leave_one_out(&rows, &labels, &config).unwrap();
            let other = Retrieval::leave_one_out(&reordered(&rows, &order), &renamed, &config).unwrap();
            prop_assert_eq!(one.evaluated(), other.evaluated());
            all(&one, 3).into_iter().zip(all(&other, 3)).for_each(|(one, other)| close(one, other));
        }
    }
}
