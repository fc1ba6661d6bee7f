//! Converts a bundle and values to an instance: the same way for agent and coordinator.

use super::folder::written;
use super::template::{self, RenderedTemplates, Texts};
use super::variables::{AppVariables, variables};
use super::yaml::problem_at;
use super::{AppDefinition, Bundle, CheckedValues, HealthRules, Pins, Probe, Upgrades, definition, stores};
use crate::compose::{self, Problems, Project, ProjectNaming};
use crate::lower::{Context, lower};
use crate::names::{Digest, HostName, InstanceName, StoreName, Version};
use crate::spec::InstanceSpec;
use crate::store::{Rebuild, Store};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Folder, names and other properties for rendering a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placement {
    /// Name of the instance.
    pub instance: InstanceName,
    /// Host of the instance.
    pub host: HostName,
    /// Version of the release.
    pub version: Version,
    /// The absolute path of the folder in which the instance's files live on the host; the same for all its releases.
    pub working_dir: String,
}

/// Everything that an agent needs to create and check the instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rendered {
    /// Specification of the instance.
    pub spec: InstanceSpec,
    /// Conditions for a healthy instance.
    pub health: HealthRules,
    /// Complete: with the instance's values in them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub stores: BTreeMap<StoreName, Store>,
    /// Commands that rebuild derivable stores after a restore.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub rebuilds: BTreeMap<StoreName, Rebuild>,
    /// Upgrade graph, if it compares numbers of items.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upgrades: Option<Upgrades>,
}

/// A release that is read once, and rendered for any number of instances.
#[derive(Debug)]
pub struct PreparedRelease {
    bundle: Bundle,
    digest: Digest,
    definition: AppDefinition,
    pins: Pins,
}

impl PreparedRelease {
    /// Reads what does not depend on the instance, or returns all problems.
    pub fn new(bundle: &Bundle) -> Result<Self, Problems> {
        let definition = AppDefinition::of(bundle)?;
        let pins = Pins::of(bundle.files())?;
        Ok(Self { bundle: bundle.clone(), digest: bundle.digest(), definition, pins })
    }

    /// Renders the release for one instance, or returns all problems. Calls `begun` with each template before rendering it.
    pub fn render(
        &self,
        values: &CheckedValues,
        placement: &Placement,
        begun: &dyn Fn(&str),
    ) -> Result<Rendered, Problems> {
        let Self { bundle, digest, definition, pins } = self;
        let made = template::make(bundle, definition, values, placement, begun)?;
        let files = merged(bundle, &made);
        let variables = variables(definition, &files, values, placement)?;
        let project = read(definition, bundle, &files, &made, &variables)?;
        check_probes(definition, bundle, &project)?;
        let name = project_name(definition, &project, placement);
        let context = Context {
            instance: &placement.instance,
            host: &placement.host,
            project: &name,
            app: &definition.app,
            version: &placement.version,
            scheme: &definition.upgrades.as_ref().map(|upgrades| upgrades.scheme.clone()).unwrap_or_default(),
            digest,
            working_dir: placement.working_dir.trim_end_matches('/'),
            pins: &pins.0,
        };
        let files = written(definition, files, &made, &project, &variables, &name);
        let spec = lower(&project, files, &context);
        let bytes = bundle.file(definition::FILE).unwrap_or_default();
        let stores = stores::resolve(&definition.stores, bytes, &Texts::of(definition, values, placement), &spec)?;
        let rebuilds = stores::rebuilds(&definition.stores, bytes, &spec)?;
        let upgrades = definition.upgrades.clone().filter(|it| it.has_comparison() || it.has_actions());
        Ok(Rendered { spec, health: definition.health.clone(), stores, rebuilds, upgrades })
    }
}

/// Renders a release for one instance, or returns all problems.
pub fn render(bundle: &Bundle, values: &CheckedValues, placement: &Placement) -> Result<Rendered, Problems> {
    render_telling(bundle, values, placement, &|_| {})
}

/// Does the same, and calls `begun` with each template before rendering it.
pub fn render_telling(
    bundle: &Bundle,
    values: &CheckedValues,
    placement: &Placement,
    begun: &dyn Fn(&str),
) -> Result<Rendered, Problems> {
    PreparedRelease::new(bundle)?.render(values, placement, begun)
}

/// The bundle's files, and over them those made from templates.
fn merged(bundle: &Bundle, made: &RenderedTemplates) -> BTreeMap<String, Vec<u8>> {
    let mut files = bundle.files().clone();
    files.extend(made.files.clone());
    files
}

fn read(
    definition: &AppDefinition,
    bundle: &Bundle,
    files: &BTreeMap<String, Vec<u8>>,
    made: &RenderedTemplates,
    variables: &AppVariables,
) -> Result<Project, Problems> {
    let profiles = definition.profiles.iter().cloned().collect();
    compose::read(&compose::ComposeSource {
        files,
        secret_files: &made.secret,
        entry: definition.compose_file(bundle)?,
        variables: &variables.values,
        secret_variables: &variables.secrets,
        profiles: &profiles,
        naming: definition.project,
    })
}

/// The Compose project's name: the instance's, unless the app keeps that of its file.
fn project_name(definition: &AppDefinition, project: &Project, placement: &Placement) -> String {
    let of_file = project.name.clone().filter(|_| definition.project == ProjectNaming::FromCompose);
    of_file.unwrap_or_else(|| placement.instance.to_string())
}

/// The name that the Compose file gives the project and that does not count: the instance has another.
pub(super) fn unused_project_name(
    bundle: &Bundle,
    values: &CheckedValues,
    placement: &Placement,
    begun: &dyn Fn(&str),
) -> Result<Option<String>, Problems> {
    let definition = AppDefinition::of(bundle)?;
    let made = template::make(bundle, &definition, values, placement, begun)?;
    let files = merged(bundle, &made);
    let variables = variables(&definition, &files, values, placement)?;
    let project = read(&definition, bundle, &files, &made, &variables)?;
    let name = project_name(&definition, &project, placement);
    Ok(project.name.filter(|unused| *unused != name))
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
