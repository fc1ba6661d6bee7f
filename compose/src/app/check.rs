//! Checks given values against their declarations.

use super::values::{CheckedValue, Given, ValueProblem};
use super::{CheckedValues, Declaration, ValueType};
use crate::guess::closest;
use crate::paths::normal_absolute;
use crate::spec::Text;
use crate::units::{Period, Size};
use std::collections::BTreeMap;

/// The most bytes in one value.
const LENGTH_LIMIT: usize = 16 << 10;

impl CheckedValues {
    /// Checks the values of an instance, which may hold more than one release declares: values that another release of the
    /// app needs, or needed.
    pub fn of_instance(declared: &BTreeMap<String, Declaration>, values: &Given) -> Result<Self, Vec<ValueProblem>> {
        let of_release = values.iter().filter(|(name, _)| declared.contains_key(*name));
        Self::check(declared, &of_release.map(|(name, value)| (name.clone(), value.clone())).collect())
    }

    /// Checks all values, fills defaults in, and finds all problems in one go.
    pub fn check(declared: &BTreeMap<String, Declaration>, given: &Given) -> Result<Self, Vec<ValueProblem>> {
        let mut problems: Vec<_> =
            given.keys().filter(|name| !declared.contains_key(*name)).map(|name| unknown(name, declared)).collect();
        let mut checked = BTreeMap::new();
        for (name, declaration) in declared {
            match check_one(name, declaration, given.get(name)) {
                Ok(Some(value)) => drop(checked.insert(name.clone(), value)),
                Ok(None) => {}
                Err(problem) => problems.push(problem),
            }
        }
        if problems.is_empty() { Ok(Self::new(checked)) } else { Err(problems) }
    }
}

fn unknown(name: &str, declared: &BTreeMap<String, Declaration>) -> ValueProblem {
    let meant = closest(name, declared.keys().map(String::as_str)).map(str::to_owned);
    ValueProblem::Unknown { name: name.chars().take(80).collect(), meant }
}

fn check_one(
    name: &str,
    declaration: &Declaration,
    given: Option<&String>,
) -> Result<Option<CheckedValue>, ValueProblem> {
    let Some(text) = given.or(declaration.default.as_ref()) else {
        return if declaration.required { Err(ValueProblem::Missing { name: name.to_owned() }) } else { Ok(None) };
    };
    let hide = |text: &str| if declaration.secret { Text::secret(text) } else { Text::plain(text) };
    match normal_text(declaration, text) {
        Some(normal) => Ok(Some(CheckedValue { kind: declaration.kind, text: hide(&normal) })),
        None => {
            let found: String = text.chars().take(80).collect();
            Err(ValueProblem::Wrong { name: name.to_owned(), expected: expected(declaration), found: hide(&found) })
        }
    }
}

/// The text in the form in which templates and variables get it; none if it is not of the declared type.
fn normal_text(declaration: &Declaration, text: &str) -> Option<String> {
    if text.len() > LENGTH_LIMIT || text.contains('\0') {
        return None;
    }
    let trimmed = text.trim();
    match declaration.kind {
        ValueType::String => Some(text.to_owned()).filter(|text| !(declaration.required && text.is_empty())),
        ValueType::Integer => {
            let number = trimmed.parse::<i64>().ok()?;
            let is_within =
                declaration.min.is_none_or(|min| number >= min) && declaration.max.is_none_or(|max| number <= max);
            is_within.then(|| number.to_string())
        }
        ValueType::Boolean => trimmed.parse::<bool>().ok().map(|value| value.to_string()),
        ValueType::Port => trimmed.parse::<u16>().ok().filter(|port| *port > 0).map(|port| port.to_string()),
        ValueType::Duration => trimmed.parse::<Period>().ok().map(|_| trimmed.to_owned()),
        ValueType::Size => trimmed.parse::<Size>().ok().map(|_| trimmed.to_owned()),
        ValueType::Choice => declaration.choices.iter().find(|choice| *choice == text).cloned(),
        ValueType::Path => normal_absolute(text),
    }
}

/// Returns a description of the expected value.
fn expected(declaration: &Declaration) -> String {
    match declaration.kind {
        ValueType::String if declaration.required => "a text that is not empty".to_owned(),
        ValueType::String => "a text of at most 16 KiB".to_owned(),
        ValueType::Integer => match (declaration.min, declaration.max) {
            (Some(min), Some(max)) => format!("a number from {min} to {max}"),
            (Some(min), None) => format!("a number from {min}"),
            (None, Some(max)) => format!("a number up to {max}"),
            (None, None) => "a number".to_owned(),
        },
        ValueType::Boolean => "`true` or `false`".to_owned(),
        ValueType::Port => "a port from 1 to 65535".to_owned(),
        ValueType::Duration => "a length of time, such as `90s` or `1h30m`".to_owned(),
        ValueType::Size => "a size, such as `512m` or `2g`".to_owned(),
        ValueType::Choice => format!("one of `{}`", declaration.choices.join("`, `")),
        ValueType::Path => "an absolute path".to_owned(),
    }
}

/// Returns the problem of a declaration itself; its default is checked like any value.
pub fn check_declaration(name: &str, declaration: &Declaration) -> Option<String> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if !name.starts_with(|c: char| c.is_ascii_lowercase()) || !name.chars().all(allowed) || name.len() > 63 {
        return Some("a value's name has lower-case letters, digits and `_`".to_owned());
    }
    if name.starts_with("fleet_") || name == "compose_project_name" {
        return Some("this name feeds a variable that fleet sets itself".to_owned());
    }
    if (declaration.kind == ValueType::Choice) == declaration.choices.is_empty() {
        return Some("`choices` belong to the type `choice`, which needs at least one".to_owned());
    }
    if declaration.kind != ValueType::Integer && (declaration.min.is_some() || declaration.max.is_some()) {
        return Some("`min` and `max` belong to the type `integer`".to_owned());
    }
    if declaration.secret && declaration.default.is_some() {
        return Some("a secret must not have a default, for everyone would know it".to_owned());
    }
    let default = declaration.default.as_ref()?;
    let is_good = normal_text(declaration, default).is_some();
    (!is_good).then(|| format!("the default must be {}, not `{default}`", expected(declaration)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DECLARED: &str = "
port: { type: port, default: 8080 }
domain: { type: string, required: true }
db_password: { type: string, secret: true }
workers: { type: integer, min: 1, max: 8 }
debug: { type: boolean, default: false }
keep: { type: duration, default: 90s }
upload: { type: size }
mode: { type: choice, choices: [dev, prod] }
data: { type: path }
";

    fn check(given: &str, expect: &str) {
        let declared = serde_saphyr::from_str(DECLARED).expect("the declarations are good");
        let pairs = given.split_whitespace().filter_map(|pair| pair.split_once('='));
        let given = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let found = match CheckedValues::check(&declared, &given) {
            Ok(values) => values.iter().map(|(name, value)| format!("{name}={}", value.text)).collect::<Vec<_>>(),
            Err(problems) => problems.iter().map(ToString::to_string).collect(),
        };
        assert_eq!(found.join("\n"), expect, "for `{given:?}`");
    }

    #[test]
    fn defaults_are_filled_in_and_secrets_hidden() {
        check(
            "domain=x.org db_password=hunter2",
            "db_password=(secret)\ndebug=false\ndomain=x.org\nkeep=90s\nport=8080",
        );
    }

    #[test]
    fn every_type_says_what_it_should_be() {
        check(
            "domain= workers=9 debug=yes port=0 keep=90 upload=1x mode=test data=a/b",
            "the value `data` must be an absolute path, not `a/b`
the value `debug` must be `true` or `false`, not `yes`
the value `domain` must be a text that is not empty, not ``
the value `keep` must be a length of time, such as `90s` or `1h30m`, not `90`
the value `mode` must be one of `dev`, `prod`, not `test`
the value `port` must be a port from 1 to 65535, not `0`
the value `upload` must be a size, such as `512m` or `2g`, not `1x`
the value `workers` must be a number from 1 to 8, not `9`",
        );
    }

    #[test]
    fn a_missing_or_unknown_value_is_named() {
        check(
            "db_pasword=x",
            "there is no value `db_pasword`; did you mean `db_password`?\nthe value `domain` is required",
        );
        check("domain=x something=1", "there is no value `something`");
    }

    #[test]
    fn a_declaration_that_cannot_work_is_named() {
        let check = |text: &str, expect: &str| {
            let declaration = serde_saphyr::from_str(text).expect("the declaration is well formed");
            assert_eq!(check_declaration("name", &declaration).as_deref(), Some(expect), "for `{text}`");
        };
        check("{ type: port, default: 0 }", "the default must be a port from 1 to 65535, not `0`");
        check("{ type: choice }", "`choices` belong to the type `choice`, which needs at least one");
        check("{ type: port, min: 1 }", "`min` and `max` belong to the type `integer`");
        check(
            "{ type: string, secret: true, default: x }",
            "a secret must not have a default, for everyone would know it",
        );
    }
}
