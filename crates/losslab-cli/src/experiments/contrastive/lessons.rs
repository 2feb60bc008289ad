//! What to learn from a run, written from its numbers.

use super::{method::Method, results::Results, story::UNTRAINED};
use crate::{
    experiments::common::{ByMethod, Difference, verdict},
    outcome::Lesson,
    wording::{list, percent, tested},
};

/// The lessons of a run.
pub fn learn(results: &Results, held_out: &str) -> Vec<Lesson> {
    vec![
        gain(results),
        transfer(results, held_out),
        margin(results),
        normalisation(results),
        labels(results),
        trust(results),
    ]
}

fn lesson(title: &str, lead: String, points: Vec<String>, conclusion: String) -> Lesson {
    Lesson { title: title.to_owned(), lead, points, conclusion }
}

/// `seen digits: −3.2 points (p = 0.012)`.
fn changes(results: &Results, method: Method, other: Method) -> Vec<String> {
    [("seen_eer", "Seen digits"), ("held_out_eer", "Held-out digits")]
        .map(|(metric, digits)| {
            let difference = results.difference(metric, method, other);
            format!(
                "{digits}: {} instead of {}, {}.",
                percent(results.mean(method, metric)),
                percent(results.mean(other, metric)),
                tested(difference.mean, difference.test)
            )
        })
        .to_vec()
}

fn gain(results: &Results) -> Lesson {
    let best = results.best;
    let eer = |method: Method| results.mean(method, "seen_eer");
    let [pixels, untrained] = [Method::Pixels, UNTRAINED].map(eer);
    let start = if (untrained - 0.5).abs() > 0.05 {
        format!(
            "The untrained network is wrong on {} of the pairs, and chance would be 50 %: random weights keep much of what an \
             image looks like, so “before training” isn't “random”.",
            percent(untrained)
        )
    } else {
        format!("The untrained network is about as good as chance ({} wrong).", percent(untrained))
    };
    let against = results.difference("seen_eer", UNTRAINED, Method::Pixels);
    let which = match (against.is_loss(), against.is_gain()) {
        (true, _) => "It even beats the distance of pixels",
        (_, true) => "The distance of pixels, which costs no training at all, beats it",
        _ => "It isn't significantly different from the distance of pixels, which costs no training at all",
    };
    let change = results.difference("seen_eer", best, Method::Pixels);
    let conclusion = if change.is_loss() {
        format!(
            "What a trained network is worth shows against the pixels: it leaves {} of the errors that they make.",
            percent(eer(best) / pixels.max(f64::EPSILON))
        )
    } else {
        "Against the pixels the training has brought no significant gain: without that baseline one would have taken the \
         whole way from the untrained network for success."
            .to_owned()
    };
    lesson(
        "Compare with what needs no learning",
        format!("{start} {which}: {} wrong ({}).", percent(pixels), verdict(against.test)),
        vec![
            format!("Trained minus untrained: {}.", change_of(results, "seen_eer", best, UNTRAINED)),
            format!("Trained minus pixels: {}.", change_of(results, "seen_eer", best, Method::Pixels)),
        ],
        conclusion,
    )
}

fn change_of(results: &Results, metric: &str, method: Method, other: Method) -> String {
    let Difference { mean, test } = results.difference(metric, method, other);
    tested(mean, test)
}

fn transfer(results: &Results, held_out: &str) -> Lesson {
    let best = results.best;
    let gain = |metric: &str| results.difference(metric, best, Method::Pixels);
    let [seen, new] = ["seen_eer", "held_out_eer"].map(gain);
    let mean = |metric: &str| results.mean(best, metric);
    let what = match (new.is_loss(), new.is_gain()) {
        (true, _) => {
            "What the network learned about other digits carries over: it beats the pixels on digits it never saw"
        }
        (_, true) => {
            "What the network learned about other digits does harm here: on digits it never saw the pixels do better"
        }
        _ => "On digits it never saw, the network isn't significantly different from the distance of pixels",
    };
    let shrink = if seen.is_loss() && new.mean > seen.mean {
        format!(
            " The gain over the pixels is {:.1} points on seen digits and {:.1} points on held-out ones: the embedding is \
             made for the digits it was trained on.",
            -100.0 * seen.mean,
            -100.0 * new.mean
        )
    } else {
        String::new()
    };
    let loses = 1.0 - mean("held_out_eer") - mean("held_out_accuracy");
    let threshold = if mean("held_out_eer") > 0.45 {
        "Close to chance on held-out pairs, no threshold is of much use there.".to_owned()
    } else if loses > 0.02 {
        format!(
            "The threshold is part of what doesn't carry over: the one from seen digits is right on {} of the held-out \
             pairs, where that of the equal error rate would be right on {}. It stands at {:.2} and would have to be at {:.2}. \
             New classes need validation pairs of their own.",
            percent(mean("held_out_accuracy")),
            percent(1.0 - mean("held_out_eer")),
            mean("threshold"),
            mean("held_out_eer_threshold"),
        )
    } else {
        format!(
            "The threshold carries over: chosen on seen digits, it is right on {} of the held-out pairs, and that of the \
             equal error rate on {}.",
            percent(mean("held_out_accuracy")),
            percent(1.0 - mean("held_out_eer"))
        )
    };
    lesson(
        "Digits that no training ever saw",
        format!("{what} ({held_out}).{shrink}"),
        changes(results, best, Method::Pixels),
        threshold,
    )
}

fn margin(results: &Results) -> Lesson {
    let normalised: Vec<Method> = results
        .methods
        .iter()
        .filter(|method| matches!(method, Method::Trained(recipe) if recipe.normalise) && **method != results.mixed_up)
        .copied()
        .collect();
    let point = |method: &Method| {
        format!(
            "Margin {}: {} of the different pairs are beyond it before training and {} after, EER {} on seen and {} on \
             held-out digits.",
            results.margin(*method).unwrap_or_default(),
            percent(results.mean(*method, "beyond_before")),
            percent(results.mean(*method, "beyond_after")),
            percent(results.mean(*method, "seen_eer")),
            percent(results.mean(*method, "held_out_eer"))
        )
    };
    let best = results.best;
    let apart: Vec<String> = normalised
        .iter()
        .filter(|method| **method != best && results.difference("seen_eer", best, **method).is_loss())
        .filter_map(|method| results.margin(*method))
        .map(|margin| margin.to_string())
        .collect();
    let chosen = results.margin(best).unwrap_or_default();
    let ends = [normalised.first(), normalised.last()].map(|method| method.copied().unwrap_or(best));
    let [near, far] = ends.map(|method| results.mean(method, "seen_different_distance"));
    let conclusion = match (normalised.len(), apart.as_slice()) {
        (1, _) => String::new(),
        (_, []) => format!(
            "Validation pairs choose {chosen}. On the test pairs of seen digits it isn't significantly better than any other \
             of these margins, though the mean distance of different digits goes from {near:.2} with the first of them to \
             {far:.2} with the last."
        ),
        (_, some) => format!(
            "Validation pairs choose {chosen}, and on the test pairs of seen digits it is significantly better than {}.",
            list(some)
        ),
    };
    lesson(
        "What the margin does",
        "A different pair beyond the margin costs nothing and sends no gradient. A small margin is soon reached, and then a \
         batch teaches through its few close pairs; a large one keeps pushing:"
            .to_owned(),
        normalised.iter().map(point).collect(),
        conclusion,
    )
}

fn normalisation(results: &Results) -> Lesson {
    let Results { best, best_raw, .. } = *results;
    let raw = Method::Untrained { normalise: false };
    let change = ["seen_eer", "held_out_eer"].map(|metric| results.difference(metric, best, best_raw));
    let conclusion = match change.map(|difference| (difference.is_loss(), difference.is_gain())) {
        [(true, _), (true, _)] => "Normalised embeddings are better on both, as the handout has it.",
        [(_, true), (_, true)] => "Raw embeddings are better on both, against the handout's rule.",
        [(false, false), (false, false)] => {
            "No difference is beyond chance in this run: what normalisation brings is a margin that means the same for every \
             network."
        }
        [(true, _), _] => "Normalised embeddings are better on seen digits only.",
        [_, (true, _)] => "Normalised embeddings are better on held-out digits only.",
        [(_, true), _] => "Raw embeddings are better on seen digits, against the handout's rule.",
        [_, (_, true)] => "Raw embeddings are better on held-out digits, against the handout's rule.",
    };
    lesson(
        "Forgetting to normalise",
        format!(
            "Before training, two different digits are on average {:.2} apart if embeddings are raw, and {:.2} if they have \
             length 1. Of the different pairs, {} are beyond a margin of {} at the start where embeddings are raw, and {} beyond a margin of {} where they are normalised. Raw distances change \
             with the first weights, the layers and the scaling of the input, so a margin must be found anew each time. \
             Normalised minus raw, each with the margin that is best on validation pairs:",
            results.mean(raw, "seen_different_distance"),
            results.mean(UNTRAINED, "seen_different_distance"),
            percent(results.mean(best_raw, "beyond_before")),
            results.margin(best_raw).unwrap_or_default(),
            percent(results.mean(best, "beyond_before")),
            results.margin(best).unwrap_or_default(),
        ),
        changes(results, best, best_raw),
        conclusion.to_owned(),
    )
}

fn labels(results: &Results) -> Lesson {
    let Results { reference, mixed_up, .. } = *results;
    let auroc = results.mean(mixed_up, "seen_auroc");
    let distance = |method: Method, kind: &str| results.mean(method, &format!("seen_{kind}_distance"));
    let [first, last] = [0, 1].map(|end| {
        results.mean_of(mixed_up, |trial| {
            let watched = &trial.history.watched;
            watched[if end == 0 { 0 } else { watched.len() - 1 }].loss
        })
    });
    let outcome = match (distance(mixed_up, "same") > distance(mixed_up, "different"), auroc < 0.5) {
        (true, true) => {
            "Same digits end farther apart than different ones: the network has learned the opposite of its task"
        }
        (false, false) => {
            "Same digits are still a little closer than different ones, as they were before: images that look alike are hard \
             to push apart while all others are pulled together"
        }
        _ => {
            "By their mean distance and by their ranking the pairs say different things: what was there before training is gone"
        }
    };
    let change = results.difference("seen_eer", mixed_up, UNTRAINED);
    let harm = match (change.is_gain(), change.is_loss()) {
        (true, _) => "significantly worse than without any training",
        (_, true) => "significantly better than without any training",
        _ => "not significantly different from no training at all",
    };
    lesson(
        "Why the loss takes `similar: Bool`",
        format!(
            "With its labels read the wrong way round the loss on validation pairs goes from {first:.3} to {last:.3}{}. {outcome}.",
            if last < first { ", and nothing in the loss curve gives the mistake away" } else { "" }
        ),
        vec![
            format!(
                "Read rightly: distance {:.2} for same and {:.2} for different digits, EER {}, AUROC {}.",
                distance(reference, "same"),
                distance(reference, "different"),
                percent(results.mean(reference, "seen_eer")),
                percent(results.mean(reference, "seen_auroc")),
            ),
            format!(
                "Read wrongly: distance {:.2} for same and {:.2} for different digits, EER {}, AUROC {}: {harm}; the EER changes by {}.",
                distance(mixed_up, "same"),
                distance(mixed_up, "different"),
                percent(results.mean(mixed_up, "seen_eer")),
                percent(auroc),
                tested(change.mean, change.test),
            ),
        ],
        "A number 0 or 1 doesn't say what it means; a flag named `similar` does. Where labels come as numbers, \
         `similar_where_one` and `similar_where_zero` make the reader say which convention his data have. The quick test of \
         any pair loss: same pairs must get closer than different ones, on data it was not trained on."
            .to_owned(),
    )
}

fn trust(results: &Results) -> Lesson {
    let settings = results.settings;
    let kind = settings.pairs / 2;
    lesson(
        "How far to trust these numbers",
        "A seed draws the first weights, the batches, the training pairs and the test pairs; all methods share them, which \
         is why differences are tested in pairs."
            .to_owned(),
        vec![
            format!(
                "{kind} test pairs are of different digits, so a false accept rate of 1 % rests on {} of them.",
                kind / 100
            ),
            "The equal error rate, TAR and the ROC curves read their thresholds off the test pairs, as is usual; the \
             accuracies use the one from the validation part."
                .to_owned(),
            "Pairs of a seed share images and the seeds share the test part, so the spread over the seeds is smaller than that \
             of fresh images would be."
                .to_owned(),
        ],
        format!(
            "One choice of held-out digits is one experiment: `--set held_out=3,5` or `--set held_out=0,1,2` asks the same \
             of others. {} digits make few kinds of different pairs.",
            settings.held_out.len()
        ),
    )
}
