//! What the handout expects beside what a run measured.

use super::{
    emoji::EmojiStudy,
    methods::{self, CHOSEN, IGNORED, MLP, REFERENCE},
    results::{Measured, RECALL, Results, SEEN, UNSEEN},
    settings::{CLIP, SIMCLR},
    zero_shot::Study,
};
use crate::{
    data::shapes::CLASSES,
    experiments::common::{ByMethod, Difference},
    outcome::Check,
    wording::{mean_and_spread, tested},
};

/// Zero-shot accuracy on unseen combinations is near that on seen ones when it is at most this much lower.
pub const NEAR: f64 = 0.1;
/// What guessing one of the combinations reaches.
pub const CHANCE: f64 = 1.0 / CLASSES as f64;

/// Each expectation for the generated pairs.
pub fn shapes(results: &Results<Study>) -> Vec<Check> {
    let settings = results.settings;
    let mut checks = vec![
        Check {
            name: "shapes: zero-shot on unseen combinations against guessing".to_owned(),
            expected: format!("above {:.1} %, p < 0.05", 100.0 * CHANCE),
            measured: format!("{} %", mean_and_spread(results.metric(REFERENCE, UNSEEN))),
            holds: results.above(UNSEEN, REFERENCE, CHANCE).is_gain(),
        },
        Check {
            name: "shapes: zero-shot on unseen combinations against seen ones".to_owned(),
            expected: format!("near: at most {:.0} points lower", 100.0 * NEAR),
            measured: text(results.difference_of(REFERENCE, UNSEEN, SEEN)),
            holds: results.difference_of(REFERENCE, UNSEEN, SEEN).mean >= -NEAR,
        },
        better(results, "convolutional tower against the MLP, Recall@1", RECALL, REFERENCE, MLP),
        better(results, "convolutional tower against the MLP, zero-shot on unseen", UNSEEN, REFERENCE, MLP),
        better(
            results,
            "captions of one meaning as matches against as negatives, Recall@1",
            RECALL,
            REFERENCE,
            IGNORED,
        ),
        ensemble(results),
    ];
    checks.extend(temperature(results));
    let (small, large) = batch_ends(results);
    if small < large {
        let [small_name, large_name] = [small, large].map(|size| methods::batch(settings, size));
        let name = format!("batch {large} against {small}, as many pairs seen, Recall@1");
        checks.push(better(results, &name, RECALL, &large_name, &small_name));
        if large_name != REFERENCE && small_name != REFERENCE {
            let name = format!("batch {large} against {}, as many pairs seen, Recall@1", settings.reference_batch());
            checks.push(better(results, &name, RECALL, &large_name, REFERENCE));
        }
    }
    checks
}

/// The smallest and the largest batch.
pub fn batch_ends(results: &Results<Study>) -> (usize, usize) {
    let sizes = &results.settings.batch;
    sizes.iter().fold((sizes[0], sizes[0]), |(low, high), size| (low.min(*size), high.max(*size)))
}

/// The lowest and the highest fixed temperature.
pub fn temperature_ends(results: &Results<Study>) -> (f64, f64) {
    let values = &results.settings.temperature;
    values.iter().fold((f64::INFINITY, 0.0_f64), |(low, high), value| (low.min(*value), high.max(*value)))
}

/// Pitfall 3 of the handout, its defaults, and learning.
fn temperature(results: &Results<Study>) -> Vec<Check> {
    let settings = results.settings;
    let reference = settings.reference_temperature();
    let (low, high) = temperature_ends(results);
    let mut checks = Vec::new();
    let mut worse = |temperature: f64, why: &str| {
        let difference = results.difference(RECALL, &methods::fixed(settings, temperature), REFERENCE);
        checks.push(Check {
            name: format!("shapes: τ = {temperature} against τ = {reference}, Recall@1"),
            expected: format!("{why}: worse, p < 0.05"),
            measured: text(difference),
            holds: difference.is_loss(),
        });
    };
    if high > reference {
        worse(high, "too high");
    }
    if low < reference {
        worse(low, "too low");
        let name = methods::fixed(settings, low);
        let spread = |method: &str| results.mean(method, "loss_spread");
        checks.push(Check {
            name: format!("shapes: τ = {low}, numerical instability"),
            expected: format!("the loss varies more from batch to batch than at τ = {reference}, p < 0.05"),
            measured: format!(
                "every loss is finite; in the last epoch its standard deviation is {:.3} nats, {:.3} at τ = {reference}",
                spread(&name),
                spread(REFERENCE)
            ),
            holds: results.difference("loss_spread", &name, REFERENCE).is_gain(),
        });
    }
    for (value, whose) in [(CLIP, "CLIP"), (SIMCLR, "SimCLR")] {
        if settings.temperature.contains(&value) {
            let difference = results.difference(RECALL, CHOSEN, &methods::fixed(settings, value));
            checks.push(Check {
                name: format!("shapes: τ = {value}, the default of {whose}, Recall@1"),
                expected: "good: the τ that validation chooses is not significantly better".to_owned(),
                measured: format!("τ = {}: {}", chosen(results), text(difference)),
                holds: !difference.is_gain(),
            });
        }
    }
    for start in &settings.learned {
        let difference = results.difference(RECALL, &methods::learned(*start), REFERENCE);
        checks.push(Check {
            name: format!("shapes: τ learned from {start} against τ = {reference}, Recall@1"),
            expected: "not significantly worse".to_owned(),
            measured: text(difference),
            holds: !difference.is_loss(),
        });
    }
    checks
}

/// The temperatures that validation chooses, each once.
pub fn chosen(results: &Results<Study>) -> String {
    let mut temperatures = results.chosen_temperatures();
    temperatures.sort_by(f64::total_cmp);
    temperatures.dedup();
    temperatures.iter().map(f64::to_string).collect::<Vec<_>>().join(" or ")
}

fn ensemble(results: &Results<Study>) -> Check {
    let difference = results.difference_of(REFERENCE, UNSEEN, "zero_shot_unseen_one_prompt");
    Check {
        name: "shapes: several prompts for a class against one, zero-shot on unseen".to_owned(),
        expected: "better, p < 0.05".to_owned(),
        measured: text(difference),
        holds: difference.is_gain(),
    }
}

/// Each expectation for the emoji.
pub fn emoji(results: &Results<EmojiStudy>) -> Vec<Check> {
    let guessing = |what: &str, [metric, chance]: [&'static str; 2]| {
        let chance = results.mean(REFERENCE, chance);
        Check {
            name: format!("emoji: {what} in a style never seen, caption to picture Recall@10"),
            expected: format!("above guessing ({:.1} %), p < 0.05", 100.0 * chance),
            measured: format!("{} %", mean_and_spread(results.metric(REFERENCE, metric))),
            holds: results.above(metric, REFERENCE, chance).is_gain(),
        }
    };
    vec![
        guessing("things of the training", ["text_to_image_at_10", "chance_at_10"]),
        guessing("things never seen", ["unseen_text_to_image_at_10", "unseen_chance_at_10"]),
        better(results, "convolutional tower against the MLP, Recall@1", RECALL, REFERENCE, MLP),
        better(results, "drawings of one thing as matches against as negatives, Recall@1", RECALL, REFERENCE, IGNORED),
    ]
}

fn better<S: Measured>(results: &Results<S>, name: &str, metric: &str, method: &str, other: &str) -> Check {
    let difference = results.difference(metric, method, other);
    Check {
        name: format!("{}: {name}", results.key()),
        expected: "better, p < 0.05".to_owned(),
        measured: text(difference),
        holds: difference.is_gain(),
    }
}

/// A difference with what the test says of it.
pub fn text(difference: Difference) -> String {
    tested(difference.mean, difference.test)
}
