//! What the handout expects beside what a run of exercise 3 measured.

use super::{
    COLLAPSING, PIXELS, RAW, REFERENCE, UNTRAINED,
    batches::name,
    notebook::TARGET,
    results::Results,
    settings::Part,
    story::{Told, mean_of},
};
use crate::{
    experiments::common::ByMethod,
    outcome::Check,
    wording::{list, percent, plain_mean_and_spread},
};

impl Told<'_> {
    /// Each expectation beside what was measured.
    pub fn checks(&self) -> Vec<Check> {
        let mut checks = Vec::new();
        let (digits, settings) = (&self.results[0], self.settings);
        let better = |results: &Results, name: &str, metric: &str, a: &str, b: &str| {
            let difference = results.difference(metric, a, b);
            Check {
                name: format!("{}: {name}", results.set.key),
                expected: "better, p < 0.05".to_owned(),
                measured: difference.text(),
                holds: difference.is_gain(),
            }
        };
        for results in self.results.iter().filter(|_| settings.has(Part::Mining)) {
            for other in self.strategies().into_iter().filter(|other| *other != REFERENCE && results.has(REFERENCE)) {
                let name = format!("semi-hard against {other}, MAP@R");
                checks.push(better(results, &name, "map_at_r", REFERENCE, other));
            }
            for other in [PIXELS, UNTRAINED].into_iter().filter(|_| results.has(REFERENCE)) {
                let name = format!("semi-hard against the {other}, Recall@1");
                checks.push(better(results, &name, "recall_at_1", REFERENCE, other));
            }
            if results.has("random") {
                let easy = results.metric("random", "active");
                checks.push(Check {
                    name: format!("{}: random triplets that are easy in the last epoch", results.set.key),
                    expected: "most: above 50 %".to_owned(),
                    measured: percent(1.0 - easy.mean),
                    holds: easy.mean < 0.5,
                });
            }
        }
        if settings.has(Part::Batches) {
            if let Some(draws) = self.draws.iter().find(|draws| draws.size == 8) {
                let without = mean_of(&draws.at_random, |counts| counts.without);
                checks.push(Check {
                    name: "digits: random batches of 8 without a valid triplet".to_owned(),
                    expected: "likely: above 50 %".to_owned(),
                    measured: percent(without),
                    holds: without > 0.5,
                });
            }
            let (small, large) = (name(settings, 8), name(settings, 32));
            if digits.has(&small) && digits.has(&large) && small != large {
                checks.push(better(digits, "batches of 32 against 8, MAP@R", "map_at_r", &large, &small));
            }
        }
        if settings.has(Part::Lengths) {
            checks.push(better(digits, "unit length against raw lengths, MAP@R", "map_at_r", REFERENCE, RAW));
        }
        if settings.has(Part::Collapse) {
            let collapsed = digits.metric(COLLAPSING, "collapsed");
            let count = collapsed.values.iter().sum::<f64>();
            checks.push(Check {
                name: "digits: hard triplets destabilise training, and the diagnostics say so".to_owned(),
                expected: "collapsed".to_owned(),
                measured: format!("{count} of {} seeds", collapsed.values.len()),
                holds: count > 0.0,
            });
        }
        if let Some(notebook) = self.notebook.filter(|notebook| notebook.is_complete()) {
            checks.push(Check {
                name: "MNIST: P@1 after one epoch, as in the notebook".to_owned(),
                expected: format!("at least {TARGET}"),
                measured: plain_mean_and_spread(&notebook.precision),
                holds: notebook.precision.mean >= TARGET,
            });
        }
        checks
    }

    /// The result in a sentence.
    pub fn headline(&self) -> String {
        let mut parts = Vec::new();
        if self.settings.has(Part::Mining) {
            let digits = &self.results[0];
            let mut strategies = self.strategies();
            let score = |name: &str| digits.metric(name, "map_at_r").mean;
            strategies.sort_by(|a, b| score(b).total_cmp(&score(a)));
            let best = strategies[0];
            let behind: Vec<String> = strategies[1..]
                .iter()
                .filter(|other| digits.difference("map_at_r", best, other).is_gain())
                .map(|other| (*other).to_owned())
                .collect();
            let verdict = match (strategies.len(), behind.is_empty()) {
                (1, _) => String::new(),
                (_, true) => ", but no other strategy is significantly behind".to_owned(),
                (_, false) => format!(", significantly ahead of {}", list(&behind)),
            };
            parts.push(format!(
                "On the digits {best} mining has the highest MAP@R, {}{verdict}; raw pixels have {}",
                percent(score(best)),
                percent(score(PIXELS))
            ));
        }
        if let Some(notebook) = self.notebook {
            let against = match (notebook.is_complete(), notebook.precision.mean >= TARGET) {
                (false, _) => String::new(),
                (true, true) => format!(", at least the notebook's {TARGET}"),
                (true, false) => format!(", below the notebook's {TARGET}"),
            };
            parts.push(format!(
                "one epoch of all digits reaches a P@1 of {}{against}",
                plain_mean_and_spread(&notebook.precision)
            ));
        }
        if self.settings.has(Part::Collapse) {
            let collapsed = self.results[0].metric(COLLAPSING, "collapsed");
            parts.push(format!(
                "batch-hard mining with large steps collapses in {} of {} seeds",
                collapsed.values.iter().sum::<f64>(),
                collapsed.values.len()
            ));
        }
        if parts.is_empty() {
            return format!("Parts of the exercise with {} seeds.", self.seeds.len());
        }
        let text = parts.join("; ");
        let mut letters = text.chars();
        let first = letters.next().map(|letter| letter.to_uppercase().collect::<String>()).unwrap_or_default();
        format!("{first}{}.", letters.as_str())
    }
}
