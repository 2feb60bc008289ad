//! Calibration errors, Brier score, likelihood, temperature scaling.

use crate::{at, close, fails, orders};
use losslab::metrics::{
    Binning, CalibrationConfig, Logits, Probabilities, ReliabilityTable, TemperatureScaling, binary_brier,
    binary_brier_decomposition, binary_ece, brier, brier_decomposition, classwise_ece, confidence_histogram, nll,
    nll_of_logits, top_label_debiased_ece, top_label_ece, top_label_mce,
};
use proptest::prelude::*;

fn bins(bins: usize) -> CalibrationConfig {
    CalibrationConfig::new().with_bins(bins)
}

fn equal_mass(count: usize) -> CalibrationConfig {
    bins(count).with_binning(Binning::EqualMass)
}

/// Two classes, the second with the given probabilities.
fn two_classes(second: &[f64]) -> Probabilities {
    Probabilities::try_new(second.iter().flat_map(|p| [1.0 - p, *p]).collect(), 2).unwrap()
}

#[test]
fn errors_of_the_top_label() {
    // Confidence 0.6 and 0.7, one right; 0.9 and 1.0, both right.
    let probabilities = two_classes(&[0.6, 0.3, 0.9, 0.0]);
    let targets = [1, 1, 1, 0];
    let (low, high) = (0.65 - 0.5, 1.0 - 0.95);
    let config = bins(5);
    close(top_label_ece(&probabilities, &targets, &bins(4)).unwrap(), (2.0 * low + 2.0 * high) / 4.0);
    close(top_label_mce(&probabilities, &targets, &bins(4)).unwrap(), low);
    // Only the lower bin has a variance: 0.25 / (2 − 1), more than its squared gap.
    close(top_label_debiased_ece(&probabilities, &targets, &bins(4)).unwrap(), 0.0);
    let table = ReliabilityTable::top_label(&probabilities, &targets, &config).unwrap();
    assert_eq!(table.bins().iter().map(|bin| bin.count).collect::<Vec<u64>>(), [0, 0, 0, 2, 2]);
    assert_eq!((table.bins()[0].confidence, table.bins()[0].accuracy, table.bins()[0].gap()), (None, None, None));
    assert_eq!(
        (table.bins()[3].low, table.bins()[3].high, table.bins()[3].accuracy),
        (3.0 / 5.0, 4.0 / 5.0, Some(0.5))
    );
    close(table.bins()[3].gap().unwrap(), low);
    let histogram = confidence_histogram(&probabilities, &config).unwrap();
    assert_eq!(histogram.iter().map(|bin| bin.count).collect::<Vec<u64>>(), [0, 0, 0, 2, 2]);
}

#[test]
fn the_debiased_error_takes_off_what_chance_adds() {
    // Ten at 0.9, of which five are right: (0.4)² − 0.25 / 9; a bin of one sample adds nothing.
    let probabilities = two_classes(&[vec![0.9; 10], vec![0.55]].concat());
    let targets = [1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 1];
    let expected = (10.0 / 11.0 * (0.16 - 0.25 / 9.0f64)).sqrt();
    close(top_label_debiased_ece(&probabilities, &targets, &bins(10)).unwrap(), expected);
}

#[test]
fn the_debiased_error_needs_a_bin_of_two_samples() {
    let error = top_label_debiased_ece(&two_classes(&[0.6, 0.9]), &[1, 1], &bins(10)).unwrap_err();
    assert!(error.to_string().contains("no bin holds two samples"), "{error}");
}

#[test]
fn bins_of_equal_mass() {
    let scores = [0.9, 0.1, 0.8, 0.2, 0.3];
    let labels = [true, false, false, true, false];
    // ⌊l · 2 / 5⌋ of 0 … 4 lower scores: 0, 0, 0, 1, 1.
    let table = ReliabilityTable::binary(&scores, &labels, &equal_mass(2)).unwrap();
    let ranges: Vec<(f64, f64, u64)> = table.bins().iter().map(|bin| (bin.low, bin.high, bin.count)).collect();
    assert_eq!(ranges, [(0.1, 0.3, 3), (0.8, 0.9, 2)]);
    close(table.ece(), (3.0 * (1.0 / 3.0 - 0.2) + 2.0 * (0.85 - 0.5)) / 5.0);
    // Ties share a bin, in the place of the first.
    let table = ReliabilityTable::binary(&[0.4, 0.5, 0.5, 0.5], &[true; 4], &equal_mass(4)).unwrap();
    assert_eq!(table.bins().iter().map(|bin| bin.count).collect::<Vec<u64>>(), [1, 3]);
    // More bins than samples.
    let table = ReliabilityTable::binary(&[0.4, 0.5], &[true, false], &equal_mass(15)).unwrap();
    assert_eq!(table.bins().iter().map(|bin| bin.count).collect::<Vec<u64>>(), [1, 1]);
}

#[test]
fn a_confidence_on_an_edge_belongs_to_the_upper_bin() {
    for count in 1..200 {
        for edge in 0..=count {
            // Multiplied by the number of bins, some of these round to below the edge.
            for confidence in [edge as f64 / count as f64, (edge as f64 / count as f64).next_down()] {
                if confidence < 0.0 {
                    continue;
                }
                let table = ReliabilityTable::binary(&[confidence], &[true], &bins(count)).unwrap();
                let bin = table.bins().iter().find(|bin| bin.count == 1).unwrap();
                let closed = confidence == 1.0 && bin.high == 1.0;
                assert!(bin.low <= confidence && (confidence < bin.high || closed), "{confidence} of {count}: {bin:?}");
            }
        }
    }
}

#[test]
fn classwise_error_is_the_mean_over_classes() {
    let rows = [[0.7, 0.2, 0.1], [0.1, 0.6, 0.3], [0.4, 0.4, 0.2]];
    let probabilities = Probabilities::try_new(rows.concat(), 3).unwrap();
    let targets = [0, 2, 1];
    let of_class = |class: usize| {
        let scores: Vec<f64> = rows.iter().map(|row| row[class]).collect();
        let labels: Vec<bool> = targets.iter().map(|&target| target == class as i64).collect();
        binary_ece(&scores, &labels, &bins(10)).unwrap()
    };
    let mean = (of_class(0) + of_class(1) + of_class(2)) / 3.0;
    close(classwise_ece(&probabilities, &targets, &bins(10)).unwrap(), mean);
    // Each sample alone in its bin, class by class.
    close(of_class(0), (0.3 + 0.1 + 0.4) / 3.0);
}

#[test]
fn edges_of_calibration() {
    let none = Probabilities::try_new(vec![], 2).unwrap();
    let some = two_classes(&[0.5]);
    fails(top_label_ece(&none, &[], &bins(15)), &["probabilities", "empty"]);
    fails(classwise_ece(&none, &[], &bins(15)), &["empty"]);
    fails(confidence_histogram(&none, &bins(15)), &["empty"]);
    fails(binary_ece(&[], &[], &bins(15)), &["empty"]);
    fails(top_label_ece(&some, &[0, 1], &bins(15)), &["targets", "rows of probabilities", "has 2"]);
    fails(top_label_ece(&some, &[2], &bins(15)), &["targets", "[0, 2)", "element 0 is 2"]);
    fails(top_label_ece(&some, &[0], &bins(0)), &["bins", "[1, 1000000]", "0"]);
    fails(top_label_ece(&some, &[0], &bins(usize::MAX)), &["bins"]);
    fails(binary_ece(&[1.01], &[true], &bins(15)), &["scores", "[0, 1]", "1.01"]);
    fails(binary_ece(&[f64::NAN], &[true], &bins(15)), &["NaN"]);
    // One class of a classifier with one class, ties in the prediction, one label only.
    let certain = Probabilities::try_new(vec![1.0; 3], 1).unwrap();
    assert_eq!(top_label_ece(&certain, &[0, 0, 0], &bins(15)), Ok(0.0));
    close(top_label_ece(&two_classes(&[0.5, 0.5]), &[1, 0], &bins(15)).unwrap(), 0.0);
    close(binary_ece(&[0.3; 4], &[false; 4], &bins(15)).unwrap(), 0.3);
    assert_eq!(CalibrationConfig::default(), bins(15).with_binning(Binning::EqualWidth));
}

#[test]
fn brier_scores() {
    let probabilities = Probabilities::try_new(vec![0.5, 0.25, 0.25, 0.0, 1.0, 0.0], 3).unwrap();
    close(brier(&probabilities, &[0, 2]).unwrap(), (0.25 + 0.0625 + 0.0625 + 1.0 + 1.0) / 2.0);
    let (scores, labels) = ([0.25, 1.0, 0.0], [true, false, false]);
    close(binary_brier(&scores, &labels).unwrap(), (0.5625 + 1.0 + 0.0) / 3.0);
    let both = two_classes(&scores);
    close(brier(&both, &[1, 0, 0]).unwrap(), 2.0 * binary_brier(&scores, &labels).unwrap());
    fails(brier(&both, &[1, 0]), &["targets", "has 2"]);
    fails(binary_brier(&[-0.1], &[true]), &["scores", "[0, 1]"]);
    fails(binary_brier(&[], &[]), &["empty"]);
}

#[test]
fn a_perfect_and_a_constant_forecast_decompose() {
    let labels = [true, false, true, true];
    let perfect = binary_brier_decomposition(&[1.0, 0.0, 1.0, 1.0], &labels, &bins(15)).unwrap();
    assert_eq!((perfect.brier, perfect.reliability, perfect.within_bins), (0.0, 0.0, 0.0));
    assert_eq!((perfect.resolution, perfect.uncertainty), (0.1875, 0.1875));
    let constant = binary_brier_decomposition(&[0.7; 4], &labels, &bins(15)).unwrap();
    assert_eq!((constant.resolution, constant.within_bins), (0.0, 0.0));
    close(constant.reliability, 0.05 * 0.05);
    // One label only has no uncertainty.
    let one = binary_brier_decomposition(&[0.7, 0.2], &[true, true], &bins(15)).unwrap();
    assert_eq!((one.uncertainty, one.resolution), (0.0, 0.0));
}

#[test]
fn likelihoods() {
    let logits = Logits::try_new(vec![0.0, 3f64.ln(), 0.0, 0.0], 2).unwrap();
    let expected = ((4.0f64 / 3.0).ln() + 2f64.ln()) / 2.0;
    close(nll_of_logits(&logits, &[1, 0]).unwrap(), expected);
    close(nll(&logits.softmax(), &[1, 0]).unwrap(), expected);
    fails(nll(&two_classes(&[0.5, 0.0]), &[1, 1]), &["nll is undefined", "row 1 has probability 0"]);
    assert_eq!(nll(&two_classes(&[1.0, 0.0]), &[1, 0]), Ok(0.0));
    fails(nll_of_logits(&Logits::try_new(vec![], 2).unwrap(), &[]), &["logits", "empty"]);
    close(nll_of_logits(&Logits::try_new(vec![-1e30, -1e30], 2).unwrap(), &[0]).unwrap(), 2f64.ln());
    fails(nll_of_logits(&Logits::try_new(vec![-1e308, 1e308], 2).unwrap(), &[0]), &["nll is undefined", "overflows"]);
    fails(nll_of_logits(&logits, &[0, -1]), &["targets", "element 1 is -1"]);
}

#[test]
fn silent_failure_row_26_a_confidence_of_exactly_1_is_in_the_last_bin() {
    // In a bin of its own, 1.0 would give (|0.95 − 1| + |1 − 0|) / 2 = 0.525.
    close(binary_ece(&[0.95, 1.0], &[true, false], &bins(10)).unwrap(), 0.475);
    close(top_label_ece(&two_classes(&[0.95, 1.0]), &[1, 0], &bins(10)).unwrap(), 0.475);
    close(binary_ece(&[0.0, 0.05], &[true, false], &bins(10)).unwrap(), 0.5 - 0.025);
}

#[test]
fn silent_failure_row_27_logits_in_the_unit_interval_are_still_logits() {
    let logits = Logits::try_new(vec![0.8, 0.2], 2).unwrap();
    close(top_label_ece(&logits.softmax(), &[0], &bins(15)).unwrap(), 1.0 - 1.0 / (1.0 + (-0.6f64).exp()));
    // The same numbers as probabilities.
    close(top_label_ece(&two_classes(&[0.2]), &[0], &bins(15)).unwrap(), 0.2);
}

#[test]
fn complaint_18_edges_at_0_and_1_and_checked_rows() {
    for count in [1, 2, 7, 15, 100] {
        for config in [bins(count), equal_mass(count)] {
            let table = ReliabilityTable::binary(&[0.0, 1.0], &[false, true], &config).unwrap();
            assert_eq!(table.bins().iter().map(|bin| bin.count).sum::<u64>(), 2);
            assert!(table.bins().len() <= count && table.bins().iter().all(|bin| bin.high <= 1.0));
            close(table.ece(), 0.0);
        }
    }
    fails(Probabilities::try_new(vec![0.8, 0.3], 2), &["row 0", "sum 1.1"]);
}

#[test]
fn complaint_19_top_label_and_positive_class_are_two_functions() {
    let (scores, labels) = ([0.2, 0.2, 0.2], [false, true, false]);
    let targets = [0, 1, 0];
    // The label is positive in 1/3, not 0.2; the prediction "negative" is right in 2/3, not 0.8.
    close(binary_ece(&scores, &labels, &bins(15)).unwrap(), 1.0 / 3.0 - 0.2);
    close(top_label_ece(&two_classes(&scores), &targets, &bins(15)).unwrap(), 0.8 - 2.0 / 3.0);
    // They differ where the classes do: scores 0.1 and 0.9, always positive.
    close(binary_ece(&[0.1, 0.9], &[true, true], &bins(15)).unwrap(), (0.9 + 0.1) / 2.0);
    close(top_label_ece(&two_classes(&[0.1, 0.9]), &[1, 1], &bins(15)).unwrap(), 0.9 - 0.5);
}

#[test]
fn scaling_finds_the_odds_of_the_data() {
    // Right in 9 of 10 at odds of e⁶, and of e^−2 where another class is right.
    let logits = Logits::try_new([6.0, 0.0].repeat(10), 2).unwrap();
    let mut targets = [0; 10];
    targets[3] = 1;
    let scaling = TemperatureScaling::fit(&logits, &targets).unwrap();
    close(scaling.temperature, 6.0 / 9f64.ln());
    close(scaling.nll_before, nll_of_logits(&logits, &targets).unwrap());
    close(scaling.nll_after, -(0.9 * 0.9f64.ln() + 0.1 * 0.1f64.ln()));
    close(scaling.ece_after, 0.0);
    let scaled = scaling.apply(&logits).unwrap();
    close(scaled.of_class(0).unwrap()[0], 0.9);
    // An underconfident model is sharpened.
    let flat = Logits::try_new([0.1, 0.0].repeat(10), 2).unwrap();
    close(TemperatureScaling::fit(&flat, &targets).unwrap().temperature, 0.1 / 9f64.ln());
}

#[test]
fn scaling_that_has_no_best_temperature_says_so() {
    let logits = Logits::try_new(vec![2.0, 0.0, 0.0, 1.0], 2).unwrap();
    fails(TemperatureScaling::fit(&logits, &[0, 1]), &["undefined", "every target has the highest", "lower the temp"]);
    fails(TemperatureScaling::fit(&logits, &[1, 0]), &["undefined", "higher the temperature"]);
    let balanced = Logits::try_new(vec![1.0, 0.0, 0.0, 0.3, 0.3, 1.0, 0.1, 0.1, 0.9], 3).unwrap();
    assert!(TemperatureScaling::fit(&balanced, &[1, 0, 0]).is_err());
    let equal = Logits::try_new(vec![3.0, 3.0, -1.0, -1.0], 2).unwrap();
    fails(TemperatureScaling::fit(&equal, &[0, 1]), &["undefined", "no temperature matters"]);
    let one = Logits::try_new(vec![3.0, -1.0], 1).unwrap();
    fails(TemperatureScaling::fit(&one, &[0, 0]), &["no temperature matters"]);
    fails(TemperatureScaling::fit(&Logits::try_new(vec![], 2).unwrap(), &[]), &["empty"]);
    fails(TemperatureScaling::fit(&logits, &[0, 2]), &["targets", "[0, 2)"]);
}

#[test]
fn scaling_works_at_any_size_of_logits() {
    let base = [2.0, 0.0, 1.0, 1.5, 0.0, 1.0, 0.5, 3.0, 0.0];
    let fit = |unit: f64| {
        let logits = Logits::try_new(base.iter().map(|z| z * unit).collect(), 3).unwrap();
        TemperatureScaling::fit(&logits, &[0, 2, 1]).unwrap()
    };
    let plain = fit(1.0);
    for unit in [1e-200, 1e-9, 1e-3, 1e4, 1e12, 1e200] {
        let scaled = fit(unit);
        assert!((scaled.temperature / unit / plain.temperature - 1.0).abs() < 1e-9, "{unit}: {scaled:?}");
        close(scaled.nll_after, plain.nll_after);
    }
}

/// Probabilities that rows of positive weights make.
fn rows(n: usize, classes: usize) -> impl Strategy<Value = (Vec<Vec<f64>>, Vec<i64>)> {
    let row = prop::collection::vec(1u32..1000, classes).prop_map(|weights| {
        let sum: u32 = weights.iter().sum();
        weights.iter().map(|&weight| f64::from(weight) / f64::from(sum)).collect::<Vec<f64>>()
    });
    (prop::collection::vec(row, n), prop::collection::vec(0..classes as i64, n))
}

proptest! {
    #[test]
    fn rows_and_classes_have_no_order(
        (rows, targets) in rows(12, 3),
        order in orders(12),
        names in orders(3),
    ) {
        // Of equal probabilities the lowest index is predicted, whatever its name.
        prop_assume!(rows.iter().all(|row| row[0] != row[1] && row[1] != row[2] && row[0] != row[2]));
        let plain = Probabilities::try_new(rows.concat(), 3).unwrap();
        let renamed: Vec<Vec<f64>> = rows
            .iter()
            .map(|row| (0..3).map(|new| row[names.iter().position(|&name| name == new).unwrap()]).collect())
            .collect();
        let other = Probabilities::try_new(at(&renamed, &order).concat(), 3).unwrap();
        let other_targets: Vec<i64> = at(&targets, &order).iter().map(|&class| names[class as usize] as i64).collect();
        for config in [bins(4), bins(15), equal_mass(4)] {
            for metric in [top_label_ece, top_label_mce, top_label_debiased_ece, classwise_ece] {
                match (metric(&other, &other_targets, &config), metric(&plain, &targets, &config)) {
                    (Ok(found), Ok(expected)) => close(found, expected),
                    // No bin holds two samples.
                    (found, expected) => prop_assert_eq!(found, expected),
                }
            }
            let [a, b] = [(&plain, &targets), (&other, &other_targets)]
                .map(|(rows, targets)| brier_decomposition(rows, targets, &config).unwrap());
            close(a.reliability, b.reliability);
            close(a.resolution, b.resolution);
            let counts = |rows| {
                let bins = confidence_histogram(rows, &config).unwrap();
                bins.iter().map(|bin| bin.count).collect::<Vec<u64>>()
            };
            prop_assert_eq!(counts(&plain), counts(&other));
        }
        close(brier(&other, &other_targets).unwrap(), brier(&plain, &targets).unwrap());
        close(nll(&other, &other_targets).unwrap(), nll(&plain, &targets).unwrap());
    }

    #[test]
    fn the_parts_of_a_brier_score_add_up((rows, targets) in rows(20, 4), count in 1usize..30) {
        let probabilities = Probabilities::try_new(rows.concat(), 4).unwrap();
        for config in [bins(count), equal_mass(count)] {
            let parts = brier_decomposition(&probabilities, &targets, &config).unwrap();
            close(parts.brier, brier(&probabilities, &targets).unwrap());
            close(parts.brier, parts.reliability - parts.resolution + parts.uncertainty + parts.within_bins);
        }
    }

    #[test]
    fn errors_are_bounded((rows, targets) in rows(20, 3), count in 1usize..30) {
        let probabilities = Probabilities::try_new(rows.concat(), 3).unwrap();
        for config in [bins(count), equal_mass(count)] {
            let ece = top_label_ece(&probabilities, &targets, &config).unwrap();
            let mce = top_label_mce(&probabilities, &targets, &config).unwrap();
            prop_assert!(0.0 <= ece && ece <= mce + 1e-15 && mce <= 1.0);
            // One bin compares the means: no other bins have a smaller error.
            prop_assert!(top_label_ece(&probabilities, &targets, &bins(1)).unwrap() <= ece + 1e-12);
        }
    }

    #[test]
    fn no_temperature_is_better_than_the_fitted_one(
        logits in prop::collection::vec(-8.0..8.0, 60),
        targets in prop::collection::vec(0i64..3, 20),
        factor in 0.5..2.0,
    ) {
        let logits = Logits::try_new(logits, 3).unwrap();
        let Ok(scaling) = TemperatureScaling::fit(&logits, &targets) else { return Ok(()) };
        prop_assert!(scaling.nll_after <= scaling.nll_before + 1e-12);
        let at = |temperature: f64| nll_of_logits(&logits.scaled(temperature).unwrap(), &targets).unwrap();
        prop_assert!(scaling.nll_after <= at(scaling.temperature * factor) + 1e-12);
        // The slope vanishes: the expected logit is the target's.
        let probabilities = scaling.apply(&logits).unwrap();
        let slope: f64 = probabilities.rows().zip(logits.rows()).zip(&targets).map(|((p, z), &target)| {
            p.iter().zip(z).map(|(p, z)| p * z).sum::<f64>() - z[target as usize]
        }).sum();
        prop_assert!(slope.abs() < 1e-8, "slope {} at {}", slope, scaling.temperature);
        prop_assert_eq!(probabilities.predictions(), logits.predictions());
    }
}
