//! Damage of backups and of repositories, as codes with arguments. `fleet` turns them into words.

use crate::coded_text::{kept_as_code, logged_as_code};
use crate::file_kind::FileKind;
use crate::manifest_error::ManifestError;
use crate::names::{BackupId, RepositoryName};
use serde::{Deserialize, Serialize};

/// Damage of one copy of a backup, or of what it has of a store. Kept facts have it as `{"code": "replaced", …}`, earlier ones as a text.
///
/// `Display` is for logs: the code in words, then the arguments.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "code", content = "with", remote = "Self")]
pub enum BackupDamage {
    /// Words of an earlier version.
    Other {
        /// The words.
        text: String,
    },
    /// Content that is not whole, of which no path is known.
    Incomplete,
    /// Paths that cannot be read.
    PathsUnreadable {
        /// First path.
        path: String,
        /// Number of further paths.
        more: usize,
    },
    /// File of the repository that cannot be read and belongs to the backup.
    FileUnreadable {
        /// Kind of the file.
        kind: FileKind,
        /// Id of the file.
        file: String,
        /// Cause, as the reader gives it.
        cause: String,
    },
    /// Snapshot that cannot be read and may be the backup's own.
    SnapshotUnreadable,
    /// Index that cannot be read and that the backup may need.
    IndexUnreadable,
    /// Snapshot that is gone, while others carry the backup's id.
    Replaced,
    /// Several snapshots with the backup's id, of which none is noted as the right one.
    Ambiguous {
        /// Number of the snapshots.
        snapshots: usize,
    },
    /// Manifest that cannot be used.
    ManifestUnusable {
        /// Fault of the manifest.
        problem: ManifestError,
    },
    /// More snapshots with the backup's id than are read.
    TooManySnapshots,
    /// Path that the backup does not have.
    PathMissing {
        /// The path.
        path: String,
    },
    /// Store that the manifest has, and of which the backup has nothing.
    StoreEmpty,
    /// Bucket that was not kept as one.
    NotKeptAsBucket,
    /// Backup without anything that could be compared.
    NothingToCompare,
    /// Files beside a dump that cannot be read.
    SideFilesUnreadable,
    /// Files beside a dump whose archive is not the one that was kept.
    SideFilesDiffer,
    /// Files beside a dump whose archive is cut off.
    SideFilesCutOff,
    /// Files beside a dump whose archive has a name or a size that cannot be read.
    SideFilesInvalid,
    /// File beside a dump that is larger than any that is kept.
    SideFileTooLarge {
        /// Its path.
        path: String,
    },
    /// File beside a dump whose path leads elsewhere.
    SideFileOutside {
        /// Its path.
        path: String,
    },
    /// File beside a dump that is the server's own.
    SideFileOfServer {
        /// Its path.
        path: String,
    },
    /// File beside a dump with another content.
    SideFileDiffers {
        /// Its path.
        path: String,
    },
}

kept_as_code!(BackupDamage);

logged_as_code!(BackupDamage);

/// Result of reading a repository on request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VerifyFinding {
    /// Repository without damage.
    Whole {
        /// Number of packs whose content was read.
        read: u64,
        /// Number of packs.
        packs: u64,
    },
    /// Repository with damage.
    Damaged {
        /// Number of files.
        files: usize,
        /// Backups that need the files.
        backups: Vec<BackupId>,
    },
    /// Repository that its host alone can read.
    OnItsHost(RepositoryName),
    /// Repository that could not be read.
    NotRead {
        /// Words of the error.
        cause: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order_failure::OrderFailure;

    #[test]
    fn a_text_of_an_earlier_version_is_read_and_damage_is_kept_as_it_was() {
        let read = |kept: &str| serde_json::from_str::<BackupDamage>(kept).expect("it can be read");
        assert_eq!(read(r#""a pack is gone""#), BackupDamage::other("a pack is gone"));
        let failure = r#"{"code":"backup_damaged","with":{"problem":"it was not kept as a bucket"}}"#;
        let problem = BackupDamage::other("it was not kept as a bucket");
        assert_eq!(
            serde_json::from_str::<OrderFailure>(failure).expect("it can be read"),
            OrderFailure::BackupDamaged { problem }
        );
        let (file, cause) = ("a1".repeat(32), "bad checksum".to_owned());
        for damage in [
            BackupDamage::Replaced,
            BackupDamage::Ambiguous { snapshots: 2 },
            BackupDamage::SideFileDiffers { path: "pg_hba.conf".to_owned() },
            BackupDamage::FileUnreadable { kind: FileKind::Snapshot, file, cause },
        ] {
            assert_eq!(read(&serde_json::to_string(&damage).expect("it can be written")), damage);
        }
    }
}
