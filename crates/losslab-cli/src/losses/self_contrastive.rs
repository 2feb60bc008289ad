//! NT-Xent, DCL and SupCon.

use super::cost::{Bare, Work};
use super::{Case, Evaluated, KERNEL, Loss, Path, REDUCTION};
use crate::saved::{Parameter, device, input, parameter};
use anyhow::Result;
use losslab::{DclLossConfig, NtXentLossConfig, SupConForm, SupConLossConfig, TemperatureConfig};
use losslab_kernels::{SelfContrastive, reference, self_contrastive};

const TEMPERATURE: Parameter =
    parameter("temperature", "0.1", "a number, at least 1e-6", "divides the similarities; lower is sharper");
const NORMALIZE: Parameter = parameter("normalize", "true", "true | false", "cosine similarity, or the dot product");

pub const NT_XENT: Loss = Loss {
    name: "nt-xent",
    summary: "picks the other view of a sample among all views of a batch, without labels",
    inputs: &[input("first", "float", "[n, d]"), input("second", "float", "[n, d]")],
    hyperparameters: &[TEMPERATURE, NORMALIZE, REDUCTION],
    paths: KERNEL,
    evaluate: nt_xent,
};

pub const DCL: Loss = Loss {
    name: "dcl",
    summary: "NT-Xent without the positive in the denominator, for smaller batches",
    inputs: &[input("first", "float", "[n, d]"), input("second", "float", "[n, d]")],
    hyperparameters: &[
        TEMPERATURE,
        parameter("sigma", "none", "a number above 0 (DCLW), or none (DCL)", "weighs positives; lower is sharper"),
        NORMALIZE,
        REDUCTION,
    ],
    paths: KERNEL,
    evaluate: dcl,
};

pub const SUP_CON: Loss = Loss {
    name: "sup-con",
    summary: "picks the samples of the same label among all others of a batch",
    inputs: &[input("embeddings", "float", "[n, d]"), input("labels", "int", "[n]")],
    hyperparameters: &[
        TEMPERATURE,
        parameter("form", "outside", "outside | inside", "where the mean over the positives is, of the logarithm"),
        NORMALIZE,
        REDUCTION,
    ],
    paths: KERNEL,
    evaluate: sup_con,
};

fn nt_xent(case: &Case) -> Result<Evaluated> {
    let (set, tensors) = (&case.assignments, case.tensors);
    let (temperature, normalize) = (set.number("temperature", 0.1)?, set.flag("normalize", true)?);
    let reduction = set.choice("reduction")?;
    let loss = NtXentLossConfig::new()
        .with_temperature(TemperatureConfig::new().with_value(temperature))
        .with_normalize(normalize)
        .with_reduction(reduction)
        .try_init(&device())?;
    let (first, second) = (tensors.float::<2>("first"), tensors.float::<2>("second"));
    let (x, y) = (first.clone(), second.clone());
    let forward = || match case.path {
        Path::Plain => loss.forward_plain(x, y),
        _ => loss.try_forward(x, y),
    };
    let (samples, width) = (tensors.shape("first")[0] as i64, tensors.shape("first")[1]);
    let reference = || {
        let options = reference::NtXent { temperature, normalize, reduction };
        reference::nt_xent(&tensors.floats("first"), &tensors.floats("second"), width, &options)
    };
    case.run(&[("first", first), ("second", second)], forward, reference, || {
        let views = [tensors.singles("first"), tensors.singles("second")].concat();
        let labels = (0..samples).chain(0..samples).collect();
        Some(bare(views, labels, width, SelfContrastive { temperature, normalize, reduction, ..Default::default() }))
    })
}

fn dcl(case: &Case) -> Result<Evaluated> {
    let (set, tensors) = (&case.assignments, case.tensors);
    let (temperature, sigma) = (set.number("temperature", 0.1)?, set.number_or_none("sigma", None)?);
    let (normalize, reduction) = (set.flag("normalize", true)?, set.choice("reduction")?);
    let loss = DclLossConfig::new()
        .with_temperature(TemperatureConfig::new().with_value(temperature))
        .with_sigma(sigma)
        .with_normalize(normalize)
        .with_reduction(reduction)
        .try_init(&device())?;
    let (first, second) = (tensors.float::<2>("first"), tensors.float::<2>("second"));
    let (x, y) = (first.clone(), second.clone());
    let forward = || match case.path {
        Path::Plain => loss.forward_plain(x, y),
        _ => loss.try_forward(x, y),
    };
    let width = tensors.shape("first")[1];
    let reference = || {
        let options = reference::Dcl { temperature, sigma, normalize, reduction };
        reference::dcl(&tensors.floats("first"), &tensors.floats("second"), width, &options)
    };
    case.run(&[("first", first), ("second", second)], forward, reference, || {
        let views = [tensors.singles("first"), tensors.singles("second")].concat();
        let rows = (views.len() / width) as f64;
        Some(Bare::of_value(views.len(), Work::of_tiles(rows * rows / 2.0, width), move |gradient| {
            let options = losslab_kernels::Dcl { temperature, sigma, normalize, reduction, ..Default::default() };
            losslab_kernels::dcl(&options, &views, width, Some(gradient), false).value
        }))
    })
}

fn sup_con(case: &Case) -> Result<Evaluated> {
    let (set, tensors) = (&case.assignments, case.tensors);
    let (temperature, normalize) = (set.number("temperature", 0.1)?, set.flag("normalize", true)?);
    let (form, reduction) = (set.choice::<SupConForm>("form")?, set.choice("reduction")?);
    let loss = SupConLossConfig::new()
        .with_temperature(TemperatureConfig::new().with_value(temperature))
        .with_form(form)
        .with_normalize(normalize)
        .with_reduction(reduction)
        .try_init(&device())?;
    let embeddings = tensors.float::<2>("embeddings");
    let (x, labels, width) = (embeddings.clone(), tensors.int("labels"), tensors.shape("embeddings")[1]);
    let forward = || match case.path {
        Path::Plain => loss.forward_plain(x, labels),
        _ => loss.try_forward(x, labels),
    };
    let reference = || {
        let options = reference::SupCon { temperature, normalize, form, reduction };
        reference::sup_con(&tensors.floats("embeddings"), &tensors.integers("labels"), width, &options)
    };
    case.run(&[("embeddings", embeddings)], forward, reference, || {
        let options = SelfContrastive { temperature, normalize, form, reduction, ..Default::default() };
        Some(bare(tensors.singles("embeddings"), tensors.integers("labels"), width, options))
    })
}

/// The kernel over vectors with a label each; half of their pairs are computed.
fn bare(vectors: Vec<f32>, labels: Vec<i64>, width: usize, options: SelfContrastive<'static>) -> Bare {
    let work = Work::of_tiles((labels.len() * labels.len()) as f64 / 2.0, width);
    Bare::of_value(vectors.len(), work, move |gradient| {
        let options = SelfContrastive { labels: &labels, ..options };
        self_contrastive(&options, &vectors, width, Some(gradient), false).value
    })
}
