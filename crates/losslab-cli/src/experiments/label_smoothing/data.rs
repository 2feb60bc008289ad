//! Task 2: the images, and what takes their place where CIFAR-10 isn't there.

use super::Settings;
use crate::data::{
    images::{ImageSet, Images, Limits, Parts},
    noise::with_noise,
    sources::{Name, Sources},
};
use anyhow::Result;
use indicatif::HumanCount;

/// Images for validation at most: one number, the temperature, and a choice of ε are all that they are for.
const VALID: usize = 5000;

/// The images of the exercise.
#[derive(Debug)]
pub struct Data {
    /// The name in `outcome.json`.
    pub key: &'static str,
    /// The name in the report.
    pub title: String,
    /// What it is, in a sentence or two.
    pub about: String,
    /// What the reader must know first.
    pub notice: Option<String>,
    /// The images and the names of their classes.
    pub set: ImageSet,
    limits: Limits,
    label_noise: f64,
}

impl Data {
    /// CIFAR-10, or else a few digits: few, since a network that has seen many is hardly ever wrong, and then has no
    /// overconfidence to mend.
    pub fn find(sources: &Sources, settings: &Settings) -> Result<Self> {
        let (set, key, train) = match sources.find(Name::Cifar10)? {
            Some(set) => (set, "cifar-10", settings.images),
            None => (sources.digits()?, "digits", settings.digits),
        };
        let limits = Limits { train, valid: VALID, test: usize::MAX };
        let label_noise = settings.label_noise;
        let parts = set.parts(limits, 1);
        let [train, valid, test] = [&parts.train, &parts.valid, &parts.test].map(|part| HumanCount(part.len() as u64));
        let is_cifar = key == "cifar-10";
        let name = if is_cifar { "CIFAR-10" } else { "Handwritten digits" };
        let wrong = if label_noise > 0.0 {
            format!(
                " {:.0} % of the training labels are replaced by wrong ones; those for validation and testing are not.",
                100.0 * label_noise
            )
        } else {
            String::new()
        };
        Ok(Self {
            key,
            title: format!("{name}, {train} images for training"),
            about: format!(
                "From {}: {train} images for training and {valid} for validation, with each class as often as any other \
                 and drawn afresh for each seed, and {test} for testing. Nothing is mirrored or shifted.{wrong}",
                set.origin
            ),
            notice: (!is_cifar).then(|| {
                format!(
                    "CIFAR-10 isn't used here: {train} handwritten digits take its place. Few on purpose, so that the \
                     network errs often enough for calibration to matter; its accuracy says nothing about CIFAR-10. \
                     `losslab data fetch cifar-10` gets the images, and `losslab run label-smoothing --full` then uses \
                     some of them (`--data-dir` names a folder that has them)."
                )
            }),
            set,
            limits,
            label_noise,
        })
    }

    /// The parts for a seed.
    pub fn parts(&self, seed: u64) -> Parts {
        self.set.parts(self.limits, seed)
    }

    /// How many classes there are.
    pub fn classes(&self) -> usize {
        self.set.classes.len()
    }

    /// The labels to train with: those of the images, with the share of wrong ones that was asked for.
    pub fn training_labels(&self, train: &Images, seed: u64) -> Vec<i64> {
        with_noise(train.labels(), self.label_noise, self.classes(), seed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_cifar_a_few_digits_are_used_and_said() {
        let sources = Sources::new(None, true).unwrap();
        let data = Data::find(&sources, &Settings { digits: 600, ..Settings::quick() }).unwrap();
        assert_eq!((data.key, data.classes()), ("digits", 10));
        let parts = data.parts(3);
        assert_eq!([&parts.train, &parts.valid, &parts.test].map(Images::len), [600, 1000, 1000]);
        assert!(data.notice.unwrap().contains("600 handwritten digits"));
    }
}
