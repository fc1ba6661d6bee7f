//! Versions of an instance that an order expects and that its host found, as codes with arguments. `fleet` turns them into words.

use crate::coded_text::{kept_as_code, logged_as_code};
use serde::{Deserialize, Serialize};

/// Version of an instance. Kept facts have it as `{"code": "release", "with": …}`, earlier ones as a text.
///
/// `Display` is for logs: the code in words, then the arguments.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "code", content = "with", remote = "Self")]
pub enum InstanceVersion {
    /// Words of an earlier version.
    Other {
        /// The words.
        text: String,
    },
    /// No instance.
    Missing,
    /// Instance of any release.
    Any,
    /// Release with any values.
    Release {
        /// Name of the release.
        release: String,
    },
    /// Release with certain values.
    Revision {
        /// Name of the release.
        release: String,
        /// Revision of the values.
        revision: u64,
    },
}

kept_as_code!(InstanceVersion);
logged_as_code!(InstanceVersion);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order_failure::OrderFailure;

    #[test]
    fn a_version_that_an_earlier_one_kept_as_a_text_is_read() {
        let read = |kept: &str| serde_json::from_str::<OrderFailure>(kept).expect("it can be read");
        let earlier = r#"{"code":"unexpected_state","with":{"expected":"notes@2","found":"no such instance"}}"#;
        let differs = |expected: InstanceVersion, found: InstanceVersion| OrderFailure::UnexpectedState {
            expected: Box::new(expected),
            found: Box::new(found),
        };
        let texts = differs(InstanceVersion::other("notes@2"), InstanceVersion::other("no such instance"));
        assert_eq!(read(earlier), texts);
        let expected = InstanceVersion::Revision { release: "notes@2".to_owned(), revision: 3 };
        let failure = differs(expected, InstanceVersion::Missing);
        assert_eq!(read(&serde_json::to_string(&failure).expect("it can be written")), failure);
    }
}
