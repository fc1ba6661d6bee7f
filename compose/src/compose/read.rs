//! Parses the files of a bundle into a project.

use super::cursor::{Cursor, ReadContext};
use super::interpolate::ComposeVariables;
use super::merge::merge;
use super::top::Top;
use super::yaml::{Node, load};
use super::{Problem, Problems, Project, checks};
use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

/// Input of a parse.
#[derive(Debug, Clone, Copy)]
pub struct ComposeSource<'a> {
    /// The bundle's files by relative path, those made from templates included.
    pub files: &'a BTreeMap<String, Vec<u8>>,
    /// Files that hold secrets.
    pub secret_files: &'a BTreeSet<String>,
    /// The Compose file's path among the files.
    pub entry: &'a str,
    /// Variables that the file may ask for, by name.
    pub variables: &'a BTreeMap<String, String>,
    /// Variables that hold secrets.
    pub secret_variables: &'a BTreeSet<String>,
    /// Profiles that are active.
    pub profiles: &'a BTreeSet<String>,
    /// Source of the project's name.
    pub naming: ProjectNaming,
}

/// Source of a Compose project's name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProjectNaming {
    /// The instance, as `COMPOSE_PROJECT_NAME` outranks the file's `name:`.
    #[default]
    Instance,
    /// The Compose file's `name:`, so that a host can have only one instance.
    FromCompose,
}

/// Reads a Compose file; all problems are found in one go.
pub fn read(source: &ComposeSource) -> Result<Project, Problems> {
    let tree = tree(source)?;
    let name = project_name(source, &tree)?;
    let mut variables = source.variables.clone();
    if let (Some(name), ProjectNaming::FromCompose) = (&name, source.naming) {
        variables.insert("COMPOSE_PROJECT_NAME".to_owned(), name.clone());
    }
    let reading = reading(source, &variables);
    let top = Top::read(&Cursor::top(&tree, &reading), source);
    checks::check(&top, &reading);
    let variables = reading.variables.used.into_inner();
    let project = top.into_project(name, source.entry, variables);
    reading.problems.into_inner().or(project)
}

fn tree(source: &ComposeSource) -> Result<Node, Problem> {
    let missing = || Problem::of_file(source.entry, "the bundle has no such file");
    let bytes = source.files.get(source.entry).ok_or_else(missing)?;
    merge(source.entry, load(source.entry, bytes)?)
}

fn reading<'a>(source: &ComposeSource<'a>, variables: &'a BTreeMap<String, String>) -> ReadContext<'a> {
    let variables = ComposeVariables::new(variables, source.secret_variables);
    ReadContext { file: source.entry, variables, problems: RefCell::default() }
}

/// The name is read first, for the rest of the file may ask for it as a variable.
fn project_name(source: &ComposeSource, tree: &Node) -> Result<Option<String>, Problems> {
    let reading = reading(source, source.variables);
    let top = Cursor::top(tree, &reading);
    let entries = if top.is_map() { top.entries() } else { Vec::new() };
    let at = entries.into_iter().find(|(key, _)| *key == "name").map(|(_, at)| at);
    let name = at.filter(|at| !at.is_null()).and_then(|at| checked_name(&at));
    reading.problems.into_inner().or(name)
}

fn checked_name(at: &Cursor) -> Option<String> {
    let name = at.string()?;
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    let is_good = name.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    if crate::spec::is_throwaway_project(&name) {
        at.wrong(format!("`{name}` is a name that fleet gives projects of its own"));
        return None;
    }
    if is_good && name.len() <= 63 && name.chars().all(inner) {
        return Some(name);
    }
    at.wrong(format!("`{name}` is not a project name: use up to 63 lower-case letters, digits, `-` and `_`"));
    None
}
