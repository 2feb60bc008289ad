//! Which sets of images an experiment is run on: by name, as far as they are there.

use crate::data::{
    augment::Policy,
    images::{ImageSet, Images},
    sources::{Name, Sources},
};
use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};

/// A set of images, by the names that `--set data=…` knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Pick {
    /// MNIST, or the digits that the program carries.
    #[serde(rename = "digits", alias = "mnist")]
    Digits,
    /// Clothes in grey.
    #[serde(rename = "fashion-mnist")]
    FashionMnist,
    /// Small photographs in colour.
    #[serde(rename = "cifar-10")]
    Cifar10,
}

impl Pick {
    /// As in `outcome.json`.
    pub fn key(self) -> &'static str {
        match self {
            Pick::Digits => "digits",
            Pick::FashionMnist => "fashion-mnist",
            Pick::Cifar10 => "cifar-10",
        }
    }

    /// As in the report.
    pub fn title(self) -> &'static str {
        match self {
            Pick::Digits => "Handwritten digits",
            Pick::FashionMnist => "Fashion-MNIST",
            Pick::Cifar10 => "CIFAR-10",
        }
    }

    /// What may change in an image without changing its class.
    pub fn policy(self) -> Policy {
        match self {
            Pick::Digits => Policy::digits(),
            Pick::FashionMnist | Pick::Cifar10 => Policy::objects(),
        }
    }

    fn find(self, sources: &Sources) -> Result<Option<ImageSet>> {
        match self {
            Pick::Digits => sources.digits().map(Some),
            Pick::FashionMnist => sources.find(Name::FashionMnist),
            Pick::Cifar10 => sources.find(Name::Cifar10),
        }
    }
}

/// A set of images that is there.
#[derive(Debug)]
pub struct Picked {
    /// Which one.
    pub pick: Pick,
    /// The images.
    pub set: ImageSet,
}

/// The sets that are there, and a sentence on those that aren't.
///
/// # Errors
/// If none is there, or one is damaged.
pub fn find(picks: &[Pick], sources: &Sources) -> Result<(Vec<Picked>, Option<String>)> {
    let (mut found, mut missing) = (Vec::new(), Vec::new());
    for pick in picks {
        match pick.find(sources)? {
            Some(set) => found.push(Picked { pick: *pick, set }),
            None => missing.push(*pick),
        }
    }
    let titles = crate::wording::list(&missing.iter().map(|pick| pick.title().to_owned()).collect::<Vec<_>>());
    let keys: Vec<&str> = missing.iter().map(|pick| pick.key()).collect();
    let fetch =
        format!("`losslab data fetch {}` gets the images, and `--full` or `--data-dir` finds them", keys.join(" "));
    if found.is_empty() {
        bail!("--set data: {titles} is not here; {fetch}");
    }
    let notice = (!missing.is_empty()).then(|| format!("Not here, and left out: {titles}. {fetch}."));
    Ok((found, notice))
}

/// One image of each class, the first of the set.
pub fn one_of_each(images: &Images, classes: usize) -> Vec<usize> {
    (0..classes).filter_map(|class| (0..images.len()).find(|index| images.label(*index) == class)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_that_are_missing_are_named_and_none_at_all_is_an_error() {
        let sources = Sources::new(None, true).unwrap();
        let (found, notice) = find(&[Pick::Cifar10, Pick::Digits], &sources).unwrap();
        assert_eq!(found.iter().map(|picked| picked.pick).collect::<Vec<_>>(), [Pick::Digits]);
        assert!(notice.unwrap().contains("CIFAR-10. `losslab data fetch cifar-10`"));
        assert_eq!(find(&[Pick::Digits], &sources).unwrap().1, None);
        let error = find(&[Pick::FashionMnist], &sources).unwrap_err().to_string();
        assert!(error.starts_with("--set data: Fashion-MNIST is not here"), "{error}");
        assert_eq!(one_of_each(&found[0].set.test, 10).len(), 10);
    }

    #[test]
    fn names_are_read_as_users_write_them() {
        let read = |text: &str| serde_json::from_str::<Pick>(text).unwrap();
        assert_eq!(["\"mnist\"", "\"digits\"", "\"cifar-10\""].map(read), [Pick::Digits, Pick::Digits, Pick::Cifar10]);
        for pick in [Pick::Digits, Pick::FashionMnist, Pick::Cifar10] {
            assert_eq!(serde_json::to_string(&pick).unwrap(), format!("\"{}\"", pick.key()));
        }
    }
}
