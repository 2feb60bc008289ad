//! Against a server that fails in every way that servers fail.

#[path = "../../../tests/server/mod.rs"]
mod server;

use super::{super::stock::sha256, *};
use flate2::{Compression, write::GzEncoder};
use server::{Answer, Request, Server, version};
use std::path::PathBuf;
use tempfile::TempDir;

const NAME: &str = "a.bin";

/// Bytes that don't repeat.
fn content(count: usize) -> Vec<u8> {
    (0..count as u64).map(|index| (index.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect()
}

fn file(name: &'static str, content: &[u8]) -> File {
    File { name, bytes: content.len() as u64, sha256: Box::leak(sha256(content).unwrap().into_boxed_str()) }
}

fn entry(downloads: Vec<Download>) -> Entry {
    Entry {
        name: "fake",
        title: "Fake",
        about: "",
        licence: "",
        citation: "",
        folders: &["fake"],
        mirrors: &["http://fake.test/"],
        downloads: Box::leak(downloads.into_boxed_slice()),
        by_hand: &[],
    }
}

fn single(content: &[u8]) -> Entry {
    entry(vec![Download { file: file(NAME, content), members: &[] }])
}

/// A folder, and fetching into it without much patience.
struct Case {
    folder: TempDir,
    entry: Entry,
}

impl Case {
    fn new(entry: Entry) -> Self {
        Self { folder: tempfile::tempdir().unwrap(), entry }
    }

    fn fetch(&self, mirrors: &[&str]) -> Ended {
        let milliseconds = Duration::from_millis;
        let patience =
            Patience { connect: milliseconds(1000), silence: milliseconds(200), pause: milliseconds(1), breaks: 3 };
        Fetcher::new(patience).fetch(&self.entry, self.folder.path(), mirrors).unwrap()
    }

    fn served_by(&self, server: &Server) -> Ended {
        self.fetch(&[&server.address])
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// All files but the lock.
    fn files(&self) -> Vec<String> {
        let names = fs::read_dir(self.folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<String> = names.map(|name| name.to_string_lossy().into_owned()).collect();
        names.retain(|name| name != ".lock");
        names.sort_unstable();
        names
    }

    /// The file is there, and nothing else.
    fn has(&self, content: &[u8]) {
        assert_eq!(self.files(), [NAME]);
        assert!(fs::read(self.path(NAME)).unwrap() == content);
    }
}

fn ranges(server: &Server) -> Vec<Option<String>> {
    server.requests().into_iter().map(|request| request.range).collect()
}

fn from_byte(byte: usize) -> Option<String> {
    Some(format!("bytes={byte}-"))
}

fn reasons(ended: Ended) -> String {
    match ended {
        Ended::Complete => panic!("it was fetched"),
        Ended::Unreachable(reasons) => reasons.join("\n"),
    }
}

#[test]
fn a_file_is_fetched_once() {
    let whole = content(100_000);
    let (server, case) = (Server::start(&[(NAME, &whole)], &[]), Case::new(single(&whole)));
    assert_eq!(case.served_by(&server), Ended::Complete);
    case.has(&whole);
    assert_eq!(case.served_by(&server), Ended::Complete);
    assert_eq!(server.requests(), [Request { name: NAME.to_owned(), range: None, if_range: None }]);
}

#[test]
fn a_damaged_file_is_fetched_again() {
    let whole = content(1000);
    let (server, case) = (Server::start(&[(NAME, &whole)], &[]), Case::new(single(&whole)));
    fs::write(case.path(NAME), &whole[1..]).unwrap();
    assert_eq!(case.served_by(&server), Ended::Complete);
    case.has(&whole);
}

#[test]
fn a_cut_connection_is_taken_up_where_it_broke() {
    let whole = content(100_000);
    let server = Server::start(&[(NAME, &whole)], &[Answer::Cut(70_000), Answer::Cut(10_000)]);
    let case = Case::new(single(&whole));
    assert_eq!(case.served_by(&server), Ended::Complete);
    case.has(&whole);
    assert_eq!(ranges(&server), [None, from_byte(70_000), from_byte(80_000)]);
    assert_eq!(server.requests()[1].if_range, Some(version(&whole)));
}

#[test]
fn a_later_run_goes_on() {
    let whole = content(100_000);
    let server = Server::start(&[(NAME, &whole)], &[Answer::Cut(70_000), Answer::Status(503)]);
    let case = Case::new(single(&whole));
    assert_eq!(reasons(case.served_by(&server)), format!("{}/{NAME}: HTTP status 503", server.address));
    assert_eq!(case.files(), [format!("{NAME}.part"), format!("{NAME}.part.version")]);
    assert_eq!(case.served_by(&server), Ended::Complete);
    case.has(&whole);
    assert_eq!(ranges(&server)[2], from_byte(70_000));
}

#[test]
fn a_part_that_was_whole_needs_no_request() {
    let whole = content(1000);
    let case = Case::new(single(&whole));
    fs::write(case.path("a.bin.part"), &whole).unwrap();
    let server = Server::start(&[], &[]);
    assert_eq!(case.served_by(&server), Ended::Complete);
    case.has(&whole);
    assert!(server.requests().is_empty());
}

#[test]
fn a_server_that_falls_silent_is_asked_again() {
    let whole = content(100_000);
    let server = Server::start(&[(NAME, &whole)], &[Answer::Stall(30_000)]);
    let case = Case::new(single(&whole));
    assert_eq!(case.served_by(&server), Ended::Complete);
    case.has(&whole);
    assert_eq!(ranges(&server), [None, from_byte(30_000)]);
}

#[test]
fn the_next_mirror_is_asked_where_one_fails() {
    let whole = content(1000);
    let silent = Server::start(&[], &[Answer::Silence]);
    let broken = Server::start(&[(NAME, &whole)], &[Answer::Status(503)]);
    let without = Server::start(&[], &[]);
    let other = Server::start(&[(NAME, &whole[1..])], &[]);
    let good = Server::start(&[(NAME, &whole)], &[]);
    let case = Case::new(single(&whole));
    let failing = ["http://127.0.0.1:1", &silent.address, &broken.address, &without.address, &other.address];
    let why = reasons(case.fetch(&failing));
    let why: Vec<&str> = why.lines().map(|line| line.split_once("a.bin: ").unwrap().1).collect();
    assert!(why[0].to_lowercase().contains("refused"), "{}", why[0]);
    let expected = ["no answer in time", "HTTP status 503", "HTTP status 404", "it offers 999 bytes, expected 1,000"];
    assert_eq!(why[1..], expected);
    assert_eq!(case.fetch(&[&failing[..1], &[good.address.as_str()]].concat()), Ended::Complete);
    case.has(&whole);
}

#[test]
fn a_server_that_always_breaks_is_given_up() {
    let whole = content(1000);
    let server = Server::start(&[(NAME, &whole)], &[Answer::Cut(10), Answer::Cut(10), Answer::Cut(10)]);
    let case = Case::new(single(&whole));
    let why = reasons(case.served_by(&server));
    assert!(why.ends_with("after 30 of 1,000 bytes"), "{why}");
    assert_eq!(server.requests().len(), 3);
}

#[test]
fn wrong_content_never_takes_its_place() {
    let (whole, mut other) = (content(1000), content(1000));
    other[500] ^= 1;
    let (server, case) = (Server::start(&[(NAME, &other)], &[]), Case::new(single(&whole)));
    let [expected, found] = [&whole, &other].map(|bytes| sha256(bytes.as_slice()).unwrap());
    let why = reasons(case.served_by(&server));
    assert!(why.ends_with(&format!("expected the SHA-256 {expected}, found {found}")), "{why}");
    assert!(case.files().is_empty());
}

#[test]
fn a_server_that_knows_no_ranges_starts_over() {
    let whole = content(100_000);
    let server = Server::start(&[(NAME, &whole)], &[Answer::Cut(70_000), Answer::Whole]);
    let case = Case::new(single(&whole));
    assert_eq!(case.served_by(&server), Ended::Complete);
    case.has(&whole);
}

#[test]
fn parts_of_two_versions_are_never_mixed() {
    let (whole, mut old) = (content(1000), content(1000));
    old[0] ^= 1;
    // A server that minds the version sends all of its own; one that doesn't is asked again.
    for (answer, requests) in [(Answer::Right, 1), (Answer::AnyVersion, 2)] {
        let outdated = Server::start(&[(NAME, &old)], &[Answer::Cut(700), Answer::Status(503)]);
        let current = Server::start(&[(NAME, &whole)], &[answer]);
        let case = Case::new(single(&whole));
        assert_eq!(case.fetch(&[&outdated.address, &current.address]), Ended::Complete);
        case.has(&whole);
        assert_eq!((current.requests().len(), &ranges(&current)[0]), (requests, &from_byte(700)));
    }
}

#[test]
fn a_version_without_a_name_is_not_taken_up() {
    let whole = content(1000);
    let server = Server::start(&[(NAME, &whole)], &[Answer::Unnamed(700)]);
    let case = Case::new(single(&whole));
    assert_eq!(case.served_by(&server), Ended::Complete);
    case.has(&whole);
    assert_eq!(ranges(&server), [None, None]);
}

#[test]
fn a_part_that_was_damaged_on_disk_is_fetched_afresh() {
    let whole = content(1000);
    let server = Server::start(&[(NAME, &whole)], &[]);
    let case = Case::new(single(&whole));
    fs::write(case.path("a.bin.part"), [0; 700]).unwrap();
    fs::write(case.path("a.bin.part.version"), version(&whole)).unwrap();
    assert_eq!(case.served_by(&server), Ended::Complete);
    case.has(&whole);
    assert_eq!(ranges(&server), [from_byte(700), None]);
}

#[test]
fn redirects_are_followed_with_the_range() {
    let whole = content(1000);
    let target = Server::start(&[(NAME, &whole)], &[Answer::Cut(700)]);
    let moved = || Answer::Moved(format!("{}/{NAME}", target.address));
    let server = Server::start(&[], &[moved(), moved()]);
    let case = Case::new(single(&whole));
    assert_eq!(case.served_by(&server), Ended::Complete);
    case.has(&whole);
    assert_eq!(ranges(&target), [None, from_byte(700)]);
}

#[test]
fn two_fetches_at_once_share_the_work() {
    let whole = content(1_000_000);
    let server = Server::start(&[(NAME, &whole)], &[Answer::Cut(500_000)]);
    let case = Case::new(single(&whole));
    thread::scope(|scope| {
        let runs: Vec<_> = (0..4).map(|_| scope.spawn(|| case.served_by(&server))).collect();
        assert!(runs.into_iter().all(|run| run.join().unwrap() == Ended::Complete));
    });
    case.has(&whole);
    assert_eq!(server.requests().len(), 2);
}

/// An archive with two members and something else, and the data set that it makes.
fn archive() -> (Vec<u8>, Entry) {
    let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (name, body) in [("top/one.bin", content(5000)), ("top/readme", vec![1]), ("top/two.bin", content(300))] {
        let mut header = tar::Header::new_gnu();
        header.set_size(body.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        builder.append_data(&mut header, name, body.as_slice()).unwrap();
    }
    let bytes = builder.into_inner().unwrap().finish().unwrap();
    let members = vec![file("one.bin", &content(5000)), file("two.bin", &content(300))];
    let download = Download { file: file("all.tar.gz", &bytes), members: Box::leak(members.into_boxed_slice()) };
    (bytes, entry(vec![download]))
}

#[test]
fn an_archive_is_unpacked_and_not_kept() {
    let (bytes, entry) = archive();
    let (server, case) = (Server::start(&[("all.tar.gz", &bytes)], &[]), Case::new(entry));
    for _ in 0..2 {
        assert_eq!(case.served_by(&server), Ended::Complete);
        assert_eq!(case.files(), ["one.bin", "two.bin"]);
        assert!(fs::read(case.path("two.bin")).unwrap() == content(300));
    }
    assert_eq!(server.requests().len(), 1);
    fs::write(case.path("one.bin"), [0; 5000]).unwrap();
    assert_eq!(case.served_by(&server), Ended::Complete);
    assert!(fs::read(case.path("one.bin")).unwrap() == content(5000));
}

#[test]
fn an_archive_put_there_by_hand_is_unpacked_and_kept() {
    let (bytes, entry) = archive();
    let case = Case::new(entry);
    fs::write(case.path("all.tar.gz"), &bytes).unwrap();
    assert_eq!(case.fetch(&[]), Ended::Complete);
    assert_eq!(case.files(), ["all.tar.gz", "one.bin", "two.bin"]);
}

#[test]
fn an_archive_without_its_members_is_named() {
    let (bytes, entry) = archive();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("all.tar.gz");
    fs::write(&path, &bytes).unwrap();
    let three = File { name: "three.bin", ..entry.files()[0] };
    let message = format!("{:#}", unpack(&path, &[three], folder.path()).unwrap_err());
    assert!(message.ends_with("all.tar.gz: three.bin is not in it"), "{message}");
    fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    let message = format!("{:#}", unpack(&path, &entry.files(), folder.path()).unwrap_err());
    assert!(message.contains("all.tar.gz: cannot be unpacked"), "{message}");
}

#[test]
fn what_to_do_by_hand_lists_what_is_missing() {
    let (one, two) = (content(10), content(20));
    let downloads = [("one.gz", &one), ("two.gz", &two)];
    let entry = entry(downloads.map(|(name, content)| Download { file: file(name, content), members: &[] }).to_vec());
    let case = Case::new(entry);
    fs::write(case.path("one.gz"), &one).unwrap();
    let text = by_hand(&case.entry, case.folder.path()).unwrap();
    let sha256 = sha256(two.as_slice()).unwrap();
    let folder = case.folder.path().display();
    assert_eq!(
        text,
        format!(
            "Without a network, put these files into {folder}:\n  two.gz: 20 bytes, SHA-256 {sha256}\n    \
             http://fake.test/two.gz\nThe same command then checks them, and unpacks an archive.\n"
        )
    );
}
