//! Access of a host to a repository. It accompanies an order, and is sent only to the host of the instance.

use super::{BackupSeen, RepositoryLocation};
use crate::names::{InstanceName, RepositoryName, SnapshotId};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The way into one instance's repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepositoryAccess {
    /// Name of the repository.
    pub repository: RepositoryName,
    /// Instance whose repository it is: in a restore to elsewhere, another one than the order's.
    pub instance: InstanceName,
    /// Location, with the credentials for it.
    pub place: LocationAccess,
    /// Key that opens it without a password.
    pub master_key: Secret,
    /// The password for stock restic, where the host makes the repository itself if it is not there yet: in a folder of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<Secret>,
    /// Earlier backup with which a backup's files are compared.
    #[serde(default)]
    pub parent: FilesParent,
}

/// Earlier snapshot whose entry is used for an unchanged file, so that the file is not read again.
///
/// The coordinator names it: any writer of the repository could add one with false claims about a file's content.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FilesParent {
    /// Older coordinators do not name it: the newest there is.
    #[default]
    Newest,
    /// No earlier snapshot: all files are read.
    Nothing,
    /// This snapshot.
    Snapshot(SnapshotId),
}

impl FilesParent {
    /// The files of the newest backup that counts, of those in one repository.
    pub fn of(backups: &[&BackupSeen]) -> Self {
        let good = backups.iter().filter(|seen| seen.is_good());
        let with_files = good.filter_map(|seen| Some((seen.began, seen.snapshots.as_ref()?.files.as_ref()?)));
        with_files.max_by_key(|(began, _)| *began).map_or(Self::Nothing, |(_, id)| Self::Snapshot(id.clone()))
    }
}

/// Location of a repository, with the credentials for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LocationAccess {
    /// Folder on the coordinator's disk.
    Coordinator,
    /// Bucket.
    S3 {
        /// URL of the S3 server.
        endpoint: String,
        /// Region of the bucket.
        region: String,
        /// Name of the bucket.
        bucket: String,
        /// With the instance's own folder at its end.
        prefix: String,
        /// Id of the access key.
        key_id: String,
        /// Access key.
        key: Secret,
    },
    /// Folder on the host.
    Folder {
        /// With the instance's own folder at its end.
        path: String,
    },
}

impl LocationAccess {
    /// Returns whether it is an access to this kind of location.
    pub fn is_of(&self, place: &RepositoryLocation) -> bool {
        match (self, place) {
            (Self::Coordinator, RepositoryLocation::Coordinator)
            | (Self::S3 { .. }, RepositoryLocation::S3 { .. })
            | (Self::Folder { .. }, RepositoryLocation::Folder { .. }) => true,
            (Self::Coordinator | Self::S3 { .. } | Self::Folder { .. }, _) => false,
        }
    }
}

/// A text that is never shown.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::seen;
    use super::super::{BackupSeen, Snapshots};
    use super::*;

    fn id(digit: char) -> SnapshotId {
        digit.to_string().repeat(64).parse().expect("64 digits")
    }

    fn with_files(words: &str, digit: char) -> BackupSeen {
        let snapshots = Some(Snapshots { set: id('0'), dumps: None, files: Some(id(digit)) });
        BackupSeen { snapshots, ..seen(words) }
    }

    #[test]
    fn files_are_compared_with_the_newest_backup_that_counts() {
        let (old, new) = (with_files("50", 'a'), with_files("20", 'b'));
        let (forged, damaged) = (with_files("1 unasked", 'c'), with_files("2 damaged", 'd'));
        let parent = FilesParent::of(&[&forged, &old, &damaged, &new, &seen("1")]);
        assert_eq!(parent, FilesParent::Snapshot(id('b')));
    }

    #[test]
    fn where_none_counts_all_files_are_read() {
        assert_eq!(FilesParent::of(&[]), FilesParent::Nothing);
        assert_eq!(FilesParent::of(&[&with_files("1 unasked", 'c')]), FilesParent::Nothing);
    }

    #[test]
    fn an_access_of_an_older_coordinator_names_none() {
        let kept = r#"{"repository":"central","instance":"notes-1","place":"coordinator","master_key":"k"}"#;
        let access: RepositoryAccess = serde_json::from_str(kept).expect("it is an access");
        assert_eq!(access.parent, FilesParent::Newest);
    }
}
