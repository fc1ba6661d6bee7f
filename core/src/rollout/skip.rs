//! Skips: members that an operator leaves out of a running rollout, each with a reason.

use crate::names::OperatorName;
use crate::plain_text::is_harmless;
use crate::time::Time;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Record of a member that an operator has left out after the start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skip {
    /// Operator who skipped it.
    pub by: OperatorName,
    /// Time of the request.
    pub at: Time,
    /// Reason that the operator gave.
    pub reason: SkipReason,
}

/// Reason of a skip: one line of at most [`SkipReason::LIMIT`] characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SkipReason(Box<str>);

impl SkipReason {
    /// Maximum number of characters.
    pub const LIMIT: usize = 200;
}

/// Text that cannot be the reason of a skip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SkipReasonError {
    /// There is no text.
    #[error("a skip needs a reason")]
    Empty,
    /// The text is too long.
    #[error("the reason has {0} characters: write at most {limit}", limit = SkipReason::LIMIT)]
    TooLong(usize),
    /// The text has line breaks, or characters that act on a terminal.
    #[error("the reason has characters that are not plain: write one line of text")]
    NotPlain,
}

impl FromStr for SkipReason {
    type Err = SkipReasonError;

    fn from_str(text: &str) -> Result<Self, SkipReasonError> {
        let text = text.trim();
        let length = text.chars().count();
        if text.is_empty() {
            Err(SkipReasonError::Empty)
        } else if length > Self::LIMIT {
            Err(SkipReasonError::TooLong(length))
        } else if !text.chars().all(|character| is_harmless(character) && !matches!(character, '\n' | '\t')) {
            Err(SkipReasonError::NotPlain)
        } else {
            Ok(Self(text.into()))
        }
    }
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_one_line_of_plain_text() {
        let longest = "ü".repeat(SkipReason::LIMIT);
        let read = |text: &str| text.parse::<SkipReason>().map(|reason| reason.to_string());
        for (given, expect) in [
            (" its disk is being replaced ", Ok("its disk is being replaced".to_owned())),
            (longest.as_str(), Ok(longest.clone())),
            (&format!("{longest}ü"), Err(SkipReasonError::TooLong(SkipReason::LIMIT + 1))),
            (" \n", Err(SkipReasonError::Empty)),
            ("two\nlines", Err(SkipReasonError::NotPlain)),
            ("a\ttab", Err(SkipReasonError::NotPlain)),
            ("red \u{1b}[31m", Err(SkipReasonError::NotPlain)),
            ("turned \u{202e}", Err(SkipReasonError::NotPlain)),
        ] {
            assert_eq!(read(given), expect, "{given:?}");
        }
    }
}
