//! Selection by an operator among the snapshots with a backup's id, if none is recorded or the recorded one is gone.

use super::housekeeping::backups_of;
use super::inspect::FoundBy;
use super::repository_service::{RepositoryService, RepositoryServiceError};
use crate::clock;
use fleet_core::backup::{AskedBy, BackupKey, BackupSeen};
use fleet_core::event::EventKind;
use fleet_core::names::{BackupId, InstanceName, OperatorName, RepositoryName};
use fleet_core::time::Time;
use fleet_repository::{MAX_MANIFEST, SetRecord};

/// A snapshot that claims to be a backup.
#[derive(Debug)]
pub struct Candidate {
    /// Id of the snapshot.
    pub snapshot: String,
    /// Time that the writer of the snapshot claims.
    pub at: Time,
    /// Facts about the backup.
    pub seen: BackupSeen,
}

impl RepositoryService {
    /// Returns the repositories in which a person has to select the snapshot of a backup.
    pub fn unclear_copies(
        &self,
        instance: &InstanceName,
        backup: &BackupId,
    ) -> Result<Vec<RepositoryName>, RepositoryServiceError> {
        let snapshot = self.facts.read().observed().backups.get(instance).cloned().unwrap_or_default();
        let mut unclear = Vec::new();
        for (key, seen) in snapshot.into_iter().filter(|(key, _)| key.backup == *backup) {
            let damage = self.look_at(&key.repository, instance)?.damage.remove(backup);
            if seen.is_ambiguous() || damage.is_some_and(|damage| damage.found_by == FoundBy::Catalog) {
                unclear.push(key.repository.clone());
            }
        }
        Ok(unclear)
    }

    /// Returns the snapshots of a repository that claim to be a backup.
    pub async fn candidates(
        &self,
        repository: &RepositoryName,
        instance: &InstanceName,
        backup: &BackupId,
    ) -> Result<Vec<Candidate>, RepositoryServiceError> {
        let found = self.client(repository, instance)?.set(backup, MAX_MANIFEST).await?;
        let candidate = |set: SetRecord| {
            let manifest = set.read_manifest().ok()?;
            let is_it = manifest.instance == *instance && manifest.backup == *backup;
            let seen = BackupSeen { snapshots: Some(set.snapshots()), ..BackupSeen::of(&manifest, None) };
            is_it.then(|| Candidate { snapshot: set.set.to_string(), at: set.time, seen })
        };
        Ok(found.sets.into_iter().filter_map(candidate).collect())
    }

    /// Lets one of them be the backup.
    pub async fn choose(
        &self,
        (repository, instance, backup): (&RepositoryName, &InstanceName, &BackupId),
        chosen: Candidate,
        by: &OperatorName,
    ) -> Result<(), RepositoryServiceError> {
        let key = BackupKey { repository: repository.clone(), backup: backup.clone() };
        let snapshot = backups_of(self.facts.read().observed().backups.get(instance), repository).remove(&key);
        let Some(snapshot) = snapshot else { return Ok(()) };
        let asked_by = if snapshot.asked_by.counts() { snapshot.asked_by } else { AskedBy::Operator };
        let (began, ended, doubles) = (snapshot.began, snapshot.ended, snapshot.doubles);
        let seen = BackupSeen { began, ended, doubles, asked_by, ..chosen.seen };
        let (snapshot, by) = (chosen.snapshot.into(), by.clone());
        let (backup_id, repository_name) = (backup.clone(), repository.clone());
        let kind = EventKind::SnapshotChosen { backup: backup_id, repository: repository_name, snapshot, by };
        self.facts.choose_backup(instance, key, seen, kind, clock::now()).await?;
        let mut look = self.look_at(repository, instance)?;
        if look.damage.remove(backup).is_some() {
            self.keep_look(repository, instance, &look).await?;
        }
        Ok(())
    }
}
