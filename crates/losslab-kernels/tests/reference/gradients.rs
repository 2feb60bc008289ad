//! Every loss, with every combination of its options, against finite differences in every float input.

use crate::support::*;
use losslab_kernels::options::*;
use losslab_kernels::reference::*;
use std::cell::RefCell;

const GAMMAS: [f64; 5] = [0.0, 0.5, 1.0, 2.0, 3.5];

#[test]
fn sigmoid_focal_loss() {
    for gamma in GAMMAS {
        for alpha in [FocalAlpha::None, FocalAlpha::Balanced(0.25), FocalAlpha::Uniform(0.3)] {
            for reduction in REDUCTIONS {
                let options = SigmoidFocal { gamma, alpha, reduction };
                let case = format!("{options:?}");
                let draw = |random: &mut Random| vec![random.numbers(6, -4.0, 4.0), random.numbers(6, 0.02, 0.98)];
                check(&case, reduction, draw, |inputs| sigmoid_focal(&inputs[0], &inputs[1], &options));

                let hard = [0.0, 1.0, 1.0, 0.0, 0.5, 1.0];
                let draw = |random: &mut Random| vec![random.numbers(6, -4.0, 4.0)];
                check(&format!("{case}, hard targets"), reduction, draw, |inputs| {
                    let mut evaluation = sigmoid_focal(&inputs[0], &hard, &options);
                    evaluation.gradients.truncate(1);
                    evaluation
                });
            }
        }
    }
}

/// At the ends of `[0, 1]` only differences to one side exist.
#[test]
fn sigmoid_focal_loss_by_a_hard_target() {
    for gamma in GAMMAS {
        for (logit, target, inward) in [(-2.0, 0.0, 1.0), (1.5, 0.0, 1.0), (2.0, 1.0, -1.0), (-1.0, 1.0, -1.0)] {
            let options = SigmoidFocal { gamma, ..SigmoidFocal::default() };
            let at = |steps: f64| sigmoid_focal(&[logit], &[target + inward * steps * 1e-4], &options);
            let weights = [-25.0, 48.0, -36.0, 16.0, -3.0];
            let sum: f64 = weights.iter().enumerate().map(|(steps, weight)| weight * at(steps as f64).value).sum();
            let (estimate, exact) = (sum * inward / 12e-4, at(0.0).gradients[1][0]);
            assert!((exact - estimate).abs() <= 1e-6 * exact.abs(), "{options:?}: {exact} is not {estimate}");
        }
    }
}

#[test]
fn focal_loss() {
    let alpha = [0.2, 1.5, 0.0, 0.7];
    for gamma in GAMMAS {
        for alpha in [None, Some(alpha.as_slice())] {
            for ignore_index in [None, Some(1), Some(-100)] {
                for reduction in REDUCTIONS {
                    let options = Focal { gamma, alpha, ignore_index, reduction };
                    let draw = |random: &mut Random| vec![random.numbers(20, -3.0, 3.0)];
                    check(&format!("{options:?}"), reduction, draw, |inputs| {
                        focal(&inputs[0], &[0, 3, 1, 2, 0], 4, &options)
                    });
                }
            }
        }
    }
}

#[test]
fn cross_entropy_and_label_smoothing() {
    let weights = [0.2, 1.5, 0.0, 0.7];
    let smoothings = [0.0, 0.1, 1.0].iter().flat_map(|&epsilon| {
        [SmoothingConvention::Uniform, SmoothingConvention::Others].map(|convention| Some((epsilon, convention)))
    });
    for smoothing in smoothings.chain([None]) {
        for weights in [None, Some(weights.as_slice())] {
            for ignore_index in [None, Some(1), Some(-100)] {
                for reduction in REDUCTIONS {
                    let options = CrossEntropy { smoothing, weights, ignore_index, reduction };
                    let draw = |random: &mut Random| vec![random.numbers(20, -3.0, 3.0)];
                    check(&format!("{options:?}"), reduction, draw, |inputs| {
                        cross_entropy(&inputs[0], &[0, 3, 1, 2, 0], 4, &options)
                    });
                }
            }
        }
    }
}

#[test]
fn contrastive_loss() {
    for distance in DISTANCES {
        for half in SWITCH {
            for normalize in SWITCH {
                for reduction in REDUCTIONS {
                    let options = Contrastive { margin: 1.2, half, distance, normalize, reduction };
                    let draw = |random: &mut Random| vec![random.numbers(15, -1.0, 1.0), random.numbers(15, -1.0, 1.0)];
                    check(&format!("{options:?}"), reduction, draw, |inputs| {
                        contrastive(&inputs[0], &inputs[1], &[true, false, false, true, false], 3, &options)
                    });
                }
            }
        }
    }
}

#[test]
fn batch_contrastive_loss() {
    for distance in DISTANCES {
        for positive_margin in [0.0, 0.3] {
            for half in SWITCH {
                for normalize in SWITCH {
                    for reduction in REDUCTIONS {
                        let options = BatchContrastive {
                            positive_margin,
                            negative_margin: 1.2,
                            half,
                            distance,
                            normalize,
                            reduction,
                        };
                        let draw = |random: &mut Random| vec![random.numbers(15, -1.0, 1.0)];
                        check(&format!("{options:?}"), reduction, draw, |inputs| {
                            batch_contrastive(&inputs[0], &[4, -1, 4, 4, -1], 3, &options)
                        });
                    }
                }
            }
        }
    }
}

fn triplet_options() -> Vec<Triplet> {
    let mut all = vec![];
    for distance in DISTANCES {
        for soft in SWITCH {
            for swap in SWITCH {
                for normalize in SWITCH {
                    for reduction in REDUCTIONS {
                        all.push(Triplet { margin: 0.4, soft, swap, distance, normalize, reduction });
                    }
                }
            }
        }
    }
    all
}

#[test]
fn aligned_triplet_loss() {
    for options in triplet_options() {
        let draw = |random: &mut Random| (0..3).map(|_| random.numbers(12, -1.0, 1.0)).collect();
        check(&format!("{options:?}"), options.reduction, draw, |inputs| {
            aligned_triplet(&inputs[0], &inputs[1], &inputs[2], 3, &options)
        });
    }
}

#[test]
fn triplet_loss() {
    for options in triplet_options() {
        for mining in MININGS {
            let draw = |random: &mut Random| vec![random.numbers(21, -1.0, 1.0)];
            check(&format!("{mining:?} {options:?}"), options.reduction, draw, |inputs| {
                triplet(&inputs[0], &[0, 0, 5, 5, 0, -2, 5], 3, mining, &options)
            });
        }
    }
}

#[test]
fn info_nce_loss() {
    let ids = |positives| Some(Groups { queries: &[1, 2, 1, 7], keys: &[1, 2, 1, 3, 2, 9], positives });
    let groups = [Positives::Outside, Positives::Inside, Positives::Aligned].map(ids);
    for groups in groups.into_iter().chain([None]) {
        for symmetric in SWITCH {
            for normalize in SWITCH {
                for reduction in REDUCTIONS {
                    for temperature in [0.07, 0.5] {
                        let options = InfoNce { temperature, symmetric, normalize, groups, reduction };
                        let draw = |random: &mut Random| {
                            let (queries, keys) = (random.numbers(12, -1.0, 1.0), random.numbers(18, -1.0, 1.0));
                            vec![queries, keys, vec![-temperature.ln()]]
                        };
                        check(&format!("{options:?}"), reduction, draw, |inputs| {
                            let options = InfoNce { temperature: (-inputs[2][0]).exp(), ..options };
                            info_nce(&inputs[0], &inputs[1], 3, &options)
                        });
                    }
                }
            }
        }
    }
}

#[test]
fn losses_within_one_set() {
    for normalize in SWITCH {
        for reduction in REDUCTIONS {
            for temperature in [0.07, 0.5] {
                let options = NtXent { temperature, normalize, reduction };
                let draw = |random: &mut Random| {
                    let (first, second) = (random.numbers(9, -1.0, 1.0), random.numbers(9, -1.0, 1.0));
                    vec![first, second, vec![-temperature.ln()]]
                };
                check(&format!("{options:?}"), reduction, draw, |inputs| {
                    let options = NtXent { temperature: (-inputs[2][0]).exp(), ..options };
                    nt_xent(&inputs[0], &inputs[1], 3, &options)
                });
                for form in [SupConForm::Outside, SupConForm::Inside] {
                    let options = SupCon { temperature, normalize, form, reduction };
                    let draw = |random: &mut Random| vec![random.numbers(21, -1.0, 1.0), vec![-temperature.ln()]];
                    check(&format!("{options:?}"), reduction, draw, |inputs| {
                        let options = SupCon { temperature: (-inputs[1][0]).exp(), ..options };
                        sup_con(&inputs[0], &[4, 4, -1, 4, 7, 7, 8], 3, &options)
                    });
                }
            }
        }
    }
}

#[test]
fn siglip_loss() {
    let groups: [Option<[&[i64]; 2]>; 2] = [None, Some([&[1, 2, 1, 7], &[1, 2, 1, 3, 2, 9]])];
    for groups in groups {
        for normalize in SWITCH {
            for reduction in REDUCTIONS {
                for (temperature, bias) in [(0.1, -10.0), (0.5, 0.3)] {
                    let options = SigLip { temperature, bias, normalize, groups, reduction };
                    let draw = |random: &mut Random| {
                        let (queries, keys) = (random.numbers(12, -1.0, 1.0), random.numbers(18, -1.0, 1.0));
                        vec![queries, keys, vec![-temperature.ln()], vec![bias]]
                    };
                    check(&format!("{options:?}"), reduction, draw, |inputs| {
                        let options = SigLip { temperature: (-inputs[2][0]).exp(), bias: inputs[3][0], ..options };
                        siglip(&inputs[0], &inputs[1], 3, &options)
                    });
                }
            }
        }
    }
}

/// Weights that are constants for the gradient stay those of the point where the differences are taken.
fn held(held: &RefCell<Vec<Vec<f64>>>, inputs: Vec<Vec<f64>>) -> Vec<Vec<f64>> {
    held.replace(inputs.clone());
    inputs
}

#[test]
fn decoupled_contrastive_loss() {
    for sigma in [None, Some(0.5)] {
        for normalize in SWITCH {
            for reduction in REDUCTIONS {
                for temperature in [0.07, 0.5] {
                    let options = Dcl { temperature, sigma, normalize, reduction };
                    let at = RefCell::default();
                    let draw = |random: &mut Random| {
                        let (first, second) = (random.numbers(9, -1.0, 1.0), random.numbers(9, -1.0, 1.0));
                        held(&at, vec![first, second, vec![-temperature.ln()]])
                    };
                    check(&format!("{options:?}"), reduction, draw, |inputs| {
                        let options = Dcl { temperature: (-inputs[2][0]).exp(), ..options };
                        let at = at.borrow();
                        dcl_with_weights_at(&inputs[0], &inputs[1], [&at[0], &at[1]], 3, &options)
                    });
                }
            }
        }
    }
}

#[test]
fn multi_similarity_loss() {
    for (alpha, beta, base) in [(2.0, 50.0, 0.5), (1.0, 3.0, 0.0)] {
        for epsilon in [None, Some(0.1)] {
            for normalize in SWITCH {
                for reduction in REDUCTIONS {
                    let options = MultiSimilarity { alpha, beta, base, epsilon, normalize, reduction };
                    let draw = |random: &mut Random| vec![random.numbers(21, -1.0, 1.0)];
                    check(&format!("{options:?}"), reduction, draw, |inputs| {
                        multi_similarity(&inputs[0], &[4, 4, -1, 4, 7, 7, 8], 3, &options)
                    });
                }
            }
        }
    }
}

#[test]
fn circle_loss() {
    for (margin, gamma) in [(0.4, 80.0), (0.25, 4.0), (-0.2, 16.0)] {
        for reduction in REDUCTIONS {
            let (options, at) = (Circle { margin, gamma, reduction }, RefCell::default());
            let draw = |random: &mut Random| held(&at, vec![random.numbers(21, -1.0, 1.0)]);
            check(&format!("{options:?}"), reduction, draw, |inputs| {
                circle_with_weights_at(&inputs[0], &at.borrow()[0], &[4, 4, -1, 4, 7, 7, 8], 3, &options)
            });
        }
    }
}

#[test]
fn classifiers_by_cosines() {
    for reduction in REDUCTIONS {
        for (margin, scale) in [(0.5, 64.0), (0.0, 4.0), (1.2, 4.0)] {
            let draw = |random: &mut Random| vec![random.numbers(15, -1.0, 1.0), random.numbers(12, -1.0, 1.0)];
            for beyond in [ArcFaceBeyond::Monotone, ArcFaceBeyond::EasyMargin, ArcFaceBeyond::Formula] {
                let options = ArcFace { margin, scale, beyond, reduction };
                check(&format!("{options:?}"), reduction, draw, |inputs| {
                    arc_face(&inputs[0], &inputs[1], &[0, 3, 1, 2, 0], 3, &options)
                });
            }
            let options = CosFace { margin, scale, reduction };
            check(&format!("{options:?}"), reduction, draw, |inputs| {
                cos_face(&inputs[0], &inputs[1], &[0, 3, 1, 2, 0], 3, &options)
            });
        }
    }
}

#[test]
fn losses_of_features() {
    for reduction in REDUCTIONS {
        let draw = |random: &mut Random| vec![random.numbers(18, -1.5, 1.5), random.numbers(18, -1.5, 1.5)];
        for form in [VicRegForm::Algorithm, VicRegForm::Equations, VicRegForm::Code] {
            for (invariance, variance, covariance) in [(25.0, 25.0, 1.0), (0.5, 2.0, 3.0), (1.0, 0.0, 0.0)] {
                let options = VicReg { invariance, variance, covariance, form, reduction };
                check(&format!("{options:?}"), reduction, draw, |inputs| vic_reg(&inputs[0], &inputs[1], 3, &options));
            }
        }
        for zero_variance in [ZeroVariance::Epsilon, ZeroVariance::Zero] {
            for lambda in [0.005, 0.7] {
                let options = BarlowTwins { lambda, zero_variance, reduction };
                check(&format!("{options:?}"), reduction, draw, |inputs| {
                    barlow_twins(&inputs[0], &inputs[1], 3, &options)
                });
            }
        }
    }
}

#[test]
fn multi_task_losses() {
    let draw = |random: &mut Random| vec![random.numbers(3, 0.1, 2.0)];
    for weights in [None, Some([0.5, 0.0, 2.0].as_slice())] {
        for initial in [None, Some([0.5, 3.0, 2.0].as_slice())] {
            check(&format!("{weights:?} {initial:?}"), Reduction::Sum, draw, |inputs| {
                weighted_sum(&inputs[0], weights, initial)
            });
        }
    }
    let likelihoods = vec![Likelihood::Gaussian, Likelihood::Categorical, Likelihood::Gaussian];
    for form in [UncertaintyForm::Unscaled, UncertaintyForm::Halved, UncertaintyForm::PerLikelihood(likelihoods)] {
        let draw = |random: &mut Random| vec![random.numbers(3, 0.1, 2.0), random.numbers(3, -2.0, 2.0)];
        check(&format!("{form:?}"), Reduction::Sum, draw, |inputs| uncertainty(&inputs[0], &inputs[1], &form));
    }
}

#[test]
fn quadruplet_losses() {
    let labels = [0, 1, 0, 2, 1, 3, 0];
    for distance in DISTANCES {
        for normalize in SWITCH {
            for reduction in REDUCTIONS {
                for (margin, pair_margin) in [(0.3, 0.15), (0.2, 0.6)] {
                    let options = Quadruplet { margin, pair_margin, distance, normalize, reduction };
                    let draw = |random: &mut Random| (0..4).map(|_| random.numbers(12, -1.0, 1.0)).collect();
                    check(&format!("aligned {options:?}"), reduction, draw, |inputs| {
                        aligned_quadruplet([&inputs[0], &inputs[1], &inputs[2], &inputs[3]], 3, &options)
                    });
                    for mining in [QuadrupletMining::BatchAll, QuadrupletMining::BatchHard] {
                        let draw = |random: &mut Random| vec![random.numbers(21, -1.0, 1.0)];
                        check(&format!("{mining:?} {options:?}"), reduction, draw, |inputs| {
                            quadruplet(&inputs[0], &labels, 3, mining, &options)
                        });
                    }
                }
            }
        }
    }
}
