//! Label smoothing against overconfidence: accuracy and calibration error for ε = 0, 0.1 and 0.2.
//!
//! `cargo run --release --workspace --example 04_label_smoothing`

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::optim::{AdamConfig, GradientsParams};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Int, Tensor, TensorData};
use losslab::LabelSmoothingLossConfig;
use losslab::metrics::{CalibrationConfig, Logits, top_label_ece};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

const CLASSES: usize = 5;
const FEATURES: usize = 10;

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

/// Clouds of points, one for each class along its own feature, that overlap.
fn points(seed: u64, count: usize, device: &Device) -> (Tensor<2>, Vec<i64>) {
    let mut rng = StdRng::seed_from_u64(seed);
    let targets = (0..count).map(|i| (i % CLASSES) as i64).collect::<Vec<i64>>();
    let mut noise = || (0..4).map(|_| rng.random_range(-1.0f32..1.0)).sum::<f32>();
    let mut point = |class: i64| std::array::from_fn(|i| noise() + if i as i64 == class { 2.5 } else { 0.0 });
    let x = targets.iter().flat_map(|&class| -> [f32; FEATURES] { point(class) }).collect::<Vec<f32>>();
    (Tensor::from_data(TensorData::new(x, [count, FEATURES]), device), targets)
}

/// What a network comes to on fresh data.
pub struct Outcome {
    /// ε.
    pub smoothing: f64,
    /// The share of right predictions.
    pub accuracy: f64,
    /// The mean probability of the predicted class.
    pub confidence: f64,
    /// The expected calibration error, with 15 bins.
    pub ece: f64,
}

fn train(smoothing: f64) -> Outcome {
    let device = Device::flex().autodiff();
    device.seed(1);
    // Few samples and many steps: the network learns them by heart.
    let (x, targets) = points(1, 600, &device);
    let targets = Tensor::<1, Int>::from_data(targets.as_slice(), &device);
    let mut net = Net {
        hidden: LinearConfig::new(FEATURES, 64).init(&device),
        output: LinearConfig::new(64, CLASSES).init(&device),
    };
    // The rest of ε goes to all classes evenly (ε/K); `SmoothingConvention::Others` is the other reading.
    let loss = LabelSmoothingLossConfig::new().with_smoothing(smoothing).init();
    let mut optimizer = AdamConfig::new().init();
    for _ in 0..300 {
        let gradients = loss.forward(net.forward(x.clone()), targets.clone()).backward();
        let gradients = GradientsParams::from_grads(gradients, &net);
        net = optimizer.step(5e-3, net, gradients);
    }
    let (x, targets) = points(2, 4000, &Device::flex());
    let probabilities = Logits::try_from_tensor(net.valid().forward(x)).expect("finite logits").softmax();
    let right = probabilities.predictions().iter().zip(&targets).filter(|(found, target)| found == target).count();
    let confidences = probabilities.rows().map(|row| row.iter().copied().fold(0.0, f64::max));
    Outcome {
        smoothing,
        accuracy: right as f64 / targets.len() as f64,
        confidence: confidences.sum::<f64>() / targets.len() as f64,
        ece: top_label_ece(&probabilities, &targets, &CalibrationConfig::new()).expect("targets are classes"),
    }
}

/// ε = 0 (plain cross-entropy), 0.1 and 0.2.
pub fn run() -> [Outcome; 3] {
    [0.0, 0.1, 0.2].map(train)
}

#[allow(dead_code, reason = "the test of this example calls `run`")]
fn main() {
    println!("  ε   accuracy  mean confidence    ECE");
    let outcomes = run();
    for Outcome { smoothing, accuracy, confidence, ece } in &outcomes {
        println!("{smoothing:.1} {:>9.1} % {:>14.1} % {ece:>8.3}", 100.0 * accuracy, 100.0 * confidence);
    }
    let best = outcomes.iter().min_by(|a, b| a.ece.total_cmp(&b.ece)).expect("three of them");
    println!("The probabilities can be trusted most with ε = {:.1}.", best.smoothing);
}
