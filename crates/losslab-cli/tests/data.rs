//! `losslab data` as a user sees it.

mod binary;
mod server;

use binary::{error, losslab};
use server::Server;
use std::{fs, path::Path, process::Output};

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// `losslab data …` with a folder of data sets.
fn data(arguments: &[&str], folder: &Path) -> Output {
    losslab(&[&["data"], arguments, &["--data-dir", folder.to_str().unwrap()]].concat())
}

#[test]
fn the_list_says_what_is_here() {
    let folder = tempfile::tempdir().unwrap();
    let list = || text(&data(&["list"], folder.path()).stdout);
    let row = |list: &str, name: &str| list.lines().find(|line| line.contains(name)).unwrap().to_owned();
    for name in ["mnist", "fashion-mnist", "cifar-10", "emoji", "mq2008-fold1"] {
        assert!(row(&list(), &format!("│ {name} ")).contains("absent"), "{}", list());
    }
    assert!(list().contains("CC BY-SA 3.0") && list().contains(folder.path().join("cifar-10").to_str().unwrap()));
    fs::create_dir(folder.path().join("mnist")).unwrap();
    fs::write(folder.path().join("mnist/t10k-labels-idx1-ubyte.gz"), [0; 4542]).unwrap();
    assert!(row(&list(), "│ mnist ").contains("partial (1 of 4)"), "{}", list());
    fs::write(folder.path().join("mnist/t10k-labels-idx1-ubyte.gz"), [0; 4541]).unwrap();
    assert!(row(&list(), "│ mnist ").contains("damaged"), "{}", list());
}

#[test]
fn damaged_files_are_named_with_status_2() {
    let folder = tempfile::tempdir().unwrap();
    let absent = data(&["check"], folder.path());
    assert!(absent.status.success() && text(&absent.stdout).contains("mnist: absent"));
    fs::create_dir(folder.path().join("mnist")).unwrap();
    let file = folder.path().join("mnist/t10k-labels-idx1-ubyte.gz");
    fs::write(&file, [0; 4542]).unwrap();
    let output = data(&["check", "mnist"], folder.path());
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(2), "error: 1 file is damaged\n".to_owned()));
    let expected = format!("  {}: expected the SHA-256 f7ae60f92e00ec6debd2", file.display());
    assert!(text(&output.stdout).contains(&expected), "{}", text(&output.stdout));
}

#[test]
fn wrong_content_from_a_mirror_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&[("train-images-idx3-ubyte.gz", &vec![0; 9_912_422])], &[]);
    let output = data(&["fetch", "mnist", "--mirror", &server.address], folder.path());
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{message}");
    assert!(message.contains("expected the SHA-256 440fcabf73cc546f"), "{message}");
    let place = folder.path().join("mnist");
    assert!(message.contains(&format!("put these files into {}:", place.display())), "{message}");
    assert!(message.contains("https://ossci-datasets.s3.amazonaws.com/mnist/t10k-labels-idx1-ubyte.gz"), "{message}");
    assert!(message.ends_with("error: not fetched: mnist\n"), "{message}");
    let names: Vec<_> = fs::read_dir(place).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, [".lock"]);
}

#[test]
fn what_nobody_serves_is_to_be_put_there_by_hand() {
    let folder = tempfile::tempdir().unwrap();
    let message = text(&data(&["fetch", "emoji"], folder.path()).stderr);
    assert!(message.contains("captions.tsv") && message.contains("openmoji-images-idx4-ubyte.gz"), "{message}");
}

#[test]
fn searches_are_written_as_files_that_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("mq2008-fold1");
    let written = losslab(&["data", "searches", "--queries", "20", "--out", out.to_str().unwrap()]);
    assert!(written.status.success(), "{}", text(&written.stderr));
    for (part, queries) in [("train", 20), ("vali", 10), ("test", 200)] {
        let file = fs::read_to_string(out.join(part).with_extension("txt")).unwrap();
        assert!(file.contains(&format!("qid:{}", queries - 1)) && !file.contains(&format!("qid:{queries}")), "{part}");
    }
    assert!(error(&["data", "searches", "--queries", "2", "--out", "x"]).contains("it must be from 20 to 10000"));
}

#[test]
fn bad_names_are_refused_in_one_line() {
    let unknown = error(&["data", "fetch", "imagenet"]);
    assert!(unknown.contains("imagenet") && unknown.contains("mnist, fashion-mnist, cifar-10, emoji"), "{unknown}");
    let none = error(&["data"]);
    assert!(none.contains("requires a subcommand") && none.contains("list, fetch, check"), "{none}");
    let two = error(&["data", "fetch", "mnist", "cifar-10", "--mirror", "http://127.0.0.1:1"]);
    assert!(two.contains("--mirror: it holds the files of one data set, but 2 are named"), "{two}");
}

/// Fetches complete MNIST from a mirror where `LOSSLAB_TEST_DATA` names a folder that has it in `mnist/`.
#[test]
fn a_whole_set_is_fetched_and_found_where_it_is_at_hand() {
    let Some(real) = std::env::var_os("LOSSLAB_TEST_DATA") else {
        println!("skipped: LOSSLAB_TEST_DATA is not set");
        return;
    };
    let names = ["train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"];
    let files = names.map(|name| {
        let name = format!("{name}-ubyte.gz");
        let content = fs::read(Path::new(&real).join("mnist").join(&name)).unwrap();
        (name, content)
    });
    let served: Vec<(&str, &[u8])> = files.iter().map(|(name, content)| (name.as_str(), content.as_slice())).collect();
    let server = Server::start(&served, &[]);
    let folder = tempfile::tempdir().unwrap();
    let output = data(&["fetch", "mnist", "--mirror", &server.address], folder.path());
    assert!(output.status.success(), "{}", text(&output.stderr));
    let checked = data(&["check", "mnist"], folder.path());
    assert!(text(&checked.stdout).starts_with("mnist: right, 4 files in "), "{}", text(&checked.stdout));
}
