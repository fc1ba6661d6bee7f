//! The variables that an instance's Compose file may ask for.

use super::{AppDefinition, CheckedValues, Placement};
use crate::compose::{Problems, dotenv};
use std::collections::{BTreeMap, BTreeSet};

/// The file of variables that Compose reads beside its own.
pub const DOTENV: &str = ".env";

/// Variables that the Compose file may use, with those that are secret.
pub struct AppVariables {
    pub values: BTreeMap<String, String>,
    pub secrets: BTreeSet<String>,
}

/// Returns the variables: the bundle's `.env` has defaults, values override them, and fleet's own variables override
/// both.
pub fn variables(
    definition: &AppDefinition,
    files: &BTreeMap<String, Vec<u8>>,
    values: &CheckedValues,
    placement: &Placement,
) -> Result<AppVariables, Problems> {
    let mut variables = AppVariables { values: BTreeMap::new(), secrets: BTreeSet::new() };
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
