//! Putting a folder of a snapshot back on disk.
//!
//! **Invariant:** a restore writes only inside the requested folder, and removes only entries that it replaces. Memory
//! use is bounded: two files at a time, a few megabytes of each.

mod put;

pub(crate) use put::CAPABILITY;

use crate::backend::FileId;
use crate::error::{Error, Result};
use crate::reader::{Blobs, MAX_DEPTH, own, subtree};
use crate::repository::Repository;
use fleet_core::backup::{Privileges, RestoreNote};
use fleet_core::names::SnapshotId;
use put::{MadeFile, Put};
use rustic_core::repofile::{Node, NodeType};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

const AHEAD: usize = 64;

/// Treatment of entries that exist already at the destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Existing {
    /// Existing entries stay, and the restore fails. Existing folders are reused.
    #[default]
    Refuse,
    /// A file or a link is replaced. What the snapshot does not name stays.
    Replace,
}

/// Owner of the restored files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Owners {
    /// The owner and group that the snapshot recorded.
    #[default]
    AsBefore,
    /// The restoring user, for processes without root.
    Mine,
}

/// Treatment of a file that cannot be read back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnDamage {
    /// The restore fails.
    #[default]
    Stop,
    /// Leave it out, name it, and rescue the rest.
    GoOn,
}

/// Options of a restore.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RestoreOptions {
    /// Treatment of entries that exist already.
    pub existing: Existing,
    /// Owner of the restored files.
    pub owners: Owners,
    /// Treatment of damaged files.
    pub on_damage: OnDamage,
    /// Folders keep their setgid bit, which only determines the owner of new files.
    pub privileges: Privileges,
}

impl Default for RestoreOptions {
    fn default() -> Self {
        let (existing, owners, on_damage) = (Existing::default(), Owners::default(), OnDamage::default());
        Self { existing, owners, on_damage, privileges: Privileges::Kept }
    }
}

/// Result of a restore.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restored {
    /// Names of files: one that has several counts for each, here as when it was archived.
    pub files: u64,
    /// Number of folders that were made or reused.
    pub folders: u64,
    /// Symbolic links, and entries that are neither file nor folder.
    pub others: u64,
    /// Bytes of all names: together with `files` and `others`, comparable to [`crate::TreeSize`] of the same folder.
    pub bytes: u64,
    /// Files that could not be read back, with the reason. Empty unless the restore was allowed to continue.
    pub damaged: Vec<String>,
    /// Labels of the host's own security that could not be set here, each with the number of files that had it.
    #[serde(default)]
    pub refused: BTreeMap<String, u64>,
    /// Entries that are never made: device nodes of older backups. They are in no other number.
    #[serde(default)]
    pub left_out: u64,
    /// Entries that were left out or have lost privileges: the first hundred.
    #[serde(default)]
    pub remarks: Vec<RestoreNote>,
    /// Number of such entries, including those that are not listed.
    #[serde(default)]
    pub remarked: u64,
}

/// Maximum number of remarks that are listed.
const MAX_REMARKS: u64 = 100;

impl Repository {
    /// Restores a folder of a snapshot (all of it, if the path is empty) into `to`.
    pub fn restore_tree(
        &self,
        snapshot: &SnapshotId,
        path: &str,
        to: &Path,
        options: &RestoreOptions,
    ) -> Result<Restored> {
        let root = own(&self.snapshot(&snapshot.into())?.tree)?;
        let blobs = Blobs::new(self, Arc::new(self.load_index()?));
        let (tree, node) = if path.split('/').all(str::is_empty) {
            (root, None)
        } else {
            let node = blobs.find(&root, path.as_ref())?;
            let tree = subtree(&node)?.ok_or_else(|| Error::refused(format!("`{path}` is not a folder")))?;
            (tree, Some(node))
        };
        let restored = Mutex::new(Restored::default());
        let put = Put { blobs: &blobs, options, restored: &restored };
        let (jobs, taken) = sync_channel(AHEAD);
        let taken = Mutex::new(taken);
        let failed = Mutex::new(None);
        let walked = std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| fill_files(&put, &taken, &failed));
            }
            let mut walk = Walk {
                put: &put,
                jobs,
                failed: &failed,
                folders: Vec::new(),
                links: Vec::new(),
                first: HashMap::new(),
            };
            walk.begin(to, node).and_then(|()| walk.folder(&tree, to, 0)).map(|()| (walk.folders, walk.links))
        });
        if let Some(error) = failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
            return Err(error);
        }
        let (folders, links) = walked?;
        for (first, path, bytes) in links {
            put.hard_link(&first, &path, bytes)?;
        }
        // From the innermost folder outwards: creating an entry changes the time of its folder.
        for (path, node) in folders.iter().rev() {
            put.describe(path, node)?;
        }
        Ok(restored.into_inner().unwrap_or_else(PoisonError::into_inner))
    }
}

type Job = (PathBuf, Node);

fn fill_files(put: &Put<'_>, jobs: &Mutex<Receiver<Job>>, failed: &Mutex<Option<Error>>) {
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok((path, node)) = job else { return };
        if failed.lock().unwrap_or_else(PoisonError::into_inner).is_some() {
            // The channel is drained so that the walking thread does not block.
            continue;
        }
        if let Err(error) = put.file(&path, &node) {
            failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        }
    }
}

/// Walks the snapshot, makes folders and links, and passes files on.
struct Walk<'a> {
    put: &'a Put<'a>,
    jobs: SyncSender<Job>,
    failed: &'a Mutex<Option<Error>>,
    folders: Vec<(PathBuf, Node)>,
    /// The name that is made first, the other one, and how much is in it.
    links: Vec<(PathBuf, PathBuf, u64)>,
    /// The first name of a file that has several.
    first: HashMap<(u64, u64), PathBuf>,
}

impl Walk<'_> {
    fn begin(&mut self, to: &Path, node: Option<Node>) -> Result<()> {
        fs::create_dir_all(to).map_err(Error::disk("make the folder", to))?;
        if let Some(node) = node {
            self.folders.push((to.to_owned(), node));
        }
        Ok(())
    }

    fn folder(&mut self, tree: &FileId, to: &Path, depth: usize) -> Result<()> {
        if depth > MAX_DEPTH {
            return Err(Error::refused(format!("`{}` is too deep", to.display())));
        }
        for node in self.put.blobs.tree(tree)?.nodes {
            if self.failed.lock().unwrap_or_else(PoisonError::into_inner).is_some() {
                return Ok(());
            }
            let path = beside(to, &node)?;
            match node.node_type {
                NodeType::Dir => {
                    self.put.folder(&path)?;
                    let below = subtree(&node)?;
                    self.folders.push((path.clone(), node));
                    if let Some(below) = below {
                        self.folder(&below, &path, depth + 1)?;
                    }
                }
                NodeType::File => self.file(path, node),
                _ => self.put.other(&path, &node)?,
            }
        }
        Ok(())
    }

    fn file(&mut self, path: PathBuf, node: Node) {
        if node.meta.links > 1 && node.meta.inode != 0 {
            let first = self.first.entry((node.meta.device_id, node.meta.inode)).or_insert_with(|| path.clone());
            if *first != path {
                self.links.push((first.clone(), path, node.meta.size));
                return;
            }
        }
        // The other side ends only after this one.
        let _ = self.jobs.send((path, node));
    }
}

/// Returns the destination of an entry. Its name must be a plain file name that stays in the folder.
fn beside(folder: &Path, node: &Node) -> Result<PathBuf> {
    let name = node.name();
    let mut parts = Path::new(&*name).components();
    let is_name = matches!((parts.next(), parts.next()), (Some(Component::Normal(part)), None) if part == &*name);
    if is_name && !name.as_encoded_bytes().contains(&0) {
        Ok(folder.join(&*name))
    } else {
        Err(Error::refused(format!("an entry is called `{}`, which is no name", name.to_string_lossy())))
    }
}

impl Put<'_> {
    fn remark(&self, note: RestoreNote) {
        let mut restored = self.restored.lock().unwrap_or_else(PoisonError::into_inner);
        restored.remarked += 1;
        if restored.remarked <= MAX_REMARKS {
            restored.remarks.push(note);
        }
    }

    fn count(&self, made: MadeFile) {
        let mut restored = self.restored.lock().unwrap_or_else(PoisonError::into_inner);
        match made {
            MadeFile::File(bytes) => {
                restored.files += 1;
                restored.bytes += bytes;
            }
            MadeFile::Folder => restored.folders += 1,
            MadeFile::Other => restored.others += 1,
            MadeFile::Never => restored.left_out += 1,
            MadeFile::Nothing(why) => restored.damaged.push(why),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustic_core::repofile::Metadata;
    use std::ffi::OsStr;

    #[test]
    fn a_name_that_leads_elsewhere_is_refused() {
        let node = |name: &str| Node::new_node(OsStr::new(name), NodeType::File, Metadata::default());
        for wrong in ["..", ".", "", "/etc", "a/b", "a/", "../x", "/", "a\0b"] {
            assert!(beside(Path::new("/to"), &node(wrong)).is_err(), "{wrong:?}");
        }
        for right in ["a", "...", "-", "a b", "ä"] {
            assert_eq!(beside(Path::new("/to"), &node(right)).expect("a name"), Path::new("/to").join(right));
        }
    }
}
