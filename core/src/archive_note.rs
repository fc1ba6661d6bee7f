//! Remarks of the archiver about single files, as codes with arguments. `fleet` turns them into words.

use crate::coded_text::{kept_as_code, logged_as_code};
use serde::{Deserialize, Serialize};

/// Remark about a file or a bucket that was archived. Kept facts have it as `{"code": "vanished", "with": …}`, earlier ones as a text.
///
/// `Display` is for logs: the code in words, then the arguments.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "code", content = "with", remote = "Self")]
pub enum ArchiveNote {
    /// Words of an earlier version.
    Other {
        /// The words.
        text: String,
    },
    /// File or object that was gone when it was to be read.
    Vanished {
        /// Its path, shortened if it is long.
        path: String,
    },
    /// File or object that changed while it was read.
    Changed {
        /// Its path, shortened if it is long.
        path: String,
    },
    /// Entry that is left out, because its path is too long.
    PathTooLong {
        /// Its path, shortened if it is long.
        path: String,
    },
    /// Socket, which is left out.
    Socket {
        /// Its path, shortened if it is long.
        path: String,
    },
    /// Device, which is left out.
    Device {
        /// Its path, shortened if it is long.
        path: String,
    },
    /// File with capabilities that a restore by the same process cannot set.
    CapabilitiesNotRestorable {
        /// Its path, shortened if it is long.
        path: String,
    },
    /// Objects of a bucket that changed while it was read.
    ObjectsChanged {
        /// Path of the bucket in the snapshot.
        path: String,
        /// Number of objects that were added.
        added: u64,
        /// Number of objects that were removed.
        removed: u64,
        /// Number of objects that were replaced.
        replaced: u64,
    },
}

/// Remark about a restored file. Kept facts have it as `{"code": "device_not_made", "with": …}`, earlier ones as a text.
///
/// `Display` is for logs: the code in words, then the arguments.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "code", content = "with", remote = "Self")]
pub enum RestoreNote {
    /// Words of an earlier version.
    Other {
        /// The words.
        text: String,
    },
    /// Device of an older backup, which is never made.
    DeviceNotMade {
        /// Its path, shortened if it is long.
        path: String,
    },
    /// File of another host that was restored without its capabilities.
    CapabilitiesCleared {
        /// Its path, shortened if it is long.
        path: String,
    },
    /// File whose capabilities the restoring process cannot set.
    CapabilitiesNotSet {
        /// Its path, shortened if it is long.
        path: String,
    },
    /// File of another host that was restored without its setuid or setgid bit.
    SetIdCleared {
        /// Its path, shortened if it is long.
        path: String,
    },
}

kept_as_code!(ArchiveNote);
logged_as_code!(ArchiveNote);
kept_as_code!(RestoreNote);
logged_as_code!(RestoreNote);

impl ArchiveNote {
    /// Path that it is about; none for words of an earlier version.
    pub fn path(&self) -> Option<&str> {
        match self {
            Self::Other { .. } => None,
            Self::Vanished { path }
            | Self::Changed { path }
            | Self::PathTooLong { path }
            | Self::Socket { path }
            | Self::Device { path }
            | Self::CapabilitiesNotRestorable { path }
            | Self::ObjectsChanged { path, .. } => Some(path),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order_failure::DataNote;

    #[track_caller]
    fn check(earlier: &str, expected: &DataNote, new: &DataNote) {
        let read = |kept: &str| serde_json::from_str::<DataNote>(kept).expect("it can be read");
        assert_eq!(read(earlier), *expected);
        assert_eq!(read(&serde_json::to_string(new).expect("it can be written")), *new);
    }

    #[test]
    fn remarks_that_an_earlier_version_kept_as_texts_are_read() {
        let path = || "/volumes/files/a".to_owned();
        check(
            r#"{"code":"archived","with":{"text":"/volumes/files/a: vanished"}}"#,
            &DataNote::Archived { note: ArchiveNote::other("/volumes/files/a: vanished") },
            &DataNote::Archived { note: ArchiveNote::Vanished { path: path() } },
        );
        let store = || "db".parse().expect("a name");
        check(
            r#"{"code":"restored","with":{"store":"db","text":"`a`: is a device, and none is made"}}"#,
            &DataNote::Restored { store: store(), note: RestoreNote::other("`a`: is a device, and none is made") },
            &DataNote::Restored { store: store(), note: RestoreNote::DeviceNotMade { path: path() } },
        );
    }
}
