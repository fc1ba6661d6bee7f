//! Labels on hosts, and the selectors that pick hosts by them.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// A host's labels: `site=fr`, `tier=test`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Labels(pub BTreeMap<String, String>);

/// The most labels a host may carry.
pub const LABEL_LIMIT: usize = 32;

/// Text that is not a label or a selector.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LabelError {
    /// Not `KEY=VALUE`.
    #[error("`{0}` is not a label: write KEY=VALUE, such as `site=fr`")]
    NotALabel(String),
    /// Not a list of terms.
    #[error("`{0}` is not a selector: write KEY=VALUE, KEY!=VALUE, KEY or !KEY, joined by commas")]
    NotASelector(String),
    /// More labels than a host may have.
    #[error("a host may have at most {LABEL_LIMIT} labels")]
    TooMany,
}

impl Labels {
    /// Returns the value of a label.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// Reads `KEY=VALUE` pairs as given on a command line.
    pub fn parse<'a>(pairs: impl IntoIterator<Item = &'a str>) -> Result<Self, LabelError> {
        let mut labels = BTreeMap::new();
        for pair in pairs {
            let not_a_label = || LabelError::NotALabel(pair.chars().take(80).collect());
            let (key, value) = pair.split_once('=').ok_or_else(not_a_label)?;
            if !is_word(key) || !is_word(value) {
                return Err(not_a_label());
            }
            labels.insert(key.to_owned(), value.to_owned());
        }
        if labels.len() > LABEL_LIMIT {
            return Err(LabelError::TooMany);
        }
        Ok(Self(labels))
    }
}

impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pairs: Vec<String> = self.0.iter().map(|(key, value)| format!("{key}={value}")).collect();
        f.pad(&pairs.join(","))
    }
}

fn is_word(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    (1..=63).contains(&text.len()) && text.chars().all(allowed)
}

/// Picks hosts: every term must hold. The empty selector picks all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Selector(Vec<Term>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Term {
    Is(String, String),
    IsNot(String, String),
    Has(String),
    HasNot(String),
}

impl Selector {
    /// Returns true where all terms hold.
    pub fn matches(&self, labels: &Labels) -> bool {
        self.0.iter().all(|term| match term {
            Term::Is(key, value) => labels.get(key) == Some(value),
            Term::IsNot(key, value) => labels.get(key) != Some(value),
            Term::Has(key) => labels.get(key).is_some(),
            Term::HasNot(key) => labels.get(key).is_none(),
        })
    }
}

impl FromStr for Selector {
    type Err = LabelError;
    fn from_str(text: &str) -> Result<Self, LabelError> {
        let terms = text.split(',').map(str::trim).filter(|term| !term.is_empty());
        terms.map(read_term).collect::<Result<_, _>>().map(Self)
    }
}

fn read_term(text: &str) -> Result<Term, LabelError> {
    let word = |word: &str| match is_word(word) {
        true => Ok(word.to_owned()),
        false => Err(LabelError::NotASelector(text.chars().take(80).collect())),
    };
    if let Some((key, value)) = text.split_once("!=") {
        return Ok(Term::IsNot(word(key)?, word(value)?));
    }
    if let Some((key, value)) = text.split_once('=') {
        return Ok(Term::Is(word(key)?, word(value.strip_prefix('=').unwrap_or(value))?));
    }
    match text.strip_prefix('!') {
        Some(key) => Ok(Term::HasNot(word(key)?)),
        None => Ok(Term::Has(word(text)?)),
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let terms: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.pad(&terms.join(","))
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Is(key, value) => write!(f, "{key}={value}"),
            Self::IsNot(key, value) => write!(f, "{key}!={value}"),
            Self::Has(key) => write!(f, "{key}"),
            Self::HasNot(key) => write!(f, "!{key}"),
        }
    }
}

impl TryFrom<String> for Selector {
    type Error = LabelError;
    fn try_from(text: String) -> Result<Self, LabelError> {
        text.parse()
    }
}

impl From<Selector> for String {
    fn from(selector: Selector) -> String {
        selector.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(selector: &str, labels: &[&str], expect: bool) {
        let selector: Selector = selector.parse().expect("the selector is well formed");
        let labels = Labels::parse(labels.iter().copied()).expect("the labels are well formed");
        assert_eq!(selector.matches(&labels), expect, "{selector} on {labels}");
    }

    #[test]
    fn every_term_must_hold() {
        check("", &["site=fr"], true);
        check("site=fr", &["site=fr"], true);
        check("site==fr", &["site=fr"], true);
        check("site=fr,tier=test", &["site=fr"], false);
        check("site!=fr", &["site=de"], true);
        check("site!=fr", &[], true);
        check("tier", &["tier=test"], true);
        check("!tier", &["tier=test"], false);
    }

    #[test]
    fn a_selector_reads_back_as_it_was_written() {
        for text in ["a=b,c!=d,e,!f", ""] {
            assert_eq!(text.parse::<Selector>().map(|s| s.to_string()), Ok(text.to_owned()));
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["=", "a=", "!=", "a b", "a=b=c"] {
            assert!(text.parse::<Selector>().is_err(), "`{text}` should be refused");
        }
        assert!(Labels::parse(["site"]).is_err());
    }
}
