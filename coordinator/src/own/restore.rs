//! Bringing a coordinator back from its own backup, into a directory of its own.
//!
//! Changes of the fleet after the backup are not in it. So old requests are not carried out again by themselves: orders
//! are dropped, removals must be requested again, and rollouts wait for a person.

use super::settings::{Recovery, own_name};
use super::take::OwnManifest;
use super::{FACTS, FILES};
use crate::carry::{CarryError, read_records};
use crate::clock;
use crate::facts::Facts;
use crate::home::{Home, HomeError};
use crate::identity::{IdentityError, write_private};
use crate::keys;
use crate::repositories::WorkerLauncher;
use crate::store::{Batch, SledStore, Store, StoreError};
use fleet_core::names::SnapshotId;
use fleet_core::time::Time;
use fleet_repository::client::{RepositoryClient, RepositoryError};
use fleet_repository::worker::BackendSpec;
use futures_util::StreamExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Failure of restoring the coordinator.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The recovery file could not be read.
    #[error("could not read `{path}`")]
    Recovery {
        /// The recovery file.
        path: PathBuf,
        /// Cause of the failure.
        source: std::io::Error,
    },
    /// The file is not a recovery file.
    #[error("`{path}` is no recovery file; one that is sealed is opened with `age --decrypt` first")]
    NoRecovery {
        /// The file.
        path: PathBuf,
        /// Cause of the failure.
        source: serde_json::Error,
    },
    /// The repository holds no backup of a coordinator.
    #[error("there is no backup of a coordinator in the repository")]
    Empty,
    /// The backup was made by a newer version.
    #[error("the backup of {at} was made by a newer version: its format is {format}")]
    Newer {
        /// Time of the backup.
        at: Time,
        /// Its format.
        format: u32,
    },
    /// The backup's manifest is damaged.
    #[error("the backup cannot be read")]
    Damaged(#[source] serde_json::Error),
    /// The backup lacks a file that it needs.
    #[error("the backup has no {0}")]
    Lacks(&'static str),
    /// The repository failed.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
    /// The facts could not be imported.
    #[error(transparent)]
    Carry(#[from] CarryError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The directory failed.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// The coordinator's keys failed.
    #[error(transparent)]
    Identity(#[from] IdentityError),
}

/// Restores the newest backup into an empty directory, and returns its time. `from` is the present location of the
/// repository, if it differs from the recovery file.
pub async fn restore(
    recovery: &Path,
    from: Option<BackendSpec>,
    directory: &Path,
    launcher: &WorkerLauncher,
) -> Result<Time, RestoreError> {
    let path = || recovery.to_owned();
    let text = std::fs::read(recovery).map_err(|source| RestoreError::Recovery { path: path(), source })?;
    let Recovery { place, secrets, .. } =
        serde_json::from_slice(&text).map_err(|source| RestoreError::NoRecovery { path: path(), source })?;
    let client = launcher.with(own_name(), from.unwrap_or(place), secrets);
    let mut found = client.sets().await?;
    for unreadable in &found.unreadable {
        tracing::warn!(%unreadable, "a newer backup than the one that is restored may be lost with it");
    }
    let newest = found.sets.pop().ok_or(RestoreError::Empty)?;
    let OwnManifest { format, at, .. } = serde_json::from_slice(&newest.manifest).map_err(RestoreError::Damaged)?;
    if format > OwnManifest::FORMAT {
        return Err(RestoreError::Newer { at, format });
    }
    let dumps = newest.snapshots().dumps.ok_or(RestoreError::Lacks("files"))?;
    // Everything is read before anything is written.
    let facts = fetch(&client, &dumps, FACTS).await?;
    let mut files = Vec::new();
    for name in FILES {
        files.push((name, fetch(&client, &dumps, name).await?));
    }
    Home::begin_restore(directory)?;
    for (name, bytes) in files {
        write_private(&directory.join(name), &bytes)?;
    }
    let store: Arc<dyn Store> = Arc::new(SledStore::open(&Home::store_of(directory))?);
    read_records(store.as_ref(), facts.as_slice()).await?;
    let mut batch = Batch::new();
    store.scan(keys::ASKED)?.into_iter().for_each(|entry| batch.delete(entry.key));
    store.commit(batch).await?;
    let life = Home::with_store(directory, Arc::clone(&store))?.settings.certificate_life();
    Facts::load(store)?.come_back(at, life, clock::now()).await?;
    Home::finish_restore(directory)?;
    Ok(at)
}

async fn fetch(client: &RepositoryClient, snapshot: &SnapshotId, name: &'static str) -> Result<Vec<u8>, RestoreError> {
    let mut pieces = client.read(snapshot, name.as_bytes()).await?;
    let mut bytes = Vec::new();
    while let Some(piece) = pieces.next().await {
        bytes.extend_from_slice(&piece?);
    }
    Ok(bytes)
}
