//! Variables in Compose files: `$NAME`, `${NAME:-default}` and their like.
//!
//! **Invariant:** nothing is silently blank. A variable without value and without default is an error, and text made
//! from a secret is a secret.

use crate::spec::Text;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};

/// Maximum nesting of defaults.
const DEPTH_LIMIT: usize = 16;
/// Maximum bytes of all variables of a file after interpolation.
const BYTE_LIMIT: usize = 8 << 20;

/// The variables that a file may ask for.
#[derive(Debug)]
pub struct ComposeVariables<'a> {
    pub values: &'a BTreeMap<String, String>,
    pub secrets: &'a BTreeSet<String>,
    /// Variables that were used.
    pub used: RefCell<BTreeSet<String>>,
    /// Bytes that may still be inserted.
    left: Cell<usize>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InterpolationError {
    #[error("the variable `{name}` has neither a value nor a default")]
    Unset { name: String },
    #[error("the variable `{name}` is required{}", reason(text))]
    Required { name: String, text: String },
    #[error("`{text}` is not a variable")]
    Malformed { text: String },
    #[error("defaults stand too deep inside defaults")]
    TooDeep,
    #[error("the file's variables become more than 8 MiB")]
    TooLarge,
}

fn reason(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(": {text}") }
}

impl<'a> ComposeVariables<'a> {
    pub fn new(values: &'a BTreeMap<String, String>, secrets: &'a BTreeSet<String>) -> Self {
        Self { values, secrets, used: RefCell::default(), left: Cell::new(BYTE_LIMIT) }
    }

    /// The value of a variable, if it has one; remembers that it was asked for.
    pub fn get(&self, name: &str) -> Option<Text> {
        let value = self.values.get(name)?;
        self.used.borrow_mut().insert(name.to_owned());
        let is_secret = self.secrets.contains(name);
        Some(if is_secret { Text::secret(value) } else { Text::plain(value) })
    }
}

/// Fills a text's variables in.
pub fn interpolate(text: &str, variables: &ComposeVariables) -> Result<Text, InterpolationError> {
    let mut filling = Filling { variables, out: String::new(), is_secret: false };
    filling.fill(text, 0)?;
    Ok(if filling.is_secret { Text::secret(filling.out) } else { Text::plain(filling.out) })
}

struct Filling<'a> {
    variables: &'a ComposeVariables<'a>,
    out: String,
    is_secret: bool,
}

impl Filling<'_> {
    fn fill(&mut self, text: &str, depth: usize) -> Result<(), InterpolationError> {
        if depth > DEPTH_LIMIT {
            return Err(InterpolationError::TooDeep);
        }
        let mut rest = text;
        while let Some(dollar) = rest.find('$') {
            self.out.push_str(&rest[..dollar]);
            rest = self.variable(&rest[dollar..], depth)?;
        }
        self.out.push_str(rest);
        Ok(())
    }

    /// Fills in the variable at the beginning of `text`, and returns the rest.
    fn variable<'t>(&mut self, text: &'t str, depth: usize) -> Result<&'t str, InterpolationError> {
        let after = &text[1..];
        if let Some(rest) = after.strip_prefix('$') {
            self.out.push('$');
            return Ok(rest);
        }
        if let Some(inside) = after.strip_prefix('{') {
            let end = closing(inside).ok_or_else(|| malformed(text))?;
            self.braced(&inside[..end], depth)?;
            return Ok(&inside[end + 1..]);
        }
        let (name, rest) = split_name(after).ok_or_else(|| malformed(text))?;
        self.value_of(name)?;
        Ok(rest)
    }

    /// Fills in the text between `${` and `}`.
    fn braced(&mut self, inside: &str, depth: usize) -> Result<(), InterpolationError> {
        let (name, rest) = split_name(inside).ok_or_else(|| malformed(inside))?;
        if rest.is_empty() {
            return self.value_of(name);
        }
        let (is_blank_unset, operation) = match rest.strip_prefix(':') {
            Some(operation) => (true, operation),
            None => (false, rest),
        };
        let value = self.variables.get(name).filter(|value| !(is_blank_unset && value.expose().is_empty()));
        let mut operation = operation.chars();
        let (operator, word) = (operation.next(), operation.as_str());
        match (operator, value) {
            (Some('-' | '?'), Some(value)) => self.push(&value)?,
            (Some('-'), None) | (Some('+'), Some(_)) => return self.fill(word, depth + 1),
            (Some('+'), None) => {}
            (Some('?'), None) => {
                return Err(InterpolationError::Required { name: name.to_owned(), text: word.to_owned() });
            }
            (_, _) => return Err(malformed(inside)),
        }
        Ok(())
    }

    fn value_of(&mut self, name: &str) -> Result<(), InterpolationError> {
        let value = self.variables.get(name);
        let value = value.ok_or_else(|| InterpolationError::Unset { name: name.to_owned() })?;
        self.push(&value)
    }

    fn push(&mut self, value: &Text) -> Result<(), InterpolationError> {
        let left = self.variables.left.get().checked_sub(value.expose().len());
        self.variables.left.set(left.ok_or(InterpolationError::TooLarge)?);
        self.out.push_str(value.expose());
        self.is_secret |= value.is_secret();
        Ok(())
    }
}

fn malformed(text: &str) -> InterpolationError {
    InterpolationError::Malformed { text: text.chars().take(40).collect() }
}

/// Returns the position of the closing brace for the open one.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let bytes = text.as_bytes();
    for (place, byte) in bytes.iter().enumerate() {
        match byte {
            b'{' if place > 0 && bytes[place - 1] == b'$' => depth += 1,
            b'}' if depth == 0 => return Some(place),
            b'}' => depth -= 1,
            _ => {}
        }
    }
    None
}

fn split_name(text: &str) -> Option<(&str, &str)> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let end = text.find(|c| !is_part(c)).unwrap_or(text.len());
    let starts_well = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    starts_well.then(|| text.split_at(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(given: &str, expect: &str) {
        let pairs = [("A", "1"), ("EMPTY", ""), ("PW", "hunter2")];
        let values = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let secrets = BTreeSet::from(["PW".to_owned()]);
        let variables = ComposeVariables::new(&values, &secrets);
        let found = interpolate(given, &variables);
        let found = found.map_or_else(|error| format!("error: {error}"), |text| text.to_string());
        assert_eq!(found, expect, "for `{given}`");
    }

    #[test]
    fn variables_are_filled_in_as_compose_does() {
        check("a $A b ${A}c $$A", "a 1 b 1c $A");
        check("${A:-x} ${A-x} ${NO:-x} ${NO-x} ${EMPTY:-x} [${EMPTY-x}]", "1 1 x x x []");
        check("[${A:+r}${A+r}${NO:+r}${NO+r}${EMPTY:+r}${EMPTY+r}]", "[rrr]");
        check("${A:?e} ${A?e} [${EMPTY?e}]", "1 1 []");
        check("${NO:-}|${NO:-a:b}|${NO:-http://x/{y}", "|a:b|http://x/{y");
    }

    #[test]
    fn defaults_may_hold_variables() {
        check("${NO:-${A}}", "1");
        check("${NO:-${EMPTY:-${NEITHER-deep}}}!", "deep!");
        check("${A:-${NO}}", "1");
    }

    #[test]
    fn nothing_is_silently_blank() {
        check("$NO", "error: the variable `NO` has neither a value nor a default");
        check("${NO}", "error: the variable `NO` has neither a value nor a default");
        check("${NO:?set it}", "error: the variable `NO` is required: set it");
        check("${EMPTY:?}", "error: the variable `EMPTY` is required");
    }

    #[test]
    fn what_is_not_a_variable_is_refused() {
        check("5$", "error: `$` is not a variable");
        check("$5", "error: `$5` is not a variable");
        check("${A", "error: `${A` is not a variable");
        check("${}", "error: `` is not a variable");
        check("${A!}", "error: `A!` is not a variable");
        check("${A:}", "error: `A:` is not a variable");
        check(&format!("{}x{}", "${N:-".repeat(30), "}".repeat(30)), "error: defaults stand too deep inside defaults");
    }

    #[test]
    fn text_made_from_a_secret_is_a_secret() {
        check("postgres://u:$PW@db", "(secret)");
        check("${NO:-$PW}", "(secret)");
        check("${PW:+given}", "given");
    }

    #[test]
    fn variables_cannot_fill_the_memory() {
        let (values, secrets) = (BTreeMap::from([("A".to_owned(), "x".repeat(10_000))]), BTreeSet::new());
        let found = interpolate(&"$A".repeat(1000), &ComposeVariables::new(&values, &secrets));
        assert_eq!(found, Err(InterpolationError::TooLarge));
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_filled_in_or_refused(text in "[$A{}:?+x é-]{0,40}") {
            check_only(&text);
        }
    }

    fn check_only(text: &str) {
        let (values, secrets) = (BTreeMap::new(), BTreeSet::new());
        let _ = interpolate(text, &ComposeVariables::new(&values, &secrets));
    }
}
