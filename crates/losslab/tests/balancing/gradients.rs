//! What PCGrad and CAGrad promise, and what they do at the edges.

use losslab::*;
use proptest::prelude::*;

pub fn dot(x: &[f32], y: &[f32]) -> f64 {
    x.iter().zip(y).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum()
}

pub fn norm(x: &[f32]) -> f64 {
    dot(x, x).sqrt()
}

pub fn sum(gradients: &[Vec<f32>]) -> Vec<f32> {
    (0..gradients[0].len()).map(|at| gradients.iter().map(|gradient| gradient[at]).sum()).collect()
}

pub fn longest(gradients: &[Vec<f32>]) -> f64 {
    gradients.iter().map(|gradient| norm(gradient)).fold(0.0, f64::max)
}

/// The inner product of the task that is worst off.
pub fn worst(gradients: &[Vec<f32>], combined: &[f32]) -> f64 {
    gradients.iter().map(|gradient| dot(gradient, combined)).fold(f64::INFINITY, f64::min)
}

pub fn assert_near(found: &[f32], expected: &[f32], tolerance: f64) {
    let gap = found.iter().zip(expected).map(|(x, y)| x - y).collect::<Vec<f32>>();
    assert!(norm(&gap) <= tolerance, "{found:?} instead of {expected:?}");
}

pub fn pc_grad(gradients: &[Vec<f32>]) -> Vec<f32> {
    PcGradConfig::new().with_order(PcGradOrder::Ascending).init().combine(gradients).unwrap()
}

fn ca_grad(c: f64, gradients: &[Vec<f32>]) -> Vec<f32> {
    CaGradConfig::new().with_c(c).init().combine(gradients).unwrap()
}

/// Gradients of up to five tasks, with zeros and equal ones among them.
pub fn gradients(tasks: std::ops::RangeInclusive<usize>) -> impl Strategy<Value = Vec<Vec<f32>>> {
    let entry = prop_oneof![4 => -3.0f32..3.0, 1 => Just(0.0f32), 1 => Just(1.0f32)];
    tasks.prop_flat_map(move |tasks| prop::collection::vec(prop::collection::vec(entry.clone(), 3), tasks))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1000) })]

    #[test]
    fn pcgrad_harms_neither_of_two_tasks(gradients in gradients(2..=2)) {
        let combined = pc_grad(&gradients);
        prop_assert!(worst(&gradients, &combined) >= -1e-6 * longest(&gradients).powi(2));
    }

    #[test]
    fn without_a_conflict_pcgrad_is_the_sum(gradients in gradients(1..=5)) {
        let positive = gradients.iter().map(|row| row.iter().map(|x| x.abs()).collect()).collect::<Vec<Vec<f32>>>();
        assert_near(&pc_grad(&positive), &sum(&positive), 1e-6 * longest(&positive));
    }

    #[test]
    fn cagrad_stays_in_its_ball_and_is_best_in_it(
        gradients in gradients(1..=5),
        c in 0.0f64..1.5,
        elsewhere in prop::collection::vec(prop::collection::vec(-1.0f32..1.0, 3), 20),
    ) {
        let (combined, sum) = (ca_grad(c, &gradients), sum(&gradients));
        let rounding = 1e-5 * longest(&gradients);
        let step = combined.iter().zip(&sum).map(|(x, y)| x - y).collect::<Vec<f32>>();
        prop_assert!(norm(&step) <= c * norm(&sum) + rounding);
        let found = worst(&gradients, &combined);
        // Where the worst case vanishes, rounding leaves three digits of its direction.
        let rounding = 1e-3 * longest(&gradients).powi(2);
        prop_assert!(found >= worst(&gradients, &sum) - rounding, "no worse than the sum");
        for direction in elsewhere.iter().filter(|direction| norm(direction) > 0.0) {
            let scale = (c * norm(&sum) / norm(direction)) as f32;
            let other = sum.iter().zip(direction).map(|(sum, x)| sum + scale * x).collect::<Vec<f32>>();
            prop_assert!(found >= worst(&gradients, &other) - rounding, "{found} at {combined:?}, more at {other:?}");
        }
        if c >= 1.0 {
            prop_assert!(found >= -rounding, "nobody is harmed: {found}");
        } else {
            prop_assert!(dot(&sum, &combined) >= (1.0 - c) * dot(&sum, &sum) - rounding, "the sum of losses goes down");
        }
    }

    #[test]
    fn the_order_of_tasks_does_not_matter(gradients in gradients(1..=5), c in 0.0f64..1.5) {
        let reversed = gradients.iter().rev().cloned().collect::<Vec<Vec<f32>>>();
        // Where the worst case vanishes, several combinations are equally good.
        let [one, other] = [&reversed, &gradients].map(|rows| worst(&gradients, &ca_grad(c, rows)));
        prop_assert!((one - other).abs() <= 1e-3 * longest(&gradients).powi(2), "{one} and {other}");
        if gradients.len() == 2 {
            assert_near(&pc_grad(&reversed), &pc_grad(&gradients), 1e-6 * longest(&gradients));
        }
    }

    #[test]
    fn scaling_all_gradients_scales_the_combination(gradients in gradients(1..=5), exponent in -60i32..60) {
        // A power of two, which leaves the digits as they are.
        let scale = 2f32.powi(exponent);
        let scaled = |rows: &[Vec<f32>]| rows.iter().map(|row| row.iter().map(|x| x * scale).collect()).collect();
        let large: Vec<Vec<f32>> = scaled(&gradients);
        prop_assert_eq!(pc_grad(&large), scaled(&[pc_grad(&gradients)])[0].clone());
        let tolerance = 1e-5 * longest(&large);
        assert_near(&ca_grad(0.4, &large), &scaled(&[ca_grad(0.4, &gradients)])[0].clone(), tolerance);
    }
}

#[test]
fn cagrad_is_best_where_the_worst_case_vanishes() {
    // 0 is in the middle of an edge of the hull: the two opposed tasks can't both gain, the third one can.
    let gradients = [vec![1.0, 0.0, 0.0], vec![-1.0, 0.0, 0.0], vec![0.0, 1.0, 0.0]];
    assert_near(&ca_grad(0.5, &gradients), &[0.0, 1.0, 0.0], 1e-3);
    // With a sum that leans to one side, c = 1 reaches a combination that harms nobody.
    let gradients = [vec![2.0, 0.0, 0.0], vec![-1.0, 0.0, 0.0], vec![0.0, 1.0, 0.0]];
    assert!(worst(&gradients, &ca_grad(1.0, &gradients)) >= -1e-5);
    // Below 1 no direction in reach does.
    let combined = ca_grad(0.4, &gradients);
    assert!(worst(&gradients, &combined) < -0.1 && worst(&gradients, &combined) > worst(&gradients, &sum(&gradients)));
}

#[test]
fn with_three_tasks_pcgrad_may_harm_one() {
    // The documentation promises nothing here, and this is why.
    let gradients = [vec![1.0, 0.0], vec![-0.5, 1.0], vec![-0.5, -3.0]];
    let combined = pc_grad(&gradients);
    assert!(worst(&gradients, &combined) < -0.1, "{combined:?}");
}

#[test]
fn opposed_gradients_cancel() {
    for scale in [1.0, 0.01, 300.0] {
        let gradients = [vec![1.0, -2.0], vec![-scale, 2.0 * scale]];
        assert_near(&pc_grad(&gradients), &[0.0, 0.0], 1e-5 * longest(&gradients));
        let (sum, combined) = (sum(&gradients), ca_grad(0.4, &gradients));
        // What is left of the sum, less the c that the loser gets back.
        let left = sum.iter().map(|x| 0.6 * x).collect::<Vec<f32>>();
        assert_near(&combined, &left, 1e-5 * longest(&gradients));
    }
}

#[test]
fn equal_gradients_and_a_single_one() {
    let gradient = vec![0.5f32, -2.0, 3.0];
    for tasks in [1, 2, 5] {
        let gradients = vec![gradient.clone(); tasks];
        assert_near(&pc_grad(&gradients), &sum(&gradients), 1e-6);
        let longer = sum(&gradients).iter().map(|x| 1.4 * x).collect::<Vec<f32>>();
        assert_near(&ca_grad(0.4, &gradients), &longer, 1e-5);
    }
}

#[test]
fn zero_gradients_take_no_part() {
    for surgery in [pc_grad, |gradients: &[Vec<f32>]| ca_grad(0.4, gradients)] {
        assert_eq!(surgery(&[vec![0.0; 3], vec![0.0; 3]]), [0.0; 3]);
        assert_near(&surgery(&[vec![1.0, 2.0], vec![0.0, 0.0]]), &[1.0, 2.0], 1e-5);
        assert_eq!(surgery(&[vec![], vec![]]), [0.0; 0]);
    }
    assert_near(&pc_grad(&[vec![1.0, 0.0], vec![0.0, 0.0], vec![-1.0, 1.0]]), &[0.5, 1.5], 1e-6);
}

#[test]
fn what_is_not_finite_comes_out_as_nan() {
    for bad in [f32::NAN, -f32::NAN, f32::INFINITY] {
        for tasks in [1, 2, 4] {
            let mut gradients = vec![vec![1.0, -1.0, 0.5]; tasks];
            gradients[tasks - 1][0] = bad;
            assert!(pc_grad(&gradients).iter().all(|x| x.is_nan()));
            assert!(ca_grad(0.4, &gradients).iter().all(|x| x.is_nan()));
            assert!(ca_grad(0.0, &gradients).iter().all(|x| x.is_nan()));
        }
    }
}

#[test]
fn shapes_that_do_not_fit_are_refused() {
    let error = PcGradConfig::new().init().combine(&[vec![1.0], vec![1.0, 2.0]]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "task gradients: gradients must have shape [1] (the length of the first), but has [2]"
    );
    let error = CaGradConfig::new().init().combine::<Vec<f32>>(&[]).unwrap_err().to_string();
    assert_eq!(error, "task gradients: gradients must have shape [tasks] with at least one task, but has [0]");
    for c in [-0.1, f64::NAN, f64::INFINITY] {
        let error = CaGradConfig::new().with_c(c).try_init().unwrap_err().to_string();
        assert_eq!(error, format!("cagrad: c must be at least 0, but is {c}"));
    }
}

#[test]
fn random_orders_follow_from_seed_and_step() {
    let gradients = [vec![1.0, 0.0, 0.3], vec![-0.9, 0.4, 0.0], vec![-0.2, -1.0, 0.1], vec![0.1, 0.5, -1.0]];
    let run = |seed: u64| {
        let mut surgery = PcGradConfig::new().with_seed(seed).init();
        (0..30).map(|_| surgery.combine(&gradients).unwrap()).collect::<Vec<Vec<f32>>>()
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
    let first = run(1);
    assert!(first.iter().any(|combined| *combined != first[0]), "the orders change from step to step");

    let mut surgery = PcGradConfig::new().with_seed(1).init();
    (0..7).for_each(|step| assert_eq!(surgery.combine(&gradients).unwrap(), first[step]));
    let saved = serde_json::to_string(&surgery).unwrap();
    let mut resumed = serde_json::from_str::<PcGrad>(&saved).unwrap();
    assert_eq!(resumed.step(), 7);
    (7..30).for_each(|step| assert_eq!(resumed.combine(&gradients).unwrap(), first[step]));
}

#[test]
fn the_gram_matrix_has_norms_and_cosines() {
    let gram = GramMatrix::of_slices(&[vec![3.0, 4.0], vec![-6.0, -8.0], vec![4.0, -3.0], vec![0.0, 0.0]]).unwrap();
    let found = gram.statistics();
    assert_eq!(found.norms, [5.0, 10.0, 5.0, 0.0]);
    assert_eq!(found.cosines[0], [Some(1.0), Some(-1.0), Some(0.0), None]);
    assert_eq!(found.cosines[3], [None; 4]);
    assert_eq!(gram.product(0, 1), -50.0);
    // Long gradients: sums in f64.
    let many = GramMatrix::of_slices(&[vec![0.1f32; 3_000_001]]).unwrap();
    assert!((many.product(0, 0) / (3_000_001.0 * f64::from(0.1f32).powi(2)) - 1.0).abs() < 1e-9);
}
