//! Catalog as computed from the content of the repositories.
//!
//! **Invariant:** unreadable backups are not forgotten: the catalog keeps its entries, marked as damaged.

use super::housekeeping::{backups_of, said};
use super::repository_service::{RepositoryService, RepositoryServiceError, Which};
use super::secrets::RepositorySecrets;
use crate::clock;
use crate::facts::RepositoryContents;
use fleet_core::backup::{BackupDamage, BackupKey, BackupSeen, Manifest};
use fleet_core::names::{BackupId, InstanceName, RepositoryName, SnapshotId};
use fleet_repository::client::RepositoryClient;
use fleet_repository::{FileKind, MAX_MANIFEST, PartRecord, SetRecord, Unreadable};
use std::collections::{BTreeMap, BTreeSet};

/// Content of one instance's repository.
#[derive(Debug, Default)]
struct Seen {
    backups: BTreeMap<BackupKey, BackupSeen>,
    unreadable: Vec<Unreadable>,
    /// Backups whose own snapshot is not there any more, or is not known among several.
    lost: BTreeMap<BackupId, BackupDamage>,
    /// Backups for which a file claims a successful drill.
    claimed: BTreeSet<BackupId>,
}

/// Number of large, unreported manifests that are read one after the other; a host that writes more does not delay
/// others.
const ALONE: usize = 200;

/// Sets by the backup id that they claim, without their manifests, which may be too large in total.
type ById = BTreeMap<BackupKey, Vec<(SetRecord, BackupSeen)>>;

impl Seen {
    fn add(&mut self, of: (&RepositoryName, &InstanceName), mut set: SetRecord, by_id: &mut ById) {
        let manifest = match manifest_of(&set) {
            Ok(manifest) => manifest,
            Err(error) => {
                self.unreadable.push(unread_set(&set.backup, &set.set, &error.to_string()));
                return;
            }
        };
        set.manifest = Vec::new();
        let (repository, instance) = of;
        // A backup that was copied in from another instance, or whose manifest has another id, is ignored.
        if manifest.instance == *instance && manifest.backup == set.backup {
            let key = BackupKey { repository: repository.clone(), backup: manifest.backup.clone() };
            by_id.entry(key).or_default().push((set, BackupSeen::of(&manifest, None)));
        }
    }
}

fn unread_set(backup: &BackupId, set: &SnapshotId, why: &str) -> Unreadable {
    Unreadable { kind: FileKind::Snapshot, file: set.into(), backup: Some(backup.clone()), why: why.to_owned() }
}

fn by_backup(parts: Vec<PartRecord>) -> BTreeMap<BackupId, BTreeSet<SnapshotId>> {
    let mut all: BTreeMap<_, BTreeSet<SnapshotId>> = BTreeMap::new();
    for part in parts {
        all.entry(part.backup).or_default().insert(part.snapshot);
    }
    all
}

/// Result of one rebuild.
#[derive(Debug, Default)]
pub struct Rebuilt {
    /// Number of backups found.
    pub backups: usize,
    /// Instances with unreadable parts, with the reason: that part of the catalog is unchanged.
    pub unread: Vec<(InstanceName, String)>,
}

impl RepositoryService {
    /// Returns the client of one instance's repository.
    pub(super) fn client(
        &self,
        repository: &RepositoryName,
        instance: &InstanceName,
    ) -> Result<RepositoryClient, RepositoryServiceError> {
        let keys = self.keys_of(repository, instance)?;
        Ok(self.launcher.client(repository, self.place_spec(repository, instance)?, &keys))
    }

    /// Returns all repositories that the coordinator can reach.
    pub(super) fn reached(&self) -> Result<Vec<Which>, RepositoryServiceError> {
        let all = RepositorySecrets::all(self.facts.store())?;
        let is_reached = |(repository, instance): &Which| {
            self.place_spec(repository, instance).is_ok() && self.keys_of(repository, instance).is_ok()
        };
        Ok(all.into_iter().filter(is_reached).collect())
    }

    /// Reads a repository of all its instances again, and replaces that part of the catalog in one step.
    pub async fn rebuild(&self, repository: &RepositoryName) -> Result<Rebuilt, RepositoryServiceError> {
        let reached = self.reached()?;
        let before = self.facts.read().backups_in(repository);
        let (mut rebuilt, mut found, mut damaged) = (Rebuilt::default(), BTreeMap::new(), Vec::new());
        let mut unproven = BTreeMap::new();
        for (_, instance) in reached.into_iter().filter(|(of, _)| of == repository) {
            match self.seen_in(repository, &instance).await {
                Ok(Seen { backups: mut seen, unreadable, lost, claimed }) => {
                    rebuilt.backups += seen.len();
                    let mut unseen = BTreeMap::new();
                    if !unreadable.is_empty() {
                        unseen = self.keep_unseen(repository, &instance, &mut seen, &unreadable);
                        rebuilt.unread.extend(unreadable.iter().map(|file| (instance.clone(), file.to_string())));
                    }
                    damaged.push((instance.clone(), lost, unseen));
                    unproven.insert(instance.clone(), claimed);
                    found.insert(instance, seen);
                }
                Err(error) => rebuilt.unread.push((instance, said(&error))),
            }
        }
        self.facts.replace_backups(repository, RepositoryContents { before, found }, clock::now()).await?;
        for (instance, lost, unseen) in damaged {
            self.note_damage(repository, &instance, &lost, unseen).await?;
        }
        for (instance, claimed) in unproven {
            self.note_unasked(repository, &instance, &claimed).await?;
        }
        Ok(rebuilt)
    }

    /// Keeps catalog entries of missing backups if one of the unreadable files may belong to them.
    fn keep_unseen(
        &self,
        repository: &RepositoryName,
        instance: &InstanceName,
        seen: &mut BTreeMap<BackupKey, BackupSeen>,
        unreadable: &[Unreadable],
    ) -> BTreeMap<BackupId, BackupDamage> {
        let snapshot = backups_of(self.facts.read().observed().backups.get(instance), repository);
        let mut lost = BTreeMap::new();
        for (key, had) in snapshot {
            let is_its_own = |file: &&Unreadable| file.backup.as_ref().is_none_or(|backup| *backup == key.backup);
            let Some(file) = unreadable.iter().find(is_its_own).filter(|_| !seen.contains_key(&key)) else { continue };
            lost.insert(key.backup.clone(), unreadable_file(file));
            seen.insert(key, had);
        }
        lost
    }

    /// Marks backups as damaged, with an event: `lost` ones until they are found, unread ones until a check finds them
    /// good.
    async fn note_damage(
        &self,
        repository: &RepositoryName,
        instance: &InstanceName,
        lost: &BTreeMap<BackupId, BackupDamage>,
        unseen: BTreeMap<BackupId, BackupDamage>,
    ) -> Result<(), RepositoryServiceError> {
        let before = self.look_at(repository, instance)?;
        let mut look = before.clone();
        look.take_in_catalog(lost, unseen);
        if look != before {
            self.keep_look(repository, instance, &look).await?;
        }
        self.facts.mark_damaged(instance, repository, &look.damaged(), clock::now()).await?;
        Ok(())
    }

    async fn seen_in(
        &self,
        repository: &RepositoryName,
        instance: &InstanceName,
    ) -> Result<Seen, RepositoryServiceError> {
        let client = self.client(repository, instance)?;
        let (sets, proofs) = (client.sets().await?, client.proofs().await?);
        let snapshot = backups_of(self.facts.read().observed().backups.get(instance), repository);
        let damaged = self.look_at(repository, instance)?.damaged();
        let mut seen = Seen { unreadable: sets.unreadable, ..Seen::default() };
        // Any writer of a repository can add a proof of anything: only ordered drills prove a backup.
        seen.claimed = proofs.proofs.into_iter().map(|record| record.backup).collect();
        let (mut by_id, of) = (ById::new(), (repository, instance));
        sets.sets.into_iter().for_each(|set| seen.add(of, set, &mut by_id));
        self.read_alone(&client, of, sets.unread, (&mut seen, &mut by_id)).await?;
        for (key, sets) in by_id {
            let had = snapshot.get(&key);
            let doubles = u32::try_from(sets.len() - 1).unwrap_or(u32::MAX);
            let pinned = had.and_then(|had| had.snapshots.as_ref());
            let is_it = |(set, _): &&(SetRecord, BackupSeen)| pinned.is_none_or(|it| it.set == set.set);
            match (sets.iter().find(is_it), had) {
                (Some((set, found)), _) => {
                    if pinned.is_none() && doubles > 0 {
                        seen.lost.insert(key.backup.clone(), BackupDamage::Ambiguous { snapshots: sets.len() });
                    }
                    let snapshots = pinned.cloned().or_else(|| (doubles == 0).then(|| set.snapshots()));
                    let damaged = damaged.get(&key.backup).cloned();
                    let found = BackupSeen { damaged, snapshots, doubles, ..found.clone() };
                    seen.backups.insert(key, found.not_after(clock::now()));
                }
                (None, Some(had)) => {
                    seen.lost.insert(key.backup.clone(), BackupDamage::Replaced);
                    seen.backups.insert(key, BackupSeen { doubles: doubles + 1, ..had.clone() });
                }
                (None, None) => {}
            }
        }
        Ok(seen)
    }

    /// Reads manifests, which are too much all together, one after the other. What was read of one before does not change.
    async fn read_alone(
        &self,
        client: &RepositoryClient,
        of: (&RepositoryName, &InstanceName),
        unread: Vec<PartRecord>,
        (seen, by_id): (&mut Seen, &mut ById),
    ) -> Result<(), RepositoryServiceError> {
        let snapshot = backups_of(self.facts.read().observed().backups.get(of.1), of.0);
        let damaged = self.look_at(of.0, of.1)?.damaged();
        let mut left = ALONE;
        for (backup, snapshots) in by_backup(unread) {
            let had = snapshot.iter().find(|(key, _)| key.backup == backup);
            let pinned = had.and_then(|(_, had)| had.snapshots.as_ref());
            let is_pinned = pinned.is_some_and(|pinned| snapshots.contains(&pinned.set));
            if let Some((key, had)) = had.filter(|_| is_pinned || left == 0) {
                let others = by_id.remove(key).map_or(0, |sets| sets.len()) + snapshots.len() - 1;
                let (damaged, doubles) = (damaged.get(&key.backup).cloned(), u32::try_from(others).unwrap_or(u32::MAX));
                seen.backups.insert(key.clone(), BackupSeen { damaged, doubles, ..had.clone() });
                continue;
            }
            if left == 0 {
                let why = "there are too many large manifests to read";
                seen.unreadable.extend(snapshots.into_iter().map(|set| unread_set(&backup, &set, why)));
                continue;
            }
            left -= 1;
            let found = client.set(&backup, MAX_MANIFEST).await?;
            let own = found.unreadable.into_iter().filter(|file| file.backup.as_ref() == Some(&backup));
            seen.unreadable.extend(own);
            let why = "too many snapshots carry its backup's id";
            seen.unreadable.extend(found.unread.into_iter().map(|part| unread_set(&backup, &part.snapshot, why)));
            let own = found.sets.into_iter().filter(|set| snapshots.contains(&set.set));
            own.for_each(|set| seen.add(of, set, by_id));
        }
        Ok(())
    }

    /// Reads a backup's manifest, including its values in the clear; fails for one larger than `most` bytes.
    pub async fn manifest(
        &self,
        repository: &RepositoryName,
        instance: &InstanceName,
        backup: &BackupId,
        most: u64,
    ) -> Result<Manifest, RepositoryServiceError> {
        let set = self.set(repository, instance, backup, most).await?;
        manifest_of(&set)
    }

    /// A backup with its snapshots.
    pub(super) async fn set(
        &self,
        repository: &RepositoryName,
        instance: &InstanceName,
        backup: &BackupId,
        most: u64,
    ) -> Result<SetRecord, RepositoryServiceError> {
        let unknown = || RepositoryServiceError::NoBackup {
            repository: repository.clone(),
            instance: instance.clone(),
            backup: backup.to_string(),
        };
        let found = self.client(repository, instance)?.set(backup, most).await?;
        let key = BackupKey { repository: repository.clone(), backup: backup.clone() };
        let noted = backups_of(self.facts.read().observed().backups.get(instance), repository)
            .remove(&key)
            .and_then(|seen| seen.snapshots);
        let mut of_it: Vec<SetRecord> = found.sets.into_iter().filter(|set| set.backup == *backup).collect();
        let count = of_it.len();
        let set = match noted {
            Some(noted) => of_it.into_iter().find(|set| set.set == noted.set).map(|set| set.made_of(&noted)),
            None if count > 1 => return Err(unreadable(backup, BackupDamage::Ambiguous { snapshots: count })),
            None => of_it.pop(),
        };
        let is_its_own = |file: &&Unreadable| file.backup.as_ref().is_none_or(|of| of == backup);
        set.ok_or_else(|| match found.unreadable.iter().find(is_its_own) {
            Some(file) => unreadable(backup, unreadable_file(file)),
            None if !found.unread.is_empty() => unreadable(backup, BackupDamage::TooManySnapshots),
            None => unknown(),
        })
    }
}

/// Returns the damage of a backup to which a file belongs.
pub fn unreadable_file(file: &Unreadable) -> BackupDamage {
    let Unreadable { kind, file, why, .. } = file;
    BackupDamage::FileUnreadable { kind: *kind, file: file.to_string(), cause: why.clone() }
}

/// Reads a manifest; one that is newer than this program is an error, never a guess.
pub(super) fn manifest_of(set: &SetRecord) -> Result<Manifest, RepositoryServiceError> {
    let unusable = |problem| unreadable(&set.backup, BackupDamage::ManifestUnusable { problem });
    set.read_manifest().map_err(unusable)
}

/// Returns the error about a backup that cannot be read.
pub(super) fn unreadable(backup: &BackupId, damage: BackupDamage) -> RepositoryServiceError {
    RepositoryServiceError::Unreadable { backup: backup.to_string(), damage }
}
