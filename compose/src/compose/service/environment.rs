//! `environment` and `env_file`: `environment` wins.

use crate::compose::cursor::Cursor;
use crate::compose::keys::refuse;
use crate::compose::read::ComposeSource;
use crate::compose::{Service, dotenv};
use crate::paths::normal;
use crate::spec::Text;
use std::collections::BTreeMap;

pub fn read_environment(service: &mut Service, at: &Cursor, source: &ComposeSource) {
    let find = |wanted: &str| at.entries().into_iter().find(|(key, _)| *key == wanted).map(|(_, at)| at);
    if let Some(at) = find("env_file") {
        for at in at.items_or_self() {
            service.environment.extend(read_file(&at, source));
        }
    }
    if let Some(at) = find("environment") {
        service.environment.extend(read_own(&at));
    }
}

fn read_own(at: &Cursor) -> BTreeMap<String, Text> {
    if at.is_list() {
        return at.items().iter().filter_map(read_item).collect();
    }
    at.entries().into_iter().filter_map(|(name, at)| read_entry(name, &at)).collect()
}

/// Reads `NAME=value`, or `NAME` alone, whose value is the variable's.
fn read_item(at: &Cursor) -> Option<(String, Text)> {
    let text = at.text()?;
    match text.expose().split_once('=') {
        Some((name, value)) if !name.is_empty() => Some((name.to_owned(), text.with(value))),
        Some(_) => {
            at.wrong("the name before `=` is missing");
            None
        }
        None => from_variable(text.expose(), at),
    }
}

fn read_entry(name: &str, at: &Cursor) -> Option<(String, Text)> {
    if at.is_null() {
        return from_variable(name, at);
    }
    Some((name.to_owned(), at.text()?))
}

fn from_variable(name: &str, at: &Cursor) -> Option<(String, Text)> {
    let value = at.reading().variables.get(name);
    if value.is_none() {
        let hint = format!("write `{name}=` for an empty value, or declare a value in app.yaml");
        at.wrong_with_hint(format!("`{name}` has no value here, and there is no variable of its name"), hint);
    }
    value.map(|value| (name.to_owned(), value))
}

fn read_file(at: &Cursor, source: &ComposeSource) -> BTreeMap<String, Text> {
    if at.is_map() {
        return read_long(at, source);
    }
    let Some(written) = at.string() else { return BTreeMap::new() };
    let path = normal(&written);
    let file = path.as_deref().and_then(|path| Some((path, source.files.get(path)?)));
    let Some((path, bytes)) = file else {
        at.wrong_with_hint(format!("the bundle has no file `{written}`"), "env files come with the release");
        return BTreeMap::new();
    };
    match dotenv::read(path, bytes) {
        Ok(assignments) => {
            let is_secret = source.secret_files.contains(path);
            assignments.into_iter().filter_map(|assignment| value_of(at, assignment, is_secret)).collect()
        }
        Err(problems) => {
            problems.0.into_iter().for_each(|problem| at.reading().note(problem));
            BTreeMap::new()
        }
    }
}

/// The long form names a path; that the file must exist is so anyway.
fn read_long(at: &Cursor, source: &ComposeSource) -> BTreeMap<String, Text> {
    let mut found = BTreeMap::new();
    for (key, at) in at.entries() {
        match key {
            "path" if !at.is_map() => found = read_file(&at, source),
            other => refuse(&at, other, &["path"]),
        }
    }
    found
}

fn value_of(at: &Cursor, assignment: dotenv::Assignment, is_secret: bool) -> Option<(String, Text)> {
    match assignment.value {
        Some(value) if is_secret => Some((assignment.name, Text::secret(value))),
        Some(value) => Some((assignment.name, Text::plain(value))),
        None => from_variable(&assignment.name, at),
    }
}
