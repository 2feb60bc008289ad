//! Labelled samples: many classes, or many samples of each in a batch.

use super::super::batch::PxK;
use super::super::hyperparameters::choice;
use super::super::situation::{Branch, Similarity};
use super::super::snippets::{self, f64_literal};
use super::super::{Advice, Batch, metric, watch};
use super::known;
use losslab::diagnostics::FindingKind;

/// From so many classes on a classifier by angles is worth its vector for each class.
pub const MANY_CLASSES: usize = 1000;

/// From so many samples of a class in a batch on there are more pairs than mined triplets use.
pub const MANY_SAMPLES: usize = 9;

/// ε of the pair mining of the paper (Wang et al. 2019).
const EPSILON: f64 = 0.1;

/// Many classes: a classifier whose last hidden layer is the embedding.
pub fn arc_face(facts: &Similarity, classes: usize) -> Advice {
    Advice {
        task: Branch::Similarity,
        facts: known(facts),
        loss: "arc-face",
        type_name: "ArcFaceLoss",
        why: vec![
            format!(
                "With {classes} classes a batch holds few samples of each: pairs and triplets see little of the whole. A \
                 classifier compares every sample with a vector for each class."
            ),
            "The margin on the angle makes room between classes, so that angles also tell classes apart that come later."
                .to_owned(),
        ],
        hyperparameters: vec![
            choice("margin", "m", "0.5", "in radians; start at 0.1 to 0.3 where training doesn't start to move"),
            choice("scale", "s", "64", "16 to 64: lower with fewer classes or noisy labels"),
            choice("beyond", "", "monotone", "easy-margin: no margin for samples that are far from their class"),
        ],
        batch: Batch {
            size: Some(facts.batch),
            text: vec![
                format!("Shuffled batches of {}; classes needn't repeat in them.", facts.batch),
                format!("The scores take {} values for a batch, and each class has a vector to be trained.", classes * facts.batch),
                "New classes have no vector: compare their embeddings by cosine.".to_owned(),
            ],
            ..Batch::default()
        },
        baseline: vec![
            "Cross-entropy of the same network, whose last hidden layer is compared by cosine.".to_owned(),
            "`CosFaceLoss` (`cos-face`, m = 0.35): a margin on the cosine, which is milder at wide angles and easier to \
             start. Published results of the two are close."
                .to_owned(),
            "A triplet loss with P × K batches (`losslab advise --task similarity --labels` without --classes).".to_owned(),
        ],
        metrics: vec![
            metric("tar-at-far", "verification at the rate of false accepts that you can live with, on classes not trained on"),
            metric("recall-at-k", "k=1: is the nearest of the same class?"),
            metric("map-at-r", "sees the order of all that should be found"),
        ],
        watch: vec![],
        rust: snippets::with(snippets::ARC_FACE, &[("CLASSES", classes.to_string())]),
    }
}

/// Many samples of each class in a batch: all pairs, weighed by how hard they are.
pub fn multi_similarity(facts: &Similarity, batch: PxK) -> Advice {
    let pairs = batch.size() * (batch.samples - 1) / 2;
    Advice {
        task: Branch::Similarity,
        facts: known(facts),
        loss: "multi-similarity",
        type_name: "MultiSimilarityLoss",
        why: vec![
            format!(
                "A batch holds {} samples of each class, {pairs} positive pairs: a mined triplet takes one negative for each \
                 and leaves the others unused. This loss weighs every pair by how hard it is among the others of its sample.",
                batch.samples
            ),
            "Measured under equal conditions the losses of this kind differ little (Musgrave et al. 2020): the batches and \
             the encoder matter more."
                .to_owned(),
        ],
        hyperparameters: vec![
            choice("base", "λ", "0.5", "the cosine that positives are to exceed and negatives to stay below"),
            choice("alpha", "α", "2", "how much more hard positives count"),
            choice("beta", "β", "50", "how much more hard negatives count; lower it where labels are noisy"),
            choice("epsilon", "ε", "0.1", "of the pair mining; none takes all pairs"),
        ],
        batch: Batch {
            size: Some(batch.size()),
            classes: Some(batch.classes),
            samples_per_class: Some(batch.samples),
            text: vec![format!(
                "P × K = {} classes × {} samples = {} in a batch (`PkSampler`).",
                batch.classes,
                batch.samples,
                batch.size()
            )],
        },
        baseline: vec![
            "A classifier of the same classes trained with cross-entropy, whose last hidden layer is the embedding, \
             compared by cosine: with up to some hundred classes it is hard to beat."
                .to_owned(),
            "`TripletLoss` with semi-hard mining on the same batches.".to_owned(),
            "`CircleLoss` (`circle`, m = 0.4, γ = 80): one margin for both kinds of pairs, where a threshold must hold for \
             all classes."
                .to_owned(),
        ],
        metrics: vec![
            metric("map-at-r", "sees the order of all that should be found (Musgrave et al. 2020), on classes not trained on"),
            metric("recall-at-k", "k=1: is the nearest of the same class?"),
        ],
        watch: vec![
            watch(FindingKind::TooFewTriplets, "classes don't repeat in the batch: more samples of each"),
            watch(FindingKind::Collapsed, "all pairs are near: a lower learning rate, a lower β"),
            watch(FindingKind::LowRank, "few dimensions carry everything: a larger batch, more classes in it"),
            watch(FindingKind::ZeroVectors, "an embedding without direction: look at its input"),
        ],
        rust: snippets::with(
            snippets::MULTI_SIMILARITY,
            &[
                ("EPSILON", f64_literal(EPSILON)),
                ("CLASSES", batch.classes.to_string()),
                ("SAMPLES", batch.samples.to_string()),
            ],
        ),
    }
}
