//! One training: a method, a seed. What is watched on the way, and what is measured at the end.

use super::{
    balance::{Balance, read, task_gradients},
    methods::{Method, Recipe},
    settings::Settings,
};
use crate::{
    data::images::{Images, Parts},
    lab::{self, Job},
    models::multi_task::{MultiTask, Sizes},
    random::{self, Order},
};
use anyhow::{Result, anyhow};
use burn::{
    lr_scheduler::{
        LrSchedulerConfig,
        module_lr_scheduler::{ModuleLearningRate, ModuleLrSchedulerConfig},
    },
    module::{Module, ParamGroup},
    optim::AdamConfig,
    tensor::{Device, Int, Tensor},
};
use losslab::{CrossEntropyLossConfig, UncertaintyLoss, UncertaintyLossConfig};
use serde::{Deserialize, Serialize};

/// Images on which the losses at the start are measured, at most.
const AT_START: usize = 1000;

/// Burn's default of 1e-5 is as large as the gradients of a mean over 784 pixels: it would slow their training down
/// and hide what the weights do.
const EPSILON: f32 = 1e-8;

/// The network, with the weights that are learned with it where the method has such.
#[derive(Module, Debug)]
pub struct Learner {
    pub network: MultiTask,
    pub learned: Option<UncertaintyLoss>,
}

/// A learner on its way.
pub type Fit = lab::Fit<Learner, Notes>;

/// What a training remembers from epoch to epoch.
#[derive(Debug, Deserialize, Serialize)]
pub struct Notes {
    balance: Balance,
    by_epoch: Vec<Epoch>,
}

/// What was seen of the gradients in an epoch: means over its probes. The losses are in their plain units.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
pub struct Epoch {
    /// What each loss counts for.
    pub weights: [f64; 2],
    /// Length of each task's gradient in the shared parameters, unweighted.
    pub norms: [f64; 2],
    /// Cosine of these gradients.
    pub cosine: f64,
    /// Share of the probes with a cosine below 0.
    pub conflicts: f64,
    /// The part of the reconstruction in the sum of the weighted lengths.
    pub share: f64,
}

/// How well a network does its tasks.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub struct Measured {
    /// Images that were classified.
    pub images: usize,
    /// How many of them wrong.
    pub wrong: usize,
    /// Mean squared error of a pixel between 0 and 1.
    pub mse: f64,
}

/// What is left of a training.
#[derive(Debug, Deserialize, Serialize)]
pub struct Trained {
    pub valid: Measured,
    pub test: Measured,
    /// Losses before training, in their plain units.
    pub start: [f64; 2],
    /// Empty where a task is alone.
    pub by_epoch: Vec<Epoch>,
    /// The shown test images as they come out, one after the other.
    pub pictures: Vec<u8>,
}

/// The images of a seed.
pub struct Material {
    pub parts: Parts,
    /// Test images whose reconstructions are shown.
    pub shown: Images,
    /// Number of classes.
    pub classes: usize,
}

/// Some images with their classes, and what their losses are multiplied by.
pub struct Batch {
    images: Tensor<2>,
    classes: Tensor<1, Int>,
    factors: [f64; 2],
}

impl Batch {
    fn new(images: &Images, rows: &[usize], factors: [f64; 2], device: &Device) -> Self {
        let classes: Vec<i64> = rows.iter().map(|row| images.label(*row) as i64).collect();
        let classes = Tensor::from_data(classes.as_slice(), device);
        Self { images: MultiTask::batch(images, rows, device), classes, factors }
    }

    /// Where the images are.
    pub fn device(&self) -> Device {
        self.images.device()
    }

    /// Both losses from one pass through the encoder, shape `[2]`.
    pub fn losses(&self, network: &MultiTask) -> Tensor<1> {
        let code = network.encode(self.images.clone());
        Tensor::cat((0..2).map(|task| self.loss_of_code(network, code.clone(), task)).collect(), 0)
    }

    /// The loss of a task from a pass of its own, shape `[1]`.
    pub fn loss(&self, network: &MultiTask, task: usize) -> Tensor<1> {
        self.loss_of_code(network, network.encode(self.images.clone()), task)
    }

    fn loss_of_code(&self, network: &MultiTask, code: Tensor<2>, task: usize) -> Tensor<1> {
        let loss = match task {
            0 => CrossEntropyLossConfig::new().init().forward(network.logits(code), self.classes.clone()),
            _ => (network.reconstruction(code) - self.images.clone()).square().mean(),
        };
        loss * self.factors[task]
    }
}

/// Trains by a recipe and measures on validation and test images.
pub fn train(recipe: Recipe, material: &Material, settings: &Settings, seed: u64, job: &Job) -> Result<Trained> {
    let Material { parts, shown, classes } = material;
    let device = job.device();
    let sizes =
        Sizes { pixels: parts.train.shape().bytes(), hidden: settings.hidden, code: settings.code, classes: *classes };
    let network = MultiTask::new(sizes, &mut random::stream(seed, "weights"), &device);
    let first: Vec<usize> = (0..parts.train.len().min(AT_START)).collect();
    let start = read(&Batch::new(&parts.train, &first, [1.0; 2], &device.clone().inner()).losses(&network.valid()));
    let factors = recipe.units.factors(start);
    let initial = std::array::from_fn(|task| start[task] * factors[task]);
    let balance = Balance::new(recipe.method, settings, initial, seed)?;
    let learned = match recipe.method {
        Method::Uncertainty(form) => Some(UncertaintyLossConfig::new(2).with_form(form.into()).try_init(&device)?),
        _ => None,
    };

    let rates = rates(settings)?;
    let is_watched = !matches!(recipe.method, Method::Alone(_));
    let mut order = Order::new(parts.train.len(), seed);
    let trained = job.train(
        &recipe.key(),
        settings.epochs,
        || {
            let optimizer = AdamConfig::new().with_epsilon(EPSILON).init();
            (Learner { network, learned }, optimizer, Notes { balance, by_epoch: Vec::new() })
        },
        |fit: &mut Fit, epoch| {
            let mut balance = fit.notes.balance.clone();
            let batches: Vec<&[usize]> = order.of_epoch(epoch).chunks(settings.batch).collect();
            let stride = batches.len().div_ceil(settings.probes);
            let (mut probes, mut sums) = (Vec::new(), [0.0; 2]);
            for (number, rows) in batches.iter().enumerate() {
                let batch = Batch::new(&parts.train, rows, factors, &device);
                if is_watched && number % stride == 0 {
                    probes.push(probe(&balance, fit.network(), &batch)?);
                }
                let losses = balance.step(fit, &batch, &rates)?;
                sums = std::array::from_fn(|task| sums[task] + losses[task]);
            }
            balance.end_epoch(sums.map(|sum| sum / batches.len() as f64))?;
            fit.notes.balance = balance;
            fit.notes.by_epoch.extend(mean(&probes));
            Ok(())
        },
    )?;
    let network = &trained.network.network;
    Ok(Trained {
        valid: Measured::new(network, &parts.valid),
        test: Measured::new(network, &parts.test),
        start,
        by_epoch: trained.notes.by_epoch,
        pictures: network.predict(shown).1.concat().into_iter().map(|pixel| (255.0 * pixel).round() as u8).collect(),
    })
}

/// The learned weights have a rate of their own: they are two numbers that have far to go.
fn rates(settings: &Settings) -> Result<ModuleLearningRate> {
    let learned = ParamGroup::from_predicate("learned");
    let config = ModuleLrSchedulerConfig::new(LrSchedulerConfig::Constant(settings.lr))
        .with_group(learned, LrSchedulerConfig::Constant(settings.weight_lr));
    Ok(config.init().map_err(|error| anyhow!("{error}"))?.step())
}

/// The gradients of both tasks on a batch, before the step on it.
fn probe(balance: &Balance, learner: &Learner, batch: &Batch) -> Result<Epoch> {
    let gram = task_gradients(learner, batch)?.1.gram();
    let of_units = balance.weights(learner, &gram)?;
    let lengths: [f64; 2] = std::array::from_fn(|task| of_units[task] * gram.norm(task));
    let total = lengths[0] + lengths[1];
    let cosine = gram.cosine(0, 1).unwrap_or(0.0);
    Ok(Epoch {
        weights: std::array::from_fn(|task| of_units[task] * batch.factors[task]),
        norms: std::array::from_fn(|task| gram.norm(task) / batch.factors[task]),
        cosine,
        conflicts: f64::from(u8::from(cosine < 0.0)),
        share: if total > 0.0 { lengths[1] / total } else { 0.5 },
    })
}

/// The mean of all; nothing of nothing.
pub fn mean(probes: &[Epoch]) -> Option<Epoch> {
    let of = |number: fn(&Epoch) -> f64| probes.iter().map(number).sum::<f64>() / probes.len() as f64;
    (!probes.is_empty()).then(|| Epoch {
        weights: [of(|probe| probe.weights[0]), of(|probe| probe.weights[1])],
        norms: [of(|probe| probe.norms[0]), of(|probe| probe.norms[1])],
        cosine: of(|probe| probe.cosine),
        conflicts: of(|probe| probe.conflicts),
        share: of(|probe| probe.share),
    })
}

impl Measured {
    fn new(network: &MultiTask, images: &Images) -> Self {
        let (classes, pictures) = network.predict(images);
        let error = |(image, picture): (usize, &Vec<f32>)| -> f64 {
            let differences = images
                .pixels(image)
                .iter()
                .zip(picture)
                .map(|(byte, pixel)| f64::from(*byte) / 255.0 - f64::from(*pixel));
            differences.map(|difference| difference * difference).sum()
        };
        let squares: f64 = pictures.iter().enumerate().map(error).sum();
        Self {
            images: images.len(),
            wrong: (0..images.len()).filter(|image| classes[*image] != images.label(*image)).count(),
            mse: squares / (images.len() * images.shape().bytes()) as f64,
        }
    }

    /// Share of images that are classified right.
    pub fn accuracy(&self) -> f64 {
        1.0 - self.wrong as f64 / self.images as f64
    }

    /// How many times as large as those of two networks for a task each the errors are: the geometric mean over both
    /// tasks. One image more counts as wrong everywhere, so that no network has an error of 0.
    pub fn joint_error(&self, classifier: &Measured, reconstructor: &Measured) -> f64 {
        let wrong = |measured: &Measured| (measured.wrong + 1) as f64 / (measured.images + 1) as f64;
        (wrong(self) / wrong(classifier) * self.mse / reconstructor.mse).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        data::images::{ImageSet, Limits},
        experiments::multi_task::{methods::Units, settings::Form},
    };
    use anyhow::ensure;

    const ALONE: Measured = Measured { images: 99, wrong: 4, mse: 0.02 };

    #[test]
    fn the_joint_error_is_relative_to_two_networks() {
        assert_eq!(ALONE.joint_error(&ALONE, &ALONE), 1.0);
        let worse = Measured { images: 99, wrong: 19, mse: 0.02 };
        assert!((worse.joint_error(&ALONE, &ALONE) - 2.0).abs() < 1e-12);
        let both = Measured { images: 99, wrong: 9, mse: 0.04 };
        assert!((both.joint_error(&ALONE, &ALONE) - 2.0).abs() < 1e-12);
    }

    fn settings() -> Settings {
        Settings { images: 100, measured: 50, epochs: 2, batch: 50, hidden: 8, code: 4, probes: 1, ..Settings::quick() }
    }

    fn material() -> Material {
        let parts = ImageSet::carried().unwrap().parts(Limits { train: 100, valid: 50, test: 50 }, 1);
        Material { shown: parts.test.select(&[0]), parts, classes: 10 }
    }

    fn trained(method: Method, units: Units, settings: &Settings) -> Trained {
        let (_folder, lab) = crate::lab::temporary();
        let job = |(): &(), job: &Job| train(Recipe { method, units }, &material(), settings, 1, job);
        lab.map(&[()], |()| "job".to_owned(), job).unwrap().remove(0)
    }

    #[test]
    fn what_a_method_remembers_survives_a_stop() {
        let short = settings();
        let long = Settings { epochs: 4, ..settings() };
        let adaptive = [Method::GradNorm, Method::Dwa, Method::PcGrad, Method::CaGrad, Method::Mgda];
        for method in adaptive.into_iter().chain([Method::Normalised, Method::Uncertainty(Form::PerLikelihood)]) {
            let folder = tempfile::tempdir().unwrap();
            let recipe = Recipe { method, units: Units::Plain };
            let run = |settings: &Settings, stops: bool| {
                let job = |(): &(), job: &Job| {
                    let trained = train(recipe, &material(), settings, 1, job)?;
                    ensure!(!stops, "stopped");
                    Ok(trained)
                };
                crate::lab::in_folder(folder.path()).map(&[()], |()| "job".to_owned(), job)
            };
            assert!(run(&short, true).is_err());
            let resumed = run(&long, false).unwrap().remove(0);
            let whole = trained(method, Units::Plain, &long);
            assert_eq!(resumed.by_epoch.len(), 4);
            assert_eq!(format!("{resumed:?}"), format!("{whole:?}"), "{}", method.name());
        }
    }

    #[test]
    fn learned_weights_move_at_their_own_rate() {
        let settings = Settings { weight_lr: 0.1, batch: 100, ..settings() };
        let weights = trained(Method::Uncertainty(Form::Unscaled), Units::Plain, &settings).by_epoch[1].weights;
        // One step of Adam is as long as its rate: down where the loss is above 1, up where it is below.
        assert!((weights[0].ln() + 0.1).abs() < 1e-4 && (weights[1].ln() - 0.1).abs() < 1e-4, "{weights:?}");
    }

    #[test]
    fn normalising_undoes_a_scale_and_equal_weights_do_not() {
        let settings = settings();
        let mse = |method, units| trained(method, units, &settings).valid.mse;
        let [plain, scaled] = [Units::Plain, Units::Times(128.0)].map(|units| mse(Method::Normalised, units));
        assert!((plain - scaled).abs() < 1e-4 * plain, "{plain} {scaled}");
        let [plain, scaled] = [Units::Plain, Units::Times(128.0)].map(|units| mse(Method::Fixed(1.0), units));
        assert!((plain - scaled).abs() > 1e-3 * plain, "{plain} {scaled}");
    }

    #[test]
    fn a_scaled_loss_is_a_fixed_weight() {
        let settings = settings();
        let scaled = trained(Method::Fixed(1.0), Units::Times(128.0), &settings);
        let weighted = trained(Method::Fixed(128.0), Units::Plain, &settings);
        assert!((scaled.valid.mse - weighted.valid.mse).abs() < 1e-5 * weighted.valid.mse);
        let [a, b] = [&scaled, &weighted].map(|trained| trained.by_epoch[1]);
        assert!((a.share - b.share).abs() < 1e-4 && (a.weights[1] - b.weights[1]).abs() < 1e-9);
        assert!((a.norms[1] / b.norms[1] - 1.0).abs() < 1e-3);
    }
}
