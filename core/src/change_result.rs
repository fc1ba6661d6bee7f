//! Results of changes, as values. `fleet` turns them into words.

use crate::backup::{DataNote, DataResult, DrillMade, RestoreMade};
use crate::names::{BackupId, HostName, RepositoryName};
use std::time::Duration;

/// Maximum number of notes of a restore in its result.
const NOTES: usize = 8;

/// Result of a change, where more is to be told than that it is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChangeResult {
    /// The instance is removed.
    Gone,
    /// A drill has proven a backup.
    Proven {
        /// Backup that was restored.
        backup: BackupId,
        /// Repository of the backup.
        repository: RepositoryName,
        /// Host of the drill.
        host: HostName,
        /// Duration of the drill.
        took: Duration,
        /// Number of checks that passed.
        checks: usize,
    },
    /// A restore has remarks that are no errors.
    Restored {
        /// Number of earlier remarks.
        more: usize,
        /// The last remarks: those that need a person come last.
        notes: Vec<DataNote>,
    },
}

impl ChangeResult {
    /// Makes it from the result of an order about data that ended well; `None` if there is no more to tell.
    pub fn of(made: &DataResult) -> Option<Self> {
        match made {
            DataResult::Drill(drill) => Self::proven(drill),
            DataResult::Restore(RestoreMade { notes, .. }) if !notes.is_empty() => {
                let more = notes.len().saturating_sub(NOTES);
                Some(Self::Restored { more, notes: notes[more..].to_vec() })
            }
            DataResult::Restore(_) | DataResult::Backup(_) | DataResult::Forgotten(_) => None,
        }
    }

    fn proven(DrillMade { repository, backup, proof }: &DrillMade) -> Option<Self> {
        let has_passed = proof.failure.is_none();
        has_passed.then(|| Self::Proven {
            backup: backup.clone(),
            repository: repository.clone(),
            host: proof.host.clone(),
            took: Duration::from_millis(proof.took_ms),
            checks: proof.checks.len(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backup::{DrillCheck, Proof};
    use crate::order_failure::OrderFailure;
    use crate::time::Time;

    #[test]
    fn a_drill_has_a_result_if_it_has_proven_something() {
        let proof = |failure: Option<&str>| Proof {
            at: Time(1),
            host: "lab-1".parse().expect("it is a name"),
            took_ms: 40_000,
            bytes: 3,
            checks: vec![DrillCheck::other("db: notes: 3")],
            failure: failure.map(|text| Box::new(OrderFailure::other(text))),
        };
        let backup: BackupId = "3f9a12bc0011223344556677".parse().expect("it is an id");
        let repository: RepositoryName = "central".parse().expect("it is a name");
        let drilled = |failure| {
            let (repository, backup) = (repository.clone(), backup.clone());
            ChangeResult::of(&DataResult::Drill(DrillMade { repository, backup, proof: proof(failure) }))
        };
        let took = Duration::from_secs(40);
        let (host, checks) = (proof(None).host, 1);
        let (of, from) = (backup.clone(), repository.clone());
        let proven = ChangeResult::Proven { backup: of, repository: from, host, took, checks };
        assert_eq!(drilled(None), Some(proven));
        assert_eq!(drilled(Some("it does not start")), None);
        assert_eq!(ChangeResult::of(&DataResult::Forgotten(Vec::new())), None);
    }

    #[test]
    fn a_restore_tells_its_last_notes() {
        let restored = |count: usize| {
            let notes = (0..count).map(|number| DataNote::other(number.to_string())).collect();
            let backup = "3f9a12bc0011223344556677".parse().expect("it is an id");
            ChangeResult::of(&DataResult::Restore(RestoreMade { backup, safety: vec![], took_ms: 1, bytes: 1, notes }))
        };
        assert_eq!(restored(0), None);
        assert_eq!(restored(1), Some(ChangeResult::Restored { more: 0, notes: vec![DataNote::other("0")] }));
        let Some(ChangeResult::Restored { more, notes }) = restored(10) else { panic!("it has notes") };
        assert_eq!((more, notes.len(), notes.last()), (2, NOTES, Some(&DataNote::other("9"))));
    }
}
