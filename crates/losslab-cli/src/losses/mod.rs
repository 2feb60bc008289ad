//! Every loss by its name: its inputs, its hyperparameters, and its evaluation on saved tensors.

mod balancing;
mod classification;
mod cost;
mod embedding;
mod gradients;
mod info_nce;
mod margin;
mod multitask;
#[cfg(test)]
mod oracle;
mod pairs;
mod quadruplet;
mod ranking;
mod redundancy;
mod self_contrastive;
mod siglip;

pub use balancing::BALANCING;
pub use cost::{Cost, Work};
pub use gradients::write;

use crate::saved::{Assignments, Input, Parameter, Tensors, to_f64};
use anyhow::{Result, bail};
use burn::tensor::{Gradients, Tensor};
use clap::ValueEnum;
use losslab_kernels::reference::Evaluation;
use serde::Serialize;

/// How a loss is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Path {
    /// By a kernel that computes value and gradient in one pass.
    Fused,
    /// By tensor operations and autodiff; rankings by their lists, read to the host, in any float type.
    Plain,
    /// By f64 loops straight from the formula.
    Reference,
    /// By the same kernel on slices, without tensors: for `losslab bench`.
    #[value(skip)]
    Kernel,
}

impl Path {
    /// Its name in `--path`.
    pub fn name(self) -> &'static str {
        match self {
            Path::Fused => "fused",
            Path::Plain => "plain",
            Path::Reference => "reference",
            Path::Kernel => "kernel",
        }
    }
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
pub const LOSSES: &[Loss] = &[
    classification::SIGMOID_FOCAL,
    classification::FOCAL,
    classification::CROSS_ENTROPY,
    classification::LABEL_SMOOTHING,
    embedding::CONTRASTIVE,
    embedding::BATCH_CONTRASTIVE,
    embedding::TRIPLET,
    embedding::ALIGNED_TRIPLET,
    quadruplet::QUADRUPLET,
    quadruplet::ALIGNED_QUADRUPLET,
    pairs::MULTI_SIMILARITY,
    pairs::CIRCLE,
    margin::ARC_FACE,
    margin::COS_FACE,
    info_nce::INFO_NCE,
    siglip::SIGLIP,
    self_contrastive::NT_XENT,
    self_contrastive::DCL,
    redundancy::VICREG,
    redundancy::BARLOW_TWINS,
    self_contrastive::SUP_CON,
    multitask::WEIGHTED_SUM,
    multitask::UNCERTAINTY,
    ranking::RANK_NET,
    ranking::LAMBDA_LOSS,
    ranking::LIST_NET,
    ranking::LIST_MLE,
    ranking::APPROX_NDCG,
];

const KERNEL: &[Path] = &[Path::Fused, Path::Plain, Path::Reference];
const NO_KERNEL: &[Path] = &[Path::Plain, Path::Reference];

const REDUCTION: Parameter = Parameter {
    name: "reduction",
    default: "mean",
    range: "mean | mean-per-sample | mean-active | sum",
    meaning: "how the terms become one number",
};

/// Finds a loss by its name.
pub fn find(name: &str) -> Result<Loss> {
    balancing::refuse(name)?;
    let Some(loss) = LOSSES.iter().find(|loss| loss.name == name) else {
        let names = LOSSES.iter().map(|loss| loss.name).collect::<Vec<_>>().join(", ");
        bail!("unknown loss {name:?}, the losses are: {names}");
    };
    Ok(*loss)
}

/// What a loss is evaluated on.
pub struct Case<'a> {
    assignments: Assignments,
    tensors: &'a Tensors,
    path: Path,
}

/// A loss and the gradient of each float input.
#[derive(Clone, Debug)]
pub struct Evaluated {
    /// The reduced loss.
    pub loss: f64,
    /// How it was computed.
    pub path: Path,
    /// The gradients in the order of the inputs.
    pub gradients: Vec<Gradient>,
    /// What forward and backward cost, of a loss with a kernel.
    pub cost: Option<Cost>,
}

impl Evaluated {
    /// What it cost.
    ///
    /// # Panics
    /// If the loss has no kernel, and so isn't evaluated by [`Case::run`].
    pub fn cost(&self) -> Cost {
        self.cost.expect("a loss with a kernel runs with its cost")
    }
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
        tensors.check(self.name, self.inputs)?;
        tensors.check_finite()?;
        self.evaluate_unchecked(tensors, set, path)
    }

    /// As [`evaluate`](Self::evaluate), for tensors that are known to be right and a path that is known to be there.
    pub fn evaluate_unchecked(&self, tensors: &Tensors, set: &[String], path: Path) -> Result<Evaluated> {
        let assignments = Assignments::parse(self.name, self.hyperparameters, set)?;
        (self.evaluate)(&Case { assignments, tensors, path })
    }

    /// Whether there is a kernel for it.
    pub fn has_kernel(&self) -> bool {
        self.paths.contains(&Path::Fused)
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
        let tape = (self.path != Path::Reference && value.is_tracked()).then(|| value.backward());
        self.evaluated(value, tape, inputs, reference)
    }

    fn evaluated<const D: usize>(
        &self,
        value: Tensor<1>,
        tape: Option<Gradients>,
        inputs: &[(&'static str, Tensor<D>)],
        reference: impl FnOnce() -> Evaluation,
    ) -> Evaluated {
        let (loss, gradients) = if self.path == Path::Reference {
            let Evaluation { value, gradients, .. } = reference();
            (value, gradients)
        } else {
            let gradient = |(_, input): &(_, Tensor<D>)| {
                let found = tape.as_ref().and_then(|tape| input.grad(tape));
                to_f64(found.unwrap_or_else(|| input.clone().inner().zeros_like()))
            };
            (value.into_scalar::<f64>(), inputs.iter().map(gradient).collect())
        };
        Evaluated { loss, path: self.path, gradients: self.named(inputs, gradients), cost: None }
    }

    fn named<const D: usize>(
        &self,
        inputs: &[(&'static str, Tensor<D>)],
        gradients: impl IntoIterator<Item = Vec<f64>>,
    ) -> Vec<Gradient> {
        let named = inputs.iter().zip(gradients).map(|(&(name, _), values)| Gradient {
            name,
            shape: self.tensors.shape(name).to_vec(),
            values,
        });
        named.collect()
    }
}
