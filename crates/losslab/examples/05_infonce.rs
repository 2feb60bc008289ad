//! InfoNCE for two modalities, as in CLIP: images and captions in one space, with a learned temperature. Some
//! combinations of colour and shape are never seen in training, and recognised all the same.
//!
//! `cargo run --release --workspace --example 05_infonce`

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::optim::{AdamConfig, GradientsParams};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor, TensorData};
use losslab::metrics::{Embeddings, Retrieval, RetrievalConfig};
use losslab::{InfoNceLoss, InfoNceLossConfig, TemperatureConfig};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// Colours, and as many shapes.
const KINDS: usize = 6;
const PIXELS: usize = 24;

/// An encoder for each modality, and the loss, whose temperature is trained with them.
#[derive(Module, Debug)]
struct Clip {
    image: [Linear; 2],
    text: [Linear; 2],
    loss: InfoNceLoss,
}

fn encode([hidden, output]: &[Linear; 2], x: Tensor<2>) -> Tensor<2> {
    output.forward(relu(hidden.forward(x)))
}

/// What each colour and each shape looks like, made up once.
fn looks() -> Vec<[f32; PIXELS]> {
    let mut rng = StdRng::seed_from_u64(7);
    (0..2 * KINDS).map(|_| std::array::from_fn(|_| rng.random_range(-1.0..1.0))).collect()
}

/// A noisy picture of each pair of colour and shape.
fn images(pairs: &[usize], rng: &mut StdRng, device: &Device) -> Tensor<2> {
    let looks = looks();
    let pixel = |pair: usize, at: usize| looks[pair / KINDS][at] + looks[KINDS + pair % KINDS][at];
    let values = pairs.iter().flat_map(|&pair| (0..PIXELS).map(move |at| (pair, at)));
    let values = values.map(|(pair, at)| pixel(pair, at) + rng.random_range(-1.5..1.5)).collect::<Vec<f32>>();
    Tensor::from_data(TensorData::new(values, [pairs.len(), PIXELS]), device)
}

/// Captions as bags of words: one for the colour, one for the shape.
fn captions(pairs: &[usize], device: &Device) -> Tensor<2> {
    let word = |pair: usize, word: usize| f32::from(word == pair / KINDS || word == KINDS + pair % KINDS);
    let values = pairs.iter().flat_map(|&pair| (0..2 * KINDS).map(move |at| word(pair, at))).collect::<Vec<f32>>();
    Tensor::from_data(TensorData::new(values, [pairs.len(), 2 * KINDS]), device)
}

/// How often the caption nearest to an image is its own, among the captions of all combinations.
fn recall_at_1(clip: &Clip, pairs: &[usize]) -> f64 {
    let (clip, device, mut rng) = (clip.valid(), Device::flex(), StdRng::seed_from_u64(2));
    let shown = pairs.repeat(20);
    let all = (0..KINDS * KINDS).collect::<Vec<usize>>();
    let embed = |x| Embeddings::try_from_tensor(x).expect("finite embeddings");
    let queries = embed(encode(&clip.image, images(&shown, &mut rng, &device)));
    let gallery = embed(encode(&clip.text, captions(&all, &device)));
    let ids = |pairs: &[usize]| pairs.iter().map(|&pair| pair as i64).collect::<Vec<i64>>();
    let found = Retrieval::with_gallery(&queries, &ids(&shown), &gallery, &ids(&all), &RetrievalConfig::default());
    found.and_then(|found| found.recall_at_k(1)).expect("every image has a caption")
}

/// Recall@1 of captions for new images, of combinations seen in training and of those never seen; and the temperature
/// before and after.
pub fn run() -> ([f64; 2], [f64; 2]) {
    let device = Device::flex().autodiff();
    device.seed(1);
    // The combinations on the diagonal are kept for the test.
    let (unseen, seen) = (0..KINDS * KINDS).partition::<Vec<usize>, _>(|pair| pair / KINDS == pair % KINDS);
    let tower = |inputs| [LinearConfig::new(inputs, 64).init(&device), LinearConfig::new(64, 16).init(&device)];
    let temperature = TemperatureConfig::new().with_value(0.2).with_learned(true);
    let loss = InfoNceLossConfig::new().with_temperature(temperature).init(&device);
    let mut clip = Clip { image: tower(PIXELS), text: tower(2 * KINDS), loss };
    let before = clip.loss.temperature.value();
    let (mut optimizer, mut rng) = (AdamConfig::new().init(), StdRng::seed_from_u64(1));
    for _ in 0..400 {
        // Each combination once: no two rows of a batch belong together, so all others are true negatives.
        let images = encode(&clip.image, images(&seen, &mut rng, &device));
        let captions = encode(&clip.text, captions(&seen, &device));
        let gradients = GradientsParams::from_grads(clip.loss.forward(images, captions).backward(), &clip);
        clip = optimizer.step(3e-3, clip, gradients);
        clip.loss.temperature = clip.loss.temperature.clip();
    }
    let recalls = [&seen, &unseen].map(|pairs| recall_at_1(&clip, pairs));
    (recalls, [before, clip.loss.temperature.value()])
}

#[allow(dead_code, reason = "the test of this example calls `run`")]
fn main() {
    let (recalls, [before, after]) = run();
    let [seen, unseen] = recalls.map(|recall| 100.0 * recall);
    println!("The right one of 36 captions is nearest to a new image, which chance gets right in 3 %:");
    println!("in {seen:.1} % for combinations seen in training, in {unseen:.1} % for others (zero-shot).");
    println!("The temperature was learned: {before:.3} → {after:.3}.");
}
