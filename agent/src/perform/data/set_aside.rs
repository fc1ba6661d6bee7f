//! Moves the content of folders out of the way, and back, by renaming: nothing is copied, and nothing is lost on the way.
//!
//! **Invariant:** each of these is safe to repeat after a crash anywhere in the middle of it.

use super::fault::AsideError;
use crate::ledger::{Aside, DataSwap};
use data_encoding::HEXLOWER;
use fleet_core::names::OrderId;
use sha2::{Digest, Sha256};
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

/// Returns how a folder will be moved aside for an order, or why it cannot be. Changes nothing.
pub fn plan(path: &Path, order: &OrderId) -> Result<Aside, AsideError> {
    let waits = beside(path, &format!(".before-{order}"));
    let waits = waits.ok_or_else(|| AsideError::NoPlace { path: path.to_owned() })?;
    let (way, inode) = match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => (DataSwap::Renamed, Some(found.ino())),
        Ok(_) => return Err(AsideError::NotAFolder { path: path.to_owned() }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => (DataSwap::Absent, None),
        Err(source) => return Err(AsideError::Unreadable { path: path.to_owned(), source }),
    };
    match mounted_at_or_below(path) {
        Some(mounted) => Err(AsideError::Mounted { path: path.to_owned(), mounted }),
        None => Ok(Aside { path: path.to_owned(), waits, way, inode }),
    }
}

/// The longest name of a file, and the longest addition to a name of ours.
const NAME_LIMIT: usize = 255;
const ADDED_LIMIT: usize = 16;

/// Returns a path beside another: its name with a suffix. If that is too long, a hash replaces the name.
pub fn beside(path: &Path, addition: &str) -> Option<PathBuf> {
    let name = path.file_name()?;
    let mut whole = name.to_owned();
    whole.push(addition);
    if whole.len() + ADDED_LIMIT > NAME_LIMIT {
        let hash = HEXLOWER.encode(&Sha256::digest(name.as_bytes())[..8]);
        whole = format!("fleet-{hash}{addition}").into();
    }
    Some(path.parent()?.join(whole))
}

/// Moves the content aside: an empty folder stays in its place, with its owner and mode.
pub fn move_aside(aside: &Aside) -> io::Result<()> {
    if let DataSwap::Renamed = aside.way {
        if !is_there(&aside.waits)? {
            fs::rename(&aside.path, &aside.waits)?;
            sync_beside(&aside.path)?;
        }
        if !is_there(&aside.path)? {
            make_like(&aside.path, &aside.waits)?;
        }
    } else {
        let parent = aside.path.parent().unwrap_or(Path::new("/"));
        DirBuilder::new().recursive(true).mode(0o755).create(parent)?;
        // A folder that someone else has made since must not be filled or removed.
        DirBuilder::new().mode(0o755).create(&aside.path)?;
    }
    sync_beside(&aside.path)
}

/// Puts the old content back exactly; the new content is removed.
pub fn put_back(aside: &Aside) -> io::Result<()> {
    let failed = discarded(aside);
    match aside.way {
        DataSwap::Renamed if is_there(&aside.waits)? => {
            if is_there(&aside.path)? {
                remove(&failed)?;
                fs::rename(&aside.path, &failed)?;
            }
            fs::rename(&aside.waits, &aside.path)?;
            sync_beside(&aside.path)?;
        }
        DataSwap::Renamed => expect_in_place(aside)?,
        DataSwap::Absent => remove(&aside.path)?,
    }
    remove(&failed)
}

/// Fails unless the folder has not been moved yet, or has been moved back already: it is the one that was noted.
fn expect_in_place(aside: &Aside) -> io::Result<()> {
    let gone = || io::Error::new(io::ErrorKind::NotFound, format!("`{}` is gone", aside.waits.display()));
    let Some(inode) = aside.inode else { return Ok(()) };
    match fs::symlink_metadata(&aside.path) {
        Ok(found) if found.ino() == inode => Ok(()),
        Ok(_) => Err(gone()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(gone()),
        Err(error) => Err(error),
    }
}

/// Removes the old content, because the new one has proven to be good.
pub fn let_go(aside: &Aside) -> io::Result<()> {
    match aside.way {
        DataSwap::Renamed => remove(&aside.waits),
        DataSwap::Absent => Ok(()),
    }
}

pub fn discarded(aside: &Aside) -> PathBuf {
    let mut name = aside.waits.clone().into_os_string();
    name.push(".failed");
    name.into()
}

pub fn is_there(path: &Path) -> io::Result<bool> {
    match fs::symlink_metadata(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

pub fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn make_like(path: &Path, model: &Path) -> io::Result<()> {
    let model = fs::symlink_metadata(model)?;
    // It gets its final name when it is complete: under that name it counts as done.
    let growing = beside(path, ".fresh").ok_or(io::ErrorKind::InvalidFilename)?;
    remove(&growing)?;
    DirBuilder::new().mode(0o700).create(&growing)?;
    let made = fs::symlink_metadata(&growing)?;
    if (made.uid(), made.gid()) != (model.uid(), model.gid()) {
        chown(&growing, Some(model.uid()), Some(model.gid()))?;
    }
    fs::set_permissions(&growing, fs::Permissions::from_mode(model.mode() & 0o7777))?;
    fs::rename(&growing, path)
}

pub fn sync_beside(path: &Path) -> io::Result<()> {
    File::open(path.parent().unwrap_or(Path::new("/")))?.sync_all()
}

/// The first mount at a path or below it, as this agent sees them.
pub fn mounted_at_or_below(path: &Path) -> Option<String> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
    let path = fs::canonicalize(path).ok()?;
    let points = mounts.lines().filter_map(|line| line.split(' ').nth(4)).map(unescaped);
    points.into_iter().find(|point| Path::new(point).starts_with(&path))
}

/// The kernel writes blanks and the like as `\040`.
fn unescaped(point: &str) -> String {
    let mut bytes = Vec::with_capacity(point.len());
    let mut rest = point.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let code = tail.get(..3).and_then(|digits| std::str::from_utf8(digits).ok());
        match code.and_then(|digits| u8::from_str_radix(digits, 8).ok()).filter(|_| *first == b'\\') {
            Some(byte) => (bytes.push(byte), rest = &tail[3..]).1,
            None => (bytes.push(*first), rest = tail).1,
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use fleet_core::order::order_id;

    fn harness() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("_data");
        fs::create_dir(&path).expect("made");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o750)).expect("set");
        fs::write(path.join("old"), "precious").expect("written");
        (folder, path)
    }

    fn names(path: &Path) -> Vec<String> {
        let read = fs::read_dir(path).expect("a folder");
        let mut names: Vec<_> =
            read.map(|it| it.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn what_was_moved_aside_is_put_back_exactly() {
        let (folder, path) = harness();
        let aside = plan(&path, &order_id(&["a"])).expect("it can be moved");
        for _ in 0..2 {
            move_aside(&aside).expect("moved");
            assert_eq!(names(&path), Vec::<String>::new());
            assert_eq!(fs::metadata(&path).expect("there").mode() & 0o777, 0o750);
        }
        fs::write(path.join("new"), "wrong").expect("written");
        for _ in 0..2 {
            put_back(&aside).expect("put back");
            assert_eq!(names(&path), ["old"]);
        }
        assert_eq!(names(folder.path()), ["_data"]);
    }

    #[test]
    fn a_crash_between_two_renames_is_made_good() {
        let (folder, path) = harness();
        let aside = plan(&path, &order_id(&["a"])).expect("it can be moved");
        fs::rename(&aside.path, &aside.waits).expect("as far as it came");
        move_aside(&aside).expect("moved");
        fs::write(path.join("new"), "wrong").expect("written");
        fs::rename(&aside.path, discarded(&aside)).expect("as far as it came");
        put_back(&aside).expect("put back");
        assert_eq!((names(&path), names(folder.path())), (vec!["old".to_owned()], vec!["_data".to_owned()]));
    }

    #[test]
    fn the_old_goes_only_when_it_is_let_go() {
        let (folder, path) = harness();
        let aside = plan(&path, &order_id(&["a"])).expect("it can be moved");
        move_aside(&aside).expect("moved");
        fs::write(path.join("new"), "right").expect("written");
        assert_eq!(names(&aside.waits), ["old"]);
        let_go(&aside).expect("removed");
        assert_eq!((names(&path), names(folder.path())), (vec!["new".to_owned()], vec!["_data".to_owned()]));
    }

    #[test]
    fn where_nothing_was_nothing_remains() {
        let (folder, path) = harness();
        let aside = plan(&path.with_file_name("other"), &order_id(&["a"])).expect("it can be made");
        assert_eq!(aside.way, DataSwap::Absent);
        move_aside(&aside).expect("made");
        put_back(&aside).expect("gone");
        assert_eq!(names(folder.path()), ["_data"]);
        fs::create_dir(&aside.path).expect("somebody makes it");
        let refused = move_aside(&aside).expect_err("it is somebody's");
        assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists);
    }

    #[test]
    fn a_folder_with_the_longest_name_is_moved_and_put_back() {
        for length in [200, 223, 248, 250, 255] {
            let (folder, old) = harness();
            let path = old.with_file_name("n".repeat(length));
            fs::rename(old, &path).expect("named");
            let aside = plan(&path, &order_id(&["a"])).expect("it can be moved");
            move_aside(&aside).expect("moved");
            assert_eq!(names(&path), Vec::<String>::new());
            fs::write(path.join("new"), "wrong").expect("written");
            put_back(&aside).expect("put back");
            assert_eq!((names(&path), names(folder.path())), (vec!["old".to_owned()], vec!["n".repeat(length)]));
        }
    }

    #[test]
    fn what_is_mounted_is_not_moved() {
        let refused = plan(Path::new("/proc"), &order_id(&["a"]));
        assert!(matches!(refused, Err(AsideError::Mounted { .. })), "{refused:?}");
        assert_eq!(unescaped(r"/mnt/a\040b\134"), r"/mnt/a b\");
    }
}
