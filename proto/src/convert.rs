//! The only place where the wire's messages and core's words meet.
//!
//! Words become messages by `From`; messages become words by `TryFrom`, which refuses whatever is not said in full.

mod claims;
mod joiner;
mod observed;
mod order;
mod policy;
mod repository;

pub use joiner::incoming_joiner;
pub use order::{OutgoingOrder, incoming_order};
pub use repository::{FileKind, RepositoryFile, RepositoryFiles, is_sha256, repository_file, repository_files};

use fleet_core::labels::LabelError;
use fleet_core::names::NameError;
use fleet_core::window::WindowError;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Says which part of a message is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConvertError {
    #[error("`{0}` is missing")]
    Missing(&'static str),
    #[error("`{field}` has no kind that this version knows")]
    Unknown { field: &'static str },
    #[error(transparent)]
    Name(#[from] NameError),
    #[error(transparent)]
    Label(#[from] LabelError),
    #[error(transparent)]
    Window(#[from] WindowError),
    #[error("`{field}` cannot be understood: {reason}")]
    Json { field: &'static str, reason: String },
    #[error("`{field}` is larger than {limit}")]
    TooLarge { field: &'static str, limit: usize },
}

impl From<ConvertError> for tonic::Status {
    fn from(error: ConvertError) -> Self {
        Self::invalid_argument(error.to_string())
    }
}

fn needed<T>(field: &'static str, value: Option<T>) -> Result<T, ConvertError> {
    value.ok_or(ConvertError::Missing(field))
}

/// The most characters of free text that a message may bring.
const TEXT_LIMIT: usize = 4096;

/// Free text is cut rather than refused: a long reason is still a reason.
fn bounded(text: String) -> String {
    match text.char_indices().nth(TEXT_LIMIT) {
        Some((end, _)) => text[..end].to_owned(),
        None => text,
    }
}

/// The longest JSON text that a message may bring.
const JSON_LIMIT: usize = 1 << 20;

/// Words of core that have no message of their own: few, large, and read whole or not at all.
fn write_json(words: &impl Serialize) -> String {
    serde_json::to_string(words).expect("core's words are maps with names as keys")
}

/// None from an empty text.
fn read_json<T: DeserializeOwned>(field: &'static str, text: &str) -> Result<Option<T>, ConvertError> {
    if text.is_empty() {
        return Ok(None);
    }
    if text.len() > JSON_LIMIT {
        return Err(ConvertError::TooLarge { field, limit: JSON_LIMIT });
    }
    let unreadable = |error: serde_json::Error| ConvertError::Json { field, reason: error.to_string() };
    serde_json::from_str(text).map(Some).map_err(unreadable)
}

fn at_most<T>(field: &'static str, limit: usize, items: Vec<T>) -> Result<Vec<T>, ConvertError> {
    if items.len() > limit {
        return Err(ConvertError::TooLarge { field, limit });
    }
    Ok(items)
}

#[cfg(test)]
mod tests;
