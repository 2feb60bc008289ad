//! What was tested on a data set, put together over the seeds.

use super::{DataSet, Tested, Way, methods::Method};
use crate::{
    experiments::common::{ByMethod, find, row},
    outcome::Row,
};

/// The results on one data set.
pub struct Results<'a> {
    /// Which one.
    pub set: &'a DataSet,
    /// Each way to rank with its results, one a seed.
    pub tested: Vec<(Way, Vec<&'a Tested>)>,
    /// A row for each way.
    pub rows: Vec<Row>,
}

impl<'a> Results<'a> {
    /// Gathers the results of all seeds, which follow each other, into rows.
    pub fn new(set: &'a DataSet, results: Vec<(Way, &'a Tested)>, seeds: usize) -> Self {
        let of_way =
            |results: &[(Way, &'a Tested)]| (results[0].0, results.iter().map(|(_, tested)| *tested).collect());
        let tested: Vec<(Way, Vec<&Tested>)> = results.chunks(seeds).map(of_way).collect();
        let rows = tested.iter().map(|(way, tested)| {
            let numbers: Vec<_> = tested.iter().map(|tested| tested.metrics()).collect();
            row(format!("{}/{}", set.key, way.name()), &numbers)
        });
        let rows = rows.collect();
        Self { set, tested, rows }
    }

    /// The results of a way, one a seed; none if it wasn't asked for.
    pub fn of(&self, way: Way) -> &[&'a Tested] {
        self.tested.iter().find(|(known, _)| *known == way).map_or(&[], |(_, tested)| tested)
    }

    /// Whether a loss was asked for.
    pub fn has(&self, method: Method) -> bool {
        !self.of(Way::Trained(method)).is_empty()
    }

    /// The losses that look at lists.
    pub fn ranking_losses(&self) -> Vec<Method> {
        let trained = self.tested.iter().filter_map(|(way, _)| match way {
            Way::Trained(method) if *method != Method::Regression => Some(*method),
            _ => None,
        });
        trained.collect()
    }

    /// The mean over the seeds of a number of a way.
    pub fn mean_of(&self, way: Way, number: impl Fn(&Tested) -> f64) -> f64 {
        let tested = self.of(way);
        tested.iter().map(|tested| number(tested)).sum::<f64>() / tested.len() as f64
    }
}

impl ByMethod for Results<'_> {
    type Method<'m> = Way;

    fn row(&self, way: Way) -> &Row {
        find(&self.rows, &self.set.key, way.name())
    }
}

impl Tested {
    /// All numbers, by the names they have in `outcome.json`.
    fn metrics(&self) -> Vec<(&'static str, f64)> {
        let mut metrics = self.found.metrics();
        metrics.push(("error_of_queries", self.error_of_queries));
        if let Some(lr) = self.lr {
            metrics.extend([("lr", lr), ("epoch", self.epoch as f64)]);
        }
        metrics
    }
}
