//! Selects a backup: by the first digits of its id, by a time, or the newest.

use crate::facts::StateSnapshot;
use crate::operators::request::{absent, hindered, read, wrong};
use fleet_core::backup::{BackupKey, BackupSeen, BackupSource, RepositoryLocation};
use fleet_core::hint::Hint;
use fleet_core::names::{BackupId, InstanceName, RepositoryName};
use fleet_core::time::Time;
use std::collections::BTreeSet;
use tonic::Status;

/// Minimum number of digits that select a backup.
pub const DIGITS: usize = 4;

/// A backup by its id or by how that begins, with the instance whose it is.
pub fn by_id(snapshot: &StateSnapshot, attempt: &str, text: &str) -> Result<(InstanceName, BackupId), Status> {
    let is_hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    if text.len() < DIGITS || text.len() > 24 || !is_hex(text) {
        let why = format!("`{}` is not a backup's id", text.chars().take(40).collect::<String>());
        return Err(wrong(attempt, why, Hint::SeeBackups));
    }
    let all = snapshot.observed().backups.iter().flat_map(|(name, backups)| backups.keys().map(move |key| (name, key)));
    let found: BTreeSet<(&InstanceName, &BackupId)> =
        all.filter(|(_, key)| key.backup.as_str().starts_with(text)).map(|(name, key)| (name, &key.backup)).collect();
    match found.len() {
        0 => Err(absent(attempt, format!("backup `{text}`"), Hint::SeeBackups)),
        1 => Ok(found.first().map(|(name, id)| ((*name).clone(), (*id).clone())).expect("there is one")),
        more => Err(wrong(attempt, format!("{more} backups begin with `{text}`"), Hint::GiveMoreDigits)),
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
    attempt: &str,
    name: &InstanceName,
    meant: &Meant<'_>,
) -> Result<(BackupSource, BackupSeen), Status> {
    let hint = Hint::SeeBackupsOf(name.clone());
    let repository = Some(meant.repository).filter(|name| !name.is_empty());
    let repository = repository.map(|name| read::<RepositoryName>(attempt, name)).transpose()?;
    let backup = Some(meant.backup).filter(|text| !text.is_empty());
    let backup = backup.map(|text| by_id(snapshot, attempt, text)).transpose()?;
    if let Some((whose, id)) = backup.as_ref().filter(|(whose, _)| whose != name) {
        return Err(wrong(attempt, format!("the backup {id} is of `{whose}`, not of `{name}`"), hint));
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
            let why = format!("no order asked for the backup {}: its host added it", key.backup);
            Err(hindered(attempt, why, Hint::AcceptBackup(key.backup.clone())))
        }
        (None, Some((key, seen))) => {
            let unclear = if seen.is_ambiguous() { "several snapshots carry its id" } else { "" };
            let damage = seen.damaged.as_ref().map_or_else(|| unclear.to_owned(), ToString::to_string);
            let hint = if seen.is_ambiguous() { Hint::ChooseSnapshot(key.backup.clone()) } else { hint };
            Err(hindered(attempt, format!("the backup {} is damaged: {damage}", key.backup), hint))
        }
        (None, None) => Err(absent(attempt, format!("such backup of `{name}`"), hint)),
    }
}

fn is_central(snapshot: &StateSnapshot, repository: &RepositoryName) -> bool {
    let desired = snapshot.desired().repositories.get(repository);
    desired.is_some_and(|repository| repository.place == RepositoryLocation::Coordinator)
}
