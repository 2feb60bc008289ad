//! Branches of the tree about classes: imbalanced, of similar size, calibrated.

use super::hyperparameters::{ALPHA, GAMMA, SMOOTHING, choice};
use super::situation::{Branch, Classes, MILD};
use super::snippets::{self, f64_literal};
use super::{Advice, Batch, metric, watch};
use crate::wording::{share as percent, significant};
use losslab::diagnostics::FindingKind;

/// With more classes than this a weight for each is not printed.
const WEIGHTS: usize = 20;

/// Imbalanced classification: focal loss, unless the classes aren't imbalanced.
pub fn imbalanced(facts: &Classes) -> Advice {
    let share = facts.rare_share.unwrap_or(0.5);
    if !facts.multi_label && share * facts.classes as f64 >= MILD {
        let mut advice = cross_entropy(facts, Branch::Imbalanced);
        advice.why.insert(
            0,
            format!(
                "The rarest of {} classes has {}, at least half of its fair share: that is no imbalance that a loss \
                 has to repair. Focal loss would have nothing to gain here.",
                facts.classes,
                percent(share)
            ),
        );
        return advice;
    }
    if facts.classes <= 2 || facts.multi_label { focal_sigmoid(facts, share) } else { focal_softmax(facts, share) }
}

fn focal_sigmoid(facts: &Classes, share: f64) -> Advice {
    let outputs = if facts.multi_label { facts.classes } else { 1 };
    let alpha = ALPHA.advice();
    let bias = (share / (1.0 - share)).ln();
    let mut why = why_focal(share);
    why.push(match facts.multi_label {
        true => format!("Labels are independent: {outputs} sigmoid outputs, not a softmax."),
        false => "Two classes need one output: a logit, positive for the rare class.".to_owned(),
    });
    Advice {
        task: Branch::Imbalanced,
        facts: facts.facts(),
        loss: "focal-sigmoid",
        type_name: "SigmoidFocalLoss",
        why,
        hyperparameters: vec![
            GAMMA.advice(),
            alpha,
            choice(
                "bias",
                "b",
                format!("{bias:.2}"),
                format!(
                    "of the last layer, at the start: ln(p / (1 − p)) for p = {}, so that the first steps aren't \
                     spent on learning the share",
                    percent(share)
                ),
            ),
        ],
        batch: rare_batch(facts, share),
        baseline: tuned_threshold(),
        metrics: vec![
            metric("auprc", "needs no threshold; its value for guessing is the share of the rare class"),
            metric(
                "f1",
                "at a threshold chosen on the validation part, for every method that is compared (beta=2 where a miss \
                 costs more than a false alarm)",
            ),
            metric("recall", "of the rare class, at the precision that you can live with; never the accuracy"),
        ],
        watch: watch_focal(),
        rust: snippets::with(
            snippets::FOCAL_SIGMOID,
            &[("GAMMA", f64_literal(GAMMA.start())), ("ALPHA", f64_literal(ALPHA.start()))],
        ),
    }
}

fn focal_softmax(facts: &Classes, share: f64) -> Advice {
    let weights = facts.measured.as_ref().filter(|counts| counts.classes.len() <= WEIGHTS).map(|counts| {
        // The square root of the inverse frequency, 1 in the mean: γ already weighs.
        let raw = counts.classes.iter().map(|(_, rows)| (*rows as f64).sqrt().recip()).collect::<Vec<f64>>();
        let mean = raw.iter().sum::<f64>() / raw.len() as f64;
        raw.into_iter().map(|weight| significant(weight / mean)).collect::<Vec<_>>().join(", ")
    });
    let alpha = match &weights {
        Some(weights) => choice(
            "alpha",
            "α",
            weights,
            "a weight for each class, in the order of its labels: the square root of its inverse frequency, as γ weighs \
             too; compare with none",
        ),
        None => choice("alpha", "α", "none", "a weight for each class; compare with the root of its inverse frequency"),
    };
    let literal = weights.map_or("None".to_owned(), |weights| format!("Some(&[{weights}])"));
    let mut why = why_focal(share);
    why.push("Classes exclude each other: a softmax, with class indices as targets, not one-hot rows.".to_owned());
    Advice {
        task: Branch::Imbalanced,
        facts: facts.facts(),
        loss: "focal",
        type_name: "FocalLoss",
        why,
        hyperparameters: vec![GAMMA.advice(), alpha],
        batch: rare_batch(facts, share),
        baseline: vec![
            "Cross-entropy, with the logarithm of each class's share taken off its logit at prediction (one line, no \
             training; Menon et al. 2021): it is to several classes what a tuned threshold is to two."
                .to_owned(),
            "Then cross-entropy with class weights (`CrossEntropyLossConfig::with_weights`).".to_owned(),
            "For two classes, `losslab run focal` measured no significant difference in F1 between focal loss and \
             cross-entropy with a tuned threshold. Expect little, and measure."
                .to_owned(),
        ],
        metrics: vec![
            metric("balanced-accuracy", "every class counts the same"),
            metric("f1", "average=macro: precision counts too"),
        ],
        watch: watch_focal(),
        rust: snippets::with(snippets::FOCAL_SOFTMAX, &[("GAMMA", f64_literal(GAMMA.start())), ("ALPHA", literal)]),
    }
}

fn why_focal(share: f64) -> Vec<String> {
    vec![format!(
        "Only {} are of the rarest class: the sum of many easy common examples drowns the rare ones. Focal loss weighs \
         each by (1 − p)^γ, so that what is right already counts little.",
        percent(share)
    )]
}

/// What `losslab run focal` measured in its quick preset: 6 seeds, mean F1 and AUPRC on the test part.
fn tuned_threshold() -> Vec<String> {
    [
        "Cross-entropy with its decision threshold tuned on the validation part (`choose_threshold`): no other loss, \
         no hyperparameter.",
        "Measured by `losslab run focal` (6 seeds), F1 of the rare class: digits with 2 % rare, focal loss with γ = 2 \
         64.6 %, cross-entropy with a tuned threshold 63.5 %; generated data with 10 % rare 60.0 % against 60.3 %, with \
         1 % rare 27.3 % against 30.6 %. None of these differences is significant: the tuned threshold does as well. \
         AUPRC 68.0 % against 70.0 % (significantly lower), 65.9 % against 66.1 %, 28.1 % against 26.8 %.",
        "So try it on your data: `losslab run focal --data FILE.csv` compares both.",
    ]
    .map(str::to_owned)
    .to_vec()
}

fn watch_focal() -> Vec<super::Watch> {
    vec![
        watch(FindingKind::EasyExamplesDominate, "γ is too low: raise it by 1"),
        watch(
            FindingKind::GammaTooHigh,
            "hard examples get next to no gradient either: lower γ, or raise the learning rate. If training is slow or \
             unsteady only at first, let γ rise during it (`GammaSchedule`, `AdaptiveGamma`; `losslab run \
             curriculum-focal` compares them with fixed γ on your data)",
        ),
    ]
}

/// A batch that holds rare samples.
fn rare_batch(facts: &Classes, share: f64) -> Batch {
    let expected = share * facts.batch as f64;
    let mut text = vec![format!(
        "A batch of {} holds {expected:.1} of the rarest class on average. Shuffle; split train, validation and test so \
         that each has its share of every class.",
        facts.batch
    )];
    if expected < 2.0 {
        let enough = (2.0 / share).ceil();
        text.push(format!(
            "That is too few: many batches have none. Take {enough} or more, or draw rare rows more often (`PkSampler`); \
             the latter changes what the probabilities mean, so choose the threshold on data of the true shares."
        ));
    }
    if let Some(rare) = facts.measured.as_ref().map(|counts| counts.rarest().1).filter(|rare| *rare < 100) {
        text.push(format!(
            "There are only {rare} rows of the rarest class in all: a threshold or a γ chosen on a part of them is half \
             chance. Cross-validate, repeat with several seeds, and report the spread."
        ));
    }
    Batch { size: Some(facts.batch), text, ..Batch::default() }
}

/// Classes of similar size: cross-entropy.
pub fn balanced(facts: &Classes) -> Advice {
    let mut advice = cross_entropy(facts, Branch::Classification);
    let balance = facts.rare_share.map(|share| share * facts.classes as f64);
    if balance.is_some_and(|balance| balance < MILD) {
        advice
            .why
            .push("The rarest class has less than half of its fair share: see also `--task imbalanced`.".to_owned());
    }
    advice
}

fn cross_entropy(facts: &Classes, task: Branch) -> Advice {
    let guess = (facts.classes as f64).ln();
    Advice {
        task,
        facts: facts.facts(),
        loss: "cross-entropy",
        type_name: "CrossEntropyLoss",
        why: vec![
            "Cross-entropy is the standard to begin with: a proper score, nothing to tune, and all others are compared \
             with it. A special loss is for a metric that it fails."
                .to_owned(),
        ],
        hyperparameters: vec![choice(
            "weights",
            "w",
            "none",
            "a weight for each class; 1 / frequency where every class matters the same",
        )],
        batch: Batch {
            size: Some(facts.batch),
            text: vec![format!("Shuffled batches of {}; nothing about the loss asks for more.", facts.batch)],
            ..Batch::default()
        },
        baseline: vec![
            format!("Always the most common class, and the loss of guessing: ln {} = {guess:.2}.", facts.classes),
            "A linear model (logistic regression) on the same features.".to_owned(),
        ],
        metrics: vec![
            metric("accuracy", "where all errors cost the same"),
            metric("balanced-accuracy", "where every class matters the same"),
            metric("nll", "to stop early: it sees overconfidence before the accuracy falls"),
        ],
        watch: vec![],
        rust: snippets::CROSS_ENTROPY.to_owned(),
    }
}

/// Calibrated probabilities: label smoothing, after temperature scaling.
pub fn calibration(facts: &Classes) -> Advice {
    let classes = facts.classes as f64;
    let mut why = vec![
        "Hard targets can be reached by no finite logits, so that training drives the confidence up without end. Label \
         smoothing gives every class ε/K, and with it a finite best logit."
            .to_owned(),
    ];
    let mut start = SMOOTHING.start();
    if let Some(share) = facts.rare_share.filter(|share| start / classes > *share) {
        // Half of what the rarest class has.
        start = significant(share * classes / 2.0).parse().expect("a number");
        why.push(format!(
            "With ε = 0.1 each of {classes} classes would get {}, more than the {} that the rarest has: it would be \
             predicted too often. So ε starts lower.",
            percent(SMOOTHING.start() / classes),
            percent(share)
        ));
    }
    Advice {
        task: Branch::Calibration,
        facts: facts.facts(),
        loss: "label-smoothing",
        type_name: "LabelSmoothingLoss",
        why,
        hyperparameters: vec![
            SMOOTHING.starting_at(start),
            choice(
                "convention",
                "",
                "uniform",
                "ε/K to every class, as PyTorch; `others` is ε/(K − 1) to the wrong ones",
            ),
        ],
        batch: Batch {
            size: Some(facts.batch),
            text: vec![
                format!("Shuffled batches of {}; nothing about the loss asks for more.", facts.batch),
                "Keep a validation part that nothing is trained on: calibration is measured and fitted there."
                    .to_owned(),
            ],
            ..Batch::default()
        },
        baseline: vec![
            "Temperature scaling of the network that you have (`TemperatureScaling::fit`): one number fitted on the \
             validation part, no training, the same predictions. Often that is all it takes (Guo et al. 2017)."
                .to_owned(),
            "Compare after temperature scaling on both sides. Label smoothing also makes a network a worse teacher for \
             distillation (Müller et al. 2019)."
                .to_owned(),
        ],
        metrics: vec![
            metric("nll", "the metric to choose by: it is proper, and sees calibration and accuracy"),
            metric("ece", "in words of confidence; report the number of bins with it"),
            metric("ece-debiased", "with few samples, where the plain error is mostly chance"),
            metric("accuracy", "must not fall"),
        ],
        watch: vec![],
        rust: snippets::with(snippets::LABEL_SMOOTHING, &[("SMOOTHING", f64_literal(start))]),
    }
}
