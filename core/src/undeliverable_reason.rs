//! Reasons why a host cannot be given an order, as values. `fleet` turns them into words.

use crate::backup_damage::BackupDamage;
use crate::coded_text::plain;
use crate::names::{InstanceName, RepositoryName};
use crate::plain_text::ShortText;
use crate::time::Time;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Reason why a host cannot be given an order. Kept facts have it as `{"code": "values_missing", "with": …}`, earlier ones as a text.
///
/// `Display` is for logs: the code in words, then the arguments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "code", content = "with")]
pub enum UndeliverableReason {
    /// The values of the wanted revision are not kept.
    ValuesMissing {
        /// Instance of the values.
        instance: InstanceName,
        /// Revision of the values.
        revision: u64,
    },
    /// A value cannot be opened with the coordinator's key.
    ValueSealed {
        /// Instance of the value.
        instance: InstanceName,
        /// Name of the value.
        value: ShortText,
    },
    /// Two machines connect as the host.
    TwoMachines {
        /// Time at which it was found.
        since: Time,
    },
    /// The host's agent lacks a capability that the order needs.
    AgentTooOld {
        /// The capability.
        lacks: ShortText,
    },
    /// There is no repository of that name.
    NoRepository(RepositoryName),
    /// The repository has no backups of the instance.
    NothingInRepository {
        /// Name of the repository.
        repository: RepositoryName,
        /// Name of the instance.
        instance: InstanceName,
    },
    /// The credentials of the repository's bucket are not kept.
    BucketKeysMissing(RepositoryName),
    /// The repository is a folder on the instance's own host.
    RepositoryOnHost(RepositoryName),
    /// The repository is being made: this passes by itself.
    RepositoryBeingMade(RepositoryName),
    /// The repository is being made for too long.
    RepositoryBeingMadeSince {
        /// Name of the repository.
        repository: RepositoryName,
        /// Time at which an order first waited for it.
        since: Time,
    },
    /// The repository could not be made.
    RepositoryNotMade {
        /// Name of the repository.
        repository: RepositoryName,
        /// Words of the program that should make it.
        cause: ShortText,
    },
    /// The repository does not have the backup.
    BackupMissing {
        /// Name of the repository.
        repository: RepositoryName,
        /// Name of the instance.
        instance: InstanceName,
        /// Id of the backup.
        backup: ShortText,
    },
    /// The backup cannot be read.
    BackupUnreadable {
        /// Id of the backup.
        backup: ShortText,
        /// Its damage. Earlier versions kept a text.
        #[serde(alias = "cause")]
        damage: BackupDamage,
    },
    /// The keys of the repositories cannot be opened.
    RepositoryKeysUnreadable {
        /// Error of the key or of its file.
        cause: ShortText,
    },
    /// The access to the repositories failed.
    RepositoryFailed {
        /// Words of the program or of the system.
        cause: ShortText,
    },
    /// Words of an earlier version.
    #[serde(untagged)]
    Text(ShortText),
}

impl UndeliverableReason {
    /// Returns whether it passes by itself soon: the missing part is being made.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::RepositoryBeingMade(_))
    }
}

impl fmt::Display for UndeliverableReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&plain(&serde_json::to_value(self).map_err(|_| fmt::Error)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_of_a_withheld_order_is_kept_as_a_code_and_read_as_a_text_too() {
        let missing =
            UndeliverableReason::ValuesMissing { instance: "notes-1".parse().expect("it is a name"), revision: 3 };
        for (reason, expect) in [
            (missing, r#"{"code":"values_missing","with":{"instance":"notes-1","revision":3}}"#),
            (UndeliverableReason::Text("its values are gone".into()), r#""its values are gone""#),
            (
                UndeliverableReason::BackupUnreadable { backup: "3f9a".into(), damage: BackupDamage::TooManySnapshots },
                r#"{"code":"backup_unreadable","with":{"backup":"3f9a","damage":{"code":"too_many_snapshots"}}}"#,
            ),
        ] {
            assert_eq!(serde_json::to_string(&reason).expect("it can be written"), expect);
            assert_eq!(serde_json::from_str::<UndeliverableReason>(expect).expect("it can be read"), reason);
        }
        let earlier = r#"{"code":"backup_unreadable","with":{"backup":"3f9a","cause":"it is gone"}}"#;
        let damage = BackupDamage::other("it is gone");
        let reason = UndeliverableReason::BackupUnreadable { backup: "3f9a".into(), damage };
        assert_eq!(serde_json::from_str::<UndeliverableReason>(earlier).expect("it can be read"), reason);
        assert_eq!(reason.to_string(), "backup unreadable 3f9a, other it is gone");
    }
}
