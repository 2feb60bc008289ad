//! What to learn from a run of exercise 3, written from its numbers.

use super::{
    COLLAPSING, PIXELS, RAW, REFERENCE, REMEDIES,
    batches::{chance_of_none, name},
    notebook::{MULTIPLICATIONS, Notebook, TARGET, multiplications},
    results::Results,
    settings::Part,
    story::{Told, mean_of},
};
use crate::{
    experiments::common::ByMethod,
    outcome::Lesson,
    statistics::{LEVEL, mean},
    wording::{list, percent, plain_mean_and_spread, share},
};

/// The lessons of a run.
pub fn learn(told: &Told) -> Vec<Lesson> {
    let digits = &told.results[0];
    let settings = told.settings;
    let mut lessons = Vec::new();
    if settings.has(Part::Mining) {
        lessons.extend([which(told), waste(told)]);
    }
    if settings.has(Part::Batches) {
        lessons.push(batches(told, digits));
    }
    if settings.has(Part::Lengths) {
        lessons.push(lengths(told, digits));
    }
    if settings.has(Part::Collapse) {
        lessons.push(collapse(told, digits));
    }
    lessons.extend(told.notebook.map(|notebook| notebook_lesson(told, notebook)));
    lessons.push(trust(told));
    lessons
}

fn lesson(title: &str, lead: String, points: Vec<String>, conclusion: String) -> Lesson {
    Lesson { title: title.to_owned(), lead, points, conclusion }
}

/// Strategies against each other.
fn which(told: &Told) -> Lesson {
    let strategies = told.strategies();
    let point = |results: &Results| {
        let mut ranked = strategies.clone();
        let score = |name: &str| results.metric(name, "map_at_r").mean;
        ranked.sort_by(|a, b| score(b).total_cmp(&score(a)));
        let scores: Vec<String> = ranked.iter().map(|name| format!("{name} {}", percent(score(name)))).collect();
        let best = ranked[0];
        let (behind, beside): (Vec<&str>, Vec<&str>) =
            ranked[1..].iter().partition(|other| results.difference("map_at_r", best, other).is_gain());
        let names = |names: &[&str]| list(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
        let verdict = match (ranked.len(), behind.is_empty(), beside.is_empty()) {
            (1, ..) => String::new(),
            (_, true, _) => format!(" {best} leads, but by no significant difference."),
            (_, _, true) => format!(" {best} is significantly ahead of all others."),
            _ => format!(" {best} is significantly ahead of {}, but not of {}.", names(&behind), names(&beside)),
        };
        format!("{}: MAP@R {}; raw pixels {}.{verdict}", results.set.title, list(&scores), percent(score(PIXELS)))
    };
    let semi_hard_leads = |results: &Results| {
        results.has(REFERENCE)
            && strategies
                .iter()
                .all(|other| *other == REFERENCE || results.difference("map_at_r", REFERENCE, other).is_gain())
    };
    let is_beaten = |results: &Results| {
        results.has(REFERENCE)
            && strategies
                .iter()
                .any(|other| *other != REFERENCE && results.difference("map_at_r", other, REFERENCE).is_gain())
    };
    let conclusion = if !strategies.contains(&REFERENCE) {
        String::new()
    } else if told.results.iter().all(semi_hard_leads) {
        "The handout's advice, mine semi-hard triplets, holds here against every other strategy.".to_owned()
    } else if told.results.iter().any(is_beaten) {
        "The handout calls semi-hard triplets the best; here at least one other strategy is significantly better. On easy \
         data without wrong labels, the hardest triplets of a batch are good teachers, and they become a danger with large \
         steps: see the collapse below."
            .to_owned()
    } else {
        "The handout calls semi-hard triplets the best; here they are not significantly better than every other strategy, \
         nor worse than any."
            .to_owned()
    };
    lesson(
        "Which triplets to learn from",
        "All strategies start from the same weights and get gradients for the same number of images.".to_owned(),
        told.results.iter().map(point).collect(),
        conclusion,
    )
}

/// Triplets computed for nothing.
fn waste(told: &Told) -> Lesson {
    let strategies = told.strategies();
    let point = |results: &Results| {
        let first =
            |name: &str| mean(&results.of(name).iter().map(|tested| tested.notes.active[0]).collect::<Vec<_>>());
        let one = |name: &&str| {
            format!("{name} {} then {}", percent(first(name)), percent(results.metric(name, "active").mean))
        };
        let before = 1.0 - results.over_the_epochs(strategies[0], |probe| probe.shares[0])[0];
        format!(
            "{}: of all triplets {} cost something before training. Of those chosen, in the first and in the last epoch: {}.",
            results.set.title,
            percent(before),
            list(&strategies.iter().map(one).collect::<Vec<_>>())
        )
    };
    let digits = &told.results[0];
    let conclusion = if strategies.contains(&"random") && strategies.contains(&REFERENCE) {
        let [random, mined] = ["random", REFERENCE].map(|name| digits.metric(name, "active").mean);
        if mined > random {
            format!(
                "On the digits a mined triplet is {:.1} times as likely to teach something as one at random by the last \
                 epoch: mining pays by what it doesn't compute.",
                mined / random.max(1e-9)
            )
        } else {
            "On the digits random triplets were as often of use as mined ones: mining had nothing to win here."
                .to_owned()
        }
    } else {
        String::new()
    };
    lesson(
        "Most triplets soon teach nothing",
        "A triplet whose negative is farther than the positive by the margin has no loss and no gradient.".to_owned(),
        told.results.iter().map(point).collect(),
        conclusion,
    )
}

/// Pitfall 2.
fn batches(told: &Told, digits: &Results) -> Lesson {
    let draws = told.draws.iter().map(|draws| {
        format!(
            "Batches of {}: {} of those drawn at random have no valid triplet, {:.0} on average; as P × K they have {:.0}. \
             In random ones {} of the images have a positive.",
            draws.size,
            percent(mean_of(&draws.at_random, |counts| counts.without)),
            mean_of(&draws.at_random, |counts| counts.triplets),
            mean_of(&draws.sampled, |counts| counts.triplets),
            percent(mean_of(&draws.at_random, |counts| counts.anchors)),
        )
    });
    let many = format!(
        "The number of classes decides: a random batch of 8 has no triplet with a chance of {} among 10 classes, {} among \
         100 and {} among 1,000; a batch of 32 with {} among 1,000.",
        share(chance_of_none(8, 10)),
        share(chance_of_none(8, 100)),
        share(chance_of_none(8, 1000)),
        share(chance_of_none(32, 1000)),
    );
    let sizes = &told.settings.batch;
    let (low, high) = (sizes.iter().min().expect("not empty"), sizes.iter().max().expect("not empty"));
    let [small, large] = [low, high].map(|size| name(told.settings, *size));
    let conclusion = if small == large {
        String::new()
    } else {
        let difference = digits.difference("map_at_r", &large, &small);
        let judged = match (difference.is_significant(), difference.mean > 0.0) {
            (true, true) => "larger batches are better here",
            (true, false) => {
                "smaller batches are better here: they take more steps for the same images, which outweighs the fewer \
                 triplets of each"
            }
            (false, _) => "the size makes no significant difference here",
        };
        format!(
            "Trained on P × K batches with the same images and step size, batches of {high} minus batches of {low}: MAP@R \
             {}; {judged}.",
            difference.text()
        )
    };
    lesson(
        "Is a batch of 8 too small?",
        "The handout warns that a batch of 8 likely has no valid triplet.".to_owned(),
        draws.chain([many]).collect(),
        conclusion,
    )
}

/// Pitfall 4.
fn lengths(told: &Told, digits: &Results) -> Lesson {
    let difference = digits.difference("map_at_r", REFERENCE, RAW);
    let scale = |name: &str| {
        let over = digits.over_the_epochs(name, |probe| probe.distance_over_margin);
        format!("{:.1} margins before training and {:.1} after it", over[0], over[over.len() - 1])
    };
    let conclusion = match (difference.is_significant(), difference.mean > 0.0) {
        (true, true) => "Unit length is significantly better here, as the handout says.",
        (true, false) => {
            "Raw lengths are significantly better here, against the handout: the network may use lengths as a further \
             dimension, and a margin that is small for their scale leaves fewer triplets to learn from, the hardest ones."
        }
        (false, _) => {
            "There is no significant difference here. What unit length gives for certain is a margin with a meaning: the \
             same margin fits any network."
        }
    };
    lesson(
        "What normalising embeddings does",
        format!("The same margin of {}, semi-hard mining:", told.settings.margin),
        vec![
            format!("On unit length two images are apart by {}.", scale(REFERENCE)),
            format!("With raw lengths by {}.", scale(RAW)),
            format!("Unit length minus raw, MAP@R: {}.", difference.text()),
        ],
        conclusion.to_owned(),
    )
}

/// Hard triplets and large steps.
fn collapse(told: &Told, digits: &Results) -> Lesson {
    let seeds = told.seeds.len();
    let collapsed = |name: &str| digits.metric(name, "collapsed").values.iter().sum::<f64>();
    let point = |name: &str| {
        format!(
            "{name}: collapsed in {} of {seeds} seeds; batch-hard loss {:.2} margins, Recall@1 {}.",
            collapsed(name),
            digits.metric(name, "loss_over_margin").mean,
            percent(digits.metric(name, "recall_at_1").mean)
        )
    };
    let helped: Vec<String> =
        REMEDIES.iter().filter(|remedy| collapsed(remedy) == 0.0).map(|remedy| (*remedy).to_owned()).collect();
    let conclusion = if collapsed(COLLAPSING) == 0.0 {
        format!("Nothing collapsed with steps of {}: a larger `collapse_lr` may show it.", told.settings.collapse_lr)
    } else if helped.is_empty() {
        "None of the remedies alone prevented it in every seed.".to_owned()
    } else {
        format!(
            "No collapse with: {}. The loss curve alone looks calm in a collapse, since it stays at the margin; the mean \
             distance tells it apart from slow learning, and that is what the diagnostics look at.",
            helped.iter().map(|name| format!("“{}”", name.trim_start_matches("… "))).collect::<Vec<_>>().join(", ")
        )
    };
    lesson(
        "How hard triplets make a network give up",
        format!(
            "Squared distances of raw embeddings with steps of {}, and one remedy at a time:",
            told.settings.collapse_lr
        ),
        std::iter::once(COLLAPSING).chain(REMEDIES).map(point).collect(),
        conclusion,
    )
}

fn notebook_lesson(told: &Told, notebook: &Notebook) -> Lesson {
    let measured = plain_mean_and_spread(&notebook.precision);
    let ratio = MULTIPLICATIONS as f64 / multiplications(told.settings) as f64;
    let conclusion = match (notebook.is_complete(), notebook.precision.mean >= TARGET) {
        (false, _) => "These are not all the images of MNIST, so the notebook's figure is no yardstick.".to_owned(),
        (true, true) => {
            format!("That is at least the notebook's {TARGET}, with {ratio:.1} times fewer multiplications an image.")
        }
        (true, false) => format!("That is below the notebook's {TARGET}."),
    };
    lesson(
        "One epoch is enough for digits",
        format!(
            "Step size {} and margin {} did best on validation images.",
            notebook.chosen.lr, notebook.chosen.margin
        ),
        vec![format!(
            "The nearest training image of a test image is of its class with a share of {measured} after one epoch over \
             {} images, {} seeds.",
            notebook.images[0],
            notebook.precision.values.len()
        )],
        conclusion,
    )
}

fn trust(told: &Told) -> Lesson {
    let strategies = told.strategies().len();
    let compared = if told.settings.has(Part::Mining) { told.results.len() * 3 * (strategies + 1) } else { 0 };
    let by_chance = match compared {
        0 => String::new(),
        _ => format!(
            " Of the {compared} differences in the tables of strategies about {:.0} would look significant by chance alone.",
            compared as f64 * LEVEL
        ),
    };
    lesson(
        "How far to trust these numbers",
        format!(
            "{} seeds decide first weights and batches, and where a data set is larger than asked for, which images are \
             used. All ways share them, which is why differences are tested in pairs. With so few seeds only clear \
             differences become significant, and one that isn't is no proof of equality.{by_chance}",
            told.seeds.len()
        ),
        Vec::new(),
        "No strategy had its step size or margin tuned to it: with other values the order may change.".to_owned(),
    )
}
