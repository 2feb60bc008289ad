//! InfoNCE.

use super::cost::{Bare, Work};
use super::{Case, Evaluated, KERNEL, Loss, Path, REDUCTION};
use crate::saved::{device, input, optional, parameter};
use anyhow::{Result, bail};
use losslab::{InfoNceLossConfig, Positives, TemperatureConfig};
use losslab_kernels::{InfoNceGradients, reference};

pub const INFO_NCE: Loss = Loss {
    name: "info-nce",
    summary: "picks the right key among the keys of a batch, for two views or two modalities",
    inputs: &[
        input("queries", "float", "[n, d]"),
        input("keys", "float", "[m, d]"),
        optional("query_groups", "int", "[n]"),
        optional("key_groups", "int", "[m]"),
    ],
    hyperparameters: &[
        parameter("temperature", "0.07", "a number, at least 1e-6", "divides the similarities; lower is sharper"),
        parameter("symmetric", "true", "true | false", "keys look for their queries too"),
        parameter("normalize", "true", "true | false", "cosine similarity, or the dot product"),
        parameter("positives", "outside", "outside | inside | aligned", "how several positives of a group enter"),
        REDUCTION,
    ],
    paths: KERNEL,
    evaluate,
};

fn evaluate(case: &Case) -> Result<Evaluated> {
    let (set, tensors) = (&case.assignments, case.tensors);
    let temperature = set.number("temperature", 0.07)?;
    let (symmetric, normalize) = (set.flag("symmetric", true)?, set.flag("normalize", true)?);
    let (positives, reduction) = (set.choice::<Positives>("positives")?, set.choice("reduction")?);
    let loss = InfoNceLossConfig::new()
        .with_temperature(TemperatureConfig::new().with_value(temperature))
        .with_symmetric(symmetric)
        .with_normalize(normalize)
        .with_positives(positives)
        .with_reduction(reduction)
        .try_init(&device())?;
    let grouped = tensors.has("query_groups");
    if grouped != tensors.has("key_groups") {
        bail!("info-nce: query_groups and key_groups come together, but only one of them is there");
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
    let (rows, width) = (tensors.shape("queries")[0], tensors.shape("queries")[1]);
    let ids = || grouped.then(|| (tensors.integers("query_groups"), tensors.integers("key_groups")));
    let reference = || {
        let ids = ids();
        let groups = ids.as_ref().map(|(queries, keys)| reference::Groups { queries, keys, positives });
        let options = reference::InfoNce { temperature, symmetric, normalize, groups, reduction };
        reference::info_nce(&tensors.floats("queries"), &tensors.floats("keys"), width, &options)
    };
    case.run(&[("queries", queries), ("keys", keys)], forward, reference, || {
        let (queries, keys, ids) = (tensors.singles("queries"), tensors.singles("keys"), ids());
        let work = Work::of_tiles((rows * (keys.len() / width)) as f64, width);
        Some(Bare::of_value(queries.len() + keys.len(), work, move |gradient| {
            let groups = ids.as_ref().map(|(queries, keys)| reference::Groups { queries, keys, positives });
            let memory = losslab_kernels::DEFAULT_MEMORY;
            let options = losslab_kernels::InfoNce { temperature, symmetric, normalize, groups, reduction, memory };
            let (by_queries, by_keys) = gradient.split_at_mut(queries.len());
            let to = InfoNceGradients { queries: Some(by_queries), keys: Some(by_keys), log_scale: false };
            losslab_kernels::info_nce(&options, &queries, &keys, width, to).value
        }))
    })
}
