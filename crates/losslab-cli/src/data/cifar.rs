//! CIFAR-10 in its binary format: records of a label and then a red, a green and a blue plane. As many batches for
//! training as there are.

use super::{
    images::{ImageSet, Images, Shape},
    mnist::origin,
};
use anyhow::{Context, Result, bail, ensure};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// The classes.
const CLASSES: [&str; 10] = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

const SHAPE: Shape = Shape { channels: 3, height: 32, width: 32 };
/// The label and the image.
const RECORD: usize = 1 + 3 * 32 * 32;

/// The files of the set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    train: Vec<PathBuf>,
    test: PathBuf,
}

impl Files {
    /// Looks for the files in a folder; nothing where none of them is there.
    pub fn find(folder: &Path) -> Result<Option<Files>> {
        let train = (1..=5).map(|batch| folder.join(format!("data_batch_{batch}.bin")));
        let train: Vec<PathBuf> = train.filter(|path| path.is_file()).collect();
        let test = folder.join("test_batch.bin");
        match (train.is_empty(), test.is_file()) {
            (true, false) => Ok(None),
            (true, true) => bail!("{}: none of data_batch_1.bin to data_batch_5.bin is there", folder.display()),
            (false, false) => bail!("{}: test_batch.bin is missing", folder.display()),
            (false, true) => Ok(Some(Files { train, test })),
        }
    }

    /// Reads them.
    pub fn read(&self, title: &str) -> Result<ImageSet> {
        let (train, test) = (read(&self.train)?, read(std::slice::from_ref(&self.test))?);
        let folder = self.test.parent().unwrap_or(Path::new("."));
        Ok(ImageSet {
            origin: origin(title, &train, &test, folder),
            classes: CLASSES.map(str::to_owned).to_vec(),
            train,
            valid: None,
            test,
        })
    }
}

fn read(batches: &[PathBuf]) -> Result<Images> {
    let (mut pixels, mut labels) = (Vec::new(), Vec::new());
    for path in batches {
        let name = path.display();
        let bytes = fs::read(path).with_context(|| format!("{name}: cannot be read"))?;
        let whole = bytes.len() / RECORD;
        ensure!(!bytes.is_empty(), "{name}: the file is empty");
        ensure!(
            bytes.len() == whole * RECORD,
            "{name}: byte {}: the record is cut off, expected {RECORD} bytes, found {}",
            whole * RECORD,
            bytes.len() % RECORD
        );
        for (index, record) in bytes.chunks_exact(RECORD).enumerate() {
            let label = record[0];
            let at = index * RECORD;
            ensure!(usize::from(label) < CLASSES.len(), "{name}: byte {at}: label {label}, expected 0 to 9");
            labels.push(u16::from(label));
            pixels.extend_from_slice(&record[1..]);
        }
    }
    Ok(Images::new(SHAPE, pixels, labels))
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// Images that are all red, with these labels.
    pub fn batch(labels: &[u8]) -> Vec<u8> {
        let red = |label: &u8| [vec![*label], vec![255; 1024], vec![0; 2048]].concat();
        labels.iter().flat_map(red).collect()
    }

    #[test]
    fn the_batches_that_are_there_are_read_in_order() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Files::find(folder.path()).unwrap(), None);
        for (name, labels) in [("data_batch_1", &[1, 2][..]), ("data_batch_4", &[3]), ("test_batch", &[9])] {
            fs::write(folder.path().join(format!("{name}.bin")), batch(labels)).unwrap();
        }
        let set = Files::find(folder.path()).unwrap().unwrap().read("CIFAR-10").unwrap();
        assert_eq!((set.train.labels(), set.test.labels()), (vec![1, 2, 3], vec![9]));
        assert_eq!(set.classes[9], "truck");
        assert_eq!(set.test.interleaved(0)[..6], [255, 0, 0, 255, 0, 0]);
    }

    #[test]
    fn damage_is_named_with_its_byte() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data_batch_1.bin");
        let error = || format!("{:#}", read(std::slice::from_ref(&path)).unwrap_err());
        fs::write(&path, &batch(&[1, 2])[..3100]).unwrap();
        assert!(
            error().ends_with("bin: byte 3073: the record is cut off, expected 3073 bytes, found 27"),
            "{}",
            error()
        );
        fs::write(&path, batch(&[1, 10])).unwrap();
        assert!(error().ends_with("bin: byte 3073: label 10, expected 0 to 9"), "{}", error());
        fs::write(&path, "").unwrap();
        assert!(error().ends_with("bin: the file is empty"), "{}", error());
        let message = Files::find(folder.path()).unwrap_err().to_string();
        assert!(message.ends_with("test_batch.bin is missing"), "{message}");
    }
}
