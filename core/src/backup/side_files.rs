//! Files in a database's folder that are not in its dump: settings, access rules, accounts, keys and certificates.
//!
//! **Invariant:** no path leads out of the database's folder, and none names a file that the server makes from a dump.

mod archive;
mod location;
mod logs;
mod rules;

pub use archive::{UnpackError, is_fit, pack, unpack};
pub use location::{DataPlace, data_place, mentioned, mentioned_logs, relative};
pub use logs::{is_log, is_named_log};
pub use rules::{PutTime, can_descend, is_of_server, is_side_file, put_time};

use super::{BackupDamage, DataNote, DatabaseEngine, EngineKind, Manifest, SideFileGap, Store, Tool, UncoveredData};
use crate::names::StoreName;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The largest file that is kept.
pub const FILE_LIMIT: u64 = 1024 * 1024;
/// The most bytes that are kept of one store.
pub const TOTAL_LIMIT: u64 = 8 * 1024 * 1024;
/// The most files that are kept of one store.
pub const COUNT_LIMIT_OF_FILES: usize = 200;
/// Maximum number of names in one line.
const SHOWN: usize = 8;

/// Files of one store that a backup keeps beside its dump.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SideFiles {
    /// The server's data folder in its container.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub folder: String,
    /// The files.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<SideFile>,
    /// The folders that hold them; those of earlier backups are not known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub folders: Vec<SideFolder>,
    /// SHA-256 of the archive that has them, in hexadecimal; empty where there are none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub sha256: String,
    /// Files that could not be kept; those of earlier versions as their texts.
    #[serde(flatten, with = "crate::order_failure::uncovered_data::left_out")]
    pub left_out: Vec<SideFileGap>,
}

/// One such file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SideFile {
    /// Below the server's data folder, with `/` between names.
    pub path: String,
    /// File or link.
    pub content: SideContent,
    /// Permission bits, without setuid and the like.
    pub mode: u32,
    /// Owner of the file.
    pub uid: u32,
    /// Group of the file.
    pub gid: u32,
}

/// A folder of such files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SideFolder {
    /// Below the server's data folder; empty for the data folder itself.
    pub path: String,
    /// Permission bits, without setuid and the like.
    pub mode: u32,
    /// Owner of the folder.
    pub uid: u32,
    /// Group of the folder.
    pub gid: u32,
}

/// Kind of a side file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SideContent {
    /// A file.
    File {
        /// Size in bytes.
        bytes: u64,
        /// SHA-256 of the content, in hex.
        sha256: String,
    },
    /// A symbolic link.
    Link {
        /// Target of the link.
        to: String,
    },
}

/// The path of a store's archive of such files in the snapshot of its dump.
pub fn side_path(store: &StoreName) -> String {
    format!("beside/{store}.tar")
}

/// Returns whether servers of an engine may have such files. A backup that does not mention them is from an older
/// version.
pub fn has_side_files(engine: EngineKind) -> bool {
    put_time(engine).is_some()
}

/// The tool that prints where the server has its folder and its files: a word, a tab and a path in each line.
pub fn side_files_tool(store: &Store) -> Option<Tool> {
    super::tool::side_files_tool(store)
}

/// Reply of the server about its own files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SaidFiles {
    /// Folder below which paths that are not absolute lie.
    pub folder: Option<String>,
    /// Absolute, or below the folder.
    pub files: BTreeSet<String>,
    /// Its logs, in the same form; `%` with a letter matches any text, as in PostgreSQL's names of logs.
    pub logs: BTreeSet<String>,
}

/// Parses the output of [`side_files_tool`]. Lines of other forms are ignored.
pub fn said_files(printed: &str) -> SaidFiles {
    let mut said = SaidFiles::default();
    for line in printed.lines().take(1000) {
        let Some((kind, path)) = line.trim_end_matches('\r').split_once('\t') else { continue };
        let path = path.trim();
        match kind {
            "folder" if path.starts_with('/') => said.folder = Some(path.to_owned()),
            "file" if !path.is_empty() => drop(said.files.insert(path.to_owned())),
            "log" if !path.is_empty() => drop(said.logs.insert(path.to_owned())),
            _ => {}
        }
    }
    said
}

impl SideFile {
    /// Returns the reason why it must not be put into a server's folder: its backup may come from an untrusted host.
    pub fn fault(&self, engine: EngineKind) -> Option<BackupDamage> {
        let is_plain = |name: &str| !name.is_empty() && name != "." && name != ".." && !name.contains('\0');
        let size = match &self.content {
            SideContent::File { bytes, .. } => *bytes,
            SideContent::Link { to } => to.len() as u64,
        };
        let path = || self.path.clone();
        match () {
            () if !self.path.split('/').all(is_plain) => Some(BackupDamage::SideFileOutside { path: path() }),
            () if is_of_server(engine, &self.path) => Some(BackupDamage::SideFileOfServer { path: path() }),
            () if size > FILE_LIMIT => Some(BackupDamage::SideFileTooLarge { path: path() }),
            () => None,
        }
    }
}

impl SideFiles {
    /// The first few names, without control characters and cut if they are long.
    pub fn first_names(&self) -> Vec<String> {
        first_names(self.files.iter().map(|file| file.path.as_str()))
    }
}

/// The first few names, without control characters and cut if they are long.
pub fn first_names<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    names.into_iter().take(SHOWN).map(shown).collect()
}

fn shown(name: &str) -> String {
    name.chars().map(|c| if c.is_control() { '?' } else { c }).take(120).collect()
}

/// Returns the note about one part's files beside its dump.
pub fn side_file_note(manifest: &Manifest, part: &super::Part) -> Option<DataNote> {
    match manifest.side_files.get(&part.store) {
        Some(kept) if kept.files.is_empty() => None,
        Some(kept) => Some(DataNote::SideFiles { count: kept.files.len(), names: kept.first_names() }),
        None => has_side_files(part.engine).then_some(DataNote::SideFilesNotKept),
    }
}

/// The stores whose files beside the dump an old backup does not have, and a new instance would need.
pub fn without_side_files<'a>(manifest: &'a Manifest, only: &BTreeSet<StoreName>) -> Vec<&'a StoreName> {
    let parts = manifest.parts.iter().filter(|part| only.is_empty() || only.contains(&part.store));
    let lacks = |part: &&super::Part| has_side_files(part.engine) && !manifest.side_files.contains_key(&part.store);
    parts.filter(lacks).map(|part| &part.store).collect()
}

/// Returns the files that are left out of a backup, as its manifest names them.
pub fn uncovered_side_files(store: &StoreName, kept: &SideFiles) -> Vec<UncoveredData> {
    let of_store = |gap: &SideFileGap| UncoveredData::SideFile { store: store.clone(), gap: gap.clone() };
    kept.left_out.iter().map(of_store).collect()
}

/// The server's data folder in the container: where it was found, if that has to do with where its store declares it.
pub fn data_folder(engine: &DatabaseEngine, found: Option<&str>) -> Option<String> {
    let declared = engine.server()?.data.as_str();
    let is_near = |found: &&str| relative(found, declared).is_some() || relative(declared, found).is_some();
    Some(found.filter(|found| !found.is_empty()).filter(is_near).unwrap_or(declared).to_owned())
}

#[cfg(test)]
mod tests;
