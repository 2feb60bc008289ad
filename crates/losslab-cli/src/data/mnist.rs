//! MNIST and Fashion-MNIST: four IDX files, of which the part for training may be a subset.

use super::{
    idx::Source,
    images::{ImageSet, Images},
};
use anyhow::{Context, Result, bail, ensure};
use indicatif::HumanCount;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// The classes of MNIST.
pub const DIGITS: [&str; 10] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
/// The classes of Fashion-MNIST.
pub const FASHION: [&str; 10] =
    ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"];

const IMAGES: &str = "-images-idx3-ubyte";
const LABELS: &str = "-labels-idx1-ubyte";

/// The files of a set: images and labels for each part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    train: [PathBuf; 2],
    test: [PathBuf; 2],
}

impl Files {
    /// Looks for the files in a folder, gzip or plain; nothing where none of them is there.
    ///
    /// The part for training is `train`, or the only one whose name starts so (`train6k`, for example).
    pub fn find(folder: &Path) -> Result<Option<Files>> {
        let names = names_in(folder)?;
        let of_kind = |kind: &str| -> BTreeMap<String, PathBuf> {
            let found = names.iter().filter_map(|name| {
                // Some copies have a dot where the original names have a hyphen.
                let usual = name.strip_suffix(".gz").unwrap_or(name).replace(".idx", "-idx");
                let part = usual.strip_suffix(kind)?;
                (part.starts_with("train") || part == "t10k").then(|| (part.to_owned(), folder.join(name)))
            });
            found.collect()
        };
        let (images, labels) = (of_kind(IMAGES), of_kind(LABELS));
        if images.is_empty() && labels.is_empty() {
            return Ok(None);
        }
        let train: Vec<&str> = images.keys().map(String::as_str).filter(|part| part.starts_with("train")).collect();
        let train = match train[..] {
            [only] => only,
            [] | ["train", ..] => "train",
            [first, second, ..] => bail!(
                "{}: there are both {first}{IMAGES} and {second}{IMAGES}, expected one part for training",
                folder.display()
            ),
        };
        let pair = |part: &str| -> Result<[PathBuf; 2]> {
            let file = |files: &BTreeMap<String, PathBuf>, kind: &str| {
                let missing = || format!("{}: neither {part}{kind} nor {part}{kind}.gz is there", folder.display());
                files.get(part).cloned().with_context(missing)
            };
            Ok([file(&images, IMAGES)?, file(&labels, LABELS)?])
        };
        Ok(Some(Files { train: pair(train)?, test: pair("t10k")? }))
    }

    /// Reads them.
    pub fn read(&self, title: &str, classes: [&str; 10]) -> Result<ImageSet> {
        let (train, test) = (read(&self.train)?, read(&self.test)?);
        ensure!(
            train.shape() == test.shape(),
            "{}: the images have {} pixels, those for training {}",
            self.test[0].display(),
            test.shape().bytes(),
            train.shape().bytes()
        );
        let folder = self.test[0].parent().unwrap_or(Path::new("."));
        Ok(ImageSet {
            origin: origin(title, &train, &test, folder),
            classes: classes.map(str::to_owned).to_vec(),
            train,
            valid: None,
            test,
        })
    }
}

/// What a set is and where it was found, for the report.
pub fn origin(title: &str, train: &Images, test: &Images, folder: &Path) -> String {
    let [train, test] = [train, test].map(|part| HumanCount(part.len() as u64));
    format!("{train} + {test} images of {title} from {}", folder.display())
}

/// The names of the files in a folder, in alphabetical order.
pub fn names_in(folder: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("{}: cannot be read", folder.display()))? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort_unstable();
    Ok(names)
}

fn read([images, labels]: &[PathBuf; 2]) -> Result<Images> {
    let bytes = |path: &Path| fs::read(path).with_context(|| format!("{}: cannot be read", path.display()));
    Images::from_idx(
        Source { name: &images.to_string_lossy(), bytes: &bytes(images)? },
        Source { name: &labels.to_string_lossy(), bytes: &bytes(labels)? },
        10,
    )
}

#[cfg(test)]
pub mod tests {
    use super::{
        super::idx::tests::{file, gzip},
        *,
    };

    /// Writes a part of one-pixel images, packed where the name ends so.
    pub fn write_part(folder: &Path, part: &str, ending: &str, labels: &[u8]) {
        let count = labels.len() as u32;
        let pixels: Vec<u8> = (0..count).map(|index| index as u8).collect();
        for (kind, bytes) in [(IMAGES, file(&[count, 1, 1], &pixels)), (LABELS, file(&[count], labels))] {
            let bytes = if ending.ends_with(".gz") { gzip(&bytes) } else { bytes };
            fs::write(folder.join(format!("{part}{kind}{ending}")), bytes).unwrap();
        }
    }

    fn read_all(folder: &Path) -> Result<ImageSet> {
        Files::find(folder)?.context("nothing there")?.read("MNIST", DIGITS)
    }

    #[test]
    fn a_subset_may_stand_for_the_part_for_training() {
        let folder = tempfile::tempdir().unwrap();
        write_part(folder.path(), "t10k", "", &[5, 6]);
        write_part(folder.path(), "train3", ".gz", &[1, 2, 3]);
        let set = read_all(folder.path()).unwrap();
        assert_eq!((set.train.labels(), set.test.labels()), (vec![1, 2, 3], vec![5, 6]));
        assert_eq!(set.origin, format!("3 + 2 images of MNIST from {}", folder.path().display()));
        write_part(folder.path(), "train4", "", &[1, 2, 3, 4]);
        let message = read_all(folder.path()).unwrap_err().to_string();
        assert!(message.contains("both train3-images-idx3-ubyte and train4-images-idx3-ubyte"), "{message}");
        write_part(folder.path(), "train", "", &[1]);
        assert_eq!(read_all(folder.path()).unwrap().train.labels(), [1]);
    }

    #[test]
    fn dots_in_names_are_hyphens() {
        let folder = tempfile::tempdir().unwrap();
        write_part(folder.path(), "train", "", &[1]);
        write_part(folder.path(), "t10k", "", &[5]);
        let dotted = folder.path().join("t10k-labels.idx1-ubyte");
        fs::rename(folder.path().join("t10k-labels-idx1-ubyte"), dotted).unwrap();
        assert_eq!(read_all(folder.path()).unwrap().test.labels(), [5]);
    }

    #[test]
    fn missing_files_and_strange_labels_are_named() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("orl-images-idx3-ubyte.gz"), "").unwrap();
        assert_eq!(Files::find(folder.path()).unwrap(), None);
        write_part(folder.path(), "t10k", "", &[1]);
        let message = read_all(folder.path()).unwrap_err().to_string();
        assert!(message.ends_with("neither train-images-idx3-ubyte nor train-images-idx3-ubyte.gz is there"));
        write_part(folder.path(), "train", "", &[8, 9, 10]);
        let message = format!("{:#}", read_all(folder.path()).unwrap_err());
        assert!(message.ends_with("train-labels-idx1-ubyte: byte 10: label 10, expected 0 to 9"), "{message}");
    }
}
