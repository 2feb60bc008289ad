//! What of a published data set lies on disk, and whether it is what was published.

use super::catalogue::{Entry, File};
use anyhow::{Context, Result};
use indicatif::HumanCount;
use sha2::{Digest, Sha256};
use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

/// A file on disk against the published one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// There is no such file.
    Absent,
    /// It is what was published, as far as was looked.
    Right,
    /// It is not, and why.
    Damaged(String),
}

impl File {
    /// Looks at the size alone.
    pub fn by_size(&self, folder: &Path) -> State {
        match fs::metadata(folder.join(self.name)) {
            Err(_) => State::Absent,
            Ok(found) if found.len() == self.bytes => State::Right,
            Ok(found) => {
                let [found, expected] = [found.len(), self.bytes].map(HumanCount);
                State::Damaged(format!("expected {expected} bytes, found {found}"))
            }
        }
    }

    /// Looks at the content too.
    pub fn by_content(&self, folder: &Path) -> Result<State> {
        match self.by_size(folder) {
            State::Right => self.matches(&folder.join(self.name)),
            other => Ok(other),
        }
    }

    /// Compares the content of a file of any name.
    pub fn matches(&self, path: &Path) -> Result<State> {
        let read = || sha256(fs::File::open(path)?);
        let found = read().with_context(|| format!("{}: cannot be read", path.display()))?;
        Ok(self.compared(&found))
    }

    /// Compares the SHA-256 of what was found.
    pub fn compared(&self, found: &str) -> State {
        match found == self.sha256 {
            true => State::Right,
            false => State::Damaged(format!("expected the SHA-256 {}, found {found}", self.sha256)),
        }
    }
}

/// The SHA-256 of all that can be read, in hexadecimal digits.
pub fn sha256(mut content: impl Read) -> io::Result<String> {
    let (mut hash, mut buffer) = (Sha256::new(), vec![0; 1 << 16]);
    loop {
        match content.read(&mut buffer)? {
            0 => return Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()),
            count => hash.update(&buffer[..count]),
        }
    }
}

impl Entry {
    /// The files that readers need.
    pub fn files(&self) -> Vec<File> {
        let of = |files: &[File], file: File| if files.is_empty() { vec![file] } else { files.to_vec() };
        self.downloads.iter().flat_map(|download| of(download.members, download.file)).collect()
    }

    /// The names of the files that readers need.
    pub fn file_names(&self) -> Vec<&'static str> {
        self.files().iter().map(|file| file.name).chain(self.by_hand.iter().copied()).collect()
    }

    /// Bytes to fetch.
    pub fn download_bytes(&self) -> u64 {
        self.downloads.iter().map(|download| download.file.bytes).sum()
    }

    /// Its folder below `base`: the first that has one of its files, or else the one to put them in.
    pub fn folder(&self, base: &Path) -> PathBuf {
        let names = self.file_names();
        let has_some = |place: &PathBuf| names.iter().any(|name| place.join(name).is_file());
        self.places(base).into_iter().find(has_some).unwrap_or_else(|| base.join(self.folders[0]))
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::catalogue::{CATALOGUE, CIFAR_10, Download, MNIST},
        *,
    };

    #[test]
    fn files_are_compared_by_size_and_content() {
        let folder = tempfile::tempdir().unwrap();
        let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let file = File { name: "abc", bytes: 3, sha256 };
        assert_eq!(file.by_content(folder.path()).unwrap(), State::Absent);
        fs::write(folder.path().join("abc"), "abc").unwrap();
        assert_eq!(file.by_content(folder.path()).unwrap(), State::Right);
        fs::write(folder.path().join("abc"), "abd").unwrap();
        assert_eq!(file.by_size(folder.path()), State::Right);
        let State::Damaged(why) = file.by_content(folder.path()).unwrap() else { panic!("no damage") };
        assert!(why.starts_with(&format!("expected the SHA-256 {sha256}, found a52d159f262b2c6d")), "{why}");
        fs::write(folder.path().join("abc"), "ab").unwrap();
        assert_eq!(file.by_size(folder.path()), State::Damaged("expected 3 bytes, found 2".to_owned()));
    }

    #[test]
    fn a_folder_is_found_by_its_files() {
        let base = tempfile::tempdir().unwrap();
        assert_eq!(CIFAR_10.folder(base.path()), base.path().join("cifar-10"));
        fs::create_dir(base.path().join("cifar10")).unwrap();
        fs::write(base.path().join("cifar10/test_batch.bin"), "").unwrap();
        assert_eq!(CIFAR_10.folder(base.path()), base.path().join("cifar10"));
        assert_eq!((MNIST.files().len(), CIFAR_10.files().len()), (4, 6));
    }

    /// Compares real files with the catalogue where `LOSSLAB_TEST_DATA` names a folder that has some.
    #[test]
    fn the_published_checksums_are_right_where_files_are_at_hand() {
        let Some(base) = std::env::var_os("LOSSLAB_TEST_DATA") else {
            println!("skipped: LOSSLAB_TEST_DATA is not set");
            return;
        };
        let plain = |entry: &&&Entry| entry.downloads.iter().all(|Download { members, .. }| members.is_empty());
        for entry in CATALOGUE.iter().filter(plain) {
            let folder = entry.folder(Path::new(&base));
            for file in entry.files() {
                assert!(!matches!(file.by_content(&folder).unwrap(), State::Damaged(_)), "{}", file.name);
            }
        }
    }
}
