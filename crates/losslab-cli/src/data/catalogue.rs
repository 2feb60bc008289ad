//! The published data sets: their files with sizes and checksums, where they are served, and where they lie on disk.

use std::path::{Path, PathBuf};

/// A data set that the lab can use.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Its name on the command line.
    pub name: &'static str,
    /// Its name in reports.
    pub title: &'static str,
    /// What it holds.
    pub about: &'static str,
    /// What its owners say of its use.
    pub licence: &'static str,
    /// Whom to cite.
    pub citation: &'static str,
    /// Names that its folder may have; the first is the one in the cache.
    pub folders: &'static [&'static str],
    /// Folders on the network that hold the downloads, each with a slash at its end, in the order of trying.
    pub mirrors: &'static [&'static str],
    /// What to fetch; empty where the files have to be put there by hand.
    pub downloads: &'static [Download],
    /// Files to be put there by hand, where there is nothing to fetch.
    pub by_hand: &'static [&'static str],
}

/// What one request gets.
#[derive(Clone, Copy, Debug)]
pub struct Download {
    /// The file as it is served.
    pub file: File,
    /// The files to unpack where it is an archive, found in it by their names; last one that readers insist on.
    pub members: &'static [File],
}

/// A file whose content is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct File {
    /// Its name, without a folder.
    pub name: &'static str,
    /// Its size.
    pub bytes: u64,
    /// The SHA-256 of its content, in hexadecimal digits.
    pub sha256: &'static str,
}

const fn file(name: &'static str, bytes: u64, sha256: &'static str) -> File {
    File { name, bytes, sha256 }
}

const fn plain(name: &'static str, bytes: u64, sha256: &'static str) -> Download {
    Download { file: file(name, bytes, sha256), members: &[] }
}

/// Handwritten digits.
pub static MNIST: Entry = Entry {
    name: "mnist",
    title: "MNIST",
    about: "60,000 + 10,000 handwritten digits, 28 x 28, grey",
    licence: "usually given as CC BY-SA 3.0; its page states none",
    citation: "LeCun, Bottou, Bengio, Haffner: Gradient-based learning applied to document recognition, 1998",
    folders: &["mnist"],
    mirrors: &["https://ossci-datasets.s3.amazonaws.com/mnist/", "https://storage.googleapis.com/cvdf-datasets/mnist/"],
    downloads: &[
        plain(
            "train-images-idx3-ubyte.gz",
            9_912_422,
            "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        ),
        plain("train-labels-idx1-ubyte.gz", 28_881, "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"),
        plain(
            "t10k-images-idx3-ubyte.gz",
            1_648_877,
            "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        ),
        plain("t10k-labels-idx1-ubyte.gz", 4_542, "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"),
    ],
    by_hand: &[],
};

/// Clothes, in the format of MNIST.
pub static FASHION_MNIST: Entry = Entry {
    name: "fashion-mnist",
    title: "Fashion-MNIST",
    about: "60,000 + 10,000 pieces of clothing, 28 x 28, grey",
    licence: "MIT, (c) 2017 Zalando SE",
    citation: "Xiao, Rasul, Vollgraf: Fashion-MNIST: a novel image dataset for benchmarking machine learning \
               algorithms, 2017",
    folders: &["fashion-mnist"],
    mirrors: &[
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
    ],
    downloads: &[
        plain(
            "train-images-idx3-ubyte.gz",
            26_421_880,
            "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        ),
        plain("train-labels-idx1-ubyte.gz", 29_515, "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"),
        plain(
            "t10k-images-idx3-ubyte.gz",
            4_422_102,
            "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        ),
        plain("t10k-labels-idx1-ubyte.gz", 5_148, "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"),
    ],
    by_hand: &[],
};

const BATCH: u64 = 30_730_000;

/// Small photographs.
pub static CIFAR_10: Entry = Entry {
    name: "cifar-10",
    title: "CIFAR-10",
    about: "50,000 + 10,000 photographs, 32 x 32, colour",
    licence: "none stated; its authors ask for the citation",
    citation: "Krizhevsky: Learning multiple layers of features from tiny images, 2009",
    folders: &["cifar-10", "cifar10", "cifar-10-batches-bin"],
    mirrors: &["https://www.cs.toronto.edu/~kriz/", "https://cave.cs.toronto.edu/kriz/"],
    downloads: &[Download {
        file: file(
            "cifar-10-binary.tar.gz",
            170_052_171,
            "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
        ),
        members: &[
            file("data_batch_1.bin", BATCH, "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5"),
            file("data_batch_2.bin", BATCH, "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed"),
            file("data_batch_3.bin", BATCH, "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67"),
            file("data_batch_4.bin", BATCH, "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48"),
            file("data_batch_5.bin", BATCH, "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add"),
            file("test_batch.bin", BATCH, "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b"),
        ],
    }],
    by_hand: &[],
};

/// Emoji of several vendors with their captions.
pub static EMOJI: Entry = Entry {
    name: "emoji",
    title: "Emoji",
    about: "emoji of several vendors with captions, 32 x 32, colour",
    licence: "Noto: OFL 1.1 / Apache-2.0; Twemoji: CC BY 4.0; OpenMoji: CC BY-SA 4.0",
    citation: "Google Noto Emoji; Twitter Twemoji; OpenMoji; captions of Unicode CLDR",
    folders: &["emoji"],
    mirrors: &[],
    downloads: &[],
    by_hand: &[
        "captions.tsv",
        "noto-images-idx4-ubyte.gz",
        "twemoji-images-idx4-ubyte.gz",
        "openmoji-images-idx4-ubyte.gz",
    ],
};

/// Documents for queries of a web search, with graded relevance.
pub static MQ2008: Entry = Entry {
    name: "mq2008-fold1",
    title: "MQ2008, fold 1",
    about: "LETOR 4.0: 784 queries with 15,211 documents, 46 features, relevance 0 to 2",
    licence: "published by Microsoft Research for research use",
    citation: "Qin, Liu: Introducing LETOR 4.0 datasets, 2013",
    folders: &["mq2008-fold1", "MQ2008/Fold1", "Fold1"],
    mirrors: &[],
    downloads: &[],
    by_hand: &["train.txt.gz", "vali.txt.gz", "test.txt.gz"],
};

/// All of them.
pub static CATALOGUE: [&Entry; 5] = [&MNIST, &FASHION_MNIST, &CIFAR_10, &EMOJI, &MQ2008];

impl Entry {
    /// The folders in which its files may lie when a user names `base`: that folder itself, or one inside it.
    ///
    /// MNIST and Fashion-MNIST have files of the same names: right in `base` they are taken for what its name says.
    pub fn places(&self, base: &Path) -> Vec<PathBuf> {
        let says_fashion =
            base.file_name().is_some_and(|name| name.to_string_lossy().to_lowercase().contains("fashion"));
        let itself = match self.name {
            "mnist" => !says_fashion,
            "fashion-mnist" => says_fashion,
            _ => true,
        };
        let inside = self.folders.iter().map(|folder| base.join(folder));
        itself.then(|| base.to_owned()).into_iter().chain(inside).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_checksum_is_one_and_every_address_a_folder() {
        for entry in CATALOGUE {
            assert!(entry.downloads.is_empty() != entry.by_hand.is_empty(), "{}", entry.name);
            assert!(entry.mirrors.iter().all(|base| base.starts_with("http") && base.ends_with('/')), "{}", entry.name);
            for file in entry.downloads.iter().flat_map(|download| [&[download.file], download.members].concat()) {
                assert!(file.sha256.len() == 64 && file.sha256.bytes().all(|digit| digit.is_ascii_hexdigit()));
            }
        }
    }

    #[test]
    fn a_folder_that_says_fashion_holds_fashion() {
        let places = |entry: &Entry, base: &str| entry.places(Path::new(base));
        assert_eq!(places(&MNIST, "/d/raw"), [Path::new("/d/raw"), Path::new("/d/raw/mnist")]);
        assert_eq!(places(&FASHION_MNIST, "/d/raw"), [Path::new("/d/raw/fashion-mnist")]);
        assert_eq!(places(&MNIST, "/d/FashionMNIST"), [Path::new("/d/FashionMNIST/mnist")]);
        assert_eq!(places(&FASHION_MNIST, "/d/FashionMNIST")[0], Path::new("/d/FashionMNIST"));
    }
}
