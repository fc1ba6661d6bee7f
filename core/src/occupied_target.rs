//! Data that a restore would replace and that may belong to others, as codes with arguments. `fleet` turns them into words.

use crate::coded_text::{kept_as_code, logged_as_code};
use serde::{Deserialize, Serialize};

/// Data at the target of a restore. Kept facts have it as `{"code": "folder", "with": …}`, earlier ones as a text.
///
/// `Display` is for logs: the code in words, then the arguments.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "code", content = "with", remote = "Self")]
pub enum OccupiedTarget {
    /// Words of an earlier version.
    Other {
        /// The words.
        text: String,
    },
    /// Volumes that exist.
    Volumes {
        /// Their names on the host.
        names: Vec<String>,
    },
    /// Folder that is not empty.
    Folder {
        /// Its path on the host.
        path: String,
    },
    /// Bucket with objects.
    Bucket {
        /// Its address.
        address: String,
        /// Number of objects below its prefix.
        objects: u64,
    },
}

kept_as_code!(OccupiedTarget);
logged_as_code!(OccupiedTarget);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order_failure::OrderFailure;

    #[test]
    fn a_target_that_an_earlier_version_kept_as_a_text_is_read() {
        let read = |kept: &str| serde_json::from_str::<OrderFailure>(kept).expect("it can be read");
        let earlier = read(r#"{"code":"restore_target_in_use","with":{"problem":"`/data` is not empty"}}"#);
        let problem = OccupiedTarget::other("`/data` is not empty");
        assert_eq!(earlier, OrderFailure::RestoreTargetInUse { problem });
        for problem in [
            OccupiedTarget::Volumes { names: vec!["a".to_owned(), "b".to_owned()] },
            OccupiedTarget::Bucket { address: "store/a".to_owned(), objects: 3 },
        ] {
            let failure = OrderFailure::RestoreTargetInUse { problem };
            assert_eq!(read(&serde_json::to_string(&failure).expect("it can be written")), failure);
        }
    }
}
