//! Values that a cursor parses from the text at its position.

use super::cursor::Cursor;
use super::interpolate::{InterpolationError, interpolate};
use super::shell_words::split;
use super::yaml::Value;
use crate::spec::{Switch, Text};
use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

impl Cursor<'_> {
    /// Parses a command: one line, or a list of words.
    pub fn command(&self) -> Option<Vec<Text>> {
        if self.is_list() {
            return Some(self.items().iter().filter_map(Cursor::text).collect());
        }
        let line = self.text()?;
        match split(line.expose()) {
            Ok(words) => Some(words.into_iter().map(|word| line.with(word)).collect()),
            Err(error) => {
                self.wrong(format!("the command cannot be split into words: {error}"));
                None
            }
        }
    }

    /// Parses labels or options: a map, or a list of `KEY=VALUE`. A key without a value has an empty one.
    pub fn pairs(&self) -> BTreeMap<String, String> {
        if self.is_list() {
            return self.items().iter().filter_map(Cursor::string).map(|pair| split_pair(&pair)).collect();
        }
        let value = |at: Cursor| if at.is_null() { Some(String::new()) } else { at.string() };
        self.entries().into_iter().filter_map(|(key, at)| Some((key.to_owned(), value(at)?))).collect()
    }

    /// The text, its variables filled in; it may be a secret.
    pub fn text(&self) -> Option<Text> {
        let Value::Scalar(text) = &self.node.value else {
            self.wrong(if self.is_null() { "a value is missing here" } else { "this must be a text" });
            return None;
        };
        match interpolate(text, &self.reading.variables) {
            Ok(text) => Some(text),
            Err(error) => {
                self.wrong_with_hint(error.to_string(), hint_for(&error));
                None
            }
        }
    }

    /// Returns the text for public use: a secret is refused.
    pub fn string(&self) -> Option<String> {
        let text = self.text()?;
        if text.is_secret() {
            let hint = "use it in environment, command, entrypoint, healthcheck or a template";
            self.wrong_with_hint("a secret must not stand here, where it would be shown", hint);
            return None;
        }
        Some(text.expose().to_owned())
    }

    /// Parses the text; `expected` describes the type in the error.
    pub fn parse<T: FromStr>(&self, expected: &str) -> Option<T> {
        let text = self.string()?;
        let parsed = text.parse().ok();
        if parsed.is_none() {
            self.wrong(format!("this must be {expected}, not `{text}`"));
        }
        parsed
    }

    /// Parses the text into a type whose error describes the expected form.
    pub fn parse_or_say<T>(&self) -> Option<T>
    where
        T: FromStr,
        T::Err: Display,
    {
        self.string()?.parse().map_err(|error: T::Err| self.wrong(error.to_string())).ok()
    }

    pub fn switch(&self) -> Option<Switch> {
        match self.string()?.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" => Some(Switch::On),
            "false" | "no" | "off" => Some(Switch::Off),
            other => {
                self.wrong(format!("this must be `true` or `false`, not `{other}`"));
                None
            }
        }
    }

    pub fn strings(&self) -> Vec<String> {
        self.items().iter().filter_map(Self::string).collect()
    }
}

fn hint_for(error: &InterpolationError) -> &'static str {
    match error {
        InterpolationError::Unset { .. } => "declare a value for it in app.yaml, or write `${NAME:-default}`",
        InterpolationError::Required { .. } => "set the value that feeds it",
        InterpolationError::Malformed { .. } => "for a dollar sign write `$$`",
        InterpolationError::TooLarge => "use shorter values, or use them less often",
        InterpolationError::TooDeep => "give the inner default a variable of its own",
    }
}

fn split_pair(pair: &str) -> (String, String) {
    let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
    (key.to_owned(), value.to_owned())
}
