//! Selects a backup: by the first digits of its id, by a time, or the newest.

use crate::facts::StateSnapshot;
use crate::operators::request::{absent, read};
use crate::rpc_status::refuse;
use fleet_core::backup::{BackupKey, BackupSeen, BackupSource, RepositoryLocation};
use fleet_core::hint::Hint;
use fleet_core::names::{BackupId, InstanceName, RepositoryName};
use fleet_core::refused_call::{Attempt, BackupRefusal, NamedKind};
use fleet_core::time::Time;
use std::collections::BTreeSet;
use tonic::Status;

/// Minimum number of digits that select a backup.
pub const DIGITS: usize = 4;

/// A backup by its id or by how that begins, with the instance whose it is.
pub fn by_id(snapshot: &StateSnapshot, attempt: Attempt, text: &str) -> Result<(InstanceName, BackupId), Status> {
    let is_hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    if text.len() < DIGITS || text.len() > 24 || !is_hex(text) {
        let text = text.chars().take(40).collect();
        return Err(refuse(attempt, BackupRefusal::NotABackupId { text }, Hint::SeeBackups));
    }
    let all = snapshot.observed().backups.iter().flat_map(|(name, backups)| backups.keys().map(move |key| (name, key)));
    let found: BTreeSet<(&InstanceName, &BackupId)> =
        all.filter(|(_, key)| key.backup.as_str().starts_with(text)).map(|(name, key)| (name, &key.backup)).collect();
    match found.len() {
        0 => Err(absent(attempt, NamedKind::Backup, text, Hint::SeeBackups)),
        1 => Ok(found.first().map(|(name, id)| ((*name).clone(), (*id).clone())).expect("there is one")),
        count => {
            let refusal = BackupRefusal::SeveralBackups { count, text: text.to_owned() };
            Err(refuse(attempt, refusal, Hint::GiveMoreDigits))
        }
    }
}

/// The selected backup of an instance.
#[derive(Debug, Default)]
pub struct Meant<'a> {
    /// Empty: any.
    pub backup: &'a str,
    /// Latest time of the backup.
    pub at: Option<Time>,
    /// Empty: any.
    pub repository: &'a str,
}

/// Returns a good copy of the selected backup with its record, preferably from the coordinator's disk.
pub fn choose(
    snapshot: &StateSnapshot,
    attempt: Attempt,
    name: &InstanceName,
    meant: &Meant<'_>,
) -> Result<(BackupSource, BackupSeen), Status> {
    let hint = Hint::SeeBackupsOf(name.clone());
    let repository = Some(meant.repository).filter(|name| !name.is_empty());
    let repository = repository.map(|name| read::<RepositoryName>(attempt, name)).transpose()?;
    let backup = Some(meant.backup).filter(|text| !text.is_empty());
    let backup = backup.map(|text| by_id(snapshot, attempt, text)).transpose()?;
    if let Some((whose, id)) = backup.as_ref().filter(|(whose, _)| whose != name) {
        let (backup, owner, instance) = (id.clone(), whose.clone(), name.clone());
        return Err(refuse(attempt, BackupRefusal::BackupOfOther { backup, owner, instance }, hint));
    }
    let backups = snapshot.observed().backups.get(name);
    let is_meant = |(key, seen): &(&BackupKey, &BackupSeen)| {
        backup.as_ref().is_none_or(|(_, id)| key.backup == *id)
            && repository.as_ref().is_none_or(|repository| key.repository == *repository)
            && meant.at.is_none_or(|at| seen.began <= at)
    };
    let all: Vec<(&BackupKey, &BackupSeen)> = backups.into_iter().flatten().filter(is_meant).collect();
    // A backup that failed a drill is used only if there is no other, or if it is named.
    let usable = all.iter().filter(|(_, seen)| seen.is_good());
    let best =
        usable.max_by_key(|(key, seen)| (seen.is_restorable(), seen.began, is_central(snapshot, &key.repository)));
    match (best, all.first()) {
        (Some((key, seen)), _) => {
            let (repository, backup, snapshots) = (key.repository.clone(), key.backup.clone(), seen.snapshots.clone());
            Ok((BackupSource { repository, instance: name.clone(), backup, snapshots }, (*seen).clone()))
        }
        (None, Some((key, seen))) if !seen.asked_by.counts() => {
            let backup = key.backup.clone();
            Err(refuse(attempt, BackupRefusal::NotAsked { backup: backup.clone() }, Hint::AcceptBackup(backup)))
        }
        (None, Some((key, seen))) => {
            let backup = key.backup.clone();
            let hint = if seen.is_ambiguous() { Hint::ChooseSnapshot(backup.clone()) } else { hint };
            let refusal = match &seen.damaged {
                None if seen.is_ambiguous() => BackupRefusal::Ambiguous { backup },
                damage => BackupRefusal::Damaged { backup, damage: damage.clone() },
            };
            Err(refuse(attempt, refusal, hint))
        }
        (None, None) => Err(refuse(attempt, BackupRefusal::NoSuchBackup { instance: name.clone() }, hint)),
    }
}

fn is_central(snapshot: &StateSnapshot, repository: &RepositoryName) -> bool {
    let desired = snapshot.desired().repositories.get(repository);
    desired.is_some_and(|repository| repository.place == RepositoryLocation::Coordinator)
}
