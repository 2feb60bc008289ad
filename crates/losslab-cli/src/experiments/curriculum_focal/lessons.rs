//! What to learn from a run, written from its numbers.

use super::{
    Settings,
    checks::{epochs, missed},
    methods::{CURRICULA, Method},
    results::Results,
};
use crate::{
    experiments::common::{ByMethod, Difference},
    outcome::Lesson,
    statistics::LEVEL,
    wording::{list, percent},
};

/// Differences that the report shows for a data set: four curricula against two baselines, in speed and in the end.
const COMPARISONS: usize = 16;

/// The lessons of a run.
pub fn learn(settings: &Settings, results: &[Results]) -> Vec<Lesson> {
    vec![speed(settings, results), end(settings, results), adaptive(settings, results), trust(settings, results)]
}

fn lesson(
    title: &str,
    lead: String,
    results: &[Results],
    point: impl Fn(&Results) -> String,
    conclusion: String,
) -> Lesson {
    let points = results.iter().map(|results| format!("{}: {}", results.set.title, point(results))).collect();
    Lesson { title: title.to_owned(), lead, points, conclusion }
}

/// How many curricula on how many data sets differ in a way.
fn count(results: &[Results], metric: &str, baseline: Method, holds: fn(Difference) -> bool) -> usize {
    let on = |results: &Results| {
        CURRICULA.into_iter().filter(|method| holds(results.difference(metric, *method, baseline))).count()
    };
    results.iter().map(on).sum()
}

fn speed(settings: &Settings, results: &[Results]) -> Lesson {
    let (first, last) = (Method::Fixed(settings.first), Method::Fixed(settings.last));
    let all = CURRICULA.len() * results.len();
    let [faster, slower] = [Difference::is_loss as fn(Difference) -> bool, Difference::is_gain]
        .map(|holds| count(results, "epochs_to_target", last, holds));
    let than_plain = count(results, "epochs_to_target", first, Difference::is_loss);
    lesson(
        "Is a curriculum faster?",
        format!(
            "Epochs until the test part reaches the target, linear γ minus fixed γ = {}, then minus fixed γ = {}:",
            settings.last, settings.first
        ),
        results,
        |results| {
            let against = |baseline: Method| epochs(results.difference("epochs_to_target", Method::Linear, baseline));
            let baselines = results.difference("epochs_to_target", last, first);
            format!(
                "{} and {}{}. The two baselines differ by {}.",
                against(last),
                against(first),
                missed(results, &[Method::Linear, last, first]),
                epochs(baselines)
            )
        },
        format!(
            "Of {all} comparisons of a curriculum with γ = {}, {faster} are significantly faster and {slower} \
             significantly slower; {than_plain} are significantly faster than γ = {}. {}",
            settings.last,
            settings.first,
            match (faster > slower, than_plain) {
                (true, 0) => "What a curriculum saves is the slow start of a large γ; plain cross-entropy has none.",
                (true, _) => "A curriculum saves the slow start of a large γ here.",
                (false, _) => "A curriculum is no way to converge faster here.",
            }
        ),
    )
}

fn end(settings: &Settings, results: &[Results]) -> Lesson {
    let (first, last) = (Method::Fixed(settings.first), Method::Fixed(settings.last));
    let differ: usize =
        [first, last].map(|baseline| count(results, "auprc", baseline, Difference::is_significant)).iter().sum();
    lesson(
        "Does it end better?",
        "The best mean AUPRC at the end among the curricula, beside the two fixed γ:".to_owned(),
        results,
        |results| {
            let end = |method: &Method| results.mean(*method, "auprc");
            let best = CURRICULA.into_iter().max_by(|a, b| end(a).total_cmp(&end(b))).unwrap_or(Method::Linear);
            format!(
                "{} with {}, which is {} against {} and {} against {}.",
                best.title(),
                percent(end(&best)),
                results.difference("auprc", best, first).text(),
                first.title(),
                results.difference("auprc", best, last).text(),
                last.title()
            )
        },
        match differ {
            0 => "No curriculum ends significantly away from either baseline: the course of γ decides when, not where."
                .to_owned(),
            _ => format!(
                "{differ} of {} differences at the end are beyond chance; the table of each data set says which.",
                2 * CURRICULA.len() * results.len()
            ),
        },
    )
}

/// What γ followed, where it followed the examples.
fn adaptive(settings: &Settings, results: &[Results]) -> Lesson {
    lesson(
        "What the adaptive γ follows",
        format!(
            "Adaptive γ is {} plus {} times the share of examples whose true class has at least the probability {}. \
             Where one class is rare, most examples are of the common one, and these become easy first:",
            settings.first,
            settings.last - settings.first,
            settings.easy
        ),
        results,
        |results| {
            let gammas = results.over_the_epochs(Method::Adaptive, |curve| curve.gamma.as_slice());
            let [start, end] = [&gammas[0], &gammas[gammas.len() - 1]].map(|gamma| gamma.mean);
            let moved = (start - settings.first) / (end - settings.first);
            let early = if end == settings.first {
                "it never moves".to_owned()
            } else {
                format!("{} of its way lies in the first epoch", percent(moved))
            };
            format!("γ is {start:.2} on average in the first epoch and {end:.2} in the last: {early}.")
        },
        "It needs no plan, but it listens to the common class. A curriculum that is to wait for the rare class needs a \
         planned course."
            .to_owned(),
    )
}

fn trust(settings: &Settings, results: &[Results]) -> Lesson {
    let compared = results.len() * COMPARISONS;
    let censored: Vec<String> = results
        .iter()
        .filter(|results| Method::all(settings).iter().any(|method| results.reached(*method) < results.studies.len()))
        .map(|results| results.set.title.clone())
        .collect();
    let conclusion = match censored.len() {
        0 => "Every training reached its target, so no time is cut off.".to_owned(),
        _ => format!(
            "Trainings that missed the target, on {}, count with all of their epochs: both sides of a difference are cut \
             at the same place, so it is a fair comparison of restricted means, and an understatement of the true one.",
            list(&censored)
        ),
    };
    lesson(
        "How far to trust these numbers",
        format!(
            "A seed draws the data or their split, the first weights and the order of the batches; all methods share \
             them. Step sizes ({}) are chosen for each method and seed on the validation part, and so is the target. Of \
             the {compared} differences in the tables about {:.0} would look significant by chance alone. The size of the \
             rare class limits the rest:",
            list(&settings.lr.iter().map(ToString::to_string).collect::<Vec<_>>()),
            compared as f64 * LEVEL
        ),
        results,
        |results| {
            format!(
                "{} rare test examples for each seed; at the end, AUPRC spreads by {:.1} points over the seeds with \
                 fixed γ = {}.",
                results.studies[0].rare_in_test,
                100.0 * results.metric(Method::Fixed(settings.first), "auprc").std,
                settings.first
            )
        },
        conclusion,
    )
}
