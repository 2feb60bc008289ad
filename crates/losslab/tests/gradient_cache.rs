//! Gradient caching: chunks give the gradients of the batch in one piece, dropout included.

use burn::module::{Module, ModuleVisitor, Param};
use burn::nn::{Dropout, DropoutConfig, Linear, LinearConfig};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Distribution, Int, Tensor, activation::relu};
use losslab::*;
use std::cell::RefCell;
use std::sync::{Mutex, MutexGuard};

/// The CPU's generator is one for the whole process: one test at a time.
static GENERATOR: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    GENERATOR.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

fn device() -> Device {
    Device::flex().autodiff()
}

#[derive(Module, Debug)]
struct Tower {
    first: Linear,
    dropout: Dropout,
    second: Linear,
}

impl Tower {
    fn new(width: usize) -> Self {
        let linear = |from, to| LinearConfig::new(from, to).init(&device());
        Self { first: linear(width, 16), dropout: DropoutConfig::new(0.4).init(), second: linear(16, 5) }
    }

    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        self.second.forward(self.dropout.forward(relu(self.first.forward(x))))
    }
}

#[derive(Module, Debug)]
struct Model {
    images: Tower,
    texts: Tower,
    clip: InfoNceLoss,
    sup_con: SupConLoss,
}

impl Model {
    fn new() -> Self {
        let temperature = || TemperatureConfig::new().with_value(0.3).with_learned(true);
        Self {
            images: Tower::new(8),
            texts: Tower::new(6),
            clip: InfoNceLossConfig::new().with_temperature(temperature()).init(&device()),
            sup_con: SupConLossConfig::new().with_temperature(temperature()).init(&device()),
        }
    }
}

fn random(rows: usize, width: usize) -> Tensor<2> {
    Tensor::random([rows, width], Distribution::Normal(0.0, 1.0), &device())
}

/// Every gradient of a module, in the order of its parameters; nothing where a parameter has none.
fn all_gradients(module: &Model, gradients: &GradientsParams) -> Vec<Option<Vec<f32>>> {
    struct Visitor<'a>(&'a GradientsParams, Vec<Option<Vec<f32>>>);
    impl ModuleVisitor for Visitor<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let gradient = self.0.get::<D>(param.id);
            self.1.push(gradient.map(|gradient| gradient.into_data().try_into_vec().unwrap()));
        }
    }
    let mut visitor = Visitor(gradients, vec![]);
    module.visit(&mut visitor);
    visitor.1
}

fn assert_same(found: &[Option<Vec<f32>>], expected: &[Option<Vec<f32>>], what: &str) {
    assert_eq!(found.len(), expected.len());
    for (at, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert_eq!(found.is_some(), expected.is_some(), "{what}: gradient {at}");
        let (Some(found), Some(expected)) = (found, expected) else { continue };
        let largest = expected.iter().fold(0.0f32, |largest, x| largest.max(x.abs()));
        assert!(largest > 0.0, "{what}: gradient {at} is all zeros");
        for (x, y) in found.iter().zip(expected) {
            assert!((x - y).abs() <= 2e-5 * largest, "{what}: gradient {at}: {x} instead of {y}");
        }
    }
}

/// The step by chunks, and the same chunks with the same seeds in one graph.
fn compare<const T: usize>(
    model: &Model,
    rows: [usize; T],
    chunk: usize,
    encode: impl Fn(&Model, &Chunk) -> Tensor<2>,
    loss: impl Fn(&Model, [Tensor<2>; T]) -> Tensor<1>,
) {
    let seen = RefCell::new(Vec::<Chunk>::new());
    let recording = |model: &Model, chunk: &Chunk| {
        seen.borrow_mut().push(chunk.clone());
        encode(model, chunk)
    };
    let step = GradientCacheConfig::new(chunk).init().gradients(model, rows, recording, &loss);
    let seen = seen.into_inner();
    let count = rows.iter().map(|rows| rows.div_ceil(chunk)).sum::<usize>();
    assert_eq!((seen.len(), &seen[..count]), (2 * count, &seen[count..]), "both passes see the same chunks");

    let towers: [Tensor<2>; T] = std::array::from_fn(|tower| {
        let chunks = seen[..count].iter().filter(|chunk| chunk.tower == tower);
        let encoded = chunks.map(|chunk| {
            device().seed(chunk.seed);
            encode(model, chunk)
        });
        Tensor::cat(encoded.collect(), 0)
    });
    let whole = loss(model, towers);
    let value = whole.clone().into_scalar::<f64>();
    assert!((step.loss - value).abs() <= 1e-6 * value, "{} instead of {value}", step.loss);
    let expected = GradientsParams::from_grads(whole.backward(), model);
    let what = format!("rows {rows:?} by {chunk}");
    assert_same(&all_gradients(model, &step.gradients), &all_gradients(model, &expected), &what);
}

#[test]
fn two_towers_with_dropout_and_a_learned_temperature() {
    let _alone = alone();
    device().seed(1);
    let model = Model::new();
    let (images, texts) = (random(23, 8), random(23, 6));
    for chunk in [1, 7, 23, 100] {
        compare(
            &model,
            [23, 23],
            chunk,
            |model, chunk| match chunk.tower {
                0 => model.images.forward(images.clone().slice(chunk.rows.clone())),
                _ => model.texts.forward(texts.clone().slice(chunk.rows.clone())),
            },
            |model, [images, texts]| model.clip.forward(images, texts),
        );
    }
}

#[test]
fn one_tower_with_labels() {
    let _alone = alone();
    device().seed(2);
    let model = Model::new();
    let images = random(20, 8);
    let labels = (0..20).map(|i| i % 4).collect::<Vec<i64>>();
    let labels = Tensor::<1, Int>::from_data(labels.as_slice(), &device());
    for chunk in [6, 20] {
        compare(
            &model,
            [20],
            chunk,
            |model, chunk| model.images.forward(images.clone().slice(chunk.rows.clone())),
            |model, [embeddings]| model.sup_con.forward(embeddings, labels.clone()),
        );
    }
}

#[test]
fn one_encoder_for_both_views() {
    let _alone = alone();
    device().seed(3);
    let model = Model::new();
    let views = [random(12, 8), random(12, 8)];
    compare(
        &model,
        [12, 12],
        5,
        |model, chunk| model.images.forward(views[chunk.tower].clone().slice(chunk.rows.clone())),
        |model, [first, second]| model.clip.forward(first, second),
    );
}

fn seeds(model: &Model, images: &Tensor<2>, texts: &Tensor<2>) -> Vec<u64> {
    let mut seeds = vec![];
    let encode = |model: &Model, chunk: &Chunk| {
        seeds.push(chunk.seed);
        match chunk.tower {
            0 => model.images.forward(images.clone().slice(chunk.rows.clone())),
            _ => model.texts.forward(texts.clone().slice(chunk.rows.clone())),
        }
    };
    let cache = GradientCacheConfig::new(3).init();
    cache.gradients(model, [6, 6], encode, |model, [images, texts]| model.clip.forward(images, texts));
    seeds.truncate(4);
    seeds
}

#[test]
fn a_seeded_device_makes_steps_reproducible_and_all_different() {
    let _alone = alone();
    device().seed(4);
    let model = Model::new();
    let (images, texts) = (random(6, 8), random(6, 6));
    let run = || {
        device().seed(5);
        (0..3).flat_map(|_| seeds(&model, &images, &texts)).collect::<Vec<u64>>()
    };
    run(); // The weights are drawn at their first use.
    let first = run();
    assert_eq!(run(), first);
    let different = first.iter().collect::<std::collections::HashSet<_>>();
    assert_eq!(different.len(), 12, "each chunk of each step has a seed of its own: {first:?}");
}

#[test]
fn randomness_that_does_not_repeat_is_an_error() {
    let _alone = alone();
    device().seed(6);
    let model = Model::new();
    let images = random(6, 8);
    let mut calls = 0.0;
    let error = GradientCacheConfig::new(4).init().try_gradients(
        &model,
        [6],
        |model, chunk| {
            calls += 0.1;
            model.images.forward(images.clone().slice(chunk.rows.clone())) + calls
        },
        |_, [embeddings]| embeddings.square().sum(),
    );
    let message = error.unwrap_err().to_string();
    assert!(message.starts_with("gradient-cache: embeddings must be the same in both passes (rows 0..4"), "{message}");

    // Without the device's seed, dropout doesn't repeat; a mask from the chunk's seed does.
    let cache = GradientCacheConfig::new(4).with_seed_device(false).init();
    let dropout = |model: &Model, chunk: &Chunk| model.images.forward(images.clone().slice(chunk.rows.clone()));
    assert!(cache.try_gradients(&model, [6], dropout, |_, [embeddings]| embeddings.square().sum()).is_err());
    let masked = |model: &Model, chunk: &Chunk| {
        let hidden = model.images.first.forward(images.clone().slice(chunk.rows.clone()));
        model.images.second.forward(hidden * (1.0 + (chunk.seed % 7) as f64))
    };
    let step = cache.try_gradients(&model, [6], masked, |_, [embeddings]| embeddings.square().sum()).unwrap();
    assert_eq!(step.gradients.len(), 4);
}

#[test]
fn parts_that_the_loss_does_not_depend_on_have_no_gradient() {
    let _alone = alone();
    device().seed(7);
    let model = Model::new();
    let (images, texts) = (random(6, 8), random(6, 6));
    let encode = |model: &Model, chunk: &Chunk| match chunk.tower {
        0 => model.images.forward(images.clone().slice(chunk.rows.clone())),
        _ => model.texts.forward(texts.clone().slice(chunk.rows.clone())),
    };
    let cache = GradientCacheConfig::new(2).init();
    let step = cache.gradients(&model, [6, 6], encode, |_, [images, _]| images.square().sum());
    assert_eq!(step.gradients.len(), 4);
    // A tower that isn't trained.
    let frozen = Model { texts: model.texts.clone().no_grad(), ..model.clone() };
    let step = cache.gradients(&frozen, [6, 6], encode, |model, [images, texts]| model.clip.forward(images, texts));
    assert_eq!(step.gradients.len(), 5);
    // A loss of nothing.
    let zero = |_: &Model, [images]: [Tensor<2>; 1]| Tensor::<1>::zeros([1], &images.device());
    let step = cache.gradients(&model, [6], encode, zero);
    assert_eq!((step.loss, step.gradients.len()), (0.0, 0));
}

#[test]
fn what_does_not_fit_is_refused() {
    let _alone = alone();
    let error = GradientCacheConfig::new(0).try_init().unwrap_err().to_string();
    assert_eq!(error, "gradient-cache: chunk must be at least 1, but is 0");
    let (model, images) = (Model::new(), random(6, 8));
    let cache = GradientCacheConfig::new(4).init();
    let sum = |_: &Model, [embeddings]: [Tensor<2>; 1]| embeddings.sum();
    let all = cache.try_gradients(&model, [6], |model, _| model.images.forward(images.clone()), sum);
    let message = all.unwrap_err().to_string();
    assert!(message.starts_with("gradient-cache: embeddings must have shape [4, 5]"), "{message}");
    let none = cache.try_gradients(&model, [0], |model, _| model.images.forward(images.clone()), sum);
    let message = none.unwrap_err().to_string();
    assert_eq!(message, "gradient-cache: rows must have shape [1 or more] (tower 0), but has [0]");
}
