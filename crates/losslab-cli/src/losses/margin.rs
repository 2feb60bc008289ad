//! ArcFace and CosFace.

use super::{Case, Evaluated, Loss, NO_KERNEL, REDUCTION};
use crate::saved::{Input, Parameter, device, input, parameter};
use anyhow::Result;
use burn::module::Param;
use losslab::{ArcFaceBeyond, ArcFaceLossConfig, CosFaceLossConfig};
use losslab_kernels::reference;

const INPUTS: &[Input] = &[
    input("embeddings", "float", "[n, d]"),
    input("weights", "float", "[classes, d]"),
    input("targets", "int", "[n]"),
];
const SCALE: Parameter = parameter("scale", "64", "a number above 0", "multiplies the cosines");

pub const ARC_FACE: Loss = Loss {
    name: "arc-face",
    summary: "a classifier by cosines with a margin on the angle of the true class, for many classes",
    inputs: INPUTS,
    hyperparameters: &[
        parameter("margin", "0.5", "a number in [0, 1.5]", "in radians, added to the angle to the true class"),
        SCALE,
        parameter("beyond", "monotone", "monotone | easy-margin | formula", "what continues the margin at wide angles"),
        REDUCTION,
    ],
    paths: NO_KERNEL,
    evaluate: arc_face,
};

pub const COS_FACE: Loss = Loss {
    name: "cos-face",
    summary: "a classifier by cosines with a margin on the cosine of the true class, for many classes",
    inputs: INPUTS,
    hyperparameters: &[
        parameter("margin", "0.35", "a number in [0, 2]", "taken from the cosine of the true class"),
        SCALE,
        REDUCTION,
    ],
    paths: NO_KERNEL,
    evaluate: cos_face,
};

fn arc_face(case: &Case) -> Result<Evaluated> {
    let (set, tensors) = (&case.assignments, case.tensors);
    let (margin, scale) = (set.number("margin", 0.5)?, set.number("scale", 64.0)?);
    let (beyond, reduction) = (set.choice::<ArcFaceBeyond>("beyond")?, set.choice("reduction")?);
    let &[classes, width] = tensors.shape("weights") else { unreachable!("its rank was checked") };
    let config = ArcFaceLossConfig::new(classes, width).with_margin(margin).with_scale(scale).with_beyond(beyond);
    let mut loss = config.with_reduction(reduction).try_init(&device())?;
    let (embeddings, weights) = (tensors.float::<2>("embeddings"), tensors.float::<2>("weights"));
    loss.head.weights = Param::from_tensor(weights.clone());
    let value = loss.try_forward(embeddings.clone(), tensors.int("targets"))?;
    Ok(case.finish(value, &[("embeddings", embeddings), ("weights", weights)], || {
        let options = reference::ArcFace { margin, scale, beyond, reduction };
        let (x, weights, targets) =
            (tensors.floats("embeddings"), tensors.floats("weights"), tensors.integers("targets"));
        reference::arc_face(&x, &weights, &targets, width, &options)
    }))
}

fn cos_face(case: &Case) -> Result<Evaluated> {
    let (set, tensors) = (&case.assignments, case.tensors);
    let (margin, scale) = (set.number("margin", 0.35)?, set.number("scale", 64.0)?);
    let reduction = set.choice("reduction")?;
    let &[classes, width] = tensors.shape("weights") else { unreachable!("its rank was checked") };
    let config = CosFaceLossConfig::new(classes, width).with_margin(margin).with_scale(scale);
    let mut loss = config.with_reduction(reduction).try_init(&device())?;
    let (embeddings, weights) = (tensors.float::<2>("embeddings"), tensors.float::<2>("weights"));
    loss.head.weights = Param::from_tensor(weights.clone());
    let value = loss.try_forward(embeddings.clone(), tensors.int("targets"))?;
    Ok(case.finish(value, &[("embeddings", embeddings), ("weights", weights)], || {
        let options = reference::CosFace { margin, scale, reduction };
        let (x, weights, targets) =
            (tensors.floats("embeddings"), tensors.floats("weights"), tensors.integers("targets"));
        reference::cos_face(&x, &weights, &targets, width, &options)
    }))
}
