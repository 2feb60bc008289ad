//! The losses that are compared, and everything else that tells one training from another.

use super::settings::Settings;
use crate::{models::projection::Head, wording::given};
use anyhow::Result;
use burn::tensor::{Device, Int, Tensor};
use losslab::{
    CrossEntropyLoss, CrossEntropyLossConfig, Reduction, SupConForm, SupConLoss, SupConLossConfig, TemperatureConfig,
    TripletLoss, TripletLossConfig, TripletMining,
};
use serde::{Deserialize, Serialize};

/// A loss that labels are learned with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Method {
    /// A linear classifier on the representation.
    #[serde(rename = "cross-entropy")]
    CrossEntropy,
    /// Semi-hard triplets of the batch.
    #[serde(rename = "triplet")]
    Triplet,
    /// SupCon with the positives outside of the logarithm.
    #[serde(rename = "sup-con-out")]
    Outside,
    /// SupCon with the positives inside of the logarithm.
    #[serde(rename = "sup-con-in")]
    Inside,
}

impl Method {
    /// As in tables.
    pub fn name(self) -> &'static str {
        match self {
            Method::CrossEntropy => "cross-entropy",
            Method::Triplet => "triplet",
            Method::Outside => "SupCon L_out",
            Method::Inside => "SupCon L_in",
        }
    }

    /// What comes after the representation.
    pub fn head(self, settings: &Settings, classes: usize) -> Head {
        match self {
            Method::CrossEntropy => Head::Linear(classes),
            _ => Head::Projection(settings.projection),
        }
    }
}

/// A loss as it is called.
pub enum Loss {
    CrossEntropy(CrossEntropyLoss),
    Triplet(TripletLoss),
    SupCon(SupConLoss),
}

impl Loss {
    /// The loss of a method.
    ///
    /// # Errors
    /// If a hyperparameter is out of its range.
    pub fn new(method: Method, settings: &Settings, device: &Device) -> Result<Self> {
        let sup_con = |form: SupConForm| {
            let temperature = TemperatureConfig::new().with_value(settings.temperature);
            SupConLossConfig::new().with_temperature(temperature).with_form(form).try_init(device)
        };
        // As in the triplet exercise: semi-hard triplets on unit length, the mean over those that cost something.
        let triplet = TripletLossConfig::new()
            .with_mining(TripletMining::SemiHard)
            .with_margin(settings.margin)
            .with_normalize(true)
            .with_reduction(Reduction::MeanActive);
        Ok(match method {
            Method::CrossEntropy => Loss::CrossEntropy(CrossEntropyLossConfig::new().try_init()?),
            Method::Triplet => Loss::Triplet(triplet.try_init()?),
            Method::Outside => Loss::SupCon(sup_con(SupConForm::Outside)?),
            Method::Inside => Loss::SupCon(sup_con(SupConForm::Inside)?),
        })
    }

    /// What a batch costs: the head's outputs, and a label for each.
    pub fn forward(&self, outputs: Tensor<2>, labels: Tensor<1, Int>) -> Tensor<1> {
        match self {
            Loss::CrossEntropy(loss) => loss.forward(outputs, labels),
            Loss::Triplet(loss) => loss.forward(outputs, labels),
            Loss::SupCon(loss) => loss.forward(outputs, labels),
        }
    }
}

/// One training.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Recipe {
    /// The loss.
    pub method: Method,
    /// Share of wrong labels.
    pub noise: f64,
    /// Views of each image in a batch.
    pub views: usize,
    /// Adam's step size.
    pub lr: f64,
}

impl Recipe {
    /// The name of the row, which doesn't tell step sizes: one of them is chosen.
    pub fn name(&self, settings: &Settings) -> String {
        row_name(settings, self.method, self.noise, self.views)
    }
}

/// The name of a row: the method, with what differs from the plain comparison.
pub fn row_name(settings: &Settings, method: Method, noise: f64, views: usize) -> String {
    let mut name = method.name().to_owned();
    if noise > 0.0 {
        name += &format!(", {} wrong labels", given(noise));
    }
    if views != settings.views {
        name += &format!(", {views} {}", if views == 1 { "view" } else { "views" });
    }
    name
}

/// Every training on a data set: each loss with each share of wrong labels, then L_out with other numbers of views,
/// each with all step sizes. Those for a row follow each other.
pub fn recipes(settings: &Settings) -> Vec<Recipe> {
    let noises = settings.label_noise.iter();
    let compared = noises.flat_map(|noise| settings.methods.iter().map(|method| (*method, *noise, settings.views)));
    let is_there = settings.methods.contains(&Method::Outside) && settings.label_noise.contains(&0.0);
    let views = settings.compared_views.iter().filter(|views| **views != settings.views || !is_there);
    let views = views.map(|views| (Method::Outside, 0.0, *views));
    let rows = compared.chain(views);
    rows.flat_map(|(method, noise, views)| settings.lr.iter().map(move |lr| Recipe { method, noise, views, lr: *lr }))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_comparison_has_its_trainings_once() {
        let settings = Settings { lr: vec![0.1, 0.2], ..Settings::quick() };
        let all = recipes(&settings);
        assert_eq!(all.len(), (4 * 3 + 2) * 2);
        let names: Vec<String> = all.iter().step_by(2).map(|recipe| recipe.name(&settings)).collect();
        assert_eq!(
            names[..5].join("; "),
            "cross-entropy; triplet; SupCon L_out; SupCon L_in; cross-entropy, 20 % wrong labels"
        );
        assert_eq!(names[12..], ["SupCon L_out, 1 view", "SupCon L_out, 4 views"]);
        assert!(all.chunks(2).all(|pair| pair[0].name(&settings) == pair[1].name(&settings)));
        let alone = Settings { methods: vec![Method::Triplet], ..settings };
        let names: Vec<String> = recipes(&alone).iter().map(|recipe| recipe.name(&alone)).collect();
        assert!(names.contains(&"SupCon L_out".to_owned()));
    }
}
