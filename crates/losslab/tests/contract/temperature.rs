//! Parameters that the optimiser trains: the temperature and the task weights.

use crate::subjects::{device, values};
use burn::module::Module;
use burn::optim::{GradientsParams, SgdConfig};
use burn::tensor::{DType, Tensor, TensorData};
use losslab::*;

fn embeddings(seed: u64) -> Tensor<2> {
    Tensor::from_data(TensorData::new(values(seed, 24), [6, 4]), &device().autodiff())
}

fn learned(value: f64, floor: f64) -> InfoNceLoss {
    let temperature = TemperatureConfig::new().with_value(value).with_learned(true).with_floor(floor);
    InfoNceLossConfig::new().with_temperature(temperature).init(&device().autodiff())
}

#[test]
fn an_optimiser_trains_the_temperature() {
    let mut loss = learned(1.0, 0.01);
    let keys = embeddings(1);
    let mut optimiser = SgdConfig::new().init();
    for _ in 0..20 {
        // Queries equal their keys: the sharper the better.
        let gradients = loss.forward(keys.clone(), keys.clone()).backward();
        let gradients = GradientsParams::from_grads(gradients, &loss);
        loss = optimiser.step(0.5, loss, gradients);
    }
    assert!(loss.temperature.value() < 0.5, "{}", loss.temperature.value());
}

#[test]
fn the_scale_is_capped_but_its_gradient_is_not() {
    let loss = learned(0.05, 0.05);
    let mut pushed = loss.clone();
    let beyond = Tensor::from_data([(1.0f32 / 0.02).ln()], &device().autodiff());
    pushed.temperature.log_scale = Some(burn::module::Param::from_tensor(beyond));
    let (q, k) = (embeddings(2), embeddings(3));
    let capped = pushed.forward(q.clone(), k.clone());
    let at_floor = loss.forward(q, k).into_scalar::<f64>();
    assert!((capped.clone().into_scalar::<f64>() - at_floor).abs() < 1e-5);
    assert_eq!(pushed.temperature.value(), 0.05);
    let log_scale = pushed.temperature.log_scale.clone().unwrap().val();
    let gradient = log_scale.grad(&capped.backward()).unwrap().into_scalar::<f64>();
    assert!(gradient > 0.0, "mismatched pairs ask for a higher temperature: {gradient}");

    let clipped = pushed.temperature.clip();
    let log_scale = clipped.log_scale.unwrap().val().into_scalar::<f64>();
    assert!((log_scale - 20f64.ln()).abs() < 1e-6);
}

#[test]
fn training_goes_on_after_a_clip() {
    let mut loss = learned(0.5, 0.2);
    let keys = embeddings(1);
    let mut optimiser = SgdConfig::new().init();
    let mut last = 0.5;
    for _ in 0..30 {
        let tape = loss.forward(keys.clone(), keys.clone()).backward();
        let gradients = GradientsParams::from_grads(tape, &loss);
        assert_eq!(gradients.len(), 1);
        loss = optimiser.step(0.5, loss, gradients);
        loss.temperature = loss.temperature.clip();
        assert!(loss.temperature.value() <= last + 1e-6);
        last = loss.temperature.value();
    }
    assert!((last - 0.2).abs() < 1e-6, "{last}");
}

#[test]
fn a_learned_temperature_below_its_floor_is_refused() {
    let config = TemperatureConfig::new().with_value(0.001).with_learned(true);
    let message = config.try_init(&device()).unwrap_err().to_string();
    assert_eq!(message, "temperature: temperature must be at least 0.01, but is 0.001");
    assert!(TemperatureConfig::new().with_value(0.001).try_init(&device()).is_ok());
}

#[test]
fn learned_parameters_and_constants_survive_a_record() {
    let loss = learned(0.2, 0.01);
    let loaded = learned(0.07, 0.01).load_record(loss.into_record());
    assert!((loaded.temperature.value() - 0.2).abs() < 1e-6);

    let config = |initial: [f64; 2]| WeightedSumLossConfig::new(2).with_initial(Some(initial.to_vec()));
    let saved = config([2.0, 4.0]).init(&device()).into_record();
    let loaded = config([1.0, 1.0]).init(&device()).load_record(saved);
    let losses = Tensor::<1>::from_data([2.0, 4.0], &device());
    assert_eq!(loaded.forward(losses.clone()).into_scalar::<f64>(), 2.0);

    let config = |s: f64| UncertaintyLossConfig::new(2).with_log_vars(Some(vec![s, 2.0 * s]));
    let loaded = config(0.0).init(&device()).load_record(config(0.5).init(&device()).into_record());
    assert!((loaded.sigmas()[1] - 0.5f64.exp()).abs() < 1e-6);
}

#[test]
fn uncertainty_finds_the_scale_of_each_task() {
    // The minimum of exp(−s)·L + s is at s = ln L.
    let mut loss = UncertaintyLossConfig::new(2).init(&device().autodiff());
    let losses = Tensor::<1>::from_data([0.25, 8.0], &device());
    let mut optimiser = SgdConfig::new().init();
    for _ in 0..400 {
        let gradients = loss.forward(losses.clone()).backward();
        let gradients = GradientsParams::from_grads(gradients, &loss);
        loss = optimiser.step(0.1, loss, gradients);
    }
    for (sigma, expected) in loss.sigmas().into_iter().zip([0.5, 8f64.sqrt()]) {
        assert!((sigma - expected).abs() < 1e-3, "{sigma} instead of {expected}");
    }
}

#[test]
fn the_first_batch_can_set_the_initial_losses() {
    let mut loss = WeightedSumLossConfig::new(2).init(&device());
    let losses = |a: f32, b: f32| Tensor::<1>::from_data([a, b], &device());
    loss.set_initial(losses(2.0, 50.0)).unwrap();
    assert_eq!(loss.forward(losses(1.0, 25.0)).into_scalar::<f64>(), 1.0);
    let error = loss.set_initial(losses(1.0, 0.0)).unwrap_err().to_string();
    assert_eq!(error, "weighted-sum: losses must be above 0 and finite, but element 1 is 0");
    assert_eq!(loss.forward(losses(1.0, 25.0)).into_scalar::<f64>(), 1.0);
}

#[test]
fn half_precision_task_losses_are_combined_in_f32() {
    let losses = Tensor::<1>::from_data([70.0, 1.0], &device()).cast(DType::F16);
    let sum = WeightedSumLossConfig::new(2).with_weights(Some(vec![1000.0, 1.0])).init(&device());
    assert_eq!(sum.forward(losses.clone()).into_scalar::<f64>(), 70_001.0);
    let learned = UncertaintyLossConfig::new(2).with_log_vars(Some(vec![-12.0, 0.0])).init(&device());
    assert!(learned.forward(losses).into_scalar::<f64>().is_finite());
}

#[test]
fn the_weights_of_a_weighted_sum_are_not_trained() {
    let loss = WeightedSumLossConfig::new(2).with_weights(Some(vec![0.5, 2.0])).init(&device().autodiff());
    let losses = Tensor::<1>::from_data([1.0, 3.0], &device().autodiff()).require_grad();
    let value = loss.forward(losses.clone());
    let tape = value.backward();
    let gradient = losses.grad(&tape).unwrap().into_data();
    gradient.assert_eq(&TensorData::from([0.5f32, 2.0]), true);
    assert_eq!(GradientsParams::from_grads(tape, &loss).len(), 0);
}

#[test]
fn task_losses_of_the_wrong_number_are_refused() {
    let losses = Tensor::<1>::from_data([1.0, 2.0, 3.0], &device());
    let error = UncertaintyLossConfig::new(2).init(&device()).try_forward(losses.clone()).unwrap_err();
    assert_eq!(error.to_string(), "uncertainty: losses must have shape [2] (one for each task), but has [3]");
    assert!(WeightedSumLossConfig::new(2).init(&device()).try_forward(losses).is_err());
}
