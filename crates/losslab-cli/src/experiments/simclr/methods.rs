//! What is compared: ways to come by a representation without labels, and learning from labels alone.

use super::settings::{Part, Settings};
use crate::{
    data::augment::{Kind, Policy},
    wording::given,
};

/// Names of what isn't pre-trained.
pub const PIXELS: &str = "raw pixels";
pub const UNTRAINED: &str = "untrained network";
pub const SCRATCH: &str = "from scratch";
/// The plain ways to pre-train.
pub const SIMCLR: &str = "SimCLR";
pub const MOMENTUM: &str = "MoCo";

/// How to pre-train.
#[derive(Clone, Debug, PartialEq)]
pub struct Recipe {
    /// As in tables.
    pub name: String,
    /// With an encoder of keys and a queue.
    pub has_momentum: bool,
    /// τ.
    pub temperature: f64,
    /// Images in a batch.
    pub batch: usize,
    /// What is left out of the augmentations.
    pub left_out: Option<Kind>,
}

impl Recipe {
    /// The augmentations of this recipe.
    pub fn policy(&self, whole: &Policy) -> Policy {
        self.left_out.map_or_else(|| whole.clone(), |kind| whole.without(&[kind]))
    }
}

/// A way to tell classes.
#[derive(Clone, Debug, PartialEq)]
pub enum Way {
    /// A linear classifier and neighbours on pixels.
    Pixels,
    /// The same on a network with its first weights.
    Untrained,
    /// A network that learns from a share of the labels and nothing else.
    Scratch(f64),
    /// The same as the first on a network that was trained without labels.
    PreTrained(Recipe),
}

impl Way {
    /// As in tables, without the share of labels.
    pub fn name(&self) -> &str {
        match self {
            Way::Pixels => PIXELS,
            Way::Untrained => UNTRAINED,
            Way::Scratch(_) => SCRATCH,
            Way::PreTrained(recipe) => &recipe.name,
        }
    }
}

/// The name of a row: the way, and its share of the labels.
pub fn row_name(way: &str, share: f64) -> String {
    format!("{way}, {} of the labels", given(share))
}

/// The name of SimCLR with another temperature, batch or without an augmentation; the plain one has the plain name.
pub fn name_of_temperature(settings: &Settings, temperature: f64) -> String {
    if temperature == settings.temperature { SIMCLR.to_owned() } else { format!("{SIMCLR} with τ = {temperature}") }
}

/// See [`name_of_temperature`].
pub fn name_of_batch(settings: &Settings, batch: usize) -> String {
    if batch == settings.batch { SIMCLR.to_owned() } else { format!("{SIMCLR} in batches of {batch}") }
}

/// See [`name_of_temperature`].
pub fn name_without(kind: Kind) -> String {
    format!("{SIMCLR} without {}", kind.name())
}

/// All ways for a data set, each once. Sweeps are for the first data set, and leave out what its policy doesn't have.
pub fn ways(settings: &Settings, policy: &Policy, is_first: bool) -> Vec<Way> {
    let plain = Recipe {
        name: SIMCLR.to_owned(),
        has_momentum: false,
        temperature: settings.temperature,
        batch: settings.batch,
        left_out: None,
    };
    let mut ways = Vec::new();
    if settings.has(Part::Labels) {
        ways.extend([Way::Pixels, Way::Untrained]);
        ways.extend(settings.shares().into_iter().map(Way::Scratch));
    }
    let mut recipes = vec![plain.clone()];
    if settings.has(Part::Momentum) {
        recipes.push(Recipe { name: MOMENTUM.to_owned(), has_momentum: true, ..plain.clone() });
    }
    if is_first && settings.has(Part::Temperature) {
        let with = |temperature: &f64| Recipe {
            name: name_of_temperature(settings, *temperature),
            temperature: *temperature,
            ..plain.clone()
        };
        recipes.extend(settings.compared_temperatures.iter().map(with));
    }
    if is_first && settings.has(Part::Batch) {
        let with = |batch: &usize| Recipe { name: name_of_batch(settings, *batch), batch: *batch, ..plain.clone() };
        recipes.extend(settings.compared_batches.iter().map(with));
    }
    if is_first && settings.has(Part::Augmentations) {
        let without = |kind: &Kind| Recipe { name: name_without(*kind), left_out: Some(*kind), ..plain.clone() };
        recipes.extend(left_out(settings, policy).iter().map(without));
    }
    let is_new = |at: &usize| recipes[..*at].iter().all(|earlier| earlier.name != recipes[*at].name);
    ways.extend((0..recipes.len()).filter(is_new).map(|at| Way::PreTrained(recipes[at].clone())));
    ways
}

/// The augmentations that are left out in turn: those that the policy has.
pub fn left_out(settings: &Settings, policy: &Policy) -> Vec<Kind> {
    settings.left_out.iter().copied().filter(|kind| policy.only(*kind).is_some()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_comes_once() {
        let settings = Settings {
            compared_temperatures: vec![0.05, 0.2, 1.0],
            batch: 64,
            compared_batches: vec![16, 64],
            left_out: vec![Kind::Crop, Kind::Flip],
            ..Settings::quick()
        };
        let names = |settings: &Settings, is_first| {
            let all = ways(settings, &Policy::digits(), is_first);
            all.iter().map(|way| way.name().to_owned()).collect::<Vec<_>>()
        };
        let few = ["raw pixels", "untrained network", "from scratch", "from scratch", "from scratch", "SimCLR", "MoCo"];
        assert_eq!(names(&settings, false), few);
        let sweeps = ["SimCLR with τ = 0.05", "SimCLR with τ = 1", "SimCLR in batches of 16", "SimCLR without crop"];
        assert_eq!(names(&settings, true), [&few[..], &sweeps].concat());
        let alone = Settings { parts: vec![Part::Batch], ..settings };
        assert_eq!(names(&alone, true), ["SimCLR", "SimCLR in batches of 16"]);
    }
}
