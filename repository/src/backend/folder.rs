//! A folder in restic's local layout. A file appears in it whole, under its name, and on disk.

use super::{Backend, BackendError, FileId, FileKind, MAX_FILE};
use bytes::Bytes;
use rustix::fs::{FlockOperation, RenameFlags};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Folder for files that are being written, on the same file system as their destination. Stock restic ignores it.
const UNFINISHED: &str = "tmp";

/// A repository in a folder of this machine.
#[derive(Debug)]
pub struct FolderBackend {
    root: PathBuf,
}

static SERIAL: AtomicU64 = AtomicU64::new(0);

impl FolderBackend {
    /// Takes the folder as it is; nothing is made before something is written.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    fn path(&self, kind: FileKind, id: &FileId) -> PathBuf {
        self.root.join(id.path(kind))
    }

    /// Removes leftovers of writers that have ended; an active one holds a lock on its file.
    fn sweep(&self) {
        let Ok(entries) = fs::read_dir(self.root.join(UNFINISHED)) else { return };
        for path in entries.flatten().map(|entry| entry.path()) {
            let Ok(file) = File::open(&path) else { continue };
            if rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok() {
                // If this fails, the file stays until the next time, and is never read.
                let _ = fs::remove_file(&path);
            }
        }
    }

    fn list_folder(folder: &Path, found: &mut Vec<(FileId, u64)>) -> Result<(), BackendError> {
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        for entry in entries {
            let entry = entry?;
            let Some(id) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
            match entry.metadata() {
                Ok(metadata) if metadata.is_file() => found.push((id, metadata.len())),
                Ok(_) => {}
                // Pruned meanwhile.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn write_aside(&self, content: &[Bytes]) -> Result<(File, PathBuf), BackendError> {
        let folder = self.root.join(UNFINISHED);
        make_folder(&folder)?;
        let path = folder.join(format!("{}-{}", std::process::id(), SERIAL.fetch_add(1, Ordering::Relaxed)));
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path)?;
        let written = (|| {
            rustix::fs::flock(&file, FlockOperation::LockExclusive)?;
            content.iter().try_for_each(|piece| file.write_all(piece))?;
            file.sync_all()
        })();
        match written {
            Ok(()) => Ok((file, path)),
            Err(error) => {
                let _ = fs::remove_file(&path);
                Err(error.into())
            }
        }
    }
}

impl Backend for FolderBackend {
    fn name(&self) -> String {
        self.root.display().to_string()
    }

    fn list(&self, kind: FileKind) -> Result<Vec<(FileId, u64)>, BackendError> {
        let mut found = Vec::new();
        let folder = self.root.join(kind.folder());
        match kind {
            FileKind::Config => match fs::metadata(&folder) {
                Ok(metadata) => found.push((FileId::default(), metadata.len())),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error.into()),
            },
            FileKind::Key | FileKind::Snapshot | FileKind::Index => Self::list_folder(&folder, &mut found)?,
            FileKind::Pack => {
                for first in 0..=u8::MAX {
                    Self::list_folder(&folder.join(format!("{first:02x}")), &mut found)?;
                }
            }
        }
        Ok(found)
    }

    fn read(&self, kind: FileKind, id: &FileId) -> Result<Bytes, BackendError> {
        let file = File::open(self.path(kind, id))?;
        let size = file.metadata()?.len();
        if size > MAX_FILE {
            return Err(BackendError::Refused(format!("{kind} {id} is larger than any file of a repository")));
        }
        let mut content = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
        file.take(MAX_FILE).read_to_end(&mut content)?;
        Ok(content.into())
    }

    fn read_range(&self, kind: FileKind, id: &FileId, offset: u64, length: u64) -> Result<Bytes, BackendError> {
        let file = File::open(self.path(kind, id))?;
        let is_there = offset.checked_add(length).is_some_and(|end| file.metadata().is_ok_and(|m| end <= m.len()));
        if !is_there {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        let mut content = vec![0; usize::try_from(length).map_err(io::Error::other)?];
        file.read_exact_at(&mut content, offset)?;
        Ok(content.into())
    }

    fn write(&self, kind: FileKind, id: &FileId, content: &[Bytes]) -> Result<(), BackendError> {
        let path = self.path(kind, id);
        if is_same(&path, content)? {
            return Ok(());
        }
        let folder = path.parent().unwrap_or(&self.root);
        make_folder(folder)?;
        // The file is held open, and with it its lock, until it has its name.
        let (_file, aside) = self.write_aside(content)?;
        if let Err(error) = name_it(&aside, &path) {
            let _ = fs::remove_file(&aside);
            let came_meanwhile = error.kind() == io::ErrorKind::AlreadyExists;
            return if came_meanwhile && is_same(&path, content)? { Ok(()) } else { Err(error.into()) };
        }
        sync_folder(folder)?;
        Ok(())
    }

    fn remove(&self, kind: FileKind, id: &FileId) -> Result<(), BackendError> {
        self.sweep();
        let path = self.path(kind, id);
        match fs::remove_file(&path) {
            // Packs are removed by the thousand, and one that comes back after a loss of power is only found once more. A
            // snapshot that was forgotten stays forgotten.
            Ok(()) if kind != FileKind::Pack => Ok(sync_folder(path.parent().unwrap_or(&self.root))?),
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// Returns whether the file exists with exactly this content; other content under that name is an error.
fn is_same(path: &Path, content: &[Bytes]) -> Result<bool, BackendError> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error.into()),
    };
    let length: u64 = content.iter().map(|piece| piece.len() as u64).sum();
    if file.metadata()?.len() != length {
        return Err(BackendError::Occupied);
    }
    let mut there = vec![0; 64 * 1024];
    for part in content.iter().flat_map(|piece| piece.chunks(64 * 1024)) {
        file.read_exact(&mut there[..part.len()])?;
        if there[..part.len()] != *part {
            return Err(BackendError::Occupied);
        }
    }
    Ok(true)
}

fn name_it(aside: &Path, path: &Path) -> io::Result<()> {
    match rustix::fs::renameat_with(rustix::fs::CWD, aside, rustix::fs::CWD, path, RenameFlags::NOREPLACE) {
        Ok(()) => Ok(()),
        // Some network file systems do not support that. A name is the hash of the content, so a replaced file is the
        // same.
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => fs::rename(aside, path),
        Err(error) => Err(error.into()),
    }
}

fn make_folder(folder: &Path) -> Result<(), BackendError> {
    if folder.is_dir() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    if let Some(parent) = folder.parent() {
        sync_folder(parent)?;
    }
    Ok(())
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
