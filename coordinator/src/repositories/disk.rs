//! Layout of repositories on the coordinator's disk: restic's own, so that stock restic reads them in place.
//!
//! Files are written beside the repositories until they are complete. Leftovers of a killed coordinator are removed at
//! the next start.

use super::claims::{Claim, Claims};
use super::quota::{Quotas, SMALLEST};
use crate::clock;
use crate::home::REPOSITORIES;
use fleet_core::backup::FileKind;
use fleet_core::names::{HostName, InstanceName, RepositoryName};
use fleet_core::time::Time;
use fleet_proto::convert::{RepositoryFile, RepositoryFiles, is_sha256};
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// No instance has such a name.
const UPLOADS: &str = ".uploads";
/// Bytes that always stay free: the facts are on the same disk, and the coordinator cannot work without space for them.
const RESERVE: u64 = 256 << 20;

/// Failure of the repositories' disk.
#[derive(Debug, thiserror::Error)]
pub enum DiskError {
    /// The instance has no repository there.
    #[error("there is no such file in the repository of `{0}`")]
    Missing(InstanceName),
    /// No space is left for the instance's upload.
    #[error("could not keep a file in the repository of `{0}`: the coordinator's disk is full")]
    Full(InstanceName),
    /// A file operation failed.
    #[error("could not use `{path}`")]
    Io {
        /// File or folder.
        path: PathBuf,
        /// Cause of the failure.
        source: io::Error,
    },
}

/// Space on a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// Free bytes.
    pub free: u64,
    /// Total bytes.
    pub total: u64,
}

/// The folder of all repositories on this disk.
#[derive(Debug, Clone)]
pub struct Disk {
    root: PathBuf,
    /// Bytes that always stay free.
    pub reserve: u64,
    claims: Claims,
    /// Limits on the bytes that each order may add.
    pub quotas: Quotas,
}

impl Disk {
    /// Below the coordinator's directory.
    pub fn below(home: &Path) -> Self {
        let quotas = Quotas::counted_since(clock::now());
        Self { root: home.join(REPOSITORIES), reserve: RESERVE, claims: Claims::default(), quotas }
    }

    /// Returns the folder of one instance's repository, which stock restic accepts as its location.
    pub fn folder(&self, repository: &RepositoryName, instance: &InstanceName) -> PathBuf {
        self.root.join(repository.as_str()).join(instance.as_str())
    }

    /// Returns whether the repository exists on this disk.
    pub fn has(&self, repository: &RepositoryName, instance: &InstanceName) -> Result<bool, DiskError> {
        let path = self.folder(repository, instance).join("config");
        path.try_exists().map_err(|source| DiskError::Io { path, source })
    }

    /// The folder of the files of a kind.
    pub fn folder_of(&self, files: &RepositoryFiles) -> PathBuf {
        let folder = self.folder(&files.repository, &files.instance);
        match files.kind {
            FileKind::Config => folder,
            FileKind::Key | FileKind::Snapshot | FileKind::Index | FileKind::Pack => folder.join(files.kind.folder()),
        }
    }

    /// Returns the path of a repository's file.
    pub fn path(&self, file: &RepositoryFile) -> PathBuf {
        let folder = self.folder_of(&file.of);
        match file.of.kind {
            FileKind::Config => folder.join("config"),
            FileKind::Key | FileKind::Snapshot | FileKind::Index => folder.join(&file.id),
            FileKind::Pack => folder.join(&file.id[..2]).join(&file.id),
        }
    }

    /// Returns the folder for incomplete files of a repository, on the same file system as their destination.
    pub fn uploads(&self, repository: &RepositoryName) -> PathBuf {
        self.root.join(repository.as_str()).join(UPLOADS)
    }

    /// Removes incomplete files. Must not run during uploads.
    pub fn sweep(&self) -> Result<usize, DiskError> {
        let mut swept = 0;
        for repository in entries(&self.root)? {
            for upload in entries(&repository.join(UPLOADS))? {
                fs::remove_file(&upload).map_err(|source| DiskError::Io { path: upload, source })?;
                swept += 1;
            }
        }
        Ok(swept)
    }

    /// Returns the space on the disk of the repositories.
    pub fn space(&self) -> Result<Space, DiskError> {
        let mut existing = self.root.as_path();
        while let Some(parent) = existing.parent().filter(|_| !existing.exists()) {
            existing = parent;
        }
        let wrong = |error: rustix::io::Errno| DiskError::Io { path: existing.to_owned(), source: error.into() };
        let found = rustix::fs::statvfs(existing).map_err(wrong)?;
        let bytes = |blocks: u64| blocks.saturating_mul(found.f_frsize);
        Ok(Space { free: bytes(found.f_bavail), total: bytes(found.f_blocks) })
    }

    /// The bytes of the files that one instance's repository has got since a moment, small ones as they count in a quota.
    pub fn added_since(
        &self,
        (repository, instance): (&RepositoryName, &InstanceName),
        moment: Time,
    ) -> Result<u64, DiskError> {
        let moment = SystemTime::UNIX_EPOCH + Duration::from_millis(moment.0);
        let (mut folders, mut added) = (vec![self.folder(repository, instance)], 0_u64);
        while let Some(folder) = folders.pop() {
            for path in entries(&folder)? {
                let found = match fs::symlink_metadata(&path) {
                    Ok(found) => found,
                    Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                    Err(source) => return Err(DiskError::Io { path, source }),
                };
                if found.is_dir() {
                    folders.push(path);
                } else if found.modified().is_ok_and(|at| at >= moment) {
                    added = added.saturating_add(found.len().max(SMALLEST));
                }
            }
        }
        Ok(added)
    }

    /// Reserves space for bytes that a host is about to write.
    pub fn claim(&self, host: &HostName, of: &InstanceName, bytes: u64) -> Result<Claim, DiskError> {
        let claim = self.claims.take(host, bytes, self.reserve, || self.space().map(|space| space.free))?;
        claim.ok_or_else(|| DiskError::Full(of.clone()))
    }

    /// The names and sizes of the files of a kind, in pieces, each as it is found.
    pub fn list(&self, files: &RepositoryFiles, mut tell: impl FnMut(String, u64) -> bool) -> Result<(), DiskError> {
        let folder = self.folder_of(files);
        let folders = match files.kind {
            FileKind::Config => {
                if let Some(bytes) = size(&folder.join("config"))? {
                    tell(String::new(), bytes);
                }
                return Ok(());
            }
            FileKind::Pack => entries(&folder)?,
            FileKind::Key | FileKind::Snapshot | FileKind::Index => vec![folder],
        };
        for folder in folders {
            for path in entries(&folder)? {
                let name = path.file_name().and_then(|name| name.to_str());
                let Some(id) = name.filter(|name| is_sha256(name)) else { continue };
                // A file that was pruned meanwhile is skipped.
                let Some(bytes) = size(&path)? else { continue };
                if !tell(id.to_owned(), bytes) {
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

/// Returns the entries of a folder; none if it does not exist.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, DiskError> {
    let wrong = |source| DiskError::Io { path: folder.to_owned(), source };
    match fs::read_dir(folder) {
        Ok(entries) => entries.map(|entry| entry.map(|entry| entry.path()).map_err(wrong)).collect(),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(Vec::new()),
        Err(source) => Err(wrong(source)),
    }
}

fn size(path: &Path) -> Result<Option<u64>, DiskError> {
    match fs::metadata(path) {
        Ok(found) => Ok(Some(found.len()).filter(|_| found.is_file())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(DiskError::Io { path: path.to_owned(), source }),
    }
}

/// Makes a folder for the coordinator alone, and syncs it so that it survives a loss of power.
pub(super) fn make_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let parent = folder.parent().unwrap_or(folder);
    make_folder(parent)?;
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        Ok(()) | Err(_) => {}
    }
    sync_folder(parent)
}

pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::testing::read;

    #[test]
    fn what_was_never_completed_is_swept_and_nothing_else() {
        let home = tempfile::tempdir().expect("a directory can be made");
        let disk = Disk::below(home.path());
        assert_eq!(disk.sweep().expect("there is nothing"), 0);
        let (uploads, folder) = (disk.uploads(&read("central")), disk.folder(&read("central"), &read("notes-1")));
        for (folder, name) in [(&uploads, "1"), (&uploads, "2"), (&folder, "config")] {
            make_folder(folder).expect("there is room");
            fs::write(folder.join(name), "half").expect("there is room");
        }
        assert_eq!(disk.sweep().expect("it can be read"), 2);
        assert!(folder.join("config").exists());
    }
}
