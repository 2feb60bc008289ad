//! Where data sets come from: a folder that the user names, else what was fetched, else what the program carries.

use super::{
    catalogue::{CATALOGUE, CIFAR_10, EMOJI, Entry, FASHION_MNIST, MNIST, MQ2008},
    cifar,
    emoji::Emoji,
    images::ImageSet,
    letor, mnist,
    ranked::RankedSplit,
};
use anyhow::{Result, bail, ensure};
use std::{
    env,
    path::{Path, PathBuf},
};

/// The environment variable that names the folder of fetched data sets.
pub const CACHE_VARIABLE: &str = "LOSSLAB_DATA";

/// The folder of fetched data sets: `LOSSLAB_DATA`, or `losslab` where the system keeps caches.
pub fn cache_folder() -> Option<PathBuf> {
    match env::var_os(CACHE_VARIABLE).filter(|folder| !folder.is_empty()) {
        Some(folder) => Some(PathBuf::from(folder)),
        None => dirs::cache_dir().map(|caches| caches.join("losslab")),
    }
}

/// A published set of labelled images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Name {
    /// Handwritten digits, 28 x 28, grey.
    Mnist,
    /// Clothes, 28 x 28, grey.
    FashionMnist,
    /// Photographs, 32 x 32, colour.
    Cifar10,
}

impl Name {
    /// Its entry in the catalogue.
    pub fn entry(self) -> &'static Entry {
        match self {
            Name::Mnist => &MNIST,
            Name::FashionMnist => &FASHION_MNIST,
            Name::Cifar10 => &CIFAR_10,
        }
    }

    /// Reads the set from a folder; nothing where none of its files is there.
    fn read(self, folder: &Path) -> Result<Option<ImageSet>> {
        let title = self.entry().title;
        match self {
            Name::Mnist => mnist::Files::find(folder)?.map(|files| files.read(title, mnist::DIGITS)).transpose(),
            Name::FashionMnist => {
                mnist::Files::find(folder)?.map(|files| files.read(title, mnist::FASHION)).transpose()
            }
            Name::Cifar10 => cifar::Files::find(folder)?.map(|files| files.read(title)).transpose(),
        }
    }
}

/// Where to look for data sets, in this order: a folder that the user named, then what was fetched.
#[derive(Clone, Debug)]
pub struct Sources {
    folders: Vec<PathBuf>,
}

impl Sources {
    /// Looks in `data_dir`, and then in the cache unless only that folder and what the program carries may be used.
    ///
    /// # Errors
    /// A `data_dir` that is no folder, or holds no data set.
    pub fn new(data_dir: Option<&Path>, carried_only: bool) -> Result<Self> {
        let cache = cache_folder().filter(|_| !carried_only);
        Self::in_folders(data_dir, cache)
    }

    fn in_folders(data_dir: Option<&Path>, cache: Option<PathBuf>) -> Result<Self> {
        if let Some(folder) = data_dir {
            ensure!(folder.is_dir(), "{}: no such folder", folder.display());
            if !CATALOGUE.iter().any(|entry| is_below(entry, folder)) {
                let names: Vec<&str> = CATALOGUE.iter().map(|entry| entry.folders[0]).collect();
                bail!(
                    "{}: holds neither the files of a data set nor a folder with them, such as {}",
                    folder.display(),
                    names.join(", ")
                );
            }
        }
        Ok(Self { folders: data_dir.map(Path::to_owned).into_iter().chain(cache).collect() })
    }

    /// A set of images; nothing where it isn't anywhere. Files that are damaged or incomplete are an error.
    pub fn find(&self, name: Name) -> Result<Option<ImageSet>> {
        self.first(name.entry(), |folder| name.read(folder))
    }

    /// Handwritten digits: MNIST, or else the digits that the program carries.
    pub fn digits(&self) -> Result<ImageSet> {
        self.find(Name::Mnist)?.map_or_else(ImageSet::carried, Ok)
    }

    /// The emoji of several vendors with their captions; nothing where they aren't anywhere.
    pub fn emoji(&self) -> Result<Option<Emoji>> {
        self.first(&EMOJI, Emoji::read)
    }

    /// Documents for queries: fold 1 of MQ2008; nothing where it isn't anywhere.
    pub fn mq2008(&self) -> Result<Option<RankedSplit>> {
        self.first(&MQ2008, |folder| letor::Files::find(folder)?.map(|files| files.read()).transpose())
    }

    fn first<T>(&self, entry: &Entry, read: impl Fn(&Path) -> Result<Option<T>>) -> Result<Option<T>> {
        for place in self.folders.iter().flat_map(|folder| entry.places(folder)) {
            if place.is_dir()
                && let Some(found) = read(&place)?
            {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }
}

/// Whether the folder, or one inside it, has files of the data set. Broken ones count: reading them says what is wrong.
fn is_below(entry: &Entry, folder: &Path) -> bool {
    entry.places(folder).iter().filter(|place| place.is_dir()).any(|place| match entry.name {
        "cifar-10" => !matches!(cifar::Files::find(place), Ok(None)),
        "emoji" => Emoji::is_in(place),
        "mq2008-fold1" => !matches!(letor::Files::find(place), Ok(None)),
        _ => !matches!(mnist::Files::find(place), Ok(None)),
    })
}

#[cfg(test)]
mod tests {
    use super::{
        super::{cifar::tests::batch, images::Images, mnist::tests::write_part},
        *,
    };
    use std::fs;

    /// MNIST with one image for training that has this label.
    fn write_mnist(folder: &Path, label: u8) {
        fs::create_dir_all(folder).unwrap();
        write_part(folder, "train", ".gz", &[label]);
        write_part(folder, "t10k", ".gz", &[0]);
    }

    fn found(data_dir: Option<&Path>, cache: Option<&Path>, name: Name) -> Option<Vec<i64>> {
        let sources = Sources::in_folders(data_dir, cache.map(Path::to_owned)).unwrap();
        sources.find(name).unwrap().map(|set| set.train.labels())
    }

    #[test]
    fn the_named_folder_comes_before_the_cache() {
        let folder = tempfile::tempdir().unwrap();
        let [named, cache] = ["named", "cache"].map(|name| folder.path().join(name));
        assert_eq!(found(None, Some(&cache), Name::Mnist), None);
        write_mnist(&cache.join("mnist"), 1);
        write_mnist(&named.join("mnist"), 2);
        write_mnist(&cache.join("fashion-mnist"), 3);
        assert_eq!(found(Some(&named), Some(&cache), Name::Mnist), Some(vec![2]));
        assert_eq!(found(None, Some(&cache), Name::Mnist), Some(vec![1]));
        assert_eq!(found(Some(&named), Some(&cache), Name::FashionMnist), Some(vec![3]));
        assert_eq!(found(Some(&named), None, Name::FashionMnist), None);
        assert_eq!(found(Some(&named.join("mnist")), None, Name::Mnist), Some(vec![2]));
    }

    #[test]
    fn cifar_may_lie_in_a_folder_of_several_names() {
        for name in ["", "cifar-10", "cifar10", "cifar-10-batches-bin"] {
            let folder = tempfile::tempdir().unwrap();
            let inside = folder.path().join(name);
            fs::create_dir_all(&inside).unwrap();
            fs::write(inside.join("data_batch_2.bin"), batch(&[4])).unwrap();
            fs::write(inside.join("test_batch.bin"), batch(&[5])).unwrap();
            assert_eq!(found(Some(folder.path()), None, Name::Cifar10), Some(vec![4]), "{name}");
        }
    }

    #[test]
    fn digits_are_always_there_but_damaged_ones_are_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let cache = folder.path().to_owned();
        let digits = || Sources::in_folders(None, Some(cache.clone())).unwrap().digits();
        assert_eq!(digits().unwrap().train.len(), 3000);
        write_mnist(&cache.join("mnist"), 1);
        assert_eq!(digits().unwrap().train.len(), 1);
        fs::write(cache.join("mnist/train-images-idx3-ubyte.gz"), "no images").unwrap();
        let message = format!("{:#}", digits().unwrap_err());
        assert!(message.contains("train-images-idx3-ubyte.gz: byte 0: magic number"), "{message}");
    }

    #[test]
    fn a_folder_without_data_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let error = |folder: &Path| Sources::in_folders(Some(folder), None).unwrap_err().to_string();
        assert!(error(folder.path()).contains("such as mnist, fashion-mnist, cifar-10, emoji"));
        assert!(error(&folder.path().join("none")).ends_with("none: no such folder"));
    }

    /// Reads real data where `LOSSLAB_TEST_DATA` names a folder that has some.
    #[test]
    fn real_data_are_read_where_they_are_at_hand() {
        let Some(folder) = env::var_os("LOSSLAB_TEST_DATA") else {
            println!("skipped: LOSSLAB_TEST_DATA is not set");
            return;
        };
        let sources = Sources::in_folders(Some(Path::new(&folder)), None).unwrap();
        for (name, train, test) in [
            (Name::Mnist, [60_000, 60_000], [10_000, 10_000]),
            (Name::FashionMnist, [6_000, 60_000], [10_000, 10_000]),
            (Name::Cifar10, [3_000, 50_000], [1_000, 10_000]),
        ] {
            let set = sources.find(name).unwrap().expect("the set is there");
            let within = |images: &Images, [low, high]: [usize; 2]| (low..=high).contains(&images.len());
            assert!(within(&set.train, train) && within(&set.test, test), "{}", set.origin);
            let scaling = set.train.scaling();
            assert!(scaling.mean.iter().chain(&scaling.spread).all(|value| (0.1..0.6).contains(value)), "{scaling:?}");
        }
        let emoji = sources.emoji().unwrap().expect("the emoji are there");
        assert!(emoji.styles.len() >= 2 && emoji.concepts.len() > 1000, "{}", emoji.origin);
    }
}
