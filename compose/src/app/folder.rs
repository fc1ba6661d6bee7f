//! The folder in which an instance lives: which files the agent writes there.

use super::template::RenderedTemplates;
use super::variables::{AppVariables, DOTENV};
use super::{AppDefinition, TemplateFile, definition, pins};
use crate::compose::Project;
use crate::spec::{Content, FileSpec};
use std::collections::BTreeMap;

/// The files that the agent writes: all of the bundle's but those that only describe the release.
pub fn written(
    definition: &AppDefinition,
    mut files: BTreeMap<String, Vec<u8>>,
    made: &RenderedTemplates,
    project: &Project,
    variables: &AppVariables,
    name: &str,
) -> Vec<FileSpec> {
    files.remove(definition::FILE);
    files.remove(pins::FILE);
    for template in definition.templates.iter().filter(|template| !made.files.contains_key(&template.from)) {
        files.remove(&template.from);
    }
    files.insert(DOTENV.to_owned(), dotenv_text(project, variables, name).into_bytes());
    let mode = |path: &str| {
        let template = definition.templates.iter().find(|template| template.to == path);
        let said = template.and_then(TemplateFile::permissions);
        if path == DOTENV { 0o600 } else { said.unwrap_or(0o644) }
    };
    let file = |(path, bytes): (String, Vec<u8>)| FileSpec { mode: mode(&path), path, content: Content::new(bytes) };
    files.into_iter().map(file).collect()
}

/// The variables that the Compose file asks for, so that `docker-compose ps` in the folder finds the same project.
fn dotenv_text(project: &Project, variables: &AppVariables, name: &str) -> String {
    let mut lines = BTreeMap::from([("COMPOSE_PROJECT_NAME", name.to_owned())]);
    for name in &project.variables {
        if let Some(value) = variables.values.get(name) {
            lines.entry(name).or_insert_with(|| value.clone());
        }
    }
    let line = |(name, value): (&str, String)| format!("{name}={}\n", quoted(&value));
    lines.into_iter().map(line).collect()
}

/// Quotes a value where its bare text would be read as something else.
fn quoted(value: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || "-_./:@%+,=".contains(c);
    if value.chars().all(is_bare) {
        return value.to_owned();
    }
    if !value.contains(['\'', '\n']) {
        return format!("'{value}'");
    }
    let escaped = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    format!("\"{escaped}\"")
}
