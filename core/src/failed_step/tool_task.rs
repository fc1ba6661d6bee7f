//! Task of a tool in a container.

use crate::coded_text::kept_as_code;
use serde::{Deserialize, Serialize};

/// Task of a tool, with the service in whose container the tool runs. Kept failures have it as `{"code": "dump", "with": …}`, earlier
/// ones as a text.
///
/// `Display` is for logs.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "code", content = "with", remote = "Self")]
pub enum ToolTask {
    /// Words of an earlier version, as a noun phrase.
    #[error("{text}")]
    Other {
        /// The words.
        text: String,
    },
    /// A task that only the version of its host knows.
    #[error("an unknown tool ({number}): {arguments}")]
    Unknown {
        /// Number of its code. 0: none was given.
        number: i32,
        /// Its arguments.
        arguments: String,
    },
    /// Dumps a store.
    #[error("the dump in `{0}`")]
    Dump(String),
    /// Loads a dump, or prepares or completes that.
    #[error("the load in `{0}`")]
    Load(String),
    /// Counts the items of a store.
    #[error("the count in `{0}`")]
    Count(String),
    /// Asks a server about itself or about its data.
    #[error("the query in `{0}`")]
    Query(String),
    /// Checks restored data as the app says.
    #[error("the check in `{0}`")]
    Check(String),
    /// Rebuilds a derivable store.
    #[error("the rebuild in `{0}`")]
    Rebuild(String),
    /// Dumps the store of which the failure is.
    #[error("its dump")]
    DumpOfStore,
}

kept_as_code!(ToolTask);
