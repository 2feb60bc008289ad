//! Focal loss in both forms, cross-entropy, label smoothing.

use super::cost::{Bare, Work};
use super::{Case, Evaluated, KERNEL, Loss, Path, REDUCTION};
use crate::saved::{Input, Parameter, Tensors, input, parameter};
use anyhow::{Result, bail};
use losslab::{CrossEntropyLossConfig, FocalAlpha, FocalLossConfig, LabelSmoothingLossConfig, SigmoidFocalLossConfig};
use losslab_kernels::{SigmoidFocalGradients, reference};

const GAMMA: Parameter = parameter("gamma", "2", "a number in [0, 100]", "focus on hard examples; 0 is cross-entropy");
const IGNORE_INDEX: Parameter =
    parameter("ignore_index", "none", "an integer or none", "samples with this target don't count");
const WEIGHTS: Parameter =
    parameter("weights", "none", "a number for each class, each at least 0, or none", "class weights");
const ROWS: &[Input] = &[input("logits", "float", "[n, classes]"), input("targets", "int", "[n]")];

pub const SIGMOID_FOCAL: Loss = Loss {
    name: "focal-sigmoid",
    summary: "focal loss over independent sigmoid outputs, for rare positives",
    inputs: &[input("logits", "float", "any"), input("targets", "float", "as logits")],
    hyperparameters: &[
        GAMMA,
        parameter("alpha", "0.25", "a number in [0, 1] or none", "class weight"),
        parameter("alpha_mode", "balanced", "balanced | uniform", "alpha and 1 - alpha, or alpha for both classes"),
        REDUCTION,
    ],
    paths: KERNEL,
    evaluate: sigmoid_focal,
};

pub const FOCAL: Loss = Loss {
    name: "focal",
    summary: "focal loss over a softmax, for rare classes",
    inputs: ROWS,
    hyperparameters: &[
        GAMMA,
        parameter("alpha", "none", "a number for each class, each at least 0, or none", "class weights"),
        IGNORE_INDEX,
        REDUCTION,
    ],
    paths: KERNEL,
    evaluate: focal,
};

pub const CROSS_ENTROPY: Loss = Loss {
    name: "cross-entropy",
    summary: "cross-entropy over a softmax with class weights, the baseline",
    inputs: ROWS,
    hyperparameters: &[WEIGHTS, IGNORE_INDEX, REDUCTION],
    paths: KERNEL,
    evaluate: cross_entropy,
};

pub const LABEL_SMOOTHING: Loss = Loss {
    name: "label-smoothing",
    summary: "cross-entropy against smoothed labels, for calibration",
    inputs: ROWS,
    hyperparameters: &[
        parameter("smoothing", "0.1", "a number in [0, 1]", "the probability mass taken from the label"),
        parameter("convention", "uniform", "uniform | others", "where it goes: ε/K to all, or ε/(K-1) to the others"),
        WEIGHTS,
        IGNORE_INDEX,
        REDUCTION,
    ],
    paths: KERNEL,
    evaluate: label_smoothing,
};

fn sigmoid_focal(case: &Case) -> Result<Evaluated> {
    let (set, tensors) = (&case.assignments, case.tensors);
    let alpha = match (set.number_or_none("alpha", Some(0.25))?, set.choice::<AlphaMode>("alpha_mode")?) {
        (None, _) => FocalAlpha::None,
        (Some(alpha), AlphaMode::Balanced) => FocalAlpha::Balanced(alpha),
        (Some(alpha), AlphaMode::Uniform) => FocalAlpha::Uniform(alpha),
    };
    let (gamma, reduction) = (set.number("gamma", 2.0)?, set.choice("reduction")?);
    let loss =
        SigmoidFocalLossConfig::new().with_gamma(gamma).with_alpha(alpha).with_reduction(reduction).try_init()?;

    // Its shape is any: the loss sees flat tensors.
    let (shape, target_shape) = (tensors.shape("logits"), tensors.shape("targets"));
    if target_shape != shape {
        bail!("focal-sigmoid: targets must have shape {shape:?} (the shape of logits), but has {target_shape:?}");
    }
    let (logits, targets) = (tensors.flat("logits"), tensors.flat("targets"));
    let (x, t) = (logits.clone(), targets.clone());
    let forward = || match case.path {
        Path::Plain => loss.forward_plain(x, t),
        _ => loss.try_forward(x, t),
    };
    let reference = || {
        let options = reference::SigmoidFocal { gamma, alpha, reduction };
        reference::sigmoid_focal(&tensors.floats("logits"), &tensors.floats("targets"), &options)
    };
    case.run(&[("logits", logits), ("targets", targets)], forward, reference, || {
        let (logits, targets) = (tensors.singles("logits"), tensors.singles("targets"));
        let options = losslab_kernels::SigmoidFocal { gamma: gamma as f32, alpha };
        Some(Bare::of_sum(logits.len(), Work::default(), reduction, move |gradient| {
            let gradients = SigmoidFocalGradients { logits: Some(gradient), targets: None };
            losslab_kernels::sigmoid_focal(options, &logits, &targets, gradients)
        }))
    })
}

#[derive(Default, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
enum AlphaMode {
    #[default]
    Balanced,
    Uniform,
}

fn focal(case: &Case) -> Result<Evaluated> {
    let (set, tensors) = (&case.assignments, case.tensors);
    let (gamma, alpha) = (set.number("gamma", 2.0)?, set.list_or_none("alpha")?);
    let (ignore_index, reduction) = (set.integer_or_none("ignore_index")?, set.choice("reduction")?);
    let loss = FocalLossConfig::new()
        .with_gamma(gamma)
        .with_alpha(as_f32(&alpha))
        .with_ignore_index(ignore_index)
        .with_reduction(reduction)
        .try_init()?;
    let (logits, targets) = (tensors.float::<2>("logits"), tensors.int("targets"));
    let (x, classes) = (logits.clone(), tensors.shape("logits")[1]);
    let forward = || match case.path {
        Path::Plain => loss.forward_plain(x, targets),
        _ => loss.try_forward(x, targets),
    };
    let reference = || {
        let options = reference::Focal { gamma, alpha: alpha.as_deref(), ignore_index, reduction };
        reference::focal(&tensors.floats("logits"), &tensors.integers("targets"), classes, &options)
    };
    case.run(&[("logits", logits)], forward, reference, || {
        let (logits, targets, alpha) = (tensors.singles("logits"), tensors.integers("targets"), as_f32(&alpha));
        Some(Bare::of_sum(logits.len(), Work::default(), reduction, move |gradient| {
            let options = losslab_kernels::SoftmaxFocal { gamma, alpha: alpha.as_deref(), ignore_index };
            losslab_kernels::softmax_focal(options, &logits, classes, &targets, Some(gradient))
        }))
    })
}

fn cross_entropy(case: &Case) -> Result<Evaluated> {
    let (set, tensors) = (&case.assignments, case.tensors);
    let (weights, ignore_index) = (set.list_or_none("weights")?, set.integer_or_none("ignore_index")?);
    let reduction = set.choice("reduction")?;
    let loss = CrossEntropyLossConfig::new()
        .with_weights(as_f32(&weights))
        .with_ignore_index(ignore_index)
        .with_reduction(reduction)
        .try_init()?;
    let (logits, targets) = (tensors.float::<2>("logits"), tensors.int("targets"));
    let x = logits.clone();
    let forward = || match case.path {
        Path::Plain => loss.forward_plain(x, targets),
        _ => loss.try_forward(x, targets),
    };
    let options = reference::CrossEntropy { smoothing: None, weights: weights.as_deref(), ignore_index, reduction };
    let reference = || reference_cross_entropy(tensors, &options);
    case.run(&[("logits", logits)], forward, reference, || Some(bare_cross_entropy(tensors, &options)))
}

fn label_smoothing(case: &Case) -> Result<Evaluated> {
    let (set, tensors) = (&case.assignments, case.tensors);
    let (smoothing, convention) = (set.number("smoothing", 0.1)?, set.choice("convention")?);
    let (weights, ignore_index) = (set.list_or_none("weights")?, set.integer_or_none("ignore_index")?);
    let reduction = set.choice("reduction")?;
    let loss = LabelSmoothingLossConfig::new()
        .with_smoothing(smoothing)
        .with_convention(convention)
        .with_weights(as_f32(&weights))
        .with_ignore_index(ignore_index)
        .with_reduction(reduction)
        .try_init()?;
    let (logits, targets) = (tensors.float::<2>("logits"), tensors.int("targets"));
    let x = logits.clone();
    let forward = || match case.path {
        Path::Plain => loss.forward_plain(x, targets),
        _ => loss.try_forward(x, targets),
    };
    let smoothing = Some((smoothing, convention));
    let options = reference::CrossEntropy { smoothing, weights: weights.as_deref(), ignore_index, reduction };
    let reference = || reference_cross_entropy(tensors, &options);
    case.run(&[("logits", logits)], forward, reference, || Some(bare_cross_entropy(tensors, &options)))
}

fn reference_cross_entropy(tensors: &Tensors, options: &reference::CrossEntropy) -> reference::Evaluation {
    let classes = tensors.shape("logits")[1];
    reference::cross_entropy(&tensors.floats("logits"), &tensors.integers("targets"), classes, options)
}

fn bare_cross_entropy(tensors: &Tensors, options: &reference::CrossEntropy) -> Bare {
    let (logits, targets, classes) =
        (tensors.singles("logits"), tensors.integers("targets"), tensors.shape("logits")[1]);
    let (smoothing, convention) = options.smoothing.unwrap_or_default();
    let weights = as_f32(&options.weights.map(<[f64]>::to_vec));
    let (ignore_index, reduction) = (options.ignore_index, options.reduction);
    Bare::of_sum(logits.len(), Work::default(), reduction, move |gradient| {
        let options =
            losslab_kernels::CrossEntropy { smoothing, convention, weights: weights.as_deref(), ignore_index };
        losslab_kernels::cross_entropy(options, &logits, classes, &targets, Some(gradient))
    })
}

fn as_f32(values: &Option<Vec<f64>>) -> Option<Vec<f32>> {
    values.as_ref().map(|values| values.iter().map(|&value| value as f32).collect())
}
