//! Empty means, and inputs at which a careless gradient is not finite.

use crate::support::*;
use losslab_kernels::options::*;
use losslab_kernels::reference::*;

const NAN: f64 = f64::NAN;

#[test]
fn a_mean_over_nothing_is_zero() {
    for reduction in REDUCTIONS {
        assert_nothing(&sigmoid_focal(&[], &[], &SigmoidFocal { reduction, ..Default::default() }));
        let focal_options = Focal { ignore_index: Some(0), reduction, ..Default::default() };
        assert_nothing(&focal(&[1.0, NAN], &[0], 2, &focal_options));
        let zero = Some([0.0, 0.0].as_slice());
        assert_nothing(&focal(&[1.0, 2.0], &[0], 2, &Focal { alpha: zero, reduction, ..Default::default() }));
        let ignoring = CrossEntropy { ignore_index: Some(0), reduction, ..Default::default() };
        assert_nothing(&cross_entropy(&[1.0, 2.0], &[0], 2, &ignoring));
        let weightless = CrossEntropy { weights: zero, reduction, ..Default::default() };
        assert_nothing(&cross_entropy(&[1.0, 2.0], &[0], 2, &weightless));
        assert_nothing(&contrastive(&[], &[], &[], 2, &Contrastive { reduction, ..Default::default() }));
        let pairs = BatchContrastive { reduction, ..Default::default() };
        assert_nothing(&batch_contrastive(&[1.0, 2.0], &[0], 2, &pairs));
        let options = Triplet { reduction, ..Triplet::with_margin(1.0) };
        assert_nothing(&aligned_triplet(&[], &[], &[], 2, &options));
        for mining in MININGS {
            assert_nothing(&triplet(&[1.0, 2.0, 3.0], &[0, 1, 2], 1, mining, &options));
            assert_nothing(&triplet(&[1.0, 2.0, 3.0], &[0, 0, 0], 1, mining, &options));
            assert_nothing(&triplet(&[], &[], 1, mining, &options));
        }
        for positives in [Positives::Outside, Positives::Inside] {
            for symmetric in SWITCH {
                let groups = Some(Groups { queries: &[0, 1], keys: &[2, 3], positives });
                let options = InfoNce { groups, symmetric, reduction, ..Default::default() };
                assert_nothing(&info_nce(&[1.0, 2.0], &[3.0, 4.0], 1, &options));
            }
        }
    }
    assert_nothing(&weighted_sum(&[], None, None));
    assert_nothing(&uncertainty(&[], &[], &UncertaintyForm::Unscaled));
}

#[test]
fn an_inactive_batch_is_zero() {
    let active = Triplet { reduction: Reduction::MeanActive, ..Triplet::with_margin(0.1) };
    for mining in MININGS {
        assert_nothing(&triplet(&[0.0, 0.1, 5.0, 5.1], &[0, 0, 1, 1], 1, mining, &active));
    }
    // Exactly on the margin is inactive.
    assert_nothing(&aligned_triplet(&[0.0], &[1.0], &[2.0], 1, &Triplet::with_margin(1.0)));
    assert_nothing(&contrastive(&[0.0], &[1.0], &[false], 1, &Contrastive::default()));
}

#[test]
fn one_class_costs_nothing() {
    for gamma in [0.0, 0.5, 2.0] {
        assert_nothing(&focal(&[3.0], &[0], 1, &Focal { gamma, ..Default::default() }));
    }
    for convention in [SmoothingConvention::Uniform, SmoothingConvention::Others] {
        let options = CrossEntropy { smoothing: Some((0.1, convention)), ..Default::default() };
        assert_nothing(&cross_entropy(&[3.0], &[0], 1, &options));
        assert!(cross_entropy(&[NAN], &[0], 1, &options).value.is_nan());
    }
    assert!(focal(&[NAN], &[0], 1, &Focal::default()).value.is_nan());
}

#[test]
fn saturated_logits_have_finite_gradients() {
    let extremes = [-1e4, -800.0, -40.5, -30.0, 0.0, 30.0, 40.5, 800.0, 1e4];
    for gamma in [0.0, 1e-3, 0.01, 0.3, 0.5, 1.0, 2.0, 5.0] {
        for x in extremes {
            for t in [0.0, 1e-300, 1e-20, 0.5, 1.0 - 1e-16, 1.0] {
                for alpha in [FocalAlpha::None, FocalAlpha::Balanced(0.25), FocalAlpha::Balanced(1.0)] {
                    let options = SigmoidFocal { gamma, alpha, reduction: Reduction::MeanActive };
                    assert_finite(&format!("{options:?} {x} {t}"), &sigmoid_focal(&[x], &[t], &options));
                }
            }
            let options = Focal { gamma, ..Default::default() };
            for label in 0..3 {
                assert_finite(&format!("{options:?} {x}"), &focal(&[x, 0.0, -x], &[label], 3, &options));
                assert_finite("ties", &focal(&[x, x, x], &[label], 3, &options));
            }
        }
    }
    for x in extremes {
        for convention in [SmoothingConvention::Uniform, SmoothingConvention::Others] {
            let options = CrossEntropy { smoothing: Some((0.1, convention)), ..Default::default() };
            assert_finite(&format!("{options:?} {x}"), &cross_entropy(&[x, 0.0, -x], &[0], 3, &options));
        }
    }
}

/// What the focal term tends to where `q` and `ce` vanish: `ce/q → 1`, so `∂/∂t = q^γ·(γ·ce/q·(1 − 2p) − x)`.
#[test]
fn the_focal_term_has_its_limits() {
    let options = |gamma| SigmoidFocal { gamma, alpha: FocalAlpha::None, reduction: Reduction::Sum };
    for (x, t, sign) in [(-1e4, 0.0, 1.0), (1e4, 1.0, -1.0)] {
        let gamma = 1e-3;
        let right = sigmoid_focal(&[x], &[t], &options(gamma));
        assert_eq!(right.value, 0.0);
        assert_eq!(right.gradients[0], [0.0]);
        assert_close(right.gradients[1][0], sign * (-10f64).exp() * (gamma + 1e4));
        let wrong = sigmoid_focal(&[-x], &[t], &options(gamma));
        assert_close(wrong.value, 1e4);
        assert_close(wrong.gradients[0][0], sign);
    }
    // At −50 everything is exp(−50) to within a relative 1e-21.
    let small = sigmoid_focal(&[-50.0], &[0.0], &options(0.5));
    assert!((small.value / (-75f64).exp() - 1.0).abs() < 1e-12);
    assert!((small.gradients[0][0] / (1.5 * (-75f64).exp()) - 1.0).abs() < 1e-12);
    // The smallest cross-entropies are exact too, where 1 − p_y and log p_y would have cancelled.
    let certain = focal(&[50.0, 0.0], &[0], 2, &Focal { gamma: 0.5, ..Default::default() });
    assert!((certain.value / (-75f64).exp() - 1.0).abs() < 1e-12);
    let certain = cross_entropy(&[50.0, 0.0], &[0], 2, &CrossEntropy::default());
    assert!((certain.value / (-50f64).exp() - 1.0).abs() < 1e-12);
}

/// Zero vectors, duplicates and ordinary rows, two of each label.
const DEGENERATE: [f64; 12] = [0.0, 0.0, 0.0, 0.0, 1.0, 2.0, 1.0, 2.0, 0.0, 0.0, 1.0, 2.0];
const DEGENERATE_LABELS: [i64; 6] = [0, 0, 1, 1, 2, 0];

#[test]
fn duplicates_and_zero_vectors_have_finite_gradients() {
    for distance in DISTANCES {
        for normalize in SWITCH {
            for reduction in REDUCTIONS {
                let options = Contrastive { distance, normalize, reduction, ..Default::default() };
                for similar in SWITCH {
                    let mut shifted = DEGENERATE;
                    shifted.rotate_left(2);
                    for other in [DEGENERATE, shifted] {
                        let evaluation = contrastive(&DEGENERATE, &other, &[similar; 6], 2, &options);
                        assert_finite(&format!("{options:?}"), &evaluation);
                    }
                }
                let options = BatchContrastive { distance, normalize, reduction, ..Default::default() };
                let evaluation = batch_contrastive(&DEGENERATE, &DEGENERATE_LABELS, 2, &options);
                assert_finite(&format!("{options:?}"), &evaluation);
                for (soft, swap) in [(false, false), (false, true), (true, false), (true, true)] {
                    let options = Triplet { margin: 0.2, soft, swap, distance, normalize, reduction };
                    let evaluation = aligned_triplet(&DEGENERATE, &DEGENERATE, &DEGENERATE, 2, &options);
                    assert_finite(&format!("{options:?}"), &evaluation);
                    for mining in MININGS {
                        let evaluation = triplet(&DEGENERATE, &DEGENERATE_LABELS, 2, mining, &options);
                        assert_finite(&format!("{mining:?} {options:?}"), &evaluation);
                    }
                }
            }
        }
    }
    for positives in [None, Some(Positives::Outside), Some(Positives::Inside), Some(Positives::Aligned)] {
        let ids = |positives| Groups { queries: &DEGENERATE_LABELS, keys: &DEGENERATE_LABELS, positives };
        for (temperature, normalize) in [(0.001, true), (0.001, false), (0.07, true)] {
            let options = InfoNce { temperature, normalize, groups: positives.map(ids), ..Default::default() };
            assert_finite(&format!("{options:?}"), &info_nce(&DEGENERATE, &DEGENERATE, 2, &options));
        }
    }
}

#[test]
fn zero_distances_and_zero_vectors_have_gradient_zero() {
    let options = Contrastive { reduction: Reduction::Sum, ..Default::default() };
    let duplicates = contrastive(&[1.0, 2.0], &[1.0, 2.0], &[false], 2, &options);
    assert_eq!((duplicates.value, &duplicates.gradients), (0.5, &vec![vec![0.0; 2]; 2]));
    let cosine = Contrastive { distance: Distance::Cosine, margin: 2.0, ..options };
    let zero = contrastive(&[0.0, 0.0], &[1.0, 2.0], &[false], 2, &cosine);
    assert_eq!((zero.value, &zero.gradients), (0.5, &vec![vec![0.0; 2]; 2]));
    let unit = contrastive(&[0.0, 0.0], &[3.0, 0.0], &[true], 2, &Contrastive { normalize: true, ..options });
    assert_eq!((unit.value, &unit.gradients[0]), (0.5, &vec![0.0; 2]));
    let nce = info_nce(&[0.0, 0.0], &[1.0, 2.0, 3.0, 4.0], 2, &InfoNce { symmetric: false, ..Default::default() });
    assert_close(nce.value, 2f64.ln());
    assert!(nce.gradients.iter().flatten().all(|&entry| entry == 0.0));
}

#[test]
fn losses_within_one_set_are_finite_and_may_have_no_positive() {
    for (temperature, normalize) in [(0.001, true), (0.001, false), (0.07, true)] {
        for reduction in REDUCTIONS {
            let views = NtXent { temperature, normalize, reduction };
            assert_finite(&format!("{views:?}"), &nt_xent(&DEGENERATE, &DEGENERATE, 2, &views));
            for form in [SupConForm::Outside, SupConForm::Inside] {
                let options = SupCon { temperature, normalize, form, reduction };
                assert_finite(&format!("{options:?}"), &sup_con(&DEGENERATE, &DEGENERATE_LABELS, 2, &options));
                assert_nothing(&sup_con(&[1.0, 2.0, 3.0], &[0, 1, 2], 1, &options));
                assert_nothing(&sup_con(&[], &[], 1, &options));
            }
        }
    }
}

#[test]
fn pair_losses_are_finite_and_may_have_no_pair() {
    for reduction in REDUCTIONS {
        for normalize in SWITCH {
            let ids = Some([DEGENERATE_LABELS.as_slice(); 2]);
            for (groups, temperature) in [(None, 0.001), (ids, 0.001), (ids, 0.1)] {
                let options = SigLip { temperature, normalize, groups, reduction, ..Default::default() };
                assert_finite(&format!("{options:?}"), &siglip(&DEGENERATE, &DEGENERATE, 2, &options));
            }
            for sigma in [None, Some(0.5)] {
                let options = Dcl { temperature: 0.001, sigma, normalize, reduction };
                assert_finite(&format!("{options:?}"), &dcl(&DEGENERATE, &DEGENERATE, 2, &options));
                assert_nothing(&dcl(&[1.0, 2.0], &[3.0, 4.0], 2, &options));
                assert_nothing(&dcl(&[], &[], 2, &options));
            }
            for epsilon in [None, Some(0.1)] {
                let options = MultiSimilarity { epsilon, normalize, reduction, ..Default::default() };
                let evaluation = multi_similarity(&DEGENERATE, &DEGENERATE_LABELS, 2, &options);
                assert_finite(&format!("{options:?}"), &evaluation);
                assert_nothing(&multi_similarity(&[1.0, 2.0], &[0], 2, &options));
                assert_nothing(&multi_similarity(&[], &[], 2, &options));
            }
        }
        let options = Circle { reduction, ..Default::default() };
        assert_finite(&format!("{options:?}"), &circle(&DEGENERATE, &DEGENERATE_LABELS, 2, &options));
        assert_nothing(&circle(&[1.0, 2.0, 3.0], &[0, 1, 2], 1, &options));
        assert_nothing(&circle(&[1.0, 2.0, 3.0], &[0, 0, 0], 1, &options));
        assert_nothing(&circle(&[], &[], 1, &options));
    }
}

/// Along the vector of its class, opposite to it, beyond the margin on both sides, and at zero vectors.
#[test]
fn angles_of_zero_and_of_pi_have_finite_gradients() {
    let weights = [1.0, 0.0, 0.0, 1.0, 0.0, 0.0];
    let embeddings = [2.0, 0.0, -2.0, 0.0, 0.0, 3.0, 0.0, 0.0, -1.0, 0.1, 1.0, 0.0];
    let targets = [0, 0, 1, 0, 0, 2];
    for beyond in [ArcFaceBeyond::Monotone, ArcFaceBeyond::EasyMargin, ArcFaceBeyond::Formula] {
        let options = ArcFace { beyond, scale: 4.0, reduction: Reduction::Sum, ..Default::default() };
        let found = arc_face(&embeddings, &weights, &targets, 2, &options);
        assert_finite(&format!("{options:?}"), &found);
        assert_eq!(found.gradients[0][6..8], [0.0, 0.0]);
        // θ = 0: cos m against a right angle to the other class, and to the zero vector.
        assert_close(found.terms[0], (1.0 + 2.0 * (-4.0 * 0.5f64.cos()).exp()).ln());
        // θ = π.
        let opposite = match beyond {
            ArcFaceBeyond::Monotone => -1.0 - 0.5 * 0.5f64.sin(),
            ArcFaceBeyond::EasyMargin => -1.0,
            ArcFaceBeyond::Formula => -(0.5f64.cos()),
        };
        assert_close(found.terms[1], (1.0 + 2.0 * (-4.0 * opposite).exp()).ln());
        // A zero embedding: θ is a right angle.
        let right = if beyond == ArcFaceBeyond::EasyMargin { 0.0 } else { -(0.5f64.sin()) };
        assert_close(found.terms[3], (1.0 + 2.0 * (-4.0 * right).exp()).ln());
    }
    let options = CosFace { scale: 4.0, reduction: Reduction::Sum, ..Default::default() };
    assert_finite(&format!("{options:?}"), &cos_face(&embeddings, &weights, &targets, 2, &options));
}

#[test]
fn features_that_do_not_vary_have_finite_gradients() {
    // The first feature is constant in the first view; the second view has all features constant.
    let (first, second) = ([0.1, 1.0, 0.1, 2.0, 0.1, -1.0], [0.3, 0.2, 0.3, 0.2, 0.3, 0.2]);
    for reduction in REDUCTIONS {
        for form in [VicRegForm::Algorithm, VicRegForm::Equations, VicRegForm::Code] {
            let options = VicReg { form, reduction, ..Default::default() };
            assert_finite(&format!("{options:?}"), &vic_reg(&first, &second, 2, &options));
            assert_finite("one sample", &vic_reg(&first[..2], &second[..2], 2, &options));
            assert_eq!(vic_reg(&[], &[], 2, &options).value, 0.0);
        }
        for zero_variance in [ZeroVariance::Epsilon, ZeroVariance::Zero] {
            let options = BarlowTwins { zero_variance, reduction, ..Default::default() };
            let found = barlow_twins(&first, &second, 2, &options);
            assert_finite(&format!("{options:?}"), &found);
            found.terms.iter().for_each(|&term| assert!((term - 1.0).abs() < 1e-9, "{options:?}: {term}"));
            let still = found.gradients.iter().flatten().all(|&entry| entry == 0.0);
            assert_eq!(still, zero_variance == ZeroVariance::Zero, "{options:?}");
            assert_eq!(barlow_twins(&[], &[], 2, &options).value, 0.0);
        }
    }
}

/// A key that is left out of a denominator has no gradient from it.
#[test]
fn aligned_positives_leave_duplicates_out() {
    let groups = Groups { queries: &[0, 1], keys: &[0, 1, 0], positives: Positives::Aligned };
    let options = InfoNce { symmetric: false, normalize: false, groups: Some(groups), ..Default::default() };
    let with = info_nce(&[1.0, 0.0], &[1.0, -1.0, 1.0], 1, &options);
    let without = info_nce(&[1.0, 0.0], &[1.0, -1.0], 1, &InfoNce { groups: None, ..options });
    assert_close(with.terms[0], without.terms[0]);
    assert_eq!(with.gradients[1][2], 0.0);
}
