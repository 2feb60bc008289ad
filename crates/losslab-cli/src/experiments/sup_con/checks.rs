//! What the paper makes one expect beside what a run measured.

use super::{methods::Method, results::Results, story::Told};
use crate::{
    experiments::common::{ByMethod, Difference},
    outcome::Check,
    wording::{given, percent},
};

impl Told<'_> {
    /// Each expectation beside what was measured.
    pub fn checks(&self) -> Vec<Check> {
        self.results.iter().flat_map(|results| self.checks_of(results)).collect()
    }

    fn checks_of(&self, results: &Results) -> Vec<Check> {
        let better = |name: String, difference: Difference| Check {
            name: format!("{}: {name}", results.picked.pick.key()),
            expected: "better, p < 0.05".to_owned(),
            measured: difference.text(),
            holds: difference.is_gain(),
        };
        let mut checks = Vec::new();
        let outside = results.name(Method::Outside, 0.0);
        for other in [Method::Inside, Method::CrossEntropy, Method::Triplet] {
            let name = results.name(other, 0.0);
            if self.has(results, &[Method::Outside, other], 0.0) {
                let difference = results.difference("accuracy", &outside, &name);
                checks.push(better(format!("L_out against {}, linear probe", short(other)), difference));
            }
        }
        if self.has(results, &[Method::Outside, Method::CrossEntropy], 0.0) {
            let name = results.name(Method::CrossEntropy, 0.0);
            let difference = results.difference("recall_at_1", &outside, &name);
            checks.push(better("L_out against cross-entropy, Recall@1".to_owned(), difference));
        }
        for noise in self.wrong() {
            let both = [Method::Outside, Method::CrossEntropy];
            if self.has(results, &both, 0.0) && self.has(results, &both, noise) {
                let difference = results.lost_more("accuracy", Method::CrossEntropy, Method::Outside, noise);
                checks.push(Check {
                    expected: "cross-entropy loses more, p < 0.05".to_owned(),
                    ..better(format!("{} wrong labels, linear probe", given(noise)), difference)
                });
            }
        }
        let (fewest, most) = (self.views().first().copied(), self.views().last().copied());
        if let (Some(fewest), Some(most)) = (fewest, most)
            && fewest < most
        {
            let [few, many] = [fewest, most].map(|views| results.name_of_views(views));
            if results.has(&few) && results.has(&many) {
                let difference = results.difference("accuracy", &many, &few);
                checks.push(better(
                    format!("L_out, views of an image: {most} against {fewest}, linear probe"),
                    difference,
                ));
            }
        }
        checks
    }

    /// Whether all of these methods were trained with a share of wrong labels.
    pub fn has(&self, results: &Results, methods: &[Method], noise: f64) -> bool {
        methods.iter().all(|method| results.has(&results.name(*method, noise)))
    }

    /// The shares of wrong labels that are more than none.
    pub fn wrong(&self) -> Vec<f64> {
        let mut shares: Vec<f64> = self.settings.label_noise.iter().copied().filter(|share| *share > 0.0).collect();
        shares.sort_by(f64::total_cmp);
        shares
    }

    /// The numbers of views that are compared, the plain one among them if it was trained.
    pub fn views(&self) -> Vec<usize> {
        let mut views = self.settings.compared_views.clone();
        views.sort_unstable();
        views
    }

    /// The result in a sentence, from the first data set.
    pub fn headline(&self) -> String {
        let results = &self.results[0];
        let title = results.picked.pick.title();
        let methods: Vec<Method> =
            self.settings.methods.iter().copied().filter(|method| results.has(&results.name(*method, 0.0))).collect();
        let Some(best) = best(results, &methods, "accuracy") else {
            return format!("Losses on {title} with wrong labels, {} seeds.", self.seeds.len());
        };
        let name = results.name(best, 0.0);
        let behind: Vec<String> = methods
            .iter()
            .filter(|other| results.difference("accuracy", &name, &results.name(**other, 0.0)).is_gain())
            .map(|other| other.name().to_owned())
            .collect();
        let verdict = match (methods.len(), behind.is_empty()) {
            (1, _) => String::new(),
            (_, true) => ", but no other loss is significantly behind".to_owned(),
            (_, false) => format!(", significantly ahead of {}", crate::wording::list(&behind)),
        };
        let worst = self.wrong().last().copied();
        let robust = worst.filter(|noise| self.has(results, &methods, *noise)).map(|noise| {
            let loss = |method: &Method| results.lost("accuracy", *method, noise).mean;
            let firm = methods.iter().min_by(|a, b| loss(a).total_cmp(&loss(b))).expect("there is a method");
            format!(
                "; with {} wrong labels {} loses least, {} points",
                given(noise),
                firm.name(),
                crate::wording::signed(-loss(firm))
            )
        });
        format!(
            "{title}: {} has the best linear probe, {}{verdict}{}.",
            best.name(),
            percent(results.mean(&name, "accuracy")),
            robust.unwrap_or_default()
        )
    }
}

/// The method with the highest mean without wrong labels.
pub fn best(results: &Results, methods: &[Method], metric: &str) -> Option<Method> {
    let score = |method: &Method| results.mean(&results.name(*method, 0.0), metric);
    methods.iter().copied().max_by(|a, b| score(a).total_cmp(&score(b)))
}

/// The name without that of the loss family.
fn short(method: Method) -> &'static str {
    match method {
        Method::Inside => "L_in",
        other => other.name(),
    }
}
