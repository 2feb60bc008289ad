//! Training without labels, by two views of each image; and training with labels alone, to compare with.

use super::{methods::Recipe, settings::Settings};
use crate::{
    data::{
        augment::{Policy, View},
        images::{Images, Scaling},
    },
    lab::Job,
    models::{
        momentum::follow,
        projection::{Head, Projected, Sizes},
    },
    random::{self, Order},
};
use anyhow::Result;
use burn::{
    module::Module,
    optim::{AdamConfig, GradientsParams},
    tensor::{Device, Int, Tensor},
};
use losslab::{
    CrossEntropyLossConfig, InfoNceLoss, InfoNceLossConfig, MemoryBank, MemoryBankConfig, NtXentLoss, NtXentLossConfig,
    TemperatureConfig,
};

/// What is learned from.
pub struct Material<'a> {
    /// Images, of whose labels pre-training knows nothing.
    pub images: &'a Images,
    /// How their pixels become numbers.
    pub scaling: &'a Scaling,
    /// What makes views of them.
    pub policy: &'a Policy,
    /// How many classes there are.
    pub classes: usize,
}

/// A network that learns, with what MoCo needs beside it. All of it is in a checkpoint: a training that goes on has the
/// same queue, its pointer included.
#[derive(Module, Debug)]
struct Learner {
    network: Projected,
    keys: Option<Projected>,
    queue: Option<MemoryBank>,
}

/// A network before its first step: the seed alone decides its weights.
pub fn untrained(settings: &Settings, head: Head, images: &Images, seed: u64, device: &Device) -> Projected {
    let sizes = Sizes { width: settings.width, representation: settings.representation };
    let random = [&mut random::stream(seed, "weights"), &mut random::stream(seed, "head")];
    Projected::new(sizes, head, images.shape(), random, device)
}

/// The loss of a recipe.
enum Loss {
    /// SimCLR: all views of the batch against each other.
    Within(NtXentLoss),
    /// MoCo: one view against the key of the other and the keys in the queue.
    Queue(InfoNceLoss),
}

impl Loss {
    fn new(recipe: &Recipe, device: &Device) -> Result<Self> {
        let temperature = TemperatureConfig::new().with_value(recipe.temperature);
        Ok(if recipe.has_momentum {
            let config = InfoNceLossConfig::new().with_temperature(temperature).with_symmetric(false);
            Loss::Queue(config.try_init(device)?)
        } else {
            Loss::Within(NtXentLossConfig::new().with_temperature(temperature).try_init(device)?)
        })
    }
}

/// Pre-trains a network. First weights, order and views depend on the seed alone.
pub fn pre_train(settings: &Settings, recipe: &Recipe, material: &Material, seed: u64, job: &Job) -> Result<Projected> {
    let device = job.device();
    let Material { images, scaling, policy, .. } = material;
    let policy = recipe.policy(policy);
    let loss = Loss::new(recipe, &device)?;
    let head = Head::Projection(settings.projection);
    let start = || {
        let on = |device: &Device| untrained(settings, head, images, seed, device);
        let (keys, queue) = match recipe.has_momentum {
            // The encoder of keys starts from the same weights and records no gradients.
            true => (
                Some(on(&device.clone().inner())),
                Some(MemoryBankConfig::new(settings.queue, settings.projection).init(&device)),
            ),
            false => (None, None),
        };
        (Learner { network: on(&device), keys, queue }, AdamConfig::new().init(), ())
    };
    let mut order = Order::new(images.len(), seed);
    let trained = job.train("network", settings.epochs, start, |fit, epoch| {
        // An image whose batch has no other would have nothing to be told from.
        for rows in order.of_epoch(epoch).chunks(recipe.batch).filter(|rows| rows.len() > 1) {
            let view =
                |number, device: &Device| policy.batch(images, rows, View { seed, epoch, number }, scaling, device);
            let first = fit.network().network.forward(view(0, &device));
            let value = match &loss {
                Loss::Within(loss) => {
                    let second = fit.network().network.forward(view(1, &device));
                    loss.forward(first, second)
                }
                Loss::Queue(loss) => {
                    fit.change(|learner| Learner {
                        keys: learner.keys.map(|keys| follow(keys, &learner.network, settings.momentum)),
                        ..learner
                    });
                    let Learner { keys: Some(keys), queue: Some(queue), .. } = fit.network() else {
                        unreachable!("a recipe with momentum has an encoder of keys and a queue")
                    };
                    let keys = keys.forward(view(1, &device.clone().inner()));
                    let ids: Vec<i64> = rows.iter().map(|row| *row as i64).collect();
                    let ids = Tensor::<1, Int>::from_data(ids.as_slice(), &device.clone().inner());
                    let others = queue.others(ids.clone()).embeddings;
                    let value = loss.forward_with_bank(first, Tensor::from_inner(keys.clone()), others);
                    fit.change(|mut learner| {
                        if let Some(queue) = &mut learner.queue {
                            queue.enqueue_with_ids(keys, ids.clone(), ids);
                        }
                        learner
                    });
                    value
                }
            };
            fit.note_loss(&value);
            // Only the network learns; keys follow it, and the queue holds no parameters.
            let gradients = GradientsParams::from_grads(value.backward(), &fit.network().network);
            fit.apply(settings.lr, gradients);
        }
        Ok(())
    })?;
    Ok(trained.network.network)
}

/// Trains a network on labelled images alone, with as many views as pre-training looks at.
pub fn from_scratch(
    settings: &Settings,
    material: &Material,
    labelled: &Images,
    seed: u64,
    job: &Job,
) -> Result<Projected> {
    let device = job.device();
    let Material { scaling, policy, images, classes } = material;
    let loss = CrossEntropyLossConfig::new().init();
    let start = || {
        let network = untrained(settings, Head::Linear(*classes), images, seed, &device);
        (network, AdamConfig::new().init(), ())
    };
    // Each of these epochs has as many views as one of pre-training.
    let labels = labelled.labels();
    let passes = (2 * images.len()).div_ceil(labelled.len());
    let mut order = Order::new(labelled.len(), seed);
    let trained = job.train("network", settings.epochs, start, |fit, epoch| {
        for pass in 0..passes {
            let number = (epoch - 1) * passes + pass + 1;
            for rows in order.of_epoch(number).chunks(settings.batch) {
                let view = View { seed, epoch: number, number: 0 };
                let seen = policy.batch(labelled, rows, view, scaling, &device);
                let told: Vec<i64> = rows.iter().map(|row| labels[*row]).collect();
                let told = Tensor::<1, Int>::from_data(told.as_slice(), &device.clone().inner());
                let logits = fit.network().forward(seen);
                fit.step(settings.lr, loss.forward(logits, told));
            }
        }
        Ok(())
    })?;
    Ok(trained.network)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        data::images::Shape,
        experiments::simclr::methods::SIMCLR,
        lab::{Lab, in_folder},
    };

    const SHAPE: Shape = Shape { channels: 1, height: 16, width: 16 };

    fn images() -> Images {
        let pixels = (0..24 * SHAPE.bytes()).map(|at| (at * 7919 % 251) as u8).collect();
        Images::new(SHAPE, pixels, (0..24).map(|at| at % 3).collect())
    }

    fn settings(epochs: usize, queue: usize) -> Settings {
        let quick =
            Settings { epochs, queue, momentum: 0.9, width: 2, representation: 8, projection: 4, ..Settings::quick() };
        Settings { images: 24, batch: 8, ..quick }
    }

    /// The representations and outputs after a training of so many epochs; nothing where it is stopped after two of them.
    fn trained(lab: &Lab, settings: &Settings, has_momentum: bool) -> Vec<f32> {
        let (images, policy) = (images(), Policy::digits());
        let scaling = images.scaling();
        let material = Material { images: &images, scaling: &scaling, policy: &policy, classes: 3 };
        let recipe =
            Recipe { name: SIMCLR.to_owned(), has_momentum, temperature: 0.2, batch: settings.batch, left_out: None };
        let train = |_: &(), job: &Job| {
            let network = pre_train(settings, &recipe, &material, 1, job)?;
            anyhow::ensure!(settings.epochs > 2, "stopped");
            let outputs = network.outputs(&images, &scaling);
            Ok([outputs.representations, outputs.outputs].concat())
        };
        lab.map(&[()], |()| "job".to_owned(), train).map_or_else(|_| Vec::new(), |mut found| found.remove(0))
    }

    #[test]
    fn a_training_that_goes_on_has_its_keys_and_its_queue() {
        for has_momentum in [true, false] {
            let [whole, stopped] = [(); 2].map(|()| tempfile::tempdir().unwrap());
            // The queue has come round by the end of an epoch: its pointer and its fill matter.
            let expected = trained(&in_folder(whole.path()), &settings(4, 20), has_momentum);
            assert!(trained(&in_folder(stopped.path()), &settings(2, 20), has_momentum).is_empty());
            assert_eq!(trained(&in_folder(stopped.path()), &settings(4, 20), has_momentum), expected);
            assert_eq!(expected.len(), 24 * 12);
        }
    }

    #[test]
    fn the_queue_the_momentum_and_the_loss_make_a_difference() {
        let train = |settings: Settings, has_momentum| {
            trained(&in_folder(tempfile::tempdir().unwrap().path()), &settings, has_momentum)
        };
        let plain = train(settings(3, 20), true);
        assert_eq!(train(settings(3, 20), true), plain);
        assert_ne!(train(settings(3, 4), true), plain);
        assert_ne!(train(Settings { momentum: 0.5, ..settings(3, 20) }, true), plain);
        assert_ne!(train(settings(3, 20), false), plain);
        assert_eq!(train(settings(3, 20), false), train(settings(3, 4), false));
    }
}
