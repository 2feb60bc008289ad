//! NT-Xent and SupCon.

use super::{Case, Evaluated, KERNEL, Loss, Path, REDUCTION};
use crate::saved::{Parameter, device, input, parameter};
use anyhow::Result;
use losslab::{NtXentLossConfig, SupConForm, SupConLossConfig, TemperatureConfig};
use losslab_kernels::reference;

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
    let value = match case.path {
        Path::Plain => loss.forward_plain(first.clone(), second.clone())?,
        _ => loss.try_forward(first.clone(), second.clone())?,
    };
    Ok(case.finish(value, &[("first", first), ("second", second)], || {
        let options = reference::NtXent { temperature, normalize, reduction };
        reference::nt_xent(&tensors.floats("first"), &tensors.floats("second"), tensors.shape("first")[1], &options)
    }))
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
    let value = match case.path {
        Path::Plain => loss.forward_plain(embeddings.clone(), tensors.int("labels"))?,
        _ => loss.try_forward(embeddings.clone(), tensors.int("labels"))?,
    };
    Ok(case.finish(value, &[("embeddings", embeddings)], || {
        let options = reference::SupCon { temperature, normalize, form, reduction };
        let width = tensors.shape("embeddings")[1];
        reference::sup_con(&tensors.floats("embeddings"), &tensors.integers("labels"), width, &options)
    }))
}
