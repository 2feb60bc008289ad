//! A NaN that enters a term makes the value NaN, whatever is mined, hinged, weighted or reduced.

use crate::support::*;
use losslab_kernels::options::*;
use losslab_kernels::reference::*;

const NAN: f64 = f64::NAN;

#[test]
fn a_nan_logit_or_target_shows() {
    for reduction in REDUCTIONS {
        for gamma in [0.0, 0.5, 2.0] {
            for alpha in [FocalAlpha::None, FocalAlpha::Balanced(0.0), FocalAlpha::Uniform(0.0)] {
                let options = SigmoidFocal { gamma, alpha, reduction };
                for t in [0.0, 0.4, 1.0] {
                    assert!(sigmoid_focal(&[1.0, NAN], &[1.0, t], &options).value.is_nan());
                }
                assert!(sigmoid_focal(&[1.0, 2.0], &[1.0, NAN], &options).value.is_nan());
            }
            for place in 0..3 {
                let mut logits = [0.5, 1.0, -1.0];
                logits[place] = NAN;
                for alpha in [None, Some([0.0, 0.0, 0.0].as_slice())] {
                    let options = Focal { gamma, alpha, ignore_index: None, reduction };
                    assert!(focal(&logits, &[1], 3, &options).value.is_nan());
                    let smoothing = (gamma > 0.0).then_some((0.1, SmoothingConvention::Others));
                    let options = CrossEntropy { smoothing, weights: alpha, ignore_index: None, reduction };
                    assert!(cross_entropy(&logits, &[1], 3, &options).value.is_nan());
                }
            }
        }
    }
}

#[test]
fn a_nan_embedding_shows() {
    let mut random = Random::new(11);
    let clean = random.numbers(14, -1.0, 1.0);
    let labels = [0, 0, 0, 1, 1, 2, 0];
    for place in 0..14 {
        let mut broken = clean.clone();
        broken[place] = NAN;
        for reduction in REDUCTIONS {
            for distance in DISTANCES {
                for normalize in SWITCH {
                    let options = Contrastive { distance, normalize, reduction, ..Default::default() };
                    for similar in SWITCH {
                        let evaluation = contrastive(&clean, &broken, &[similar; 7], 2, &options);
                        assert!(evaluation.value.is_nan() && evaluation.terms[place / 2].is_nan());
                    }
                    let options = BatchContrastive { distance, normalize, reduction, ..Default::default() };
                    assert!(batch_contrastive(&broken, &labels, 2, &options).value.is_nan());
                    for (soft, swap) in [(false, false), (false, true), (true, false), (true, true)] {
                        let options = Triplet { margin: 0.2, soft, swap, distance, normalize, reduction };
                        assert!(aligned_triplet(&broken, &clean, &clean, 2, &options).value.is_nan());
                        assert!(aligned_triplet(&clean, &broken, &clean, 2, &options).value.is_nan());
                        assert!(aligned_triplet(&clean, &clean, &broken, 2, &options).value.is_nan());
                        for mining in MININGS {
                            let value = triplet(&broken, &labels, 2, mining, &options).value;
                            assert!(value.is_nan(), "{mining:?} {options:?} at {place}");
                        }
                    }
                }
            }
            for positives in [None, Some(Positives::Outside), Some(Positives::Inside), Some(Positives::Aligned)] {
                let ids = |positives| Groups { queries: &labels, keys: &labels, positives };
                for symmetric in SWITCH {
                    let groups = positives.map(ids);
                    let options = InfoNce { symmetric, groups, reduction, ..Default::default() };
                    assert!(info_nce(&broken, &clean, 2, &options).value.is_nan());
                    assert!(info_nce(&clean, &broken, 2, &options).value.is_nan());
                }
            }
            let (temperature, normalize) = (0.5, true);
            for form in [SupConForm::Outside, SupConForm::Inside] {
                let options = SupCon { temperature, normalize, form, reduction };
                assert!(sup_con(&broken, &labels, 2, &options).value.is_nan());
            }
            for epsilon in [None, Some(0.1)] {
                let options = MultiSimilarity { epsilon, reduction, ..Default::default() };
                assert!(multi_similarity(&broken, &labels, 2, &options).value.is_nan());
            }
            assert!(
                circle(&broken, &[0, 0, 0, 1, 1, 1, 0], 2, &Circle { reduction, ..Default::default() }).value.is_nan()
            );
            for beyond in [ArcFaceBeyond::Monotone, ArcFaceBeyond::EasyMargin, ArcFaceBeyond::Formula] {
                let options = ArcFace { beyond, reduction, ..Default::default() };
                assert!(arc_face(&broken, &clean, &labels, 2, &options).value.is_nan());
                assert!(arc_face(&clean, &broken, &labels, 2, &options).value.is_nan());
            }
            let options = CosFace { reduction, ..Default::default() };
            assert!(cos_face(&broken, &clean, &labels, 2, &options).value.is_nan());
            assert!(cos_face(&clean, &broken, &labels, 2, &options).value.is_nan());
            let options = VicReg { reduction, ..Default::default() };
            assert!(vic_reg(&broken, &clean, 2, &options).value.is_nan());
            assert!(vic_reg(&clean, &broken, 2, &options).value.is_nan());
            for zero_variance in [ZeroVariance::Epsilon, ZeroVariance::Zero] {
                let options = BarlowTwins { zero_variance, reduction, ..Default::default() };
                assert!(barlow_twins(&broken, &clean, 2, &options).value.is_nan());
                assert!(barlow_twins(&clean, &broken, 2, &options).value.is_nan());
            }
            let sigmoid = SigLip { reduction, ..Default::default() };
            assert!(siglip(&broken, &clean, 2, &sigmoid).value.is_nan());
            assert!(siglip(&clean, &broken, 2, &sigmoid).value.is_nan());
            for sigma in [None, Some(0.5)] {
                let views = Dcl { temperature, sigma, normalize, reduction };
                assert!(dcl(&broken, &clean, 2, &views).value.is_nan());
                assert!(dcl(&clean, &broken, 2, &views).value.is_nan());
            }
            let views = NtXent { temperature, normalize, reduction };
            assert!(nt_xent(&broken, &clean, 2, &views).value.is_nan());
            assert!(nt_xent(&clean, &broken, 2, &views).value.is_nan());
        }
    }
    assert!(weighted_sum(&[NAN, 1.0], Some(&[0.0, 1.0]), None).value.is_nan());
    assert!(uncertainty(&[1.0], &[NAN], &UncertaintyForm::Halved).value.is_nan());
}

#[test]
fn a_nan_negative_is_seen_where_the_pair_would_be_skipped() {
    let [.., skip] = MININGS;
    // No negative is farther from the anchor than its positive, but one of them is unknown.
    let options = Triplet::with_margin(0.2);
    assert!(triplet(&[0.0, 9.0, 1.0, NAN], &[0, 0, 1, 2], 1, skip, &options).value.is_nan());
    assert!(triplet(&[0.0, NAN, 1.0], &[0, 0, 1], 1, skip, &options).value.is_nan());
}

#[test]
fn what_enters_no_term_does_not_show() {
    let ignoring = CrossEntropy { ignore_index: Some(-1), ..Default::default() };
    let padded = cross_entropy(&[1.0, 2.0, NAN, NAN], &[0, -1], 2, &ignoring);
    assert_close(padded.value, (1.0 + 1f64.exp()).ln());
    assert_eq!(padded.gradients[0][2..], [0.0, 0.0]);
    // A triplet needs a positive and a negative.
    for mining in MININGS {
        assert_eq!(triplet(&[1.0, NAN, 2.0], &[0, 1, 2], 1, mining, &Triplet::with_margin(1.0)).value, 0.0);
    }
}
