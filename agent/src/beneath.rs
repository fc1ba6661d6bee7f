//! Files below a folder of the host that a container may change at any time.
//!
//! **Invariant:** no link is followed below the folder, so that nothing outside of it is read or written.

use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, RawMode, Stat, Uid};
use rustix::io::Errno;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::path::Path;

/// Maximum number of names in one folder that are read.
const NAMES_LIMIT: usize = 100_000;

/// An open folder: a later rename does not affect it.
pub struct Folder(OwnedFd);

/// Kind of the entry under a name.
pub enum Entry {
    File { bytes: u64 },
    Link { to: String, owner: Owner },
    Folder,
    Other,
}

/// Owner, group and permission bits of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    pub uid: u32,
    pub gid: u32,
    /// Permission bits, without setuid and the like.
    pub mode: u32,
}

impl Folder {
    /// Opens a folder by its path on the host, which the Engine names.
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self(rustix::fs::open(path, OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?))
    }

    /// A folder below it; an empty path is the folder itself.
    pub fn below(&self, path: &str) -> io::Result<Self> {
        let mut folder = Self(self.0.try_clone()?);
        for name in names(path) {
            folder = folder.step(name)?;
        }
        Ok(folder)
    }

    /// A folder below it. It and those on the way to it are made where they are not there, each for the owner of its path.
    pub fn make_below(&self, path: &str, owner: impl Fn(&str) -> Owner) -> io::Result<Self> {
        let mut folder = Self(self.0.try_clone()?);
        let mut whole = String::new();
        for name in names(path) {
            whole.push_str(if whole.is_empty() { "" } else { "/" });
            whole.push_str(name);
            let made = match rustix::fs::mkdirat(&folder.0, name, Mode::RWXU) {
                Ok(()) => true,
                Err(Errno::EXIST) => false,
                Err(error) => return Err(error.into()),
            };
            folder = folder.step(name)?;
            if made {
                folder.give(owner(&whole))?;
            }
        }
        Ok(folder)
    }

    /// Sets the owner, group and permission bits.
    pub fn give(&self, owner: Owner) -> io::Result<()> {
        rustix::fs::fchown(&self.0, Some(Uid::from_raw(owner.uid)), Some(Gid::from_raw(owner.gid)))?;
        Ok(rustix::fs::fchmod(&self.0, Mode::from_raw_mode(owner.mode & 0o777))?)
    }

    pub fn owner(&self) -> io::Result<Owner> {
        Ok(owner(&rustix::fs::fstat(&self.0)?))
    }

    fn step(&self, name: &str) -> io::Result<Self> {
        let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(Self(rustix::fs::openat(&self.0, name, flags, Mode::empty())?))
    }

    /// The names in it, in order; those that are no text are left out.
    pub fn names(&self) -> io::Result<Vec<String>> {
        let mut found = Vec::new();
        for entry in rustix::fs::Dir::read_from(&self.0)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().to_str() else { continue };
            if name != "." && name != ".." && found.len() < NAMES_LIMIT {
                found.push(name.to_owned());
            }
        }
        found.sort_unstable();
        Ok(found)
    }

    /// Returns the kind of the entry under this name.
    pub fn entry(&self, name: &str) -> io::Result<Entry> {
        let stat = rustix::fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW)?;
        let owner = owner(&stat);
        Ok(match FileType::from_raw_mode(stat.st_mode as RawMode) {
            FileType::RegularFile => Entry::File { bytes: u64::try_from(stat.st_size).unwrap_or(0) },
            FileType::Symlink => {
                let to = rustix::fs::readlinkat(&self.0, name, Vec::new())?;
                Entry::Link { to: to.to_string_lossy().into_owned(), owner }
            }
            FileType::Directory => Entry::Folder,
            _ => Entry::Other,
        })
    }

    /// The content of a file, and whose it is; one that is larger than the limit is an error.
    pub fn read(&self, name: &str, limit: u64) -> io::Result<(Vec<u8>, Owner)> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = File::from(rustix::fs::openat(&self.0, name, flags, Mode::empty())?);
        let stat = rustix::fs::fstat(&file)?;
        if FileType::from_raw_mode(stat.st_mode as RawMode) != FileType::RegularFile {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no file any more"));
        }
        let mut content = Vec::new();
        file.take(limit + 1).read_to_end(&mut content)?;
        match content.len() as u64 > limit {
            true => Err(io::Error::new(io::ErrorKind::FileTooLarge, "it grew while it was read")),
            false => Ok((content, owner(&stat))),
        }
    }

    /// Writes a file in place of the entry of this name, atomically.
    pub fn write(&self, name: &str, content: &[u8], owner: Owner) -> io::Result<()> {
        let growing = format!(".fleet-new-{}", &name[..name.floor_char_boundary(200)]);
        self.remove(&growing)?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut file = File::from(rustix::fs::openat(&self.0, growing.as_str(), flags, Mode::RUSR | Mode::WUSR)?);
        file.write_all(content)?;
        rustix::fs::fchown(&file, Some(Uid::from_raw(owner.uid)), Some(Gid::from_raw(owner.gid)))?;
        rustix::fs::fchmod(&file, Mode::from_raw_mode(owner.mode & 0o777))?;
        file.sync_all()?;
        rustix::fs::renameat(&self.0, growing.as_str(), &self.0, name)?;
        Ok(rustix::fs::fsync(&self.0)?)
    }

    /// Makes a link in place of the file or link of this name.
    pub fn link(&self, name: &str, to: &str, owner: Owner) -> io::Result<()> {
        self.remove(name)?;
        rustix::fs::symlinkat(to, &self.0, name)?;
        let (uid, gid) = (Uid::from_raw(owner.uid), Gid::from_raw(owner.gid));
        Ok(rustix::fs::chownat(&self.0, name, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)?)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        match rustix::fs::unlinkat(&self.0, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

fn names(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|name| !name.is_empty())
}

fn owner(stat: &Stat) -> Owner {
    Owner { uid: stat.st_uid, gid: stat.st_gid, mode: stat.st_mode & 0o777 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn mine(mode: u32) -> Owner {
        use std::os::unix::fs::MetadataExt;
        let own = std::fs::metadata("/proc/self").expect("it is there");
        Owner { uid: own.uid(), gid: own.gid(), mode }
    }

    #[test]
    fn no_link_leads_out_of_the_folder() {
        let place = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(place.path().join("data")).expect("made");
        std::fs::write(place.path().join("outside.conf"), "not its own").expect("written");
        symlink("..", place.path().join("data/conf.d")).expect("linked");
        symlink("../outside.conf", place.path().join("data/users.acl")).expect("linked");
        let folder = Folder::open(&place.path().join("data")).expect("opened");
        assert!(folder.below("conf.d").is_err());
        let mine = mine(0o600);
        assert!(folder.make_below("conf.d", |_| mine).is_err());
        assert!(folder.read("users.acl", 100).is_err());
        folder.write("users.acl", b"new", mine).expect("written");
        let outside = std::fs::read(place.path().join("outside.conf")).expect("it is there");
        assert_eq!(
            (outside, folder.read("users.acl", 100).expect("read").0),
            (b"not its own".to_vec(), b"new".to_vec())
        );
    }

    #[test]
    fn a_file_is_as_it_was_written_and_never_larger_than_the_limit() {
        let place = tempfile::tempdir().expect("a folder");
        let folder = Folder::open(place.path()).expect("opened");
        let mine = mine(0o640);
        let inner = folder.make_below("a/b", |_| mine).expect("made");
        inner.write("x.conf", b"12345", mine).expect("written");
        assert_eq!(folder.below("a/b").expect("there").read("x.conf", 5).expect("read"), (b"12345".to_vec(), mine));
        assert!(inner.read("x.conf", 4).is_err());
        assert_eq!(inner.names().expect("read"), ["x.conf"]);
    }

    #[test]
    fn a_folder_that_is_made_is_its_owners_and_one_that_is_there_stays() {
        let place = tempfile::tempdir().expect("a folder");
        let folder = Folder::open(place.path()).expect("opened");
        let by_path = |path: &str| mine(if path == "a" { 0o751 } else { 0o705 });
        folder.make_below("a/b", by_path).expect("made");
        folder.make_below("a/b/c", |_| mine(0o711)).expect("made");
        let mode = |path| folder.below(path).and_then(|folder| folder.owner()).expect("it is there").mode;
        assert_eq!(["a", "a/b", "a/b/c"].map(mode), [0o751, 0o705, 0o711]);
    }
}
