//! What was tested on a data set, put together over the seeds.

use super::{DataSet, Tested, training::Probe};
use crate::{
    experiments::common::{ByMethod, find, row},
    outcome::Row,
};

/// The results on one data set.
pub struct Results<'a> {
    /// Which one.
    pub set: &'a DataSet,
    /// Each way to embed with its results, one a seed.
    pub tested: Vec<(&'a str, Vec<&'a Tested>)>,
    /// A row for each way.
    pub rows: Vec<Row>,
}

impl<'a> Results<'a> {
    /// Gathers the results of all seeds, which follow each other, into rows.
    pub fn new(set: &'a DataSet, results: impl Iterator<Item = (&'a str, &'a Tested)>) -> Self {
        let mut tested: Vec<(&str, Vec<&Tested>)> = Vec::new();
        for (name, result) in results {
            match tested.last_mut() {
                Some((last, results)) if *last == name => results.push(result),
                _ => tested.push((name, vec![result])),
            }
        }
        let rows = tested.iter().map(|(name, tested)| {
            row(format!("{}/{name}", set.key), &tested.iter().map(|tested| tested.metrics()).collect::<Vec<_>>())
        });
        let rows = rows.collect();
        Self { set, tested, rows }
    }

    /// The results of a way, one a seed; none if it wasn't asked for.
    pub fn of(&self, name: &str) -> &[&'a Tested] {
        self.tested.iter().find(|(known, _)| *known == name).map_or(&[], |(_, tested)| tested)
    }

    /// Whether a way was asked for.
    pub fn has(&self, name: &str) -> bool {
        !self.of(name).is_empty()
    }

    /// The mean over the seeds of a number of the probe, before the first and after every epoch.
    pub fn over_the_epochs(&self, name: &str, number: impl Fn(&Probe) -> f64) -> Vec<f64> {
        let tested = self.of(name);
        let epochs = tested.iter().map(|tested| tested.notes.probes.len()).min().unwrap_or(0);
        let mean = |epoch: usize| {
            tested.iter().map(|tested| number(&tested.notes.probes[epoch])).sum::<f64>() / tested.len() as f64
        };
        (0..epochs).map(mean).collect()
    }
}

impl ByMethod for Results<'_> {
    type Method<'m> = &'m str;

    fn row(&self, method: &str) -> &Row {
        find(&self.rows, self.set.key, method)
    }
}

impl Tested {
    /// All numbers, by the names they have in `outcome.json`.
    fn metrics(&self) -> Vec<(&'static str, f64)> {
        let mut metrics = self.found.metrics();
        if let (Some(last), Some(active)) = (self.notes.probes.last(), self.notes.active.last()) {
            let [easy, semi_hard, hard] = last.shares;
            metrics.extend([
                ("active", *active),
                ("easy", easy),
                ("semi_hard", semi_hard),
                ("hard", hard),
                ("loss_over_margin", last.loss_over_margin),
                ("distance_over_margin", last.distance_over_margin),
                ("collapsed", f64::from(u8::from(last.collapse.is_some()))),
            ]);
        }
        metrics
    }
}
