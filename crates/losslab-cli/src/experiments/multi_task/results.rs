//! The trainings of all seeds, put together; and the fixed weight that validation would have chosen.

use super::{
    methods::{Method, Recipe, Task, Units, automatic},
    settings::Settings,
    training::{Epoch, Measured, Trained, mean},
};
use crate::{
    experiments::common::{self, ByMethod},
    outcome::{Metric, Row},
};

/// The name of the row of the fixed weight that is best on the validation part, for each seed anew.
pub const TUNED: &str = "fixed, tuned";

/// A ratio of weights, at most that of the largest fixed weight: MGDA can give all of the weight to one task.
fn ratio(of: f64, to: f64) -> f64 {
    let ratio = of / to;
    if ratio > 1e6 { 1e6 } else { ratio }
}

/// All results of a run.
pub struct Results<'a> {
    recipes: &'a [Recipe],
    by_recipe: &'a [&'a [Trained]],
    /// A row for each recipe, then that of the tuned weight.
    pub rows: Vec<Row>,
    /// The tuned weight of each seed.
    pub tuned: Vec<f64>,
}

impl<'a> Results<'a> {
    /// Measures everything against the two networks that do one task each.
    pub fn new(settings: &Settings, recipes: &'a [Recipe], by_recipe: &'a [&'a [Trained]]) -> Self {
        let mut results = Self { recipes, by_recipe, rows: Vec::new(), tuned: Vec::new() };
        let seeds = by_recipe[0].len();
        let [classifiers, reconstructors] =
            [Task::Classify, Task::Reconstruct].map(|task| results.trained(plain(Method::Alone(task))));
        let joint = |trained: &Trained, seed: usize, part: fn(&Trained) -> &Measured| {
            part(trained).joint_error(part(&classifiers[seed]), part(&reconstructors[seed]))
        };
        let numbers = |recipe: Recipe, trained: &Trained, seed: usize| -> Vec<(&'static str, f64)> {
            let (accuracy, mse) = (("accuracy", trained.test.accuracy()), ("mse", trained.test.mse));
            let passes = ("passes", if recipe.method.needs_gradients() { 2.0 } else { 1.0 });
            match recipe.method {
                // The head of the other task is as it was drawn.
                Method::Alone(Task::Classify) => vec![accuracy, passes],
                Method::Alone(Task::Reconstruct) => vec![mse, passes],
                _ => {
                    let seen = mean(&trained.by_epoch).unwrap_or_default();
                    vec![
                        accuracy,
                        mse,
                        ("joint_error", joint(trained, seed, |trained| &trained.test)),
                        ("reconstruction_share", seen.share),
                        ("imbalance", (seen.share - 0.5).abs()),
                        ("cosine", seen.cosine),
                        ("conflicts", seen.conflicts),
                        ("length_ratio", seen.norms[0] / seen.norms[1]),
                        ("weight_ratio", ratio(seen.weights[1], seen.weights[0])),
                        passes,
                    ]
                }
            }
        };
        let row = |(recipe, trained): (&Recipe, &&[Trained])| {
            let by_seed: Vec<_> = trained.iter().enumerate().map(|(seed, one)| numbers(*recipe, one, seed)).collect();
            common::row(recipe.key(), &by_seed)
        };
        let mut rows: Vec<Row> = recipes.iter().zip(by_recipe).map(row).collect();

        let fixed = settings.fixed();
        let of_weight = |weight: f64| results.trained(plain(Method::Fixed(weight)));
        let tuned: Vec<f64> = (0..seeds)
            .map(|seed| {
                let error = |weight: &f64| joint(&of_weight(*weight)[seed], seed, |trained| &trained.valid);
                *fixed.iter().min_by(|a, b| error(a).total_cmp(&error(b))).expect("equal weights are among them")
            })
            .collect();
        let by_seed: Vec<_> = tuned
            .iter()
            .enumerate()
            .map(|(seed, weight)| numbers(plain(Method::Fixed(*weight)), &of_weight(*weight)[seed], seed))
            .collect();
        rows.push(common::row(format!("{}/{TUNED}", Units::Plain.key()), &by_seed));
        (results.rows, results.tuned) = (rows, tuned);
        results
    }

    /// The trainings of a recipe, one a seed.
    pub fn trained(&self, recipe: Recipe) -> &'a [Trained] {
        let at = self.recipes.iter().position(|known| *known == recipe).expect("every recipe has been trained");
        self.by_recipe[at]
    }

    /// Number of seeds.
    pub fn seeds(&self) -> usize {
        self.by_recipe[0].len()
    }

    /// The row of a method on losses in these units.
    pub fn in_units(&self, units: Units, name: &str) -> &Row {
        common::find(&self.rows, &units.key(), name)
    }

    /// A metric of a method on losses in these units.
    pub fn metric_in(&self, units: Units, name: &str, metric: &str) -> &Metric {
        self.in_units(units, name).metric(metric).expect("a method that trains both tasks has all metrics")
    }

    /// A number of the gradients after each epoch, as the mean over the seeds.
    pub fn over_the_epochs(&self, recipe: Recipe, number: impl Fn(&Epoch) -> f64) -> Vec<f64> {
        let trained = self.trained(recipe);
        let epochs = trained[0].by_epoch.len();
        let mean =
            |epoch: usize| trained.iter().map(|one| number(&one.by_epoch[epoch])).sum::<f64>() / trained.len() as f64;
        (0..epochs).map(mean).collect()
    }

    /// The fixed weight of the grid that was tuned most often; the smaller of two.
    pub fn usual_weight(&self) -> f64 {
        let count = |weight: f64| self.tuned.iter().filter(|tuned| **tuned == weight).count();
        let better = |best: f64, weight: &f64| if count(*weight) > count(best) { *weight } else { best };
        let mut sorted = self.tuned.clone();
        sorted.sort_by(f64::total_cmp);
        sorted.iter().fold(sorted[0], better)
    }
}

/// On the losses as they are.
impl ByMethod for Results<'_> {
    type Method<'m> = &'m str;

    fn row(&self, name: &str) -> &Row {
        self.in_units(Units::Plain, name)
    }
}

/// A method on the losses as they are.
pub fn plain(method: Method) -> Recipe {
    Recipe { method, units: Units::Plain }
}

/// The adaptive methods with plain losses.
pub fn adaptive(settings: &Settings) -> Vec<Method> {
    automatic(settings).into_iter().filter(|method| method.is_adaptive()).collect()
}
