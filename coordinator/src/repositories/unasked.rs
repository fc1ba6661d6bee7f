//! Content of a repository that no order requested: reported, and never used.

use super::housekeeping::backups_of;
use super::inspect::Look;
use super::repository_service::{RepositoryService, RepositoryServiceError};
use crate::clock;
use fleet_core::backup::{BackupKey, BackupSeen, RepositoryProblem};
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
        let found = unasked(&backups, claimed);
        let which = (repository.clone(), instance.clone());
        let look = self.look_at(repository, instance)?;
        if look.unasked == found {
            return Ok(());
        }
        for problem in found.iter().filter(|problem| !look.unasked.contains(problem)) {
            self.tell_of(&which, problem.clone(), clock::now()).await?;
        }
        self.keep_look(repository, instance, &Look { unasked: found, ..look }).await
    }
}

/// Returns the problems of unrequested backups; none if all were requested.
fn unasked(backups: &BTreeMap<BackupKey, BackupSeen>, claimed: &BTreeSet<BackupId>) -> Vec<RepositoryProblem> {
    let named = |is: &dyn Fn(&BackupKey, &BackupSeen) -> bool| {
        let mut found = backups.iter().filter(|(key, seen)| is(key, seen)).map(|(key, _)| key.backup.clone());
        found.next().map(|first| (1 + found.count(), first))
    };
    let is_claimed = |key: &BackupKey| claimed.contains(&key.backup);
    let added = named(&|_, seen| !seen.asked_by.counts());
    let doubled = named(&|_, seen| seen.asked_by.counts() && seen.doubles > 0);
    let forged = named(&|key, seen| seen.asked_by.counts() && seen.proof.is_none() && is_claimed(key));
    let added = added.map(|(count, first)| RepositoryProblem::Unrequested { count, first });
    let doubled = doubled.map(|(count, first)| RepositoryProblem::ForeignSnapshots { count, first });
    let forged = forged.map(|(count, first)| RepositoryProblem::FalseProofs { count, first });
    added.into_iter().chain(doubled).chain(forged).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_said_where_all_was_asked_for() {
        assert_eq!(unasked(&BTreeMap::new(), &["0123456789abcdef01234567".parse().expect("an id")].into()), []);
    }
}
