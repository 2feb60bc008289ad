//! Every loss by its name: its inputs, its hyperparameters, and its evaluation on saved tensors.

mod assignments;
mod classification;
mod embedding;
mod info_nce;
mod multitask;
#[cfg(test)]
mod oracle;
mod tensors;

pub use assignments::Assignments;
pub use tensors::{Tensors, write};

use anyhow::{Result, bail};
use burn::tensor::Tensor;
use clap::ValueEnum;
use losslab_kernels::reference::Evaluation;
use serde::Serialize;

/// How a loss is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Path {
    /// By a kernel that computes value and gradient in one pass.
    Fused,
    /// By tensor operations and autodiff.
    Plain,
    /// By f64 loops straight from the formula.
    Reference,
}

impl Path {
    /// Its name in `--path`.
    pub fn name(self) -> &'static str {
        match self {
            Path::Fused => "fused",
            Path::Plain => "plain",
            Path::Reference => "reference",
        }
    }
}

/// An input tensor of a loss.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Input {
    /// Its name in the file.
    pub name: &'static str,
    /// `float`, `int` or `bool`.
    pub dtype: &'static str,
    /// Its shape in terms of the others.
    pub shape: &'static str,
    /// Whether it may be missing.
    pub optional: bool,
}

/// A hyperparameter of a loss.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Parameter {
    /// Its name in `--set`.
    pub name: &'static str,
    /// Its value where it isn't set.
    pub default: &'static str,
    /// The allowed values.
    pub range: &'static str,
    /// What it does.
    pub meaning: &'static str,
}

/// A loss of the library.
#[derive(Clone, Copy, Serialize)]
pub struct Loss {
    /// Its name.
    pub name: &'static str,
    /// What it is for, in a line.
    pub summary: &'static str,
    /// Its input tensors.
    pub inputs: &'static [Input],
    /// Its hyperparameters.
    pub hyperparameters: &'static [Parameter],
    /// The ways to compute it; the first is what `forward` takes for f32 tensors on the CPU.
    pub paths: &'static [Path],
    #[serde(skip)]
    evaluate: fn(&Case) -> Result<Evaluated>,
}

/// All losses.
pub const LOSSES: [Loss; 11] = [
    classification::SIGMOID_FOCAL,
    classification::FOCAL,
    classification::CROSS_ENTROPY,
    classification::LABEL_SMOOTHING,
    embedding::CONTRASTIVE,
    embedding::BATCH_CONTRASTIVE,
    embedding::TRIPLET,
    embedding::ALIGNED_TRIPLET,
    info_nce::INFO_NCE,
    multitask::WEIGHTED_SUM,
    multitask::UNCERTAINTY,
];

const KERNEL: &[Path] = &[Path::Fused, Path::Plain, Path::Reference];
const NO_KERNEL: &[Path] = &[Path::Plain, Path::Reference];

const REDUCTION: Parameter = Parameter {
    name: "reduction",
    default: "mean",
    range: "mean | mean-per-sample | mean-active | sum",
    meaning: "how the terms become one number",
};

const fn input(name: &'static str, dtype: &'static str, shape: &'static str) -> Input {
    Input { name, dtype, shape, optional: false }
}

const fn optional(name: &'static str, dtype: &'static str, shape: &'static str) -> Input {
    Input { name, dtype, shape, optional: true }
}

const fn parameter(name: &'static str, default: &'static str, range: &'static str, meaning: &'static str) -> Parameter {
    Parameter { name, default, range, meaning }
}

/// Finds a loss by its name.
pub fn find(name: &str) -> Result<Loss> {
    let Some(loss) = LOSSES.into_iter().find(|loss| loss.name == name) else {
        let names = LOSSES.map(|loss| loss.name).join(", ");
        bail!("unknown loss {name:?}, the losses are: {names}");
    };
    Ok(loss)
}

/// What a loss is evaluated on.
pub struct Case<'a> {
    assignments: Assignments,
    tensors: &'a Tensors,
    path: Path,
}

/// A loss and the gradient of each float input.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluated {
    /// The reduced loss.
    pub loss: f64,
    /// How it was computed.
    pub path: Path,
    /// The gradients in the order of the inputs.
    pub gradients: Vec<Gradient>,
}

/// The gradient of the loss with respect to one input.
#[derive(Clone, Debug, PartialEq)]
pub struct Gradient {
    /// The name of the input.
    pub name: &'static str,
    /// Its shape.
    pub shape: Vec<usize>,
    /// The values in row-major order.
    pub values: Vec<f64>,
}

impl Loss {
    /// Evaluates the loss with its gradients. Without a path it takes the one that `forward` takes.
    pub fn evaluate(&self, tensors: &Tensors, set: &[String], path: Option<Path>) -> Result<Evaluated> {
        let path = path.unwrap_or(match self.paths[0] {
            Path::Fused if tensors.all_f32() => Path::Fused,
            _ => Path::Plain,
        });
        if !self.paths.contains(&path) {
            let paths = self.paths.iter().map(|path| path.name()).collect::<Vec<_>>().join(", ");
            bail!("--path {}: {} has no such path, it has: {paths}", path.name(), self.name);
        }
        if path == Path::Fused && !tensors.all_f32() {
            bail!("--path fused: the kernels take f32 tensors, --path plain takes the others");
        }
        let assignments = Assignments::parse(self, set)?;
        tensors.check(self)?;
        (self.evaluate)(&Case { assignments, tensors, path })
    }
}

impl Case<'_> {
    /// Evaluates the reference, or goes back from `value` to the inputs. The library made `value` in any case: it checks
    /// the inputs for the reference too.
    fn finish<const D: usize>(
        &self,
        value: Tensor<1>,
        inputs: &[(&'static str, Tensor<D>)],
        reference: impl FnOnce() -> Evaluation,
    ) -> Evaluated {
        let (loss, gradients) = if self.path == Path::Reference {
            let Evaluation { value, gradients, .. } = reference();
            (value, gradients)
        } else {
            let tape = value.is_tracked().then(|| value.backward());
            let gradient = |(_, input): &(_, Tensor<D>)| {
                let found = tape.as_ref().and_then(|tape| input.grad(tape));
                tensors::to_f64(found.unwrap_or_else(|| input.clone().inner().zeros_like()))
            };
            (value.into_scalar::<f64>(), inputs.iter().map(gradient).collect())
        };
        let named = inputs.iter().zip(gradients).map(|(&(name, _), values)| Gradient {
            name,
            shape: self.tensors.shape(name).to_vec(),
            values,
        });
        Evaluated { loss, path: self.path, gradients: named.collect() }
    }
}
