//! Reading single files, dumps and whole repositories for operators.

use super::catalog::unreadable;
use super::inspect::ReadPurpose;
use super::repository_service::{RepositoryService, RepositoryServiceError};
use bytes::Bytes;
use fleet_core::backup::{BackupDamage, Kept, Manifest};
use fleet_core::names::{BackupId, InstanceName, RepositoryName, SnapshotId};
use fleet_repository::client::{RepositoryClient, RepositoryError};
use fleet_repository::worker::FailureKind;
use fleet_repository::{CheckReport, Entry, Kind, MAX_MANIFEST, ReadData, SetRecord};
use futures_util::stream::{BoxStream, StreamExt};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// One backup, opened for reading.
#[derive(Debug)]
pub struct Opened {
    client: RepositoryClient,
    set: SetRecord,
    /// Manifest of the backup.
    pub manifest: Manifest,
}

impl RepositoryService {
    /// Reads a share of a repository's data, and marks damage in the catalog.
    pub async fn verify(
        &self,
        repository: &RepositoryName,
        instance: &InstanceName,
        read: ReadData,
    ) -> Result<CheckReport, RepositoryServiceError> {
        let _alone = self.one_at_a_time.lock().await;
        let client = self.client(repository, instance)?;
        self.check(&(repository.clone(), instance.clone()), &client, (read, ReadPurpose::Asked), crate::clock::now())
            .await
    }

    /// Opens one backup for reading.
    pub async fn open(
        &self,
        repository: &RepositoryName,
        instance: &InstanceName,
        backup: &BackupId,
    ) -> Result<Opened, RepositoryServiceError> {
        let set = self.set(repository, instance, backup, MAX_MANIFEST).await?;
        let manifest = super::catalog::manifest_of(&set)?;
        Ok(Opened { client: self.client(repository, instance)?, set, manifest })
    }
}

impl Opened {
    /// Returns the entries of a folder of the backup, dumps and files alike. An empty path means the root.
    pub async fn list(&self, path: impl AsRef<OsStr>) -> Result<Vec<Entry>, RepositoryServiceError> {
        let path = path.as_ref().as_bytes();
        let (mut entries, mut missing) = (Vec::new(), None);
        for snapshot in self.snapshots() {
            match self.client.list(snapshot, path).await {
                Ok(found) => entries.extend(found),
                Err(error) if is_missing(&error) => missing = Some(error),
                Err(error) => return Err(error.into()),
            }
        }
        match missing {
            Some(error) if entries.is_empty() => Err(error.into()),
            Some(_) | None => {
                entries.sort_by(|a, b| a.exact.cmp(&b.exact));
                Ok(entries)
            }
        }
    }

    /// Reads one file of the backup, or the dump of the store with that name. The last item is an error unless it is
    /// complete.
    pub async fn read(
        &self,
        name: impl AsRef<OsStr>,
    ) -> Result<BoxStream<'static, Result<Bytes, RepositoryServiceError>>, RepositoryServiceError> {
        let name = name.as_ref();
        let path = name.to_str().and_then(|name| self.dump_of(name)).map_or(name, OsStr::new).as_bytes();
        let path = &path[path.iter().take_while(|byte| **byte == b'/').count()..];
        // Names are bytes, not necessarily text.
        let cut = path.iter().rposition(|byte| *byte == b'/');
        let (folder, file) = cut.map_or((&b""[..], path), |at| (&path[..at], &path[at + 1..]));
        let (mut missing, mut has_folder) = (None, false);
        for snapshot in self.snapshots() {
            match self.client.list(snapshot, folder).await {
                Ok(found) if found.iter().any(|entry| entry.exact == file) => {
                    let stream = self.client.read(snapshot, path).await?;
                    return Ok(stream.map(|piece| piece.map_err(RepositoryServiceError::from)).boxed());
                }
                Ok(_) => has_folder = true,
                Err(error) if is_missing(&error) => missing = Some(error),
                Err(error) => return Err(error.into()),
            }
        }
        let path = String::from_utf8_lossy(path).into_owned();
        // A missing folder of dumps is no error if the files have that folder.
        let missing = missing.filter(|_| !has_folder);
        let absent = || unreadable(&self.manifest.backup, BackupDamage::PathMissing { path });
        Err(missing.map_or_else(absent, Into::into))
    }

    /// Returns the path of a store's dump, if the name is that of a store with one.
    fn dump_of(&self, name: &str) -> Option<&str> {
        let part = self.manifest.parts.iter().find(|part| part.store.as_str() == name)?;
        match &part.kept {
            Kept::Stream { path, .. } => Some(path),
            Kept::Files { .. } => None,
        }
    }

    fn snapshots(&self) -> impl Iterator<Item = &SnapshotId> {
        let content = self.set.parts.iter().filter(|part| matches!(part.kind, Kind::Dumps | Kind::Files));
        content.map(|part| &part.snapshot)
    }
}

fn is_missing(error: &RepositoryError) -> bool {
    error.kind() == Some(FailureKind::Missing)
}
