//! `app.yaml`: definition of an app, beside its Compose file.

use super::bundle::check_path;
use super::stores::{StoreDeclaration, rebuilds_declared};
use super::upgrades::Upgrades;
use super::yaml::problem_at;
use super::{Bundle, Declaration, HealthRules};
use crate::compose::{Problem, Problems, ProjectNaming};
use crate::names::{AppName, StoreName};
use crate::store::Rebuild;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The name of the definition's file in a bundle.
pub const FILE: &str = "app.yaml";

/// The names tried where `compose:` names none, in Compose's own order of preference.
const COMPOSE_FILES: [&str; 4] = ["compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"];

/// Content of an `app.yaml`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AppDefinition {
    /// Name of the app.
    pub app: AppName,
    /// Text for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The Compose file's path in the bundle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compose: Option<String>,
    /// Source of the Compose project's name.
    #[serde(default, skip_serializing_if = "is_usual")]
    pub project: ProjectNaming,
    /// Compose profiles that are active.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub profiles: Vec<String>,
    /// Values that instances set, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<String, Declaration>,
    /// Files made from templates.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub templates: Vec<TemplateFile>,
    /// Conditions for a healthy instance.
    #[serde(default)]
    pub health: HealthRules,
    /// Each database and each set of files that matters.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub stores: BTreeMap<StoreName, StoreDeclaration>,
    /// Upgrade graph: how instances of other releases get to this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upgrades: Option<Upgrades>,
}

/// A file that is made from a template and the instance's values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TemplateFile {
    /// The template's path in the bundle.
    pub from: String,
    /// The file's path in the instance's folder.
    pub to: String,
    /// Permission bits in octal digits, such as `0644`.
    #[serde(default = "default_mode")]
    pub mode: String,
}

fn is_usual(naming: &ProjectNaming) -> bool {
    *naming == ProjectNaming::Instance
}

fn default_mode() -> String {
    "0644".to_owned()
}

impl AppDefinition {
    /// Reads the definition of a bundle, and checks it against the bundle's files.
    pub fn of(bundle: &Bundle) -> Result<Self, Problems> {
        let missing = || Problem::of_file(FILE, "the bundle has no such file");
        let bytes = bundle.file(FILE).ok_or_else(missing)?;
        let definition: Self = super::yaml::from_bytes(FILE, bytes)?;
        let mut problems = Problems::default();
        definition.check_values(bytes, &mut problems);
        definition.check_templates(bundle, bytes, &mut problems);
        if let Some(upgrades) = &definition.upgrades {
            upgrades.check(&definition.stores, bytes, &mut problems);
        }
        if let Err(problem) = definition.compose_file(bundle) {
            problems.push(problem);
        }
        problems.or(definition)
    }

    /// The commands that follow a restore.
    pub fn rebuilds(&self) -> BTreeMap<StoreName, Rebuild> {
        rebuilds_declared(&self.stores)
    }

    /// The path of the Compose file in the bundle.
    pub fn compose_file<'a>(&'a self, bundle: &'a Bundle) -> Result<&'a str, Problem> {
        let is_there = |path: &&str| bundle.file(path).is_some() || self.templates.iter().any(|file| file.to == *path);
        let found = match &self.compose {
            Some(path) => Some(path.as_str()).filter(is_there),
            None => COMPOSE_FILES.into_iter().find(is_there),
        };
        found.ok_or_else(|| {
            let wanted = self.compose.as_deref().unwrap_or("docker-compose.yaml");
            Problem::of_file(FILE, format!("the bundle has no Compose file `{wanted}`"))
                .hint("put it beside app.yaml, or name it under `compose:`")
        })
    }

    fn check_values(&self, bytes: &[u8], problems: &mut Problems) {
        for (name, declaration) in &self.values {
            if let Some(text) = super::check::check_declaration(name, declaration) {
                problems.push(problem_at(bytes, &format!("values.{name}"), text));
            }
        }
    }

    fn check_templates(&self, bundle: &Bundle, bytes: &[u8], problems: &mut Problems) {
        for (index, template) in self.templates.iter().enumerate() {
            let is_taken = self.templates[..index].iter().any(|other| other.to == template.to);
            let mut wrong = Vec::new();
            if bundle.file(&template.from).is_none() {
                wrong.push(format!("the bundle has no file `{}`", template.from));
            }
            if let Err(error) = check_path(&template.to) {
                wrong.push(error.to_string());
            }
            if template.permissions().is_none() {
                wrong.push(format!("`{}` is not a mode in octal digits, such as \"0644\"", template.mode));
            }
            if is_taken {
                wrong.push(format!("another template makes `{}` already", template.to));
            }
            let path = format!("templates[{index}]");
            wrong.into_iter().for_each(|text| problems.push(problem_at(bytes, &path, text)));
        }
    }
}

impl TemplateFile {
    /// The permission bits; none if the mode is not in octal digits.
    pub fn permissions(&self) -> Option<u32> {
        let digits = self.mode.strip_prefix("0o").unwrap_or(&self.mode);
        u32::from_str_radix(digits, 8).ok().filter(|mode| *mode <= 0o777)
    }
}
