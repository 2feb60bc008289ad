//! Two tasks, one encoder: classify and reconstruct, with fixed weights and with weights learned from uncertainty. The
//! reconstruction is measured in units that make its loss a thousand times larger.
//!
//! `cargo run --release --workspace --example 06_multi_task`

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::optim::{AdamConfig, GradientsParams};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Int, Tensor, TensorData};
use losslab::{CrossEntropyLossConfig, UncertaintyLoss, UncertaintyLossConfig};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

const FEATURES: usize = 12;
const CLASSES: i64 = 4;
/// What a feature of 1 is in the units of its sensor.
const UNIT: f64 = 30.0;

/// The network, and the weights of its losses, which the optimiser trains with it.
#[derive(Module, Debug)]
struct Net {
    encoder: Linear,
    classify: Linear,
    reconstruct: Linear,
    weights: UncertaintyLoss,
}

impl Net {
    /// Logits and reconstruction.
    fn forward(&self, x: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
        let shared = relu(self.encoder.forward(x));
        (self.classify.forward(shared.clone()), self.reconstruct.forward(shared))
    }
}

/// The class shows in the signs of two hidden factors; all features mix them with a third, loud one.
fn samples(seed: u64, count: usize, device: &Device) -> (Tensor<2>, Tensor<1, Int>) {
    let mut rng = StdRng::seed_from_u64(seed);
    let targets = (0..count as i64).map(|i| i % CLASSES).collect::<Vec<i64>>();
    let mut x = Vec::new();
    for class in &targets {
        let sign = |bit: i64| (class >> bit & 1) as f32 * 2.0 - 1.0;
        let factors =
            [sign(0) * rng.random_range(0.1..1.0), sign(1) * rng.random_range(0.1..1.0), rng.random_range(-9.0..9.0)];
        let mixed = |at: usize| (0..3).map(|f| factors[f] * ((at * (f + 1)) as f32 + f as f32).sin()).sum::<f32>();
        x.extend((0..FEATURES).map(|at| mixed(at) + rng.random_range(-0.3..0.3)));
    }
    (Tensor::from_data(TensorData::new(x, [count, FEATURES]), device), Tensor::from_data(targets.as_slice(), device))
}

/// On fresh data: the share of right classes, the mean squared error of features; and σ of both tasks.
type Outcome = (f64, f64, Vec<f64>);

fn train(learned: bool) -> Outcome {
    let device = Device::flex().autodiff();
    device.seed(1);
    let (x, targets) = samples(1, 600, &device);
    let layer = |inputs, outputs| LinearConfig::new(inputs, outputs).init(&device);
    let mut net = Net {
        encoder: layer(FEATURES, 8),
        classify: layer(8, CLASSES as usize),
        reconstruct: layer(8, FEATURES),
        // σ = 1 for both, where it stays without training: the plain sum of the losses.
        weights: UncertaintyLossConfig::new(2).init(&device).no_grad(),
    };
    let cross_entropy = CrossEntropyLossConfig::new().init();
    let losses = |net: &Net| {
        let (logits, reconstruction) = net.forward(x.clone());
        let error = (reconstruction - x.clone()) * UNIT;
        Tensor::cat(vec![cross_entropy.forward(logits, targets.clone()), error.square().mean()], 0)
    };
    if learned {
        // σ² starts at the loss, so that both terms start at the same size.
        let log_vars = losses(&net).log().into_data().convert::<f64>().try_into_vec::<f64>().expect("f64 values");
        net.weights = UncertaintyLossConfig::new(2).with_log_vars(Some(log_vars)).init(&device);
    }
    let mut optimizer = AdamConfig::new().init();
    for _ in 0..300 {
        let gradients = GradientsParams::from_grads(net.weights.forward(losses(&net)).backward(), &net);
        net = optimizer.step(5e-3, net, gradients);
    }
    let (x, targets) = samples(2, 4000, &Device::flex());
    let (logits, reconstruction) = net.valid().forward(x.clone());
    let right = logits.argmax(1).squeeze_dim::<1>(1).equal(targets).float().mean();
    let error = (reconstruction - x).square().mean();
    (right.into_scalar(), error.into_scalar(), net.weights.sigmas())
}

/// With fixed weights, and with learned ones.
pub fn run() -> [Outcome; 2] {
    [false, true].map(train)
}

#[allow(dead_code, reason = "the test of this example calls `run`")]
fn main() {
    for (name, (accuracy, error, sigmas)) in ["fixed weights", "learned weights"].iter().zip(run()) {
        let weights = sigmas.iter().map(|sigma| format!("{:.4}", 1.0 / (sigma * sigma))).collect::<Vec<String>>();
        let weights = weights.join(" and ");
        println!("{name:<15}: accuracy {:.1} %, squared error {error:.3}, weights {weights}", 100.0 * accuracy);
    }
}
