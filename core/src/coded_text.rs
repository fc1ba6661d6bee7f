//! Texts of coded values, such as activities and failures, by the JSON in which they are kept.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::io::{self, Write};

/// Kind of a text in a coded value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArgumentKind {
    /// Name of a container, a store, an image, a file and the like.
    Name,
    /// Words of a program or of a person.
    Words,
}

/// Codes whose arguments without a name are words.
const CODES_OF_WORDS: [&str; 4] = ["ledger_unreadable", "other", "text", "trying_again"];
/// Arguments that are words.
const WORDS: [&str; 23] = [
    "answer",
    "arguments",
    "attribute",
    "cause",
    "command",
    "conflicts",
    "differences",
    "expected",
    "is",
    "left",
    "lost",
    "missing",
    "object",
    "output",
    "parts",
    "problem",
    "problems",
    "question",
    "refusal",
    "rows",
    "text",
    "was",
    "what",
];

/// Returns the value with other texts in its arguments, those of values in it included; `None` if it cannot be read any more.
pub(crate) fn map_texts<T: Serialize + DeserializeOwned>(
    value: &T,
    change: &impl Fn(ArgumentKind, String) -> String,
) -> Option<T> {
    let mut kept = serde_json::to_value(value).ok()?;
    map_arguments(&mut kept, ArgumentKind::Words, change);
    serde_json::from_value(kept).ok()
}

fn map_arguments(value: &mut Value, kind: ArgumentKind, change: &impl Fn(ArgumentKind, String) -> String) {
    match value {
        Value::String(text) => *text = change(kind, std::mem::take(text)),
        Value::Array(items) => items.iter_mut().for_each(|item| map_arguments(item, kind, change)),
        Value::Object(fields) => match fields.get("code").and_then(Value::as_str) {
            Some(code) => {
                let kind = kind_of(CODES_OF_WORDS.contains(&code));
                if let Some(arguments) = fields.get_mut("with") {
                    map_arguments(arguments, kind, change);
                }
            }
            None => fields
                .iter_mut()
                .for_each(|(name, argument)| map_arguments(argument, kind_of(WORDS.contains(&name.as_str())), change)),
        },
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn kind_of(is_words: bool) -> ArgumentKind {
    if is_words { ArgumentKind::Words } else { ArgumentKind::Name }
}

/// The code in words and the arguments of a coded value, or an argument.
pub(crate) fn plain(value: &Value) -> String {
    let joined =
        |texts: Vec<String>, by: &str| texts.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(by);
    match value {
        Value::Object(fields) if !fields.contains_key("code") => joined(fields.values().map(plain).collect(), ", "),
        Value::Object(fields) => {
            let code = fields.get("code").and_then(Value::as_str).unwrap_or_default().replace('_', " ");
            joined(vec![code, fields.get("with").map(plain).unwrap_or_default()], " ")
        }
        Value::Array(items) => joined(items.iter().map(plain).collect(), ", "),
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

/// Returns the number of levels of coded values in a value, its own included, by the JSON in which it is kept: no code is missed.
pub(crate) fn levels(value: &impl Serialize) -> usize {
    if serde_json::to_writer(Nesting::default(), value).is_err() {
        return usize::MAX;
    }
    serde_json::to_value(value).map_or(usize::MAX, |kept| levels_in(&kept))
}

/// JSON that is not kept: an error ends it where too much is in each other. What others send is not followed further.
#[derive(Default)]
struct Nesting {
    inside: usize,
    is_text: bool,
    is_escaped: bool,
}

impl Nesting {
    /// Maximum number of objects and lists in each other: three for each level, and more levels than any reader takes.
    const LIMIT: usize = 48;

    fn add(&mut self, byte: u8) {
        match byte {
            _ if self.is_escaped => self.is_escaped = false,
            b'\\' => self.is_escaped = self.is_text,
            b'"' => self.is_text = !self.is_text,
            b'{' | b'[' if !self.is_text => self.inside += 1,
            b'}' | b']' if !self.is_text => self.inside = self.inside.saturating_sub(1),
            _other => {}
        }
    }
}

impl Write for Nesting {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        bytes.iter().for_each(|byte| self.add(*byte));
        if self.inside > Self::LIMIT { Err(io::ErrorKind::InvalidData.into()) } else { Ok(bytes.len()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn levels_in(value: &Value) -> usize {
    match value {
        Value::Object(fields) => {
            let own = usize::from(fields.get("code").is_some_and(Value::is_string));
            own + fields.values().map(levels_in).max().unwrap_or_default()
        }
        Value::Array(items) => items.iter().map(levels_in).max().unwrap_or_default(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

/// Gives an enum of codes other texts in its arguments. `$text` makes a value of a text, for one whose name is no longer valid with them:
/// it loses its code rather than its changes.
macro_rules! with_texts {
    ($kind:ident, $text:expr) => {
        impl $kind {
            /// Returns it with other texts in its arguments, for example with secrets masked.
            #[must_use]
            pub fn map_texts(self, change: impl Fn(crate::coded_text::ArgumentKind, String) -> String) -> Self {
                let changed = crate::coded_text::map_texts(&self, &change);
                changed.unwrap_or_else(|| $text(change(crate::coded_text::ArgumentKind::Words, self.to_string())))
            }

            /// Returns the number of levels of codes in it, its own included.
            pub fn depth(&self) -> usize {
                crate::coded_text::levels(self)
            }

            /// Returns it with short texts, as a record of limited size has it.
            #[must_use]
            pub fn shortened(&self) -> Self {
                self.clone().map_texts(|_, text| crate::plain_text::ShortText::from(text).into())
            }
        }
    };
}
pub(crate) use with_texts;

/// Gives an enum of codes with `Other { text }` a `Display` for logs: the code in words, then the arguments.
macro_rules! logged_as_code {
    ($kind:ident) => {
        impl std::fmt::Display for $kind {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                match self {
                    Self::Other { text } => f.write_str(text),
                    coded => {
                        let kept = serde_json::to_value(coded).map_err(|_| std::fmt::Error)?;
                        f.write_str(&crate::coded_text::plain(&kept))
                    }
                }
            }
        }
    };
}
pub(crate) use logged_as_code;

/// Completes an enum of codes that serde derives with `remote = "Self"`, that earlier versions kept as a text, and that has
/// `Other { text }` for such a text: reading and writing, `other`, `map_texts` and `shortened`.
macro_rules! kept_as_code {
    ($kind:ident) => {
        crate::coded_text::with_texts!($kind, $kind::other);

        impl $kind {
            /// Makes one that has no code of its own.
            pub fn other(text: impl Into<String>) -> Self {
                Self::Other { text: text.into() }
            }
        }

        impl serde::Serialize for $kind {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                Self::serialize(self, serializer)
            }
        }

        impl<'de> serde::Deserialize<'de> for $kind {
            /// Reads what an earlier version kept as a text, and what a newer one kept as a code that is not known here.
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let kept: serde_json::Value = serde::Deserialize::deserialize(deserializer)?;
                Ok(match kept {
                    serde_json::Value::String(text) => Self::other(text),
                    kept => Self::deserialize(&kept).unwrap_or_else(|_| Self::other(crate::coded_text::plain(&kept))),
                })
            }
        }
    };
}
pub(crate) use kept_as_code;

/// Makes a module that serde uses by `flatten` and `with` for a list of codes in a file that earlier versions read: it is written
/// as texts and, beside them, as codes. The attributes name the field of the texts, then that of the codes.
macro_rules! codes_beside_texts {
    ($(#[doc = $doc:literal])* $module:ident: $kind:ident, #[$texts:meta] #[$codes:meta]) => {
        $(#[doc = $doc])*
        pub(crate) mod $module {
            use super::$kind;
            use serde::{Deserialize, Deserializer, Serialize, Serializer};

            #[derive(Serialize, Deserialize)]
            struct Beside {
                #[$texts]
                #[serde(default)]
                texts: Vec<String>,
                #[$codes]
                #[serde(default)]
                codes: Vec<$kind>,
            }

            pub(crate) fn serialize<S: Serializer>(all: &[$kind], serializer: S) -> Result<S::Ok, S::Error> {
                let texts = all.iter().map(ToString::to_string).collect();
                let has_code = all.iter().any(|one| !matches!(one, $kind::Other { .. }));
                let codes = if has_code { all.to_vec() } else { Vec::new() };
                Beside { texts, codes }.serialize(serializer)
            }

            pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<$kind>, D::Error> {
                let Beside { texts, codes } = Beside::deserialize(deserializer)?;
                Ok(if codes.is_empty() { texts.into_iter().map($kind::other).collect() } else { codes })
            }
        }
    };
}
pub(crate) use codes_beside_texts;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activity::Activity;
    use crate::drift::Drift;
    use crate::order_failure::OrderFailure;
    use crate::policy_refusal::PolicyRefusal;

    fn marked(kind: ArgumentKind, text: String) -> String {
        match kind {
            ArgumentKind::Name => text,
            ArgumentKind::Words => "***".to_owned(),
        }
    }

    #[test]
    fn names_and_words_are_told_apart_in_values_of_values_too() {
        let paused = Activity::GoingBack(Box::new(Activity::Pause("mongo".to_owned())));
        assert_eq!(paused.clone().map_texts(marked), paused);
        let again = Activity::TryingAgain("mongo".to_owned());
        assert_eq!(again.map_texts(marked), Activity::TryingAgain("***".to_owned()));
        let exited = Drift::ContainerExited("mongo".to_owned(), 1);
        assert_eq!(exited.clone().map_texts(marked), exited);
        let failed = |container: &str, output: &str| OrderFailure::RollbackFailed {
            because: Box::new(OrderFailure::other(output)),
            failure: Box::new(OrderFailure::ContainerExited {
                container: container.to_owned(),
                code: 1,
                output: output.to_owned(),
            }),
        };
        assert_eq!(failed("mongo", "mongo").map_texts(marked), failed("mongo", "***"));
    }

    #[test]
    fn each_coded_value_in_another_is_a_level() {
        let pull = Activity::Pull("mongo".to_owned());
        assert_eq!((pull.depth(), Activity::GoingBack(Box::new(pull)).depth()), (1, 2));
        let exited = |code| OrderFailure::ContainerExited { container: "a".to_owned(), code, output: String::new() };
        let in_store = OrderFailure::InStore { store: "rows".to_owned(), failure: Box::new(exited(1)) };
        assert_eq!(OrderFailure::Several { failures: vec![exited(1), in_store] }.depth(), 3);
        let refusals = vec![PolicyRefusal::NoWayBack];
        assert_eq!(OrderFailure::PolicyForbids { refusals }.depth(), 2);
        let nested = |levels| {
            (0..levels)
                .fold(exited(1), |of, _| OrderFailure::InStore { store: "{\"[".to_owned(), failure: Box::new(of) })
        };
        assert_eq!((nested(9).depth(), nested(200).depth()), (10, usize::MAX));
    }

    #[test]
    fn a_code_reads_as_words_with_its_arguments() {
        let value = serde_json::json!({"code": "flew_away", "with": {"to": "there", "times": 2}});
        assert_eq!(plain(&value), "flew away 2, there");
    }
}
