//! Remarks of work on data that are no errors, as codes with arguments. `fleet` turns them into words.
//!
//! **Invariant:** a manifest has each remark as a text too, so that a version without these codes can read it.

use super::{OrderFailure, UncoveredData};
use crate::archive_note::{ArchiveNote, RestoreNote};
use crate::coded_text::{codes_beside_texts, kept_as_code, plain};
use crate::data_leftover::DataLeftover;
use crate::names::StoreName;
use crate::sandbox_part::SandboxPart;
use crate::store_difference::StoreDifference;
use crate::store_gap::StoreGap;
use fleet_compose::store::{DatabaseEngine, Store};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// Remark of a backup, of a drill or of a restore. Kept facts have it as `{"code": "not_counted", "with": …}`, earlier ones as a
/// text.
///
/// `Display` is for logs, and for earlier versions that read a manifest: the code in words, then the arguments.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "code", content = "with", remote = "Self")]
pub enum DataNote {
    /// Words of an earlier version.
    Other {
        /// The words.
        text: String,
    },
    /// Remark that only the version of its host knows.
    Unknown {
        /// Number of its code.
        number: i32,
        /// Its arguments.
        arguments: String,
    },

    // Of one store in a backup.
    /// Dump that is smaller than the one before.
    Smaller {
        /// Size in bytes.
        bytes: u64,
        /// Size of the one before.
        before: u64,
    },
    /// Store of which nothing could be counted.
    NotCounted {
        /// Failure of the count. Earlier versions kept a text.
        #[serde(alias = "cause")]
        failure: Box<OrderFailure>,
    },
    /// Store about which its server could not be asked.
    NotNoted {
        /// Failure of the query. Earlier versions kept a text.
        #[serde(alias = "cause")]
        failure: Box<OrderFailure>,
    },
    /// Tablespace whose tables are restored to the default one.
    Tablespace {
        /// Name of the tablespace.
        name: String,
    },
    /// Collections that were dumped one after another while others could write.
    CollectionsNotQuiesced,
    /// Files that were read while others could write.
    FilesNotQuiesced,
    /// Objects that were read one after another while others could write.
    ObjectsNotQuiesced,
    /// Remark of the archiver about a file or a bucket.
    Archived {
        /// The remark. Earlier versions kept a text.
        #[serde(alias = "text")]
        note: ArchiveNote,
    },
    /// Files that were kept beside the dump.
    SideFiles {
        /// Number of files.
        count: usize,
        /// First names.
        names: Vec<String>,
    },
    /// Backup that is older than files beside the dump are kept.
    SideFilesNotKept,

    // Of a restore.
    /// Data outside the stores that was replaced with them.
    Replaced {
        /// The data. Earlier versions kept a text.
        what: UncoveredData,
    },
    /// Files beside the data that are not in the backup and stay.
    SideFilesStay {
        /// Name of the store.
        store: StoreName,
        /// Number of files.
        count: usize,
        /// First names.
        names: Vec<String>,
    },
    /// Store that the safety backup does not have.
    NotBackedUpBefore {
        /// Name of the store.
        store: StoreName,
        /// Reason.
        reason: StoreGap,
    },
    /// Property that the disk refused to set.
    PropertyNotSet {
        /// Name of the store.
        store: StoreName,
        /// Name of the property.
        property: String,
        /// Number of files.
        files: u64,
    },
    /// Remark of the archiver about a restored file.
    Restored {
        /// Name of the store.
        store: StoreName,
        /// The remark. Earlier versions kept a text.
        #[serde(alias = "text")]
        note: RestoreNote,
    },
    /// Number of remarks about further restored files.
    MoreRestored {
        /// Name of the store.
        store: StoreName,
        /// Number of remarks.
        count: u64,
    },
    /// Store that is not as its server described it when it was dumped.
    Different {
        /// Name of the store.
        store: StoreName,
        /// Number of further differences.
        #[serde(default)]
        more: usize,
        /// First differences.
        differences: Vec<StoreDifference>,
    },
    /// Derivable store that was rebuilt.
    Rebuilt {
        /// Name of the store.
        store: StoreName,
        /// Duration.
        #[serde(with = "crate::time::serde_millis")]
        took: Duration,
    },
    /// Derivable store that could not be rebuilt.
    NotRebuilt {
        /// Name of the store.
        store: StoreName,
        /// Reason.
        failure: Box<OrderFailure>,
    },

    // Left by an order.
    /// Old data that could not be removed.
    Leftover {
        /// The data.
        left: DataLeftover,
    },
    /// Old data that was not put back.
    FormerData {
        /// Folders on the host that have it.
        folders: Vec<String>,
    },
    /// Bucket that has the objects of the restore, while nothing has its former ones.
    BucketFilled {
        /// Names of the stores.
        stores: Vec<StoreName>,
    },
    /// Bucket that has the objects of the restore, while the safety backup has its former ones.
    BucketReplaced {
        /// Names of the stores.
        stores: Vec<StoreName>,
    },
    /// Services that may still be quiesced.
    StillQuiesced {
        /// Names of the services.
        services: Vec<String>,
    },
    /// Sandbox of a drill that could not be removed.
    SandboxLeft {
        /// Compose project of the sandbox.
        project: String,
        /// Parts that are left. None: they are not known.
        parts: Vec<SandboxPart>,
    },
}

kept_as_code!(DataNote);

codes_beside_texts! {
    /// Writes the remarks of a part as `notes` and `note_codes`, and reads either.
    notes: DataNote,
    #[serde(rename = "notes", skip_serializing_if = "Vec::is_empty")]
    #[serde(rename = "note_codes", skip_serializing_if = "Vec::is_empty")]
}

impl DataNote {
    /// Returns the remark about a dump that is smaller than the one before.
    pub fn smaller(bytes: u64, before: Option<u64>) -> Option<Self> {
        let before = before.filter(|before| *before > 0)?;
        (percent(bytes, before) < 90).then_some(Self::Smaller { bytes, before })
    }

    /// Returns the remark about a store that is read while others may write.
    pub fn not_quiesced(store: &Store) -> Option<Self> {
        if !store.stop.is_empty() || !store.pause.is_empty() {
            return None;
        }
        match &store.engine {
            DatabaseEngine::Mongodb(_) => Some(Self::CollectionsNotQuiesced),
            DatabaseEngine::Volume(_) => Some(Self::FilesNotQuiesced),
            DatabaseEngine::S3(_) => Some(Self::ObjectsNotQuiesced),
            DatabaseEngine::Postgresql(_)
            | DatabaseEngine::Mariadb(_)
            | DatabaseEngine::Mysql(_)
            | DatabaseEngine::Redis(_)
            | DatabaseEngine::Neo4j(_)
            | DatabaseEngine::Command(_) => None,
        }
    }

    /// Returns whether a person should look at it.
    pub fn is_warning(&self) -> bool {
        match self {
            Self::NotCounted { .. } | Self::NotNoted { .. } | Self::Different { .. } => true,
            Self::Smaller { bytes, before } => percent(*bytes, *before) < 50,
            Self::Other { .. }
            | Self::Unknown { .. }
            | Self::Tablespace { .. }
            | Self::CollectionsNotQuiesced
            | Self::FilesNotQuiesced
            | Self::ObjectsNotQuiesced
            | Self::Archived { .. }
            | Self::SideFiles { .. }
            | Self::SideFilesNotKept
            | Self::Replaced { .. }
            | Self::SideFilesStay { .. }
            | Self::NotBackedUpBefore { .. }
            | Self::PropertyNotSet { .. }
            | Self::Restored { .. }
            | Self::MoreRestored { .. }
            | Self::Rebuilt { .. }
            | Self::NotRebuilt { .. }
            | Self::Leftover { .. }
            | Self::FormerData { .. }
            | Self::BucketFilled { .. }
            | Self::BucketReplaced { .. }
            | Self::StillQuiesced { .. }
            | Self::SandboxLeft { .. } => false,
        }
    }

    /// Failure in it.
    pub fn failure(&self) -> Option<&OrderFailure> {
        if let Self::NotCounted { failure } | Self::NotNoted { failure } | Self::NotRebuilt { failure, .. } = self {
            Some(failure)
        } else {
            None
        }
    }
}

/// Returns how much of a size another one is.
pub fn percent(bytes: u64, of: u64) -> u128 {
    u128::from(bytes) * 100 / u128::from(of.max(1))
}

impl fmt::Display for DataNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Self::Other { text } = self {
            return f.write_str(text);
        }
        if self.is_warning() {
            f.write_str("warning: ")?;
        }
        f.write_str(&plain(&serde_json::to_value(self).map_err(|_| fmt::Error)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backup::Part;
    use crate::coded_text::ArgumentKind;

    fn part(notes: &str) -> Part {
        let text = format!(
            r#"{{"store":"db","engine":"redis","kept":{{"stream":{{"path":"dumps/db","sha256":""}}}},"bytes":1,"added":1,"took_ms":1{notes}}}"#
        );
        serde_json::from_str(&text).expect("it can be read")
    }

    #[test]
    fn notes_of_an_earlier_manifest_are_read_and_those_of_a_new_one_have_a_text_for_earlier_versions() {
        assert_eq!(part("").notes, []);
        assert_eq!(part(r#","notes":["warning: no"]"#).notes, [DataNote::other("warning: no")]);
        let notes = vec![
            DataNote::NotCounted { failure: Box::new(OrderFailure::other("no answer")) },
            DataNote::FilesNotQuiesced,
        ];
        let new = Part { notes, ..part("") };
        let written = serde_json::to_value(&new).expect("it can be written");
        assert_eq!(
            written["notes"],
            serde_json::json!(["warning: not counted other no answer", "files not quiesced"]),
            "an earlier version reads texts"
        );
        assert_eq!(serde_json::from_value::<Part>(written).expect("it can be read"), new);
        let newer = part(r#","notes":["a"],"note_codes":[{"code":"flew_away","with":{"to":"there"}}]"#);
        assert_eq!(newer.notes, [DataNote::other("flew away there")]);
    }

    #[test]
    fn a_note_is_kept_as_it_was_and_secrets_are_masked_in_its_words() {
        let store: StoreName = "index".parse().expect("a name");
        let failure = |text: &str| Box::new(OrderFailure::other(text));
        let note = DataNote::NotRebuilt { store: store.clone(), failure: failure("hunter2 is wrong") };
        let kept = serde_json::to_string(&note).expect("it can be written");
        assert_eq!(serde_json::from_str::<DataNote>(&kept).expect("it can be read"), note);
        let mask = |kind, text: String| match kind {
            ArgumentKind::Words => text.replace("hunter2", "***"),
            ArgumentKind::Name => text,
        };
        assert_eq!(
            note.map_texts(mask),
            DataNote::NotRebuilt { store: store.clone(), failure: failure("*** is wrong") }
        );
        let missing = |object: &str| DataNote::Different {
            store: store.clone(),
            more: 0,
            differences: vec![StoreDifference::Missing { object: object.to_owned() }],
        };
        assert_eq!(missing("role: hunter2").map_texts(mask), missing("role: ***"));
        let replaced = |what: &str| DataNote::Replaced { what: UncoveredData::other(what) };
        assert_eq!(replaced("hunter2 of db").map_texts(mask), replaced("*** of db"));
    }

    #[test]
    fn a_dump_of_less_than_half_is_a_warning() {
        let found = |bytes, before| DataNote::smaller(bytes, before).map(|note| note.is_warning());
        assert_eq!([found(9, None), found(9, Some(0)), found(9, Some(10)), found(20, Some(10))], [None; 4]);
        assert_eq!(
            [found(8, Some(10)), found(5, Some(10)), found(4, Some(10))],
            [Some(false), Some(false), Some(true)]
        );
    }
}
