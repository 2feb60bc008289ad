//! What MGDA and UPGrad promise, and what they do at the edges.

use super::gradients::{assert_near, dot, gradients, longest, norm, pc_grad, sum, worst};
use losslab::*;
use proptest::prelude::*;

fn mgda(gradients: &[Vec<f32>]) -> Vec<f32> {
    MgdaConfig::new().init().combine(gradients).unwrap()
}

fn up_grad(gradients: &[Vec<f32>]) -> Vec<f32> {
    UpGradConfig::new().init().combine(gradients).unwrap()
}

type Combine = fn(&[Vec<f32>]) -> Vec<f32>;

const BOTH: [Combine; 2] = [mgda, up_grad];

fn scaled(rows: &[Vec<f32>], factors: &[f32]) -> Vec<Vec<f32>> {
    rows.iter().zip(factors).map(|(row, factor)| row.iter().map(|x| x * factor).collect()).collect()
}

fn combination(weights: &[f32], rows: &[Vec<f32>]) -> Vec<f32> {
    sum(&scaled(rows, weights))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1000) })]

    #[test]
    fn no_task_is_harmed(gradients in gradients(1..=6), exponents in prop::collection::vec(-6i32..6, 6)) {
        let factors = exponents.iter().map(|&exponent| 10f32.powi(exponent)).collect::<Vec<f32>>();
        for gradients in [scaled(&gradients, &factors), gradients] {
            for combine in BOTH {
                let combined = combine(&gradients);
                for gradient in &gradients {
                    // Rounding to f32 moves the combination by a part of what went into it.
                    let rounding = 1e-6 * norm(gradient) * longest(&gradients);
                    prop_assert!(dot(gradient, &combined) >= -rounding, "{combined:?} harms {gradient:?}");
                }
            }
        }
    }

    #[test]
    fn mgda_is_the_shortest_mixture(
        gradients in gradients(1..=6),
        elsewhere in prop::collection::vec(prop::collection::vec(0.0f32..1.0, 6), 20),
    ) {
        let tasks = gradients.len() as f64;
        let combined = mgda(&gradients);
        let length = norm(&combined) / tasks;
        for mixture in elsewhere {
            let total = mixture[..gradients.len()].iter().sum::<f32>();
            let mixture = mixture.iter().map(|weight| weight / total).collect::<Vec<f32>>();
            prop_assert!(length <= norm(&combination(&mixture, &gradients)) + 1e-6 * longest(&gradients));
        }
        // All gain as much as its square, or more.
        let least = worst(&gradients, &combined) / tasks;
        prop_assert!(least >= length * length - 1e-6 * longest(&gradients).powi(2), "{least} of {}", length * length);
    }

    #[test]
    fn dominated_gradients_have_no_say(gradients in gradients(1..=5), beyond in 0.0f32..2.0, at in 0usize..4) {
        let found = mgda(&gradients);
        // Each task gains ‖g_w‖² at least: (1 + beyond)·g_w gains more.
        let mut more = gradients.clone();
        let factor = (1.0 + beyond) / gradients.len() as f32;
        more.insert(at.min(gradients.len()), found.iter().map(|x| factor * x).collect());
        let longer = found.iter().map(|x| x * more.len() as f32 / gradients.len() as f32).collect::<Vec<f32>>();
        assert_near(&mgda(&more), &longer, 1e-5 * longest(&gradients));
    }

    #[test]
    fn upgrad_projects_on_what_harms_nobody(
        gradients in gradients(1..=6),
        elsewhere in prop::collection::vec(prop::collection::vec(-3.0f32..3.0, 3), 20),
    ) {
        // The projection of one gradient is the part of the combination that scales with it.
        let tasks = gradients.len();
        for task in 0..tasks {
            let mut factors = vec![1.0; tasks];
            factors[task] = 2.0;
            let [one, two] = [up_grad(&gradients), up_grad(&scaled(&gradients, &factors))];
            let projected = two.iter().zip(&one).map(|(two, one)| two - one).collect::<Vec<f32>>();
            let rounding = 1e-5 * longest(&gradients);
            let away = |point: &[f32]| {
                norm(&point.iter().zip(&gradients[task]).map(|(x, y)| x - y).collect::<Vec<f32>>())
            };
            prop_assert!(worst(&gradients, &projected) >= -rounding * longest(&gradients));
            for other in elsewhere.iter().filter(|other| worst(&gradients, other) >= 0.0) {
                prop_assert!(away(&projected) <= away(other) + rounding, "{projected:?} and {other:?}");
            }
        }
    }

    #[test]
    fn upgrad_is_linear_in_factors_of_the_rows(
        gradients in gradients(1..=5),
        one in prop::collection::vec(0.0f32..4.0, 5),
        two in prop::collection::vec(0.0f32..4.0, 5),
    ) {
        let both = one.iter().zip(&two).map(|(x, y)| x + y).collect::<Vec<f32>>();
        // A factor of 0 takes a row away, with the harm that it forbids: linear is what the others are.
        let positive = |factors: &[f32]| factors.iter().map(|x| x + 0.01).collect::<Vec<f32>>();
        let (one, two) = (positive(&one), positive(&two));
        let both = both.iter().map(|x| x + 0.02).collect::<Vec<f32>>();
        let [one, two, both] = [one, two, both].map(|factors| up_grad(&scaled(&gradients, &factors)));
        assert_near(&both, &sum(&[one, two]), 1e-5 * 8.0 * longest(&gradients));
    }

    #[test]
    fn without_a_conflict_upgrad_is_the_sum(gradients in gradients(1..=5)) {
        let positive = gradients.iter().map(|row| row.iter().map(|x| x.abs()).collect()).collect::<Vec<Vec<f32>>>();
        assert_near(&up_grad(&positive), &sum(&positive), 1e-6 * longest(&positive));
    }

    #[test]
    fn upgrad_of_two_tasks_is_pcgrad(gradients in gradients(1..=2)) {
        assert_near(&up_grad(&gradients), &pc_grad(&gradients), 1e-5 * longest(&gradients));
    }

    #[test]
    fn the_order_of_tasks_does_not_matter(gradients in gradients(1..=6), places in any::<[u8; 6]>()) {
        let mut order = (0..gradients.len()).collect::<Vec<usize>>();
        order.sort_by_key(|&task| places[task]);
        let moved = order.iter().map(|&task| gradients[task].clone()).collect::<Vec<Vec<f32>>>();
        for combine in BOTH {
            assert_near(&combine(&moved), &combine(&gradients), 1e-5 * longest(&gradients));
        }
    }

    #[test]
    fn scaling_all_gradients_scales_the_combination(gradients in gradients(1..=5), exponent in -60i32..60) {
        // A power of two, which leaves the digits as they are.
        let scale = 2f32.powi(exponent);
        for combine in BOTH {
            let large = combine(&scaled(&gradients, &[scale; 5]));
            prop_assert_eq!(large, scaled(&[combine(&gradients)], &[scale])[0].clone());
        }
        let tenth = scaled(&gradients, &[0.1; 5]);
        for combine in BOTH {
            assert_near(&combine(&tenth), &scaled(&[combine(&gradients)], &[0.1])[0], 1e-6 * longest(&gradients));
        }
    }

    #[test]
    fn both_vanish_where_a_positive_sum_does(
        gradients in gradients(1..=4),
        weights in prop::collection::vec(0.1f32..2.0, 4),
    ) {
        let mut closed = gradients.clone();
        closed.push(combination(&weights, &gradients).iter().map(|x| -x).collect());
        for combine in BOTH {
            prop_assert!(norm(&combine(&closed)) <= 1e-5 * longest(&closed), "{closed:?}");
        }
    }

    #[test]
    fn a_gradient_of_zero_is_nothing_to_upgrad_and_all_to_mgda(gradients in gradients(1..=4), at in 0usize..4) {
        let mut more = gradients.clone();
        more.insert(at.min(gradients.len()), vec![0.0; 3]);
        assert_near(&up_grad(&more), &up_grad(&gradients), 1e-6 * longest(&gradients));
        prop_assert_eq!(mgda(&more), [0.0; 3]);
    }

    #[test]
    fn a_duplicate_counts_twice_in_upgrad_and_not_at_all_in_the_shortest_mixture(gradients in gradients(1..=4)) {
        let more = [gradients.clone(), vec![gradients[0].clone()]].concat();
        let found = mgda(&gradients);
        let longer = found.iter().map(|x| x * more.len() as f32 / gradients.len() as f32).collect::<Vec<f32>>();
        assert_near(&mgda(&more), &longer, 1e-5 * longest(&gradients));
        let twice = scaled(&gradients, &[2.0, 1.0, 1.0, 1.0]);
        assert_near(&up_grad(&more), &up_grad(&twice), 1e-5 * longest(&gradients));
    }
}

#[test]
fn weakly_stationary_is_the_end_for_mgda_and_not_for_upgrad() {
    // The first two can't both gain; the third can.
    let gradients = [vec![1.0, 0.0], vec![-1.0, 0.0], vec![0.0, 1.0]];
    assert_near(&mgda(&gradients), &[0.0, 0.0], 1e-7);
    assert_near(&up_grad(&gradients), &[0.0, 1.0], 1e-7);
}

#[test]
fn by_hand() {
    assert_near(&mgda(&[vec![2.0, 0.0], vec![0.0, 1.0]]), &[0.8, 1.6], 1e-6);
    // Equal lengths, perpendicular: the sum. One far longer than the other along it: the shorter one decides.
    assert_near(&mgda(&[vec![0.0, 3.0], vec![3.0, 0.0]]), &[3.0, 3.0], 1e-6);
    assert_near(&mgda(&[vec![5.0, 5.0], vec![0.0, 1.0]]), &[0.0, 2.0], 1e-6);
    // PCGrad harms the second task here (`with_three_tasks_pcgrad_may_harm_one`). For UPGrad (1, 0), which harms both
    // others, and the other two each have one direction left.
    let gradients = [vec![1.0, 0.0], vec![-0.5, 1.0], vec![-0.5, -3.0]];
    assert!(worst(&gradients, &up_grad(&gradients)) >= -1e-6);
    assert_near(&up_grad(&[vec![1.0, 0.0], vec![-1.0, 1.0]]), &[0.5, 1.5], 1e-6);
}

#[test]
fn equal_gradients_and_a_single_one() {
    let gradient = vec![0.5f32, -2.0, 3.0];
    for tasks in [1, 2, 5] {
        let gradients = vec![gradient.clone(); tasks];
        for combine in BOTH {
            assert_near(&combine(&gradients), &sum(&gradients), 1e-5);
        }
    }
    for combine in BOTH {
        assert_eq!(combine(&[vec![], vec![]]), [0.0; 0]);
        assert_eq!(combine(&[vec![0.0; 3], vec![0.0; 3]]), [0.0; 3]);
    }
}

#[test]
fn many_tasks_are_solved_too() {
    // Deterministic, without a pattern.
    let entry = |at: usize| ((at * at % 97) as f32 - 48.0) / 7.0;
    for tasks in [20, 40] {
        let gradients = (0..tasks).map(|task| (0..60).map(|at| entry(60 * task + at)).collect());
        let gradients = gradients.collect::<Vec<Vec<f32>>>();
        for combine in BOTH {
            let combined = combine(&gradients);
            assert!(worst(&gradients, &combined) >= -1e-5 * longest(&gradients).powi(2));
        }
    }
}

#[test]
fn what_is_not_finite_comes_out_as_nan() {
    for bad in [f32::NAN, -f32::NAN, f32::INFINITY] {
        for tasks in [1, 2, 4] {
            let mut gradients = vec![vec![1.0, -1.0, 0.5]; tasks];
            gradients[tasks - 1][0] = bad;
            for combine in BOTH {
                assert!(combine(&gradients).iter().all(|x| x.is_nan()));
            }
        }
    }
}

#[test]
fn shapes_that_do_not_fit_are_refused() {
    let error = UpGradConfig::new().init().combine(&[vec![1.0], vec![1.0, 2.0]]).unwrap_err().to_string();
    assert_eq!(error, "task gradients: gradients must have shape [1] (the length of the first), but has [2]");
    let error = MgdaConfig::new().init().combine::<Vec<f32>>(&[]).unwrap_err().to_string();
    assert_eq!(error, "task gradients: gradients must have shape [tasks] with at least one task, but has [0]");
}
