//! A file that is still being fetched: what has come of it, of which version it is, and how the rest comes.

use super::{super::catalogue::File, Failure};
use crate::record::write_whole;
use anyhow::{Context, Result};
use indicatif::{HumanCount, ProgressBar};
use std::{
    fs,
    io::{self, ErrorKind, Read, Write},
    path::{Path, PathBuf},
};
use ureq::{Agent, Timeout, http::HeaderMap};

/// `NAME.part` with the first bytes of a file, and `NAME.part.version` with what its server calls this version.
#[derive(Debug)]
pub struct Part {
    /// What it is to become.
    pub file: File,
    path: PathBuf,
    version: PathBuf,
}

impl Part {
    /// In the folder where the file is to be.
    pub fn new(folder: &Path, file: File) -> Self {
        let name = file.name;
        Self { file, path: folder.join(format!("{name}.part")), version: folder.join(format!("{name}.part.version")) }
    }

    /// Where the bytes are.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How many there are.
    pub fn bytes(&self) -> u64 {
        fs::metadata(&self.path).map_or(0, |found| found.len())
    }

    /// Forgets all bytes.
    pub fn discard(&self) -> Result<()> {
        for path in [&self.path, &self.version] {
            match fs::remove_file(path) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(error).with_context(|| format!("{}: cannot be removed", path.display()));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Moves the whole and checked file to its place.
    pub fn becomes(&self, path: &Path) -> Result<()> {
        fs::rename(&self.path, path).with_context(|| format!("{}: cannot be written", path.display()))?;
        self.discard()
    }

    /// Asks for the rest of the file, or for all of it where what is here cannot be told to be of the same version.
    pub fn receive(&self, agent: &Agent, address: &str, bar: &ProgressBar) -> Result<Result<(), Failure>> {
        let version = fs::read_to_string(&self.version).ok().filter(|_| (1..self.file.bytes).contains(&self.bytes()));
        let mut request = agent.get(address).header("Accept-Encoding", "identity");
        if let Some(version) = &version {
            // A server with another version then sends all of it, instead of bytes that do not fit.
            request = request.header("Range", format!("bytes={}-", self.bytes())).header("If-Range", version);
        }
        let response = match request.call() {
            Ok(response) => response,
            Err(error) => return Ok(Err(Failure::Refused(reason(&error)))),
        };
        let (head, body) = response.into_parts();
        let start = match (head.status.as_u16(), &version) {
            (200, _) => 0,
            (206, Some(version)) if self.continues(&head.headers, version) => self.bytes(),
            (206 | 416, Some(_)) => {
                self.discard()?;
                return Ok(Err(Failure::Broken("it sent other bytes than asked for".to_owned())));
            }
            (status, _) => return Ok(Err(Failure::Refused(format!("HTTP status {status}")))),
        };
        let expected = self.file.bytes - start;
        if let Some(offered) = body.content_length().filter(|offered| *offered != expected) {
            let [offered, expected] = [offered, expected].map(HumanCount);
            return Ok(Err(Failure::Refused(format!("it offers {offered} bytes, expected {expected}"))));
        }
        let file = if start == 0 { self.restart(version_of(&head.headers)) } else { self.append() };
        self.copy(body.into_reader(), file.with_context(|| self.unwritable())?, start, bar)
    }

    /// Whether a part of the file that the server sends fits to what is here.
    fn continues(&self, headers: &HeaderMap, version: &str) -> bool {
        let range = headers.get("Content-Range").and_then(|value| value.to_str().ok()).unwrap_or_default();
        let (first, whole) = (self.bytes(), self.file.bytes);
        let same_version = version_of(headers).is_none_or(|found| found == version);
        same_version && range == format!("bytes {first}-{}/{whole}", whole - 1)
    }

    /// An empty file, and only then the name of the version whose bytes will come.
    fn restart(&self, version: Option<&str>) -> Result<fs::File> {
        self.discard()?;
        let file = fs::File::create(&self.path)?;
        if let Some(version) = version {
            write_whole(&self.version, version.as_bytes())?;
        }
        Ok(file)
    }

    fn append(&self) -> Result<fs::File> {
        Ok(fs::OpenOptions::new().append(true).open(&self.path)?)
    }

    fn copy(
        &self,
        mut body: impl Read,
        mut file: fs::File,
        start: u64,
        bar: &ProgressBar,
    ) -> Result<Result<(), Failure>> {
        bar.set_position(start);
        bar.reset_eta();
        let (mut at, mut buffer) = (start, vec![0; 1 << 16]);
        loop {
            match body.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => {
                    at += count as u64;
                    if at > self.file.bytes {
                        self.discard()?;
                        let expected = HumanCount(self.file.bytes);
                        return Ok(Err(Failure::Refused(format!("it sends more than {expected} bytes"))));
                    }
                    file.write_all(&buffer[..count]).with_context(|| self.unwritable())?;
                    bar.set_position(at);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Ok(Err(Failure::Broken(self.broken(at, &read_reason(&error))))),
            }
        }
        if at < self.file.bytes {
            return Ok(Err(Failure::Broken(self.broken(at, "the connection was closed"))));
        }
        file.sync_all().with_context(|| self.unwritable())?;
        Ok(Ok(()))
    }

    fn broken(&self, at: u64, why: &str) -> String {
        let [at, whole] = [at, self.file.bytes].map(HumanCount);
        format!("{why} after {at} of {whole} bytes")
    }

    fn unwritable(&self) -> String {
        format!("{}: cannot be written", self.path.display())
    }
}

/// What the server calls this version of the file. A weak name stands for several versions and is of no use.
fn version_of(headers: &HeaderMap) -> Option<&str> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    text("ETag").filter(|tag| !tag.starts_with("W/")).or_else(|| text("Last-Modified"))
}

fn reason(error: &ureq::Error) -> String {
    match error {
        ureq::Error::Timeout(Timeout::Resolve | Timeout::Connect) => "no connection in time".to_owned(),
        ureq::Error::Timeout(_) => "no answer in time".to_owned(),
        ureq::Error::Io(error) => error.to_string(),
        other => other.to_string(),
    }
}

fn read_reason(error: &io::Error) -> String {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<ureq::Error>()) {
        Some(ureq::Error::Timeout(_)) => "no more bytes in time".to_owned(),
        Some(inner) => reason(inner),
        None if error.kind() == ErrorKind::UnexpectedEof => "the connection was closed".to_owned(),
        None => error.to_string(),
    }
}
