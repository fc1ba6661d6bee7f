//! Content of a repository that no order requested: reported, and never used.

use super::housekeeping::backups_of;
use super::repository_service::{RepositoryService, RepositoryServiceError};
use crate::clock;
use fleet_core::backup::{BackupKey, BackupSeen};
use fleet_core::grammar::{count, verb};
use fleet_core::names::{BackupId, InstanceName, RepositoryName};
use std::collections::{BTreeMap, BTreeSet};

impl RepositoryService {
    /// Records the unrequested content of one repository, and reports it once. `claimed` are backups for which a file
    /// claims a successful drill.
    pub(super) async fn note_unasked(
        &self,
        repository: &RepositoryName,
        instance: &InstanceName,
        claimed: &BTreeSet<BackupId>,
    ) -> Result<(), RepositoryServiceError> {
        let backups = backups_of(self.facts.read().observed().backups.get(instance), repository);
        let said = unasked(&backups, claimed);
        self.note(&(repository.clone(), instance.clone()), said, clock::now(), |look| &mut look.unasked).await
    }
}

/// Returns a text about unrequested backups; nothing if there are none.
fn unasked(backups: &BTreeMap<BackupKey, BackupSeen>, claimed: &BTreeSet<BackupId>) -> Option<String> {
    let named = |is: &dyn Fn(&BackupSeen) -> bool| -> Vec<&str> {
        backups.iter().filter(|(_, seen)| is(seen)).map(|(key, _)| key.backup.as_str()).collect()
    };
    let added = named(&|seen| !seen.asked_by.counts());
    let doubled = named(&|seen| seen.asked_by.counts() && seen.doubles > 0);
    let is_claimed = |key: &BackupKey| claimed.contains(&key.backup);
    let never = backups.iter().filter(|(key, seen)| seen.asked_by.counts() && seen.proof.is_none() && is_claimed(key));
    let forged: Vec<&str> = never.map(|(key, _)| key.backup.as_str()).collect();
    let mut said = Vec::new();
    if let Some(first) = added.first() {
        let (number, are) = (count(added.len(), "backup"), verb(added.len(), "is", "are"));
        said.push(format!("{number} that no order asked for {are} in it and not counted, {first} first"));
    }
    if let Some(first) = doubled.first() {
        let number = count(doubled.len(), "backup");
        said.push(format!("snapshots that are not used carry the id of {number}, {first} first"));
    }
    if let Some(first) = forged.first() {
        let number = count(forged.len(), "backup");
        said.push(format!(
            "it says that {number} {} proven, and no drill was heard of, {first} first",
            verb(forged.len(), "was", "were")
        ));
    }
    (!said.is_empty()).then(|| said.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_said_where_all_was_asked_for() {
        assert_eq!(unasked(&BTreeMap::new(), &["0123456789abcdef01234567".parse().expect("an id")].into()), None);
    }
}
