//! What the papers make one expect beside what a run measured.

use super::{
    methods::{
        MOMENTUM, PIXELS, SCRATCH, SIMCLR, UNTRAINED, left_out, name_of_batch, name_of_temperature, name_without,
        row_name,
    },
    results::Results,
    settings::Part,
    story::Told,
};
use crate::{
    experiments::common::{ByMethod, Difference},
    outcome::{Check, Metric},
    wording::{given, percent},
};

impl Told<'_> {
    /// Each expectation beside what was measured.
    pub fn checks(&self) -> Vec<Check> {
        let by_set = self.results.iter().flat_map(|results| self.checks_of(results));
        by_set.chain(self.checks_of_sweeps()).collect()
    }

    fn checks_of(&self, results: &Results) -> Vec<Check> {
        let settings = self.settings;
        let better = |name: String, difference: Difference| better(results, name, difference);
        let mut checks = Vec::new();
        let (shares, middle) = (settings.shares(), settings.middle());
        if settings.has(Part::Labels) {
            for share in shares.iter().filter(|share| **share < 1.0) {
                let name = format!("SimCLR and a linear probe against {SCRATCH}, {} of the labels", given(*share));
                checks.push(better(name, advantage(results, *share)));
            }
            if let [fewest, .., most] = shares.as_slice() {
                let [few, many] = [fewest, most].map(|share| advantages(results, *share));
                checks.push(Check {
                    expected: "larger with few, p < 0.05".to_owned(),
                    ..better(
                        format!("that advantage with {} against {} of the labels", given(*fewest), given(*most)),
                        Difference::of(&few, &many),
                    )
                });
            }
            for other in [UNTRAINED, PIXELS] {
                let difference = results.difference("knn", &Results::plain(middle), &row_name(other, middle));
                checks.push(better(
                    format!("SimCLR against {other}, neighbours, {} of the labels", given(middle)),
                    difference,
                ));
            }
        }
        checks.push(better(
            format!("before against after the head, linear probe, {} of the labels", given(middle)),
            before_and_after(results, middle),
        ));
        if results.has(MOMENTUM) {
            let difference = results.difference("accuracy", &row_name(MOMENTUM, middle), &Results::plain(middle));
            checks.push(Check {
                expected: "not worse by p < 0.05".to_owned(),
                holds: !difference.is_loss(),
                ..better(format!("MoCo against SimCLR, linear probe, {} of the labels", given(middle)), difference)
            });
        }
        checks
    }

    fn checks_of_sweeps(&self) -> Vec<Check> {
        let (settings, results) = (self.settings, &self.results[0]);
        let better = |name: String, difference: Difference| better(results, name, difference);
        let middle = settings.middle();
        let linear = |a: &str, b: &str| results.difference("accuracy", &row_name(a, middle), &row_name(b, middle));
        let mut checks = Vec::new();
        let temperatures = self.temperatures();
        if let Some(high) = temperatures.last().filter(|high| **high > settings.temperature) {
            let difference = linear(SIMCLR, &name_of_temperature(settings, *high));
            checks.push(better(format!("τ = {} against {high}", settings.temperature), difference));
        }
        if let [small, .., large] = self.batches().as_slice() {
            let difference = linear(&name_of_batch(settings, *large), &name_of_batch(settings, *small));
            checks.push(better(format!("batches of {large} against {small}"), difference));
        }
        if settings.has(Part::Augmentations) {
            for kind in left_out(settings, &results.picked.pick.policy()) {
                let difference = linear(SIMCLR, &name_without(kind));
                checks.push(better(format!("all augmentations against all but {}", kind.name()), difference));
            }
        }
        checks
    }

    /// The temperatures that were trained with on the first data set, the smallest first.
    pub fn temperatures(&self) -> Vec<f64> {
        let mut all =
            if self.settings.has(Part::Temperature) { self.settings.compared_temperatures.clone() } else { vec![] };
        if !all.is_empty() && !all.contains(&self.settings.temperature) {
            all.push(self.settings.temperature);
        }
        all.sort_by(f64::total_cmp);
        all
    }

    /// The batch sizes that were trained with on the first data set, the smallest first.
    pub fn batches(&self) -> Vec<usize> {
        let mut all = if self.settings.has(Part::Batch) { self.settings.compared_batches.clone() } else { vec![] };
        if !all.is_empty() && !all.contains(&self.settings.batch) {
            all.push(self.settings.batch);
        }
        all.sort_unstable();
        all
    }

    /// The result in a sentence, from the first data set.
    pub fn headline(&self) -> String {
        let results = &self.results[0];
        let (share, title) = (self.settings.shares()[0], results.picked.pick.title());
        let simclr = percent(results.score(SIMCLR, share, "accuracy"));
        if !self.settings.has(Part::Labels) {
            return format!("{title}, {} of the labels: a linear probe on SimCLR has {simclr} right.", given(share));
        }
        let difference = advantage(results, share);
        let verdict = if difference.is_significant() { "" } else { ", no significant difference" };
        format!(
            "{title}, {} of the labels: a linear probe on what SimCLR learned without labels has {simclr} right, a network \
             that learned from these labels alone {}{verdict}.",
            given(share),
            percent(results.score(SCRATCH, share, "accuracy"))
        )
    }
}

fn better(results: &Results, name: String, difference: Difference) -> Check {
    Check {
        name: format!("{}: {name}", results.picked.pick.key()),
        expected: "better, p < 0.05".to_owned(),
        measured: difference.text(),
        holds: difference.is_gain(),
    }
}

/// The linear probe on SimCLR minus learning from scratch, with a share of the labels.
pub fn advantage(results: &Results, share: f64) -> Difference {
    results.difference("accuracy", &Results::plain(share), &row_name(SCRATCH, share))
}

/// The same for each seed.
fn advantages(results: &Results, share: f64) -> Metric {
    let [simclr, scratch] =
        [SIMCLR, SCRATCH].map(|way| results.metric(&row_name(way, share), "accuracy").values.clone());
    simclr.iter().zip(&scratch).map(|(a, b)| a - b).collect::<Vec<f64>>().into()
}

/// The linear probe before the head minus that after it.
pub fn before_and_after(results: &Results, share: f64) -> Difference {
    let row = row_name(SIMCLR, share);
    Difference::of(results.metric(&row, "accuracy"), results.metric(&row, "accuracy_of_head"))
}
