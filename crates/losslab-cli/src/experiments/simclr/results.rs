//! What was measured on a data set, put together over the seeds.

use super::{
    Tested,
    methods::{SIMCLR, Way, row_name},
    settings::Settings,
};
use crate::{
    experiments::{
        common::{ByMethod, find, row},
        picks::Picked,
    },
    outcome::Row,
};

/// The results on one data set.
pub struct Results<'a> {
    /// Which one.
    pub picked: &'a Picked,
    /// A row for each way and share of the labels.
    pub rows: Vec<Row>,
    /// The names of the ways, each once.
    pub ways: Vec<String>,
    /// The representations of the first test images by SimCLR, and before any training, for the first seed.
    pub maps: Vec<(String, &'a [f32])>,
}

impl<'a> Results<'a> {
    /// Gathers what was tested: for each way its results, one a seed.
    pub fn new(settings: &Settings, picked: &'a Picked, tested: &[(Way, Vec<&'a Tested>)]) -> Self {
        let key = picked.pick.key();
        let (mut rows, mut ways, mut maps) = (Vec::new(), Vec::<String>::new(), Vec::new());
        for (way, tested) in tested {
            let shares = match way {
                Way::Scratch(share) => vec![*share],
                _ => settings.shares(),
            };
            for (at, share) in shares.into_iter().enumerate() {
                let by_seed: Vec<_> = tested.iter().map(|tested| tested.measured[at].metrics()).collect();
                rows.push(row(format!("{key}/{}", row_name(way.name(), share)), &by_seed));
            }
            if !ways.iter().any(|known| known == way.name()) {
                ways.push(way.name().to_owned());
            }
            let map = tested.first().map_or(&[][..], |tested| &tested.map);
            if !map.is_empty() {
                maps.push((way.name().to_owned(), map));
            }
        }
        Self { picked, rows, ways, maps }
    }

    /// Whether there is a way of that name.
    pub fn has(&self, way: &str) -> bool {
        self.ways.iter().any(|known| known == way)
    }

    /// The mean of a metric of a way with a share of the labels.
    pub fn score(&self, way: &str, share: f64, metric: &str) -> f64 {
        self.mean(&row_name(way, share), metric)
    }

    /// SimCLR with a share of the labels.
    pub fn plain(share: f64) -> String {
        row_name(SIMCLR, share)
    }
}

impl ByMethod for Results<'_> {
    type Method<'m> = &'m str;

    fn row(&self, method: &str) -> &Row {
        find(&self.rows, self.picked.pick.key(), method)
    }
}
