//! GradNorm and dynamic weight average: what they do to weights, at the edges, and when saved.

use burn::tensor::{Device, Tensor};
use losslab::*;

#[test]
fn gradnorm_brings_gradients_to_their_target_lengths() {
    // The second task has made less progress: 0.8 of its loss is left against 0.4, and r = 2/3 and 4/3.
    for (alpha, expected) in [(0.0, 1.0), (1.5, 2f64.powf(1.5))] {
        let config = GradNormConfig::new(2).with_alpha(alpha).with_initial(Some(vec![1.0, 10.0]));
        let mut balance = config.with_learning_rate(0.005).init();
        (0..5000).for_each(|_| balance.update(&[0.4, 8.0], &[100.0, 0.5]).unwrap());
        let ratio = balance.weights()[1] * 0.5 / (balance.weights()[0] * 100.0);
        // The two targets don't add up to the two lengths, so that with α = 1.5 one of them is missed a little.
        assert!((ratio / expected).ln().abs() < 0.2, "α = {alpha}: lengths differ by {ratio}, not {expected}");
        assert!((balance.weights().iter().sum::<f64>() - 2.0).abs() < 1e-12);
    }
}

#[test]
fn relative_steps_do_not_depend_on_the_scale_of_gradients() {
    let run = |scale: f64| {
        let mut balance = GradNormConfig::new(3).init();
        (1..50).for_each(|step| {
            balance.update(&[1.0 / f64::from(step), 1.0, 2.0], &[scale, 3.0 * scale, 0.2 * scale]).unwrap()
        });
        balance.weights().to_vec()
    };
    assert_eq!(run(1.0), run(1024.0));
}

#[test]
fn weights_stay_positive_and_of_one_sum() {
    for step in [GradNormStep::Relative, GradNormStep::Additive] {
        let mut balance = GradNormConfig::new(3).with_step(step).with_learning_rate(0.5).init();
        for round in 0..200 {
            let norm = if round % 7 == 0 { 0.0 } else { 1e3 };
            balance.update(&[1.0, 0.1, 5.0], &[norm, 1e-3, 1.0]).unwrap();
            assert!(balance.weights().iter().all(|&weight| weight > 0.0 && weight.is_finite()));
            assert!((balance.weights().iter().sum::<f64>() - 3.0).abs() < 1e-9);
        }
    }
}

#[test]
fn without_gradients_or_losses_gradnorm_has_nothing_to_go_by() {
    let mut balance = GradNormConfig::new(2).with_initial(Some(vec![1.0, 1.0])).init();
    balance.update(&[1.0, 2.0], &[0.0, 0.0]).unwrap();
    assert_eq!(balance.weights(), [1.0, 1.0]);
    balance.update(&[0.0, 0.0], &[1.0, 1.0]).unwrap();
    assert_eq!(balance.weights(), [1.0, 1.0], "equal lengths, equal rates");
    let mut alone = GradNormConfig::new(1).init();
    (0..10).for_each(|_| alone.update(&[0.3], &[7.0]).unwrap());
    assert_eq!(alone.weights(), [1.0]);
}

#[test]
fn bad_numbers_are_refused_and_change_nothing() {
    let mut grad_norm = GradNormConfig::new(2).init();
    let error = grad_norm.update(&[1.0, 0.0], &[1.0, 1.0]).unwrap_err().to_string();
    assert_eq!(error, "gradnorm: losses must be above 0 and finite, but element 1 is 0");
    grad_norm.update(&[1.0, 2.0], &[1.0, 3.0]).unwrap();
    let before = grad_norm.clone();
    for bad in [f64::NAN, f64::INFINITY, -1.0] {
        assert!(grad_norm.update(&[bad, 1.0], &[1.0, 1.0]).is_err());
        let error = grad_norm.update(&[1.0, 1.0], &[1.0, bad]).unwrap_err().to_string();
        assert_eq!(error, format!("gradnorm: norms must be at least 0 and finite, but element 1 is {bad}"));
    }
    let error = grad_norm.update(&[1.0], &[1.0, 1.0]).unwrap_err().to_string();
    assert_eq!(error, "gradnorm: losses must have shape [2] (one for each task), but has [1]");
    assert_eq!(grad_norm, before);

    let mut average = DynamicWeightAverageConfig::new(2).init();
    average.update(&[1.0, 2.0]).unwrap();
    let before = average.clone();
    assert!(average.update(&[1.0, f64::NAN]).is_err() && average.update(&[1.0]).is_err());
    assert_eq!(average, before);
}

#[test]
fn dynamic_weight_average_favours_what_falls_slowly() {
    let mut balance = DynamicWeightAverageConfig::new(3).init();
    balance.update(&[1.0, 1.0, 1.0]).unwrap();
    assert_eq!(balance.weights(), [1.0; 3]);
    balance.update(&[0.2, 0.9, 1.5]).unwrap();
    let weights = balance.weights();
    assert!(weights[0] < weights[1] && weights[1] < weights[2]);
    assert!((weights.iter().sum::<f64>() - 3.0).abs() < 1e-12);
    // A solved task has no ratio, and a ratio beyond measure doesn't overflow.
    balance.update(&[0.0, 0.5, 1.0]).unwrap();
    balance.update(&[0.0, 0.5, 1.0]).unwrap();
    assert_eq!(balance.weights(), [1.0; 3]);
    balance.update(&[1e-300, 1.0, 1.0]).unwrap();
    balance.update(&[1e10, 1.0, 1.0]).unwrap();
    assert!(balance.weights().iter().all(|weight| weight.is_finite()));
}

#[test]
fn a_saved_state_goes_on_as_the_other_would_have() {
    let losses = |step: i32| [2.0 / f64::from(step), 1.0 + (f64::from(step) * 0.7).sin() * 0.3];
    let mut grad_norm = GradNormConfig::new(2).init();
    let mut average = DynamicWeightAverageConfig::new(2).init();
    (1..9).for_each(|step| {
        grad_norm.update(&losses(step), &[1.0, 0.3]).unwrap();
        average.update(&losses(step)).unwrap();
    });
    let mut loaded_norm = serde_json::from_value::<GradNorm>(serde_json::to_value(&grad_norm).unwrap()).unwrap();
    let mut loaded_average =
        serde_json::from_value::<DynamicWeightAverage>(serde_json::to_value(&average).unwrap()).unwrap();
    assert_eq!(loaded_norm, grad_norm);
    assert_eq!(loaded_average, average);
    (9..20).for_each(|step| {
        for balance in [&mut grad_norm, &mut loaded_norm] {
            balance.update(&losses(step), &[1.0, 0.3]).unwrap();
        }
        for balance in [&mut average, &mut loaded_average] {
            balance.update(&losses(step)).unwrap();
        }
    });
    assert_eq!(loaded_norm.weights(), grad_norm.weights());
    assert_eq!(loaded_average.weights(), average.weights());
    assert_ne!(grad_norm.weights(), [1.0, 1.0]);
}

#[test]
fn forward_weighs_losses_and_their_gradients() {
    let mut balance = DynamicWeightAverageConfig::new(2).init();
    balance.update(&[1.0, 1.0]).unwrap();
    balance.update(&[0.5, 1.0]).unwrap();
    let losses = Tensor::<1>::from_data([3.0, 5.0], &Device::flex().autodiff()).require_grad();
    let value = balance.forward(losses.clone());
    let gradient = losses.grad(&value.backward()).unwrap().into_data().convert::<f64>().try_into_vec::<f64>().unwrap();
    let expected = balance.weights();
    assert!((value.into_scalar::<f64>() - (3.0 * expected[0] + 5.0 * expected[1])).abs() < 1e-5);
    gradient.iter().zip(expected).for_each(|(found, expected)| assert!((found - expected).abs() < 1e-6));
    let one = Tensor::<1>::from_data([3.0], &Device::flex());
    let error = GradNormConfig::new(2).init().try_forward(one).unwrap_err().to_string();
    assert_eq!(error, "gradnorm: losses must have shape [2] (one for each task), but has [1]");
}

#[test]
fn hyperparameters_out_of_range_are_refused() {
    let text = |result: Result<GradNorm, ConfigError>| result.unwrap_err().to_string();
    let config = || GradNormConfig::new(2);
    assert_eq!(text(GradNormConfig::new(0).try_init()), "gradnorm: tasks must be at least 1, but is 0");
    assert_eq!(text(config().with_alpha(-1.0).try_init()), "gradnorm: alpha must be at least 0, but is -1");
    assert_eq!(text(config().with_learning_rate(0.0).try_init()), "gradnorm: learning_rate must be above 0, but is 0");
    assert_eq!(
        text(config().with_initial(Some(vec![1.0])).try_init()),
        "gradnorm: initial must be 2 numbers, one for each task, but is 1 numbers"
    );
    assert!(config().with_initial(Some(vec![1.0, 0.0])).try_init().is_err());
    let error = DynamicWeightAverageConfig::new(2).with_temperature(f64::NAN).try_init().unwrap_err().to_string();
    assert_eq!(error, "dynamic-weight-average: temperature must be above 0, but is NaN");
    assert!(DynamicWeightAverageConfig::new(0).try_init().is_err());
}
