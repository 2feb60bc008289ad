//! What a loss costs: time and memory of forward and backward through tensors, or of the bare kernel.

use super::{Case, Evaluated, Path};
use crate::memory;
use anyhow::{Context, Result};
use burn::tensor::Tensor;
use losslab::{InputError, Reduction};
use losslab_kernels::reference::Evaluation;
use losslab_kernels::{DEFAULT_MEMORY, Sums};
use std::time::Instant;

/// What forward and backward together took.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cost {
    /// Time on the wall.
    pub seconds: f64,
    /// The most memory that was allocated at once beyond the inputs, where it was [counted](memory::counted); else 0.
    pub peak_bytes: usize,
    /// The matrix products of the kernel, where it was the kernel.
    pub work: Work,
}

/// The operations of matrix products, a product and a sum being two.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Work {
    /// In f32.
    pub single: f64,
    /// In f64.
    pub double: f64,
}

impl Work {
    /// Of the contrastive kernels over some pairs: their similarities, their gradient for either side, and once more
    /// the similarities that have no place in the memory for tiles.
    pub fn of_tiles(pairs: f64, width: usize) -> Self {
        let kept = (DEFAULT_MEMORY as f64 / (pairs * size_of::<f32>() as f64)).min(1.0);
        Self { single: (8.0 - 2.0 * kept) * pairs * width as f64, double: 0.0 }
    }

    /// Of the kernels over distances of some pairs: the distances, and the gradient for either side.
    pub fn of_distances(pairs: f64, width: usize) -> Self {
        let product = 2.0 * pairs * width as f64;
        Self { single: 2.0 * product, double: product }
    }

    /// Of mining among some pairs: the scores, from which few pairs are chosen that are taken one by one.
    pub fn of_scores(pairs: f64, width: usize) -> Self {
        Self { single: 2.0 * pairs * width as f64, double: 0.0 }
    }
}

/// Writes a gradient, and returns the reduced loss and the factor by which the gradient is to be scaled.
type Run = Box<dyn FnOnce(&mut [f32]) -> (f64, f64)>;

/// A kernel on slices.
pub(super) struct Bare {
    /// The number of values of its gradient, that of the first inputs one after the other.
    gradient: usize,
    work: Work,
    run: Run,
}

impl Bare {
    /// A kernel that writes its gradient and returns the reduced loss.
    pub fn of_value(gradient: usize, work: Work, run: impl FnOnce(&mut [f32]) -> f64 + 'static) -> Self {
        Self { gradient, work, run: Box::new(|to| (run(to), 1.0)) }
    }

    /// A kernel that writes the gradient of the sum of its terms.
    pub fn of_sum(
        gradient: usize,
        work: Work,
        reduction: Reduction,
        run: impl FnOnce(&mut [f32]) -> Sums + 'static,
    ) -> Self {
        let run = move |to: &mut [f32]| {
            let sums = run(to);
            let scale = sums.scale(reduction);
            (sums.total * scale, scale)
        };
        Self { gradient, work, run: Box::new(run) }
    }
}

impl Case<'_> {
    /// Goes forward and back, or runs the kernel, and says what it cost; or evaluates the reference.
    pub(super) fn run<const D: usize>(
        &self,
        inputs: &[(&'static str, Tensor<D>)],
        forward: impl FnOnce() -> Result<Tensor<1>, InputError>,
        reference: impl FnOnce() -> Evaluation,
        kernel: impl FnOnce() -> Option<Bare>,
    ) -> Result<Evaluated> {
        if self.path == Path::Kernel {
            return Ok(self.run_bare(inputs, kernel().context("these hyperparameters have no kernel")?));
        }
        let (start, clock) = (memory::mark(), Instant::now());
        let value = forward()?;
        let tape = (self.path != Path::Reference && value.is_tracked()).then(|| value.backward());
        let seconds = clock.elapsed().as_secs_f64();
        let cost = Cost { seconds, peak_bytes: memory::peak_since(start), work: Work::default() };
        Ok(Evaluated { cost: Some(cost), ..self.evaluated(value, tape, inputs, reference) })
    }

    fn run_bare<const D: usize>(&self, inputs: &[(&'static str, Tensor<D>)], kernel: Bare) -> Evaluated {
        let start = memory::mark();
        // Not zeros: those take no memory before the kernel writes to them.
        let mut gradient = vec![f32::NAN; kernel.gradient];
        let clock = Instant::now();
        let (loss, scale) = (kernel.run)(&mut gradient);
        let seconds = clock.elapsed().as_secs_f64();
        let cost = Cost { seconds, peak_bytes: memory::peak_since(start), work: kernel.work };
        let mut values = gradient.into_iter().map(|g| f64::from(g) * scale).chain(std::iter::repeat(0.0));
        let gradients = inputs.iter().map(|(_, input)| values.by_ref().take(input.shape().num_elements()).collect());
        Evaluated { loss, path: self.path, gradients: self.named(inputs, gradients), cost: Some(cost) }
    }
}
