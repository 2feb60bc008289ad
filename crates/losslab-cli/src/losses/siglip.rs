//! SigLIP.

use super::cost::{Bare, Work};
use super::{Case, Evaluated, KERNEL, Loss, Path, REDUCTION};
use crate::saved::{device, input, optional, parameter};
use anyhow::{Result, bail};
use losslab::{SigLipLossConfig, TemperatureConfig};
use losslab_kernels::{SigLipGradients, reference};

pub const SIGLIP: Loss = Loss {
    name: "siglip",
    summary: "tells for every pair of two modalities whether it belongs together, by itself",
    inputs: &[
        input("queries", "float", "[n, d]"),
        input("keys", "float", "[m, d]"),
        optional("query_groups", "int", "[n]"),
        optional("key_groups", "int", "[m]"),
    ],
    hyperparameters: &[
        parameter("temperature", "0.1", "a number, at least 1e-6", "divides the similarities; lower is sharper"),
        parameter("bias", "-10", "a number", "is added to the scaled similarities"),
        parameter("normalize", "true", "true | false", "cosine similarity, or the dot product"),
        REDUCTION,
    ],
    paths: KERNEL,
    evaluate,
};

fn evaluate(case: &Case) -> Result<Evaluated> {
    let (set, tensors) = (&case.assignments, case.tensors);
    let (temperature, bias) = (set.number("temperature", 0.1)?, set.number("bias", -10.0)?);
    let (normalize, reduction) = (set.flag("normalize", true)?, set.choice("reduction")?);
    let loss = SigLipLossConfig::new()
        .with_temperature(TemperatureConfig::new().with_value(temperature))
        .with_bias(bias)
        .with_learned_bias(false)
        .with_normalize(normalize)
        .with_reduction(reduction)
        .try_init(&device())?;
    let grouped = tensors.has("query_groups");
    if grouped != tensors.has("key_groups") {
        bail!("siglip: query_groups and key_groups come together, but only one of them is there");
    }
    let (queries, keys) = (tensors.float::<2>("queries"), tensors.float::<2>("keys"));
    let (q, k) = (queries.clone(), keys.clone());
    let groups = grouped.then(|| (tensors.int("query_groups"), tensors.int("key_groups")));
    let forward = || match (case.path, groups) {
        (Path::Plain, None) => loss.forward_plain(q, k),
        (Path::Plain, Some((of_queries, of_keys))) => loss.forward_grouped_plain(q, k, of_queries, of_keys),
        (_, None) => loss.try_forward(q, k),
        (_, Some((of_queries, of_keys))) => loss.try_forward_grouped(q, k, of_queries, of_keys),
    };
    let width = tensors.shape("queries")[1];
    let ids = || grouped.then(|| ["query_groups", "key_groups"].map(|name| tensors.integers(name)));
    let reference = || {
        let ids = ids();
        let groups = ids.as_ref().map(|ids| ids.each_ref().map(Vec::as_slice));
        let options = reference::SigLip { temperature, bias, normalize, groups, reduction };
        reference::siglip(&tensors.floats("queries"), &tensors.floats("keys"), width, &options)
    };
    case.run(&[("queries", queries), ("keys", keys)], forward, reference, || {
        let (queries, keys, ids) = (tensors.singles("queries"), tensors.singles("keys"), ids());
        let pairs = (queries.len() / width * (keys.len() / width)) as f64;
        // The similarities, and the gradient of either side.
        let work = Work { single: 6.0 * pairs * width as f64, double: 0.0 };
        Some(Bare::of_value(queries.len() + keys.len(), work, move |gradient| {
            let groups = ids.as_ref().map(|ids| ids.each_ref().map(Vec::as_slice));
            let options = losslab_kernels::SigLip { temperature, bias, normalize, groups, reduction };
            let (by_queries, by_keys) = gradient.split_at_mut(queries.len());
            let to = SigLipGradients { queries: Some(by_queries), keys: Some(by_keys), line: false };
            losslab_kernels::siglip(&options, &queries, &keys, width, to).value
        }))
    })
}
