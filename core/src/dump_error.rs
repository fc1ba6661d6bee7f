//! Reasons why a dump does not count, as codes with arguments. `fleet` turns them into words.

use crate::coded_text::{kept_as_code, logged_as_code};
use fleet_compose::store::EngineKind;
use serde::{Deserialize, Serialize};

/// Reason why a dump does not count. Kept facts have it as `{"code": "breaks_off", "with": …}`, earlier ones as a text.
///
/// `Display` is for logs: the code in words, then the arguments.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "code", content = "with", remote = "Self")]
pub enum DumpError {
    /// Words of an earlier version.
    Other {
        /// The words.
        text: String,
    },
    /// Its tool failed.
    ToolFailed {
        /// Exit code.
        code: i64,
        /// Last output of the tool, or empty.
        output: String,
    },
    /// There is nothing in it.
    Empty,
    /// The stream is a message of the Engine.
    NotStarted {
        /// Message of the Engine.
        answer: String,
    },
    /// Its first bytes are those of something else.
    WrongBeginning {
        /// Engine whose dump was expected.
        engine: EngineKind,
    },
    /// The mark that ends each dump of its engine is missing.
    BreaksOff {
        /// Engine whose dump was expected.
        engine: EngineKind,
    },
    /// The end of a collection is missing.
    CollectionBreaksOff {
        /// Database and collection.
        collection: String,
    },
    /// The data ends within a part.
    PartBreaksOff,
    /// A document of MongoDB has an impossible length.
    ImpossibleLength,
    /// Its bytes are not those that were written.
    WrongChecksum,
    /// Other number of rows than its server has, although nothing was written meanwhile.
    CountDiffers {
        /// Name of the table or collection.
        item: String,
        /// Number of rows in the dump.
        dumped: u64,
        /// Number of rows of its server.
        counted: u64,
    },
    /// Nothing of a table or collection that had content before and after the dump.
    Lacks {
        /// Name of the table or collection.
        item: String,
    },
}

kept_as_code!(DumpError);
logged_as_code!(DumpError);

impl std::error::Error for DumpError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order_failure::OrderFailure;

    #[test]
    fn a_reason_that_an_earlier_version_kept_as_a_text_is_read() {
        let read = |kept: &str| serde_json::from_str::<OrderFailure>(kept).expect("it can be read");
        let earlier = read(r#"{"code":"dump_invalid","with":{"problem":"the dump is empty"}}"#);
        assert_eq!(earlier, OrderFailure::DumpInvalid { problem: DumpError::other("the dump is empty") });
        for problem in [
            DumpError::Empty,
            DumpError::BreaksOff { engine: EngineKind::Redis },
            DumpError::CountDiffers { item: "a".to_owned(), dumped: 3, counted: 4 },
        ] {
            let failure = OrderFailure::DumpInvalid { problem };
            assert_eq!(read(&serde_json::to_string(&failure).expect("it can be written")), failure);
        }
    }
}
