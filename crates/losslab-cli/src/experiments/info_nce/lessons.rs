//! What to learn from a run, written from its numbers.

use super::{
    checks::{CHANCE, NEAR, batch_ends, chosen, temperature_ends, text},
    methods::{self, CHOSEN, IGNORED, LEFT_OUT, MLP, REFERENCE, title},
    results::{RECALL, SEEN, UNSEEN},
    story::Told,
    zero_shot::Study,
};
use crate::{
    experiments::common::{ByMethod, Difference},
    outcome::Lesson,
    wording::{list, percent},
};

/// The lessons of a run.
pub fn learn(told: &Told) -> Vec<Lesson> {
    let lessons = [
        Some(zero_shot(told)),
        Some(tower(told)),
        Some(temperature(told)),
        learned(told),
        batch(told),
        Some(duplicates(told)),
        Some(trust(told)),
    ];
    lessons.into_iter().flatten().collect()
}

/// One of three sentences: for more, for less, and for no significant difference.
fn by_sign(difference: Difference, more: &str, less: &str, neither: &str) -> String {
    match (difference.is_gain(), difference.is_loss()) {
        (true, _) => more.to_owned(),
        (_, true) => less.to_owned(),
        _ => neither.to_owned(),
    }
}

fn zero_shot(told: &Told) -> Lesson {
    let results = told.shapes;
    let mean = |metric| percent(results.mean(REFERENCE, metric));
    let gap = results.difference_of(REFERENCE, UNSEEN, SEEN);
    let above = results.above(UNSEEN, REFERENCE, CHANCE);
    let conclusion = match (above.is_gain(), gap.mean >= -NEAR) {
        (true, true) => "Colour and shape are learned apart well enough to be put together anew.",
        (true, false) => {
            "The parts carry over to new combinations, but not as well as to known ones: where they \
             fail, the points above tell whether colour or shape is missed."
        }
        (false, _) => "This run gives no evidence that anything carries over to new combinations.",
    };
    let ensemble = results.difference_of(REFERENCE, UNSEEN, "zero_shot_unseen_one_prompt");
    Lesson {
        title: "Naming what was never seen".to_owned(),
        lead: "No picture of an unseen combination, and no caption of one, was in the training:".to_owned(),
        points: vec![
            format!(
                "unseen combinations {}, seen ones {}, guessing {}; unseen minus seen: {}.",
                mean(UNSEEN),
                mean(SEEN),
                percent(CHANCE),
                text(gap)
            ),
            format!(
                "of the unseen ones the colour is right for {} and the shape for {}.",
                mean("zero_shot_unseen_colour"),
                mean("zero_shot_unseen_shape")
            ),
            format!("five prompts for a class minus one: {}.", text(ensemble)),
        ],
        conclusion: conclusion.to_owned(),
    }
}

fn tower(told: &Told) -> Lesson {
    let results = told.shapes;
    let recall = results.difference(RECALL, REFERENCE, MLP);
    let unseen = results.difference(UNSEEN, REFERENCE, MLP);
    let mut points = vec![format!("shapes: Recall@1 {}, zero-shot on unseen {}.", text(recall), text(unseen))];
    points.extend(told.drawn.map(|drawn| {
        let difference = |metric| text(drawn.results.difference(metric, REFERENCE, MLP));
        format!(
            "emoji: caption to picture Recall@10 {}, of unseen things {}.",
            difference("text_to_image_at_10"),
            difference("unseen_text_to_image_at_10")
        )
    }));
    Lesson {
        title: "What sees the picture".to_owned(),
        lead: "The convolutional tower minus the handout's MLP on pixels, with the same loss, text tower and batches:"
            .to_owned(),
        points,
        conclusion: by_sign(
            recall,
            "A shape is the same shape wherever it lies: weights that are shared over places need not learn it anew for \
             each.",
            "At this size and after so few pictures the pixels themselves serve retrieval better than convolutions do.",
            "On the generated pairs the loss matters more than the tower: retrieval shows no significant difference.",
        ),
    }
}

fn temperature(told: &Told) -> Lesson {
    let (results, settings) = (told.shapes, told.settings);
    let reference = settings.reference_temperature();
    let (low, high) = temperature_ends(results);
    let point = |value: f64| {
        let method = methods::fixed(settings, value);
        let mean = |metric| percent(results.mean(&method, metric));
        let seeds = results.seeds();
        let [too_high, too_low] = [true, false].map(|high| {
            let says = |study: &&Study| if high { study.sharpness.too_high } else { study.sharpness.too_low };
            results.of(&method).filter(says).count()
        });
        let said = match (too_high, too_low) {
            (0, 0) => "the diagnostics of the library raise no alarm".to_owned(),
            (0, _) => format!("the diagnostics call it too low for {too_low} of {seeds} seeds"),
            _ => format!("the diagnostics call it too high for {too_high} of {seeds} seeds"),
        };
        format!(
            "τ = {value}: Recall@1 {} ({}); entropy of the softmax {} of the largest possible, the nearest negative has \
             {} of the weight; {said}.",
            mean(RECALL),
            text(results.difference(RECALL, &method, REFERENCE)),
            mean("entropy"),
            mean("top_negative")
        )
    };
    let ends: Vec<f64> = [low, high].into_iter().filter(|value| *value != reference).collect();
    let (best, difference) = (chosen(results), results.difference(RECALL, CHOSEN, REFERENCE));
    let conclusion = if difference.is_gain() {
        format!(
            "The usual τ = {reference} is not the best here: validation chooses {best}, and the test part agrees, with \
             {} in Recall@1.",
            text(difference)
        )
    } else {
        format!(
            "Validation chooses τ = {best}, which on the test part is not significantly better than {reference} in \
             Recall@1: {}.",
            text(difference)
        )
    };
    Lesson {
        title: "Temperature: how much the nearest negatives count".to_owned(),
        lead: format!(
            "At τ = 10 no caption can be more than exp(2/10) = 1.2 times as probable as another; at τ = 0.001 a lead of \
             0.01 in the cosine makes it exp(10) times as probable. Compared with τ = {reference}:"
        ),
        points: ends.into_iter().map(point).collect(),
        conclusion: format!(
            "{conclusion} No loss left the range of numbers at any τ: the softmax is computed by its logarithm, so a low τ \
             is a question of what is learned, not of overflow."
        ),
    }
}

fn learned(told: &Told) -> Option<Lesson> {
    let (results, settings) = (told.shapes, told.settings);
    let point = |start: &f64| {
        let method = methods::learned(*start);
        format!(
            "from {start} it comes to {:.3}; Recall@1 minus that of τ = {}: {}.",
            results.mean(&method, "temperature"),
            settings.reference_temperature(),
            text(results.difference(RECALL, &method, REFERENCE))
        )
    };
    let ends: Vec<f64> =
        settings.learned.iter().map(|start| results.mean(&methods::learned(*start), "temperature")).collect();
    let (low, high) = ends.iter().fold((f64::INFINITY, 0.0_f64), |(low, high), end| (low.min(*end), high.max(*end)));
    let steps = settings.learned.first().map(|start| results.mean(&methods::learned(*start), "steps"))?;
    let conclusion = match ends.len() {
        1 => String::new(),
        _ if high < 1.5 * low => format!("After {steps:.0} steps they have met: the data decide, not the start."),
        _ => format!(
            "After {steps:.0} steps they are still apart: Adam moves ln(1/τ) by about its step size a step ({}), so the \
             start still decides. Start it at a sensible value, or give it more steps.",
            settings.lr
        ),
    };
    Some(Lesson {
        title: "A temperature that is learned".to_owned(),
        lead: "τ as a parameter, trained with the towers:".to_owned(),
        points: settings.learned.iter().map(point).collect(),
        conclusion,
    })
}

fn batch(told: &Told) -> Option<Lesson> {
    let (results, settings) = (told.shapes, told.settings);
    let (small, large) = batch_ends(results);
    let names = [small, large].map(|size| methods::batch(settings, size));
    if small == large {
        return None;
    }
    let steps = |name: &String| results.mean(name, "steps");
    let difference = |metric| results.difference(metric, &names[1], &names[0]);
    Some(Lesson {
        title: "Is a larger batch better?".to_owned(),
        lead: format!(
            "Batch {large} minus batch {small}, after as many pairs: {:.0} steps against {:.0}, with {} negatives against {}.",
            steps(&names[1]),
            steps(&names[0]),
            large - 1,
            small - 1
        ),
        points: vec![format!(
            "Recall@1 {}, zero-shot on unseen {}.",
            text(difference(RECALL)),
            text(difference(UNSEEN))
        )],
        conclusion: by_sign(
            difference(RECALL),
            "More negatives are worth more than more steps here.",
            "“Larger is better” supposes as many steps. With a fixed number of pairs, and one step size for all, the many \
             small steps win.",
            "With as many pairs, more negatives and fewer steps weigh each other out in this run.",
        ),
    })
}

fn duplicates(told: &Told) -> Lesson {
    let (results, settings) = (told.shapes, told.settings);
    let others = results.mean(REFERENCE, "duplicates");
    let point = |other: &str| {
        let difference = |metric| text(results.difference(metric, REFERENCE, other));
        let name = title(settings, other);
        format!("as matches minus {name}: Recall@1 {}, zero-shot on unseen {}.", difference(RECALL), difference(UNSEEN))
    };
    let mut points = vec![point(IGNORED), point(LEFT_OUT)];
    points.extend(told.drawn.map(|drawn| {
        let difference = drawn.results.difference(RECALL, REFERENCE, IGNORED);
        format!("emoji, the same thing by several vendors, as matches minus {IGNORED}: Recall@1 {}.", text(difference))
    }));
    Lesson {
        title: "Captions that occur twice in a batch".to_owned(),
        lead: format!(
            "A pair has {others:.2} others of its meaning in a batch of {} pairs. Without groups they are false negatives:",
            settings.reference_batch()
        ),
        points,
        conclusion: by_sign(
            results.difference(RECALL, REFERENCE, IGNORED),
            "Telling the loss which captions mean the same pays.",
            "Telling the loss which captions mean the same costs retrieval here: as several matches share the probability, \
             the loss asks for less sharpness.",
            "So few false negatives make no significant difference; where captions repeat more often, look again.",
        ),
    }
}

fn trust(told: &Told) -> Lesson {
    let results = told.shapes;
    let half = told.world.test.unseen.len();
    let noise = (0.25 / half as f64).sqrt();
    let sets: Vec<String> = ["shapes"].into_iter().chain(told.drawn.map(|_| "emoji")).map(str::to_owned).collect();
    Lesson {
        title: "How far to trust these numbers".to_owned(),
        lead: format!(
            "{} seeds; each draws pairs or their split, first weights and order, and all methods share them ({}).",
            results.seeds(),
            list(&sets)
        ),
        points: vec![
            format!(
                "a share of {half} test pictures has a standard error of up to {:.1} points by itself.",
                100.0 * noise
            ),
            "one step size was used for all methods and batch sizes; none was given its own.".to_owned(),
            "every test is one of many: of 20 without a real difference one is expected below p = 0.05.".to_owned(),
        ],
        conclusion: String::new(),
    }
}
