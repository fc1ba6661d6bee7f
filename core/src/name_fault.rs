//! Faults of names at the Engine, as codes. `fleet` turns them into words.

use crate::coded_text::{kept_as_code, logged_as_code};
use crate::spec::EngineNameError;
use serde::{Deserialize, Serialize};

/// Reason why a text cannot be the name of a network or a volume. Kept facts have it as `{"code": "reserved"}`, earlier ones as a
/// text.
///
/// `Display` is for logs: the code in words.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "code", content = "with", remote = "Self")]
pub enum NameFault {
    /// Words of an earlier version.
    Other {
        /// The words.
        text: String,
    },
    /// Wrong characters, or too many.
    Characters,
    /// A name with a meaning of the Engine's own, such as `host`.
    Reserved,
}

kept_as_code!(NameFault);
logged_as_code!(NameFault);

impl From<EngineNameError> for NameFault {
    fn from(error: EngineNameError) -> Self {
        match error {
            EngineNameError::Characters => Self::Characters,
            EngineNameError::Reserved => Self::Reserved,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order_failure::OrderFailure;

    #[test]
    fn a_fault_is_kept_as_a_code_and_read_as_a_text_too() {
        for (problem, kept) in [
            (NameFault::Reserved, r#"{"code":"invalid_name","with":{"name":"host","problem":{"code":"reserved"}}}"#),
            (NameFault::other("no name"), r#"{"code":"invalid_name","with":{"name":"host","problem":"no name"}}"#),
        ] {
            let failure = OrderFailure::InvalidName { name: "host".to_owned(), problem };
            assert_eq!(serde_json::from_str::<OrderFailure>(kept).expect("it can be read"), failure);
            let written = serde_json::to_string(&failure).expect("it can be written");
            assert_eq!(serde_json::from_str::<OrderFailure>(&written).expect("it can be read"), failure);
        }
    }
}
