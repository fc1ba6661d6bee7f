//! Data of an instance that no store covers, as codes with arguments. `fleet` turns them into words.
//!
//! **Invariant:** `Display` is the text in manifests, with which later reports are compared; it stays as it is.

use crate::coded_text::kept_as_code;
use crate::policy_refusal::{PolicyRefusal, joined, read_refusals};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Reason why a declared store is not backed up. Kept facts have it as `{"code": "volume_missing", "with": …}`, earlier ones as a text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case", tag = "code", content = "with", remote = "Self")]
pub enum StoreGap {
    /// Words of an earlier version.
    #[error("{text}")]
    Other {
        /// The words.
        text: String,
    },
    /// A reason that only the version of its host knows.
    #[error("unknown reason {number}: {arguments}")]
    Unknown {
        /// Number of its code. 0: none was given.
        number: i32,
        /// Its arguments.
        arguments: String,
    },
    /// There is no volume of the name.
    #[error("there is no volume `{0}`")]
    VolumeMissing(String),
    /// No container has the folder.
    #[error("no container has the folder `{0}`")]
    FolderMissing(String),
    /// The service has no container.
    #[error("`{0}` has no container")]
    ContainerMissing(String),
    /// The volume was removed by somebody, and there is nothing in its place.
    #[error("the volume `{0}` was removed, and there is nothing in its place")]
    VolumeRemoved(String),
    /// The host's policy forbids to read it.
    #[error("{}", joined(refusals))]
    Forbidden {
        /// The refusals.
        #[serde(alias = "refusal", deserialize_with = "read_refusals")]
        refusals: Vec<PolicyRefusal>,
    },
    /// The host's policy cannot be read, so that nothing is allowed.
    #[error("the host's policy cannot be read, so nothing is allowed: {problem}")]
    PolicyUnreadable {
        /// Words of the problem.
        problem: String,
    },
}

/// A volume or folder of the instance that no store declares. Kept facts have it as `{"code": "volume", "with": …}`, earlier ones as a
/// text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "code", content = "with", remote = "Self")]
pub enum UndeclaredData {
    /// Words of an earlier version.
    Other {
        /// The words.
        text: String,
    },
    /// A folder of the host.
    Folder {
        /// Path on the host.
        path: String,
        /// Place where a container has it, if one does.
        at: Option<MountPlace>,
    },
    /// A volume that the Engine has named.
    UnnamedVolume {
        /// Place where a container has it, if one does.
        at: Option<MountPlace>,
    },
    /// A volume with a name.
    Volume {
        /// Name of the volume.
        name: String,
        /// Place where a container has it, if one does.
        at: Option<MountPlace>,
    },
}

/// Place of a volume or folder in a container.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MountPlace {
    /// Compose service; for a container of no service, the container.
    pub service: String,
    /// Path in the container.
    pub target: String,
}

kept_as_code!(StoreGap);
kept_as_code!(UndeclaredData);

impl fmt::Display for UndeclaredData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = match self {
            Self::Other { text } => return f.write_str(text),
            Self::Volume { name, at } => {
                write!(f, "volume {name}")?;
                at
            }
            Self::UnnamedVolume { at } => {
                f.write_str("unnamed volume")?;
                at
            }
            Self::Folder { path, at } => {
                write!(f, "folder {path}")?;
                at
            }
        };
        match at {
            Some(MountPlace { service, target }) => write!(f, " of {service} at {target}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backup::{Coverage, StoreState};

    #[test]
    fn coverage_that_was_kept_as_texts_is_read_and_says_the_same() {
        let kept = r#"{"stores":[{"name":"db","engine":"volume","state":{"missing":{"reason":"there is no volume `a`"}}}],
            "undeclared":["volume a_data of db at /data"]}"#;
        let read: Coverage = serde_json::from_str(kept).expect("it can be read");
        let reason = StoreGap::other("there is no volume `a`");
        assert_eq!(reason.to_string(), StoreGap::VolumeMissing("a".to_owned()).to_string());
        assert_eq!(read.stores[0].state, StoreState::Missing { reason });
        let at = Some(MountPlace { service: "db".to_owned(), target: "/data".to_owned() });
        let volume = UndeclaredData::Volume { name: "a_data".to_owned(), at };
        assert_eq!(read.undeclared[0].to_string(), volume.to_string());
        let kept = serde_json::to_string(&volume).expect("it can be written");
        assert_eq!(serde_json::from_str::<UndeclaredData>(&kept).expect("it can be read"), volume);
        let newer = r#"{"code":"moon_missing","with":"a"}"#;
        assert_eq!(serde_json::from_str::<StoreGap>(newer).expect("it can be read"), StoreGap::other("moon missing a"));
    }
}
