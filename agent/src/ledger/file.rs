//! Writes one JSON file so that a crash leaves the old content or the new, never a part of either.

use super::LedgerError;
use fleet_core::names::NameError;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The newest format version; all earlier ones are read. Version 2 has typed hints and failures in place of the texts of
/// version 1. Later versions are those of orders with one of [`LATER_FIELDS`] alone: earlier agents would pass it by.
pub(super) const FORMAT: u64 = 4;
/// Format version of everything else.
const USUAL_FORMAT: u64 = 2;
/// Fields of orders that came with later versions: releases on the way, the release that a restore replaces, and numbers that an upgrade
/// keeps (version 3); actions of an upgrade (version 4). They have steps of their own. The newest is the first.
const LATER_FIELDS: [(&str, u64); 4] = [
    ("/state/open/journal/upgrade/plan/actions", 4),
    ("/order/action/upgrade/through", 3),
    ("/order/action/data/restore/replaces", 3),
    ("/state/open/journal/upgrade/plan/compare", 3),
];
/// Places of releases as they are rendered for the instance.
const RENDERED: [&str; 5] =
    ["/settled", "/state/open/from", "/state/open/to", "/state/open/through", "/state/ended/becomes/entry/settled"];
/// Suffix of a file while it is written; leftovers of a crash are ignored.
const TEMPORARY: &str = "tmp";

/// Disk of the ledger: the calls that wait for it.
pub trait LedgerFiles: Send + Sync + std::fmt::Debug {
    /// Replaces the content of a file, on disk when this returns.
    fn replace(&self, path: &Path, content: &[u8]) -> io::Result<()>;

    /// Removes a file, on disk when this returns. A file that is not there is no error.
    fn remove(&self, path: &Path) -> io::Result<()>;
}

/// Files of this machine.
#[derive(Debug)]
pub struct DiskFiles;

impl LedgerFiles for DiskFiles {
    /// Writes a temporary file, flushes it, renames it, and flushes the folder.
    fn replace(&self, path: &Path, content: &[u8]) -> io::Result<()> {
        let temporary = path.with_extension(TEMPORARY);
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
        file.write_all(content)?;
        file.sync_all()?;
        std::fs::rename(&temporary, path)?;
        sync_folder_of(path)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            other => other?,
        }
        sync_folder_of(path)
    }
}

pub fn make_folder(path: &Path) -> Result<(), LedgerError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|source| LedgerError::Write { path: path.to_owned(), source })
}

/// Replaces the entry in a file.
pub fn write(files: &dyn LedgerFiles, path: &Path, entry: &impl Serialize) -> Result<(), LedgerError> {
    let failed = |source| LedgerError::Write { path: path.to_owned(), source };
    let value = serde_json::to_value(entry).map_err(|error| failed(io::Error::other(error)))?;
    let text = serde_json::json!({ "format": format_of(&value), "entry": value }).to_string();
    files.replace(path, text.as_bytes()).map_err(failed)
}

fn format_of(entry: &serde_json::Value) -> u64 {
    if RENDERED.iter().filter_map(|place| entry.pointer(place)).any(has_actions) {
        return FORMAT;
    }
    let later = LATER_FIELDS.iter().find(|(field, _)| entry.pointer(field).is_some());
    later.map_or(USUAL_FORMAT, |(_, format)| *format)
}

/// Returns whether the upgrade graph of a release, or of one of several, has actions: earlier agents refuse such a graph.
fn has_actions(of: &serde_json::Value) -> bool {
    let is_with = |edge: &serde_json::Value| edge.get("before").or(edge.get("migrate")).is_some();
    let edges = of.pointer("/rendered/upgrades/edges").and_then(serde_json::Value::as_array);
    let several = of.as_array().is_some_and(|states| states.iter().any(has_actions));
    several || edges.is_some_and(|edges| edges.iter().any(is_with))
}

/// Error of a file of the ledger. Its texts come from the operating system and the parser.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// The disk refused.
    #[error("{0}")]
    Disk(String),
    /// Content that is not JSON, or has another structure.
    #[error("{0}")]
    Invalid(String),
    /// Content without a format version.
    #[error("it does not say its format")]
    NoFormat,
    /// Content in another format than this agent's.
    #[error("it has format {found}; this fleet-agent knows {FORMAT}: upgrade fleet-agent")]
    OtherFormat {
        /// Format version of the file.
        found: u64,
    },
    /// Its name is no name of an instance.
    #[error(transparent)]
    Name(#[from] NameError),
}

impl From<serde_json::Error> for EntryError {
    fn from(error: serde_json::Error) -> Self {
        Self::Invalid(error.to_string())
    }
}

/// Reads the entry in a file.
pub fn read<T: DeserializeOwned>(path: &Path) -> Result<T, EntryError> {
    let bytes = std::fs::read(path).map_err(|error| EntryError::Disk(error.to_string()))?;
    let mut value: serde_json::Value = serde_json::from_slice(&bytes)?;
    match value.get("format").and_then(serde_json::Value::as_u64) {
        Some(1..=FORMAT) => {}
        Some(found) => return Err(EntryError::OtherFormat { found }),
        None => return Err(EntryError::NoFormat),
    }
    Ok(serde_json::from_value(value["entry"].take())?)
}

pub fn remove(files: &dyn LedgerFiles, path: &Path) -> Result<(), LedgerError> {
    files.remove(path).map_err(|source| LedgerError::Write { path: path.to_owned(), source })
}

/// The entries of a folder by their names without `.json`; temporary files are none.
pub fn list(folder: &Path) -> Result<Vec<(String, PathBuf)>, LedgerError> {
    let failed = |source| LedgerError::Read { path: folder.to_owned(), source };
    let mut found = Vec::new();
    for file in std::fs::read_dir(folder).map_err(failed)? {
        let path = file.map_err(failed)?.path();
        let is_entry = path.extension().is_some_and(|extension| extension == "json");
        let stem = path.file_stem().and_then(|stem| stem.to_str()).filter(|_| is_entry).map(str::to_owned);
        found.extend(stem.map(|stem| (stem, path)));
    }
    found.sort();
    Ok(found)
}

/// Removes the torn temporary files that a crash left in a folder.
pub fn sweep(folder: &Path) -> Result<(), LedgerError> {
    let failed = |source| LedgerError::Read { path: folder.to_owned(), source };
    for file in std::fs::read_dir(folder).map_err(failed)? {
        let path = file.map_err(failed)?.path();
        if path.extension().is_some_and(|extension| extension == TEMPORARY) {
            remove(&DiskFiles, &path)?;
        }
    }
    Ok(())
}

fn sync_folder_of(path: &Path) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_has_the_oldest_format_that_has_all_its_fields() {
        let with = |paths: &[&str]| {
            let mut entry = serde_json::json!({});
            for path in paths {
                let names = path.split('/').skip(1);
                let mut place = &mut entry;
                for name in names {
                    place = &mut place[name];
                }
                *place = serde_json::json!(["something"]);
            }
            format_of(&entry)
        };
        let graph = |field: &str| {
            let edges = serde_json::json!([{ "from": "<2" }, { "from": "<3", field: [] }]);
            serde_json::json!({ "rendered": { "upgrades": { "edges": edges } } })
        };
        assert_eq!(format_of(&serde_json::json!({ "settled": graph("compare") })), USUAL_FORMAT);
        assert_eq!(format_of(&serde_json::json!({ "settled": graph("migrate") })), FORMAT);
        let open = serde_json::json!({ "state": { "open": { "through": [graph("data"), graph("before")] } } });
        assert_eq!(format_of(&open), FORMAT);
        assert_eq!(with(&["/order/id"]), USUAL_FORMAT);
        assert_eq!(with(&["/order/action/upgrade/through"]), 3);
        assert_eq!(with(&["/order/action/upgrade/through", "/state/open/journal/upgrade/plan/actions"]), FORMAT);
    }
}
