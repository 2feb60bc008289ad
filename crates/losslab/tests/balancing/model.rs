//! Task gradients of a Burn model: one backward pass a task, then one step.

use burn::module::{Module, Param};
use burn::nn::{Linear, LinearConfig};
use burn::optim::{GradientsParams, SgdConfig};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};
use losslab::*;

#[derive(Module, Debug)]
struct Model {
    first: Linear,
    last: Linear,
    heads: Vec<Linear>,
}

impl Model {
    fn new(tasks: usize) -> Self {
        let device = Device::flex().autodiff();
        device.seed(3);
        let layer = |inputs, outputs| LinearConfig::new(inputs, outputs).init(&device);
        Self { first: layer(3, 6), last: layer(6, 5), heads: (0..tasks).map(|task| layer(5, task + 1)).collect() }
    }

    fn shared(&self) -> Tensor<2> {
        let device = Device::flex().autodiff();
        let x = Tensor::<2>::from_data([[0.3, -1.0, 0.5], [1.5, 0.2, -0.7], [-0.4, 0.9, 1.1]], &device);
        relu(self.last.forward(relu(self.first.forward(x))))
    }

    fn loss_of(&self, task: usize, shared: Tensor<2>) -> Tensor<1> {
        (self.heads[task].forward(shared) - task as f64).square().mean()
    }

    fn losses(&self) -> impl Iterator<Item = Tensor<1>> {
        (0..self.heads.len()).map(|task| self.loss_of(task, self.shared()))
    }

    fn task_gradients(&self) -> TaskGradients<'_, Self> {
        TaskGradients::of_losses(self, self.losses()).unwrap()
    }
}

fn values<const D: usize>(gradients: &GradientsParams, param: &Param<Tensor<D>>) -> Option<Vec<f32>> {
    Some(gradients.get::<D>(param.id)?.into_data().try_into_vec::<f32>().unwrap())
}

/// All that the tasks share, as one vector.
fn flat(model: &Model, gradients: &GradientsParams) -> Vec<f32> {
    let layer = |layer: &Linear| {
        let bias = values(gradients, layer.bias.as_ref().unwrap()).unwrap();
        [values(gradients, &layer.weight).unwrap(), bias].concat()
    };
    [layer(&model.first), layer(&model.last)].concat()
}

/// The gradients of each task by itself.
fn by_task(model: &Model) -> Vec<GradientsParams> {
    model.losses().map(|loss| GradientsParams::from_grads(loss.backward(), model)).collect()
}

fn assert_close(found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() <= 1e-5 * expected.abs().max(0.1), "{found} instead of {expected}");
    }
}

#[test]
fn surgery_on_a_model_is_that_on_flattened_gradients() {
    for tasks in [2, 3] {
        let model = Model::new(tasks);
        let apart = by_task(&model);
        let flattened = apart.iter().map(|gradients| flat(&model, gradients)).collect::<Vec<Vec<f32>>>();
        let mut found = vec![PcGradConfig::new().init().combine_gradients(model.task_gradients())];
        found.push(CaGradConfig::new().init().combine_gradients(model.task_gradients()));
        found.push(MgdaConfig::new().init().combine_gradients(model.task_gradients()));
        found.push(UpGradConfig::new().init().combine_gradients(model.task_gradients()));
        found.push(GradDropConfig::new().init().combine_gradients(model.task_gradients()));
        let expected = [
            PcGradConfig::new().init().combine(&flattened),
            CaGradConfig::new().init().combine(&flattened),
            MgdaConfig::new().init().combine(&flattened),
            UpGradConfig::new().init().combine(&flattened),
            GradDropConfig::new().init().combine(&flattened),
        ];
        for (found, expected) in found.iter().zip(expected) {
            assert_close(&flat(&model, found), &expected.unwrap());
            for (head, alone) in model.heads.iter().zip(&apart) {
                assert_eq!(values(found, &head.weight), values(alone, &head.weight), "a head keeps its gradient");
            }
            assert_eq!(found.len(), 4 + 2 * tasks);
        }
    }
}

#[test]
fn the_gram_matrix_is_over_what_tasks_share() {
    let model = Model::new(2);
    let flattened = by_task(&model).iter().map(|gradients| flat(&model, gradients)).collect::<Vec<Vec<f32>>>();
    let (expected, found) = (GramMatrix::of_slices(&flattened).unwrap(), model.task_gradients());
    for (i, j) in [(0, 0), (0, 1), (1, 1)] {
        let (found, expected) = (found.gram().product(i, j), expected.product(i, j));
        assert!((found - expected).abs() <= 1e-12 * expected.abs(), "{found} instead of {expected}");
    }
    assert_eq!(found.statistics().cosines[0][0], Some(1.0));
    let last = found.gram_of(&model.last).unwrap();
    let first = found.gram_of(&model.first).unwrap();
    assert!((last.product(0, 1) + first.product(0, 1) - expected.product(0, 1)).abs() < 1e-9);
    let error = found.gram_of(&model.heads[0]).unwrap_err().to_string();
    assert!(error.contains("at least one that two tasks have a gradient for"), "{error}");
}

#[test]
fn weighted_gradients_are_those_of_the_weighted_loss() {
    let model = Model::new(3);
    let weights = [0.2, 1.7, 1.1];
    let found = model.task_gradients().weighted(&weights).unwrap();
    let shared = model.shared();
    let losses = (0..3).map(|task| model.loss_of(task, shared.clone())).collect();
    let config = WeightedSumLossConfig::new(3).with_weights(Some(weights.to_vec()));
    let loss = config.init(&Device::flex()).forward(Tensor::cat(losses, 0));
    let expected = GradientsParams::from_grads(loss.backward(), &model);
    assert_close(&flat(&model, &found), &flat(&model, &expected));
    for head in &model.heads {
        assert_close(&values(&found, &head.weight).unwrap(), &values(&expected, &head.weight).unwrap());
    }
    assert!(model.task_gradients().weighted(&[1.0, 1.0]).is_err());
    assert!(model.task_gradients().weighted(&[1.0, 1.0, f64::NAN]).is_err());
}

#[test]
fn one_task_is_its_own_gradient() {
    let model = Model::new(1);
    let combined = [
        PcGradConfig::new().init().combine_gradients(model.task_gradients()),
        MgdaConfig::new().init().combine_gradients(model.task_gradients()),
        UpGradConfig::new().init().combine_gradients(model.task_gradients()),
        GradDropConfig::new().init().combine_gradients(model.task_gradients()),
    ];
    for combined in combined {
        assert_eq!(flat(&model, &combined), flat(&model, &by_task(&model)[0]));
    }
}

#[test]
fn a_nan_spreads_over_what_is_shared() {
    let model = Model::new(2);
    let gradients = || {
        let losses = [model.loss_of(0, model.shared()), model.loss_of(1, model.shared()) * f32::NAN];
        TaskGradients::of_losses(&model, losses).unwrap()
    };
    let found = [
        PcGradConfig::new().init().combine_gradients(gradients()),
        MgdaConfig::new().init().combine_gradients(gradients()),
        UpGradConfig::new().init().combine_gradients(gradients()),
    ];
    for combined in found {
        assert!(flat(&model, &combined).iter().all(|value| value.is_nan()));
        assert!(values(&combined, &model.heads[0].weight).unwrap().iter().all(|value| value.is_finite()));
    }
    // By coordinate: a unit at rest passes nothing on.
    let combined = GradDropConfig::new().init().combine_gradients(gradients());
    let bad = GradientsParams::from_grads((model.loss_of(1, model.shared()) * f32::NAN).backward(), &model);
    let is_nan = |values: Vec<f32>| values.iter().map(|value| value.is_nan()).collect::<Vec<bool>>();
    let expected = is_nan(flat(&model, &bad));
    assert!(expected.contains(&true));
    assert_eq!(is_nan(flat(&model, &combined)), expected);
}

#[test]
fn tasks_that_share_nothing_are_refused() {
    let model = Model::new(2);
    // The trunk is cut off: each task reaches its head only.
    let cut = || Tensor::<2>::from_inner(model.shared().inner());
    let losses = [model.loss_of(0, cut()), model.loss_of(1, cut())];
    let error = TaskGradients::of_losses(&model, losses).unwrap_err().to_string();
    assert!(error.starts_with("task gradients: shared parameters must have shape"), "{error}");
    assert!(TaskGradients::new(&model, Vec::new()).is_err());
}

#[test]
fn losses_of_one_graph_are_no_silent_failure() {
    let model = Model::new(2);
    let shared = model.shared();
    let losses = [model.loss_of(0, shared.clone()), model.loss_of(1, shared)];
    let found = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| TaskGradients::of_losses(&model, losses)));
    assert!(found.is_err(), "Burn walks a graph backwards once");
}

#[test]
fn a_leaf_between_trunk_and_heads_gives_both_gradients() {
    let model = Model::new(2);
    let leaf = Tensor::<2>::from_inner(model.shared().inner()).require_grad();
    let losses = [model.loss_of(0, leaf.clone()), model.loss_of(1, leaf.clone())];
    let norms = losses.map(|loss| leaf.grad(&loss.backward()).unwrap().square().sum().into_scalar::<f32>());
    assert!(norms.iter().all(|&norm| norm > 0.0), "{norms:?}");
}

/// The names of the methods are what the loop chooses by.
#[test]
fn every_method_trains_a_model() {
    for method in ["gradnorm", "pcgrad", "cagrad", "mgda", "upgrad", "graddrop"] {
        let mut model = Model::new(2);
        let mut optimizer = SgdConfig::new().init();
        let mut balance = GradNormConfig::new(2).init();
        let (mut pc_grad, mut ca_grad) = (PcGradConfig::new().init(), CaGradConfig::new().init());
        let (mut mgda, mut up_grad) = (MgdaConfig::new().init(), UpGradConfig::new().init());
        let mut grad_drop = GradDropConfig::new().init();
        let total = |model: &Model| model.losses().map(|loss| loss.into_scalar::<f64>()).collect::<Vec<f64>>();
        let before = total(&model);
        for _ in 0..60 {
            let losses = total(&model);
            let gradients = model.task_gradients();
            let combined = match method {
                "pcgrad" => pc_grad.combine_gradients(gradients),
                "cagrad" => ca_grad.combine_gradients(gradients),
                "mgda" => mgda.combine_gradients(gradients),
                "upgrad" => up_grad.combine_gradients(gradients),
                "graddrop" => grad_drop.combine_gradients(gradients),
                _ => {
                    balance.update(&losses, &gradients.gram_of(&model.last).unwrap().norms()).unwrap();
                    gradients.weighted(balance.weights()).unwrap()
                }
            };
            model = optimizer.step(0.05, model, combined);
        }
        let after = total(&model);
        assert!(after.iter().sum::<f64>() < 0.5 * before.iter().sum::<f64>(), "{method}: {before:?} → {after:?}");
    }
}
