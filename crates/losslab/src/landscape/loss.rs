//! A loss as a function of all parameters of a network.

use super::error::{LandscapeError, NAME, check_finite, check_length};
use super::parameters::{Parameters, epsilon, numbers, tensor_like};
use super::vector::{norm, plus};
use crate::error::{ConfigError, InputError, Range};
use burn::config::Config;
use burn::module::{Flag, Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;
use std::collections::HashMap;

/// What the running statistics of batch normalisation are at a point away from the solution.
///
/// Dropout and other noise are off in all three. Without batch normalisation all three are the same.
#[derive(Config, Copy, Debug, PartialEq, Eq)]
pub enum NormalizationStatistics {
    /// Those of the solution, as they were saved. This is the network that one would use, with other weights; far from
    /// the solution the statistics no longer fit, and the surface looks steeper than training ever saw it.
    Frozen,
    /// Those that the data have at the point: a pass over them for each point, then an evaluation with what it found.
    /// The mean and the variance are averages over the batches of the objective, weighted as the momentum of the layer
    /// weighs them; over a single batch they are its own. For losses only: a gradient would leave out how the statistics
    /// move with the parameters.
    Recomputed,
    /// Those of each batch, as in training. The running ones aren't touched.
    Batch,
}

/// The loss of a network on fixed data as a function of its parameters.
///
/// The objective takes a module and returns a loss of shape `[1]`. It must return the same for the same parameters: the
/// same data in the same batches each time. What is measured around a solution is the landscape of this loss on these
/// data; another loss, or other data, has another one.
///
/// Sums over parameters are in f64, but the network runs in the type of its parameters. Hessians come from differences of
/// gradients, so **f64 parameters and f64 inputs** are worth their time there: they give nine digits where f32 gives
/// about three. [`in_f64`] turns a module into one.
///
/// Inputs belong on a device with autodiff if the first layer is a normalisation, which looks at its input to see
/// whether it is in training.
pub struct LossLandscape<M, F> {
    module: M,
    parameters: Parameters,
    origin: Vec<f64>,
    statistics: NormalizationStatistics,
    /// Between the two gradients of a Hessian product and the origin, as a share of the length of the parameters.
    distance: f64,
    /// How much of each running statistic one evaluation of the objective replaces.
    replaced: HashMap<ParamId, Vec<f64>>,
    objective: F,
}

impl<M: Module, F> std::fmt::Debug for LossLandscape<M, F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { module, parameters, statistics, .. } = self;
        let mut fields = f.debug_struct("LossLandscape");
        fields.field("module", module).field("parameters", &parameters.len()).field("statistics", statistics);
        fields.finish_non_exhaustive()
    }
}

/// The module with all floats in f64: parameters and running statistics.
pub fn in_f64<M: Module>(module: &M) -> M {
    struct Widen;
    impl ModuleMapper for Widen {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            param.map(|tensor| tensor.cast(burn::tensor::DType::F64))
        }
    }
    module.valid().map(&mut Widen).train()
}

impl<M: Module, F: Fn(&M) -> Tensor<1>> LossLandscape<M, F> {
    /// Around the parameters that the module has.
    ///
    /// # Errors
    /// If no parameter of the module is trainable, a parameter isn't finite, or statistics are to be recomputed where the
    /// momentum of a normalisation is 0.
    pub fn try_new(module: &M, statistics: NormalizationStatistics, objective: F) -> Result<Self, LandscapeError> {
        // Away from the module of the caller, with which a clone would share its running statistics.
        let module = module.valid().train();
        let parameters = Parameters::of(&module);
        if parameters.is_empty() {
            let expected = "[1 or more] of which one requires gradients".into();
            return Err(InputError::Shape { loss: NAME, tensor: "parameters", expected, found: vec![0] }.into());
        }
        let origin = parameters.read(&module);
        check_finite("parameters", &origin)?;
        let distance = epsilon(parameters.dtype).cbrt();
        let mut landscape =
            Self { module, parameters, origin, statistics, distance, replaced: HashMap::new(), objective };
        if statistics == NormalizationStatistics::Recomputed && !landscape.parameters.running.is_empty() {
            landscape.replaced = landscape.measure_replaced()?;
        }
        Ok(landscape)
    }

    /// With another distance of the gradients that a Hessian product takes the difference of: a share of the length of the
    /// parameters, above 0. By default it is the cube root of the spacing of the parameters' type around 1 (6e-6 in f64,
    /// 5e-3 in f32), which is best for smooth losses.
    ///
    /// **Take about 1e-3** for networks with ReLU or max pooling. The gradient of such a network jumps at kinks; over a
    /// tiny distance few products cross one, and those are enormous. Over a larger distance they average out, and what
    /// is found is the curvature at that scale.
    ///
    /// # Errors
    /// If it isn't above 0.
    pub fn with_distance(self, distance: f64) -> Result<Self, LandscapeError> {
        ConfigError::check(NAME, "distance", distance, Range::Above(0.0))?;
        Ok(Self { distance, ..self })
    }

    /// Where in the vector which parameter is.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// The parameters of the module: the point around which everything is measured.
    pub fn origin(&self) -> &[f64] {
        &self.origin
    }

    /// The loss at a point. Where the network overflows it is infinite or NaN.
    ///
    /// # Errors
    /// If the point doesn't have as many numbers as there are parameters, or the objective returns more than one number.
    pub fn loss(&self, point: &[f64]) -> Result<f64, LandscapeError> {
        let module = match self.statistics {
            _ if self.parameters.running.is_empty() => self.parameters.write_evaluated(&self.module, point)?,
            NormalizationStatistics::Frozen => self.parameters.write_evaluated(&self.module, point)?,
            NormalizationStatistics::Batch => self.in_training(point)?,
            NormalizationStatistics::Recomputed => self.with_recomputed(point)?,
        };
        self.number(&(self.objective)(&module))
    }

    /// The loss and its gradient at a point.
    ///
    /// # Errors
    /// As [`loss`](Self::loss), if a gradient isn't finite, and under [`NormalizationStatistics::Recomputed`] where the
    /// module has batch normalisation.
    pub fn gradient(&self, point: &[f64]) -> Result<(f64, Vec<f64>), LandscapeError> {
        if self.statistics == NormalizationStatistics::Recomputed && !self.parameters.running.is_empty() {
            let allowed = "frozen or batch, as a gradient would leave out how recomputed ones move";
            return Err(ConfigError::new(NAME, "statistics", allowed, "recomputed").into());
        }
        let module = self.in_training(point)?;
        let loss = (self.objective)(&module);
        let value = self.number(&loss)?;
        let gradient = self.parameters.gradient(&module, &GradientsParams::from_grads(loss.backward(), &module));
        check_finite("gradient", &gradient)?;
        Ok((value, gradient))
    }

    /// The Hessian at the origin times a vector, by the central difference of two gradients.
    ///
    /// ```text
    /// H·v ≈ (∇L(θ + h·v) − ∇L(θ − h·v)) / 2h
    /// h   = distance · max(1, ‖θ‖) / ‖v‖      see `with_distance`
    /// ```
    ///
    /// Where the loss has kinks, it is the mean slope of the gradient over this distance.
    ///
    /// # Errors
    /// As [`gradient`](Self::gradient).
    pub fn hessian_product(&self, vector: &[f64]) -> Result<Vec<f64>, LandscapeError> {
        check_length("vector", vector.len(), self.origin.len())?;
        let length = norm(vector.iter().copied());
        if length == 0.0 {
            return Ok(vec![0.0; vector.len()]);
        }
        let distance = self.distance * norm(self.origin.iter().copied()).max(1.0);
        let step = distance / length;
        let (_, ahead) = self.gradient(&plus(&self.origin, step, vector))?;
        let (_, behind) = self.gradient(&plus(&self.origin, -step, vector))?;
        Ok(ahead.iter().zip(&behind).map(|(ahead, behind)| (ahead - behind) / (2.0 * step)).collect())
    }

    /// The losses at `origin + step · direction`, for each step.
    ///
    /// # Errors
    /// As [`loss`](Self::loss), for the direction.
    pub fn line(&self, direction: &[f64], steps: &[f64]) -> Result<Vec<f64>, LandscapeError> {
        check_length("direction", direction.len(), self.origin.len())?;
        steps.iter().map(|step| self.loss(&plus(&self.origin, *step, direction))).collect()
    }

    /// The losses at `origin + x · directions[0] + y · directions[1]`: a row for each y, in it a loss for each x.
    ///
    /// # Errors
    /// As [`loss`](Self::loss), for the directions.
    pub fn surface(&self, directions: [&[f64]; 2], x: &[f64], y: &[f64]) -> Result<Vec<Vec<f64>>, LandscapeError> {
        directions.iter().try_for_each(|direction| check_length("direction", direction.len(), self.origin.len()))?;
        let row = |y: &f64| {
            let start = plus(&self.origin, *y, directions[1]);
            x.iter().map(|x| self.loss(&plus(&start, *x, directions[0]))).collect()
        };
        y.iter().map(row).collect()
    }

    fn number(&self, loss: &Tensor<1>) -> Result<f64, LandscapeError> {
        InputError::check_shape(NAME, "loss", &loss.dims(), &[1], "(one number)")?;
        Ok(numbers(loss.clone())[0])
    }

    /// The module at a point, with gradients, normalising as asked for.
    fn in_training(&self, point: &[f64]) -> Result<M, LandscapeError> {
        let by_batch = self.statistics != NormalizationStatistics::Frozen;
        let mut flags = Flags { owners: Vec::new(), by_batch };
        Ok(self.parameters.write(&self.module, point)?.map(&mut flags))
    }

    /// The running statistics after one evaluation of the objective in training, from all equal to `start`.
    fn statistics_after(&self, point: &[f64], start: f64) -> Result<HashMap<ParamId, Vec<f64>>, LandscapeError> {
        let running = &self.parameters.running;
        let fill = |_: ParamId, count: usize| vec![start; count];
        let module = self.in_training(point)?.map(&mut Fill { running, values: fill });
        (self.objective)(&module);
        let mut collect = Collect { running, values: HashMap::new() };
        // What the last batch found is written when the module is made ready for evaluation.
        module.valid().visit(&mut collect);
        Ok(collect.values)
    }

    /// From 0, statistics end at Σ wᵢ·sᵢ with the weights that momentum gives to the batches; from 1 they end higher by
    /// 1 − Σ wᵢ. So two evaluations tell the sum of the weights, whatever the momentum and the number of batches.
    fn measure_replaced(&self) -> Result<HashMap<ParamId, Vec<f64>>, LandscapeError> {
        let [low, high] = [0.0, 1.0].map(|start| self.statistics_after(&self.origin, start));
        let (low, high) = (low?, high?);
        let weight = |id: &ParamId| low[id].iter().zip(&high[id]).map(|(low, high)| 1.0 - (high - low)).collect();
        let weights: HashMap<ParamId, Vec<f64>> = low.keys().map(|id| (*id, weight(id))).collect();
        if weights.values().flatten().any(|weight| *weight <= 0.0) {
            let allowed =
                "frozen or batch where the momentum of a normalisation is 0 or the objective doesn't reach it";
            return Err(ConfigError::new(NAME, "statistics", allowed, "recomputed").into());
        }
        Ok(weights)
    }

    fn with_recomputed(&self, point: &[f64]) -> Result<M, LandscapeError> {
        let found = self.statistics_after(point, 0.0)?;
        let mean = |id: ParamId, _: usize| -> Vec<f64> {
            found[&id].iter().zip(&self.replaced[&id]).map(|(sum, weight)| sum / weight).collect()
        };
        let module = self.parameters.write_evaluated(&self.module, point)?;
        Ok(module.map(&mut Fill { running: &self.parameters.running, values: mean }))
    }
}

/// Switches dropout and other noise off, and normalisation to the statistics of the batch or to the running ones.
struct Flags {
    owners: Vec<String>,
    by_batch: bool,
}

impl ModuleMapper for Flags {
    fn enter_module(&mut self, _name: &str, container_type: &str) {
        self.owners.push(container_type.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.owners.pop();
    }

    fn map_flag(&mut self, flag: Param<Flag>) -> Param<Flag> {
        let normalises = self.owners.last().is_some_and(|owner| owner == "Struct:BatchNorm");
        flag.with_value(normalises && self.by_batch)
    }
}

/// Gives running statistics other values.
struct Fill<'p, V> {
    running: &'p [ParamId],
    values: V,
}

impl<V: Fn(ParamId, usize) -> Vec<f64>> ModuleMapper for Fill<'_, V> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        if !self.running.contains(&param.id) {
            return param;
        }
        let values = (self.values)(param.id, param.shape().num_elements());
        param.map(|old| tensor_like(&old, &values))
    }
}

/// Reads running statistics.
struct Collect<'p> {
    running: &'p [ParamId],
    values: HashMap<ParamId, Vec<f64>>,
}

impl ModuleVisitor for Collect<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if self.running.contains(&param.id) {
            self.values.insert(param.id, numbers(param.val()));
        }
    }
}
