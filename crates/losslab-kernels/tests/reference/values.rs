//! Values, worked out as formulas for cases small enough to check by hand.

use crate::support::*;
use losslab_kernels::options::*;
use losslab_kernels::reference::*;

fn logit(p: f64) -> f64 {
    (p / (1.0 - p)).ln()
}

#[test]
fn sigmoid_focal_terms() {
    let plain = SigmoidFocal { gamma: 2.0, alpha: FocalAlpha::None, reduction: Reduction::Mean };
    let (logits, targets) = ([logit(0.9), logit(0.1)], [1.0, 1.0]);
    let easy_and_hard = sigmoid_focal(&logits, &targets, &plain);
    assert_all_close(&easy_and_hard.terms, &[-0.01 * 0.9f64.ln(), -0.81 * 0.1f64.ln()]);
    assert_close(easy_and_hard.value, (-0.01 * 0.9f64.ln() - 0.81 * 0.1f64.ln()) / 2.0);

    let balanced = SigmoidFocal { alpha: FocalAlpha::Balanced(0.25), ..plain };
    let terms = sigmoid_focal(&[logit(0.9), logit(0.9)], &[1.0, 0.0], &balanced).terms;
    assert_all_close(&terms, &[-0.25 * 0.01 * 0.9f64.ln(), -0.75 * 0.81 * 0.1f64.ln()]);

    let uniform = SigmoidFocal { alpha: FocalAlpha::Uniform(0.25), ..plain };
    let terms = sigmoid_focal(&[logit(0.9), logit(0.9)], &[1.0, 0.0], &uniform).terms;
    assert_all_close(&terms, &[-0.25 * 0.01 * 0.9f64.ln(), -0.25 * 0.81 * 0.1f64.ln()]);
}

#[test]
fn sigmoid_focal_matches_its_formula_for_soft_targets() {
    let mut random = Random::new(3);
    for _ in 0..200 {
        let (p, t, gamma) = (random.next(), random.next(), 3.0 * random.next());
        let ce = -(t * p.ln() + (1.0 - t) * (1.0 - p).ln());
        let expected = (0.25 * t + 0.75 * (1.0 - t)) * (p * (1.0 - t) + (1.0 - p) * t).powf(gamma) * ce;
        let options = SigmoidFocal { gamma, ..SigmoidFocal::default() };
        assert_close(sigmoid_focal(&[logit(p)], &[t], &options).value, expected);
    }
}

/// Two rows of probabilities, given as logits that are off by a constant.
const PROBABILITIES: [f64; 6] = [0.7, 0.2, 0.1, 0.3, 0.3, 0.4];

fn scores() -> Vec<f64> {
    PROBABILITIES.iter().enumerate().map(|(i, p)| p.ln() + if i < 3 { 5.0 } else { -2.0 }).collect()
}

#[test]
fn focal_terms_and_their_means() {
    let alpha = [0.5, 1.0, 2.0];
    let options = Focal { alpha: Some(&alpha), ..Focal::default() };
    let terms = [-0.5 * 0.09 * 0.7f64.ln(), -2.0 * 0.36 * 0.4f64.ln()];
    let of = |reduction| focal(&scores(), &[0, 2], 3, &Focal { reduction, ..options });
    assert_all_close(&of(Reduction::Sum).terms, &terms);
    let sum = terms[0] + terms[1];
    assert_close(of(Reduction::Sum).value, sum);
    assert_close(of(Reduction::Mean).value, sum / 2.5);
    assert_close(of(Reduction::MeanPerSample).value, sum / 2.0);

    let ignoring = focal(&scores(), &[0, 2], 3, &Focal { ignore_index: Some(2), ..options });
    assert_all_close(&ignoring.terms, &[terms[0], 0.0]);
    assert_close(ignoring.value, terms[0] / 0.5);
    assert_eq!(ignoring.gradients[0][3..], [0.0; 3]);
}

#[test]
fn focal_without_focus_is_cross_entropy() {
    let weights = [0.5, 1.0, 2.0];
    let focal = focal(&scores(), &[0, 2], 3, &Focal { gamma: 0.0, alpha: Some(&weights), ..Focal::default() });
    let plain = cross_entropy(&scores(), &[0, 2], 3, &CrossEntropy { weights: Some(&weights), ..Default::default() });
    assert_close(focal.value, plain.value);
    assert_all_close(&focal.terms, &plain.terms);
    assert_all_close(&focal.gradients[0], &plain.gradients[0]);
}

#[test]
fn cross_entropy_terms() {
    let nll: Vec<_> = PROBABILITIES.iter().map(|p| -p.ln()).collect();
    let plain = cross_entropy(&scores(), &[1, 0], 3, &CrossEntropy::default());
    assert_all_close(&plain.terms, &[nll[1], nll[3]]);
    assert_all_close(&plain.gradients[0], &[0.35, -0.4, 0.05, -0.35, 0.15, 0.2]);

    let w = [0.5, 1.0, 2.0];
    let smoothed = |convention| {
        let options = CrossEntropy { smoothing: Some((0.3, convention)), weights: Some(&w), ..Default::default() };
        cross_entropy(&scores(), &[1, 0], 3, &options)
    };
    let uniform = [
        0.7 * nll[1] + 0.1 * (0.5 * nll[0] + nll[1] + 2.0 * nll[2]),
        0.7 * 0.5 * nll[3] + 0.1 * (0.5 * nll[3] + nll[4] + 2.0 * nll[5]),
    ];
    assert_all_close(&smoothed(SmoothingConvention::Uniform).terms, &uniform);
    assert_close(smoothed(SmoothingConvention::Uniform).value, (uniform[0] + uniform[1]) / 1.5);
    let others =
        [0.7 * nll[1] + 0.15 * (0.5 * nll[0] + 2.0 * nll[2]), 0.7 * 0.5 * nll[3] + 0.15 * (nll[4] + 2.0 * nll[5])];
    assert_all_close(&smoothed(SmoothingConvention::Others).terms, &others);
}

#[test]
fn contrastive_terms() {
    let (x1, x2) = ([0.0, 0.0, 0.0, 0.0, 1.0, 0.0], [3.0, 4.0, 0.3, 0.4, 0.0, 1.0]);
    let of = |options: Contrastive| contrastive(&x1, &x2, &[true, false, false], 2, &options);
    let plain = of(Contrastive::default());
    assert_all_close(&plain.terms, &[12.5, 0.125, 0.0]);
    assert_close(plain.value, 12.625 / 3.0);
    assert_close(of(Contrastive { reduction: Reduction::MeanActive, ..Contrastive::default() }).value, 12.625 / 2.0);
    assert_all_close(&of(Contrastive { half: false, ..Contrastive::default() }).terms, &[25.0, 0.25, 0.0]);
    let squared = Contrastive { distance: Distance::SquaredEuclidean, ..Contrastive::default() };
    assert_all_close(&of(squared).terms, &[312.5, 0.5 * 0.75 * 0.75, 0.0]);
    let cosine = Contrastive { distance: Distance::Cosine, margin: 1.5, ..Contrastive::default() };
    assert_all_close(&of(cosine).terms, &[0.5, 0.125, 0.125]);
    let unit = Contrastive { normalize: true, margin: 1.5, ..Contrastive::default() };
    assert_all_close(&of(unit).terms, &[0.5, 0.125, 0.5 * (1.5 - 2f64.sqrt()).powi(2)]);
}

#[test]
fn batch_contrastive_terms_are_the_upper_triangle() {
    let line = [0.0, 0.5, 2.0, 0.75];
    let of = |options: BatchContrastive| batch_contrastive(&line, &[1, 1, 1, 2], 1, &options);
    let plain = of(BatchContrastive::default());
    assert_all_close(&plain.terms, &[0.125, 2.0, 0.03125, 1.125, 0.28125, 0.0]);
    assert_close(plain.value, plain.terms.iter().sum::<f64>() / 6.0);
    let margins = BatchContrastive { positive_margin: 1.0, half: false, ..BatchContrastive::default() };
    assert_all_close(&of(margins).terms, &[0.0, 1.0, 0.0625, 0.25, 0.5625, 0.0]);
}

#[test]
fn aligned_triplet_terms() {
    let of = |options: Triplet| aligned_triplet(&[0.0, 0.0], &[1.0, 1.0], &[1.5, 4.0], 1, &options);
    let plain = of(Triplet::with_margin(1.0));
    assert_all_close(&plain.terms, &[0.5, 0.0]);
    assert_all_close(&plain.gradients[0], &[0.0, 0.0]);
    assert_all_close(&plain.gradients[1], &[0.5, 0.0]);
    assert_all_close(&plain.gradients[2], &[-0.5, 0.0]);
    assert_close(of(Triplet { reduction: Reduction::MeanActive, ..Triplet::with_margin(1.0) }).value, 0.5);
    assert_all_close(&of(Triplet { swap: true, ..Triplet::with_margin(1.0) }).terms, &[1.5, 0.0]);
    let softplus = |x: f64| (1.0 + x.exp()).ln();
    assert_all_close(&of(Triplet { soft: true, ..Triplet::with_margin(1.0) }).terms, &[softplus(0.5), softplus(-2.0)]);
}

#[test]
fn info_nce_rows_and_columns() {
    // One-dimensional dot products: scores 2·q·k.
    let (queries, keys) = ([1.0, 2.0], [0.5, 1.0, -1.0]);
    let e = f64::exp;
    let rows = [-(e(1.0) / (e(1.0) + e(2.0) + e(-2.0))).ln(), -(e(4.0) / (e(2.0) + e(4.0) + e(-4.0))).ln()];
    let columns = [-(e(1.0) / (e(1.0) + e(2.0))).ln(), -(e(4.0) / (e(2.0) + e(4.0))).ln()];
    let options = InfoNce { temperature: 0.5, normalize: false, ..InfoNce::default() };
    let symmetric = info_nce(&queries, &keys, 1, &options);
    assert_all_close(&symmetric.terms, &[(rows[0] + columns[0]) / 2.0, (rows[1] + columns[1]) / 2.0]);
    assert_close(symmetric.value, (rows[0] + columns[0] + rows[1] + columns[1]) / 4.0);
    let one_directional = info_nce(&queries, &keys, 1, &InfoNce { symmetric: false, ..options });
    assert_all_close(&one_directional.terms, &rows);
    assert_close(one_directional.value, (rows[0] + rows[1]) / 2.0);
}

#[test]
fn info_nce_with_groups() {
    let (queries, keys) = ([1.0, 2.0, -1.0], [0.5, 1.0, -1.0, 2.0]);
    // Query 2 has no positive; key 2 has none.
    let (query_ids, key_ids) = ([7, 8, 9], [7, 8, 5, 7]);
    let of = |positives, symmetric| {
        let groups = Some(Groups { queries: &query_ids, keys: &key_ids, positives });
        let options = InfoNce { temperature: 1.0, normalize: false, symmetric, groups, reduction: Reduction::Mean };
        info_nce(&queries, &keys, 1, &options)
    };
    let e = |query: usize, key: usize| (queries[query] * keys[key]).exp();
    let row = |query: usize| (0..4).map(|key| e(query, key)).sum::<f64>();
    let column = |key: usize| (0..3).map(|query| e(query, key)).sum::<f64>();
    let part = |share: f64| -share.ln();

    let second = part(e(1, 1) / row(1));
    let outside = [(part(e(0, 0) / row(0)) + part(e(0, 3) / row(0))) / 2.0, second, 0.0];
    let inside = [part((e(0, 0) + e(0, 3)) / row(0)), second, 0.0];
    let columns = [part(e(0, 0) / column(0)), part(e(1, 1) / column(1)), 0.0, part(e(0, 3) / column(3))];
    for (positives, rows) in [(Positives::Outside, outside), (Positives::Inside, inside)] {
        let one_directional = of(positives, false);
        assert_all_close(&one_directional.terms, &rows);
        assert_close(one_directional.value, (rows[0] + rows[1]) / 2.0);
        let symmetric = of(positives, true);
        assert_all_close(&symmetric.terms, &[&rows[..], &columns].concat().iter().map(|t| t / 2.0).collect::<Vec<_>>());
        let means = (rows[0] + rows[1]) / 2.0 + (columns[0] + columns[1] + columns[3]) / 3.0;
        assert_close(symmetric.value, means / 2.0);
    }

    // Key 3 belongs to query 0 and is left out of its denominator.
    let rows = [part(e(0, 0) / (row(0) - e(0, 3))), second, part(e(2, 2) / row(2))];
    let columns = [columns[0], columns[1], part(e(2, 2) / column(2)), 0.0];
    let aligned = of(Positives::Aligned, true);
    assert_all_close(&aligned.terms, &[&rows[..], &columns].concat().iter().map(|t| t / 2.0).collect::<Vec<_>>());
    assert_close(aligned.value, (rows.iter().sum::<f64>() + columns.iter().sum::<f64>()) / 6.0);
}

#[test]
fn losses_within_one_set() {
    // One-dimensional dot products of 1, 2, −1, 3 at temperature 1.
    let x = [1.0, 2.0, -1.0, 3.0];
    let e = |i: usize, j: usize| (x[i] * x[j] as f64).exp();
    let others = |i: usize| (0..4).filter(|&j| j != i).map(|j| e(i, j)).sum::<f64>();
    let part = |i: usize, j: usize| e(i, j) / others(i);
    let views = NtXent { temperature: 1.0, normalize: false, reduction: Reduction::Mean };
    let found = nt_xent(&x[..2], &x[2..], 1, &views);
    let expected = [(0, 2), (1, 3), (2, 0), (3, 1)].map(|(i, j)| -part(i, j).ln());
    assert_all_close(&found.terms, &expected);
    assert_close(found.value, expected.iter().sum::<f64>() / 4.0);

    let of = |positives| {
        sup_con(
            &x,
            &[5, 5, 0, 5],
            1,
            &SupCon { temperature: 1.0, normalize: false, positives, reduction: Reduction::Mean },
        )
    };
    let pairs = [(0, 1, 3), (1, 0, 3), (3, 0, 1)];
    let outside = pairs.map(|(i, j, k)| -(part(i, j).ln() + part(i, k).ln()) / 2.0);
    let inside = pairs.map(|(i, j, k)| -((part(i, j) + part(i, k)) / 2.0).ln());
    for (positives, [a, b, c]) in [(Positives::Outside, outside), (Positives::Inside, inside)] {
        let found = of(positives);
        assert_all_close(&found.terms, &[a, b, 0.0, c]);
        assert_close(found.value, (a + b + c) / 3.0);
    }
}

#[test]
fn multi_task_values() {
    let losses = [2.0, 3.0];
    assert_all_close(&weighted_sum(&losses, Some(&[0.5, 2.0]), Some(&[4.0, 1.5])).terms, &[0.25, 4.0]);
    let s = [2f64.ln(), 0.0];
    let of = |form| uncertainty(&losses, &s, &form);
    assert_all_close(&of(UncertaintyForm::Unscaled).terms, &[1.0 + s[0], 3.0]);
    assert_all_close(&of(UncertaintyForm::Halved).terms, &[0.5 + s[0] / 2.0, 1.5]);
    let likelihoods = UncertaintyForm::PerLikelihood(vec![Likelihood::Categorical, Likelihood::Gaussian]);
    assert_all_close(&of(likelihoods).terms, &[1.0 + s[0] / 2.0, 1.5]);
    assert_close(of(UncertaintyForm::Halved).value, 2.0 + s[0] / 2.0);
}
