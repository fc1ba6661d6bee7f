//! Reasons why it is not certain that data is the backup that is meant, as codes with arguments. `fleet` turns them into words.

use crate::coded_text::{kept_as_code, logged_as_code};
use crate::manifest_error::ManifestError;
use crate::names::{BackupId, HostName, InstanceName, RepositoryName};
use serde::{Deserialize, Serialize};

/// Reason why data of a repository is not used as a backup. Kept facts have it as `{"code": "replaced", "with": …}`, earlier ones as a
/// text.
///
/// `Display` is for logs: the code in words, then the arguments.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "code", content = "with", remote = "Self")]
pub enum BackupDoubt {
    /// Words of an earlier version.
    Other {
        /// The words.
        text: String,
    },
    /// Snapshot that was recorded as the backup and is gone, while others carry its id.
    Replaced {
        /// Name of the repository.
        repository: RepositoryName,
        /// Id of the backup.
        backup: BackupId,
    },
    /// Several snapshots with the backup's id, of which none is recorded as the right one.
    Ambiguous {
        /// Name of the repository.
        repository: RepositoryName,
        /// Id of the backup.
        backup: BackupId,
        /// Number of the snapshots.
        found: usize,
    },
    /// Backup with the id of a new one, whose manifest cannot be read.
    UnreadableExists {
        /// Id of the backup.
        backup: BackupId,
        /// Fault of the manifest.
        problem: ManifestError,
    },
    /// Backup with the id of a new one, which is of another instance.
    OtherExists {
        /// Id of the backup.
        backup: BackupId,
        /// Instance that its manifest names.
        instance: InstanceName,
        /// Host that its manifest names.
        host: HostName,
    },
    /// Snapshot with the manifest of another backup.
    OtherManifest {
        /// Id of the backup that the manifest names.
        backup: BackupId,
        /// Instance that the manifest names.
        instance: InstanceName,
    },
}

kept_as_code!(BackupDoubt);
logged_as_code!(BackupDoubt);

impl std::error::Error for BackupDoubt {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order_failure::OrderFailure;

    #[track_caller]
    fn check(earlier: &str, expected: &OrderFailure, new: &OrderFailure) {
        let read = |kept: &str| serde_json::from_str::<OrderFailure>(kept).expect("it can be read");
        assert_eq!(read(earlier), *expected);
        assert_eq!(read(&serde_json::to_string(new).expect("it can be written")), *new);
    }

    #[test]
    fn doubts_that_an_earlier_version_kept_as_texts_are_read() {
        let repository = "near".parse().expect("a name");
        let backup: BackupId = "0123456789abcdef01234567".parse().expect("an id");
        let doubt = |problem| OrderFailure::BackupDoubtful { problem };
        check(
            r#"{"code":"backup_doubtful","with":{"problem":"near: 2 snapshots carry the id"}}"#,
            &doubt(BackupDoubt::other("near: 2 snapshots carry the id")),
            &doubt(BackupDoubt::Ambiguous { repository, backup: backup.clone(), found: 2 }),
        );
        let newer = ManifestError::Newer { format: 9, known: 1 };
        check(
            r#"{"code":"backup_doubtful","with":{"problem":"a backup is there"}}"#,
            &doubt(BackupDoubt::other("a backup is there")),
            &doubt(BackupDoubt::UnreadableExists { backup, problem: newer.clone() }),
        );
        let unreadable = |problem| OrderFailure::BackupUnreadable { backup: "0123".to_owned(), problem };
        check(
            r#"{"code":"backup_unreadable","with":{"backup":"0123","problem":"it was made by a newer fleet"}}"#,
            &unreadable(ManifestError::other("it was made by a newer fleet")),
            &unreadable(newer),
        );
    }
}
