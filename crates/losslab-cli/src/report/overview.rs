//! The first section of a page with several exercises: all expectations at a glance, and runs of one exercise side by
//! side.

use super::{
    exercise::{Exercise, counted, held, settings},
    html::{checks, escape, prose, scrolled},
};
use crate::{
    outcome::{Check, Outcome, Row},
    wording,
};

/// The overview.
pub fn html(exercises: &[Exercise]) -> String {
    let all = || exercises.iter().map(|exercise| exercise.told);
    let held: usize = all().map(|told| held(told.outcome)).sum();
    let checks_in_all: usize = all().map(|told| told.outcome.checks.len()).sum();
    let seconds: f64 = all().map(|told| told.info.seconds).sum();
    let cards: String = exercises.iter().map(card).collect();
    let compared: String = repeated(exercises).iter().map(|runs| side_by_side(runs)).collect();
    let lists: String = exercises.iter().map(list).collect();
    format!(
        "<section id=overview class=hero><h1 class=title>{title}</h1>\
         <p class=headline>What was expected of each loss, and what these runs measured: {held} of {checks_in_all} \
         expectations were met.</p>\
         <p class=facts><span>{runs}</span><span>{trainings} in {seconds:.0} s</span></p>\
         <div class=cards>{cards}</div></section>\n{compared}\
         <section id=all-checks><h2 class=part>All expectations</h2>{lists}</section>\n",
        title = title(exercises),
        runs = counted(exercises.len(), "run"),
        trainings = counted(all().map(|told| told.info.trainings).sum(), "training"),
    )
}

/// What a page with several exercises is called.
pub fn title(exercises: &[Exercise]) -> String {
    let mut names: Vec<&str> = exercises.iter().map(|exercise| exercise.told.outcome.experiment.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    match names.len() {
        1 => format!("{}: {}", escape(&exercises[0].told.outcome.story.title), counted(exercises.len(), "run")),
        count => format!("Loss functions in {count} exercises"),
    }
}

/// An exercise at a glance: its result, and a mark for each expectation.
fn card(exercise: &Exercise) -> String {
    let Outcome { story, checks, .. } = exercise.told.outcome;
    let mark = |check: &Check| {
        let (class, mark, word) = if check.holds { ("yes", "✓", "holds") } else { ("no", "✗", "differs") };
        let text = escape(&format!("{}: expected {}, measured {}", check.name, check.expected, check.measured));
        format!("<li class={class} title=\"{text}\" aria-label=\"{word}: {text}\">{mark}</li>")
    };
    let marks: String = checks.iter().map(mark).collect();
    let notice = if story.notice.is_empty() { "" } else { "<p class=hint>Read the notice in its section.</p>" };
    format!(
        "<article class=card><p class=eyebrow>{}</p><h2 class=sub><a href=\"#{}\">{}</a></h2><p>{}</p>{notice}\
         <ul class=marks>{marks}</ul><p class=hint>{} of {} expectations met</p></article>",
        escape(&exercise.eyebrow),
        exercise.key,
        escape(&story.title),
        prose(&story.headline),
        held(exercise.told.outcome),
        checks.len()
    )
}

/// The expectations of an exercise, which can be folded away.
fn list(exercise: &Exercise) -> String {
    let outcome = exercise.told.outcome;
    format!(
        "<details open><summary>{} · {}<span class=hint>{} of {} met</span></summary>{}\
         <p class=hint><a href=\"#{}\">Go to its section</a></p></details>",
        escape(&exercise.eyebrow),
        escape(&outcome.story.title),
        held(outcome),
        outcome.checks.len(),
        checks(&outcome.checks),
        exercise.key
    )
}

/// Runs of the same experiment, where there are several.
fn repeated<'e, 'a>(exercises: &'e [Exercise<'a>]) -> Vec<Vec<&'e Exercise<'a>>> {
    let mut groups: Vec<Vec<&Exercise>> = Vec::new();
    for exercise in exercises {
        let is_same =
            |group: &&mut Vec<&Exercise>| group[0].told.outcome.experiment == exercise.told.outcome.experiment;
        match groups.iter_mut().find(is_same) {
            Some(group) => group.push(exercise),
            None => groups.push(vec![exercise]),
        }
    }
    groups.retain(|group| group.len() > 1);
    groups
}

fn side_by_side(runs: &[&Exercise]) -> String {
    let outcomes: Vec<&Outcome> = runs.iter().map(|run| run.told.outcome).collect();
    let names: String = runs.iter().map(|run| format!("<th scope=col>{}</th>", escape(&run.told.label))).collect();
    let row = |what: &str, cells: Vec<String>| {
        let cells: String = cells.iter().map(|cell| format!("<td>{cell}</td>")).collect();
        format!("<tr><th scope=row>{}</th>{cells}</tr>", escape(what))
    };

    let checked: String = in_order(outcomes.iter().map(|outcome| outcome.checks.iter().map(|check| &check.name)))
        .into_iter()
        .map(|name| row(name, outcomes.iter().map(|outcome| measured(outcome, name)).collect()))
        .collect();

    let mut differing = String::new();
    for key in in_order(outcomes.iter().map(|outcome| settings(outcome).map(|(key, _)| key))) {
        let values: Vec<String> = outcomes
            .iter()
            .map(|outcome| {
                settings(outcome).find(|(name, _)| *name == key).map_or("–".to_owned(), |(_, text)| escape(&text))
            })
            .collect();
        if values.iter().any(|value| *value != values[0]) {
            differing.push_str(&row(key, values));
        }
    }
    let commands =
        row("command", runs.iter().map(|run| format!("<code>{}</code>", escape(&run.told.info.command))).collect());

    let mut numbers = String::new();
    for name in in_order(outcomes.iter().map(|outcome| outcome.rows.iter().map(|row| &row.name))) {
        let rows: Vec<_> = outcomes.iter().map(|outcome| outcome.rows.iter().find(|row| row.name == *name)).collect();
        let metrics = rows.iter().map(|row| row.iter().flat_map(|row| row.metrics.iter().map(|(metric, _)| metric)));
        for metric in in_order(metrics) {
            let cell = |found: &Option<&Row>| {
                let metric = found.and_then(|row| row.metric(metric));
                metric.map_or("–".to_owned(), wording::plain_mean_and_spread)
            };
            numbers.push_str(&row(&format!("{name}: {metric}"), rows.iter().map(cell).collect()));
        }
    }
    let head = format!("<th>What</th>{names}");
    format!(
        "<section><h2 class=part>{} side by side</h2>{}\
         <h3 class=sub>Settings that differ</h3>{}\
         <details><summary>All numbers</summary>{}<p class=caption>Mean ± standard deviation over the seeds.</p></details>\
         </section>\n",
        escape(&outcomes[0].story.title),
        scrolled("numbers", &head, &checked),
        scrolled("settings", &head, &(differing + &commands)),
        scrolled("numbers", &head, &numbers)
    )
}

/// What a run measured for a check, with its verdict.
fn measured(outcome: &Outcome, name: &str) -> String {
    let Some(check) = outcome.checks.iter().find(|check| check.name == name) else { return "–".to_owned() };
    let (class, mark) = if check.holds { ("yes", "✓") } else { ("no", "✗") };
    format!("{} <span class=\"mark {class}\">{mark}</span>", escape(&check.measured))
}

/// Each name once, in the order in which they first come.
fn in_order<T: PartialEq>(lists: impl Iterator<Item = impl Iterator<Item = T>>) -> Vec<T> {
    lists.flatten().fold(Vec::new(), |mut known, name| {
        if !known.contains(&name) {
            known.push(name);
        }
        known
    })
}
