//! What was measured on a data set, put together over the seeds.

use super::{
    Tested,
    methods::{Method, Recipe, row_name},
    settings::Settings,
};
use crate::{
    experiments::{
        common::{ByMethod, Difference, find, row},
        picks::Picked,
    },
    outcome::{Metric, Row},
    statistics::mean,
};

/// The results on one data set.
pub struct Results<'a> {
    /// Which one.
    pub picked: &'a Picked,
    /// A row for each loss, share of wrong labels and number of views.
    pub rows: Vec<Row>,
    /// The step size of each row, the best on the validation part.
    pub chosen: Vec<f64>,
    /// The chosen results of each row, one a seed.
    tested: Vec<Vec<&'a Tested>>,
    settings: &'a Settings,
}

impl<'a> Results<'a> {
    /// Takes for each row the step size with the highest mean accuracy on the validation part. `tested` has the results
    /// of each recipe, one a seed.
    pub fn new(settings: &'a Settings, picked: &'a Picked, recipes: &[Recipe], tested: &[Vec<&'a Tested>]) -> Self {
        let valid =
            |tested: &[&Tested]| mean(&tested.iter().map(|tested| tested.measured.valid_accuracy).collect::<Vec<_>>());
        let per_row = settings.lr.len();
        let (mut rows, mut chosen, mut kept) = (Vec::new(), Vec::new(), Vec::new());
        for (recipes, tested) in recipes.chunks(per_row).zip(tested.chunks(per_row)) {
            let best = (0..recipes.len())
                .fold(0, |best, at| if valid(&tested[at]) > valid(&tested[best]) { at } else { best });
            let by_seed: Vec<_> = tested[best].iter().map(|tested| tested.measured.metrics()).collect();
            rows.push(row(format!("{}/{}", picked.pick.key(), recipes[best].name(settings)), &by_seed));
            chosen.push(recipes[best].lr);
            kept.push(tested[best].clone());
        }
        Self { picked, rows, chosen, tested: kept, settings }
    }

    /// The name of a method's row with a share of wrong labels.
    pub fn name(&self, method: Method, noise: f64) -> String {
        row_name(self.settings, method, noise, self.settings.views)
    }

    /// The name of L_out's row with a number of views.
    pub fn name_of_views(&self, views: usize) -> String {
        row_name(self.settings, Method::Outside, 0.0, views)
    }

    /// Whether there is a row of that name.
    pub fn has(&self, name: &str) -> bool {
        self.rows.iter().any(|row| row.name == format!("{}/{name}", self.picked.pick.key()))
    }

    /// What a share of wrong labels costs a method, for each seed: the number without them minus that with them.
    pub fn lost(&self, metric: &str, method: Method, noise: f64) -> Metric {
        let [without, with] = [0.0, noise].map(|noise| self.metric(&self.name(method, noise), metric));
        without.values.iter().zip(&with.values).map(|(a, b)| a - b).collect::<Vec<f64>>().into()
    }

    /// How much more one method loses to wrong labels than another.
    pub fn lost_more(&self, metric: &str, method: Method, other: Method, noise: f64) -> Difference {
        Difference::of(&self.lost(metric, method, noise), &self.lost(metric, other, noise))
    }

    /// The representations of the first test images by a method, for the first seed.
    pub fn map(&self, method: Method) -> Option<&[f32]> {
        let name = format!("{}/{}", self.picked.pick.key(), self.name(method, 0.0));
        let place = self.rows.iter().position(|row| row.name == name)?;
        let map = self.tested[place].first()?.map.as_slice();
        (!map.is_empty()).then_some(map)
    }
}

impl ByMethod for Results<'_> {
    type Method<'m> = &'m str;

    fn row(&self, method: &str) -> &Row {
        find(&self.rows, self.picked.pick.key(), method)
    }
}
