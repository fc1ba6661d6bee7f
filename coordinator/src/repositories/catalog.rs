//! The catalog, worked out from what the repositories themselves hold.
//!
//! **Invariant:** what could not be read is not forgotten.

use super::keeper::{Keeper, KeeperError, Which};
use super::secrets::RepositorySecrets;
use super::work::Shelf;
use crate::clock;
use crate::facts::Found;
use fleet_core::backup::{BackupKey, BackupSeen, Manifest, Proof};
use fleet_core::names::{BackupId, InstanceName, RepositoryName};
use fleet_repository::SetRecord;
use std::collections::BTreeMap;

/// What became of one rebuild.
#[derive(Debug, Default)]
pub struct Rebuilt {
    pub backups: usize,
    /// Instances whose part stayed as it was, with the reason.
    pub unread: Vec<(InstanceName, String)>,
}

impl Keeper {
    /// One instance's repository, for work on it.
    pub(super) fn shelf(&self, repository: &RepositoryName, instance: &InstanceName) -> Result<Shelf, KeeperError> {
        let keys = self.keys_of(repository, instance)?;
        Ok(self.workshop.shelf(self.place_spec(repository, instance)?, &keys))
    }

    /// All repositories that the coordinator reaches by itself.
    pub(super) fn reached(&self) -> Result<Vec<Which>, KeeperError> {
        let all = RepositorySecrets::all(self.facts.store())?;
        let is_reached = |(repository, instance): &Which| {
            self.place_spec(repository, instance).is_ok() && self.keys_of(repository, instance).is_ok()
        };
        Ok(all.into_iter().filter(is_reached).collect())
    }

    /// Reads a repository of all its instances anew; that part of the catalog changes at once.
    pub async fn rebuild(&self, repository: &RepositoryName) -> Result<Rebuilt, KeeperError> {
        let reached = self.reached()?;
        let before = self.facts.read().backups_in(repository);
        let (mut rebuilt, mut found) = (Rebuilt::default(), BTreeMap::new());
        for (_, instance) in reached.into_iter().filter(|(of, _)| of == repository) {
            match self.seen_in(repository, &instance).await {
                Ok(seen) => {
                    rebuilt.backups += seen.len();
                    found.insert(instance, seen);
                }
                Err(error) => rebuilt.unread.push((instance, error.to_string())),
            }
        }
        self.facts.replace_backups(repository, Found { before, found }).await?;
        Ok(rebuilt)
    }

    async fn seen_in(
        &self,
        repository: &RepositoryName,
        instance: &InstanceName,
    ) -> Result<BTreeMap<BackupKey, BackupSeen>, KeeperError> {
        let shelf = self.shelf(repository, instance)?;
        let (sets, proofs) = (shelf.sets().await?, shelf.proofs().await?);
        let mut newest: BTreeMap<String, Proof> = BTreeMap::new();
        for record in proofs {
            // One that a newer version wrote proves nothing to this one.
            let Ok(proof) = serde_json::from_slice::<Proof>(&record.proof) else { continue };
            let backup = String::from(record.backup);
            if newest.get(&backup).is_none_or(|known| known.at <= proof.at) {
                newest.insert(backup, proof);
            }
        }
        let damaged = self.look_at(repository, instance)?.damaged();
        let mut seen = BTreeMap::new();
        for set in sets {
            let manifest = manifest_of(&set)?;
            // What somebody copied in from elsewhere is not this instance's; what calls itself another backup than it is, nobody's.
            let is_itself = String::from(set.backup) == manifest.backup.as_str();
            if manifest.instance != *instance || !is_itself {
                continue;
            }
            let proof = newest.get(manifest.backup.as_str()).cloned();
            let of = BackupSeen { damaged: damaged.get(&manifest.backup).cloned(), ..BackupSeen::of(&manifest, proof) };
            // The first counts: it was there when the others came.
            let key = BackupKey { repository: repository.clone(), backup: manifest.backup };
            seen.entry(key).or_insert(of.not_after(clock::now()));
        }
        Ok(seen)
    }

    /// All that a backup says of itself, values in the clear included.
    pub async fn manifest(
        &self,
        repository: &RepositoryName,
        instance: &InstanceName,
        backup: &BackupId,
    ) -> Result<Manifest, KeeperError> {
        let set = self.set(repository, instance, backup).await?;
        manifest_of(&set)
    }

    /// A backup with its snapshots.
    pub(super) async fn set(
        &self,
        repository: &RepositoryName,
        instance: &InstanceName,
        backup: &BackupId,
    ) -> Result<SetRecord, KeeperError> {
        let sets = self.shelf(repository, instance)?.sets().await?;
        let set = sets.into_iter().find(|set| String::from(set.backup.clone()) == backup.as_str());
        set.ok_or_else(|| KeeperError::NoBackup {
            repository: repository.clone(),
            instance: instance.clone(),
            backup: backup.to_string(),
        })
    }
}

/// Reads a manifest; one that is newer than this program is an error, never a guess.
pub(super) fn manifest_of(set: &SetRecord) -> Result<Manifest, KeeperError> {
    #[derive(serde::Deserialize)]
    struct Format {
        format: u32,
    }
    let unreadable = |reason: String| KeeperError::Unreadable { backup: set.backup.to_string(), reason };
    let Format { format } = serde_json::from_slice(&set.manifest).map_err(|error| unreadable(error.to_string()))?;
    if format > Manifest::FORMAT {
        let known = Manifest::FORMAT;
        return Err(unreadable(format!("it is of format {format}, and this program knows formats up to {known}")));
    }
    serde_json::from_slice(&set.manifest).map_err(|error| unreadable(error.to_string()))
}
