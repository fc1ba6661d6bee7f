//! A real S3 server on this machine, with a connection to it that can be slow, broken or dead.

#![allow(dead_code, reason = "each test binary uses some of it")]

use fleet_repository::backend::{S3Address, Transport};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tempfile::TempDir;

pub const ACCESS: &str = "access-of-a-test";
pub const SECRET: &str = "secret-of-a-test";

/// `rclone serve s3` over a folder; ended with this.
pub struct S3 {
    server: Child,
    pub port: u16,
    folder: TempDir,
}

impl S3 {
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts a server for tests that change the folder directly; changes are visible to the next request. At 0, rclone
    /// would empty its cache without a pause, and requests could wait for it for minutes.
    pub fn start_seeing_changes() -> Self {
        Self::start_with(&["--dir-cache-time", "1ms"])
    }

    fn start_with(more: &[&str]) -> Self {
        let tool = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/tool.sh");
        let output = Command::new(tool).arg("rclone").output().expect("the script runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let rclone = PathBuf::from(String::from_utf8(output.stdout).expect("a path").trim());
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("backups")).expect("a bucket");
        let mut server = Command::new(rclone)
            .args(["serve", "s3", "--addr", "127.0.0.1:0", "--auth-key", &format!("{ACCESS},{SECRET}")])
            .args(more)
            .arg(folder.path())
            .env("RCLONE_CONFIG", "/dev/null")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("rclone runs");
        let mut said = BufReader::new(server.stderr.take().expect("a pipe")).lines().map_while(Result::ok);
        // It listens once it prints its port.
        let port = said.by_ref().find_map(|line| {
            let (_, address) = line.split_once("Starting s3 server on [http://127.0.0.1:")?;
            address.split(['/', ']']).next()?.parse().ok()
        });
        std::thread::spawn(move || said.for_each(drop));
        Self { server, port: port.expect("rclone listens"), folder }
    }

    /// Returns the folder with the bucket's files.
    pub fn bucket(&self) -> PathBuf {
        self.folder.path().join("backups")
    }
}

impl Drop for S3 {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

pub fn address(port: u16) -> S3Address {
    S3Address {
        endpoint: format!("http://127.0.0.1:{port}"),
        region: "us-east-1".to_owned(),
        bucket: "backups".to_owned(),
        prefix: "fleet/lab-1".to_owned(),
        access_key: ACCESS.to_owned(),
        secret_key: SECRET.to_owned(),
        transport: Transport::PlainHttp,
    }
}

/// Behaviour of the connection to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(dead_code, reason = "each test binary uses some of them")]
pub enum Line {
    Whole,
    /// Closes it before anything went through.
    Refuses,
    /// Answers every request with an error of its own.
    Fails,
    /// Answers a request with invalid data.
    Babbles,
    /// Answers one request as it should be, and closes the connection when the next one comes on it.
    ClosesAtTheSecond,
    /// Accepts data, and never answers.
    Silent,
    /// Closes the connection after this number of bytes of a request.
    BreaksAfter(u64),
}

/// Makes a proxy that treats each connection as `line` returns for its number, counted from zero. It lives as long as
/// the test's process.
pub fn proxy(to: u16, line: impl Fn(u64) -> Line + Send + Sync + 'static) -> (u16, Arc<AtomicU64>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let count = Arc::new(AtomicU64::new(0));
    let counted = count.clone();
    std::thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let line = line(counted.fetch_add(1, Ordering::SeqCst));
            std::thread::spawn(move || {
                // Either side may end whenever it likes.
                let _ = carry(client, to, line);
            });
        }
    });
    (port, count)
}

fn carry(mut client: TcpStream, to: u16, line: Line) -> io::Result<()> {
    let limit = match line {
        Line::Refuses => return Ok(()),
        Line::Silent => return io::copy(&mut client, &mut io::sink()).map(drop),
        Line::Fails => return answer(client, FAILS),
        Line::Babbles => return answer(client, "this is no answer\r\n\r\n"),
        Line::ClosesAtTheSecond => return answer_one(client, to),
        Line::Whole => u64::MAX,
        Line::BreaksAfter(bytes) => bytes,
    };
    let mut server = TcpStream::connect(("127.0.0.1", to))?;
    let (mut from_server, mut to_client) = (server.try_clone()?, client.try_clone()?);
    std::thread::spawn(move || {
        let _ = io::copy(&mut from_server, &mut to_client);
        let _ = to_client.shutdown(Shutdown::Write);
    });
    let (mut buffer, mut through) = ([0; 16 * 1024], 0);
    while through < limit {
        match client.read(&mut buffer)? {
            0 => break,
            count => {
                server.write_all(&buffer[..count])?;
                through += count as u64;
            }
        }
    }
    if through >= limit {
        client.shutdown(Shutdown::Both)?;
    }
    server.shutdown(if through >= limit { Shutdown::Both } else { Shutdown::Write })
}

const FAILS: &str = "HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

fn head_of(from: &mut TcpStream) -> io::Result<Vec<u8>> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") && from.read(&mut byte)? == 1 {
        head.push(byte[0]);
    }
    Ok(head)
}

/// Reads a request's head, and sends an answer of its own.
fn answer(mut client: TcpStream, said: &str) -> io::Result<()> {
    head_of(&mut client)?;
    client.write_all(said.as_bytes())?;
    client.shutdown(Shutdown::Write)?;
    io::copy(&mut client, &mut io::sink()).map(drop)
}

/// Carries a request that has no body, or sees another one off.
fn answer_one(mut client: TcpStream, to: u16) -> io::Result<()> {
    let head = head_of(&mut client)?;
    if head.starts_with(b"PUT") {
        return Ok(());
    }
    let mut server = TcpStream::connect(("127.0.0.1", to))?;
    server.write_all(&head)?;
    let (mut back, mut to_client) = (server.try_clone()?, client.try_clone()?);
    let answering = std::thread::spawn(move || io::copy(&mut back, &mut to_client).map(drop));
    client.read_exact(&mut [0])?;
    client.shutdown(Shutdown::Both)?;
    server.shutdown(Shutdown::Both)?;
    // It ends with its connections.
    answering.join().map_err(|_| io::Error::other("it panicked"))?
}
