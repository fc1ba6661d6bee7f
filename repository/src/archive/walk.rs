//! Walks folders in order and returns their entries. An entry that cannot be read closes the gate, which fails the run.

use super::file::Unopened;
use super::inside;
use super::sample::{Sample, Stamp};
use super::trees::TreeSize;
use crate::activity::ActivityCounter;
use crate::error::{Error, Result, brief};
use crate::gate::Gate;
use crate::restore::CAPABILITY;
use fleet_core::backup::ArchiveNote;
use globset::{Glob, GlobSet, GlobSetBuilder};
use rustic_core::jiff::Timestamp;
use rustic_core::repofile::{Metadata, Node, NodeType};
use rustic_core::{ReadSource, ReadSourceEntry, RusticResult};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Maximum number of names that are reported of each kind.
const MAX_NOTES: u64 = 100;

/// CAP_SETFCAP, as `capabilities(7)` numbers it.
const SET_CAPABILITIES: u32 = 31;

/// Returns whether this process may set file capabilities; also true if that cannot be found out.
fn may_set_capabilities() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let held = status.lines().find_map(|line| u64::from_str_radix(line.strip_prefix("CapEff:")?.trim(), 16).ok());
    held.is_none_or(|held| held >> SET_CAPABILITIES & 1 == 1)
}

/// Files that vanished or changed during the walk.
pub(super) struct Noted {
    pub(super) gate: Arc<Gate>,
    pub(super) sample: Mutex<Sample>,
    found: Mutex<WalkedEntry>,
    /// Each folder or bucket by its path, with its name in the request.
    trees: Vec<(PathBuf, String)>,
    sizes: Mutex<BTreeMap<String, TreeSize>>,
    pub(super) activity: ActivityCounter,
    may_set_capabilities: bool,
}

#[derive(Debug, Clone, Default)]
pub(super) struct WalkedEntry {
    pub(super) vanished: u64,
    pub(super) changed: u64,
    pub(super) skipped: u64,
    /// Files with attributes that this process could not set again.
    unset: u64,
    pub(super) notes: Vec<ArchiveNote>,
}

impl Noted {
    pub(super) fn new(gate: Arc<Gate>, sample: Sample, paths: &[&str]) -> Self {
        let trees: Vec<_> = paths.iter().filter_map(|path| Some((inside(path)?, (*path).to_owned()))).collect();
        let sizes = trees.iter().map(|(_, name)| (name.clone(), TreeSize::default())).collect();
        Self {
            gate,
            sample: Mutex::new(sample),
            found: Mutex::default(),
            trees,
            sizes: Mutex::new(sizes),
            activity: ActivityCounter::default(),
            may_set_capabilities: may_set_capabilities(),
        }
    }

    pub(super) fn with_activity(self, activity: ActivityCounter) -> Self {
        Self { activity, ..self }
    }

    pub(super) fn by_tree(&self) -> BTreeMap<String, TreeSize> {
        self.sizes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Counts an entry other than a folder for the requested folder.
    pub(super) fn count(&self, path: &Path, bytes: u64) {
        self.size_of(path, |size| (size.files, size.bytes) = (size.files + 1, size.bytes + bytes));
    }

    /// Reverts a count: the entry was found, and is left out after all.
    pub(super) fn discount(&self, path: &Path, bytes: u64) {
        self.size_of(path, |size| (size.files, size.bytes) = (size.files - 1, size.bytes - bytes));
    }

    fn size_of(&self, path: &Path, change: impl FnOnce(&mut TreeSize)) {
        let Some((_, name)) = self.trees.iter().find(|(tree, _)| path.starts_with(tree)) else { return };
        change(self.sizes.lock().unwrap_or_else(PoisonError::into_inner).entry(name.clone()).or_default());
    }

    pub(super) fn found(&self) -> WalkedEntry {
        self.found.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, note: ArchiveNote, count: fn(&mut WalkedEntry) -> &mut u64) {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        let count = count(&mut found);
        *count += 1;
        if *count <= MAX_NOTES {
            found.notes.push(note);
        }
    }

    pub(super) fn vanished(&self, path: &Path) {
        self.note(ArchiveNote::Vanished { path: brief(path) }, |found| &mut found.vanished);
    }

    pub(super) fn changed(&self, path: &Path) {
        self.note(ArchiveNote::Changed { path: brief(path) }, |found| &mut found.changed);
    }

    /// Notes that a file which was found cannot be opened.
    pub(super) fn left_out(&self, path: &Path, disk: &Path, bytes: u64, error: &io::Error) {
        self.discount(path, bytes);
        self.failed(disk, error);
    }

    /// Adds a remark about a whole bucket, which counts for no file.
    pub(super) fn remark(&self, note: ArchiveNote) {
        self.found.lock().unwrap_or_else(PoisonError::into_inner).notes.push(note);
    }

    /// Classifies an error: a missing entry has vanished, one with too long a path is left out and named, any other
    /// error fails the run.
    fn failed(&self, path: &Path, error: &io::Error) {
        match error.kind() {
            io::ErrorKind::NotFound => self.vanished(path),
            // It was created step by step from nearby folders; no absolute path is short enough.
            _ if error.raw_os_error() == Some(rustix::io::Errno::NAMETOOLONG.raw_os_error()) => {
                self.note(ArchiveNote::PathTooLong { path: brief(path) }, |found| &mut found.skipped);
            }
            _ => self.gate.shut(&brief(path), &error.to_string()),
        }
    }
}

/// The folders, as rustic_core's source.
pub(super) struct Walk {
    roots: Vec<(PathBuf, PathBuf)>,
    excludes: GlobSet,
    noted: Arc<Noted>,
}

impl Walk {
    pub(super) fn new(roots: Vec<(PathBuf, PathBuf)>, excludes: &[String], noted: Arc<Noted>) -> Result<Self> {
        let mut globs = GlobSetBuilder::new();
        let refused = |error: globset::Error| Error::refused(format!("an exclude cannot be understood: {error}"));
        for exclude in excludes {
            globs.add(Glob::new(exclude).map_err(refused)?);
        }
        Ok(Self { roots, excludes: globs.build().map_err(refused)?, noted })
    }
}

impl ReadSource for Walk {
    type Open = Unopened;
    type Iter = Steps;

    fn size(&self) -> RusticResult<Option<u64>> {
        Ok(None)
    }

    fn entries(&self) -> Steps {
        let mut ahead = self.roots.clone();
        ahead.reverse();
        let roots = ahead.len();
        Steps { ahead, roots, excludes: self.excludes.clone(), noted: self.noted.clone() }
    }
}

pub(super) struct Steps {
    /// Entries still to visit, the next one last: path in the snapshot, path on disk.
    ahead: Vec<(PathBuf, PathBuf)>,
    /// Number of entries at the beginning of `ahead` that were requested by name.
    roots: usize,
    excludes: GlobSet,
    noted: Arc<Noted>,
}

impl Iterator for Steps {
    type Item = RusticResult<ReadSourceEntry<Unopened>>;

    fn next(&mut self) -> Option<Self::Item> {
        while let Some((path, disk)) = self.ahead.pop() {
            self.noted.activity.beat();
            if self.noted.gate.reason().is_some() {
                return None;
            }
            let is_root = self.ahead.len() < self.roots;
            self.roots = self.roots.min(self.ahead.len());
            if is_root && fs::symlink_metadata(&disk).is_ok_and(|found| found.is_symlink()) {
                self.noted.gate.shut(&brief(&disk), "it is a link: name the folder that it leads to");
                continue;
            }
            match self.step(&path, &disk) {
                Ok(Some(entry)) => return Some(Ok(entry)),
                Ok(None) => {}
                // A path that was requested by name must exist.
                Err(error) if is_root => self.noted.gate.shut(&brief(&disk), &error.to_string()),
                Err(error) => self.noted.failed(&disk, &error),
            }
        }
        None
    }
}

impl Steps {
    fn step(&mut self, path: &Path, disk: &Path) -> io::Result<Option<ReadSourceEntry<Unopened>>> {
        let metadata = fs::symlink_metadata(disk)?;
        let kind = metadata.file_type();
        let node_type = if kind.is_dir() {
            self.go_into(path, disk)?;
            NodeType::Dir
        } else if kind.is_symlink() {
            NodeType::from_link(&fs::read_link(disk)?)
        } else if kind.is_socket() {
            self.noted.note(ArchiveNote::Socket { path: brief(disk) }, |found| &mut found.skipped);
            return Ok(None);
        } else if kind.is_fifo() {
            NodeType::Fifo
        } else if kind.is_block_device() || kind.is_char_device() {
            self.noted.note(ArchiveNote::Device { path: brief(disk) }, |found| &mut found.skipped);
            return Ok(None);
        } else {
            NodeType::File
        };
        let stamp = Stamp::of(&metadata);
        if !kind.is_dir() {
            self.noted.count(path, if kind.is_file() { metadata.len() } else { 0 });
        }
        if kind.is_file() {
            self.noted.sample.lock().unwrap_or_else(PoisonError::into_inner).note(disk, path, stamp);
        }
        let name = path.file_name().unwrap_or(path.as_os_str());
        let described = describe(&metadata, disk)?;
        if !self.noted.may_set_capabilities && described.extended_attributes.iter().any(|it| it.name == CAPABILITY) {
            let note = ArchiveNote::CapabilitiesNotRestorable { path: brief(disk) };
            self.noted.note(note, |found| &mut found.unset);
        }
        let node = Node::new_node(name, node_type, described);
        let open = Unopened { path: path.to_owned(), disk: disk.to_owned(), stamp, noted: self.noted.clone() };
        Ok(Some(ReadSourceEntry { path: path.to_owned(), node, open: Some(open) }))
    }

    fn go_into(&mut self, path: &Path, disk: &Path) -> io::Result<()> {
        let mut names = fs::read_dir(disk)?.map(|entry| Ok(entry?.file_name())).collect::<io::Result<Vec<_>>>()?;
        names.sort_unstable_by(|a, b| b.cmp(a));
        let excludes = &self.excludes;
        let inside = names.into_iter().map(|name| (path.join(&name), disk.join(&name)));
        self.ahead.extend(inside.filter(|(path, _)| !excludes.is_match(path)));
        Ok(())
    }
}

fn describe(metadata: &fs::Metadata, disk: &Path) -> io::Result<Metadata> {
    let time = |seconds, nanoseconds: i64| Timestamp::new(seconds, i32::try_from(nanoseconds).unwrap_or(0)).ok();
    let mtime = time(metadata.mtime(), metadata.mtime_nsec());
    let is_linked = metadata.nlink() > 1 && !metadata.is_dir();
    let mut described = Metadata {
        mode: Some(go_mode(metadata.mode())),
        mtime,
        // The time of the last reading would make every backup differ from the last.
        atime: mtime,
        ctime: time(metadata.ctime(), metadata.ctime_nsec()),
        uid: Some(metadata.uid()),
        gid: Some(metadata.gid()),
        inode: metadata.ino(),
        device_id: if is_linked { metadata.dev() } else { 0 },
        size: if metadata.is_file() { metadata.len() } else { 0 },
        links: if metadata.is_dir() { 0 } else { metadata.nlink() },
        ..Metadata::default()
    };
    let (names, values) = attributes(disk)?;
    if !names.is_empty() {
        // rustic_core does not show the type it keeps them in, but its fields.
        described.extended_attributes = serde_json::from_value(names.into()).map_err(io::Error::other)?;
        for (attribute, value) in described.extended_attributes.iter_mut().zip(values) {
            attribute.value = Some(value);
        }
    }
    Ok(described)
}

/// Names of extended attributes, as restic writes them down, and their values.
fn attributes(disk: &Path) -> io::Result<(Vec<serde_json::Value>, Vec<Vec<u8>>)> {
    let (mut names, mut values) = (Vec::new(), Vec::new());
    let listed = match xattr::list(disk) {
        Ok(listed) => listed,
        Err(error) if error.kind() == io::ErrorKind::Unsupported => return Ok((names, values)),
        Err(error) => return Err(error),
    };
    for name in listed {
        // An attribute that is gone since the listing is no loss.
        if let Some(value) = xattr::get(disk, &name)? {
            names.push(serde_json::json!({ "name": name.to_string_lossy(), "value": null }));
            values.push(value);
        }
    }
    Ok((names, values))
}

/// A mode as Go writes it: restic's format has its bits.
fn go_mode(mode: u32) -> u32 {
    let kind = match mode & 0o170_000 {
        0o040_000 => 1 << 31,
        0o120_000 => 1 << 27,
        0o060_000 => 1 << 26,
        0o020_000 => 1 << 26 | 1 << 21,
        0o010_000 => 1 << 25,
        0o140_000 => 1 << 24,
        _ => 0,
    };
    let special = [(0o4000, 1 << 23), (0o2000, 1 << 22), (0o1000, 1 << 20)];
    let special = special.into_iter().filter(|(bit, _)| mode & bit != 0).fold(0, |bits, (_, bit)| bits | bit);
    mode & 0o777 | kind | special
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustic_core::ReadSourceOpen;
    use std::io::Read;

    /// Finds a file, has it changed, and then reads it.
    fn read_after(change: impl FnOnce(&Path)) -> (Option<Vec<u8>>, Arc<Noted>) {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("file");
        fs::write(&file, "0123456789").expect("written");
        let gate = Arc::new(Gate::default());
        let noted = Arc::new(Noted::new(gate, Sample::new(0, 0), &["files"]));
        let roots = vec![(PathBuf::from("/files"), folder.path().to_owned())];
        let walk = Walk::new(roots, &[], noted.clone()).expect("a walk");
        let entry = walk.entries().map(|entry| entry.expect("an entry")).last().expect("the file");
        assert_eq!((entry.path.as_path(), entry.node.meta.size), (Path::new("/files/file"), 10));
        change(&file);
        let content = entry.open.expect("to be opened").open().ok().map(|mut file| {
            let mut content = Vec::new();
            file.read_to_end(&mut content).expect("read");
            content
        });
        (content, noted)
    }

    #[track_caller]
    fn check(change: impl FnOnce(&Path), content: Option<&[u8]>, vanished: u64, changed: u64) {
        let (read, noted) = read_after(change);
        assert_eq!(read.as_deref(), content);
        let found = noted.found();
        let seen_changes = (found.vanished, found.changed, noted.gate.reason());
        assert_eq!(seen_changes, (vanished, changed, None), "{:?}", found.notes);
        assert_eq!(found.notes.len() as u64, vanished + changed, "each is named");
        // The counts are those of the stored data.
        let kept = content.map_or(TreeSize::default(), |content| TreeSize { files: 1, bytes: content.len() as u64 });
        assert_eq!(noted.by_tree()["files"], kept);
    }

    #[test]
    fn what_happens_to_a_file_under_way_is_told_and_fails_nothing() {
        check(|_| {}, Some(b"0123456789"), 0, 0);
        check(|file| fs::remove_file(file).expect("removed"), None, 1, 0);
        check(|file| fs::write(file, "012").expect("written"), Some(b"012\0\0\0\0\0\0\0"), 0, 1);
        check(|file| fs::write(file, "0123456789 and more").expect("written"), Some(b"0123456789"), 0, 1);
    }

    #[test]
    fn a_link_that_took_a_files_place_is_not_followed() {
        let change = |file: &Path| {
            fs::remove_file(file).expect("removed");
            std::os::unix::fs::symlink("/etc/hostname", file).expect("linked");
        };
        check(change, None, 1, 0);
    }
}
