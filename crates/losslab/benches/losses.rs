//! Losses through Burn, forward and backward, by their kernel and by plain tensor operations, with what they allocate:
//! `cargo bench --workspace --bench losses`.
//!
//! A name after `--` chooses, as in `cargo bench --workspace --bench losses -- info_nce`.

use burn::tensor::{Device, Int, Tensor, TensorData};
use divan::{AllocProfiler, Bencher};
use losslab::*;

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

const LOGITS: [(usize, usize); 3] = [(64, 10), (1024, 100), (1024, 1000)];
const EMBEDDINGS: [(usize, usize); 3] = [(64, 32), (256, 128), (1024, 128)];
/// The samples of each label.
const SAMPLES: usize = 8;

/// A matrix on the tape, of reproducible numbers in `[-scale, scale)`.
fn matrix((rows, width): (usize, usize), scale: f32, seed: u64) -> Tensor<2> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        ((state >> 40) as f32 / (1u64 << 23) as f32 - 1.0) * scale
    };
    let values = (0..rows * width).map(|_| next()).collect::<Vec<f32>>();
    Tensor::from_data(TensorData::new(values, [rows, width]), &Device::flex().autodiff()).require_grad()
}

/// Embeddings about 1 apart.
fn embeddings(size: (usize, usize), seed: u64) -> Tensor<2> {
    matrix(size, (1.5 / size.1 as f32).sqrt(), seed)
}

fn integers(values: impl Iterator<Item = usize>) -> Tensor<1, Int> {
    let values = values.map(|value| value as i64).collect::<Vec<i64>>();
    Tensor::from_data(values.as_slice(), &Device::flex().autodiff())
}

fn labels(rows: usize) -> Tensor<1, Int> {
    let kinds = rows.div_ceil(SAMPLES);
    integers((0..rows).map(|i| i % kinds))
}

/// How a loss is computed.
#[derive(Clone, Copy, PartialEq)]
enum Way {
    Fused,
    Plain,
}
use Way::{Fused, Plain};

/// Times forward and backward of a loss on two inputs.
macro_rules! step {
    ($bencher:ident, $way:ident, $loss:ident, $first:ident, $second:ident) => {
        $bencher.bench_local(|| match $way {
            Fused => $loss.forward($first.clone(), $second.clone()).backward(),
            Plain => $loss.forward_plain($first.clone(), $second.clone()).unwrap().backward(),
        })
    };
}

fn sigmoid_focal(bencher: Bencher, (rows, classes): (usize, usize), way: Way) {
    let logits = matrix((rows, classes), 4.0, 1);
    let targets = integers((0..rows).map(|i| i * 7 % classes)).one_hot::<2>(classes).float();
    let loss = SigmoidFocalLossConfig::new().init();
    step!(bencher, way, loss, logits, targets);
}

fn focal(bencher: Bencher, (rows, classes): (usize, usize), way: Way) {
    let (logits, targets) = (matrix((rows, classes), 4.0, 1), integers((0..rows).map(|i| i * 7 % classes)));
    let loss = FocalLossConfig::new().init();
    step!(bencher, way, loss, logits, targets);
}

fn label_smoothing(bencher: Bencher, (rows, classes): (usize, usize), way: Way) {
    let (logits, targets) = (matrix((rows, classes), 4.0, 1), integers((0..rows).map(|i| i * 7 % classes)));
    let loss = LabelSmoothingLossConfig::new().init();
    step!(bencher, way, loss, logits, targets);
}

fn info_nce(bencher: Bencher, size: (usize, usize), way: Way) {
    let (queries, keys) = (embeddings(size, 1), embeddings(size, 2));
    let loss = InfoNceLossConfig::new().init(&Device::flex());
    step!(bencher, way, loss, queries, keys);
}

fn nt_xent(bencher: Bencher, size: (usize, usize), way: Way) {
    let (first, second) = (embeddings(size, 1), embeddings(size, 2));
    let loss = NtXentLossConfig::new().init(&Device::flex());
    step!(bencher, way, loss, first, second);
}

fn sup_con(bencher: Bencher, size: (usize, usize), way: Way) {
    let (batch, labels) = (embeddings(size, 1), labels(size.0));
    let loss = SupConLossConfig::new().init(&Device::flex());
    step!(bencher, way, loss, batch, labels);
}

fn batch_contrastive(bencher: Bencher, size: (usize, usize), way: Way) {
    let (batch, labels) = (embeddings(size, 1), labels(size.0));
    let loss = BatchContrastiveLossConfig::new().init();
    step!(bencher, way, loss, batch, labels);
}

fn triplet(bencher: Bencher, size: (usize, usize), mining: TripletMining, way: Way) {
    let (batch, labels) = (embeddings(size, 1), labels(size.0));
    let loss = TripletLossConfig::new().with_mining(mining).init();
    step!(bencher, way, loss, batch, labels);
}

fn triplet_all(bencher: Bencher, size: (usize, usize), way: Way) {
    triplet(bencher, size, TripletMining::BatchAll, way);
}

fn triplet_hard(bencher: Bencher, size: (usize, usize), way: Way) {
    triplet(bencher, size, TripletMining::BatchHard, way);
}

fn triplet_semi_hard(bencher: Bencher, size: (usize, usize), way: Way) {
    triplet(bencher, size, TripletMining::SemiHard, way);
}

/// Each loss both ways, as `losses::LOSS::fused` and `losses::LOSS::plain`.
macro_rules! both_ways {
    ($($loss:ident: $sizes:ident),*) => {
        $(mod $loss {
            use super::*;

            #[divan::bench(args = $sizes)]
            fn fused(bencher: Bencher, size: (usize, usize)) {
                super::$loss(bencher, size, Fused);
            }

            // A step takes seconds at the largest sizes: few samples do.
            #[divan::bench(args = $sizes, max_time = 2)]
            fn plain(bencher: Bencher, size: (usize, usize)) {
                super::$loss(bencher, size, Plain);
            }
        })*
    };
}

both_ways! {
    sigmoid_focal: LOGITS,
    focal: LOGITS,
    label_smoothing: LOGITS,
    info_nce: EMBEDDINGS,
    nt_xent: EMBEDDINGS,
    sup_con: EMBEDDINGS,
    batch_contrastive: EMBEDDINGS,
    triplet_all: EMBEDDINGS,
    triplet_hard: EMBEDDINGS,
    triplet_semi_hard: EMBEDDINGS
}
