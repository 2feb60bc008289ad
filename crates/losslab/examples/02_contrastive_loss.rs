//! Contrastive loss for a Siamese network: do two samples belong to the same class?
//!
//! `cargo run --release --workspace --example 02_contrastive_loss`

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::optim::{AdamConfig, GradientsParams};
use burn::tensor::activation::relu;
use burn::tensor::{Bool, Device, Tensor, TensorData};
use losslab::ContrastiveLossConfig;
use losslab::metrics::{Orientation, best_verification_accuracy, verification_accuracy};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

const FEATURES: usize = 16;
const CLASSES: usize = 8;

/// The encoder that both samples of a pair go through.
#[derive(Module, Debug)]
struct Encoder {
    hidden: Linear,
    output: Linear,
}

impl Encoder {
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        self.output.forward(relu(self.hidden.forward(x)))
    }
}

struct Pairs {
    first: Tensor<2>,
    second: Tensor<2>,
    same: Vec<bool>,
}

/// Pairs, every other one of the same class. Three features tell the class, the others are noise, and louder.
fn pairs(seed: u64, count: usize, device: &Device) -> Pairs {
    let mut rng = StdRng::seed_from_u64(seed);
    let (mut first, mut second, mut same) = (Vec::new(), Vec::new(), Vec::new());
    for pair in 0..count {
        let class = rng.random_range(0..CLASSES);
        let other = if pair % 2 == 0 { class } else { (class + rng.random_range(1..CLASSES)) % CLASSES };
        for (class, features) in [(class, &mut first), (other, &mut second)] {
            features.extend((0..3).map(|bit| (class >> bit & 1) as f32 * 2.0 - 1.0 + rng.random_range(-0.5..0.5)));
            features.extend((3..FEATURES).map(|_| rng.random_range(-1.5f32..1.5)));
        }
        same.push(class == other);
    }
    let tensor = |values| Tensor::from_data(TensorData::new(values, [count, FEATURES]), device);
    Pairs { first: tensor(first), second: tensor(second), same }
}

/// Accuracy on test pairs, with the threshold of the distance that is best on training pairs.
fn verify(encoder: &Encoder, train: &Pairs, test: &Pairs) -> f64 {
    let distances = |pairs: &Pairs| {
        let apart = encoder.forward(pairs.first.clone()) - encoder.forward(pairs.second.clone());
        apart.square().sum_dim(1).sqrt().into_data().convert::<f64>().try_into_vec::<f64>().expect("f64 values")
    };
    let best = best_verification_accuracy(&distances(train), &train.same, Orientation::Distance);
    let threshold = best.expect("pairs of both kinds").threshold;
    verification_accuracy(&distances(test), &test.same, Orientation::Distance, threshold).expect("finite distances")
}

/// The accuracy of verification before and after training.
pub fn run() -> [f64; 2] {
    let device = Device::flex().autodiff();
    device.seed(1);
    let (train, test) = (pairs(1, 2000, &device), pairs(2, 2000, &device));
    let mut encoder = Encoder {
        hidden: LinearConfig::new(FEATURES, 32).init(&device),
        output: LinearConfig::new(32, 8).init(&device),
    };
    let before = verify(&encoder, &train, &test);
    let loss = ContrastiveLossConfig::new().with_margin(1.0).init();
    let mut optimizer = AdamConfig::new().init();
    let similar = Tensor::<1, Bool>::from_data(train.same.as_slice(), &device);
    for _ in 0..200 {
        let (first, second) = (encoder.forward(train.first.clone()), encoder.forward(train.second.clone()));
        let gradients = loss.forward(first, second, similar.clone()).backward();
        let gradients = GradientsParams::from_grads(gradients, &encoder);
        encoder = optimizer.step(5e-3, encoder, gradients);
    }
    [before, verify(&encoder, &train, &test)]
}

#[allow(dead_code, reason = "the test of this example calls `run`")]
fn main() {
    let [before, after] = run().map(|accuracy| 100.0 * accuracy);
    println!("Same class or not, on 2,000 new pairs, half of them of the same class:");
    println!("{before:.1} % are right with the untrained encoder, {after:.1} % after training with contrastive loss.");
}
