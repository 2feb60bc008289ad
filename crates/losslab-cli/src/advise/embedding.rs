//! Branches of the tree about embeddings: similarity, and two modalities.

mod labels;
mod views;

use super::batch::PxK;
use super::hyperparameters::{CONTRASTIVE_MARGIN, TEMPERATURE, TRIPLET_MARGIN, choice};
use super::situation::{Branch, MultiModal, Similarity, Supervision, measured};
use super::snippets::{self, f64_literal};
use super::{Advice, Batch, Hyperparameter, Named, Watch, metric, watch};
use losslab::diagnostics::FindingKind;

/// Below this there are few triplets in a batch (the handout's second pitfall), and few negatives.
const SMALL_BATCH: usize = 32;

/// Similarity and retrieval: which loss depends on what says what is alike.
pub fn similarity(facts: &Similarity) -> Advice {
    match facts.supervision {
        Supervision::Pairs => pairs(facts),
        Supervision::Triplets => triplets(facts),
        Supervision::Labels if facts.samples_per_class == Some(1) => {
            let mut advice = two_views(facts);
            advice.why.insert(
                0,
                "A usual class has one sample: labels give no positive pair, two views of it do.".to_owned(),
            );
            advice
        }
        Supervision::Labels => labelled(facts),
        Supervision::Unlabelled if facts.shared_matches => views::vicreg(facts),
        Supervision::Unlabelled if facts.batch < views::FEW_NEGATIVES => views::dcl(facts),
        Supervision::Unlabelled => two_views(facts),
    }
}

fn normalize() -> Hyperparameter {
    choice("normalize", "", "true", "embeddings of length 1: a margin says nothing about vectors of any length")
}

/// Which loss of labelled samples depends on how many classes there are, and how often each comes in a batch.
fn labelled(facts: &Similarity) -> Advice {
    let batch = PxK::for_batch(facts.batch, facts.classes, facts.samples_per_class);
    match facts.classes {
        Some(classes) if classes >= labels::MANY_CLASSES => labels::arc_face(facts, classes),
        _ if batch.samples >= labels::MANY_SAMPLES => labels::multi_similarity(facts, batch),
        _ => triplet(facts, batch),
    }
}

/// What is known of labelled samples, in words.
fn known(facts: &Similarity) -> Vec<String> {
    match (&facts.measured, facts.classes) {
        (Some(counts), _) => measured(counts),
        (None, Some(classes)) => vec![format!("{classes} classes, a label for each sample")],
        (None, None) => vec!["a label for each sample".to_owned()],
    }
}

fn triplet(facts: &Similarity, batch: PxK) -> Advice {
    let mut text = vec![format!(
        "P × K = {} classes × {} samples = {} in a batch: {} valid triplets (`PkSampler`).",
        batch.classes,
        batch.samples,
        batch.size(),
        batch.triplets()
    )];
    if facts.classes.is_none_or(|classes| batch.size() < 2 * classes) {
        text.push("In a batch drawn at random, many anchors would have no positive.".to_owned());
    }
    if batch.size() < SMALL_BATCH {
        text.push(format!(
            "{} is small: few triplets are semi-hard. Aim at {SMALL_BATCH} or more, or add the embeddings of earlier \
             batches once training is stable: `MemoryBank` with `forward_with_bank` (XBM).",
            batch.size()
        ));
    }
    if facts.samples_per_class.is_some_and(|samples| samples < batch.samples) {
        text.push(
            "Classes with fewer samples than K come with repetitions; they are no positives worth much.".to_owned(),
        );
    }
    Advice {
        task: Branch::Similarity,
        facts: known(facts),
        loss: "triplet",
        type_name: "TripletLoss",
        why: vec![
            "What counts is whether a sample of the same class is nearer than others, also for classes that come later: \
             that is what a triplet asks for."
                .to_owned(),
            "Semi-hard mining takes negatives that are farther than the positive, but within the margin: easier ones \
             teach nothing, the hardest may collapse the embedding."
                .to_owned(),
            "It leaves distances free between anchors. Where one threshold must fit all classes (verification), \
             `QuadrupletLoss` in the same batches also asks that pairs of one class be closer than pairs of two others."
                .to_owned(),
        ],
        hyperparameters: vec![
            TRIPLET_MARGIN.advice(),
            choice("mining", "", "semi-hard", "then batch-hard once training is stable"),
            normalize(),
        ],
        batch: Batch {
            size: Some(batch.size()),
            classes: Some(batch.classes),
            samples_per_class: Some(batch.samples),
            text,
        },
        baseline: vec![
            "A classifier of the same classes trained with cross-entropy, whose last hidden layer is the embedding, \
             compared by cosine: with up to some hundred classes it is hard to beat."
                .to_owned(),
            "A pretrained network's embeddings as they are.".to_owned(),
        ],
        metrics: vec![
            metric("map-at-r", "sees the order of all that should be found (Musgrave et al. 2020), on classes not trained on"),
            metric("recall-at-k", "k=1: is the nearest of the same class?"),
        ],
        watch: watch_triplets(),
        rust: snippets::with(
            snippets::TRIPLET,
            &[
                ("MARGIN", f64_literal(TRIPLET_MARGIN.start())),
                ("CLASSES", batch.classes.to_string()),
                ("SAMPLES", batch.samples.to_string()),
            ],
        ),
    }
}

fn watch_triplets() -> Vec<Watch> {
    vec![
        watch(FindingKind::TooFewTriplets, "the batch is too small, or classes don't repeat in it: more P, K ≥ 2"),
        watch(FindingKind::AllTripletsEasy, "nothing is left to learn at this margin: mine harder, or raise it"),
        watch(FindingKind::Collapsed, "the loss rests at the margin: semi-hard mining, a lower learning rate"),
        watch(FindingKind::LowRank, "few dimensions carry everything: a larger batch, more classes in it"),
        watch(FindingKind::NotUnitLength, "the margin has no meaning: normalize"),
    ]
}

fn triplets(facts: &Similarity) -> Advice {
    Advice {
        task: Branch::Similarity,
        facts: vec!["given triplets of anchor, positive and negative".to_owned()],
        loss: "triplet-aligned",
        type_name: "AlignedTripletLoss",
        why: vec![
            "The triplets say what is nearer to what, and nothing else: the loss takes them as they are.".to_owned(),
        ],
        hyperparameters: vec![
            TRIPLET_MARGIN.advice(),
            choice(
                "swap",
                "",
                "false",
                "true: the nearer of anchor and positive is what the negative must keep away from",
            ),
            normalize(),
        ],
        batch: Batch {
            size: Some(facts.batch),
            text: vec![
                format!("Shuffled batches of {} triplets: {} embeddings.", facts.batch, 3 * facts.batch),
                "Given triplets soon become easy. If there are labels behind them, `--labels` mines in each batch."
                    .to_owned(),
            ],
            ..Batch::default()
        },
        baseline: vec!["A pretrained network's embeddings as they are: the share of triplets in order.".to_owned()],
        metrics: vec![
            Named {
                name: None,
                why: "the share of held-out triplets whose positive is nearer than the negative".to_owned(),
            },
            metric("recall-at-k", "where there are labels to retrieve by"),
        ],
        watch: vec![
            watch(FindingKind::AllTripletsEasy, "the share of active triplets nears 0: find harder ones"),
            watch(FindingKind::Collapsed, "the loss rests at the margin: a lower learning rate"),
            watch(FindingKind::NotUnitLength, "the margin has no meaning: normalize"),
        ],
        rust: snippets::with(snippets::TRIPLET_ALIGNED, &[("MARGIN", f64_literal(TRIPLET_MARGIN.start()))]),
    }
}

fn pairs(facts: &Similarity) -> Advice {
    Advice {
        task: Branch::Similarity,
        facts: vec!["given pairs that are alike or not".to_owned()],
        loss: "contrastive",
        type_name: "ContrastiveLoss",
        why: vec![
            "A pair says by itself whether two are alike: the loss pulls similar ones together, and pushes others a \
             margin apart."
                .to_owned(),
        ],
        hyperparameters: vec![
            Hyperparameter {
                effect: format!(
                    "{}; of length 1, unrelated vectors are 1.41 apart, and 2 is the farthest",
                    CONTRASTIVE_MARGIN.advice().effect
                ),
                ..CONTRASTIVE_MARGIN.advice()
            },
            normalize(),
        ],
        batch: Batch {
            size: Some(facts.batch),
            text: vec![
                format!("{} pairs in a batch, one to three dissimilar ones for each similar one.", facts.batch),
                "Random dissimilar pairs become easy soon: take some that are confused now.".to_owned(),
                "If there are labels behind the pairs, `--labels` uses every pair of a batch.".to_owned(),
            ],
            ..Batch::default()
        },
        baseline: vec![
            "A pretrained network's cosine with a threshold chosen on validation pairs.".to_owned(),
            "A linear classifier of |x₁ − x₂| and x₁ · x₂ with cross-entropy.".to_owned(),
        ],
        metrics: vec![
            metric("eer", "orientation=distance: one number without a threshold"),
            metric("tar-at-far", "at the rate of false accepts that you can live with"),
            metric("verification-accuracy", "at a threshold chosen on validation pairs, not on the test pairs"),
        ],
        watch: vec![
            watch(FindingKind::Collapsed, "all pairs are near: too few dissimilar ones"),
            watch(FindingKind::NotUnitLength, "the margin has no meaning: normalize"),
            watch(FindingKind::ZeroVectors, "an embedding without direction: look at its input"),
        ],
        rust: snippets::with(snippets::CONTRASTIVE, &[("MARGIN", f64_literal(CONTRASTIVE_MARGIN.start()))]),
    }
}

fn two_views(facts: &Similarity) -> Advice {
    let known = facts.measured.as_ref().map(measured).unwrap_or_default();
    let mut advice = info_nce(Branch::Similarity, facts.batch, false);
    advice.facts = if known.is_empty() { vec!["two views of each sample, no labels".to_owned()] } else { known };
    advice.why.push("The two views are two random augmentations; they decide what the embedding ignores.".to_owned());
    advice.baseline = vec![
        "A pretrained network's embeddings as they are.".to_owned(),
        "The same encoder with random weights: it tells what the data gives for nothing.".to_owned(),
    ];
    advice.metrics = vec![
        metric("recall-at-k", "k=1 on the few labels that you have"),
        metric("uniformity", "with alignment, where there are no labels at all"),
        metric("alignment", "of the two views, as one class each"),
    ];
    advice
}

/// Two modalities: InfoNCE, and SigLIP in very large batches.
pub fn multi_modal(facts: &MultiModal) -> Advice {
    if !facts.shared_matches && facts.batch >= views::LARGE_BATCH {
        return views::siglip(facts.batch);
    }
    let mut advice = info_nce(Branch::MultiModal, facts.batch, facts.shared_matches);
    let matches = if facts.shared_matches { "several matches" } else { "one match" };
    advice.facts = vec![format!("two modalities, {matches} for a sample")];
    if facts.shared_matches {
        advice.why.push(
            "Keys of a query's group are matches, not negatives: `forward_grouped` takes the groups, and every match \
             counts (`positives` = outside)."
                .to_owned(),
        );
    }
    advice.baseline = vec![
        "Frozen pretrained encoders with a linear layer on each side, trained with the same loss.".to_owned(),
        format!(
            "The loss of guessing: ln {} = {:.2}. Above it nothing is learned.",
            facts.batch,
            (facts.batch as f64).ln()
        ),
    ];
    advice.metrics = vec![
        metric("recall-at-k", "k=1, 5, 10 from each modality to the other, with the other as gallery"),
        metric("mrr-retrieval", "one number without k"),
    ];
    advice
}

fn info_nce(task: Branch, batch: usize, grouped: bool) -> Advice {
    let mut text = vec![
        format!(
            "{batch} pairs in a batch: {} negatives for each query. Larger is better, as far as memory goes.",
            batch - 1
        ),
        "Gradient accumulation adds no negatives: they must be in one batch. `GradientCache` takes one that is larger than \
         memory in chunks."
            .to_owned(),
    ];
    if batch < SMALL_BATCH {
        text.push(format!(
            "{batch} is small: the task is too easy to teach much. Aim at {SMALL_BATCH} or more, or add keys of earlier \
             batches: `MemoryBank` with `forward_with_bank` (MoCo)."
        ));
    }
    if !grouped {
        text.push("No sample twice in a batch: its second copy would be pushed away as a negative.".to_owned());
    }
    let mut hyperparameters = vec![
        TEMPERATURE.advice(),
        choice(
            "learned",
            "",
            "true",
            "the temperature is a parameter (CLIP); clip it after each step; false: search it",
        ),
        choice("symmetric", "", "true", "both directions"),
    ];
    if grouped {
        hyperparameters.push(choice(
            "positives",
            "",
            "outside",
            "the mean over the matches; inside: one match suffices",
        ));
    }
    let snippet = if grouped { snippets::INFO_NCE_GROUPED } else { snippets::INFO_NCE };
    Advice {
        task,
        facts: vec![],
        loss: "info-nce",
        type_name: "InfoNceLoss",
        why: vec![
            "To find its match among the whole batch is a classification with as many classes as there are keys: every \
             other row is a negative, and none has to be mined."
                .to_owned(),
        ],
        hyperparameters,
        batch: Batch { size: Some(batch), text, ..Batch::default() },
        baseline: vec![],
        metrics: vec![],
        watch: vec![
            watch(FindingKind::TemperatureTooHigh, "the softmax stays near uniform: lower τ"),
            watch(FindingKind::TemperatureTooLow, "one negative takes all the gradient: raise τ"),
            watch(FindingKind::TooFewNegatives, "a larger batch"),
            watch(FindingKind::FalseNegatives, "matches are pushed apart: remove duplicates, or give the groups"),
            watch(
                FindingKind::Collapsed,
                "everything is alike: stronger differences between samples, a lower learning rate",
            ),
        ],
        rust: snippets::with(
            snippet,
            &[("TEMPERATURE", f64_literal(TEMPERATURE.start())), ("LEARNED", "true".to_owned())],
        ),
    }
}
