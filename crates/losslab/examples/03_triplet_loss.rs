//! Triplet loss for retrieval: batches of P classes × K samples, semi-hard negatives, Recall@1.
//!
//! `cargo run --release --workspace --example 03_triplet_loss`

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::optim::{AdamConfig, GradientsParams};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Int, Tensor, TensorData};
use losslab::metrics::{Embeddings, Retrieval, RetrievalConfig};
use losslab::{PkSamplerConfig, TripletLossConfig, TripletMining};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

const FEATURES: usize = 20;
const CLASSES: usize = 32;

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

/// Five features tell the class by their signs, the others are noise, and louder.
fn samples(seed: u64, count: usize) -> (Vec<[f32; FEATURES]>, Vec<i64>) {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut sample = |class: usize| {
        std::array::from_fn(|i| match i {
            0..5 => (class >> i & 1) as f32 * 2.0 - 1.0 + rng.random_range(-0.6..0.6),
            _ => rng.random_range(-1.5..1.5),
        })
    };
    (0..count).map(|i| (sample(i % CLASSES), (i % CLASSES) as i64)).unzip()
}

fn tensor(samples: &[[f32; FEATURES]], device: &Device) -> Tensor<2> {
    Tensor::from_data(TensorData::new(samples.concat(), [samples.len(), FEATURES]), device)
}

/// How often the nearest other test sample is of the same class.
fn recall_at_1(encoder: &Encoder) -> f64 {
    let (x, labels) = samples(2, 1600);
    let embeddings = encoder.valid().forward(tensor(&x, &Device::flex()));
    let embeddings = Embeddings::try_from_tensor(embeddings).expect("finite embeddings").normalized();
    let found = Retrieval::leave_one_out(&embeddings, &labels, &RetrievalConfig::default());
    found.and_then(|found| found.recall_at_k(1)).expect("every class has several samples")
}

/// What a training came to.
pub struct Outcome {
    /// Recall@1 on test samples, before and after.
    pub recalls: [f64; 2],
    /// The share of triplets that still have a loss, in the first and the last batch.
    pub active: [f64; 2],
}

/// Trains the encoder for some epochs.
pub fn run() -> Outcome {
    let device = Device::flex().autodiff();
    device.seed(1);
    let (x, labels) = samples(1, 1600);
    let mut encoder = Encoder {
        hidden: LinearConfig::new(FEATURES, 64).init(&device),
        output: LinearConfig::new(64, 16).init(&device),
    };
    let before = recall_at_1(&encoder);
    let sampler = PkSamplerConfig::new(16, 4).with_seed(1).init(&labels);
    let config = TripletLossConfig::new().with_mining(TripletMining::SemiHard).with_normalize(true).with_margin(0.2);
    let loss = config.init();
    let (mut optimizer, mut active) = (AdamConfig::new().init(), Vec::new());
    for batch in (0..15).flat_map(|epoch| sampler.epoch(epoch)) {
        let chosen = batch.iter().map(|&i| x[i]).collect::<Vec<[f32; FEATURES]>>();
        let classes = batch.iter().map(|&i| labels[i]).collect::<Vec<i64>>();
        let classes = Tensor::<1, Int>::from_data(classes.as_slice(), &device);
        let embeddings = encoder.forward(tensor(&chosen, &device));
        active.push(loss.statistics(embeddings.clone(), classes.clone()).active_share());
        let gradients = GradientsParams::from_grads(loss.forward(embeddings, classes).backward(), &encoder);
        encoder = optimizer.step(2e-3, encoder, gradients);
    }
    Outcome { recalls: [before, recall_at_1(&encoder)], active: [active[0], active[active.len() - 1]] }
}

#[allow(dead_code, reason = "the test of this example calls `run`")]
fn main() {
    let Outcome { recalls, active } = run();
    let ([before, after], [first, last]) = (recalls.map(|x| 100.0 * x), active.map(|x| 100.0 * x));
    println!("Recall@1 among 1,600 test samples of {CLASSES} classes: {before:.1} % untrained, {after:.1} % trained.");
    println!("Triplets with a loss: {first:.0} % of the first batch, {last:.0} % of the last one.");
}
