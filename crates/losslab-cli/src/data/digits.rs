//! Handwritten digits: the subset that the program carries, or complete MNIST from a folder of IDX files.

use super::idx::{self, Images, Source};
use crate::random;
use anyhow::{Result, bail, ensure};
use rand::seq::SliceRandom;
use std::path::{Path, PathBuf};

/// Digits with the split they come with.
#[derive(Clone, Debug)]
pub struct Digits {
    /// Where they come from, for the report.
    pub origin: String,
    /// For learning weights; also for validation where `valid` is missing.
    pub train: Images,
    /// For choices. MNIST has no such part: it is then carved from `train` by the seed.
    pub valid: Option<Images>,
    /// For results.
    pub test: Images,
}

macro_rules! carried {
    ($part:literal) => {
        idx::parse(
            Source {
                name: concat!("digits-", $part, "-images-idx3-ubyte.gz"),
                bytes: include_bytes!(concat!("../../assets/digits-", $part, "-images-idx3-ubyte.gz")),
            },
            Source {
                name: concat!("digits-", $part, "-labels-idx1-ubyte.gz"),
                bytes: include_bytes!(concat!("../../assets/digits-", $part, "-labels-idx1-ubyte.gz")),
            },
        )
    };
}

impl Digits {
    /// The digits inside the program: 3,000 for training, 1,000 for validation, 1,000 for testing.
    pub fn carried() -> Result<Digits> {
        Ok(Digits {
            origin: "the 5,000 MNIST digits that losslab carries".to_owned(),
            train: carried!("train")?,
            valid: Some(carried!("valid")?),
            test: carried!("test")?,
        })
    }

    /// MNIST from a folder with its four files under their usual names, gzip or plain.
    pub fn from_folder(folder: &Path) -> Result<Digits> {
        ensure!(folder.is_dir(), "{}: no such folder", folder.display());
        let part = |name: &str| -> Result<Images> {
            let images = find(folder, &format!("{name}-images-idx3-ubyte"))?;
            let labels = find(folder, &format!("{name}-labels-idx1-ubyte"))?;
            let read = idx::read_files(&images, &labels)?;
            if let Some(at) = read.labels.iter().position(|label| *label > 9) {
                bail!("{}: byte {}: label {}, expected 0 to 9", labels.display(), 8 + at, read.labels[at]);
            }
            Ok(read)
        };
        let (train, test) = (part("train")?, part("t10k")?);
        ensure!(
            train.pixels_per_image == test.pixels_per_image,
            "{}: training images have {} pixels, test images {}",
            folder.display(),
            train.pixels_per_image,
            test.pixels_per_image
        );
        let count = train.labels.len() + test.labels.len();
        Ok(Digits { origin: format!("{count} digits from {}", folder.display()), train, valid: None, test })
    }

    /// The images for training and for validation: at most `limit` for training and a third of that for validation.
    pub fn train_and_valid(&self, limit: usize, seed: u64) -> (Picked<'_>, Picked<'_>) {
        let mut order: Vec<usize> = (0..self.train.labels.len()).collect();
        let Some(valid) = &self.valid else {
            order.shuffle(&mut random::stream(seed, "validation carved from training"));
            let train = limit.min(order.len() * 5 / 6);
            let rest = order.split_off(train);
            let valid = rest[..rest.len().min(limit.div_ceil(3))].to_vec();
            return (Picked { images: &self.train, order }, Picked { images: &self.train, order: valid });
        };
        order.truncate(limit);
        let all = (0..valid.labels.len()).collect();
        (Picked { images: &self.train, order }, Picked { images: valid, order: all })
    }

    /// All images for testing.
    pub fn tested(&self) -> Picked<'_> {
        Picked { images: &self.test, order: (0..self.test.labels.len()).collect() }
    }
}

/// Some images, by their places.
#[derive(Clone, Debug)]
pub struct Picked<'a> {
    /// All images.
    pub images: &'a Images,
    /// The places of those that are meant.
    pub order: Vec<usize>,
}

fn find(folder: &Path, name: &str) -> Result<PathBuf> {
    // Some copies of MNIST have a dot where the original names have a hyphen.
    let spellings = [name.to_owned(), name.replace("-idx", ".idx")];
    let candidates = spellings.iter().flat_map(|name| [name.clone(), format!("{name}.gz")]);
    match candidates.map(|name| folder.join(name)).find(|path| path.is_file()) {
        Some(path) => Ok(path),
        None => bail!("{}: neither {name} nor {name}.gz is there", folder.display()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{collections::HashSet, fs};

    fn idx_file(magic: u32, sizes: &[u32], body: &[u8]) -> Vec<u8> {
        let header = [&[magic], sizes].concat();
        header.iter().flat_map(|word| word.to_be_bytes()).chain(body.iter().copied()).collect()
    }

    fn write_mnist(folder: &Path, count: u32, label: impl Fn(u32) -> u8) {
        for part in ["train", "t10k"] {
            let pixels: Vec<u8> = (0..count).map(|index| index as u8).collect();
            let labels: Vec<u8> = (0..count).map(&label).collect();
            let file = |kind: &str| folder.join(format!("{part}-{kind}-ubyte"));
            fs::write(file("images-idx3"), idx_file(0x803, &[count, 1, 1], &pixels)).unwrap();
            fs::write(file("labels-idx1"), idx_file(0x801, &[count], &labels)).unwrap();
        }
    }

    #[test]
    fn the_carried_digits_are_whole() {
        let digits = Digits::carried().unwrap();
        let valid = digits.valid.as_ref().unwrap();
        assert_eq!([&digits.train, valid, &digits.test].map(|part| part.labels.len()), [3000, 1000, 1000]);
        for part in [&digits.train, valid, &digits.test] {
            assert_eq!(part.pixels_per_image, 784);
            assert_eq!(part.labels.iter().collect::<HashSet<_>>().len(), 10);
        }
    }

    #[test]
    fn a_validation_part_is_carved_from_training_by_the_seed() {
        let folder = tempfile::tempdir().unwrap();
        write_mnist(folder.path(), 60, |index| (index % 10) as u8);
        let digits = Digits::from_folder(folder.path()).unwrap();
        let (train, valid) = digits.train_and_valid(usize::MAX, 1);
        assert_eq!((train.order.len(), valid.order.len()), (50, 10));
        let distinct: HashSet<_> = train.order.iter().chain(&valid.order).collect();
        assert_eq!(distinct.len(), 60);
        assert_eq!(digits.train_and_valid(usize::MAX, 1).1.order, valid.order);
        assert_ne!(digits.train_and_valid(usize::MAX, 2).1.order, valid.order);
        let (train, valid) = digits.train_and_valid(12, 1);
        assert_eq!((train.order.len(), valid.order.len()), (12, 4));
    }

    #[test]
    fn missing_files_and_strange_labels_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = || format!("{:#}", Digits::from_folder(folder.path()).unwrap_err());
        assert!(error().ends_with("neither train-images-idx3-ubyte nor train-images-idx3-ubyte.gz is there"));
        write_mnist(folder.path(), 3, |index| 8 + index as u8);
        assert!(error().ends_with("train-labels-idx1-ubyte: byte 10: label 10, expected 0 to 9"), "{}", error());
    }

    /// Reads complete MNIST where `LOSSLAB_TEST_DATA` names a folder that has it in `mnist/`.
    #[test]
    fn complete_mnist_is_read_where_it_is_at_hand() {
        let Some(folder) = std::env::var_os("LOSSLAB_TEST_DATA") else {
            println!("skipped: LOSSLAB_TEST_DATA is not set");
            return;
        };
        let digits = Digits::from_folder(&Path::new(&folder).join("mnist")).unwrap();
        assert_eq!((digits.train.labels.len(), digits.test.labels.len()), (60_000, 10_000));
    }
}
