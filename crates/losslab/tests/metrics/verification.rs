//! Pairs: equal error rate, accuracy, TAR@FAR.

use crate::{INCREASING, at, close, fails, orders, tied_scores};
use burn::config::{Config, config_to_json};
use losslab::Distance;
use losslab::metrics::{
    BinaryCounts, ChosenThreshold, Criterion, Embeddings, Orientation, RocPoint, TarAtFar, VerificationPairs,
    best_verification_accuracy, choose_threshold, equal_error_rate, tar_at_far, verification_accuracy,
    verification_roc,
};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use Orientation::Similarity;

#[test]
fn the_equal_error_rate_on_a_point_of_the_curve() {
    let eer = equal_error_rate(&[0.9, 0.8, 0.3, 0.6, 0.2, 0.1], &[true, true, true, false, false, false], Similarity);
    let eer = eer.unwrap();
    // At 0.6: one of three accepted wrongly, one of three rejected wrongly.
    assert_eq!((eer.rate, eer.threshold, eer.far, eer.frr), (1.0 / 3.0, 0.6, 1.0 / 3.0, 1.0 / 3.0));
}

#[test]
fn the_equal_error_rate_between_two_points() {
    // (FAR, FRR): (0, 1), (0, 1/2), (1/3, 1/2), (1/3, 0): they cross halfway up the step of FRR at FAR 1/3.
    let same = [true, false, true, false, false];
    let eer = equal_error_rate(&[0.9, 0.8, 0.7, 0.2, 0.1], &same, Similarity).unwrap();
    close(eer.rate, 1.0 / 3.0);
    assert_eq!((eer.threshold, eer.far, eer.frr), (0.8, 1.0 / 3.0, 0.5));
    // A tie of both kinds: from (0, 1/2) to (1/3, 0), crossed at 1/5.
    let eer = equal_error_rate(&[0.9, 0.8, 0.8, 0.2, 0.1], &same, Similarity).unwrap();
    close(eer.rate, 0.2);
}

#[test]
fn edges_of_the_equal_error_rate() {
    let same = [true, true, false, false];
    let perfect = equal_error_rate(&[4.0, 3.0, 2.0, 1.0], &same, Similarity).unwrap();
    assert_eq!((perfect.rate, perfect.threshold), (0.0, 3.0));
    assert_eq!(equal_error_rate(&[4.0, 3.0, 2.0, 1.0], &same, Orientation::Distance).unwrap().rate, 1.0);
    let constant = equal_error_rate(&[0.5; 4], &same, Similarity).unwrap();
    assert_eq!((constant.rate, constant.threshold, constant.far, constant.frr), (0.5, 0.5, 1.0, 0.0));
    fails(equal_error_rate(&[], &[], Similarity), &["scores", "empty"]);
    fails(equal_error_rate(&[0.1, 0.2], &[true, true], Similarity), &["undefined", "all pairs are of the same class"]);
    fails(equal_error_rate(&[0.1, 0.2], &[false, false], Similarity), &["undefined", "no pair is of the same class"]);
    fails(equal_error_rate(&[0.1, f64::NAN], &[true, false], Similarity), &["finite", "element 1 is NaN"]);
    fails(equal_error_rate(&[0.1], &[true, false], Similarity), &["same", "has 2"]);
}

#[test]
fn the_best_accuracy_and_the_accuracy_at_a_threshold() {
    let (distances, same) = ([0.1, 0.4, 0.5, 0.8], [true, false, true, false]);
    let best = best_verification_accuracy(&distances, &same, Orientation::Distance).unwrap();
    // 0.1 and 0.5 are both right on three; 0.1 is stricter.
    assert_eq!((best.threshold, best.value), (0.1, 0.75));
    let at = |threshold| verification_accuracy(&distances, &same, Orientation::Distance, threshold);
    assert_eq!(at(best.threshold), Ok(best.value));
    assert_eq!(at(0.4), Ok(0.5));
    assert_eq!(at(f64::NEG_INFINITY), Ok(0.5));
    fails(at(f64::NAN), &["threshold", "NaN"]);
    // Accepting nothing is right on two of three.
    let none = best_verification_accuracy(&[0.1, 0.2, 0.3], &[false, true, false], Orientation::Distance).unwrap();
    assert_eq!((none.threshold, none.value), (f64::NEG_INFINITY, 2.0 / 3.0));
    // With one kind of pair some threshold is always right, but a given one need not be.
    fails(
        best_verification_accuracy(&[0.1, 0.2], &[true, true], Similarity),
        &["undefined", "all pairs are of the same"],
    );
    fails(best_verification_accuracy(&[0.1, 0.2], &[false, false], Similarity), &["undefined", "no pair"]);
    assert_eq!(verification_accuracy(&[0.1, 0.2], &[true, true], Similarity, 0.2), Ok(0.5));
    fails(best_verification_accuracy(&[], &[], Similarity), &["empty"]);
}

#[test]
fn tar_at_far_does_not_interpolate() {
    let scores = [0.9, 0.8, 0.7, 0.6, 0.5, 0.4];
    let same = [true, false, true, true, false, false];
    let at = |far| tar_at_far(&scores, &same, Similarity, far).unwrap();
    assert_eq!((at(0.0).tar, at(0.0).far, at(0.0).threshold), (1.0 / 3.0, 0.0, 0.9));
    assert_eq!(at(0.33).tar, 1.0 / 3.0);
    assert_eq!((at(1.0 / 3.0).tar, at(1.0 / 3.0).far, at(1.0 / 3.0).threshold), (1.0, 1.0 / 3.0, 0.6));
    // More false accepts are allowed, but of no use.
    assert_eq!((at(1.0).tar, at(1.0).far), (1.0, 1.0 / 3.0));
    let nothing = tar_at_far(&[0.5, 0.5], &[true, false], Similarity, 0.5).unwrap();
    assert_eq!((nothing.tar, nothing.far, nothing.threshold), (0.0, 0.0, f64::INFINITY));
    for far in [-0.1, 1.1, f64::NAN] {
        fails(tar_at_far(&scores, &same, Similarity, far), &["far", "in [0, 1]"]);
    }
}

#[test]
fn one_false_accept_in_a_thousand_is_a_far_of_a_thousandth() {
    for (negatives, far) in [(1000, 0.001), (10, 0.1), (30, 0.1), (100, 0.07)] {
        // Alternating from the top: every further accept costs one false accept.
        let allowed = (negatives as f64 * far).round() as usize;
        let scores: Vec<f64> = (0..2 * negatives).map(|i| -(i as f64)).collect();
        let same: Vec<bool> = (0..2 * negatives).map(|i| i % 2 == 1).collect();
        let point = tar_at_far(&scores, &same, Similarity, far).unwrap();
        assert_eq!(point.tar, allowed as f64 / negatives as f64);
    }
}

#[test]
fn the_roc_curve_keeps_the_scores_of_distances() {
    let roc = verification_roc(&[0.1, 0.9, 0.5], &[true, false, true], Orientation::Distance).unwrap();
    let thresholds: Vec<f64> = roc.points().iter().map(|point| point.threshold).collect();
    assert_eq!(thresholds, [f64::NEG_INFINITY, 0.1, 0.5, 0.9]);
    assert_eq!(roc.area(), 1.0);
}

#[test]
fn pairs_of_embeddings() {
    let rows = Embeddings::try_new(vec![1.0, 0.0, 0.0, 2.0, -3.0, 0.0, 0.0, 0.0], 2).unwrap();
    let of = |distance| VerificationPairs::all(&rows, &[5, 5, -1, 5], distance).unwrap();
    assert_eq!(of(Distance::SquaredEuclidean).distances, [5.0, 16.0, 1.0, 13.0, 4.0, 9.0]);
    assert_eq!(of(Distance::Euclidean).distances, [5f64.sqrt(), 4.0, 1.0, 13f64.sqrt(), 2.0, 3.0]);
    // The cosine with a zero vector is 0.
    assert_eq!(of(Distance::Cosine).distances, [1.0, 2.0, 1.0, 1.0, 1.0, 1.0]);
    assert_eq!(of(Distance::Cosine).same, [true, false, true, false, true, false]);
    let other = Embeddings::try_new(vec![1.0, 1.0, 0.0, 2.0, 0.0, 0.0, 1.0, 0.0], 2).unwrap();
    let listed = VerificationPairs::row_by_row(&rows, &other, &[true; 4], Distance::SquaredEuclidean).unwrap();
    assert_eq!(listed.distances, [1.0, 0.0, 9.0, 1.0]);
    let one = Embeddings::try_new(vec![1.0, 0.0], 2).unwrap();
    fails(VerificationPairs::all(&one, &[0], Distance::Cosine), &["undefined", "1 rows make no pair"]);
    fails(VerificationPairs::all(&rows, &[0], Distance::Cosine), &["labels", "4 elements", "has 1"]);
    fails(VerificationPairs::row_by_row(&rows, &one, &[true; 4], Distance::Cosine), &["right", "rows of left"]);
    let narrow = Embeddings::try_new(vec![1.0; 4], 1).unwrap();
    fails(VerificationPairs::row_by_row(&rows, &narrow, &[true; 4], Distance::Cosine), &["a row of right"]);
}

#[test]
fn silent_failure_row_05_neighbouring_large_ids_differ() {
    // As f32, both labels are 16777216.
    let rows = Embeddings::try_new(vec![0.0, 0.0, 1.0], 1).unwrap();
    let pairs = VerificationPairs::all(&rows, &[16_777_216, 16_777_217, 16_777_216], Distance::Euclidean).unwrap();
    assert_eq!(pairs.same, [false, true, false]);
    let pairs = VerificationPairs::all(&rows, &[i64::MAX, i64::MAX - 1, i64::MIN], Distance::Euclidean).unwrap();
    assert_eq!(pairs.same, [false; 3]);
}

#[test]
fn sampled_pairs_are_half_and_half_and_uniform_in_their_kind() {
    // Of row i and row j the squared distance is another one for each pair. Labels of 1, 2 and 4 rows, mixed.
    let labels = [3, 1, 3, -7, 3, 1, 3];
    let places = [0.0, 1.0, 3.0, 7.0, 12.0, 20.0, 30.0];
    let rows = Embeddings::try_new(places.to_vec(), 1).unwrap();
    let draw = |count, seed| VerificationPairs::sampled(&rows, &labels, Distance::Euclidean, count, seed).unwrap();
    let all = VerificationPairs::all(&rows, &labels, Distance::Euclidean).unwrap();
    let count = 140_001;
    let pairs = draw(count, 5);
    assert_eq!((pairs.distances.len(), pairs.same.len()), (count, count));
    assert_eq!(pairs.same.iter().filter(|&&same| same).count(), 70_001);
    for kind in [true, false] {
        let of = |pairs: &VerificationPairs| {
            let mut found: Vec<f64> = std::iter::zip(&pairs.distances, &pairs.same)
                .filter(|pair| *pair.1 == kind)
                .map(|pair| *pair.0)
                .collect();
            found.sort_by(f64::total_cmp);
            found
        };
        let (expected, found) = (of(&all), of(&pairs));
        assert_eq!(expected.len(), if kind { 7 } else { 14 });
        assert!(found.iter().all(|distance| expected.contains(distance)));
        for distance in &expected {
            let share =
                |found: &[f64]| found.iter().filter(|other| *other == distance).count() as f64 / found.len() as f64;
            let (share, expected) = (share(&found), share(&expected));
            let error = (expected * (1.0 - expected) / 70_000.0).sqrt();
            assert!((share - expected).abs() < 5.0 * error, "{distance}: {share} instead of {expected}");
        }
    }
    assert_eq!(draw(50, 9), draw(50, 9));
    assert_ne!(draw(50, 9), draw(50, 10));
    assert_eq!(draw(2, 0).same, [true, false]);
}

#[test]
fn sampled_pairs_need_both_kinds_and_find_the_rarest() {
    let of = |labels: &[i64], count| {
        let rows = Embeddings::try_new((0..labels.len()).map(|row| row as f32).collect(), 1).unwrap();
        VerificationPairs::sampled(&rows, labels, Distance::Euclidean, count, 1)
    };
    fails(of(&[1, 2, 3], 10), &["undefined", "no pair is of the same class"]);
    fails(of(&[1, 1, 1], 10), &["undefined", "all pairs are of the same class"]);
    for labels in [&[][..], &[1]] {
        fails(of(labels, 10), &["undefined", "no pair"]);
    }
    fails(of(&[1, 1, 2], 1), &["count", "at least 2", "1"]);
    let rows = Embeddings::try_new(vec![0.0; 3], 1).unwrap();
    fails(VerificationPairs::sampled(&rows, &[0], Distance::Cosine, 10, 0), &["labels", "3 elements", "has 1"]);
    // One pair of the same label among 200 million, and one row of another label among 20,000.
    let mut labels: Vec<i64> = (0..20_000).collect();
    labels[19_999] = 4;
    let pairs = of(&labels, 20).unwrap();
    assert!(pairs.distances[..10].iter().all(|&distance| distance == 19_995.0));
    let mut labels = vec![0; 20_000];
    labels[0] = i64::MIN;
    assert!(of(&labels, 20).unwrap().same.contains(&false));
}

#[test]
fn sampled_pairs_estimate_the_rates_of_all() {
    // Classes of 3 to 12 rows, as numbers around the number of their class.
    let labels: Vec<i64> = (0..60).flat_map(|class| vec![class % 20; 1 + class as usize % 4]).collect();
    let noise = |row: usize| (row as f64 * 0.618_034).fract() as f32 * 6.0;
    let places = labels.iter().enumerate().map(|(row, &label)| label as f32 + noise(row)).collect();
    let rows = Embeddings::try_new(places, 1).unwrap();
    let all = VerificationPairs::all(&rows, &labels, Distance::Euclidean).unwrap();
    let sampled = VerificationPairs::sampled(&rows, &labels, Distance::Euclidean, 200_000, 3).unwrap();
    let rate = |pairs: &VerificationPairs| {
        equal_error_rate(&pairs.distances, &pairs.same, Orientation::Distance).unwrap().rate
    };
    let area = |pairs: &VerificationPairs| {
        verification_roc(&pairs.distances, &pairs.same, Orientation::Distance).unwrap().area()
    };
    assert!((0.05..0.45).contains(&rate(&all)));
    assert!((rate(&sampled) - rate(&all)).abs() < 0.008, "{} and {}", rate(&sampled), rate(&all));
    assert!((area(&sampled) - area(&all)).abs() < 0.008);
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(transparent)]
struct Json<T>(T);

impl<T: std::fmt::Debug + Serialize + serde::de::DeserializeOwned> Config for Json<T> {}

#[test]
fn infinite_thresholds_survive_json() {
    #[track_caller]
    fn round_trip<T>(value: T, contains: &str)
    where
        T: Clone + std::fmt::Debug + PartialEq + Serialize + serde::de::DeserializeOwned,
    {
        let json = config_to_json(&Json(value.clone()));
        assert!(json.contains(contains), "{json}");
        assert_eq!(Json::<T>::load_binary(json.as_bytes()).unwrap().0, value);
    }
    for (threshold, text) in [
        (f64::INFINITY, r#""threshold": "inf""#),
        (f64::NEG_INFINITY, r#""threshold": "-inf""#),
        (0.25, r#""threshold": 0.25"#),
        (-2.0, r#""threshold": -2.0"#),
    ] {
        round_trip(RocPoint { threshold, false_positive_rate: 0.0, true_positive_rate: 0.5 }, text);
        round_trip(TarAtFar { tar: 0.0, far: 0.0, threshold }, text);
        let counts = BinaryCounts { true_negative: 3, ..Default::default() };
        round_trip(ChosenThreshold { threshold, value: 0.75, counts }, text);
    }
    // As computed, at both ends.
    let (scores, same) = ([0.5, 0.5], [true, false]);
    round_trip(tar_at_far(&scores, &same, Similarity, 0.5).unwrap(), "\"inf\"");
    round_trip(tar_at_far(&scores, &same, Orientation::Distance, 0.5).unwrap(), "\"-inf\"");
    let roc = verification_roc(&scores, &same, Orientation::Distance).unwrap();
    round_trip(roc.points().to_vec(), "\"-inf\"");
    let read = |threshold: &str| {
        let json = format!(r#"{{"tar": 0, "far": 0, "threshold": {threshold}}}"#);
        Json::<TarAtFar>::load_binary(json.as_bytes()).map(|read| read.0.threshold).map_err(|error| error.to_string())
    };
    assert_eq!((read("3"), read("-3")), (Ok(3.0), Ok(-3.0)));
    for wrong in ["null", "\"high\"", "true"] {
        assert!(read(wrong).unwrap_err().contains(r#"a number, "inf" or "-inf""#), "{:?}", read(wrong));
    }
}

#[test]
fn a_tiny_beta_chooses_like_precision() {
    // At the highest score, and above it, nothing is right.
    let (scores, labels) = ([0.9, 0.7, 0.6, 0.2], [false, true, true, false]);
    let precise = choose_threshold(&scores, &labels, Criterion::FBeta(0.0)).unwrap();
    assert_eq!((precise.threshold, precise.value), (0.6, 2.0 / 3.0));
    for beta in [1e-9, 1e-200, f64::MIN_POSITIVE, -0.0] {
        assert_eq!(choose_threshold(&scores, &labels, Criterion::FBeta(beta)), Ok(precise), "{beta}");
    }
    // A huge one likes recall.
    for beta in [1e9, f64::MAX] {
        assert_eq!(choose_threshold(&scores, &labels, Criterion::FBeta(beta)).unwrap().value, 1.0);
    }
    for beta in [-1e-9, f64::NAN, f64::INFINITY] {
        fails(choose_threshold(&scores, &labels, Criterion::FBeta(beta)), &["beta", "finite and at least 0"]);
    }
    fails(choose_threshold(&scores, &[false; 4], Criterion::FBeta(1e-9)), &["undefined", "no label is positive"]);
}

#[test]
fn both_zeros_are_one_score() {
    for scores in [[0.0, -0.0, 1.0, -1.0], [-0.0, 0.0, 1.0, -1.0]] {
        let same = [true, false, true, false];
        for orientation in [Similarity, Orientation::Distance] {
            let tar = tar_at_far(&scores, &same, orientation, 0.0).unwrap();
            assert_eq!((tar.tar, tar.far), if orientation == Similarity { (0.5, 0.0) } else { (0.0, 0.0) });
        }
        assert_eq!(equal_error_rate(&scores, &same, Similarity).unwrap().rate, 0.25);
    }
}

/// What the metrics are by definition, from every threshold in turn.
fn by_definition(scores: &[f64], same: &[bool]) -> Vec<(f64, f64, f64)> {
    let mut thresholds = scores.to_vec();
    thresholds.push(f64::INFINITY);
    thresholds.sort_by(|a, b| b.total_cmp(a));
    let share = |threshold, kind| {
        let of_kind = || std::iter::zip(scores, same).filter(|pair| *pair.1 == kind);
        of_kind().filter(|pair| *pair.0 >= threshold).count() as f64 / of_kind().count() as f64
    };
    thresholds.into_iter().map(|threshold| (threshold, share(threshold, true), share(threshold, false))).collect()
}

proptest! {
    #[test]
    fn every_threshold_counts_by_definition(
        scores in tied_scores(15),
        same in prop::collection::vec(any::<bool>(), 15),
        far in 0.0..1.0,
    ) {
        prop_assume!(same.contains(&true) && same.contains(&false));
        let tars = by_definition(&scores, &same).into_iter().filter(|point| point.2 <= far);
        let first = tars.reduce(|best, point| if point.1 > best.1 { point } else { best }).unwrap();
        let found = tar_at_far(&scores, &same, Similarity, far).unwrap();
        prop_assert_eq!((found.threshold, found.tar, found.far), first);
        let chosen = choose_threshold(&scores, &same, Criterion::Accuracy);
        prop_assert_eq!(best_verification_accuracy(&scores, &same, Similarity), chosen);
    }

    #[test]
    fn only_the_order_of_scores_matters(
        scores in tied_scores(15),
        same in prop::collection::vec(any::<bool>(), 15),
        order in orders(15),
        far in 0.0..1.0,
    ) {
        prop_assume!(same.contains(&true) && same.contains(&false));
        let eer = equal_error_rate(&scores, &same, Similarity).unwrap();
        let tar = tar_at_far(&scores, &same, Similarity, far).unwrap();
        let best = best_verification_accuracy(&scores, &same, Similarity).unwrap();
        prop_assert!((0.0..=1.0).contains(&eer.rate) && tar.far <= far);
        prop_assert_eq!(verification_accuracy(&scores, &same, Similarity, best.threshold), Ok(best.value));

        let shuffled = (at(&scores, &order), at(&same, &order));
        prop_assert_eq!(equal_error_rate(&shuffled.0, &shuffled.1, Similarity), Ok(eer));
        prop_assert_eq!(tar_at_far(&shuffled.0, &shuffled.1, Similarity, far), Ok(tar));
        let negated: Vec<f64> = scores.iter().map(|score| -score).collect();
        let turned = equal_error_rate(&negated, &same, Orientation::Distance).unwrap();
        prop_assert_eq!((turned.rate, turned.threshold), (eer.rate, -eer.threshold));
        let turned = tar_at_far(&negated, &same, Orientation::Distance, far).unwrap();
        prop_assert_eq!((turned.tar, turned.threshold), (tar.tar, -tar.threshold));
        for increase in INCREASING {
            let other: Vec<f64> = scores.iter().map(|&score| increase(score)).collect();
            let found = equal_error_rate(&other, &same, Similarity).unwrap();
            prop_assert_eq!((found.rate, found.threshold), (eer.rate, increase(eer.threshold)));
            prop_assert_eq!(tar_at_far(&other, &same, Similarity, far).unwrap().tar, tar.tar);
            prop_assert_eq!(best_verification_accuracy(&other, &same, Similarity).unwrap().value, best.value);
        }
    }

    #[test]
    fn far_and_frr_cross_at_the_equal_error_rate(
        scores in tied_scores(15),
        same in prop::collection::vec(any::<bool>(), 15),
    ) {
        prop_assume!(same.contains(&true) && same.contains(&false));
        let rate = equal_error_rate(&scores, &same, Similarity).unwrap().rate;
        // Somewhere on the curve, FAR and FRR are both that rate.
        let roc = verification_roc(&scores, &same, Similarity).unwrap();
        let on_segment = roc.points().windows(2).any(|pair| {
            let [(x0, y0), (x1, y1)] =
                [pair[0], pair[1]].map(|point| (point.false_positive_rate, 1.0 - point.true_positive_rate));
            let inside = x0 - 1e-12 <= rate && rate <= x1 + 1e-12 && y1 - 1e-12 <= rate && rate <= y0 + 1e-12;
            inside && ((x1 - x0) * (rate - y0) - (y1 - y0) * (rate - x0)).abs() < 1e-12
        });
        prop_assert!(on_segment, "{rate} isn't on the curve");
    }
}
