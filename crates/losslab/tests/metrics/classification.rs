//! Confusion matrices, curves and thresholds.

use crate::{INCREASING, at, close, fails, orders, tied_scores};
use losslab::metrics::{
    Average, BinaryCounts, ConfusionMatrix, Criterion, PrecisionRecallCurve, RocCurve, auroc, average_precision,
    choose_threshold,
};
use proptest::prelude::*;

fn matrix(targets: &[i64], predictions: &[i64], classes: usize) -> ConfusionMatrix {
    ConfusionMatrix::try_new(targets, predictions, classes).unwrap()
}

/// Class 0: 2 of 3 right; class 1: 1 of 2, and two predicted wrongly; class 2: never predicted; class 3: absent.
fn example() -> ConfusionMatrix {
    matrix(&[0, 0, 0, 1, 1, 2], &[0, 0, 1, 1, 0, 1], 4)
}

#[test]
fn values_of_the_confusion_matrix() {
    let matrix = example();
    assert_eq!((matrix.count(0, 0), matrix.count(0, 1), matrix.count(2, 1), matrix.count(2, 2)), (2, 1, 1, 0));
    assert_eq!((matrix.total(), matrix.classes()), (6, 4));
    assert_eq!(matrix.accuracy(), 3.0 / 6.0);
    assert_eq!(matrix.recall(0), Ok(2.0 / 3.0));
    assert_eq!(matrix.precision(0), Ok(2.0 / 3.0));
    assert_eq!(matrix.precision(1), Ok(1.0 / 3.0));
    assert_eq!(matrix.class_accuracy(1), 3.0 / 6.0);
    assert_eq!(matrix.f_beta(1, 1.0), Ok(2.0 / (2.0 + 1.0 + 2.0)));
    close(matrix.f_beta(1, 2.0).unwrap(), 5.0 / (5.0 + 4.0 * 1.0 + 2.0));
    close(matrix.f_beta(1, 0.5).unwrap(), 1.25 / (1.25 + 0.25 * 1.0 + 2.0));
    assert_eq!(matrix.f_beta(1, 0.0), matrix.precision(1));
    assert_eq!(matrix.f_beta(2, 1.0), Ok(0.0));
    close(matrix.balanced_accuracy(), (2.0 / 3.0 + 1.0 / 2.0 + 0.0) / 3.0);
    close(matrix.average_recall(Average::Macro), (2.0 / 3.0 + 1.0 / 2.0 + 0.0) / 3.0);
    close(matrix.average_precision(Average::Macro), (2.0 / 3.0 + 1.0 / 3.0 + 0.0) / 3.0);
    close(matrix.average_f_beta(1.0, Average::Macro).unwrap(), (2.0 / 3.0 + 2.0 / 5.0 + 0.0) / 3.0);
    // Covariances over pairs of samples: targets 3, 2, 1; predictions 3, 3, 0.
    close(matrix.mcc().unwrap(), (6.0 * 3.0 - 15.0) / (36.0 - 14.0f64).sqrt() / (36.0 - 18.0f64).sqrt());
}

#[test]
fn a_class_that_is_only_predicted_counts_in_macro_averages_but_not_in_balanced_accuracy() {
    let matrix = matrix(&[0, 0, 1], &[0, 2, 1], 3);
    close(matrix.average_recall(Average::Macro), (0.5 + 1.0 + 0.0) / 3.0);
    close(matrix.balanced_accuracy(), (0.5 + 1.0) / 2.0);
    fails(matrix.recall(2), &["recall is undefined", "no positive sample"]);
}

#[test]
fn micro_averages_are_the_accuracy() {
    let matrix = example();
    assert_eq!(matrix.average_recall(Average::Micro), matrix.accuracy());
    assert_eq!(matrix.average_precision(Average::Micro), matrix.accuracy());
    for beta in [0.0, 0.5, 1.0, 2.0] {
        close(matrix.average_f_beta(beta, Average::Micro).unwrap(), matrix.accuracy());
    }
}

#[test]
fn mcc_of_two_classes_is_the_correlation() {
    // TP 3, FN 1, FP 2, TN 4.
    let matrix = matrix(&[1, 1, 1, 1, 0, 0, 0, 0, 0, 0], &[1, 1, 1, 0, 1, 1, 0, 0, 0, 0], 2);
    close(matrix.mcc().unwrap(), (3.0 * 4.0 - 2.0 * 1.0) / (5.0 * 4.0 * 6.0 * 5.0f64).sqrt());
}

#[test]
fn undefined_values_of_the_confusion_matrix() {
    fails(example().precision(2), &["precision is undefined", "nothing is called positive"]);
    fails(example().f_beta(3, 1.0), &["f-beta is undefined"]);
    fails(example().f_beta(0, -1.0), &["beta", "at least 0", "-1"]);
    fails(example().average_f_beta(f64::NAN, Average::Micro), &["beta", "NaN"]);
    fails(matrix(&[1, 1], &[0, 1], 2).mcc(), &["mcc is undefined", "targets are of one class"]);
    fails(matrix(&[0, 1], &[1, 1], 2).mcc(), &["mcc is undefined", "predictions are of one class"]);
    // One class alone has an accuracy.
    assert_eq!(matrix(&[1, 1], &[0, 1], 2).balanced_accuracy(), 0.5);
}

#[test]
fn bad_targets_are_errors() {
    fails(ConfusionMatrix::try_new(&[], &[], 2), &["targets", "empty"]);
    fails(ConfusionMatrix::try_new(&[0, 1], &[0], 2), &["predictions", "2 elements like targets", "has 1"]);
    fails(ConfusionMatrix::try_new(&[0, 2], &[0, 1], 2), &["targets", "[0, 2)", "element 1 is 2"]);
    fails(ConfusionMatrix::try_new(&[0, 1], &[-1, 1], 2), &["predictions", "element 0 is -1"]);
    fails(ConfusionMatrix::try_new(&[0, i64::MIN], &[0, 0], 2), &["targets"]);
}

#[test]
fn many_classes_need_little_memory() {
    // A square of them would be 80 GB.
    let matrix = matrix(&[99_999, 5, 5], &[99_999, 7, 5], 100_000);
    assert_eq!(matrix.accuracy(), 2.0 / 3.0);
    close(matrix.average_f_beta(1.0, Average::Macro).unwrap(), (1.0 + 2.0 / 3.0 + 0.0) / 3.0);
}

#[test]
fn the_counts_at_a_threshold() {
    let scores = [0.9, 0.5, 0.5, 0.1];
    let labels = [true, false, true, false];
    let counts = BinaryCounts::at_threshold(&scores, &labels, 0.5).unwrap();
    assert_eq!(counts, BinaryCounts { true_positive: 2, false_positive: 1, false_negative: 0, true_negative: 1 });
    assert_eq!((counts.accuracy(), counts.recall(), counts.specificity()), (Ok(0.75), Ok(1.0), Ok(0.5)));
    assert_eq!((counts.precision(), counts.balanced_accuracy(), counts.youden()), (Ok(2.0 / 3.0), Ok(0.75), Ok(0.5)));
    let nothing = BinaryCounts::at_threshold(&scores, &labels, f64::INFINITY).unwrap();
    assert_eq!((nothing.true_positive, nothing.false_positive), (0, 0));
    fails(nothing.precision(), &["precision is undefined"]);
    fails(BinaryCounts::at_threshold(&scores, &labels, f64::NAN), &["threshold", "NaN"]);
    fails(BinaryCounts::default().accuracy(), &["accuracy is undefined"]);
}

#[test]
fn curves_of_a_small_case() {
    let (scores, labels) = ([0.8, 0.8, 0.6, 0.4], [true, false, true, false]);
    let roc = RocCurve::try_new(&scores, &labels).unwrap();
    let points: Vec<[f64; 3]> = roc
        .points()
        .iter()
        .map(|point| [point.threshold, point.false_positive_rate, point.true_positive_rate])
        .collect();
    assert_eq!(points, [[f64::INFINITY, 0.0, 0.0], [0.8, 0.5, 0.5], [0.6, 0.5, 1.0], [0.4, 1.0, 1.0]]);
    // Pairs: tied, in order, wrong, in order.
    assert_eq!(roc.area(), (0.5 + 1.0 + 0.0 + 1.0) / 4.0);
    let curve = PrecisionRecallCurve::try_new(&scores, &labels).unwrap();
    let points: Vec<[f64; 3]> =
        curve.points().iter().map(|point| [point.threshold, point.precision, point.recall]).collect();
    assert_eq!(points, [[0.8, 0.5, 0.5], [0.6, 2.0 / 3.0, 1.0], [0.4, 0.5, 1.0]]);
    close(curve.average_precision(), 0.5 * 0.5 + 0.5 * 2.0 / 3.0);
}

#[test]
fn edges_of_curves() {
    let constant = ([0.3; 5], [true, false, false, true, false]);
    assert_eq!(auroc(&constant.0, &constant.1), Ok(0.5));
    close(average_precision(&constant.0, &constant.1).unwrap(), 2.0 / 5.0);
    assert_eq!(auroc(&[0.0, -0.0], &[true, false]), Ok(0.5));
    assert_eq!(auroc(&[1e308, -1e308, 5e-324], &[true, false, false]), Ok(1.0));
    fails(auroc(&[], &[]), &["scores", "empty"]);
    fails(auroc(&[0.1], &[true, false]), &["labels", "1 elements", "has 2"]);
    fails(auroc(&[0.1, 0.2], &[true, true]), &["undefined", "no label is negative"]);
    fails(auroc(&[0.1, 0.2], &[false, false]), &["undefined", "no label is positive"]);
    fails(auroc(&[0.1, f64::NAN], &[true, false]), &["scores", "finite", "element 1", "NaN"]);
    fails(average_precision(&[0.1], &[false]), &["undefined", "no label is positive"]);
    fails(average_precision(&[], &[]), &["empty"]);
    assert_eq!(average_precision(&[0.1, 0.2], &[true, true]), Ok(1.0));
}

#[test]
fn thresholds_of_a_small_case() {
    let (scores, labels) = ([0.9, 0.8, 0.7, 0.6, 0.5], [true, false, true, false, false]);
    let choose = |criterion| choose_threshold(&scores, &labels, criterion).unwrap();
    let of = |criterion| (choose(criterion).threshold, choose(criterion).value);
    assert_eq!(of(Criterion::F1), (0.7, 4.0 / 5.0));
    assert_eq!(of(Criterion::FBeta(0.0)), (0.9, 1.0));
    close(choose(Criterion::FBeta(2.0)).value, 5.0 * 2.0 / (5.0 * 2.0 + 1.0));
    // 0.9 and 0.7 are both right on 4 of 5; the higher wins.
    assert_eq!(of(Criterion::Accuracy), (0.9, 4.0 / 5.0));
    assert_eq!(of(Criterion::BalancedAccuracy), (0.7, (1.0 + 2.0 / 3.0) / 2.0));
    assert_eq!(choose(Criterion::Youden).threshold, 0.7);
    assert_eq!(choose(Criterion::F1).counts.true_positive, 2);
}

#[test]
fn edges_of_threshold_choice() {
    let none = choose_threshold(&[0.9, 0.1, 0.2], &[false, false, true], Criterion::Accuracy).unwrap();
    assert_eq!((none.threshold, none.value), (f64::INFINITY, 2.0 / 3.0));
    let one_class = choose_threshold(&[0.9, 0.1], &[true, true], Criterion::Accuracy).unwrap();
    assert_eq!((one_class.threshold, one_class.value), (0.1, 1.0));
    for criterion in [Criterion::F1, Criterion::FBeta(2.0), Criterion::BalancedAccuracy, Criterion::Youden] {
        fails(choose_threshold(&[0.9, 0.1], &[false, false], criterion), &["undefined", "no label is positive"]);
    }
    fails(choose_threshold(&[0.9, 0.1], &[true, true], Criterion::Youden), &["no label is negative"]);
    fails(choose_threshold(&[0.9, 0.1], &[true, true], Criterion::FBeta(-1.0)), &["beta"]);
    fails(choose_threshold(&[], &[], Criterion::F1), &["empty"]);
    fails(choose_threshold(&[f64::NAN], &[true], Criterion::Accuracy), &["NaN"]);
}

proptest! {
    #[test]
    fn samples_and_classes_have_no_order(
        pairs in prop::collection::vec((0i64..4, 0i64..4), 1..30),
        names in orders(4),
        seed in any::<prop::sample::Index>(),
    ) {
        let (targets, predictions): (Vec<i64>, Vec<i64>) = pairs.iter().copied().unzip();
        let plain = matrix(&targets, &predictions, 4);
        let mut turned = pairs.clone();
        turned.rotate_left(seed.index(pairs.len()));
        let renamed = |class: i64| names[class as usize] as i64;
        let (targets, predictions): (Vec<i64>, Vec<i64>) =
            turned.iter().map(|&(a, b)| (renamed(a), renamed(b))).unzip();
        let other = matrix(&targets, &predictions, 4);
        close(other.accuracy(), plain.accuracy());
        close(other.balanced_accuracy(), plain.balanced_accuracy());
        prop_assert_eq!(other.mcc().is_ok(), plain.mcc().is_ok());
        if let (Ok(other), Ok(plain)) = (other.mcc(), plain.mcc()) {
            close(other, plain);
        }
        for average in [Average::Macro, Average::Micro] {
            close(other.average_precision(average), plain.average_precision(average));
            close(other.average_recall(average), plain.average_recall(average));
            close(other.average_f_beta(2.0, average).unwrap(), plain.average_f_beta(2.0, average).unwrap());
        }
        for (class, &name) in names.iter().enumerate() {
            prop_assert_eq!(plain.recall(class), other.recall(name));
            prop_assert_eq!(plain.precision(class), other.precision(name));
        }
    }

    #[test]
    fn areas_follow_the_definition_and_only_the_order_of_scores(
        scores in tied_scores(14),
        labels in prop::collection::vec(any::<bool>(), 14),
        order in orders(14),
    ) {
        prop_assume!(labels.contains(&true) && labels.contains(&false));
        let pick = |label| (0..14).filter(|&i| labels[i] == label).map(|i| scores[i]).collect::<Vec<f64>>();
        let (positives, negatives) = (pick(true), pick(false));
        let won = |p: f64, n: f64| if p > n { 1.0 } else if p == n { 0.5 } else { 0.0 };
        let wins: f64 = positives.iter().map(|&p| negatives.iter().map(|&n| won(p, n)).sum::<f64>()).sum();
        let area = auroc(&scores, &labels).unwrap();
        close(area, wins / (positives.len() * negatives.len()) as f64);
        let trapezoids: f64 = RocCurve::try_new(&scores, &labels).unwrap().points().windows(2).map(|pair| {
            let width = pair[1].false_positive_rate - pair[0].false_positive_rate;
            width * (pair[0].true_positive_rate + pair[1].true_positive_rate) / 2.0
        }).sum();
        close(area, trapezoids);

        let precision = average_precision(&scores, &labels).unwrap();
        let shuffled = (at(&scores, &order), at(&labels, &order));
        prop_assert_eq!(auroc(&shuffled.0, &shuffled.1), Ok(area));
        prop_assert_eq!(average_precision(&shuffled.0, &shuffled.1), Ok(precision));
        let best = choose_threshold(&scores, &labels, Criterion::F1).unwrap();
        for increase in INCREASING {
            let other: Vec<f64> = scores.iter().map(|&score| increase(score)).collect();
            prop_assert_eq!(auroc(&other, &labels), Ok(area));
            prop_assert_eq!(average_precision(&other, &labels), Ok(precision));
            let chosen = choose_threshold(&other, &labels, Criterion::F1).unwrap();
            prop_assert_eq!((chosen.threshold, chosen.value), (increase(best.threshold), best.value));
        }
        let negated: Vec<f64> = scores.iter().map(|score| -score).collect();
        close(auroc(&negated, &labels).unwrap(), 1.0 - area);
    }

    #[test]
    fn no_threshold_is_better_than_the_chosen_one(
        scores in tied_scores(12),
        labels in prop::collection::vec(any::<bool>(), 12),
    ) {
        prop_assume!(labels.contains(&true) && labels.contains(&false));
        type Value = fn(&BinaryCounts) -> f64;
        let criteria: [(Criterion, Value); 4] = [
            (Criterion::F1, |counts| counts.f_beta(1.0).unwrap()),
            (Criterion::FBeta(3.0), |counts| counts.f_beta(3.0).unwrap()),
            (Criterion::BalancedAccuracy, |counts| counts.balanced_accuracy().unwrap()),
            (Criterion::Accuracy, |counts| counts.accuracy().unwrap()),
        ];
        for (criterion, value) in criteria {
            let chosen = choose_threshold(&scores, &labels, criterion).unwrap();
            let at_chosen = BinaryCounts::at_threshold(&scores, &labels, chosen.threshold).unwrap();
            prop_assert_eq!(at_chosen, chosen.counts);
            prop_assert_eq!(value(&at_chosen), chosen.value);
            for threshold in scores.iter().copied().chain([f64::INFINITY]) {
                let other = value(&BinaryCounts::at_threshold(&scores, &labels, threshold).unwrap());
                prop_assert!(other < chosen.value || (other == chosen.value && threshold <= chosen.threshold));
            }
        }
    }
}

#[test]
fn f_beta_is_decided_by_the_counts() {
    let counts = |true_positive, false_positive, false_negative| BinaryCounts {
        true_positive,
        false_positive,
        false_negative,
        true_negative: 3,
    };
    // The square of a tiny β is 0, that of a huge one infinite.
    for beta in [1e-200, 1e-9, 1.0, 1e9, 1e200] {
        assert_eq!(counts(0, 0, 2).f_beta(beta).unwrap(), 0.0);
        assert_eq!(counts(0, 2, 0).f_beta(beta).unwrap(), 0.0);
        assert!(counts(0, 0, 0).f_beta(beta).is_err());
        assert_eq!(counts(2, 0, 0).f_beta(beta).unwrap(), 1.0);
    }
    assert!(counts(0, 0, 2).f_beta(0.0).is_err(), "the precision of nothing called positive");
}
