//! From a bundle and values to what the instance is: the one way, for agent and coordinator alike.

use super::places::problem_at;
use super::template::{self, Made};
use super::{AppDefinition, Bundle, CheckedValues, Health, Pins, Probe, definition, pins};
use crate::compose::{self, Problems, Project, dotenv};
use crate::names::{HostName, InstanceName, Version};
use crate::spec::{Content, Context, FileSpec, InstanceSpec, lower};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The file of variables that Compose reads beside its own.
const DOTENV: &str = ".env";

/// Where and as what a release is rendered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placement {
    pub instance: InstanceName,
    pub host: HostName,
    pub version: Version,
    /// The absolute path of the folder in which the instance's files live on the host; the same for all its releases.
    pub working_dir: String,
}

/// Everything that an agent needs to make the instance real and to judge it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rendered {
    pub spec: InstanceSpec,
    pub health: Health,
}

/// Renders a release for one instance, or says everything that stands against it.
pub fn render(bundle: &Bundle, values: &CheckedValues, placement: &Placement) -> Result<Rendered, Problems> {
    let definition = AppDefinition::of(bundle)?;
    let pins = Pins::of(bundle.files())?;
    let made = template::make(bundle, &definition, values, placement)?;
    let files = merged(bundle, &made);
    let variables = variables(&definition, &files, values, placement)?;
    let project = read(&definition, bundle, &files, &made, &variables)?;
    check_probes(&definition, bundle, &project)?;
    let context = Context {
        instance: &placement.instance,
        app: &definition.app,
        version: &placement.version,
        digest: &bundle.digest(),
        working_dir: placement.working_dir.trim_end_matches('/'),
        pins: &pins.0,
    };
    let files = written(&definition, files, &made, &project, &variables);
    Ok(Rendered { spec: lower(&project, files, &context), health: definition.health })
}

/// The bundle's files, and over them those made from templates.
fn merged(bundle: &Bundle, made: &Made) -> BTreeMap<String, Vec<u8>> {
    let mut files = bundle.files().clone();
    files.extend(made.files.clone());
    files
}

/// What the Compose file may ask for, and which of it is secret.
struct Variables {
    values: BTreeMap<String, String>,
    secrets: BTreeSet<String>,
}

/// The bundle's `.env` gives defaults; values go over them, and what fleet says itself over both.
fn variables(
    definition: &AppDefinition,
    files: &BTreeMap<String, Vec<u8>>,
    values: &CheckedValues,
    placement: &Placement,
) -> Result<Variables, Problems> {
    let mut variables = Variables { values: BTreeMap::new(), secrets: BTreeSet::new() };
    if let Some(bytes) = files.get(DOTENV) {
        let assignments = dotenv::read(DOTENV, bytes)?.into_iter();
        variables.values.extend(assignments.filter_map(|line| Some((line.name, line.value?))));
    }
    for (name, value) in values.iter() {
        let name = name.to_ascii_uppercase();
        variables.values.insert(name.clone(), value.text.expose().to_owned());
        if value.text.is_secret() {
            variables.secrets.insert(name);
        }
    }
    let own = [
        ("FLEET_INSTANCE", placement.instance.as_str()),
        ("FLEET_HOST", placement.host.as_str()),
        ("FLEET_APP", definition.app.as_str()),
        ("FLEET_VERSION", placement.version.as_str()),
        ("COMPOSE_PROJECT_NAME", placement.instance.as_str()),
    ];
    variables.values.extend(own.map(|(name, value)| (name.to_owned(), value.to_owned())));
    Ok(variables)
}

fn read(
    definition: &AppDefinition,
    bundle: &Bundle,
    files: &BTreeMap<String, Vec<u8>>,
    made: &Made,
    variables: &Variables,
) -> Result<Project, Problems> {
    let profiles = definition.profiles.iter().cloned().collect();
    compose::read(&compose::Source {
        files,
        secret_files: &made.secret,
        entry: definition.compose_file(bundle)?,
        variables: &variables.values,
        secret_variables: &variables.secrets,
        profiles: &profiles,
    })
}

fn check_probes(definition: &AppDefinition, bundle: &Bundle, project: &Project) -> Result<(), Problems> {
    let is_unknown = |(_, probe): &(usize, &Probe)| !project.services.contains_key(probe.service());
    let bytes = bundle.file(definition::FILE).unwrap_or_default();
    let say = |(index, probe): (usize, &Probe)| {
        let text = format!("there is no service `{}`", probe.service());
        problem_at(bytes, &format!("health.probes[{index}]"), text)
    };
    let problems = definition.health.probes.iter().enumerate().filter(is_unknown).map(say);
    Problems(problems.collect()).or(())
}

/// The files that the agent writes: all of the bundle's but those that only describe the release.
fn written(
    definition: &AppDefinition,
    mut files: BTreeMap<String, Vec<u8>>,
    made: &Made,
    project: &Project,
    variables: &Variables,
) -> Vec<FileSpec> {
    files.remove(definition::FILE);
    files.remove(pins::FILE);
    for template in definition.templates.iter().filter(|template| !made.files.contains_key(&template.from)) {
        files.remove(&template.from);
    }
    files.insert(DOTENV.to_owned(), dotenv_text(project, variables).into_bytes());
    let mode = |path: &str| {
        let template = definition.templates.iter().find(|template| template.to == path);
        let said = template.and_then(super::TemplateFile::permissions);
        if path == DOTENV { 0o600 } else { said.unwrap_or(0o644) }
    };
    let file = |(path, bytes): (String, Vec<u8>)| FileSpec { mode: mode(&path), path, content: Content::new(bytes) };
    files.into_iter().map(file).collect()
}

/// The variables that the Compose file asks for, so that `docker-compose ps` in the folder finds the same project.
fn dotenv_text(project: &Project, variables: &Variables) -> String {
    let name = variables.values.get("COMPOSE_PROJECT_NAME").cloned().unwrap_or_default();
    let mut lines = BTreeMap::from([("COMPOSE_PROJECT_NAME", project.name.clone().unwrap_or(name))]);
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
