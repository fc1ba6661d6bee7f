//! Text that may hold a secret.
//!
//! **Invariant:** a secret leaves a `Text` only through `expose`; neither `Debug` nor `Display` shows it.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Text that is shown in place of a secret.
pub const HIDDEN: &str = "(secret)";

/// A text given to a container; kept as a plain string, or as `{"secret": …}`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Text {
    /// Text that may be shown.
    Plain(String),
    /// Text that is never shown.
    Secret {
        /// The text itself.
        secret: String,
    },
}

impl Text {
    /// Makes a text that may be shown.
    pub fn plain(text: impl Into<String>) -> Self {
        Self::Plain(text.into())
    }

    /// Makes a text that is never shown.
    pub fn secret(text: impl Into<String>) -> Self {
        Self::Secret { secret: text.into() }
    }

    /// Returns the text itself, for sending it to the Engine.
    pub fn expose(&self) -> &str {
        match self {
            Self::Plain(text) | Self::Secret { secret: text } => text,
        }
    }

    /// Returns true for a secret.
    pub fn is_secret(&self) -> bool {
        match self {
            Self::Plain(_) => false,
            Self::Secret { .. } => true,
        }
    }

    /// Another text with the same secrecy.
    pub fn with(&self, text: impl Into<String>) -> Self {
        match self {
            Self::Plain(_) => Self::plain(text),
            Self::Secret { .. } => Self::secret(text),
        }
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(text) => f.pad(text),
            Self::Secret { .. } => f.pad(HIDDEN),
        }
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(text) => fmt::Debug::fmt(text, f),
            Self::Secret { .. } => f.write_str(HIDDEN),
        }
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self::plain(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_never_shown() {
        let secret = Text::secret("hunter2");
        assert_eq!(format!("{secret} {secret:?}"), "(secret) (secret)");
        assert_eq!(secret.expose(), "hunter2");
    }

    #[test]
    fn a_text_survives_being_kept() {
        for text in [Text::plain("a"), Text::secret("b")] {
            let kept = serde_json::to_string(&text).expect("a text is JSON");
            assert_eq!(serde_json::from_str::<Text>(&kept).expect("kept text is read"), text);
        }
    }
}
