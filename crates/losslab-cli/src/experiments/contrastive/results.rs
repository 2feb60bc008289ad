//! The trials of a run, put together over the seeds.

use super::{Settings, Trial, Verified, method::Method};
use crate::{
    experiments::common::{ByMethod, row},
    outcome::Row,
    statistics::mean,
};

/// Names of the numbers of a verification, on seen and on held-out digits.
const NAMES: [[&str; 7]; 2] = [
    [
        "seen_eer",
        "seen_accuracy",
        "seen_tar_at_far_1",
        "seen_auroc",
        "seen_same_distance",
        "seen_different_distance",
        "seen_eer_threshold",
    ],
    [
        "held_out_eer",
        "held_out_accuracy",
        "held_out_tar_at_far_1",
        "held_out_auroc",
        "held_out_same_distance",
        "held_out_different_distance",
        "held_out_eer_threshold",
    ],
];

/// All methods with all seeds.
pub struct Results<'a> {
    /// The hyperparameters.
    pub settings: &'a Settings,
    /// What was compared.
    pub methods: &'a [Method],
    trials: Vec<&'a [Trial]>,
    /// A row for each method.
    pub rows: Vec<Row>,
    /// The normalised embeddings whose margin is best on validation pairs: what the exercise is about.
    pub best: Method,
    /// The same for raw embeddings.
    pub best_raw: Method,
    /// Normalised embeddings with the handout's margin, or the nearest to it.
    pub reference: Method,
    /// The same with mixed-up labels.
    pub mixed_up: Method,
}

impl<'a> Results<'a> {
    /// Gathers trials: all seeds of the first method, then of the next.
    pub fn new(settings: &'a Settings, methods: &'a [Method], trials: &'a [Trial]) -> Self {
        let trials: Vec<&[Trial]> = trials.chunks(trials.len() / methods.len()).collect();
        let rows = methods.iter().zip(&trials).map(|(method, trials)| {
            let by_seed: Vec<_> = trials.iter().map(|trial| metrics(*method, trial)).collect();
            row(format!("digits/{method}"), &by_seed)
        });
        let rows: Vec<Row> = rows.collect();
        let valid_eer = |method: &Method| {
            let place = methods.iter().position(|other| other == method).expect("it is one of them");
            rows[place].metric("valid_eer").expect("every row has it").mean
        };
        let mixed_up = *methods.last().expect("the mixed-up labels are always there");
        let best_of = |normalise: bool| {
            let trained = methods.iter().filter(|method| {
                **method != mixed_up && matches!(method, Method::Trained(recipe) if recipe.normalise == normalise)
            });
            *trained.min_by(|a, b| valid_eer(a).total_cmp(&valid_eer(b))).expect("a list is never empty")
        };
        let (best, best_raw) = (best_of(true), best_of(false));
        let is_reference = |method: &&Method| {
            let Method::Trained(recipe) = method else { return false };
            recipe.normalise && recipe.margin == settings.reference_margin()
        };
        let reference = *methods.iter().find(is_reference).expect("the reference is one of the margins");
        Self { settings, methods, trials, rows, best, best_raw, reference, mixed_up }
    }

    fn place(&self, method: Method) -> usize {
        self.methods.iter().position(|other| *other == method).expect("only methods of the run are asked for")
    }

    /// The trials of a method, one a seed.
    pub fn trials(&self, method: Method) -> &'a [Trial] {
        self.trials[self.place(method)]
    }

    /// The mean over the seeds of a number of a method's trials.
    pub fn mean_of(&self, method: Method, number: impl Fn(&Trial) -> f64) -> f64 {
        mean(&self.trials(method).iter().map(number).collect::<Vec<f64>>())
    }

    /// The margin of a method.
    pub fn margin(&self, method: Method) -> Option<f64> {
        match method {
            Method::Trained(recipe) => Some(recipe.margin),
            _ => None,
        }
    }
}

impl ByMethod for Results<'_> {
    type Method<'m> = Method;

    fn row(&self, method: Method) -> &Row {
        &self.rows[self.place(method)]
    }
}

/// All numbers of a trial, by the names they have in `outcome.json`.
fn metrics(method: Method, trial: &Trial) -> Vec<(&'static str, f64)> {
    let of = |names: [&'static str; 7], verified: &Verified| {
        let Verified { eer, accuracy, tar, auroc, distance: [same, different], eer_threshold, .. } = *verified;
        names.into_iter().zip([eer, accuracy, tar, auroc, same, different, eer_threshold])
    };
    let [seen, held_out] = NAMES;
    let mut metrics: Vec<(&str, f64)> = of(seen, &trial.seen).chain(of(held_out, &trial.held_out)).collect();
    metrics.extend([("valid_eer", trial.valid_eer), ("threshold", trial.threshold)]);
    if let (Method::Trained(recipe), [first, .., last]) = (method, trial.history.watched.as_slice()) {
        metrics.extend([("margin", recipe.margin), ("beyond_before", first.beyond), ("beyond_after", last.beyond)]);
    }
    metrics
}
