//! The networks of all seeds, put together.

use super::{Data, Identities, Recipe, Settings, Tested, measures::Measures};
use crate::{
    experiments::common::{self, ByMethod, Difference},
    outcome::Row,
};
use losslab::SmoothingConvention;

/// A network as it is, or with its logits divided by its temperature.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Method {
    /// How it was trained.
    pub recipe: Recipe,
    /// Whether its temperature is applied.
    pub is_scaled: bool,
}

impl Method {
    /// Cross-entropy.
    pub const PLAIN: Method = Method::smoothed(0.0);
    /// Cross-entropy with temperature scaling.
    pub const SCALED: Method = Method::PLAIN.scaled();

    /// Smoothed labels with ε/K for every class.
    pub const fn smoothed(smoothing: f64) -> Method {
        Method { recipe: Recipe::uniform(smoothing), is_scaled: false }
    }

    /// The same network with its temperature.
    pub const fn scaled(self) -> Method {
        Method { is_scaled: true, ..self }
    }

    /// As in `outcome.json`.
    fn name(self) -> String {
        format!("{}{}", self.recipe, if self.is_scaled { " scaled" } else { "" })
    }

    /// As the report shows it.
    pub fn title(self) -> String {
        let Recipe { smoothing, convention } = self.recipe;
        let others = if convention == SmoothingConvention::Others { ", to the others" } else { "" };
        format!("ε = {smoothing}{others}{}", if self.is_scaled { ", scaled" } else { "" })
    }
}

/// Bars of a figure: a bin of confidence over all seeds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Pooled {
    /// Answers.
    pub count: f64,
    /// Their confidences, added up.
    pub confidence: f64,
    /// How many are right.
    pub right: f64,
}

/// Everything that a run has measured.
pub struct Results<'a> {
    /// The hyperparameters.
    pub settings: &'a Settings,
    /// The images.
    pub data: &'a Data,
    /// The seeds.
    pub seeds: &'a [u64],
    /// The networks of a recipe, one a seed.
    networks: Vec<(Recipe, &'a [Tested])>,
    /// A row for each method.
    pub rows: Vec<Row>,
}

impl<'a> Results<'a> {
    /// Gathers the networks, which come recipe by recipe and seed by seed, into rows.
    pub fn new(settings: &'a Settings, data: &'a Data, seeds: &'a [u64], tested: &'a [Tested]) -> Self {
        let networks: Vec<(Recipe, &[Tested])> =
            settings.recipes().into_iter().zip(tested.chunks(seeds.len())).collect();
        let row = |method: Method, networks: &[Tested]| {
            let numbers: Vec<_> = networks.iter().map(|tested| tested.numbers(method.is_scaled)).collect();
            common::row(format!("{}/{}", data.key, method.name()), &numbers)
        };
        let rows = networks.iter().flat_map(|(recipe, networks)| {
            let method = Method { recipe: *recipe, is_scaled: false };
            [row(method, networks), row(method.scaled(), networks)]
        });
        let rows = rows.collect();
        Self { settings, data, seeds, networks, rows }
    }

    /// All methods, as the rows are ordered.
    pub fn methods(&self) -> impl Iterator<Item = Method> {
        self.networks.iter().flat_map(|(recipe, _)| {
            let method = Method { recipe: *recipe, is_scaled: false };
            [method, method.scaled()]
        })
    }

    /// Label smoothing where one ε stands for it.
    pub fn reference(&self) -> Method {
        Method::smoothed(self.settings.reference())
    }

    /// Confidence minus accuracy of a method, tested against 0.
    pub fn gap(&self, method: Method) -> Difference {
        Difference::of(self.metric(method, "confidence"), self.metric(method, "accuracy"))
    }

    /// The bins of the calibration error of a method over all seeds.
    pub fn pooled(&self, method: Method) -> Vec<Pooled> {
        let tables: Vec<_> = self.networks(method.recipe).map(|tested| tested.measures(method.is_scaled)).collect();
        let pooled = |bin: usize| {
            tables.iter().fold(Pooled::default(), |sum, measures| {
                let bin = &measures.reliability.bins()[bin];
                let total = |mean: Option<f64>| mean.map_or(0.0, |mean| mean * bin.count as f64);
                Pooled {
                    count: sum.count + bin.count as f64,
                    confidence: sum.confidence + total(bin.confidence),
                    right: sum.right + total(bin.accuracy),
                }
            })
        };
        (0..tables[0].reliability.bins().len()).map(pooled).collect()
    }

    /// The borders of these bins.
    pub fn edges(&self) -> Vec<f64> {
        let bins = self.networks[0].1[0].plain.reliability.bins();
        std::iter::once(0.0).chain(bins.iter().map(|bin| bin.high)).collect()
    }

    /// The features of the first test images of the first seed.
    pub fn map(&self, recipe: Recipe) -> &[f32] {
        &self.networks(recipe).next().expect("there is a seed").clusters.map
    }

    /// How far the loss is from what it should equal, at most.
    pub fn identities(&self) -> Identities {
        let all = self.networks(Recipe::CROSS_ENTROPY).filter_map(|tested| tested.identities);
        all.fold(Identities::default(), Identities::max)
    }

    /// How many networks have no temperature that is best.
    pub fn unscalable(&self) -> usize {
        let all = self.networks.iter().flat_map(|(_, networks)| *networks);
        all.filter(|tested| tested.scaled.temperature.is_none()).count()
    }

    fn networks(&self, recipe: Recipe) -> impl Iterator<Item = &'a Tested> {
        let found = self.networks.iter().find(|(other, _)| *other == recipe);
        found.expect("every recipe has been trained").1.iter()
    }
}

impl ByMethod for Results<'_> {
    type Method<'m> = Method;

    fn row(&self, method: Method) -> &Row {
        let place = self.methods().position(|other| other == method);
        &self.rows[place.expect("every method has been tested")]
    }
}

impl Tested {
    fn measures(&self, is_scaled: bool) -> &Measures {
        if is_scaled { &self.scaled.measures } else { &self.plain }
    }

    /// All numbers of a row. What belongs to the network and not to its probabilities is in the row without scaling.
    fn numbers(&self, is_scaled: bool) -> Vec<(&'static str, f64)> {
        let mut numbers = self.measures(is_scaled).numbers();
        let temperature = self.scaled.temperature.unwrap_or(1.0);
        if is_scaled {
            numbers.push(("temperature", temperature));
        } else {
            numbers.extend([
                ("best_temperature", temperature),
                ("valid_nll", self.valid_nll),
                ("trained_confidence", self.trained_confidence),
                ("cluster_ratio", self.clusters.test),
                ("cluster_ratio_train", self.clusters.train),
            ]);
        }
        numbers
    }
}
