//! The kernels on slices, value and gradient, with what they allocate: `cargo bench -p losslab-kernels --bench kernels`.
//!
//! A name after `--` chooses, as in `cargo bench -p losslab-kernels --bench kernels -- triplet`.

use divan::{AllocProfiler, Bencher, counter::ItemsCount};
use losslab_kernels::options::{Distance, FocalAlpha, Similarity, SmoothingConvention, SupConForm};
use losslab_kernels::{
    BatchContrastive, CrossEntropy, Gallery, InfoNce, InfoNceGradients, Labelled, Metric, SelfContrastive,
    SigmoidFocal, SigmoidFocalGradients, SoftmaxFocal, Triplet, TripletChoice, batch_contrastive, cross_entropy,
    info_nce, self_contrastive, sigmoid_focal, softmax_focal, triplet, triplet_with_bank,
};

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

/// Rows and columns of logits.
const LOGITS: [(usize, usize); 3] = [(64, 10), (1024, 100), (1024, 1000)];
/// Rows and width of embeddings.
const EMBEDDINGS: [(usize, usize); 3] = [(64, 32), (512, 128), (2048, 128)];
/// The samples of each label.
const SAMPLES: usize = 8;

/// Reproducible numbers in `[-scale, scale)`.
fn numbers(count: usize, scale: f32) -> Vec<f32> {
    let mut state = 1u64;
    let mut next = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        ((state >> 40) as f32 / (1u64 << 23) as f32 - 1.0) * scale
    };
    (0..count).map(|_| next()).collect()
}

/// Embeddings about 1 apart, with their labels.
fn embeddings((rows, width): (usize, usize)) -> (Vec<f32>, Vec<i64>) {
    let labels = rows.div_ceil(SAMPLES);
    (numbers(rows * width, (1.5 / width as f32).sqrt()), (0..rows).map(|i| (i % labels) as i64).collect())
}

fn targets((rows, classes): (usize, usize)) -> Vec<i64> {
    (0..rows).map(|i| (i * 7 % classes) as i64).collect()
}

#[divan::bench(args = LOGITS)]
fn sigmoid_focal_loss(bencher: Bencher, (rows, classes): (usize, usize)) {
    let count = rows * classes;
    let (logits, mut gradient) = (numbers(count, 4.0), vec![0.0; count]);
    let targets: Vec<f32> = (0..count).map(|i| if i % 100 == 0 { 1.0 } else { 0.0 }).collect();
    let loss = SigmoidFocal { gamma: 2.0, alpha: FocalAlpha::Balanced(0.25) };
    bencher.counter(ItemsCount::new(count)).bench_local(|| {
        let gradients = SigmoidFocalGradients { logits: Some(&mut gradient), targets: None };
        sigmoid_focal(loss, &logits, &targets, gradients)
    });
}

#[divan::bench(args = LOGITS)]
fn softmax_focal_loss(bencher: Bencher, (rows, classes): (usize, usize)) {
    let (logits, targets) = (numbers(rows * classes, 4.0), targets((rows, classes)));
    let mut gradient = vec![0.0; logits.len()];
    let loss = SoftmaxFocal { gamma: 2.0, alpha: None, ignore_index: None };
    bencher
        .counter(ItemsCount::new(logits.len()))
        .bench_local(|| softmax_focal(loss, &logits, classes, &targets, Some(&mut gradient)));
}

#[divan::bench(args = LOGITS, consts = [0, 10])]
fn cross_entropy_smoothed<const PERCENT: u32>(bencher: Bencher, (rows, classes): (usize, usize)) {
    let (logits, targets) = (numbers(rows * classes, 4.0), targets((rows, classes)));
    let mut gradient = vec![0.0; logits.len()];
    let smoothing = f64::from(PERCENT) / 100.0;
    let loss = CrossEntropy { smoothing, convention: SmoothingConvention::Uniform, weights: None, ignore_index: None };
    bencher
        .counter(ItemsCount::new(logits.len()))
        .bench_local(|| cross_entropy(loss, &logits, classes, &targets, Some(&mut gradient)));
}

#[divan::bench(args = EMBEDDINGS)]
fn info_nce_symmetric(bencher: Bencher, size: (usize, usize)) {
    between_two_sets(bencher, size, &InfoNce::default());
}

/// Without memory for tiles: each is computed twice.
#[divan::bench(args = EMBEDDINGS)]
fn info_nce_twice(bencher: Bencher, size: (usize, usize)) {
    between_two_sets(bencher, size, &InfoNce { memory: 0, ..InfoNce::default() });
}

fn between_two_sets(bencher: Bencher, (rows, width): (usize, usize), loss: &InfoNce<'_>) {
    let values = numbers(2 * rows * width, 1.0);
    let (queries, keys) = values.split_at(rows * width);
    let (mut by_queries, mut by_keys) = (vec![0.0; queries.len()], vec![0.0; keys.len()]);
    bencher.bench_local(|| {
        let gradients = InfoNceGradients { queries: Some(&mut by_queries), keys: Some(&mut by_keys), log_scale: false };
        info_nce(loss, queries, keys, width, gradients)
    });
}

#[divan::bench(args = EMBEDDINGS)]
fn nt_xent(bencher: Bencher, size: (usize, usize)) {
    let labels = (0..size.0 as i64).map(|i| i / 2).collect::<Vec<i64>>();
    within_one_set(bencher, size, &labels, SupConForm::Outside);
}

#[divan::bench(args = EMBEDDINGS)]
fn sup_con_outside(bencher: Bencher, size: (usize, usize)) {
    within_one_set(bencher, size, &embeddings(size).1, SupConForm::Outside);
}

#[divan::bench(args = EMBEDDINGS)]
fn sup_con_inside(bencher: Bencher, size: (usize, usize)) {
    within_one_set(bencher, size, &embeddings(size).1, SupConForm::Inside);
}

fn within_one_set(bencher: Bencher, size: (usize, usize), labels: &[i64], form: SupConForm) {
    let (rows, _) = embeddings(size);
    let mut gradient = vec![0.0; rows.len()];
    let loss = SelfContrastive { labels, form, ..SelfContrastive::default() };
    bencher.bench_local(|| self_contrastive(&loss, &rows, size.1, Some(&mut gradient), false));
}

const HINGE: (TripletChoice, bool) = (TripletChoice::All, false);
const SOFT: (TripletChoice, bool) = (TripletChoice::All, true);
const HARD: (TripletChoice, bool) = (TripletChoice::Hard { swap: false }, false);
const SEMI_HARD: (TripletChoice, bool) = {
    let fallback = losslab_kernels::options::SemiHardFallback::Farthest;
    (TripletChoice::SemiHard { swap: false, fallback }, false)
};

fn of((choice, soft): (TripletChoice, bool)) -> Triplet {
    Triplet { margin: 0.2, soft, metric: Metric::default(), choice }
}

#[divan::bench(args = EMBEDDINGS)]
fn triplet_all(bencher: Bencher, size: (usize, usize)) {
    triplets(bencher, size, of(HINGE));
}

#[divan::bench(args = EMBEDDINGS)]
fn triplet_all_soft(bencher: Bencher, size: (usize, usize)) {
    triplets(bencher, size, of(SOFT));
}

#[divan::bench(args = EMBEDDINGS)]
fn triplet_hard(bencher: Bencher, size: (usize, usize)) {
    triplets(bencher, size, of(HARD));
}

#[divan::bench(args = EMBEDDINGS)]
fn triplet_semi_hard(bencher: Bencher, size: (usize, usize)) {
    triplets(bencher, size, of(SEMI_HARD));
}

fn triplets(bencher: Bencher, size: (usize, usize), loss: Triplet) {
    let (rows, labels) = embeddings(size);
    let mut gradient = vec![0.0; rows.len()];
    bencher
        .bench_local(|| triplet(loss, Labelled { rows: &rows, labels: &labels, width: size.1 }, Some(&mut gradient)));
}

/// A quarter of the rows against all of them.
#[divan::bench(args = EMBEDDINGS)]
fn triplet_semi_hard_with_bank(bencher: Bencher, (count, width): (usize, usize)) {
    let (rows, labels) = embeddings((count, width));
    let bank = Labelled { rows: &rows, labels: &labels, width };
    let few = count / 4;
    let queries = Labelled { rows: &rows[..few * width], labels: &labels[..few], width };
    let mut gradient = vec![0.0; few * width];
    bencher.bench_local(|| triplet_with_bank(of(SEMI_HARD), queries, bank, [Some(&mut gradient), None]));
}

#[divan::bench(args = EMBEDDINGS)]
fn contrastive_over_all_pairs(bencher: Bencher, (count, width): (usize, usize)) {
    let (rows, labels) = embeddings((count, width));
    let mut gradient = vec![0.0; rows.len()];
    let metric = Metric { distance: Distance::Euclidean, normalize: false };
    let loss = BatchContrastive { positive_margin: 0.0, negative_margin: 1.0, half: true, metric };
    bencher
        .bench_local(|| batch_contrastive(loss, Labelled { rows: &rows, labels: &labels, width }, Some(&mut gradient)));
}

#[divan::bench(args = EMBEDDINGS)]
fn ten_nearest(bencher: Bencher, (count, width): (usize, usize)) {
    let rows = numbers(count * width, 1.0);
    let gallery = Gallery::new(Similarity::Cosine, &rows, width);
    bencher.counter(ItemsCount::new(count)).bench_local(|| gallery.nearest(&rows, 10, None));
}
