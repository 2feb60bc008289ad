//! Ranked lists: NDCG, MAP, MRR, ERR.

use crate::{INCREASING, at, close, fails, orders, tied_scores};
use losslab::metrics::{Gain, MetricError, QueryMean, Rankings, Ties};
use proptest::prelude::*;

fn rankings(scores: &[f64], relevance: &[f64], queries: &[i64]) -> Rankings {
    Rankings::try_new(scores, relevance, queries).unwrap()
}

/// One query, ranked as listed.
fn listed(relevance: &[f64]) -> Rankings {
    let scores: Vec<f64> = (0..relevance.len()).map(|rank| -(rank as f64)).collect();
    rankings(&scores, relevance, &vec![1; relevance.len()])
}

fn log2(x: f64) -> f64 {
    x.log2()
}

type Metric = fn(&Rankings) -> Result<QueryMean, MetricError>;

const METRICS: [Metric; 8] = [
    |rankings| rankings.ndcg(None, Gain::Exponential),
    |rankings| rankings.ndcg(None, Gain::Linear),
    |rankings| rankings.ndcg(Some(2), Gain::Exponential),
    |rankings| rankings.mean_average_precision(),
    |rankings| rankings.mean_reciprocal_rank(None),
    |rankings| rankings.mean_reciprocal_rank(Some(2)),
    |rankings| rankings.expected_reciprocal_rank(None, None),
    |rankings| rankings.expected_reciprocal_rank(Some(2), Some(4.0)),
];

#[test]
fn values_of_one_query() {
    let ranked = listed(&[0.0, 2.0, 1.0, 0.0]);
    let mean = |result: Result<QueryMean, MetricError>| result.unwrap().mean;
    let ideal = 3.0 + 1.0 / log2(3.0);
    close(mean(ranked.ndcg(None, Gain::Exponential)), (3.0 / log2(3.0) + 1.0 / log2(4.0)) / ideal);
    close(mean(ranked.ndcg(Some(2), Gain::Exponential)), 3.0 / log2(3.0) / ideal);
    close(mean(ranked.ndcg(Some(1), Gain::Exponential)), 0.0);
    close(mean(ranked.ndcg(Some(100), Gain::Linear)), (2.0 / log2(3.0) + 1.0 / log2(4.0)) / (2.0 + 1.0 / log2(3.0)));
    close(mean(ranked.mean_average_precision()), (1.0 / 2.0 + 2.0 / 3.0) / 2.0);
    close(mean(ranked.mean_reciprocal_rank(None)), 1.0 / 2.0);
    close(mean(ranked.mean_reciprocal_rank(Some(1))), 0.0);
    // Stops at the grades 2 and 1 with probability 3/4 and 1/4.
    close(mean(ranked.expected_reciprocal_rank(None, None)), 0.75 / 2.0 + 0.25 * 0.25 / 3.0);
    close(mean(ranked.expected_reciprocal_rank(Some(2), None)), 0.75 / 2.0);
    close(mean(ranked.expected_reciprocal_rank(None, Some(4.0))), 3.0 / 16.0 / 2.0 + 13.0 / 16.0 / 16.0 / 3.0);
}

#[test]
fn the_highest_grade_is_that_of_all_queries() {
    let ranked = rankings(&[2.0, 1.0, 2.0, 1.0], &[1.0, 0.0, 0.0, 3.0], &[1, 1, 2, 2]);
    let err = ranked.expected_reciprocal_rank(None, None).unwrap();
    assert_eq!(err.per_query, [(1, 1.0 / 8.0), (2, 7.0 / 8.0 / 2.0)]);
    close(err.mean, (1.0 / 8.0 + 7.0 / 16.0) / 2.0);
    fails(ranked.expected_reciprocal_rank(None, Some(2.0)), &["err", "max_grade", "at least the grade 3", "2"]);
    fails(ranked.expected_reciprocal_rank(None, Some(f64::INFINITY)), &["max_grade"]);
    fails(ranked.expected_reciprocal_rank(None, Some(f64::NAN)), &["max_grade"]);
}

#[test]
fn ties_are_averaged_over_all_orders() {
    let ranked = rankings(&[1.0, 1.0], &[0.0, 1.0], &[1, 1]);
    let mean = |result: Result<QueryMean, MetricError>| result.unwrap().mean;
    close(mean(ranked.ndcg(None, Gain::Linear)), (1.0 + 1.0 / log2(3.0)) / 2.0);
    close(mean(ranked.ndcg(Some(1), Gain::Linear)), 0.5);
    close(mean(ranked.mean_average_precision()), (1.0 + 0.5) / 2.0);
    close(mean(ranked.mean_reciprocal_rank(None)), (1.0 + 0.5) / 2.0);
    close(mean(ranked.mean_reciprocal_rank(Some(1))), 0.5);
    close(mean(ranked.expected_reciprocal_rank(None, None)), (0.5 + 0.25) / 2.0);
    // Or taken as they come.
    let ranked = ranked.with_ties(Ties::ByOrder);
    close(mean(ranked.ndcg(None, Gain::Linear)), 1.0 / log2(3.0));
    close(mean(ranked.mean_reciprocal_rank(None)), 0.5);
    let turned = rankings(&[1.0, 1.0], &[1.0, 0.0], &[1, 1]).with_ties(Ties::ByOrder);
    close(mean(turned.mean_average_precision()), 1.0);
}

#[test]
fn perfect_orders_and_single_items() {
    for relevance in [&[3.0, 2.0, 1.0, 0.0][..], &[1.0], &[0.5, 0.0], &[1e-300], &[1e300, 1e299], &[5e-324]] {
        for gain in [Gain::Exponential, Gain::Linear] {
            close(listed(relevance).ndcg(None, gain).unwrap().mean, 1.0);
        }
        close(listed(relevance).mean_average_precision().unwrap().mean, 1.0);
        close(listed(relevance).mean_reciprocal_rank(None).unwrap().mean, 1.0);
        assert!(listed(relevance).expected_reciprocal_rank(None, None).unwrap().mean.is_finite());
    }
    // Large grades: 2^1100 isn't a number, 2^−1 is what counts.
    let large = listed(&[1099.0, 1100.0]).ndcg(None, Gain::Exponential).unwrap().mean;
    close(large, (0.5 + 1.0 / log2(3.0)) / (1.0 + 0.5 / log2(3.0)));
}

#[test]
fn edges_of_rankings() {
    fails(Rankings::try_new(&[], &[], &[]), &["scores", "empty"]);
    fails(Rankings::try_new(&[0.0], &[], &[1]), &["relevance", "1 elements like scores", "has 0"]);
    fails(Rankings::try_new(&[0.0], &[1.0], &[1, 2]), &["queries", "has 2"]);
    fails(Rankings::try_new(&[f64::NAN], &[1.0], &[1]), &["scores", "element 0 is NaN"]);
    for relevance in [-1.0, f64::NAN, f64::INFINITY] {
        fails(Rankings::try_new(&[0.0], &[relevance], &[1]), &["relevance", "finite and at least 0"]);
    }
    let nothing = rankings(&[1.0, 2.0], &[0.0, 0.0], &[1, 2]);
    for metric in METRICS {
        fails(metric(&nothing), &["undefined", "no query has a relevant item"]);
    }
    fails(nothing.ndcg(Some(0), Gain::Linear), &["ndcg", "k", "at least 1"]);
    fails(nothing.mean_reciprocal_rank(Some(0)), &["mrr", "k"]);
    fails(nothing.expected_reciprocal_rank(Some(0), None), &["err", "k"]);
    // Scores of minus infinity, as of masked items, are in order.
    let masked = rankings(&[f64::NEG_INFINITY, 0.0, f64::INFINITY], &[1.0, 1.0, 0.0], &[1, 1, 1]);
    close(masked.mean_average_precision().unwrap().mean, (1.0 / 2.0 + 2.0 / 3.0) / 2.0);
    // 0 and −0 are tied.
    close(rankings(&[-0.0, 0.0], &[1.0, 0.0], &[1, 1]).mean_reciprocal_rank(None).unwrap().mean, 0.75);
}

#[test]
fn silent_failure_row_05_and_complaint_17_query_ids_of_any_size() {
    // As f32 the first two would be one query; as array sizes the last two would need all memory.
    let queries = [16_777_216, 16_777_217, i64::MAX, i64::MIN, 16_777_216];
    let ranked = rankings(&[1.0, 2.0, 1.0, 1.0, 3.0], &[1.0, 1.0, 1.0, 0.0, 0.0], &queries);
    assert_eq!(ranked.queries(), 4);
    let mrr = ranked.mean_reciprocal_rank(None).unwrap();
    assert_eq!((mrr.evaluated, mrr.excluded), (3, 1));
    assert_eq!(mrr.per_query, [(16_777_216, 0.5), (16_777_217, 1.0), (i64::MAX, 1.0)]);
}

#[test]
fn silent_failure_row_19_a_query_without_a_relevant_item_is_no_hit() {
    // Beside a query with one.
    let ranked = rankings(&[2.0, 1.0, 2.0, 1.0], &[0.0, 1.0, 0.0, 0.0], &[1, 1, 2, 2]);
    let mrr = ranked.mean_reciprocal_rank(None).unwrap();
    assert_eq!((mrr.mean, mrr.evaluated, mrr.excluded), (0.5, 1, 1));
    assert_eq!(mrr.per_query, [(1, 0.5)]);
}

#[test]
fn complaint_39_constant_scores_are_not_perfect_and_empty_queries_are_counted() {
    // The relevant item first, which a stable sort would reward with 1.
    let ranked = rankings(&[0.5; 4], &[1.0, 0.0, 0.0, 0.0], &[1; 4]);
    let discounts = 1.0 + 1.0 / log2(3.0) + 1.0 / log2(4.0) + 1.0 / log2(5.0);
    for gain in [Gain::Exponential, Gain::Linear] {
        close(ranked.ndcg(None, gain).unwrap().mean, discounts / 4.0);
    }
    let with_empty = rankings(&[0.5; 6], &[1.0, 0.0, 0.0, 0.0, 0.0, 0.0], &[1, 1, 1, 1, 2, 3]);
    for metric in METRICS {
        let (plain, with_empty) = (metric(&ranked).unwrap(), metric(&with_empty).unwrap());
        assert_eq!((with_empty.mean, with_empty.evaluated, with_empty.excluded), (plain.mean, 1, 2));
    }
}

#[test]
fn many_tied_items_take_no_time() {
    let n = 5_000;
    let relevance: Vec<f64> = (0..n).map(|item| f64::from(item % 3)).collect();
    let ranked = rankings(&vec![0.0; n as usize], &relevance, &vec![0; n as usize]);
    for metric in METRICS {
        let mean = metric(&ranked).unwrap().mean;
        assert!(mean > 0.0 && mean < 1.0, "{mean}");
    }
}

/// All orders of `0..n`.
fn permutations(n: usize) -> Vec<Vec<usize>> {
    if n == 0 {
        return vec![vec![]];
    }
    let insert = |shorter: Vec<usize>| {
        (0..n).map(move |place| {
            let mut order = shorter.clone();
            order.insert(place, n - 1);
            order
        })
    };
    permutations(n - 1).into_iter().flat_map(insert).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn averaged_ties_are_the_mean_over_all_orders_of_the_rows(
        scores in prop::collection::vec(0u8..3, 1..6),
        grades in prop::collection::vec(0u8..4, 6),
    ) {
        let n = scores.len();
        let scores: Vec<f64> = scores.iter().map(|&score| f64::from(score)).collect();
        let relevance: Vec<f64> = grades[..n].iter().map(|&grade| f64::from(grade)).collect();
        prop_assume!(relevance.iter().any(|&grade| grade > 0.0));
        let averaged = rankings(&scores, &relevance, &vec![1; n]);
        let orders = permutations(n);
        for metric in METRICS {
            let of = |order: &Vec<usize>| {
                let ranked = rankings(&at(&scores, order), &at(&relevance, order), &vec![1; n]);
                metric(&ranked.with_ties(Ties::ByOrder)).unwrap().mean
            };
            let mean = orders.iter().map(of).sum::<f64>() / orders.len() as f64;
            close(metric(&averaged).unwrap().mean, mean);
        }
    }

    #[test]
    fn rows_and_query_names_have_no_order_and_only_the_order_of_scores_counts(
        scores in tied_scores(16),
        grades in prop::collection::vec(0u8..4, 16),
        queries in prop::collection::vec(0usize..4, 16),
        names in prop::array::uniform4(any::<i64>()),
        order in orders(16),
    ) {
        prop_assume!((1..4).all(|i| !names[..i].contains(&names[i])));
        let relevance: Vec<f64> = grades.iter().map(|&grade| f64::from(grade)).collect();
        let plain_ids: Vec<i64> = queries.iter().map(|&query| query as i64).collect();
        let named: Vec<i64> = queries.iter().map(|&query| names[query]).collect();
        prop_assume!(relevance.iter().any(|&grade| grade > 0.0));
        let plain = rankings(&scores, &relevance, &plain_ids);
        let shuffled = rankings(&at(&scores, &order), &at(&relevance, &order), &at(&named, &order));
        for metric in METRICS {
            let (plain, shuffled) = (metric(&plain).unwrap(), metric(&shuffled).unwrap());
            close(shuffled.mean, plain.mean);
            prop_assert!((0.0..=1.0 + 1e-12).contains(&plain.mean));
            prop_assert_eq!((shuffled.evaluated, shuffled.excluded), (plain.evaluated, plain.excluded));
            for increase in INCREASING {
                let other: Vec<f64> = scores.iter().map(|&score| increase(score)).collect();
                let other = metric(&rankings(&other, &relevance, &plain_ids)).unwrap();
                prop_assert_eq!(&other, &plain);
            }
        }
    }
}
