//! What is expected of a curriculum beside what was measured.

use super::{
    Settings,
    methods::{CURRICULA, Method},
    results::Results,
};
use crate::{
    experiments::common::{ByMethod, Difference, verdict},
    outcome::Check,
};

/// The checks on one data set.
pub fn checks(results: &Results, settings: &Settings) -> Vec<Check> {
    let key = &results.set.key;
    let (first, last) = (Method::Fixed(settings.first), Method::Fixed(settings.last));
    let faster = |method: Method| {
        let difference = results.difference("epochs_to_target", method, last);
        Check {
            name: format!("{key}: {} against {}, epochs to the target", method.title(), last.title()),
            expected: "fewer, p < 0.05".to_owned(),
            measured: format!("{}{}", epochs(difference), cut_off(results, method, last)),
            holds: difference.is_loss(),
        }
    };
    let as_good = |baseline: Method| {
        let difference = results.difference("auprc", Method::Linear, baseline);
        Check {
            name: format!("{key}: linear against {}, AUPRC at the end", baseline.title()),
            expected: "not worse by more than chance".to_owned(),
            measured: difference.text(),
            holds: !difference.is_loss(),
        }
    };
    CURRICULA.into_iter().map(faster).chain([as_good(first), as_good(last)]).collect()
}

/// A difference of epochs with what the test says: `−1.24 epochs (p = 0.012)`.
pub fn epochs(difference: Difference) -> String {
    let sign = match difference.mean {
        mean if mean > 0.0 => "+",
        mean if mean < 0.0 => "−",
        _ => "",
    };
    format!("{sign}{:.2} epochs ({})", difference.mean.abs(), verdict(difference.test))
}

/// How many trainings of two methods a difference counts with all of their epochs; nothing where there are none.
fn cut_off(results: &Results, method: Method, baseline: Method) -> String {
    let seeds = results.studies.len();
    match [method, baseline].map(|method| seeds - results.reached(method)) {
        [0, 0] => String::new(),
        [own, other] => format!("; {own} and {other} of {seeds} seeds missed it"),
    }
}

/// Which of these methods didn't reach the target in some seeds; nothing where all did.
pub fn missed(results: &Results, methods: &[Method]) -> String {
    let seeds = results.studies.len();
    let missed: Vec<String> = methods
        .iter()
        .filter(|method| results.reached(**method) < seeds)
        .map(|method| format!("{} missed it in {} of {seeds} seeds", method.title(), seeds - results.reached(*method)))
        .collect();
    if missed.is_empty() { String::new() } else { format!("; {}", missed.join(", ")) }
}
