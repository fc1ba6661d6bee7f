//! Calls that the coordinator refuses, as codes with arguments. `fleet` turns them into sentences.
//!
//! `Display` is for logs, and for programs that do not know the codes.

mod admission;
mod arguments;
mod attempt;
mod backup;
mod file;
mod kinds;

pub use crate::claims::HeldName;
pub use admission::AdmissionRefusal;
pub use arguments::{CountedThing, LocationPart, NamedKind, SharedWork, SnapshotCandidate};
pub use attempt::Attempt;
pub use backup::BackupRefusal;
pub use file::FileRefusal;
pub use kinds::CallRefusal;

use std::fmt;

/// Refused call: its attempt, and the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedCall {
    /// Attempt of the call.
    pub attempt: Attempt,
    /// Reason for the refusal.
    pub refusal: CallRefusal,
}

impl fmt::Display for RefusedCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "could not {}: {}", self.attempt, self.refusal)
    }
}

/// Maximum number of names and lines that a refusal lists; the others are counted.
const LISTED: usize = 16;

/// Returns the first items of a list that a refusal has, and the number of the others.
pub fn first_of<T>(all: impl IntoIterator<Item = T>) -> (Vec<T>, usize) {
    let mut all = all.into_iter();
    let first = all.by_ref().take(LISTED).collect();
    (first, all.count())
}

fn joined<T: fmt::Display>(items: &[T], more: usize) -> String {
    let mut line = items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    if more > 0 {
        line.push_str(&format!(", and {more} more"));
    }
    line
}
