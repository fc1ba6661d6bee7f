//! Shared parts of the repository tests: stock restic, a repository in a folder, and generated content.

#![allow(dead_code, reason = "each test binary uses some of it")]

use fleet_core::names::{BackupId, SnapshotId};
use fleet_core::time::Time;
use fleet_repository::backend::FolderBackend;
use fleet_repository::{Backend, FileKind, Gate, Part, Repository, Secrets, Stream};
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use tempfile::TempDir;

/// A repository in a folder that goes when it does.
pub struct Home {
    pub folder: TempDir,
    pub secrets: Secrets,
}

impl Home {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let secrets = Secrets::generate().expect("secrets");
        let home = Self { folder, secrets };
        Repository::create(&home.place(), &home.secrets).expect("created");
        home
    }

    pub fn path(&self) -> PathBuf {
        self.folder.path().join("repository")
    }

    pub fn place(&self) -> Arc<dyn Backend> {
        Arc::new(FolderBackend::new(self.path()))
    }

    pub fn open(&self) -> Repository {
        Repository::open(self.place(), &self.secrets).expect("opened")
    }

    /// Runs stock restic and returns its output. tests/run.sh installs it.
    pub fn restic(&self, args: &[&str]) -> Output {
        restic(&self.path().display().to_string(), &self.secrets, args)
    }

    /// Runs stock restic, asserts that it succeeds, and returns its output.
    #[track_caller]
    pub fn restic_is_content(&self, args: &[&str]) -> String {
        let output = self.restic(args);
        let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "restic {args:?}: {text}");
        text
    }

    /// Every file of a kind.
    pub fn files(&self, kind: FileKind) -> Vec<PathBuf> {
        let place = self.place();
        let mut files: Vec<_> = place.list(kind).expect("listed").into_iter().map(|(id, _)| id).collect();
        files.sort();
        files.into_iter().map(|id| self.path().join(id.path(kind))).collect()
    }

    pub fn size(&self) -> u64 {
        self.open().stats().expect("stats").bytes
    }
}

pub fn restic(repository: &str, secrets: &Secrets, args: &[&str]) -> Output {
    let mut command = Command::new("restic");
    command.args(["--no-cache", "--repo", repository]).args(args).env("RESTIC_PASSWORD", &secrets.password);
    command.output().expect("restic is installed: tests/run.sh does that")
}

pub fn part(backup: &str) -> Part {
    part_at(backup, 1_790_000_000_000)
}

pub fn part_at(backup: &str, millis: u64) -> Part {
    Part { backup: id(backup), host: "lab-1".parse().expect("a name"), time: Time(millis) }
}

/// The id of a backup from its last hex digits.
pub fn id(backup: &str) -> BackupId {
    format!("{backup:0>24}").parse().expect("an id")
}

/// The last hex digits of an id.
pub fn short(id: &BackupId) -> String {
    id.as_str().trim_start_matches('0').to_owned()
}

pub fn gate() -> Arc<Gate> {
    Arc::new(Gate::default())
}

pub fn stream(name: &str, content: Vec<u8>) -> Stream {
    let expected = Some(content.len() as u64);
    stream_of(name, expected, Cursor::new(content))
}

pub fn stream_of(name: &str, expected: Option<u64>, reader: impl Read + Send + 'static) -> Stream {
    Stream { name: name.to_owned(), expected, reader: Box::new(reader) }
}

/// Bytes that do not pack, the same ones for the same seed.
pub fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.wrapping_mul(0x2545_F491_4F6C_DD1D).to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// Gives a few bytes at a time, as a container's output does.
pub struct Drips<R>(pub R, pub usize);

impl<R: Read> Read for Drips<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let most = buffer.len().min(self.1);
        self.0.read(&mut buffer[..most])
    }
}

/// Reader that fails at its end.
pub struct Fails<R>(pub R);

impl<R: Read> Read for Fails<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self.0.read(buffer)? {
            0 => Err(std::io::Error::other("the dump tool exited 1")),
            count => Ok(count),
        }
    }
}

pub fn read_all(repository: &Repository, snapshot: &SnapshotId, path: &str) -> Vec<u8> {
    let mut content = Vec::new();
    repository.read_stream(snapshot, path).expect("opened").read_to_end(&mut content).expect("read");
    content
}

/// Runs `diff -r` and asserts that it prints nothing.
#[track_caller]
pub fn are_equal(one: &Path, other: &Path) {
    let output = Command::new("diff").args(["-r", "--no-dereference"]).args([one, other]).output().expect("diff runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}
