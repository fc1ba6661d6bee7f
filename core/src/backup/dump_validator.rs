//! Judges a dump while it streams by: how it begins, how it ends, how large it is, and how much is in it.
//!
//! **Invariant:** a truncated dump never passes, whatever its tool reports, if its format has a recognisable end.

mod copied;
mod inserted;
mod mongodb;
mod postgresql;
mod rdb;
mod zstd;

use super::tool::ToolEnd;
use super::{DataNote, DatabaseEngine, EngineKind, Store};
use crate::dump_error::DumpError;
use copied::Copied;
use inserted::Inserted;
use mongodb::Archive;
use postgresql::Script;
use rdb::Rdb;
use std::collections::{BTreeMap, VecDeque};
use zstd::Frames;

/// Bytes that are kept of a dump's beginning and of its end.
const EDGE: usize = 512;

/// The form that an engine's dumps have.
#[derive(Debug, Clone)]
enum Form {
    Postgresql(Script, Copied),
    Sql(Inserted),
    Mongodb(Archive),
    Redis(Rdb),
    Neo4j(Frames),
    Own { magic: Vec<u8>, trailer: Vec<u8> },
}

/// A dump as far as it has come.
#[derive(Debug, Clone)]
pub struct DumpValidator {
    engine: EngineKind,
    form: Form,
    head: Vec<u8>,
    tail: VecDeque<u8>,
    bytes: u64,
}

impl DumpValidator {
    /// Makes a validator for a store with a dump; none for a store that is kept as files.
    pub fn of(store: &Store) -> Option<Self> {
        let form = match &store.engine {
            DatabaseEngine::Postgresql(_) => Form::Postgresql(Script::default(), Copied::default()),
            DatabaseEngine::Mariadb(_) | DatabaseEngine::Mysql(_) => Form::Sql(Inserted::default()),
            DatabaseEngine::Mongodb(_) => Form::Mongodb(Archive::default()),
            DatabaseEngine::Redis(_) => Form::Redis(Rdb::default()),
            DatabaseEngine::Neo4j(_) => Form::Neo4j(Frames::default()),
            DatabaseEngine::Command(commands) => {
                let bytes = |text: &Option<String>| text.clone().unwrap_or_default().into_bytes();
                Form::Own { magic: bytes(&commands.magic), trailer: bytes(&commands.trailer) }
            }
            DatabaseEngine::Volume(_) | DatabaseEngine::S3(_) => return None,
        };
        Some(Self { engine: store.engine.kind(), form, head: Vec::new(), tail: VecDeque::new(), bytes: 0 })
    }

    /// Takes note of the next bytes.
    pub fn observe(&mut self, bytes: &[u8]) {
        self.bytes = self.bytes.saturating_add(bytes.len() as u64);
        let room = EDGE.saturating_sub(self.head.len());
        self.head.extend_from_slice(&bytes[..bytes.len().min(room)]);
        let last = &bytes[bytes.len().saturating_sub(EDGE)..];
        let surplus = (self.tail.len() + last.len()).saturating_sub(EDGE);
        self.tail.drain(..surplus.min(self.tail.len()));
        self.tail.extend(last);
        match &mut self.form {
            Form::Mongodb(archive) => archive.observe(bytes),
            Form::Redis(rdb) => rdb.observe(bytes),
            Form::Neo4j(frames) => frames.observe(bytes),
            Form::Postgresql(script, copied) => {
                script.observe(bytes);
                copied.observe(bytes);
            }
            Form::Sql(inserted) => inserted.observe(bytes),
            Form::Own { .. } => {}
        }
    }

    /// Returns the number of bytes seen.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Returns the number of items by the names of the store's counter; none if the format does not show it.
    pub fn counts(&self) -> Option<BTreeMap<String, u64>> {
        match &self.form {
            Form::Postgresql(_, copied) => Some(copied.rows().clone()),
            Form::Sql(inserted) => Some(inserted.rows()),
            Form::Mongodb(archive) => Some(archive.documents()),
            Form::Redis(_) | Form::Neo4j(_) | Form::Own { .. } => None,
        }
    }

    /// Decides whether the dump counts. Returns remarks, or the reason for rejection. `previous` are the
    /// bytes of the last one.
    pub fn verdict(&self, end: &ToolEnd, previous: Option<u64>) -> Result<Vec<DataNote>, DumpError> {
        if end.code != 0 {
            return Err(DumpError::ToolFailed { code: end.code, output: end.words.trim().to_owned() });
        }
        if self.bytes == 0 {
            return Err(DumpError::Empty);
        }
        if let Some(answer) = engine_error(&self.head) {
            return Err(DumpError::NotStarted { answer });
        }
        self.form()?;
        Ok(DataNote::smaller(self.bytes, previous).into_iter().collect())
    }

    fn form(&self) -> Result<(), DumpError> {
        let tail: Vec<u8> = self.tail.iter().copied().collect();
        let engine = self.engine;
        let begins = |is_well| if is_well { Ok(()) } else { Err(DumpError::WrongBeginning { engine }) };
        let ends = |is_well| if is_well { Ok(()) } else { Err(DumpError::BreaksOff { engine }) };
        match &self.form {
            Form::Postgresql(script, _) => script.verdict(&self.head, &tail),
            Form::Sql(_) => {
                begins(begins_as_sql(&self.head))?;
                ends(ends_as_sql(&tail))
            }
            Form::Mongodb(archive) => archive.verdict(),
            Form::Redis(rdb) => rdb.verdict(&self.head, &tail),
            Form::Neo4j(frames) => frames.verdict(&self.head),
            Form::Own { magic, trailer } => {
                begins(self.head.starts_with(magic))?;
                ends(tail.ends_with(trailer))
            }
        }
    }
}

/// Returns the Engine's error if a command could not be started: it is printed on the command's own stream.
fn engine_error(head: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(head);
    let is_error =
        ["OCI runtime exec failed", "OCI runtime error", "exec failed:"].iter().any(|it| text.starts_with(it));
    is_error.then(|| text.lines().next().unwrap_or_default().to_owned())
}

fn begins_as_sql(head: &[u8]) -> bool {
    [&b"-- MySQL dump"[..], b"-- MariaDB dump", b"/*M!999999"].iter().any(|magic| head.starts_with(magic))
}

fn ends_as_sql(tail: &[u8]) -> bool {
    let Some(rest) = tail.strip_suffix(b"\n") else { return false };
    let line = rest.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    line.starts_with(b"-- Dump completed")
}

#[cfg(test)]
mod tests;
