//! The gradients of tasks with respect to the parameters of a Burn module.

use super::gram::{GramMatrix, TaskGradientStatistics, no_task};
use crate::error::{InputError, Range};
use crate::math::{self, in_f32};
use burn::module::{Module, ModuleVisitor, Param, ParamId};
use burn::optim::GradientsParams;
use burn::tensor::{DType, Tensor, TensorData};

const NAME: &str = "task gradients";

/// The gradient of each task with respect to the parameters of a module.
///
/// A parameter is *shared* if two tasks or more have a gradient for it; a task without one counts as zero there. Where
/// there is one task, all of its parameters count as shared. See [the module](crate::multitask) for how to get such
/// gradients in Burn, with an example.
#[derive(Debug)]
pub struct TaskGradients<'m, M> {
    module: &'m M,
    tasks: Vec<GradientsParams>,
}

impl<'m, M: Module> TaskGradients<'m, M> {
    /// Of one set of gradients for each task, from losses with graphs of their own.
    ///
    /// # Errors
    /// If there is no task, or several that have no parameter of the module in common: then there is nothing to balance,
    /// and most likely a graph was cut.
    pub fn new(module: &'m M, tasks: Vec<GradientsParams>) -> Result<Self, InputError> {
        if tasks.is_empty() {
            return Err(no_task());
        }
        check_shared(&tasks, module)?;
        Ok(Self { module, tasks })
    }

    /// Of losses, each from a forward pass of its own. `backward` is called on one before the iterator is asked for the
    /// next, so an iterator that computes them keeps one graph in memory.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    ///
    /// # Panics
    /// In Burn, if two losses share a part of their graph.
    pub fn of_losses(module: &'m M, losses: impl IntoIterator<Item = Tensor<1>>) -> Result<Self, InputError> {
        let gradients = |loss: Tensor<1>| GradientsParams::from_grads(loss.backward(), module);
        Self::new(module, losses.into_iter().map(gradients).collect())
    }

    /// The number of tasks.
    pub fn tasks(&self) -> usize {
        self.tasks.len()
    }

    /// The inner products over all shared parameters.
    ///
    /// They are summed on the device of the parameters, in f64 where it has that type and else in f32, and read.
    pub fn gram(&self) -> GramMatrix {
        self.gram_of(self.module).expect("`new` found shared parameters")
    }

    /// The inner products over the shared parameters of a part of the module: for [`GradNorm`](crate::GradNorm) the last
    /// shared layer.
    ///
    /// # Errors
    /// If the part has no shared parameter.
    pub fn gram_of<P: Module>(&self, part: &P) -> Result<GramMatrix, InputError> {
        check_shared(&self.tasks, part)?;
        let mut products = Products { tasks: &self.tasks, sums: vec![0.0; self.tasks().pow(2)] };
        part.visit(&mut products);
        Ok(GramMatrix::from_fn(self.tasks(), |i, j| products.sums[i * self.tasks() + j]))
    }

    /// Norms and cosines over all shared parameters, to be kept and plotted.
    pub fn statistics(&self) -> TaskGradientStatistics {
        self.gram().statistics()
    }

    /// `Σᵢ wᵢ·gᵢ` for every parameter, heads included: the gradients of the weighted sum of the losses, without another
    /// pass backwards.
    ///
    /// # Errors
    /// If the number of weights isn't that of the tasks, or one isn't at least 0 and finite.
    pub fn weighted(self, weights: &[f64]) -> Result<GradientsParams, InputError> {
        super::check_each(NAME, "weights", weights, self.tasks(), Range::AtLeast(0.0))?;
        Ok(self.sum(weights, weights))
    }

    /// `Σᵢ wᵢ·gᵢ` for shared parameters, and the plain gradient of the others.
    pub(super) fn weighted_where_shared(self, weights: &[f64]) -> GradientsParams {
        self.sum(weights, &vec![1.0; weights.len()])
    }

    /// What `combine` makes of the values that the tasks have for a shared parameter, and the plain gradient of the others.
    pub(super) fn combined_where_shared(mut self, combine: impl FnMut(&[Vec<f32>]) -> Vec<f32>) -> GradientsParams {
        let mut combined = Combined { tasks: &mut self.tasks, combine, found: GradientsParams::new() };
        self.module.visit(&mut combined);
        combined.found
    }

    fn sum(mut self, of_shared: &[f64], of_own: &[f64]) -> GradientsParams {
        let mut sums = Sums { tasks: &mut self.tasks, of_shared, of_own, sums: GradientsParams::new() };
        self.module.visit(&mut sums);
        sums.sums
    }
}

/// With a single task all that it reaches counts.
fn is_shared(reached: usize, tasks: usize) -> bool {
    reached >= tasks.min(2)
}

fn check_shared(tasks: &[GradientsParams], part: &impl Module) -> Result<(), InputError> {
    let mut shared = Shared { tasks, count: 0 };
    part.visit(&mut shared);
    if shared.count > 0 {
        return Ok(());
    }
    let expected = "[parameters] with at least one that two tasks have a gradient for".into();
    Err(InputError::Shape { loss: NAME, tensor: "shared parameters", expected, found: vec![0] })
}

struct Shared<'t> {
    tasks: &'t [GradientsParams],
    count: usize,
}

impl ModuleVisitor for Shared<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let reached = self.tasks.iter().filter(|task| task.get::<D>(param.id).is_some()).count();
        self.count += usize::from(is_shared(reached, self.tasks.len()));
    }
}

struct Products<'t> {
    tasks: &'t [GradientsParams],
    sums: Vec<f64>,
}

impl ModuleVisitor for Products<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let tasks = self.tasks.len();
        let gradients = self.tasks.iter().enumerate().filter_map(|(i, task)| Some((i, wide(task.get::<D>(param.id)?))));
        let gradients = gradients.collect::<Vec<(usize, Tensor<D>)>>();
        if !is_shared(gradients.len(), tasks) {
            return;
        }
        let pairs = gradients
            .iter()
            .enumerate()
            .flat_map(|(at, first)| gradients[at..].iter().map(move |second| (first, second)));
        let (places, products) = pairs
            .map(|((i, x), (j, y))| (i * tasks + j, math::sum(x.clone() * y.clone())))
            .unzip::<usize, Tensor<1>, Vec<usize>, Vec<Tensor<1>>>();
        let products = Tensor::cat(products, 0).into_data().convert::<f64>().try_into_vec::<f64>().expect("f64 values");
        places.into_iter().zip(products).for_each(|(place, product)| self.sums[place] += product);
    }
}

/// In f64 where the device has it. That also makes the sum independent of the number of threads.
fn wide<const D: usize>(gradient: Tensor<D>) -> Tensor<D> {
    let gradient = gradient.inner();
    if gradient.device().supports_dtype(DType::F64) { gradient.cast(DType::F64) } else { in_f32(gradient) }
}

struct Sums<'t> {
    tasks: &'t mut [GradientsParams],
    of_shared: &'t [f64],
    of_own: &'t [f64],
    sums: GradientsParams,
}

impl ModuleVisitor for Sums<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let id: ParamId = param.id;
        let gradients = take::<D>(self.tasks, id);
        let shared = is_shared(gradients.len(), self.tasks.len());
        let weights = if shared { self.of_shared } else { self.of_own };
        let weighted = gradients.into_iter().map(|(task, gradient)| {
            let dtype = gradient.dtype();
            (in_f32(gradient) * weights[task], dtype)
        });
        if let Some((sum, dtype)) = weighted.reduce(|(sum, dtype), (next, _)| (sum + next, dtype)) {
            self.sums.register(id, sum.cast(dtype));
        }
    }
}

/// The gradients that tasks have for a parameter.
fn take<const D: usize>(tasks: &mut [GradientsParams], id: ParamId) -> Vec<(usize, Tensor<D>)> {
    tasks.iter_mut().enumerate().filter_map(|(i, task)| Some((i, task.remove::<D>(id)?))).collect()
}

struct Combined<'t, F> {
    tasks: &'t mut [GradientsParams],
    combine: F,
    found: GradientsParams,
}

impl<F: FnMut(&[Vec<f32>]) -> Vec<f32>> ModuleVisitor for Combined<'_, F> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let id: ParamId = param.id;
        let gradients = take::<D>(self.tasks, id);
        let Some((_, first)) = gradients.first().cloned() else { return };
        let combined = if is_shared(gradients.len(), self.tasks.len()) {
            let rows = gradients.into_iter().map(|(_, gradient)| values(gradient)).collect::<Vec<Vec<f32>>>();
            let data = TensorData::new((self.combine)(&rows), first.dims());
            Tensor::<D>::from_data(data, &first.device()).cast(first.dtype())
        } else {
            first
        };
        self.found.register(id, combined);
    }
}

/// Its values on the host.
fn values<const D: usize>(gradient: Tensor<D>) -> Vec<f32> {
    gradient.into_data().convert::<f32>().try_into_vec::<f32>().expect("f32 values")
}
