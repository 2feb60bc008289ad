//! The studies of a data set, put together over the seeds.

use super::{Curve, DataSet, Method, Settings, Study, Tested};
use crate::{
    experiments::common::{ByMethod, find, row},
    outcome::{Metric, Row},
};

/// The results on one data set.
pub struct Results<'a> {
    /// Which one.
    pub set: &'a DataSet,
    /// One a seed.
    pub studies: &'a [Study],
    /// All hyperparameters.
    pub settings: &'a Settings,
    /// A row for each method.
    pub rows: Vec<Row>,
}

impl<'a> Results<'a> {
    /// Gathers the methods of all seeds into rows.
    pub fn new(set: &'a DataSet, studies: &'a [Study], settings: &'a Settings) -> Self {
        let row = |method: usize| {
            let of = |study: &Study| study.tested[method].metrics(settings.epochs);
            let name = format!("{}/{}", set.key, studies[0].tested[method].name);
            row(name, &studies.iter().map(of).collect::<Vec<_>>())
        };
        Self { set, studies, settings, rows: (0..studies[0].tested.len()).map(row).collect() }
    }

    /// A method, one a seed.
    fn of(&self, method: Method) -> impl Iterator<Item = &Tested> {
        let name = method.name(self.settings);
        self.studies.iter().map(move |study| {
            study.tested.iter().find(|tested| tested.name == name).expect("every study has every method")
        })
    }

    /// A number of every epoch, over the seeds.
    pub fn over_the_epochs(&self, method: Method, values: impl Fn(&Curve) -> &[f64]) -> Vec<Metric> {
        let curves: Vec<&[f64]> = self.of(method).map(|tested| values(&tested.curve)).collect();
        let at = |epoch: usize| curves.iter().map(|curve| curve[epoch]).collect::<Vec<f64>>().into();
        (0..curves[0].len()).map(at).collect()
    }

    /// In how many seeds a method reached the target.
    pub fn reached(&self, method: Method) -> usize {
        self.of(method).filter(|tested| tested.reached.is_some()).count()
    }

    /// The median of the epochs to the target, which is known where more than half of the seeds reached it.
    pub fn median_epochs(&self, method: Method) -> Option<f64> {
        let epochs: Vec<f64> = self.of(method).map(|tested| tested.reached.unwrap_or(f64::INFINITY)).collect();
        Some(median(&epochs)).filter(|epochs| epochs.is_finite())
    }

    /// The target, over the seeds.
    pub fn target(&self) -> Metric {
        self.studies.iter().map(|study| study.target).collect::<Vec<f64>>().into()
    }
}

impl ByMethod for Results<'_> {
    type Method<'m> = Method;

    fn row(&self, method: Method) -> &Row {
        find(&self.rows, &self.set.key, &method.name(self.settings))
    }
}

/// The middle value; of an even number, the mean of the two in the middle.
///
/// # Panics
/// Without a value.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (low, high) = (sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2]);
    if low == high { low } else { f64::midpoint(low, high) }
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn medians_by_hand() {
        assert_eq!((median(&[3.0, 1.0, 2.0]), median(&[4.0, 1.0])), (2.0, 2.5));
        assert_eq!(median(&[f64::INFINITY, 1.0, f64::INFINITY]), f64::INFINITY);
        assert_eq!(median(&[f64::INFINITY, 1.0]), f64::INFINITY);
    }
}
