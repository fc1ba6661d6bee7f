//! Holders of a volume that was to be removed, as codes with arguments. `fleet` turns them into words.

use crate::coded_text::kept_as_code;
use crate::names::InstanceName;
use serde::{Deserialize, Deserializer, Serialize};

/// Another holder of a volume. Kept failures have it as `{"code": "container", "with": …}`, earlier ones all holders as one text.
///
/// `Display` is for logs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case", tag = "code", content = "with", remote = "Self")]
pub enum VolumeHolder {
    /// Words of an earlier version, about one or several holders.
    #[error("{text}")]
    Other {
        /// The words.
        text: String,
    },
    /// A holder that only the version of its host knows.
    #[error("an unknown holder ({number}): {arguments}")]
    Unknown {
        /// Number of its code. 0: none was given.
        number: i32,
        /// Its arguments.
        arguments: String,
    },
    /// Instance that has or uses it.
    #[error("{0}")]
    Instance(InstanceName),
    /// Container that mounts it.
    #[error("the container {0}")]
    Container(String),
}

kept_as_code!(VolumeHolder);

/// Reads holders that were kept: as one text by earlier versions.
pub(crate) fn read_holders<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<VolumeHolder>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Kept {
        Text(String),
        Holders(Vec<VolumeHolder>),
    }
    Ok(match Kept::deserialize(deserializer)? {
        Kept::Text(text) => vec![VolumeHolder::other(text)],
        Kept::Holders(holders) => holders,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order_failure::OrderFailure;

    #[test]
    fn holders_that_an_earlier_version_kept_as_one_text_are_read() {
        let read = |kept: &str| serde_json::from_str::<OrderFailure>(kept).expect("it can be read");
        let held = |holders| OrderFailure::VolumeHeld { volume: "notes-1_data".to_owned(), holders };
        let earlier =
            r#"{"code":"volume_held","with":{"volume":"notes-1_data","holders":"notes-2 and the container guest"}}"#;
        assert_eq!(read(earlier), held(vec![VolumeHolder::other("notes-2 and the container guest")]));
        let instance = VolumeHolder::Instance("notes-2".parse().expect("a name"));
        let today = held(vec![instance, VolumeHolder::Container("guest".to_owned())]);
        assert_eq!(read(&serde_json::to_string(&today).expect("it can be written")), today);
    }
}
