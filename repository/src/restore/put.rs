//! Making one file, folder or link of a snapshot, with all that describes it.

use super::{Existing, OnDamage, Owners, RestoreOptions, Restored};
use crate::bucket::ATTRIBUTE;
use crate::error::{Error, Result, brief};
use crate::reader::{Blobs, content};
use fleet_core::backup::{Privileges, RestoreNote};
use fleet_core::grammar::count;
use rustic_core::jiff::Timestamp;
use rustic_core::repofile::{Node, NodeType};
use rustix::fs::{AtFlags, CWD, FileType, Mode, Timespec, Timestamps};
use std::fs::{self, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// Zeros shorter than this are written as they are.
const HOLE: usize = 4096;

pub(super) struct Put<'a> {
    pub(super) blobs: &'a Blobs<'a>,
    pub(super) options: &'a RestoreOptions,
    pub(super) restored: &'a Mutex<Restored>,
}

pub(super) enum MadeFile {
    File(u64),
    Folder,
    Other,
    /// Never restored, whatever the options.
    Never,
    /// A damaged file was left out.
    Nothing(String),
}

impl Put<'_> {
    pub(super) fn file(&self, path: &Path, node: &Node) -> Result<()> {
        self.make_room(path)?;
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600).custom_flags(rustix::fs::OFlags::NOFOLLOW.bits() as i32);
        let file = options.open(path).map_err(Error::disk("make", path))?;
        match self.fill(&file, path, node) {
            Ok(bytes) => {
                self.describe(path, node)?;
                self.count(MadeFile::File(bytes));
                Ok(())
            }
            Err(error) => {
                // Half a file must not look like one.
                fs::remove_file(path).map_err(Error::disk("remove what is half of", path))?;
                let is_damage = matches!(error, Error::Unreadable { .. });
                if is_damage && self.options.on_damage == OnDamage::GoOn {
                    self.count(MadeFile::Nothing(error.line()));
                    return Ok(());
                }
                Err(error)
            }
        }
    }

    fn fill(&self, file: &File, path: &Path, node: &Node) -> Result<u64> {
        let shown = || path.display().to_string();
        let unreadable = |error: Error| error.unreadable(&shown());
        let mut at = 0_u64;
        for stretch in self.blobs.stretches(&content(node)?).map_err(unreadable)? {
            let written = self.blobs.read_stretch(&stretch, |blob| {
                let is_hole = blob.len() >= HOLE && blob.iter().all(|byte| *byte == 0);
                if !is_hole {
                    file.write_all_at(&blob, at).map_err(Error::disk("write", path))?;
                }
                at += blob.len() as u64;
                Ok(())
            });
            written.map_err(unreadable)?;
        }
        file.set_len(at).map_err(Error::disk("write", path))?;
        if at != node.meta.size {
            let reason = format!("{} came back of {}", count(at, "byte"), node.meta.size);
            return Err(Error::Unreadable { path: shown(), reason });
        }
        Ok(at)
    }

    pub(super) fn folder(&self, path: &Path) -> Result<()> {
        match fs::DirBuilder::new().mode(0o700).create(path) {
            Ok(()) => {}
            // A link to a folder would lead elsewhere.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let there = fs::symlink_metadata(path).map_err(Error::disk("look at", path))?;
                if !there.is_dir() {
                    self.make_room(path)?;
                    fs::DirBuilder::new().mode(0o700).create(path).map_err(Error::disk("make", path))?;
                }
            }
            Err(error) => return Err(Error::disk("make", path)(error)),
        }
        self.count(MadeFile::Folder);
        Ok(())
    }

    /// Makes entries that are neither file nor folder. Sockets are skipped because they are useless without their
    /// process. Device nodes are skipped because they would give access to this host's disks.
    pub(super) fn other(&self, path: &Path, node: &Node) -> Result<()> {
        let make = |kind| rustix::fs::mknodat(CWD, path, kind, Mode::from_raw_mode(0o600), 0).map_err(io::Error::from);
        let made = match &node.node_type {
            NodeType::Symlink { .. } => {
                self.make_room(path)?;
                std::os::unix::fs::symlink(node.node_type.to_link(), path)
            }
            NodeType::Fifo => {
                self.make_room(path)?;
                make(FileType::Fifo)
            }
            NodeType::Dev { .. } | NodeType::Chardev { .. } => {
                self.remark(RestoreNote::DeviceNotMade { path: brief(path) });
                self.count(MadeFile::Never);
                return Ok(());
            }
            NodeType::Socket | NodeType::File | NodeType::Dir => return Ok(()),
        };
        made.map_err(Error::disk("make", path))?;
        self.describe(path, node)?;
        self.count(MadeFile::Other);
        Ok(())
    }

    pub(super) fn hard_link(&self, first: &Path, path: &Path, bytes: u64) -> Result<()> {
        if fs::symlink_metadata(first).is_err() {
            let (path, first) = (path.display(), first.display());
            self.count(MadeFile::Nothing(format!("`{path}` is another name of `{first}`, which was left out")));
            return Ok(());
        }
        self.make_room(path)?;
        fs::hard_link(first, path).map_err(Error::disk("link", path))?;
        self.count(MadeFile::File(bytes));
        Ok(())
    }

    fn make_room(&self, path: &Path) -> Result<()> {
        match (fs::symlink_metadata(path), self.options.existing) {
            (Err(error), _) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            (Err(error), _) => Err(Error::disk("look at", path)(error)),
            (Ok(there), Existing::Replace) if !there.is_dir() => {
                fs::remove_file(path).map_err(Error::disk("replace", path))
            }
            (Ok(_), Existing::Replace | Existing::Refuse) => {
                Err(Error::refused(format!("`{}` is there already", path.display())))
            }
        }
    }

    fn attribute(&self, path: &Path, name: &str, value: &[u8]) -> Result<()> {
        let is_capability = name == CAPABILITY;
        if is_capability && self.options.privileges == Privileges::Cleared {
            self.remark(RestoreNote::CapabilitiesCleared { path: brief(path) });
            return Ok(());
        }
        match (set_attribute(path, name, value)?, is_capability) {
            (Set::Done, _) => {}
            (Set::Refused, true) => self.remark(RestoreNote::CapabilitiesNotSet { path: brief(path) }),
            (Set::Refused, false) => {
                let mut restored = self.restored.lock().unwrap_or_else(PoisonError::into_inner);
                *restored.refused.entry(name.to_owned()).or_default() += 1;
            }
        }
        Ok(())
    }

    /// Returns the mode of an entry. A folder's setgid bit is harmless: it only determines the owner of new files.
    fn permitted(&self, path: &Path, node: &Node, mode: u32) -> u32 {
        if self.options.privileges == Privileges::Kept || node.is_dir() || mode & 0o6000 == 0 {
            return mode;
        }
        self.remark(RestoreNote::SetIdCleared { path: brief(path) });
        mode & !0o6000
    }

    /// Owner, mode, attributes and times: in this order, since each undoes a later one.
    pub(super) fn describe(&self, path: &Path, node: &Node) -> Result<()> {
        let meta = &node.meta;
        if self.options.owners == Owners::AsBefore {
            std::os::unix::fs::lchown(path, meta.uid, meta.gid).map_err(Error::disk("give back", path))?;
        }
        if let Some(mode) = meta.mode.filter(|_| !node.is_symlink()) {
            let permissions = Permissions::from_mode(self.permitted(path, node, unix_mode(mode)));
            fs::set_permissions(path, permissions).map_err(Error::disk("set the mode of", path))?;
        }
        for attribute in &meta.extended_attributes {
            self.attribute(path, &attribute.name, attribute.value.as_deref().unwrap_or_default())?;
        }
        let Some(modified) = meta.mtime else { return Ok(()) };
        let accessed = meta.atime.unwrap_or(modified);
        let times = Timestamps { last_access: timespec(accessed), last_modification: timespec(modified) };
        let set = rustix::fs::utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW).map_err(io::Error::from);
        set.map_err(Error::disk("set the time of", path))
    }
}

/// The attribute that has a file's capabilities.
pub(crate) const CAPABILITY: &str = "security.capability";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Set {
    Done,
    /// The disk or the host does not take it, and nothing depends on it.
    Refused,
}

fn set_attribute(path: &Path, name: &str, value: &[u8]) -> Result<Set> {
    use io::ErrorKind::{InvalidInput, PermissionDenied, Unsupported};
    match xattr::set(path, name, value) {
        Ok(()) => Ok(Set::Done),
        Err(error) if is_label(name) && [PermissionDenied, Unsupported, InvalidInput].contains(&error.kind()) => {
            Ok(Set::Refused)
        }
        Err(error) => Err(Error::disk("set an attribute of", path)(error)),
    }
}

/// Returns whether an attribute may be left out. Security labels belong to one host, object metadata is not needed by a
/// file, and attributes that need more privileges than this process has must not block a restore.
fn is_label(name: &str) -> bool {
    name.starts_with("security.") || name.starts_with("trusted.") || name == ATTRIBUTE
}

fn timespec(time: Timestamp) -> Timespec {
    let (mut seconds, mut nanoseconds) = (time.as_second(), i64::from(time.subsec_nanosecond()));
    // Before 1970 both are negative there, and only the first one here.
    if nanoseconds < 0 {
        (seconds, nanoseconds) = (seconds - 1, nanoseconds + 1_000_000_000);
    }
    Timespec { tv_sec: seconds, tv_nsec: nanoseconds }
}

/// A mode as Go writes it, as the system wants it.
fn unix_mode(mode: u32) -> u32 {
    let special = [(1 << 23, 0o4000), (1 << 22, 0o2000), (1 << 20, 0o1000)];
    special.into_iter().filter(|(bit, _)| mode & bit != 0).fold(mode & 0o777, |bits, (_, bit)| bits | bit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_that_a_disk_refuses_is_noted_and_anything_else_is_a_failure() {
        // No file there takes an attribute.
        let path = Path::new("/proc/self/comm");
        let set = |name: &str| set_attribute(path, name, b"system_u:object_r:usr_t:s0");
        assert_eq!(set("security.selinux").expect("nothing depends on it"), Set::Refused);
        assert_eq!(set("security.capability").expect("the data come without it"), Set::Refused);
        let failed = set("user.kind").expect_err("data may depend on it");
        assert!(failed.line().contains("set an attribute"), "{failed:?}");
        let gone = set_attribute(Path::new("/nowhere/at/all"), "security.selinux", b"x");
        assert!(gone.is_err(), "there is no such file");
    }
}
