//! Taking the coordinator's own backups: now, or every day while it serves.

use super::settings::{OwnBackup, SettingsError, own_name};
use super::{FACTS, FILES};
use crate::carry::{CarryError, write_records};
use crate::clock;
use crate::facts::Facts;
use crate::keys;
use crate::repositories::{WorkerLauncher, said};
use crate::store::{Batch, Entry, StoreError};
use fleet_core::event::{EventKind, EventSubject};
use fleet_core::names::{BackupId, HostName};
use fleet_core::problem::Problem;
use fleet_core::time::Time;
use fleet_repository::client::{RepositoryClient, RepositoryError};
use fleet_repository::worker::StreamSpec;
use fleet_repository::{Part, Secrets};
use serde::{Deserialize, Serialize};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::{JoinError, spawn_blocking};
use tokio::time::sleep;
use tracing::Instrument;

/// Time after which a failed backup is tried again.
const AGAIN: Duration = Duration::from_secs(15 * 60);
/// Time after the start until the first backup.
const FIRST: Duration = Duration::from_secs(3600);
const LOOK: Duration = Duration::from_secs(60);

/// Failure of the coordinator's own backup.
#[derive(Debug, thiserror::Error)]
pub enum OwnError {
    /// The coordinator has no backup settings.
    #[error("the coordinator's own backups go nowhere yet")]
    NotSetUp,
    /// A file could not be read.
    #[error("could not read `{path}`")]
    Read {
        /// The file.
        path: PathBuf,
        /// Cause of the failure.
        source: io::Error,
    },
    /// The settings failed.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The facts could not be exported.
    #[error(transparent)]
    Carry(#[from] CarryError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The repository failed.
    #[error("could not keep the coordinator's own backup")]
    Repository(#[from] RepositoryError),
    /// A file of the repository cannot be read; the text names it.
    #[error("{0}")]
    Unreadable(String),
    /// The task was cancelled or panicked.
    #[error("the reading of the facts ended unexpectedly")]
    Task(#[from] JoinError),
}

/// Facts about a backup that are recorded beside it.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Noted {
    at: Option<Time>,
    failure: Option<String>,
    /// Reason why old backups could not be removed.
    #[serde(default)]
    surplus: Option<String>,
}

/// Manifest of a backup of the coordinator.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct OwnManifest {
    pub format: u32,
    pub at: Time,
    /// The version of the program that took it.
    pub version: String,
}

impl OwnManifest {
    pub const FORMAT: u32 = 1;
}

/// Backs up a coordinator's directory, with these records as its facts, and removes old backups. The backup exists when
/// this returns without error; the result is the reason why old ones could not be removed.
pub async fn take_own_backup(
    directory: &Path,
    entries: Vec<Entry>,
    launcher: &WorkerLauncher,
    now: Time,
) -> Result<Option<OwnError>, OwnError> {
    let own = OwnBackup::load(directory)?.ok_or(OwnError::NotSetUp)?;
    let secrets = Secrets { password: String::new(), master_key: own.master_key.0.clone() };
    let client = launcher.with(own_name(), own.place.clone(), secrets);
    let part = part_at(now);
    // All facts as text; no other caller waits for this.
    let from = directory.to_owned();
    let streams = spawn_blocking(move || streams(&from, entries)).await??;
    archive(&client, &part, streams).await?;
    let version = env!("CARGO_PKG_VERSION").to_owned();
    let manifest = OwnManifest { format: OwnManifest::FORMAT, at: now, version };
    let manifest = serde_json::to_vec(&manifest).expect("it has text keys only, so it is JSON");
    client.write_set(&part, manifest).await?;
    Ok(let_old_go(&client, own.keep).await.err())
}

/// Returns the identity of a backup at a moment.
fn part_at(time: Time) -> Part {
    let backup: BackupId = format!("{:024}", time.0).parse().expect("24 digits are a backup's id");
    let host: HostName = "coordinator".parse().expect("the word is a host's name");
    Part { backup, host, time }
}

/// Archives streams as one snapshot; each has a name and content.
async fn archive(
    client: &RepositoryClient,
    part: &Part,
    streams: Vec<(String, Vec<u8>)>,
) -> Result<(), RepositoryError> {
    let spec =
        |(name, bytes): &(String, Vec<u8>)| StreamSpec { name: name.clone(), expected: Some(bytes.len() as u64) };
    let mut upload = client.archive_streams(part, streams.iter().map(spec).collect()).await?;
    for (_, bytes) in &streams {
        upload.send(bytes).await?;
        upload.end_stream().await?;
    }
    upload.finish().await.map(drop)
}

/// The files of the directory and the facts, in the order of their names.
fn streams(directory: &Path, entries: Vec<Entry>) -> Result<Vec<(String, Vec<u8>)>, OwnError> {
    let mut facts = Vec::new();
    write_records(entries, &mut facts)?;
    let mut streams = vec![(FACTS.to_owned(), facts)];
    for name in FILES {
        let path = directory.join(name);
        let bytes = fs::read(&path).map_err(|source| OwnError::Read { path, source })?;
        streams.push((name.to_owned(), bytes));
    }
    streams.sort();
    Ok(streams)
}

async fn let_old_go(client: &RepositoryClient, keep: usize) -> Result<(), OwnError> {
    let found = client.sets().await?;
    // Nothing can be removed then: continuing to forget would remove all backups in time.
    if let Some(file) = found.unreadable.first() {
        return Err(OwnError::Unreadable(file.to_string()));
    }
    // The oldest come first.
    let unread = found.unread.into_iter().map(|part| part.backup);
    let sets: Vec<_> = unread.chain(found.sets.into_iter().map(|set| set.backup)).collect();
    let surplus = sets.len().saturating_sub(keep.max(1));
    if surplus == 0 {
        return Ok(());
    }
    client.forget(sets.into_iter().take(surplus).collect()).await?;
    client.prune().await?;
    Ok(())
}

/// Runs until dropped.
pub async fn keep_own_backups(facts: &Arc<Facts>, directory: &Path, launcher: &WorkerLauncher) {
    loop {
        let span = tracing::error_span!("own_backup");
        let pause = match keep_one(facts, directory, launcher).instrument(span).await {
            Ok(()) => LOOK,
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "the coordinator could not back itself up");
                AGAIN
            }
        };
        sleep(pause).await;
    }
}

async fn keep_one(facts: &Arc<Facts>, directory: &Path, launcher: &WorkerLauncher) -> Result<(), OwnError> {
    let (Some(own), now) = (OwnBackup::load(directory)?, clock::now()) else { return Ok(()) };
    let noted = noted(facts)?;
    // A backup of tomorrow was taken with a clock that was ahead.
    let is_done = |at: Time| at <= now && now.since(at) < Duration::from_secs(own.every_seconds);
    if noted.at.is_some_and(is_done) {
        return Ok(());
    }
    let reading = Arc::clone(facts);
    let entries = spawn_blocking(move || reading.at_one_moment()).await??;
    let taken = take_own_backup(directory, entries, launcher, now).await;
    let failure = taken.as_ref().err().map(|error| said(error));
    if let Some(text) = failure.as_deref().filter(|_| failure != noted.failure) {
        found(facts, Problem::OwnBackupFailed(text.into()), now).await?;
    }
    let surplus = taken.as_ref().ok().and_then(Option::as_ref).map(|error| said(error));
    if let Some(text) = surplus.as_deref().filter(|_| surplus != noted.surplus) {
        found(facts, Problem::OwnBackupsNotRemoved(text.into()), now).await?;
    }
    let at = if taken.is_ok() { Some(now) } else { noted.at };
    let mut batch = Batch::new();
    batch.put(keys::OWN_BACKUP, &Noted { at, failure, surplus });
    facts.settled(facts.store().commit(batch)).await?;
    taken.map(drop)
}

async fn found(facts: &Facts, problem: Problem, now: Time) -> Result<(), StoreError> {
    facts.tell(EventSubject::Coordinator, EventKind::Found(Box::new(problem)), now).await
}

/// Health of the coordinator's own backups.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct OwnBackupHealth {
    /// Time of the last one.
    pub at: Option<Time>,
    /// Present problem.
    pub problem: Option<Problem>,
}

/// Returns their health from the recorded facts. A new coordinator has an hour for its first backup.
pub fn own_backup_health(facts: &Facts, directory: &Path, now: Time) -> Result<OwnBackupHealth, OwnError> {
    let Some(own) = OwnBackup::load(directory)? else {
        return Ok(OwnBackupHealth { at: None, problem: Some(Problem::OwnBackupNotSet) });
    };
    let (Noted { at, failure, surplus }, since) = (noted(facts)?, facts.read().observed().since);
    let every = Duration::from_secs(own.every_seconds);
    let problem = match (failure, at) {
        (Some(failure), _) => Some(Problem::OwnBackupFailed(failure.into())),
        (None, Some(at)) if now.since(at) > every * 2 => Some(Problem::OwnBackupOld { age: now.since(at) }),
        (None, None) if now.since(since) > FIRST => Some(Problem::NeverBackedUp),
        (None, _) => surplus.map(|text| Problem::OwnBackupsNotRemoved(text.into())),
    };
    Ok(OwnBackupHealth { at, problem })
}

fn noted(facts: &Facts) -> Result<Noted, StoreError> {
    match facts.store().get(keys::OWN_BACKUP)? {
        Some(entry) => entry.read(),
        None => Ok(Noted::default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::testing::memory;
    use crate::own::settings::Hidden;
    use fleet_repository::worker::BackendSpec;

    async fn standing(noted: Option<Noted>, set_up: bool, now: u64) -> (Option<Time>, Option<Problem>) {
        let (home, facts) = (tempfile::tempdir().expect("a directory can be made"), memory());
        if set_up {
            let place = BackendSpec::Folder { path: "/mnt/backups".into() };
            let own = OwnBackup { place, master_key: Hidden("{}".to_owned()), every_seconds: 86_400, keep: 14 };
            let text = serde_json::to_string(&own).expect("it is JSON");
            fs::write(home.path().join(super::super::settings::FILE), text).expect("there is room");
        }
        let mut batch = Batch::new();
        noted.iter().for_each(|noted| batch.put(keys::OWN_BACKUP, noted));
        facts.store().commit(batch).await.expect("the store is whole");
        let since = facts.read().observed().since;
        let found =
            own_backup_health(&facts, home.path(), since.after(Duration::from_secs(now))).expect("it can be read");
        (found.at, found.problem)
    }

    #[tokio::test]
    async fn what_is_wrong_with_the_coordinators_own_backups_is_said() {
        let noted = |at, failure: Option<&str>| Some(Noted { at, failure: failure.map(str::to_owned), surplus: None });
        assert_eq!(standing(None, false, 0).await.1, Some(Problem::OwnBackupNotSet));
        assert_eq!(standing(None, true, 3600).await.1, None);
        assert_eq!(standing(None, true, 3601).await.1, Some(Problem::NeverBackedUp));
        let failed = standing(noted(None, Some("it is full")), true, 0).await.1;
        assert_eq!(failed, Some(Problem::OwnBackupFailed("it is full".into())));
        let now = crate::clock::now();
        let (at, problem) = standing(noted(Some(now), None), true, 86_400).await;
        assert_eq!((at, problem), (Some(now), None));
    }
}
