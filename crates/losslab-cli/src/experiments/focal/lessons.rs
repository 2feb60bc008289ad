//! What to learn from a run, written from its numbers.

use super::{
    HANDOUT_COMMON, Settings,
    hardness::EDGES,
    results::{CROSS_ENTROPY, Results, TUNED, focal_name, reference},
    story::{COMPARISONS, criterion_key},
};
use crate::{
    experiments::common::ByMethod,
    outcome::Lesson,
    statistics::LEVEL,
    wording::{list, percent, tested},
};
use std::ops::Range;

/// Accuracies that the handout expects: common and rare class, of cross-entropy and of focal loss.
const HANDOUT: [[f64; 2]; 2] = [[0.99, 0.20], [HANDOUT_COMMON, 0.85]];

/// The lessons of a run.
pub fn learn(settings: &Settings, results: &[Results]) -> Vec<Lesson> {
    let lessons = [
        Some(gain_and_price(settings, results)),
        Some(threshold(settings, results)),
        gamma_or_alpha(settings, results),
        Some(gradient(settings, results)),
        Some(handout(settings, results)),
        Some(trust(settings, results)),
    ];
    lessons.into_iter().flatten().collect()
}

/// A lesson with a point for each data set, named by it.
fn lesson<'a>(
    title: &str,
    lead: String,
    results: &'a [Results<'a>],
    point: impl Fn(&'a Results<'a>) -> String,
    conclusion: String,
) -> Lesson {
    let points = results.iter().map(|results| format!("{}: {}", results.set.title, point(results))).collect();
    Lesson { title: title.to_owned(), lead, points, conclusion }
}

/// One method minus another, in words.
fn change(results: &Results, metric: &str, method: &str, other: &str) -> String {
    let difference = results.difference(metric, method, other);
    tested(difference.mean, difference.test)
}

fn gain_and_price(settings: &Settings, results: &[Results]) -> Lesson {
    let focal = reference(settings);
    let won = names(results, |r| r.difference("recall", &focal, CROSS_ENTROPY).is_gain());
    lesson(
        "What focal loss gains, and at what price",
        format!("Focal loss with γ = {} minus cross-entropy, both at the threshold ½:", settings.reference_gamma()),
        results,
        |results| {
            let change = |metric| change(results, metric, &focal, CROSS_ENTROPY);
            let (recall, precision, common) = (change("recall"), change("precision"), change("common_accuracy"));
            format!("recall {recall}, precision {precision}, accuracy on the common class {common}.")
        },
        match won.len() {
            0 => "No gain in recall is beyond chance.".to_owned(),
            all if all == results.len() => "Every gain in recall is beyond chance.".to_owned(),
            _ => format!("The gain in recall is beyond chance on: {}.", list(&won)),
        },
    )
}

fn threshold(settings: &Settings, results: &[Results]) -> Lesson {
    let focal = reference(settings);
    let (criterion, name) = (criterion_key(settings), settings.criterion.title());
    let won = names(results, |r| r.difference(criterion, &focal, TUNED).is_gain());
    let ranked = names(results, |r| r.difference("auprc", &focal, CROSS_ENTROPY).is_gain());
    let or_none = |names: &[String]| if names.is_empty() { "no data set".to_owned() } else { list(names) };
    lesson(
        "The honest competitor: move the threshold",
        "A cross-entropy network need not have given up the rare class when it flags little of it: where a row is more \
         likely common than rare, a probability below one half is the right answer. The same network with a threshold chosen on the validation part:"
            .to_owned(),
        results,
        |results| {
            format!(
                "recall {} instead of {}, at a mean threshold of {:.2}. Focal loss minus that: {name} {}. As a ranking, \
                 whatever the threshold (AUPRC), focal loss minus cross-entropy: {}.",
                percent(results.mean(TUNED, "recall")),
                percent(results.mean(CROSS_ENTROPY, "recall")),
                results.mean(TUNED, "threshold"),
                change(results, criterion, &focal, TUNED),
                change(results, "auprc", &focal, CROSS_ENTROPY),
            )
        },
        if won.is_empty() && ranked.is_empty() {
            format!(
                "Focal loss is nowhere significantly better than the tuned threshold in {name}, nor than cross-entropy \
                 in AUPRC: what it gains in this run is a better threshold, not a better network."
            )
        } else {
            format!(
                "Focal loss is significantly better than the tuned threshold on {}, and ranks significantly better than \
                 cross-entropy on {}.",
                or_none(&won),
                or_none(&ranked)
            )
        },
    )
}

/// Focal loss with γ against focal loss with γ = 0: the same choice of α, so what is left is γ's doing.
fn gamma_or_alpha(settings: &Settings, results: &[Results]) -> Option<Lesson> {
    let (focal, plain) = (reference(settings), focal_name(0.0));
    if !settings.gamma.contains(&0.0) || focal == plain {
        return None;
    }
    let criterion = criterion_key(settings);
    let gamma = settings.reference_gamma();
    let score = |results: &Results, gamma: f64| results.mean(&focal_name(gamma), criterion);
    let apart = names(results, |r| r.difference(criterion, &focal, &plain).is_significant());
    Some(lesson(
        "Is it γ or α?",
        format!(
            "Focal loss with γ = 0 is cross-entropy with a class weight α that is chosen in the same way. What γ = {gamma} \
             adds to that, in {}:",
            settings.criterion.title()
        ),
        results,
        |results| {
            let best = settings.gamma.iter().copied().max_by(|a, b| score(results, *a).total_cmp(&score(results, *b)));
            let best = best.unwrap_or(gamma);
            format!(
                "{}; the best mean of all, {}, has γ = {best}.",
                change(results, criterion, &focal, &plain),
                percent(score(results, best))
            )
        },
        match apart.len() {
            0 => "None of this is beyond chance: γ adds nothing here that a chosen class weight does not give."
                .to_owned(),
            _ => format!("Beyond chance on: {}.", list(&apart)),
        },
    ))
}

fn gradient(settings: &Settings, results: &[Results]) -> Lesson {
    let last = EDGES.len() - 1;
    lesson(
        "Easy examples and the gradient",
        "Training examples after the first epoch of cross-entropy, by the probability p_t of their true class, and the \
         gradient that they would send back:"
            .to_owned(),
        results,
        |results| {
            let examples = |classes: Range<usize>| {
                percent(results.mean_of(|study| study.gradient.examples[classes.clone()].iter().sum()))
            };
            let mut text = format!("{} are easy (p_t ≥ 0.95) and {} wrong (p_t < 0.5)", examples(last..last + 1), examples(0..2));
            for (at, gamma) in settings.gamma.iter().enumerate() {
                let share = |classes: Range<usize>| {
                    percent(results.mean_of(|study| study.gradient.gradients[at][classes.clone()].iter().sum()))
                };
                if *gamma == 0.0 || *gamma == settings.reference_gamma() {
                    let (easy, wrong) = (share(last..last + 1), share(0..2));
                    text += &format!("; with γ = {gamma} the easy ones send {easy} of the gradient, the wrong ones {wrong}");
                }
            }
            text + "."
        },
        String::new(),
    )
}

/// Why the measured shares are not the handout's.
fn handout(settings: &Settings, results: &[Results]) -> Lesson {
    let [[plain_common, plain_rare], [focal_common, focal_rare]] = HANDOUT;
    let slope = (focal_rare - plain_rare) / (plain_common - focal_common);
    let focal = reference(settings);
    lesson(
        "Why these are not the handout's numbers",
        format!(
            "To get from 99 % and 20 % to 95 % and 85 %, a network must flag examples that are on average {slope:.0} times \
             as frequent in the rare class as in the common one. But a network that has fitted cross-entropy well flags by \
             itself whatever is more frequent than the odds of the common class."
        ),
        results,
        |results| {
            let share = results.mean_of(|study| study.rare_share);
            let odds = (1.0 - share) / share;
            let verdict = if odds < slope {
                "so it flags them without focal loss, and both results together cannot come from well-fitted networks"
            } else {
                "so cross-entropy may leave them out, and the step is possible in principle"
            };
            let limit = results.set.generator().map_or(String::new(), |generator| {
                format!(
                    " With 95 % of the common class right, no classifier at all finds more than {} of the rare class: \
                     the overlap of the classes sets that limit, not the loss.",
                    percent(generator.best_recall(focal_common))
                )
            });
            let at_95 = |method: &str| percent(results.mean(method, "recall_at_95_common"));
            format!(
                "the odds are {odds:.0}, {verdict}.{limit} Measured where 95 % of the common class are right, whatever \
                 the threshold, cross-entropy finds {} and focal loss {}: {}.",
                at_95(CROSS_ENTROPY),
                at_95(&focal),
                change(results, "recall_at_95_common", &focal, CROSS_ENTROPY)
            )
        },
        String::new(),
    )
}

fn trust(settings: &Settings, results: &[Results]) -> Lesson {
    let compared = results.len() * COMPARISONS;
    let mut conclusion = format!(
        "Only α and the tuned threshold are chosen, both on the validation part by {}.",
        settings.criterion.title()
    );
    if results.iter().any(|results| results.set.is_digits()) {
        conclusion += " The seeds of the digits draw from the same test images, so their spread is a little smaller than \
                       that of fresh images would be.";
    }
    lesson(
        "How far to trust these numbers",
        format!(
            "A seed draws the data or their split, the first weights and the order of the batches; all methods share \
             them, which is why differences are tested in pairs. Of the {compared} differences in the tables above about \
             {:.0} would look significant by chance alone. How much one test example of the rare class weighs:",
            compared as f64 * LEVEL
        ),
        results,
        |results| {
            let rare = results.studies[0].cross_entropy.counts.positives();
            format!("{rare} of them for each seed, one moves recall by {:.1} points.", 100.0 / rare as f64)
        },
        conclusion,
    )
}

/// The titles of the data sets for which `holds`.
fn names(results: &[Results], holds: impl Fn(&Results) -> bool) -> Vec<String> {
    results.iter().filter(|results| holds(results)).map(|results| results.set.title.clone()).collect()
}
