//! The studies of all losses, put together over the seeds.

use super::{METHODS, Method, Settings, Study, measures::Pictures};
use crate::{
    experiments::common::{ByMethod, find, row},
    outcome::{Metric, Row},
};

/// The data set's name in rows.
const KEY: &str = "digits";

/// The results of a run.
pub struct Results<'a> {
    /// All hyperparameters.
    pub settings: &'a Settings,
    /// One list for each loss, in it one a seed.
    studies: Vec<&'a [Study]>,
    /// A row for each loss.
    pub rows: Vec<Row>,
}

impl<'a> Results<'a> {
    /// Gathers the seeds of each loss, which follow each other, into rows.
    pub fn new(settings: &'a Settings, studies: &'a [Study], seeds: usize) -> Self {
        let studies: Vec<&[Study]> = studies.chunks(seeds).collect();
        let of = |(method, studies): (Method, &&[Study])| {
            let numbers: Vec<_> = studies.iter().map(Study::metrics).collect();
            row(format!("{KEY}/{}", method.name(settings)), &numbers)
        };
        let rows = METHODS.into_iter().zip(&studies).map(of).collect();
        Self { settings, studies, rows }
    }

    /// A loss, one a seed.
    pub fn of(&self, method: Method) -> &'a [Study] {
        self.studies[METHODS.iter().position(|known| *known == method).expect("all losses are among them")]
    }

    /// The pictures of a loss, from the first seed.
    pub fn pictures(&self, method: Method) -> Option<&'a Pictures> {
        self.of(method).first()?.pictures.as_ref()
    }

    /// The largest eigenvalues over the seeds, in descending order.
    pub fn largest(&self, method: Method) -> Vec<Metric> {
        let at = |place: usize| -> Metric {
            self.of(method).iter().map(|study| study.curvature.largest[place]).collect::<Vec<f64>>().into()
        };
        (0..self.settings.eigenvalues).map(at).collect()
    }
}

impl ByMethod for Results<'_> {
    type Method<'m> = Method;

    fn row(&self, method: Method) -> &Row {
        find(&self.rows, KEY, &method.name(self.settings))
    }
}

impl Study {
    /// All numbers, by the names they have in `outcome.json`.
    fn metrics(&self) -> Vec<(&'static str, f64)> {
        let curvature = &self.curvature;
        let mut metrics = vec![
            ("accuracy", self.accuracy),
            ("loss", curvature.loss),
            ("top_eigenvalue", curvature.largest[0]),
            ("eigenvalue_error", curvature.error),
            ("smallest_eigenvalue", curvature.smallest),
            ("negative_share", curvature.negative_share()),
            ("trace", curvature.trace),
            ("trace_standard_error", curvature.trace_error),
            ("top_share_of_trace", curvature.largest.iter().sum::<f64>() / curvature.trace),
            ("sharpness", curvature.sharpness),
            ("sharpness_one_step", curvature.one_step),
            ("path_in_plane", self.in_plane),
        ];
        metrics.extend(curvature.of_cross_entropy.map(|value| ("cross_entropy_top_eigenvalue", value)));
        metrics
    }
}
