//! Reading single files, dumps and whole repositories for operators.

use super::keeper::{Keeper, KeeperError};
use super::look::Turn;
use super::work::{Shelf, WorkError};
use bytes::Bytes;
use fleet_core::backup::{Kept, Manifest};
use fleet_core::names::{BackupId, InstanceName, RepositoryName};
use fleet_repository::worker::{FailureKind, WorkerError};
use fleet_repository::{CheckReport, Entry, FileId, Kind, MAX_MANIFEST, ReadData, SetRecord};
use futures_util::stream::{BoxStream, StreamExt};

/// One backup, opened for reading.
#[derive(Debug)]
pub struct Opened {
    shelf: Shelf,
    set: SetRecord,
    pub manifest: Manifest,
}

impl Keeper {
    /// Reads as much of a repository's data as asked, and marks what is damaged in the catalog.
    pub async fn verify(
        &self,
        repository: &RepositoryName,
        instance: &InstanceName,
        read: ReadData,
    ) -> Result<CheckReport, KeeperError> {
        let _alone = self.one_at_a_time.lock().await;
        let shelf = self.shelf(repository, instance)?;
        self.check(&(repository.clone(), instance.clone()), &shelf, (read, Turn::Asked), crate::clock::now()).await
    }

    /// Opens one backup for reading.
    pub async fn open(
        &self,
        repository: &RepositoryName,
        instance: &InstanceName,
        backup: &BackupId,
    ) -> Result<Opened, KeeperError> {
        let set = self.set(repository, instance, backup, MAX_MANIFEST).await?;
        let manifest = super::catalog::manifest_of(&set)?;
        Ok(Opened { shelf: self.shelf(repository, instance)?, set, manifest })
    }
}

impl Opened {
    /// What is in a folder of the backup, dumps and files alike; in its root where the path is empty.
    pub async fn list(&self, path: &str) -> Result<Vec<Entry>, KeeperError> {
        let (mut entries, mut missing) = (Vec::new(), None);
        for snapshot in self.snapshots() {
            match self.shelf.list(snapshot, path.to_owned()).await {
                Ok(found) => entries.extend(found),
                Err(error) if is_missing(&error) => missing = Some(error),
                Err(error) => return Err(error.into()),
            }
        }
        match missing {
            Some(error) if entries.is_empty() => Err(error.into()),
            Some(_) | None => {
                entries.sort_by(|a, b| a.name.cmp(&b.name));
                Ok(entries)
            }
        }
    }

    /// One file of the backup, or the dump of the store with that name. The last item is an error unless it came whole.
    pub async fn read(&self, name: &str) -> Result<BoxStream<'static, Result<Bytes, KeeperError>>, KeeperError> {
        let path = self.dump_of(name).unwrap_or(name).trim_start_matches('/').to_owned();
        let (folder, file) = path.rsplit_once('/').unwrap_or(("", &path));
        let mut missing = None;
        for snapshot in self.snapshots() {
            match self.shelf.list(snapshot, folder.to_owned()).await {
                Ok(found) if found.iter().any(|entry| entry.name == file) => {
                    let stream = self.shelf.read(snapshot, path.clone()).await?;
                    return Ok(stream.map(|piece| piece.map_err(KeeperError::from)).boxed());
                }
                Ok(_) => {}
                Err(error) if is_missing(&error) => missing = Some(error),
                Err(error) => return Err(error.into()),
            }
        }
        let reason = format!("there is no `{path}` in it");
        Err(missing.map_or(KeeperError::Unreadable { backup: self.manifest.backup.to_string(), reason }, Into::into))
    }

    /// Where the dump of a store is, if that is what a name means.
    fn dump_of(&self, name: &str) -> Option<&str> {
        let part = self.manifest.parts.iter().find(|part| part.store.as_str() == name)?;
        match &part.kept {
            Kept::Stream { path, .. } => Some(path),
            Kept::Files { .. } => None,
        }
    }

    fn snapshots(&self) -> impl Iterator<Item = FileId> + '_ {
        let content = self.set.parts.iter().filter(|part| matches!(part.kind, Kind::Dumps | Kind::Files));
        content.map(|part| part.snapshot)
    }
}

fn is_missing(error: &WorkError) -> bool {
    match error {
        WorkError::Worker(error @ WorkerError::Failed(_)) => error.kind() == Some(FailureKind::Missing),
        WorkError::Worker(_) | WorkError::Keys(_) | WorkError::Program(_) | WorkError::Answer => false,
    }
}
