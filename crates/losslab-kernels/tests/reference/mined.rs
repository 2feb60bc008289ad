//! Which triplets are mined, on points of a line, where distances can be read off.

use crate::support::*;
use losslab_kernels::options::*;
use losslab_kernels::reference::*;

fn sums(line: &[f64], labels: &[i64], mining: Mining, options: Triplet) -> Evaluation {
    triplet(line, labels, 1, mining, &Triplet { reduction: Reduction::Sum, ..options })
}

/// Label 0 at 0 and 2, label 1 at 1 and 5.
const LINE: [f64; 4] = [0.0, 2.0, 1.0, 5.0];
const LABELS: [i64; 4] = [0, 0, 1, 1];

#[test]
fn batch_all_takes_every_triplet() {
    let [all, ..] = MININGS;
    let per_anchor = [
        (2.0 - 1.0 + 1.0) + 0.0,
        (2.0 - 1.0 + 1.0) + (2.0 - 3.0 + 1.0),
        (4.0 - 1.0 + 1.0) + (4.0 - 1.0 + 1.0),
        0.0 + (4.0 - 3.0 + 1.0),
    ];
    assert_all_close(&sums(&LINE, &LABELS, all, Triplet::with_margin(1.0)).terms, &per_anchor);
    let mean = triplet(&LINE, &LABELS, 1, all, &Triplet::with_margin(1.0)).value;
    assert_close(mean, per_anchor.iter().sum::<f64>() / 8.0);
    let active = Triplet { reduction: Reduction::MeanActive, ..Triplet::with_margin(1.0) };
    assert_close(triplet(&LINE, &LABELS, 1, all, &active).value, per_anchor.iter().sum::<f64>() / 5.0);
}

#[test]
fn batch_hard_takes_the_farthest_positive_and_the_nearest_negative() {
    let [_, hard, ..] = MININGS;
    let terms = sums(&LINE, &LABELS, hard, Triplet::with_margin(1.0)).terms;
    assert_all_close(&terms, &[2.0, 2.0, 4.0, 2.0]);
    // Two positives; the anchor at 9 has none and takes no part in the mean.
    let mean = triplet(&[0.0, 1.0, 3.0, 9.0], &[0, 0, 0, 1], 1, hard, &Triplet::with_margin(10.0)).value;
    assert_close(mean, ((3.0 - 9.0 + 10.0) + (2.0 - 8.0 + 10.0) + (3.0 - 6.0 + 10.0)) / 3.0);
}

#[test]
fn semi_hard_takes_the_nearest_negative_beyond_the_positive_or_falls_back() {
    let [_, _, farthest, nearest, skip] = MININGS;
    let options = Triplet::with_margin(10.0);
    // From 0: positive 2, negatives 1 and 5. From 2: positive 2, negatives 1 and 3. From 1: positive 4, negatives 1
    // and 1. From 5: positive 4, negatives 5 and 3.
    assert_all_close(&sums(&LINE, &LABELS, farthest, options).terms, &[7.0, 9.0, 13.0, 9.0]);
    assert_all_close(&sums(&LINE, &LABELS, nearest, options).terms, &[7.0, 9.0, 13.0, 9.0]);
    assert_all_close(&sums(&LINE, &LABELS, skip, options).terms, &[7.0, 9.0, 0.0, 9.0]);
    assert_close(triplet(&LINE, &LABELS, 1, skip, &options).value, 25.0 / 3.0);
    // From 0 the positive is at 9, the negatives at 1 and 4.
    let (line, labels) = ([0.0, 9.0, 1.0, 4.0], [0, 0, 1, 2]);
    assert_close(sums(&line, &labels, farthest, options).terms[0], 9.0 - 4.0 + 10.0);
    assert_close(sums(&line, &labels, nearest, options).terms[0], 9.0 - 1.0 + 10.0);
    assert_close(sums(&line, &labels, skip, options).terms[0], 0.0);
    // A negative as far as the positive is not beyond it.
    assert_close(sums(&[0.0, 2.0, -2.0, 3.0], &[0, 0, 1, 1], skip, options).terms[0], 2.0 - 3.0 + 10.0);
}

/// The gradient tells which of two equally far points was taken.
#[test]
fn ties_go_to_the_lowest_index() {
    let [_, hard, farthest, nearest, skip] = MININGS;
    let gradient = |line: &[f64; 4], labels, mining| {
        let evaluation = sums(line, labels, mining, Triplet::with_margin(20.0));
        [evaluation.gradients[0][2], evaluation.gradients[0][3]]
    };
    // The negatives at −3 and 3 tie for the anchor at 0, which takes −3; the other anchor has its own choice.
    for mining in [hard, farthest, nearest, skip] {
        assert_eq!(gradient(&[0.0, 1.0, -3.0, 3.0], &[0, 0, 1, 2], mining), [1.0, -1.0], "{mining:?}");
    }
    for (mining, expected) in [(hard, [1.0, 1.0]), (farthest, [2.0, 0.0]), (nearest, [2.0, 0.0])] {
        assert_eq!(gradient(&[0.0, 9.0, -3.0, 3.0], &[0, 0, 1, 2], mining), expected, "{mining:?}");
    }
    // The positives at −2 and 2 tie for the anchor at 0, which takes −2.
    assert_eq!(gradient(&[0.0, 10.0, -2.0, 2.0], &[0, 1, 0, 0], hard), [-2.0, 3.0]);
}

#[test]
fn swap_changes_the_value_but_not_the_choice() {
    let [_, hard, ..] = MININGS;
    // From 0: positive at 2, nearest negative −1; from the positive it is 3 away, so nothing changes. From 2: positive
    // at 0, nearest negative is 4 (2 away) and stays chosen, although −1 is nearer to the positive.
    let options = Triplet { swap: true, ..Triplet::with_margin(5.0) };
    let terms = sums(&[0.0, 2.0, -1.0, 4.0], &[0, 0, 1, 2], hard, options).terms;
    assert_all_close(&terms, &[2.0 - 1.0 + 5.0, 2.0 - 2.0 + 5.0, 0.0, 0.0]);
    // From 0: positive at 2, negative at 3, which is 1 from the positive.
    assert_close(sums(&[0.0, 2.0, 3.0], &[0, 0, 1], hard, options).terms[0], 2.0 - 1.0 + 5.0);
}
