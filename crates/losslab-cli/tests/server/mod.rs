//! A server of files that fails as asked.

// Each test takes what it needs.
#![allow(dead_code)]

use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

/// How a request is answered.
#[derive(Clone, Debug)]
pub enum Answer {
    /// With the file, or with the part that is asked for if it is of the version that is asked for.
    Right,
    /// The connection closes after so many bytes of the body.
    Cut(usize),
    /// Nothing more comes after so many bytes of the body.
    Stall(usize),
    /// Nothing comes at all.
    Silence,
    /// With the whole file, whatever is asked for.
    Whole,
    /// With the part that is asked for, whatever its version.
    AnyVersion,
    /// With the file, without a name for its version.
    Unnamed(usize),
    /// With a status.
    Status(u16),
    /// With another address.
    Moved(String),
}

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub name: String,
    pub range: Option<String>,
    pub if_range: Option<String>,
}

#[derive(Debug)]
pub struct Server {
    pub address: String,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    /// Serves files. The first requests get these answers, all others the right one.
    pub fn start(files: &[(&str, &[u8])], answers: &[Answer]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let files: HashMap<String, Vec<u8>> =
            files.iter().map(|(name, content)| ((*name).to_owned(), content.to_vec())).collect();
        let (files, answers) = (Arc::new(files), answers.to_vec());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        thread::spawn(move || {
            for connection in listener.incoming() {
                let (files, answers, seen) = (Arc::clone(&files), answers.clone(), Arc::clone(&seen));
                thread::spawn(move || {
                    let mut connection = connection.unwrap();
                    let request = read(&connection);
                    let number = {
                        let mut seen = seen.lock().unwrap();
                        seen.push(request.clone());
                        seen.len() - 1
                    };
                    let answer = answers.get(number).cloned().unwrap_or(Answer::Right);
                    // A client that goes away is none of our concern.
                    _ = reply(&mut connection, &request, files.get(&request.name), &answer);
                });
            }
        });
        Self { address, requests }
    }

    /// What was asked for so far.
    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

fn read(connection: &TcpStream) -> Request {
    let mut lines = BufReader::new(connection).lines().map(|line| line.unwrap_or_default());
    let first = lines.next().unwrap_or_default();
    let name = first.split(' ').nth(1).unwrap_or_default().rsplit('/').next().unwrap_or_default().to_owned();
    let headers: HashMap<String, String> = lines
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_once(": ").map(|(key, value)| (key.to_lowercase(), value.to_owned())))
        .collect();
    Request { name, range: headers.get("range").cloned(), if_range: headers.get("if-range").cloned() }
}

/// Another content has another version.
pub fn version(content: &[u8]) -> String {
    let sum = content.iter().fold(0_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(*byte)));
    format!("\"{sum:x}\"")
}

fn reply(
    connection: &mut TcpStream,
    request: &Request,
    content: Option<&Vec<u8>>,
    answer: &Answer,
) -> std::io::Result<()> {
    let (whole, status) = match (content, answer) {
        (_, Answer::Status(status)) => (&[][..], *status),
        (_, Answer::Moved(to)) => {
            return write!(connection, "HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n");
        }
        (_, Answer::Silence) => return wait(connection),
        (None, _) => (&[][..], 404),
        (Some(content), _) => (content.as_slice(), 200),
    };
    let asked =
        request.range.as_deref().and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok());
    let fits = request.if_range.as_ref().is_none_or(|wanted| *wanted == version(whole));
    let start: usize = match answer {
        Answer::Whole => 0,
        Answer::AnyVersion => asked.unwrap_or(0),
        _ => asked.filter(|_| fits).unwrap_or(0),
    };
    let (body, last) = (&whole[start..], whole.len().saturating_sub(1));
    let status = if start > 0 { 206 } else { status };
    write!(connection, "HTTP/1.1 {status} x\r\nContent-Length: {}\r\nConnection: close\r\n", body.len())?;
    if start > 0 {
        write!(connection, "Content-Range: bytes {start}-{last}/{}\r\n", whole.len())?;
    }
    if !matches!(answer, Answer::Unnamed(_)) {
        write!(connection, "ETag: {}\r\n", version(whole))?;
    }
    write!(connection, "\r\n")?;
    match answer {
        Answer::Cut(count) | Answer::Unnamed(count) => connection.write_all(&body[..body.len().min(*count)]),
        Answer::Stall(count) => {
            connection.write_all(&body[..body.len().min(*count)])?;
            wait(connection)
        }
        _ => connection.write_all(body),
    }
}

/// Until the client goes away.
fn wait(connection: &mut TcpStream) -> std::io::Result<()> {
    connection.read_to_end(&mut Vec::new()).map(|_| ())
}
