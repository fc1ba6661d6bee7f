//! Reasons why a dump does not count.

/// Reason why a dump does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DumpError {
    /// Its tool failed.
    #[error("its tool ended with {code}{}", said(words))]
    ToolFailed {
        /// Exit code.
        code: i64,
        /// Output of the tool for people.
        words: String,
    },
    /// There is nothing in it.
    #[error("the dump is empty")]
    Empty,
    /// The stream is a message of the Engine.
    #[error("its tool could not be started: {reason}")]
    NotStarted {
        /// Message of the Engine.
        reason: String,
    },
    /// Its first bytes are those of something else.
    #[error("it does not begin as {form} does")]
    WrongBeginning {
        /// The form that was expected.
        form: &'static str,
    },
    /// Its end is missing.
    #[error("it breaks off: {missing}")]
    BreaksOff {
        /// The part that is missing.
        missing: &'static str,
    },
    /// The end of a collection is missing.
    #[error("it breaks off: `{collection}` has no end")]
    CollectionBreaksOff {
        /// Database and collection.
        collection: String,
    },
    /// The data ends within a part.
    #[error("it breaks off in the middle of a part")]
    PartBreaksOff,
    /// A document of MongoDB has an impossible length.
    #[error("it is not what MongoDB writes: a document has an impossible length")]
    ImpossibleLength,
    /// Its bytes are not those that were written.
    #[error("its checksum is wrong")]
    WrongChecksum,
}

fn said(words: &str) -> String {
    let words = words.trim();
    if words.is_empty() { String::new() } else { format!(": {words}") }
}
