//! Text of others made harmless: for a terminal, for one line, for a record of limited size.

use serde::{Deserialize, Serialize};
use std::convert::Infallible;
use std::fmt;
use std::ops::Deref;
use std::str::FromStr;

/// Number of digits of a digest that are shown to people.
const SHORT_DIGEST: usize = 12;

/// Escapes characters that could act on a terminal or mislead its reader; newlines and tabs stay. The escapes are those
/// of JSON.
#[must_use]
pub fn clean(text: &str) -> String {
    let mut cleaned = String::with_capacity(text.len());
    for character in text.chars() {
        if is_harmless(character) {
            cleaned.push(character);
        } else {
            cleaned.push_str(&format!("\\u{:04x}", u32::from(character)));
        }
    }
    cleaned
}

/// Cleans a text for people: digests of images are shortened. `-o json` has the full text.
#[must_use]
pub fn readable(text: &str) -> String {
    const MARK: &str = "@sha256:";
    let text = clean(text);
    let mut pieces = text.split(MARK);
    let mut readable = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let digits = piece.chars().take_while(char::is_ascii_hexdigit).count();
        let (digest, rest) = piece.split_at(digits);
        readable.push_str(MARK);
        match digits {
            64 => readable.push_str(&format!("{}…{rest}", &digest[..SHORT_DIGEST])),
            _ => readable.push_str(piece),
        }
    }
    readable
}

/// A text for people that must stay on one line.
#[must_use]
pub fn one_line(text: &str) -> String {
    readable(
        &text.split(['\n', '\r', '\t']).map(str::trim).filter(|part| !part.is_empty()).collect::<Vec<_>>().join("; "),
    )
}

/// Text of others of at most [`ShortText::LIMIT`] characters; the rest is cut. It is part of what is kept and reported.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct ShortText(Box<str>);

impl ShortText {
    /// Maximum number of characters.
    pub const LIMIT: usize = 500;
}

impl From<&str> for ShortText {
    fn from(text: &str) -> Self {
        Self(text.chars().take(Self::LIMIT).collect::<String>().into())
    }
}

impl From<String> for ShortText {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<ShortText> for String {
    fn from(text: ShortText) -> Self {
        text.0.into()
    }
}

impl FromStr for ShortText {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(text.into())
    }
}

impl Deref for ShortText {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ShortText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Returns whether a character neither acts on a terminal nor misleads its reader.
pub(crate) fn is_harmless(character: char) -> bool {
    let is_invisible_order =
        matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    matches!(character, '\n' | '\t') || !(character.is_control() || is_invisible_order)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_text_is_cut_also_where_it_is_read() {
        let long = "ü".repeat(2 * ShortText::LIMIT);
        let kept: ShortText = serde_json::from_str(&format!("\"{long}\"")).expect("it is a text");
        assert_eq!(kept.chars().count(), ShortText::LIMIT);
        assert_eq!(kept, ShortText::from(long));
    }

    #[test]
    fn what_could_act_on_a_terminal_is_escaped() {
        assert_eq!(clean("a\tb\nc\r\x1b[31m\u{9b}\u{202e}ü"), "a\tb\nc\\u000d\\u001b[31m\\u009b\\u202eü");
        assert_eq!(one_line("two\nlines\r\n"), "two; lines");
    }

    #[test]
    fn the_digest_of_an_image_is_short_for_people() {
        let digest = "0123456789abcdef".repeat(4);
        let (pull, other) = (
            format!("pull a/web:1.2@sha256:{digest} (1 of 3 MB)"),
            format!("web@sha256:{digest}0 and sha256:{digest}"),
        );
        assert_eq!(readable(&pull), "pull a/web:1.2@sha256:0123456789ab… (1 of 3 MB)");
        assert_eq!(readable(&format!("{pull}, {pull}")).matches("@sha256:0123456789ab… (").count(), 2);
        assert_eq!(readable(&other), other, "what is no image's digest stays as it is");
    }
}
