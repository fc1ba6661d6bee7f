//! Reasons why the manifest of a backup cannot be used, as codes with arguments. `fleet` turns them into words.

use crate::coded_text::kept_as_code;
use serde::{Deserialize, Serialize};

/// Reason why a manifest cannot be used. Kept facts have it as `{"code": "newer", "with": …}`, earlier ones as a text.
///
/// `Display` is for logs.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case", tag = "code", content = "with", remote = "Self")]
pub enum ManifestError {
    /// Words of an earlier version.
    #[error("{text}")]
    Other {
        /// The words.
        text: String,
    },
    /// Format that the reader does not know.
    #[error("it was made by a newer fleet: its manifest has format {format}, and this program knows up to {known}")]
    Newer {
        /// Version of the format.
        format: u32,
        /// Highest version that the reader knows.
        known: u32,
    },
    /// Text that is not a manifest.
    #[error("its manifest cannot be read: {cause}")]
    Damaged {
        /// Words of the parser.
        cause: String,
    },
}

kept_as_code!(ManifestError);
