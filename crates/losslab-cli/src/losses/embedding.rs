//! Contrastive and triplet losses.

use super::cost::{Bare, Work};
use super::{Case, Evaluated, KERNEL, Loss, NO_KERNEL, Path, REDUCTION};
use crate::saved::{Input, Parameter, input, parameter};
use anyhow::Result;
use losslab::{
    AlignedTripletLossConfig, BatchContrastiveLossConfig, ContrastiveLossConfig, Distance, SemiHardFallback,
    TripletLossConfig, TripletMining,
};
use losslab_kernels::{FEW_POSITIVES, Labelled, Metric, TripletChoice, reference};

pub(super) const DISTANCE: Parameter =
    parameter("distance", "euclidean", "euclidean | squared-euclidean | cosine", "the distance of two embeddings");
pub(super) const NORMALIZE: Parameter =
    parameter("normalize", "false", "true | false", "bring embeddings to length 1 first");
const HALF: Parameter = parameter("half", "true", "true | false", "the factor 1/2 of the paper");
const SOFT: Parameter = parameter("soft", "false", "true | false", "softplus in place of the hinge");
const SWAP: Parameter =
    parameter("swap", "false", "true | false", "the negative's distance is that to the nearer of anchor and positive");
pub(super) const LABELLED: &[Input] = &[input("embeddings", "float", "[n, d]"), input("labels", "int", "[n]")];
pub(super) const MARGIN_RANGE: &str = "a number above 0 (cosine and unit vectors: at most 2, squared 4)";
const TRIPLET_MARGIN_RANGE: &str =
    "a number above 0, or at least 0 if soft (cosine and unit vectors: at most 2, squared 4)";

pub const CONTRASTIVE: Loss = Loss {
    name: "contrastive",
    summary: "pulls similar pairs together, pushes others a margin apart",
    inputs: &[input("x1", "float", "[n, d]"), input("x2", "float", "[n, d]"), input("similar", "bool", "[n]")],
    hyperparameters: &[
        parameter("margin", "1", MARGIN_RANGE, "how far apart dissimilar pairs must be"),
        HALF,
        DISTANCE,
        NORMALIZE,
        REDUCTION,
    ],
    paths: NO_KERNEL,
    evaluate: contrastive,
};

pub const BATCH_CONTRASTIVE: Loss = Loss {
    name: "contrastive-batch",
    summary: "contrastive loss over all pairs of a labelled batch",
    inputs: LABELLED,
    hyperparameters: &[
        parameter("positive_margin", "0", "a number from 0 to below negative_margin", "free distance of similar pairs"),
        parameter("negative_margin", "1", MARGIN_RANGE, "how far apart dissimilar pairs must be"),
        HALF,
        DISTANCE,
        NORMALIZE,
        REDUCTION,
    ],
    paths: KERNEL,
    evaluate: batch_contrastive,
};

pub const TRIPLET: Loss = Loss {
    name: "triplet",
    summary: "triplet loss over a labelled batch with online mining, for retrieval and verification",
    inputs: LABELLED,
    hyperparameters: &[
        parameter("margin", "0.2", TRIPLET_MARGIN_RANGE, "how much farther than the positive the negative must be"),
        parameter("mining", "semi-hard", "batch-all | batch-hard | semi-hard", "which triplets count"),
        parameter("fallback", "farthest", "farthest | nearest | skip", "the negative where none is semi-hard"),
        SOFT,
        SWAP,
        DISTANCE,
        NORMALIZE,
        REDUCTION,
    ],
    paths: KERNEL,
    evaluate: triplet,
};

pub const ALIGNED_TRIPLET: Loss = Loss {
    name: "triplet-aligned",
    summary: "triplet loss over given triplets",
    inputs: &[
        input("anchor", "float", "[n, d]"),
        input("positive", "float", "[n, d]"),
        input("negative", "float", "[n, d]"),
    ],
    hyperparameters: &[
        parameter("margin", "1", TRIPLET_MARGIN_RANGE, "how much farther than the positive the negative must be"),
        SOFT,
        SWAP,
        DISTANCE,
        NORMALIZE,
        REDUCTION,
    ],
    paths: NO_KERNEL,
    evaluate: aligned_triplet,
};

fn contrastive(case: &Case) -> Result<Evaluated> {
    let (set, tensors) = (&case.assignments, case.tensors);
    let (margin, half) = (set.number("margin", 1.0)?, set.flag("half", true)?);
    let (distance, normalize) = (set.choice::<Distance>("distance")?, set.flag("normalize", false)?);
    let reduction = set.choice("reduction")?;
    let loss = ContrastiveLossConfig::new()
        .with_margin(margin)
        .with_half(half)
        .with_distance(distance)
        .with_normalize(normalize)
        .with_reduction(reduction)
        .try_init()?;
    let (x1, x2) = (tensors.float::<2>("x1"), tensors.float::<2>("x2"));
    let value = loss.try_forward(x1.clone(), x2.clone(), tensors.bool("similar"))?;
    Ok(case.finish(value, &[("x1", x1), ("x2", x2)], || {
        let options = reference::Contrastive { margin, half, distance, normalize, reduction };
        let width = tensors.shape("x1")[1];
        reference::contrastive(&tensors.floats("x1"), &tensors.floats("x2"), &tensors.bools("similar"), width, &options)
    }))
}

fn batch_contrastive(case: &Case) -> Result<Evaluated> {
    let (set, tensors) = (&case.assignments, case.tensors);
    let (positive_margin, negative_margin) = (set.number("positive_margin", 0.0)?, set.number("negative_margin", 1.0)?);
    let half = set.flag("half", true)?;
    let (distance, normalize) = (set.choice::<Distance>("distance")?, set.flag("normalize", false)?);
    let reduction = set.choice("reduction")?;
    let loss = BatchContrastiveLossConfig::new()
        .with_positive_margin(positive_margin)
        .with_negative_margin(negative_margin)
        .with_half(half)
        .with_distance(distance)
        .with_normalize(normalize)
        .with_reduction(reduction)
        .try_init()?;
    let embeddings = tensors.float::<2>("embeddings");
    let (x, labels, width) = (embeddings.clone(), tensors.int("labels"), tensors.shape("embeddings")[1]);
    let forward = || match case.path {
        Path::Plain => loss.forward_plain(x, labels),
        _ => loss.try_forward(x, labels),
    };
    let reference = || {
        let options =
            reference::BatchContrastive { positive_margin, negative_margin, half, distance, normalize, reduction };
        reference::batch_contrastive(&tensors.floats("embeddings"), &tensors.integers("labels"), width, &options)
    };
    case.run(&[("embeddings", embeddings)], forward, reference, || {
        let (rows, labels) = (tensors.singles("embeddings"), tensors.integers("labels"));
        let metric = Metric { distance, normalize };
        let options = losslab_kernels::BatchContrastive { positive_margin, negative_margin, half, metric };
        let work = Work::of_distances((labels.len() * labels.len()) as f64 / 2.0, width);
        Some(Bare::of_sum(rows.len(), work, reduction, move |gradient| {
            let batch = Labelled { rows: &rows, labels: &labels, width };
            losslab_kernels::batch_contrastive(options, batch, Some(gradient))
        }))
    })
}

fn triplet(case: &Case) -> Result<Evaluated> {
    let (set, tensors) = (&case.assignments, case.tensors);
    let (mining, fallback) = (set.choice::<TripletMining>("mining")?, set.choice::<SemiHardFallback>("fallback")?);
    let options = triplet_options(case, 0.2)?;
    let loss = TripletLossConfig::new()
        .with_margin(options.margin)
        .with_mining(mining)
        .with_fallback(fallback)
        .with_soft(options.soft)
        .with_swap(options.swap)
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
        let mining = reference::Mining { rule: mining, fallback };
        reference::triplet(&tensors.floats("embeddings"), &tensors.integers("labels"), width, mining, &options)
    };
    case.run(&[("embeddings", embeddings)], forward, reference, || {
        let reference::Triplet { margin, soft, swap, distance, normalize, reduction } = options;
        let choice = match mining {
            TripletMining::BatchAll if swap => return None,
            TripletMining::BatchAll => TripletChoice::All,
            TripletMining::BatchHard => TripletChoice::Hard { swap },
            TripletMining::SemiHard => TripletChoice::SemiHard { swap, fallback },
        };
        let (rows, labels) = (tensors.singles("embeddings"), tensors.integers("labels"));
        let options = losslab_kernels::Triplet { margin, soft, metric: Metric { distance, normalize }, choice };
        let pairs = (labels.len() * labels.len()) as f64;
        let work = match choice {
            TripletChoice::All if !soft && largest_class(&labels) <= FEW_POSITIVES + 1 => {
                Work::of_distances(pairs / 2.0, width)
            }
            TripletChoice::All => Work::of_distances(pairs, width),
            _ => Work::of_scores(pairs, width),
        };
        Some(Bare::of_sum(rows.len(), work, reduction, move |gradient| {
            losslab_kernels::triplet(options, Labelled { rows: &rows, labels: &labels, width }, Some(gradient))
        }))
    })
}

/// The samples of the label that has the most.
fn largest_class(labels: &[i64]) -> usize {
    let mut sorted = labels.to_vec();
    sorted.sort_unstable();
    sorted.chunk_by(|a, b| a == b).map(<[i64]>::len).max().unwrap_or(0)
}

fn aligned_triplet(case: &Case) -> Result<Evaluated> {
    let tensors = case.tensors;
    let options = triplet_options(case, 1.0)?;
    let loss = AlignedTripletLossConfig::new()
        .with_margin(options.margin)
        .with_soft(options.soft)
        .with_swap(options.swap)
        .with_distance(options.distance)
        .with_normalize(options.normalize)
        .with_reduction(options.reduction)
        .try_init()?;
    let names = ["anchor", "positive", "negative"];
    let inputs = names.map(|name| (name, tensors.float::<2>(name)));
    let [anchor, positive, negative] = inputs.clone().map(|(_, tensor)| tensor);
    let value = loss.try_forward(anchor, positive, negative)?;
    Ok(case.finish(value, &inputs, || {
        let [anchor, positive, negative] = names.map(|name| tensors.floats(name));
        reference::aligned_triplet(&anchor, &positive, &negative, tensors.shape("anchor")[1], &options)
    }))
}

fn triplet_options(case: &Case, margin: f64) -> Result<reference::Triplet> {
    let set = &case.assignments;
    Ok(reference::Triplet {
        margin: set.number("margin", margin)?,
        soft: set.flag("soft", false)?,
        swap: set.flag("swap", false)?,
        distance: set.choice("distance")?,
        normalize: set.flag("normalize", false)?,
        reduction: set.choice("reduction")?,
    })
}
