//! Tasks 3 and 4: from the losses of the two tasks to one step, by each method of the library.

use super::{
    methods::Method,
    settings::Settings,
    training::{Batch, Fit, Learner},
};
use crate::models::mlp::values;
use anyhow::Result;
use burn::{
    lr_scheduler::module_lr_scheduler::ModuleLearningRate,
    tensor::{Device, Tensor},
};
use losslab::{
    CaGrad, CaGradConfig, DynamicWeightAverage, DynamicWeightAverageConfig, GradNorm, GradNormConfig, GradientSurgery,
    GradientWeights, GramMatrix, MgdaConfig, PcGrad, PcGradConfig, TaskGradients, UncertaintyLoss, WeightedSumLoss,
    WeightedSumLossConfig,
};
use serde::{Deserialize, Serialize};

/// A method at work, with all that it remembers from step to step: it is kept with the training when that is stopped.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub enum Balance {
    /// Constant weights, on losses divided by `initial`.
    Sum { weights: [f64; 2], initial: [f64; 2] },
    /// The weights are parameters of the learner.
    Learned,
    /// Its weights and initial losses.
    GradNorm(GradNorm),
    /// Its weights and last losses.
    Average(DynamicWeightAverage),
    /// The number of its step.
    Project(PcGrad),
    /// It remembers nothing; this is its `c`.
    Avert(f64),
    /// It has nothing to remember.
    Shortest,
}

impl Balance {
    /// At the start of a training, where the losses are `initial`.
    pub fn new(method: Method, settings: &Settings, initial: [f64; 2], seed: u64) -> Result<Self> {
        let sum = |weights, initial| Self::Sum { weights, initial };
        Ok(match method {
            Method::Alone(task) => {
                let mut weights = [0.0; 2];
                weights[task as usize] = 1.0;
                sum(weights, [1.0; 2])
            }
            Method::Fixed(weight) => sum([1.0, weight], [1.0; 2]),
            Method::Normalised => sum([1.0; 2], initial),
            Method::Uncertainty(_) => Self::Learned,
            Method::GradNorm => {
                let config = GradNormConfig::new(2)
                    .with_alpha(settings.gradnorm_alpha)
                    .with_learning_rate(settings.gradnorm_lr)
                    .with_initial(Some(initial.to_vec()));
                Self::GradNorm(config.try_init()?)
            }
            Method::Dwa => {
                Self::Average(DynamicWeightAverageConfig::new(2).with_temperature(settings.temperature).try_init()?)
            }
            Method::PcGrad => Self::Project(PcGradConfig::new().with_seed(seed).init()),
            Method::CaGrad => Self::Avert(settings.c),
            Method::Mgda => Self::Shortest,
        })
    }

    /// One step on a batch. Returns the losses of the tasks before it, in the units of the training.
    pub fn step(&mut self, fit: &mut Fit, batch: &Batch, rates: &ModuleLearningRate) -> Result<[f64; 2]> {
        if matches!(self, Self::GradNorm(_) | Self::Project(_) | Self::Avert(_) | Self::Shortest) {
            return self.step_with_gradients(fit, batch, rates);
        }
        let losses = batch.losses(&fit.network().network);
        let found = read(&losses);
        let loss = match self {
            Self::Sum { weights, initial } => weighted_sum(*weights, *initial, &losses.device())?.forward(losses),
            Self::Average(average) => average.forward(losses),
            _ => learned(fit.network()).forward(losses),
        };
        fit.step(rates.clone(), loss);
        Ok(found)
    }

    /// The same where the gradient of each task is needed: a pass forwards and backwards for each.
    fn step_with_gradients(&mut self, fit: &mut Fit, batch: &Batch, rates: &ModuleLearningRate) -> Result<[f64; 2]> {
        let learner = fit.network();
        let (losses, gradients) = task_gradients(learner, batch)?;
        let gradients = match self {
            Self::GradNorm(balance) => {
                let norms = gradients.gram_of(&learner.network.code)?.norms();
                let weighted = gradients.weighted(balance.weights())?;
                balance.update(&losses, &norms)?;
                weighted
            }
            Self::Project(surgery) => surgery.combine_gradients(gradients),
            Self::Avert(c) => cagrad(*c)?.combine_gradients(gradients),
            Self::Shortest => MgdaConfig::new().init().combine_gradients(gradients),
            _ => unreachable!("the other methods combine losses"),
        };
        fit.note_loss(&Tensor::from_data([(losses[0] + losses[1]) as f32], &batch.device()));
        fit.apply(rates.clone(), gradients);
        Ok(losses)
    }

    /// Ends an epoch with these mean losses.
    pub fn end_epoch(&mut self, losses: [f64; 2]) -> Result<()> {
        if let Self::Average(average) = self {
            average.update(&losses)?;
        }
        Ok(())
    }

    /// What the shared gradient of each task counts for in the next step, with these inner products.
    pub fn weights(&self, learner: &Learner, gram: &GramMatrix) -> Result<[f64; 2]> {
        let pair = |weights: &[f64]| [weights[0], weights[1]];
        Ok(match self {
            Self::Sum { weights, initial } => std::array::from_fn(|task| weights[task] / initial[task]),
            Self::Learned => {
                // The terms are linear in the losses: what a loss of 1 adds is its weight.
                let learned = learned(learner);
                let device = learned.log_vars.val().device();
                let terms = |loss: f32| values(learned.forward_no_reduction(Tensor::from_data([loss; 2], &device)));
                let (none, one) = (terms(0.0), terms(1.0));
                std::array::from_fn(|task| f64::from(one[task]) - f64::from(none[task]))
            }
            Self::GradNorm(balance) => pair(balance.weights()),
            Self::Average(average) => pair(average.weights()),
            // On a copy: looking at the weights must not move the generator.
            Self::Project(surgery) => pair(&surgery.clone().weights(gram)),
            Self::Avert(c) => pair(&cagrad(*c)?.weights(gram)),
            Self::Shortest => pair(&MgdaConfig::new().init().weights(gram)),
        })
    }
}

/// The losses of both tasks and their gradients, from a forward pass for each.
pub fn task_gradients<'a>(learner: &'a Learner, batch: &Batch) -> Result<([f64; 2], TaskGradients<'a, Learner>)> {
    let mut losses = [0.0; 2];
    let of_tasks = losses.iter_mut().enumerate().map(|(task, found)| {
        let loss = batch.loss(&learner.network, task);
        *found = f64::from(loss.clone().into_scalar::<f32>());
        loss
    });
    let gradients = TaskGradients::of_losses(learner, of_tasks)?;
    Ok((losses, gradients))
}

fn weighted_sum(weights: [f64; 2], initial: [f64; 2], device: &Device) -> Result<WeightedSumLoss> {
    let config =
        WeightedSumLossConfig::new(2).with_weights(Some(weights.to_vec())).with_initial(Some(initial.to_vec()));
    Ok(config.try_init(device)?)
}

fn cagrad(c: f64) -> Result<CaGrad> {
    Ok(CaGradConfig::new().with_c(c).try_init()?)
}

fn learned(learner: &Learner) -> &UncertaintyLoss {
    learner.learned.as_ref().expect("a learner with learned weights has them")
}

/// The losses as numbers.
pub fn read(losses: &Tensor<1>) -> [f64; 2] {
    let losses = values(losses.clone());
    [losses[0].into(), losses[1].into()]
}
