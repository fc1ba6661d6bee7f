//! The catalog, worked out from what the repositories themselves hold.
//!
//! **Invariant:** what could not be read is not forgotten: the catalog keeps what it knew of it, marked as damaged.

use super::housekeeping::backups_of;
use super::keeper::{Keeper, KeeperError, Which};
use super::look::Damage;
use super::secrets::RepositorySecrets;
use super::work::Shelf;
use crate::clock;
use crate::facts::Found;
use fleet_core::backup::{BackupKey, BackupSeen, Manifest, Proof};
use fleet_core::names::{BackupId, InstanceName, RepositoryName};
use fleet_repository::{SetRecord, Unreadable};
use std::collections::BTreeMap;

/// What became of one rebuild.
#[derive(Debug, Default)]
pub struct Rebuilt {
    pub backups: usize,
    /// Instances of which something could not be read, with the reason: that part of the catalog stayed as it was.
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
        let (mut rebuilt, mut found, mut damaged) = (Rebuilt::default(), BTreeMap::new(), BTreeMap::new());
        for (_, instance) in reached.into_iter().filter(|(of, _)| of == repository) {
            match self.seen_in(repository, &instance).await {
                Ok((mut seen, unreadable)) => {
                    rebuilt.backups += seen.len();
                    if !unreadable.is_empty() {
                        let lost = self.keep_unseen(repository, &instance, &mut seen, &unreadable);
                        damaged.insert(instance.clone(), lost);
                        rebuilt.unread.extend(unreadable.iter().map(|file| (instance.clone(), file.to_string())));
                    }
                    found.insert(instance, seen);
                }
                Err(error) => rebuilt.unread.push((instance, error.to_string())),
            }
        }
        self.facts.replace_backups(repository, Found { before, found }).await?;
        for (instance, lost) in damaged {
            self.note_damage(repository, &instance, lost).await?;
        }
        Ok(rebuilt)
    }

    /// Keeps what the catalog has of backups that are not to be seen, where one of the files that cannot be read may be theirs.
    fn keep_unseen(
        &self,
        repository: &RepositoryName,
        instance: &InstanceName,
        seen: &mut BTreeMap<BackupKey, BackupSeen>,
        unreadable: &[Unreadable],
    ) -> BTreeMap<BackupId, String> {
        let known = backups_of(self.facts.read().observed().backups.get(instance), repository);
        let mut lost = BTreeMap::new();
        for (key, had) in known {
            let is_its_own = |file: &&Unreadable| {
                file.backup.as_ref().is_none_or(|backup| backup.to_string() == key.backup.as_str())
            };
            let Some(file) = unreadable.iter().find(is_its_own).filter(|_| !seen.contains_key(&key)) else { continue };
            lost.insert(key.backup.clone(), file.to_string());
            seen.insert(key, had);
        }
        lost
    }

    /// Marks backups as damaged until a check finds them well, and tells it.
    async fn note_damage(
        &self,
        repository: &RepositoryName,
        instance: &InstanceName,
        lost: BTreeMap<BackupId, String>,
    ) -> Result<(), KeeperError> {
        let mut look = self.look_at(repository, instance)?;
        let part = look.part;
        for (backup, reason) in lost {
            look.damage.entry(backup).or_insert(Damage { part, reason });
        }
        self.keep_look(repository, instance, &look).await?;
        self.facts.mark_damaged(instance, repository, &look.damaged(), clock::now()).await?;
        Ok(())
    }

    async fn seen_in(
        &self,
        repository: &RepositoryName,
        instance: &InstanceName,
    ) -> Result<(BTreeMap<BackupKey, BackupSeen>, Vec<Unreadable>), KeeperError> {
        let shelf = self.shelf(repository, instance)?;
        let (sets, proofs) = (shelf.sets().await?, shelf.proofs().await?);
        let mut newest: BTreeMap<String, Proof> = BTreeMap::new();
        // A proof that cannot be read takes none away: the catalog keeps the one that it has.
        for record in proofs.proofs {
            // One that a newer version wrote proves nothing to this one.
            let Ok(proof) = serde_json::from_slice::<Proof>(&record.proof) else { continue };
            let backup = String::from(record.backup);
            if newest.get(&backup).is_none_or(|known| known.at <= proof.at) {
                newest.insert(backup, proof);
            }
        }
        let damaged = self.look_at(repository, instance)?.damaged();
        let (mut seen, mut unreadable) = (BTreeMap::new(), sets.unreadable);
        for set in sets.sets {
            let manifest = match manifest_of(&set) {
                Ok(manifest) => manifest,
                Err(error) => {
                    let (kind, file) = (fleet_repository::FileKind::Snapshot, set.set);
                    unreadable.push(Unreadable { kind, file, backup: Some(set.backup), why: error.to_string() });
                    continue;
                }
            };
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
        Ok((seen, unreadable))
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
        let found = self.shelf(repository, instance)?.sets().await?;
        let set = found.sets.into_iter().find(|set| String::from(set.backup.clone()) == backup.as_str());
        let is_its_own = |file: &&Unreadable| file.backup.as_ref().is_none_or(|of| of.to_string() == backup.as_str());
        set.ok_or_else(|| match found.unreadable.iter().find(is_its_own) {
            Some(file) => KeeperError::Unreadable { backup: backup.to_string(), reason: file.to_string() },
            None => KeeperError::NoBackup {
                repository: repository.clone(),
                instance: instance.clone(),
                backup: backup.to_string(),
            },
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
