//! Pairs of views or modalities where the batch is very large, small, or full of things that are alike.

use super::super::hyperparameters::{Hyperparameter, TEMPERATURE, choice};
use super::super::situation::{Branch, Similarity};
use super::super::snippets::{self, f64_literal};
use super::super::{Advice, Batch, metric, watch};
use losslab::diagnostics::FindingKind;

/// From so many pairs on a softmax over a row has nothing that single pairs don't have (Zhai et al. 2023).
pub const LARGE_BATCH: usize = 4096;

/// Below it NT-Xent loses to the form without the positive in the denominator (Yeh et al. 2022).
pub const FEW_NEGATIVES: usize = 256;

/// Two modalities in very large batches.
pub fn siglip(batch: usize) -> Advice {
    let temperature = 0.1;
    Advice {
        task: Branch::MultiModal,
        facts: vec![format!("two modalities, one match for a sample, batches of {batch}")],
        loss: "siglip",
        type_name: "SigLipLoss",
        why: vec![
            format!(
                "Of {batch} × {batch} pairs each is a yes or no by itself: no sum over a row is needed, so that a batch can be \
                 spread over small devices, whose parts add up to the whole."
            ),
            "In batches of this size it does as well as a softmax over each row (Zhai et al. 2023), and a sample may have \
             several matches (`forward_grouped`)."
                .to_owned(),
        ],
        hyperparameters: vec![
            Hyperparameter {
                effect: "learned from here on; clip it after each step, and leave it out of weight decay".to_owned(),
                ..TEMPERATURE.starting_at(temperature)
            },
            choice("bias", "b", "-10", "learned from here on: at first every pair is a no, as all but one in a row are"),
        ],
        batch: Batch {
            size: Some(batch),
            text: vec![
                format!("{batch} pairs in a batch; memory grows with the batch, not with its square."),
                "No sample twice in a batch: its second copy would be a negative.".to_owned(),
            ],
            ..Batch::default()
        },
        baseline: vec![
            "`InfoNceLoss`, symmetric, on the same batches: below some thousand pairs it often does better.".to_owned(),
            "Frozen pretrained encoders with a linear layer on each side, trained with the same loss.".to_owned(),
        ],
        metrics: vec![
            metric("recall-at-k", "k=1, 5, 10 from each modality to the other, with the other as gallery"),
            metric("mrr-retrieval", "one number without k"),
        ],
        watch: vec![
            watch(FindingKind::FalseNegatives, "matches are pushed apart: remove duplicates, or give the groups"),
            watch(FindingKind::Collapsed, "everything is alike: a lower learning rate, a bias that starts lower"),
            watch(FindingKind::ZeroVectors, "an embedding without direction: look at its input"),
        ],
        rust: snippets::with(snippets::SIGLIP, &[("TEMPERATURE", f64_literal(temperature))]),
    }
}

/// Two views of each sample in small batches.
pub fn dcl(facts: &Similarity) -> Advice {
    let (batch, temperature) = (facts.batch, 0.1);
    Advice {
        task: Branch::Similarity,
        facts: vec![format!("two views of each sample, no labels, batches of {batch}")],
        loss: "dcl",
        type_name: "DclLoss",
        why: vec![
            format!(
                "With {} negatives a positive is soon more probable than all of them together, and its gradient in NT-Xent \
                 fades. Here the positive is not in the denominator, and the gradient stays.",
                2 * batch.saturating_sub(1)
            ),
            "The two views are two random augmentations; they decide what the embedding ignores.".to_owned(),
        ],
        hyperparameters: vec![
            TEMPERATURE.starting_at(temperature),
            choice("sigma", "σ", "none", "0.5 (DCLW): samples whose views are far apart count more"),
        ],
        batch: Batch {
            size: Some(batch),
            text: vec![
                format!("{batch} samples with two views each in a batch. Larger is better still, as far as memory goes."),
                "No sample twice in a batch: its second copy would be pushed away as a negative.".to_owned(),
            ],
            ..Batch::default()
        },
        baseline: vec![
            "`NtXentLoss` with the same temperature: from some hundred samples in a batch on the two come close.".to_owned(),
            "`VicRegLoss` or `BarlowTwinsLoss` (`vicreg`, `barlow-twins`), which have no negatives, with a wide projection \
             head."
                .to_owned(),
            "The same encoder with random weights: it tells what the data gives for nothing.".to_owned(),
        ],
        metrics: vec![
            metric("recall-at-k", "k=1 on the few labels that you have"),
            metric("uniformity", "with alignment, where there are no labels at all; the loss itself is no measure"),
            metric("alignment", "of the two views, as one class each"),
        ],
        watch: vec![
            watch(FindingKind::TemperatureTooHigh, "the softmax stays near uniform: lower τ"),
            watch(FindingKind::TemperatureTooLow, "one negative takes all the gradient: raise τ"),
            watch(FindingKind::TooFewNegatives, "a larger batch, or no negatives at all: VICReg"),
            watch(FindingKind::FalseNegatives, "samples of the batch are alike: remove duplicates, or take VICReg"),
            watch(FindingKind::Collapsed, "everything is alike: stronger augmentations, a lower learning rate"),
        ],
        rust: snippets::with(snippets::DCL, &[("TEMPERATURE", f64_literal(temperature))]),
    }
}

/// Two views of each sample where the other samples of a batch may be alike: no negatives.
pub fn vicreg(facts: &Similarity) -> Advice {
    let batch = facts.batch;
    Advice {
        task: Branch::Similarity,
        facts: vec![format!("two views of each sample, no labels, other samples of a batch may be alike, batches of {batch}")],
        loss: "vicreg",
        type_name: "VicRegLoss",
        why: vec![
            "Samples of a batch that are alike would be pushed apart as negatives. VICReg has none: each feature keeps its \
             variance, and features share no information."
                .to_owned(),
            "The two views are two random augmentations; they decide what the embedding ignores.".to_owned(),
        ],
        hyperparameters: vec![
            choice("invariance", "λ", "25", "keeps the views near each other; equal to μ in the paper"),
            choice("variance", "μ", "25", "keeps features from collapsing: below λ training may collapse"),
            choice("covariance", "ν", "1", "keeps features from repeating each other"),
        ],
        batch: Batch {
            size: Some(batch),
            text: vec![
                format!("{batch} samples with two views each. The loss itself asks for no large batch."),
                "A wide projection head (thousands of values) for the loss; the embedding is the layer before it.".to_owned(),
            ],
            ..Batch::default()
        },
        baseline: vec![
            "`BarlowTwinsLoss` (`barlow-twins`, λ = 0.005): the same idea by the correlations between the two views; one \
             weight to choose in place of three."
                .to_owned(),
            "`DclLoss` or `NtXentLoss`, to see what the false negatives cost.".to_owned(),
            "The same encoder with random weights: it tells what the data gives for nothing.".to_owned(),
        ],
        metrics: vec![
            metric("recall-at-k", "k=1 on the few labels that you have"),
            metric("effective-rank", "near 1 the embeddings have collapsed"),
            metric("alignment", "of the two views, as one class each"),
        ],
        watch: vec![],
        rust: snippets::VICREG.to_owned(),
    }
}
