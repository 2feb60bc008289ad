//! Multi-similarity and circle loss.

use super::{Case, Evaluated, Loss, NO_KERNEL, REDUCTION};
use crate::saved::{Input, input, parameter};
use anyhow::Result;
use losslab::{CircleLossConfig, MultiSimilarityLossConfig};
use losslab_kernels::reference;

const LABELLED: &[Input] = &[input("embeddings", "float", "[n, d]"), input("labels", "int", "[n]")];

pub const MULTI_SIMILARITY: Loss = Loss {
    name: "multi-similarity",
    summary: "weighs all pairs of a labelled batch by how hard they are, for retrieval",
    inputs: LABELLED,
    hyperparameters: &[
        parameter("alpha", "2", "a number above 0", "how much more hard positives count than easy ones"),
        parameter("beta", "50", "a number above 0", "how much more hard negatives count than easy ones"),
        parameter("base", "0.5", "a number (for cosines in [-1, 1])", "the similarity that separates the two"),
        parameter("epsilon", "none", "a number, at least 0, or none (all pairs)", "the margin of the pair mining"),
        parameter("normalize", "true", "true | false", "cosine similarity, or the dot product"),
        REDUCTION,
    ],
    paths: NO_KERNEL,
    evaluate: multi_similarity,
};

pub const CIRCLE: Loss = Loss {
    name: "circle",
    summary: "moves each pair of a labelled batch by its distance from its optimum, for retrieval and verification",
    inputs: LABELLED,
    hyperparameters: &[
        parameter("margin", "0.4", "a number in [-1, 1]", "positives are to be above 1 - margin, negatives below it"),
        parameter("gamma", "80", "a number above 0", "scales the similarities"),
        REDUCTION,
    ],
    paths: NO_KERNEL,
    evaluate: circle,
};

fn multi_similarity(case: &Case) -> Result<Evaluated> {
    let (set, tensors) = (&case.assignments, case.tensors);
    let (alpha, beta) = (set.number("alpha", 2.0)?, set.number("beta", 50.0)?);
    let (base, epsilon) = (set.number("base", 0.5)?, set.number_or_none("epsilon", None)?);
    let (normalize, reduction) = (set.flag("normalize", true)?, set.choice("reduction")?);
    let loss = MultiSimilarityLossConfig::new()
        .with_alpha(alpha)
        .with_beta(beta)
        .with_base(base)
        .with_epsilon(epsilon)
        .with_normalize(normalize)
        .with_reduction(reduction)
        .try_init()?;
    let embeddings = tensors.float::<2>("embeddings");
    let value = loss.try_forward(embeddings.clone(), tensors.int("labels"))?;
    Ok(case.finish(value, &[("embeddings", embeddings)], || {
        let options = reference::MultiSimilarity { alpha, beta, base, epsilon, normalize, reduction };
        let width = tensors.shape("embeddings")[1];
        reference::multi_similarity(&tensors.floats("embeddings"), &tensors.integers("labels"), width, &options)
    }))
}

fn circle(case: &Case) -> Result<Evaluated> {
    let (set, tensors) = (&case.assignments, case.tensors);
    let (margin, gamma) = (set.number("margin", 0.4)?, set.number("gamma", 80.0)?);
    let reduction = set.choice("reduction")?;
    let config = CircleLossConfig::new().with_margin(margin).with_gamma(gamma).with_reduction(reduction);
    let embeddings = tensors.float::<2>("embeddings");
    let value = config.try_init()?.try_forward(embeddings.clone(), tensors.int("labels"))?;
    Ok(case.finish(value, &[("embeddings", embeddings)], || {
        let options = reference::Circle { margin, gamma, reduction };
        let width = tensors.shape("embeddings")[1];
        reference::circle(&tensors.floats("embeddings"), &tensors.integers("labels"), width, &options)
    }))
}
