//! What GradDrop promises, and what it does at the edges.

use super::gradients::{assert_near, gradients, longest, norm, sum};
use losslab::*;
use proptest::prelude::*;

fn grad_drop(seed: u64, leak: f64, gradients: &[Vec<f32>]) -> Vec<f32> {
    GradDropConfig::new().with_seed(seed).with_leak(leak).init().combine(gradients).unwrap()
}

/// What is above and below 0 in a coordinate.
fn sides(gradients: &[Vec<f32>], at: usize) -> [f32; 2] {
    let part = |sign: f32| gradients.iter().map(|row| (sign * row[at]).max(0.0)).sum::<f32>();
    [part(1.0), -part(-1.0)]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    #[test]
    fn each_coordinate_is_one_side(gradients in gradients(1..=5), seed in 0u64..50) {
        for (at, found) in grad_drop(seed, 0.0, &gradients).into_iter().enumerate() {
            let [above, below] = sides(&gradients, at);
            let is_one = |side: f32| (found - side).abs() <= 1e-5;
            prop_assert!(is_one(above) || is_one(below), "{found}, neither {above} nor {below}");
            prop_assert!(found != 0.0 || (above == 0.0 && below == 0.0), "a side that isn't there");
        }
    }

    #[test]
    fn a_leak_goes_over_to_the_sum(gradients in gradients(1..=5), leak in 0.0f64..1.0) {
        assert_near(&grad_drop(3, 1.0, &gradients), &sum(&gradients), 1e-6 * longest(&gradients));
        let dropped = grad_drop(3, 0.0, &gradients);
        let between = dropped.iter().zip(sum(&gradients)).map(|(x, y)| (1.0 - leak) as f32 * x + leak as f32 * y);
        assert_near(&grad_drop(3, leak, &gradients), &between.collect::<Vec<f32>>(), 1e-5 * longest(&gradients));
    }

    #[test]
    fn without_a_conflict_it_is_the_sum(gradients in gradients(1..=5), seed in 0u64..50) {
        let positive = gradients.iter().map(|row| row.iter().map(|x| x.abs()).collect()).collect::<Vec<Vec<f32>>>();
        assert_near(&grad_drop(seed, 0.0, &positive), &sum(&positive), 1e-6 * longest(&positive));
    }

    #[test]
    fn order_scale_and_zeros_change_nothing(gradients in gradients(1..=5), seed in 0u64..50, exponent in -60i32..60) {
        let found = grad_drop(seed, 0.25, &gradients);
        let mut moved = gradients.iter().rev().cloned().collect::<Vec<Vec<f32>>>();
        moved.push(vec![0.0; 3]);
        assert_near(&grad_drop(seed, 0.25, &moved), &found, 1e-5 * longest(&gradients));
        let scale = 2f32.powi(exponent);
        let scaled = |rows: &[Vec<f32>]| -> Vec<Vec<f32>> {
            rows.iter().map(|row| row.iter().map(|x| x * scale).collect()).collect()
        };
        prop_assert_eq!(grad_drop(seed, 0.25, &scaled(&gradients)), scaled(&[found])[0].clone());
    }
}

#[test]
fn the_mean_over_the_draws_is_the_sum() {
    let gradients = [vec![1.0, -3.0, 0.5], vec![-0.25, 1.0, 0.5], vec![-0.25, 0.5, -2.0]];
    let mut surgery = GradDropConfig::new().init();
    let rounds = 20_000;
    let mut mean = [0.0f64; 3];
    for _ in 0..rounds {
        let combined = surgery.combine(&gradients).unwrap();
        mean.iter_mut().zip(combined).for_each(|(mean, x)| *mean += f64::from(x) / f64::from(rounds));
    }
    // The standard deviation of a coordinate is √(a·b), at most 2.2 here; of the mean 0.016.
    assert_near(&mean.map(|x| x as f32), &sum(&gradients), 0.06);
}

#[test]
fn draws_follow_from_seed_and_step() {
    let gradients = [vec![1.0, -1.0, 0.3, 0.5], vec![-0.9, 1.4, -0.4, -0.5]];
    let run = |seed: u64| {
        let mut surgery = GradDropConfig::new().with_seed(seed).init();
        (0..30).map(|_| surgery.combine(&gradients).unwrap()).collect::<Vec<Vec<f32>>>()
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
    let first = run(1);
    assert!(first.iter().any(|combined| *combined != first[0]), "the draws change from step to step");

    let mut surgery = GradDropConfig::new().with_seed(1).init();
    (0..7).for_each(|step| assert_eq!(surgery.combine(&gradients).unwrap(), first[step]));
    let saved = serde_json::to_string(&surgery).unwrap();
    let mut resumed = serde_json::from_str::<GradDrop>(&saved).unwrap();
    assert_eq!(resumed.step(), 7);
    (7..30).for_each(|step| assert_eq!(resumed.combine(&gradients).unwrap(), first[step]));
}

#[test]
fn edges() {
    assert_eq!(grad_drop(0, 0.0, &[vec![], vec![]]), [0.0; 0]);
    assert_eq!(grad_drop(0, 0.0, &[vec![0.0; 3], vec![0.0; 3]]), [0.0; 3]);
    assert_eq!(grad_drop(0, 0.0, &[vec![0.5, -2.0]]), [0.5, -2.0]);
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let found = grad_drop(0, 0.0, &[vec![bad, 1.0], vec![1.0, 1.0]]);
        assert!(found[0].is_nan() && found[1] == 2.0, "{found:?}");
    }
    // The largest numbers are within reach of the sums.
    assert!(norm(&grad_drop(0, 0.0, &[vec![f32::MAX], vec![-f32::MAX]])).is_finite());
    assert!(GradDropConfig::new().init().combine::<Vec<f32>>(&[]).is_err());
    assert!(GradDropConfig::new().init().combine(&[vec![1.0], vec![1.0, 2.0]]).is_err());
    for leak in [-0.1, 1.1, f64::NAN] {
        let error = GradDropConfig::new().with_leak(leak).try_init().unwrap_err().to_string();
        assert_eq!(error, format!("graddrop: leak must be in [0, 1], but is {leak}"));
    }
}
