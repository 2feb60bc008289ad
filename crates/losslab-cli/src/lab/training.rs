//! Trainings that go on where they were stopped.

use super::Job;
use anyhow::{Context, Result, ensure};
use burn::{
    lr_scheduler::module_lr_scheduler::ModuleLearningRate,
    module::Module,
    optim::{GradientsParams, ModuleOptimizer, OptimizerRecord},
    store::ModuleRecord,
    tensor::{Bytes, Tensor},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// A network on its way: what an epoch changes.
pub struct Fit<M, S> {
    network: Option<M>,
    optimizer: ModuleOptimizer,
    /// What an experiment notes down over the epochs.
    pub notes: S,
    epoch: Sum,
    losses: Vec<f64>,
}

/// A trained network.
#[derive(Debug)]
pub struct Trained<M, S> {
    /// The network after the last epoch.
    pub network: M,
    /// What was noted down on the way.
    pub notes: S,
    /// Mean loss over the steps of each epoch.
    pub losses: Vec<f64>,
}

#[derive(Default)]
struct Sum {
    total: f64,
    count: usize,
}

/// A training on disk.
#[derive(Deserialize, Serialize)]
struct Checkpoint<S> {
    #[serde(with = "serde_bytes")]
    network: Vec<u8>,
    #[serde(with = "serde_bytes")]
    optimizer: Vec<u8>,
    notes: S,
    losses: Vec<f64>,
}

impl<M: Module, S> Fit<M, S> {
    /// The network as it is now.
    pub fn network(&self) -> &M {
        self.network.as_ref().expect("a step puts the network back")
    }

    /// One step down the gradient of `loss`, a single number. The rate is one for all parameters, or has groups.
    pub fn step(&mut self, rate: impl Into<ModuleLearningRate>, loss: Tensor<1>) {
        self.note_loss(&loss);
        let gradients = GradientsParams::from_grads(loss.backward(), self.network());
        self.apply(rate, gradients);
    }

    /// One step with gradients that were made otherwise; [`Fit::note_loss`] is then the caller's.
    pub fn apply(&mut self, rate: impl Into<ModuleLearningRate>, gradients: GradientsParams) {
        let network = self.network.take().expect("a step puts the network back");
        self.network = Some(self.optimizer.step(rate, network, gradients));
    }

    /// Changes the network by hand, as after a step that must leave a parameter in its range.
    pub fn change(&mut self, change: impl FnOnce(M) -> M) {
        self.network = self.network.take().map(change);
    }

    /// Counts a loss towards the mean of the epoch.
    pub fn note_loss(&mut self, loss: &Tensor<1>) {
        self.epoch.total += f64::from(loss.clone().into_scalar::<f32>());
        self.epoch.count += 1;
    }
}

impl Job<'_> {
    /// Trains for `epochs` epochs: `start` makes the network, its optimiser and empty notes, `epoch` goes once over
    /// the data, with the number of the epoch from 1.
    ///
    /// The order of the data and all other chance must come from streams named after the seed and the epoch's number:
    /// a training that goes on then goes on exactly as it would have.
    ///
    /// # Errors
    /// If `epoch` fails, a file can't be written or read, or the loss is no longer finite.
    pub fn train<M: Module, S: Serialize + DeserializeOwned>(
        &self,
        name: &str,
        epochs: usize,
        start: impl FnOnce() -> (M, ModuleOptimizer, S),
        mut epoch: impl FnMut(&mut Fit<M, S>, usize) -> Result<()>,
    ) -> Result<Trained<M, S>> {
        let mut fit = self.resumed(name, start())?;
        if !fit.losses.is_empty() {
            self.tick(fit.losses.len() as u64, name);
        }
        for number in fit.losses.len() + 1..=epochs {
            epoch(&mut fit, number).with_context(|| format!("{name}, epoch {number}"))?;
            // Burn keeps the last step's running means apart until somebody asks for them, as this does: a network that
            // is saved before would lack them.
            drop(fit.network().valid());
            let Sum { total, count } = std::mem::take(&mut fit.epoch);
            let loss = if count == 0 { 0.0 } else { total / count as f64 };
            ensure!(loss.is_finite(), "{name}, epoch {number} of {epochs}: the loss is {loss}; a lower lr may help");
            fit.losses.push(loss);
            self.lab.store.save(&self.name, name, || checkpoint(&fit))?;
            self.tick(1, &format!("{name}, epoch {number} of {epochs}, loss {loss:.4}"));
        }
        let Fit { network, notes, losses, .. } = fit;
        Ok(Trained { network: network.expect("a step puts the network back"), notes, losses })
    }

    fn resumed<M: Module, S: DeserializeOwned>(
        &self,
        name: &str,
        (network, optimizer, notes): (M, ModuleOptimizer, S),
    ) -> Result<Fit<M, S>> {
        let Some(saved) = self.lab.store.checkpoint::<Checkpoint<S>>(&self.name, name)? else {
            return Ok(Fit { network: Some(network), optimizer, notes, epoch: Sum::default(), losses: Vec::new() });
        };
        let context = || format!("{name}: the copy on disk doesn't fit this network");
        let record = ModuleRecord::from_bytes(Bytes::from_bytes_vec(saved.network)).with_context(context)?;
        let network = network.try_load_record(record).with_context(context)?;
        let record = OptimizerRecord::from_bytes(Bytes::from_bytes_vec(saved.optimizer)).with_context(context)?;
        let optimizer = optimizer.load_record(record);
        Ok(Fit { network: Some(network), optimizer, notes: saved.notes, epoch: Sum::default(), losses: saved.losses })
    }
}

/// Notes go by reference: nothing is copied for a training that isn't saved.
fn checkpoint<M: Module, S: Serialize>(fit: &Fit<M, S>) -> Result<Checkpoint<&S>> {
    Ok(Checkpoint {
        network: fit.network().clone().into_record().into_bytes()?.to_vec(),
        optimizer: fit.optimizer.to_record().into_bytes()?.to_vec(),
        notes: &fit.notes,
        losses: fit.losses.clone(),
    })
}

#[cfg(test)]
mod tests {
    use crate::{
        lab::{Job, in_folder},
        models::layers::{conv2d, linear},
        random,
    };
    use anyhow::{Result, bail};
    use burn::{
        module::Module,
        nn::{BatchNorm, BatchNormConfig, Linear, conv::Conv2d},
        optim::AdamConfig,
        tensor::{Device, Tensor, TensorData},
    };
    use std::path::Path;

    /// One of each kind of state: weights, running statistics, and Adam's moments.
    #[derive(Module, Debug)]
    struct Small {
        conv: Conv2d,
        norm: BatchNorm,
        output: Linear,
    }

    impl Small {
        fn new(device: &Device) -> Self {
            let random = &mut random::stream(1, "weights");
            Self {
                conv: conv2d([1, 2], 3, 1, true, random, device),
                norm: BatchNormConfig::new(2).init(device),
                output: linear(2 * 16, 1, random, device),
            }
        }

        fn forward(&self, images: Tensor<4>) -> Tensor<2> {
            self.output.forward(self.norm.forward(self.conv.forward(images)).flatten(1, 3))
        }
    }

    fn images(epoch: usize, device: &Device) -> Tensor<4> {
        let values: Vec<f32> = (0..8 * 16).map(|at| ((at * (epoch + 3)) % 17) as f32 / 17.0).collect();
        Tensor::from_data(TensorData::new(values, [8, 1, 4, 4]), device)
    }

    fn small_training(job: &Job, stop_in: usize) -> Result<Vec<f32>> {
        let device = job.device();
        let trained = job.train(
            "small",
            4,
            || (Small::new(&device), AdamConfig::new().init(), Vec::new()),
            |fit, epoch| {
                if epoch == stop_in {
                    bail!("stopped");
                }
                let output = fit.network().forward(images(epoch, &device));
                fit.step(0.01, (output - 1.0).square().mean());
                fit.notes.push(epoch);
                Ok(())
            },
        )?;
        assert_eq!(trained.notes, [1, 2, 3, 4]);
        let output = trained.network.valid().forward(images(0, &device.inner()));
        let output: Vec<f32> = output.into_data().try_into_vec().unwrap();
        Ok(output.into_iter().chain(trained.losses.iter().map(|loss| *loss as f32)).collect())
    }

    fn run(folder: &Path, stop_in: usize) -> Result<Vec<f32>> {
        Ok(in_folder(folder).map(&[()], |()| "job".to_owned(), |(), job| small_training(job, stop_in))?.remove(0))
    }

    #[test]
    fn a_training_that_was_stopped_ends_with_the_same_bits() {
        let [whole, stopped] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let expected = run(whole.path(), 0).unwrap();
        for epoch in [3, 4] {
            let message = format!("{:#}", run(stopped.path(), epoch).unwrap_err());
            assert_eq!(message, format!("job: small, epoch {epoch}: stopped"));
        }
        assert_eq!(run(stopped.path(), 0).unwrap(), expected);
    }

    #[test]
    fn a_loss_that_is_not_finite_ends_the_training() {
        let (_folder, lab) = crate::lab::temporary();
        let training = |(): &(), job: &Job| {
            let device = job.device();
            let start = || (linear(1, 1, &mut random::stream(1, "weights"), &device), AdamConfig::new().init(), ());
            job.train("wild", 2, start, |fit, _| {
                let input = Tensor::<2>::from_data([[f32::INFINITY]], &device);
                let loss = fit.network().forward(input).square().mean();
                fit.step(0.1, loss);
                Ok(())
            })?;
            Ok(())
        };
        let message = format!("{:#}", lab.map(&[()], |()| "job".to_owned(), training).unwrap_err());
        assert!(message.starts_with("job: wild, epoch 1 of 2: the loss is "), "{message}");
    }
}
