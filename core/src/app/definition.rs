//! `app.yaml`: what an app is, beside its Compose file.

use super::{Bundle, Declaration, Health};
use crate::compose::{Problem, Problems};
use crate::names::AppName;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The name of the definition's file in a bundle.
pub const FILE: &str = "app.yaml";

/// The names tried where `compose:` names none, in Compose's own order of preference.
const COMPOSE_FILES: [&str; 4] = ["compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"];

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AppDefinition {
    pub app: AppName,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The Compose file's path in the bundle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compose: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub profiles: Vec<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<String, Declaration>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub templates: Vec<TemplateFile>,
    #[serde(default)]
    pub health: Health,
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

fn default_mode() -> String {
    "0644".to_owned()
}
