//! What to learn from a run, written from its numbers.

use super::{
    checks::{advantage, before_and_after},
    methods::{MOMENTUM, SCRATCH, SIMCLR, left_out, name_of_batch, name_of_temperature, name_without, row_name},
    results::Results,
    settings::Part,
    story::Told,
};
use crate::{
    experiments::common::{ByMethod, Difference},
    outcome::Lesson,
    statistics::LEVEL,
    wording::{given, list, percent},
};

/// The lessons of a run.
pub fn learn(told: &Told) -> Vec<Lesson> {
    let mut lessons = Vec::new();
    if told.settings.has(Part::Labels) {
        lessons.push(labels(told));
    }
    lessons.push(head(told));
    if told.results.iter().all(|results| results.has(MOMENTUM)) {
        lessons.push(momentum(told));
    }
    let swept = [told.temperatures().len(), told.batches().len()];
    if swept.iter().any(|count| *count > 1) {
        lessons.push(sweeps(told));
    }
    if told.settings.has(Part::Augmentations) && !kinds(told).is_empty() {
        lessons.push(augmentations(told));
    }
    lessons.push(trust(told));
    lessons
}

fn lesson(title: &str, lead: &str, points: Vec<String>, conclusion: &str) -> Lesson {
    Lesson { title: title.to_owned(), lead: lead.to_owned(), points, conclusion: conclusion.to_owned() }
}

fn labels(told: &Told) -> Lesson {
    let shares = told.settings.shares();
    let point = |results: &Results| {
        let one = |share: &f64| {
            format!(
                "with {} {} against {}, {}",
                given(*share),
                percent(results.score(SIMCLR, *share, "accuracy")),
                percent(results.score(SCRATCH, *share, "accuracy")),
                advantage(results, *share).text()
            )
        };
        format!("{}: {}.", results.picked.pick.title(), list(&shares.iter().map(one).collect::<Vec<_>>()))
    };
    let (fewest, most) = (shares[0], shares[shares.len() - 1]);
    let wins = told.results.iter().filter(|results| advantage(results, fewest).is_gain()).count();
    let loses = told.results.iter().filter(|results| advantage(results, most).is_loss()).count();
    let sets = told.results.len();
    let conclusion = match (wins == sets, loses > 0) {
        (true, true) => {
            "Images without labels pay where labels are few. Where all images have theirs, learning from them directly is \
             better."
        }
        (true, false) => {
            "Images without labels pay where labels are few, and with all labels a linear classifier on features that knew \
             none keeps up."
        }
        (false, true) => {
            "This short pre-training doesn't pay on every set even with few labels, and with all of them learning directly \
             is better."
        }
        (false, false) => "On these sets the gain from images without labels isn't clear with these seeds.",
    };
    lesson(
        "What images without labels are worth",
        "Pre-training and training from scratch look at as many views; the first uses no label, the second no image \
         without one. A linear probe on SimCLR against the network from scratch:",
        told.results.iter().map(point).collect(),
        conclusion,
    )
}

fn head(told: &Told) -> Lesson {
    let shares = told.settings.shares();
    let point = |results: &Results| {
        let one =
            |share: &f64| format!("with {} of the labels {}", given(*share), before_and_after(results, *share).text());
        format!("{}: {}.", results.picked.pick.title(), list(&shares.iter().map(one).collect::<Vec<_>>()))
    };
    let middle = told.settings.middle();
    let gains = told.results.iter().filter(|results| before_and_after(results, middle).is_gain()).count();
    let losses = told.results.iter().filter(|results| before_and_after(results, middle).is_loss()).count();
    let conclusion = match (gains == told.results.len(), losses) {
        (true, _) => "As in the paper: train with a head, and throw it away.",
        (false, 0) => "Throwing the head away costs nothing here, but the paper's gain isn't clear everywhere.",
        (false, _) => "Against the paper, the representation after the head is better on at least one set here.",
    };
    lesson(
        "Why the head is thrown away",
        "The linear probe before the head minus that after it:",
        told.results.iter().map(point).collect(),
        conclusion,
    )
}

fn momentum(told: &Told) -> Lesson {
    let middle = told.settings.middle();
    let difference =
        |results: &Results| results.difference("accuracy", &row_name(MOMENTUM, middle), &Results::plain(middle));
    let point = |results: &Results| {
        format!(
            "{}: MoCo minus SimCLR, linear probe with {} of the labels, {}.",
            results.picked.pick.title(),
            given(middle),
            difference(results).text()
        )
    };
    let any = |holds: fn(Difference) -> bool| told.results.iter().any(|results| holds(difference(results)));
    let conclusion = match (any(Difference::is_gain), any(Difference::is_loss)) {
        (true, false) => {
            "A queue gives a small batch the negatives of a large one, and that pays here although only one of the two views \
             has a gradient."
        }
        (false, true) => {
            "Here it doesn't pay: of the two views only one has a gradient, and a batch of this size has negatives enough for \
             a few classes."
        }
        (true, true) => "Whether the queue pays depends on the data.",
        (false, false) => {
            "It makes no significant difference here. What it saves is memory: negatives don't have to be in the batch."
        }
    };
    lesson(
        "An encoder of keys and a queue",
        &format!(
            "MoCo compares the views of a batch of {} with keys by an encoder that follows slowly (momentum {}), and with {} \
             keys of earlier batches at most.",
            told.settings.batch, told.settings.momentum, told.settings.queue
        ),
        told.results.iter().map(point).collect(),
        conclusion,
    )
}

fn sweeps(told: &Told) -> Lesson {
    let (settings, results, middle) = (told.settings, &told.results[0], told.settings.middle());
    let scores = |names: Vec<(String, String)>| {
        let one =
            |(value, way): &(String, String)| format!("{value}: {}", percent(results.score(way, middle, "accuracy")));
        list(&names.iter().map(one).collect::<Vec<_>>())
    };
    let mut points = Vec::new();
    let temperatures = told.temperatures();
    if temperatures.len() > 1 {
        let named = temperatures.iter().map(|one| (format!("τ = {one}"), name_of_temperature(settings, *one)));
        points.push(format!("Temperatures, linear probe: {}.", scores(named.collect())));
    }
    let batches = told.batches();
    if batches.len() > 1 {
        let named = batches.iter().map(|one| (format!("batches of {one}"), name_of_batch(settings, *one)));
        points.push(format!("Batch sizes at the same number of epochs, linear probe: {}.", scores(named.collect())));
    }
    let conclusion = match batches.as_slice() {
        [small, .., large] => {
            let of = |batch: &usize| row_name(&name_of_batch(settings, *batch), middle);
            let difference = results.difference("accuracy", &of(large), &of(small));
            let why = match (difference.is_gain(), difference.is_loss()) {
                (true, _) => "as in the paper, more negatives help",
                (_, true) => {
                    "against the paper: at the same number of epochs small batches take more steps, which counts for more in a \
                     training this short"
                }
                _ => "more negatives and fewer steps seem to cancel out",
            };
            format!("Batches of {large} minus batches of {small}: {}; {why}.", difference.text())
        }
        _ => String::new(),
    };
    lesson(
        "Temperature and batch size",
        &format!("{}, {} of the labels:", results.picked.pick.title(), given(middle)),
        points,
        &conclusion,
    )
}

fn kinds(told: &Told) -> Vec<crate::data::augment::Kind> {
    left_out(told.settings, &told.results[0].picked.pick.policy())
}

fn augmentations(told: &Told) -> Lesson {
    let (results, middle) = (&told.results[0], told.settings.middle());
    let cost = |kind: &crate::data::augment::Kind| {
        results.difference("accuracy", &row_name(&name_without(*kind), middle), &Results::plain(middle))
    };
    let mut kinds = kinds(told);
    kinds.sort_by(|a, b| cost(a).mean.total_cmp(&cost(b).mean));
    let points = kinds.iter().map(|kind| format!("Without {}: {}.", kind.name(), cost(kind).text())).collect();
    let needed: Vec<String> =
        kinds.iter().filter(|kind| cost(kind).is_loss()).map(|kind| kind.name().to_owned()).collect();
    let better: Vec<String> =
        kinds.iter().filter(|kind| cost(kind).is_gain()).map(|kind| kind.name().to_owned()).collect();
    let first = match needed.as_slice() {
        [] => "No single augmentation is missed significantly: the others leave enough to be told by.".to_owned(),
        some => format!("What is missed significantly: {}.", list(some)),
    };
    let second = match better.as_slice() {
        [] => String::new(),
        some => format!(
            " It is better without {}: an augmentation that hides what tells classes apart does harm.",
            list(some)
        ),
    };
    lesson(
        "Which augmentation matters",
        &format!(
            "An augmentation says what doesn't matter. {}, linear probe with {} of the labels, change by leaving one out:",
            results.picked.pick.title(),
            given(middle)
        ),
        points,
        &format!("{first}{second}"),
    )
}

fn trust(told: &Told) -> Lesson {
    let comparisons = told.checks().len();
    lesson(
        "How far to trust these numbers",
        &format!(
            "{} seeds decide first weights, order, views, which images have labels and, where a set is larger than asked for, \
             which images are used; differences are tested in pairs. With so few seeds only clear differences become \
             significant. Of the {comparisons} checks about {:.1} would hold by chance if there were no differences at all.",
            told.seeds.len(),
            comparisons as f64 * LEVEL / 2.0
        ),
        Vec::new(),
        "The papers train residual networks for hundreds of epochs on large sets; a few epochs of a small network show the \
         direction of an effect, not its size.",
    )
}
