//! The studies of a data set, put together over the seeds.

use super::{DataSet, Settings, Study, Tested};
use crate::{
    experiments::common::{self, ByMethod},
    outcome::Row,
};

/// Plain cross-entropy at threshold ½.
pub const CROSS_ENTROPY: &str = "cross-entropy";
/// The same network with its threshold tuned on the validation part.
pub const TUNED: &str = "cross-entropy tuned threshold";
/// Cross-entropy in which both classes weigh the same.
pub const WEIGHTED: &str = "weighted cross-entropy";

/// The name of focal loss with a γ.
pub fn focal_name(gamma: f64) -> String {
    format!("focal gamma={gamma}")
}

/// The results on one data set.
pub struct Results<'a> {
    /// Which one.
    pub set: &'a DataSet,
    /// One a seed.
    pub studies: &'a [Study],
    /// A row for each method.
    pub rows: Vec<Row>,
}

impl<'a> Results<'a> {
    /// Gathers the methods of all seeds into rows.
    pub fn new(set: &'a DataSet, studies: &'a [Study]) -> Self {
        let by_seed: Vec<Vec<&Tested>> = studies.iter().map(|study| study.methods().collect()).collect();
        let row = |method: usize| {
            let numbers: Vec<_> = by_seed.iter().map(|methods| methods[method].metrics()).collect();
            common::row(format!("{}/{}", set.key, by_seed[0][method].name), &numbers)
        };
        Self { set, studies, rows: (0..by_seed[0].len()).map(row).collect() }
    }

    /// The mean over the seeds of a number that each study has.
    pub fn mean_of(&self, number: impl Fn(&Study) -> f64) -> f64 {
        self.studies.iter().map(number).sum::<f64>() / self.studies.len() as f64
    }
}

impl ByMethod for Results<'_> {
    type Method<'m> = &'m str;

    fn row(&self, method: &str) -> &Row {
        common::find(&self.rows, &self.set.key, method)
    }
}

/// The name of the focal loss that is compared with other methods.
pub fn reference(settings: &Settings) -> String {
    focal_name(settings.reference_gamma())
}

/// A method's name as the report shows it.
pub fn title(method: &str) -> String {
    match method.strip_prefix("focal gamma=") {
        Some(gamma) => format!("focal, γ = {gamma}"),
        None => method.replace(" tuned", ", tuned"),
    }
}
