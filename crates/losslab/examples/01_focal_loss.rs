//! Focal loss for a rare class: 90 % of the samples are of class 0, 10 % of class 1.
//!
//! `cargo run --release --workspace --example 01_focal_loss`

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::optim::{AdamConfig, GradientsParams};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Int, Tensor, TensorData};
use losslab::metrics::{ConfusionMatrix, Logits};
use losslab::{CrossEntropyLossConfig, FocalLossConfig};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

#[derive(Module, Debug)]
struct Net {
    hidden: Linear,
    output: Linear,
}

impl Net {
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        self.output.forward(relu(self.hidden.forward(x)))
    }
}

/// Two clouds of points that overlap.
fn points(seed: u64, count: usize) -> (Vec<f32>, Vec<i64>) {
    let mut rng = StdRng::seed_from_u64(seed);
    let targets = (0..count).map(|i| i64::from(i % 10 == 0)).collect::<Vec<i64>>();
    let mut noise = || (0..4).map(|_| rng.random_range(-1.0f32..1.0)).sum::<f32>();
    let x = targets.iter().flat_map(|&class| [noise() + 1.6 * class as f32, noise() + 0.8 * class as f32]).collect();
    (x, targets)
}

type Loss<'a> = &'a dyn Fn(Tensor<2>, Tensor<1, Int>) -> Tensor<1>;

fn train(loss: Loss) -> ConfusionMatrix {
    let device = Device::flex().autodiff();
    device.seed(1);
    let (x, targets) = points(1, 2000);
    let x = Tensor::<2>::from_data(TensorData::new(x, [2000, 2]), &device);
    let targets = Tensor::<1, Int>::from_data(targets.as_slice(), &device);
    let mut net =
        Net { hidden: LinearConfig::new(2, 16).init(&device), output: LinearConfig::new(16, 2).init(&device) };
    let mut optimizer = AdamConfig::new().init();
    for _ in 0..300 {
        let gradients = loss(net.forward(x.clone()), targets.clone()).backward();
        let gradients = GradientsParams::from_grads(gradients, &net);
        net = optimizer.step(1e-2, net, gradients);
    }
    let (x, targets) = points(2, 5000);
    let x = Tensor::<2>::from_data(TensorData::new(x, [5000, 2]), &Device::flex());
    let logits = Logits::try_from_tensor(net.valid().forward(x)).expect("finite logits");
    ConfusionMatrix::try_new(&targets, &logits.predictions(), 2).expect("a prediction for each target")
}

/// Cross-entropy, focal loss, and focal loss with weights, on fresh data.
pub fn run() -> [(&'static str, ConfusionMatrix); 3] {
    let cross_entropy = CrossEntropyLossConfig::new().init();
    let focal = FocalLossConfig::new().with_gamma(2.0).init();
    // Each class weighs in by the share of the other one.
    let weighted = FocalLossConfig::new().with_gamma(2.0).with_alpha(Some(vec![0.1, 0.9])).init();
    [
        ("cross-entropy", train(&|logits, targets| cross_entropy.forward(logits, targets))),
        ("focal, γ = 2", train(&|logits, targets| focal.forward(logits, targets))),
        ("focal, γ = 2, α = (0.1, 0.9)", train(&|logits, targets| weighted.forward(logits, targets))),
    ]
}

#[allow(dead_code, reason = "the test of this example calls `run`")]
fn main() {
    println!("loss                           accuracy  recall of class 0  of class 1  balanced");
    let results = run();
    for (name, matrix) in &results {
        let [common, rare] = [0, 1].map(|class| 100.0 * matrix.recall(class).expect("the class occurs"));
        let (accuracy, balanced) = (100.0 * matrix.accuracy(), 100.0 * matrix.balanced_accuracy());
        println!("{name:<30} {accuracy:>7.1} % {common:>16.1} % {rare:>9.1} % {balanced:>7.1} %");
    }
    let [missed_before, .., missed_after] = results.map(|(_, matrix)| matrix.count(1, 0));
    println!("Of 500 rare samples cross-entropy misses {missed_before}, weighted focal loss {missed_after}.");
}
