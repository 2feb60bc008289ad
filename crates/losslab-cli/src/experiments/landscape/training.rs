//! Training with one of the losses, with the path on which the parameters went.

use super::{Method, SIDE, Settings};
use crate::{
    data::images::{Images, Scaling},
    lab::Job,
    models::{encoder::Encoder, mlp::values},
    random,
};
use anyhow::Result;
use burn::{
    module::Module,
    optim::AdamConfig,
    tensor::{Device, Int, Tensor},
};
use losslab::{PkSamplerConfig, landscape::Parameters};

/// Classes of digits.
const CLASSES: usize = 10;
/// Images that are predicted at a time: bounds memory, and the result doesn't depend on it.
const AT_ONCE: usize = 256;

/// Some images as the network sees them: their middle.
pub fn batch(images: &Images, indices: &[usize], scaling: &Scaling, device: &Device) -> Tensor<4> {
    let shape = images.shape();
    let [top, left] = [shape.height, shape.width].map(|side| (side - SIDE) / 2);
    let all = images.batch(indices, scaling, device);
    all.slice([0..indices.len(), 0..shape.channels, top..top + SIDE, left..left + SIDE])
}

/// The classes of some images.
pub fn classes(images: &Images, indices: &[usize], device: &Device) -> Tensor<1, Int> {
    let labels: Vec<i64> = indices.iter().map(|index| images.label(*index) as i64).collect();
    Tensor::from_data(labels.as_slice(), device)
}

/// Trains a network. Returns it with its parameters before the first step and at equal distances of time from there,
/// the last of them those of the network.
///
/// First weights and batches depend on the seed alone, so all losses of a seed start from the same network and see the
/// same images. Batches hold every class equally often, as the contrastive loss wants them.
pub fn train(
    method: Method,
    settings: &Settings,
    images: &Images,
    seed: u64,
    job: &Job,
) -> Result<(Encoder, Vec<Vec<f32>>)> {
    let device = job.device();
    let scaling = images.scaling();
    let cost = method.cost(settings, &device);
    let sampler = PkSamplerConfig::new(CLASSES, settings.samples).with_seed(seed).try_init(&images.labels())?;
    let point = |network: &Encoder| -> Vec<f32> {
        Parameters::of(network).read(network).into_iter().map(|value| value as f32).collect()
    };
    let trained = job.train(
        &method.name(settings),
        settings.epochs,
        || {
            let random = &mut random::stream(seed, "weights");
            let shape = [images.shape().channels, SIDE, SIDE];
            let network = Encoder::of_width(settings.width, shape, CLASSES, random, &device);
            let path = vec![point(&network)];
            (network, AdamConfig::new().init(), path)
        },
        |fit, epoch| {
            let batches = sampler.epoch(epoch as u64);
            for (step, rows) in batches.iter().enumerate() {
                let outputs = fit.network().forward(batch(images, rows, &scaling, &device));
                fit.step(settings.lr, cost.of(outputs, classes(images, rows, &device)));
                let points_until = |step: usize| step * settings.points / batches.len();
                if points_until(step + 1) > points_until(step) {
                    let now = point(fit.network());
                    fit.notes.push(now);
                }
            }
            Ok(())
        },
    )?;
    Ok((trained.network, trained.notes))
}

/// The share of test images whose class is predicted: by the largest logit, or of embeddings by the nearest of the mean
/// directions that the classes have on the training part.
pub fn accuracy(method: Method, network: &Encoder, train: &Images, test: &Images, scaling: &Scaling) -> Result<f64> {
    let outputs = outputs(network, test, scaling);
    let scores: Vec<Vec<f64>> = if method.has_logits() {
        outputs
    } else {
        let mut means = vec![vec![0.0; CLASSES]; CLASSES];
        for (index, row) in self::outputs(network, train, scaling).iter().map(|row| unit(row)).enumerate() {
            means[train.label(index)].iter_mut().zip(row).for_each(|(mean, value)| *mean += value);
        }
        let means: Vec<Vec<f64>> = means.iter().map(|mean| unit(mean)).collect();
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum();
        outputs.iter().map(|row| means.iter().map(|mean| dot(mean, row)).collect()).collect()
    };
    let predicted =
        |row: &[f64]| (1..row.len()).fold(0, |best, class| if row[class] > row[best] { class } else { best });
    let right = scores.iter().enumerate().filter(|(index, row)| predicted(row) == test.label(*index)).count();
    Ok(right as f64 / test.len() as f64)
}

fn unit(row: &[f64]) -> Vec<f64> {
    let length = row.iter().map(|value| value * value).sum::<f64>().sqrt();
    row.iter().map(|value| if length > 0.0 { value / length } else { 0.0 }).collect()
}

fn outputs(network: &Encoder, images: &Images, scaling: &Scaling) -> Vec<Vec<f64>> {
    let network = network.valid();
    let device = Device::flex();
    let all: Vec<usize> = (0..images.len()).collect();
    let rows =
        all.chunks(AT_ONCE).flat_map(|indices| values(network.forward(batch(images, indices, scaling, &device))));
    let rows: Vec<f64> = rows.map(f64::from).collect();
    rows.chunks(CLASSES).map(<[f64]>::to_vec).collect()
}
