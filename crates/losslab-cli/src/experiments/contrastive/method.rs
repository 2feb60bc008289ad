//! What is compared: ways to say how alike two images are.

use super::{Pairs, Settings};
use burn::tensor::{Bool, Device, Int, Tensor, TensorData};
use losslab::{ContrastiveLoss, ContrastiveLossConfig, similar_where_one, similar_where_zero};
use std::fmt;

/// A way to place images so that their distance says how alike they are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Method {
    /// By their pixels: what needs no learning has to be beaten.
    Pixels,
    /// By the network before its training.
    Untrained {
        /// Whether embeddings are brought to length 1.
        normalise: bool,
    },
    /// By the network after its training.
    Trained(Recipe),
}

/// How a network is trained.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Recipe {
    /// How far apart different digits are to be.
    pub margin: f64,
    /// Whether embeddings are brought to length 1, by the loss and whenever a distance is measured.
    pub normalise: bool,
    /// Which label the loss takes for "similar".
    pub similar: Similar,
}

/// Which 0/1 label means "similar".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Similar {
    /// The label 1, as the pairs have it.
    One,
    /// The label 0: the convention of other texts, and wrong for these pairs.
    Zero,
}

impl Method {
    /// All that a run compares: first what isn't trained, last the mixed-up labels.
    pub fn all(settings: &Settings) -> Vec<Method> {
        let recipe = |margin: f64, normalise| Recipe { margin, normalise, similar: Similar::One };
        let normalised = settings.margin.iter().map(|margin| recipe(*margin, true));
        let raw = settings.raw_margin.iter().map(|margin| recipe(*margin, false));
        let mixed_up = Recipe { similar: Similar::Zero, ..recipe(settings.reference_margin(), true) };
        [Method::Pixels, Method::Untrained { normalise: true }, Method::Untrained { normalise: false }]
            .into_iter()
            .chain(normalised.chain(raw).chain([mixed_up]).map(Method::Trained))
            .collect()
    }

    /// Whether its embeddings are brought to length 1.
    pub fn is_normalised(self) -> bool {
        match self {
            Method::Pixels => false,
            Method::Untrained { normalise } => normalise,
            Method::Trained(recipe) => recipe.normalise,
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Method::Pixels => f.write_str("pixels"),
            Method::Untrained { normalise: true } => f.write_str("untrained, normalised"),
            Method::Untrained { normalise: false } => f.write_str("untrained, raw"),
            Method::Trained(recipe) => recipe.fmt(f),
        }
    }
}

impl fmt::Display for Recipe {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let kind = match self {
            Recipe { similar: Similar::Zero, .. } => "labels mixed up",
            Recipe { normalise: true, .. } => "normalised",
            Recipe { normalise: false, .. } => "raw",
        };
        write!(f, "{kind}, margin {}", self.margin)
    }
}

impl Recipe {
    /// Task 3: the loss.
    pub fn loss(self) -> ContrastiveLoss {
        ContrastiveLossConfig::new().with_margin(self.margin).with_normalize(self.normalise).init()
    }

    /// What the loss is told of pairs, whose labels are 1 for the same digit and 0 for different ones.
    pub fn similar(self, pairs: &Pairs, device: &Device) -> Tensor<1, Bool> {
        let labels: Vec<i64> = pairs.same().iter().map(|same| i64::from(*same)).collect();
        let count = labels.len();
        let labels = Tensor::<1, Int>::from_data(TensorData::new(labels, [count]), device);
        let similar = match self.similar {
            Similar::One => similar_where_one(labels),
            Similar::Zero => similar_where_zero(labels),
        };
        similar.expect("labels are 0 or 1")
    }

    /// Whether a pair is to be pushed apart, by what the loss is told.
    pub fn pushes(self, same: bool) -> bool {
        same == (self.similar == Similar::Zero)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random;

    #[test]
    fn mixed_up_labels_turn_every_pair_around() {
        let pairs = Pairs::draw(&[1, 1, 2, 2], &mut random::stream(1, "pairs"));
        let told = |similar| {
            let recipe = Recipe { margin: 1.0, normalise: true, similar };
            let told = recipe.similar(&pairs, &Device::flex()).into_data().try_to_vec::<bool>().unwrap();
            assert!(told.iter().zip(pairs.same()).all(|(told, same)| recipe.pushes(*same) != *told));
            told
        };
        assert_eq!(told(Similar::One), pairs.same());
        assert!(told(Similar::Zero).iter().zip(pairs.same()).all(|(told, same)| told != same));
    }

    #[test]
    fn names_tell_methods_apart() {
        let names: Vec<String> = Method::all(&Settings::full()).iter().map(Method::to_string).collect();
        assert_eq!((names[3].as_str(), names.len()), ("normalised, margin 0.5", 12));
        assert_eq!(names.last().unwrap(), "labels mixed up, margin 1");
        assert!((1..names.len()).all(|at| !names[..at].contains(&names[at])));
    }
}
