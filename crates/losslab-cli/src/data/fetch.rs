//! Fetching a published data set: mirror by mirror, checked before it takes its place, whole or not at all.

mod part;
#[cfg(test)]
mod tests;

use super::{
    catalogue::{Download, Entry, File},
    stock::{State, sha256},
};
use crate::record::write_whole;
use anyhow::{Context, Result, bail};
use flate2::read::MultiGzDecoder;
use indicatif::{HumanCount, ProgressBar, ProgressStyle};
use part::Part;
use std::{
    fmt::Write,
    fs::{self, TryLockError},
    io::{self, BufReader, Read},
    path::Path,
    thread,
    time::Duration,
};
use ureq::Agent;

/// How long to wait, and how often to try again.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For finding a server and connecting to it.
    pub connect: Duration,
    /// For the next bytes.
    pub silence: Duration,
    /// Before going on with a file after the connection broke.
    pub pause: Duration,
    /// How often one server may break the connection.
    pub breaks: usize,
}

impl Default for Patience {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { connect: seconds(10), silence: seconds(30), pause: seconds(1), breaks: 5 }
    }
}

/// How fetching ended where nothing was wrong on this side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// All files are there and right.
    Complete,
    /// A file could not be had: each address with the reason.
    Unreachable(Vec<String>),
}

/// Why a server did not give a file.
enum Failure {
    /// Nothing more is to be expected of it.
    Refused(String),
    /// The connection broke; what came so far is kept.
    Broken(String),
}

/// Fetches files.
#[derive(Debug)]
pub struct Fetcher {
    agent: Agent,
    patience: Patience,
}

impl Fetcher {
    /// With timeouts.
    pub fn new(patience: Patience) -> Self {
        let config = Agent::config_builder()
            .timeout_resolve(Some(patience.connect))
            .timeout_connect(Some(patience.connect))
            .timeout_per_read(Some(patience.silence))
            .http_status_as_error(false)
            .user_agent(concat!("losslab/", env!("CARGO_PKG_VERSION")))
            .build();
        Self { agent: config.into(), patience }
    }

    /// Puts what is missing or damaged of a data set into `folder`, from the first of `mirrors` that gives it.
    ///
    /// Files that are right stay; an archive that was put there by hand is unpacked without the network.
    ///
    /// # Errors
    /// Where the folder cannot be written.
    pub fn fetch<S: AsRef<str>>(&self, entry: &Entry, folder: &Path, mirrors: &[S]) -> Result<Ended> {
        fs::create_dir_all(folder).with_context(|| format!("{}: cannot be made", folder.display()))?;
        let _lock = lock(folder)?;
        for download in entry.downloads {
            if is_there(download, folder)? {
                continue;
            }
            let by_hand = folder.join(download.file.name);
            if !download.members.is_empty() && download.file.by_content(folder)? == State::Right {
                unpack(&by_hand, download.members, folder)?;
                continue;
            }
            let part = Part::new(folder, download.file);
            if let Err(failures) = self.first(&part, mirrors)? {
                return Ok(Ended::Unreachable(failures));
            }
            if download.members.is_empty() {
                part.becomes(&by_hand)?;
            } else {
                unpack(part.path(), download.members, folder)?;
                part.discard()?;
            }
        }
        Ok(Ended::Complete)
    }

    /// Fetches a file from the first mirror that gives it, or says of each why it did not.
    fn first<S: AsRef<str>>(&self, part: &Part, mirrors: &[S]) -> Result<Result<(), Vec<String>>> {
        let bar = bar(&part.file);
        let mut failures = Vec::new();
        for mirror in mirrors {
            let address = address(mirror.as_ref(), part.file.name);
            match self.get(&address, part, &bar)? {
                Ok(()) => return Ok(Ok(())),
                Err(why) => failures.push(format!("{address}: {why}")),
            }
        }
        Ok(Err(failures))
    }

    /// Fetches a file from one address, going on where the connection broke, and checks it.
    fn get(&self, address: &str, part: &Part, bar: &ProgressBar) -> Result<Result<(), String>> {
        let mut breaks = 0;
        loop {
            let before = part.bytes();
            let failure = match before == part.file.bytes {
                true => None,
                false => part.receive(&self.agent, address, bar)?.err(),
            };
            match failure {
                None => {
                    let State::Damaged(why) = part.file.matches(part.path())? else { return Ok(Ok(())) };
                    part.discard()?;
                    // What was there before may be at fault.
                    if before == 0 {
                        return Ok(Err(why));
                    }
                }
                Some(Failure::Refused(why)) => return Ok(Err(why)),
                Some(Failure::Broken(why)) => {
                    breaks += 1;
                    if breaks == self.patience.breaks || part.bytes() == before {
                        return Ok(Err(why));
                    }
                    thread::sleep(self.patience.pause);
                }
            }
        }
    }
}

/// Held while a folder is written to: a second fetch waits, and then finds the files there.
fn lock(folder: &Path) -> Result<fs::File> {
    let path = folder.join(".lock");
    let hold = || -> io::Result<fs::File> {
        let file = fs::File::create(&path)?;
        if let Err(TryLockError::WouldBlock) = file.try_lock() {
            let waiting = ProgressBar::new_spinner().with_message("waiting for another fetch of it");
            waiting.enable_steady_tick(Duration::from_millis(100));
            file.lock()?;
        }
        // Where a file system knows no locks, only two fetches at once are at risk.
        Ok(file)
    };
    hold().with_context(|| format!("{}: cannot be locked", path.display()))
}

fn is_there(download: &Download, folder: &Path) -> Result<bool> {
    let files = if download.members.is_empty() { std::slice::from_ref(&download.file) } else { download.members };
    for file in files {
        if file.by_content(folder)? != State::Right {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Takes the members out of an archive, each whole or not at all.
fn unpack(archive: &Path, members: &[File], folder: &Path) -> Result<()> {
    let name = archive.display();
    let file = fs::File::open(archive).with_context(|| format!("{name}: cannot be read"))?;
    let mut archive = tar::Archive::new(MultiGzDecoder::new(BufReader::new(file)));
    let mut contents = vec![None; members.len()];
    let broken = || format!("{name}: cannot be unpacked");
    for found in archive.entries().with_context(broken)? {
        let found = found.with_context(broken)?;
        let path = found.path().with_context(broken)?.into_owned();
        let Some(at) = members.iter().position(|member| path.file_name() == Some(member.name.as_ref())) else {
            continue;
        };
        let mut content = Vec::with_capacity(members[at].bytes as usize);
        found.take(members[at].bytes + 1).read_to_end(&mut content).with_context(broken)?;
        if let State::Damaged(why) = members[at].compared(&sha256(content.as_slice())?) {
            bail!("{name}: {}: {why}", members[at].name);
        }
        contents[at] = Some(content);
    }
    let whole: Result<Vec<(&File, Vec<u8>)>> = members
        .iter()
        .zip(contents)
        .map(|(member, content)| {
            Ok((member, content.with_context(|| format!("{name}: {} is not in it", member.name))?))
        })
        .collect();
    // In their order: should this stop halfway, the last file is missing, without which no reader takes the others for
    // the whole set.
    for (member, content) in whole? {
        write_whole(&folder.join(member.name), &content)?;
    }
    Ok(())
}

/// A bar on standard error; silent where that is not a terminal.
fn bar(file: &File) -> ProgressBar {
    let template = "{msg} {bar:24} {decimal_bytes} of {decimal_total_bytes}, {decimal_bytes_per_sec}, {eta} left";
    let style = ProgressStyle::with_template(template).expect("a valid template");
    ProgressBar::new(file.bytes).with_style(style).with_message(file.name)
}

fn address(mirror: &str, name: &str) -> String {
    format!("{}/{name}", mirror.trim_end_matches('/'))
}

/// What to do without a network: which files are still needed, where they are served, and where to put them.
pub fn by_hand(entry: &Entry, folder: &Path) -> Result<String> {
    let mut text = format!("Without a network, put these files into {}:\n", folder.display());
    for download in entry.downloads {
        if !is_there(download, folder)? {
            let File { name, bytes, sha256 } = download.file;
            writeln!(text, "  {name}: {} bytes, SHA-256 {sha256}", HumanCount(bytes))?;
            for mirror in entry.mirrors {
                writeln!(text, "    {}", address(mirror, name))?;
            }
        }
    }
    entry.by_hand.iter().filter(|name| !folder.join(name).is_file()).try_for_each(|name| writeln!(text, "  {name}"))?;
    if !entry.downloads.is_empty() {
        writeln!(text, "The same command then checks them, and unpacks an archive.")?;
    }
    Ok(text)
}
