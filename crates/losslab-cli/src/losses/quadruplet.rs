//! Quadruplet losses.

use super::cost::{Bare, Work};
use super::embedding::{DISTANCE, LABELLED, MARGIN_RANGE, NORMALIZE};
use super::{Case, Evaluated, KERNEL, Loss, NO_KERNEL, Path, REDUCTION};
use crate::saved::{input, parameter};
use anyhow::Result;
use losslab::{AlignedQuadrupletLossConfig, QuadrupletLossConfig, QuadrupletMining};
use losslab_kernels::{Labelled, Metric, reference};

const PAIR_MARGIN: &str = "how much farther apart than a positive pair a pair of two other classes must be";

pub const QUADRUPLET: Loss = Loss {
    name: "quadruplet",
    summary: "triplet loss and pairs of one class against pairs of two others, for one threshold that fits all classes",
    inputs: LABELLED,
    hyperparameters: &[
        parameter("margin", "0.2", MARGIN_RANGE, "how much farther than the positive the negative must be"),
        parameter("pair_margin", "0.1", MARGIN_RANGE, PAIR_MARGIN),
        parameter("mining", "batch-all", "batch-all | batch-hard", "which quadruplets count"),
        DISTANCE,
        NORMALIZE,
        REDUCTION,
    ],
    paths: KERNEL,
    evaluate: quadruplet,
};

pub const ALIGNED_QUADRUPLET: Loss = Loss {
    name: "quadruplet-aligned",
    summary: "quadruplet loss over given quadruplets",
    inputs: &[
        input("anchor", "float", "[n, d]"),
        input("positive", "float", "[n, d]"),
        input("negative", "float", "[n, d]"),
        input("other", "float", "[n, d]"),
    ],
    hyperparameters: &[
        parameter("margin", "1", MARGIN_RANGE, "how much farther than the positive the negative must be"),
        parameter("pair_margin", "0.5", MARGIN_RANGE, PAIR_MARGIN),
        DISTANCE,
        NORMALIZE,
        REDUCTION,
    ],
    paths: NO_KERNEL,
    evaluate: aligned_quadruplet,
};

fn quadruplet(case: &Case) -> Result<Evaluated> {
    let (set, tensors) = (&case.assignments, case.tensors);
    let mining = set.choice::<QuadrupletMining>("mining")?;
    let options = options(case, 0.2, 0.1)?;
    let loss = QuadrupletLossConfig::new()
        .with_margin(options.margin)
        .with_pair_margin(options.pair_margin)
        .with_mining(mining)
        .with_distance(options.distance)
        .with_normalize(options.normalize)
        .with_reduction(options.reduction)
        .try_init()?;
    let embeddings = tensors.float::<2>("embeddings");
    let (x, labels, width) = (embeddings.clone(), tensors.int("labels"), tensors.shape("embeddings")[1]);
    let forward = || match case.path {
        Path::Plain => loss.forward_plain(x, labels),
        _ => loss.try_forward(x, labels),
    };
    let reference = || {
        let (rows, labels) = (tensors.floats("embeddings"), tensors.integers("labels"));
        reference::quadruplet(&rows, &labels, width, mining, &options)
    };
    case.run(&[("embeddings", embeddings)], forward, reference, || {
        // Mined quadruplets run through tensor operations.
        if mining == QuadrupletMining::BatchHard {
            return None;
        }
        let (rows, labels) = (tensors.singles("embeddings"), tensors.integers("labels"));
        let reference::Quadruplet { margin, pair_margin, distance, normalize, reduction } = options;
        let metric = Metric { distance, normalize };
        let options = losslab_kernels::Quadruplet { margin, pair_margin, metric, reduction };
        // All distances for the triplets, and half of them for the pairs.
        let work = Work::of_distances(1.5 * (labels.len() * labels.len()) as f64, width);
        Some(Bare::of_value(rows.len(), work, move |gradient| {
            let batch = Labelled { rows: &rows, labels: &labels, width };
            losslab_kernels::quadruplet(options, batch, Some(gradient)).value
        }))
    })
}

fn aligned_quadruplet(case: &Case) -> Result<Evaluated> {
    let tensors = case.tensors;
    let options = options(case, 1.0, 0.5)?;
    let loss = AlignedQuadrupletLossConfig::new()
        .with_margin(options.margin)
        .with_pair_margin(options.pair_margin)
        .with_distance(options.distance)
        .with_normalize(options.normalize)
        .with_reduction(options.reduction)
        .try_init()?;
    let names = ["anchor", "positive", "negative", "other"];
    let inputs = names.map(|name| (name, tensors.float::<2>(name)));
    let [anchor, positive, negative, other] = inputs.clone().map(|(_, tensor)| tensor);
    let value = loss.try_forward(anchor, positive, negative, other)?;
    Ok(case.finish(value, &inputs, || {
        let rows = names.map(|name| tensors.floats(name));
        reference::aligned_quadruplet(rows.each_ref().map(Vec::as_slice), tensors.shape("anchor")[1], &options)
    }))
}

fn options(case: &Case, margin: f64, pair_margin: f64) -> Result<reference::Quadruplet> {
    let set = &case.assignments;
    Ok(reference::Quadruplet {
        margin: set.number("margin", margin)?,
        pair_margin: set.number("pair_margin", pair_margin)?,
        distance: set.choice("distance")?,
        normalize: set.flag("normalize", false)?,
        reduction: set.choice("reduction")?,
    })
}
