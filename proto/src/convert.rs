//! The only place where the wire's messages and core's words meet.
//!
//! Words become messages by `From`; messages become words by `TryFrom`, which refuses whatever is not said in full.

mod joiner;
mod observed;
mod order;
mod policy;

pub use joiner::incoming_joiner;
pub use order::{OutgoingOrder, incoming_order};

use fleet_core::labels::LabelError;
use fleet_core::names::NameError;
use fleet_core::window::WindowError;

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

fn at_most<T>(field: &'static str, limit: usize, items: Vec<T>) -> Result<Vec<T>, ConvertError> {
    if items.len() > limit {
        return Err(ConvertError::TooLarge { field, limit });
    }
    Ok(items)
}

#[cfg(test)]
mod tests;
