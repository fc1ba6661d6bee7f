//! Reasons to recreate a container. Secrets are hidden.

use super::{ContainerSpec, InstanceSpec, NetworkSpec, Text};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

type Side<'a> = (&'a InstanceSpec, &'a ContainerSpec);

/// Reason to recreate a container. Texts from a container's configuration have at most [`RecreateReason::TEXT_LIMIT`] characters,
/// and a secret is `(secret)`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecreateReason {
    /// Another image: the present one and the planned one.
    Image(String, String),
    /// Another value of an environment variable: its name, the present value and the planned one.
    EnvironmentChanged(String, String, String),
    /// A new environment variable: its name and its value.
    EnvironmentAdded(String, String),
    /// An environment variable that is no longer set.
    EnvironmentRemoved(String),
    /// Another command: the present words and the planned ones.
    CommandChanged(String, String),
    /// A command in place of the image's own.
    CommandSet(String),
    /// The image's own command in place of this one.
    CommandUnset(String),
    /// Another entry point: the present words and the planned ones.
    EntrypointChanged(String, String),
    /// An entry point in place of the image's own.
    EntrypointSet(String),
    /// The image's own entry point in place of this one.
    EntrypointUnset(String),
    /// Other content of a file that the container mounts.
    File(String),
    /// Another value of a label: its name, the present value and the planned one.
    LabelChanged(String, String, String),
    /// A new label: its name and its value.
    LabelAdded(String, String),
    /// A label that is no longer set.
    LabelRemoved(String),
    /// A port that is no longer published.
    PortRemoved(String),
    /// A newly published port.
    PortAdded(String),
    /// Another value of some other field of the configuration, such as `stop_grace_period`.
    Field(String),
    /// A network that is joined, left or configured in another way.
    Network(String),
    /// A description that differs in a way that is not known.
    Description,
}

impl RecreateReason {
    /// Maximum number of characters of one text.
    pub const TEXT_LIMIT: usize = 500;
}

/// Returns the reasons, the most important first; never empty.
pub fn reasons((from, before): Side, (to, after): Side) -> Vec<RecreateReason> {
    let mut reasons = Vec::new();
    if before.image != after.image {
        reasons.push(RecreateReason::Image(short(&before.image), short(&after.image)));
    }
    reasons.extend(environment(before, after));
    reasons.extend(command(before.command.as_deref(), after.command.as_deref()));
    reasons.extend(entrypoint(before.entrypoint.as_deref(), after.entrypoint.as_deref()));
    reasons.extend(files(before, after));
    reasons.extend(labels(before, after));
    reasons.extend(ports(before, after));
    reasons.extend(fields(before, after));
    reasons.extend(networks((from, before), (to, after)));
    if reasons.is_empty() {
        reasons.push(RecreateReason::Description);
    }
    reasons
}

/// A text that is cut if it is long; the cut is marked.
fn short(text: &impl ToString) -> String {
    let text = text.to_string();
    match text.char_indices().nth(RecreateReason::TEXT_LIMIT) {
        Some(_) => text.chars().take(RecreateReason::TEXT_LIMIT - 1).chain(['…']).collect(),
        None => text,
    }
}

/// Change of one named value.
enum EntryChange<'a, V> {
    Changed(&'a V, &'a V),
    Added(&'a V),
    Removed,
}

/// The names whose values differ, in order.
fn entries<'a, V: PartialEq>(
    before: &'a BTreeMap<String, V>,
    after: &'a BTreeMap<String, V>,
) -> impl Iterator<Item = (String, EntryChange<'a, V>)> {
    let keys: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    keys.into_iter().filter_map(|key| {
        let change = match (before.get(key), after.get(key)) {
            (Some(old), Some(new)) if old == new => return None,
            (Some(old), Some(new)) => EntryChange::Changed(old, new),
            (Some(_), None) => EntryChange::Removed,
            (None, Some(new)) => EntryChange::Added(new),
            (None, None) => return None,
        };
        Some((short(key), change))
    })
}

fn environment(before: &ContainerSpec, after: &ContainerSpec) -> Vec<RecreateReason> {
    let reason = |(name, change)| match change {
        EntryChange::Changed(old, new) => RecreateReason::EnvironmentChanged(name, short(old), short(new)),
        EntryChange::Added(new) => RecreateReason::EnvironmentAdded(name, short(new)),
        EntryChange::Removed => RecreateReason::EnvironmentRemoved(name),
    };
    entries(&before.environment, &after.environment).map(reason).collect()
}

fn labels(before: &ContainerSpec, after: &ContainerSpec) -> Vec<RecreateReason> {
    let own = |container: &ContainerSpec| {
        let mut labels = container.labels.clone();
        labels.retain(|label, _| !super::labels::is_reserved(label));
        labels
    };
    let reason = |(name, change)| match change {
        EntryChange::Changed(old, new) => RecreateReason::LabelChanged(name, short(old), short(new)),
        EntryChange::Added(new) => RecreateReason::LabelAdded(name, short(new)),
        EntryChange::Removed => RecreateReason::LabelRemoved(name),
    };
    entries(&own(before), &own(after)).map(reason).collect()
}

fn joined(words: &[Text]) -> String {
    short(&words.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))
}

fn command(before: Option<&[Text]>, after: Option<&[Text]>) -> Option<RecreateReason> {
    match (before, after) {
        (None, None) => None,
        (Some(before), Some(after)) => {
            (before != after).then(|| RecreateReason::CommandChanged(joined(before), joined(after)))
        }
        (None, Some(after)) => Some(RecreateReason::CommandSet(joined(after))),
        (Some(before), None) => Some(RecreateReason::CommandUnset(joined(before))),
    }
}

fn entrypoint(before: Option<&[Text]>, after: Option<&[Text]>) -> Option<RecreateReason> {
    match (before, after) {
        (None, None) => None,
        (Some(before), Some(after)) => {
            (before != after).then(|| RecreateReason::EntrypointChanged(joined(before), joined(after)))
        }
        (None, Some(after)) => Some(RecreateReason::EntrypointSet(joined(after))),
        (Some(before), None) => Some(RecreateReason::EntrypointUnset(joined(before))),
    }
}

fn files(before: &ContainerSpec, after: &ContainerSpec) -> Vec<RecreateReason> {
    let paths: BTreeSet<_> = before.files.keys().chain(after.files.keys()).collect();
    let is_changed = |path: &&String| before.files.get(*path) != after.files.get(*path);
    paths.into_iter().filter(is_changed).map(|path| RecreateReason::File(short(path))).collect()
}

fn ports(before: &ContainerSpec, after: &ContainerSpec) -> Vec<RecreateReason> {
    let gone = before.ports.iter().filter(|port| !after.ports.contains(port));
    let new = after.ports.iter().filter(|port| !before.ports.contains(port));
    let gone = gone.map(|port| RecreateReason::PortRemoved(short(port)));
    gone.chain(new.map(|port| RecreateReason::PortAdded(short(port)))).collect()
}

/// Fields that are described in detail above, or that do not matter.
const TOLD: [&str; 10] = [
    "image",
    "environment",
    "command",
    "entrypoint",
    "files",
    "labels",
    "ports",
    "config_hash",
    "depends_on",
    "networks",
];

/// Names every other field that differs, so that fields added later are included.
fn fields(before: &ContainerSpec, after: &ContainerSpec) -> Vec<RecreateReason> {
    let object = |container| match serde_json::to_value(container) {
        Ok(Value::Object(fields)) => fields,
        Ok(Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) | Err(_) => {
            serde_json::Map::new()
        }
    };
    let (before, after) = (object(before), object(after));
    let keys: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    let is_changed = |key: &&String| !TOLD.contains(&key.as_str()) && before.get(*key) != after.get(*key);
    keys.into_iter().filter(is_changed).map(|key| RecreateReason::Field(short(key))).collect()
}

fn networks((from, before): Side, (to, after): Side) -> Vec<RecreateReason> {
    let attached = |container: &ContainerSpec| -> BTreeMap<String, super::AttachSpec> {
        container.networks.iter().map(|attach| (attach.network.clone(), attach.clone())).collect()
    };
    let (old, new) = (attached(before), attached(after));
    let names: BTreeSet<_> = old.keys().chain(new.keys()).collect();
    let hash = |spec: &InstanceSpec, name: &str| -> Option<String> {
        let is_it = |network: &&NetworkSpec| network.name == name;
        spec.networks.iter().find(is_it).map(|network| network.config_hash.clone())
    };
    let is_changed = |name: &&String| old.get(*name) != new.get(*name) || hash(from, name) != hash(to, name);
    names.into_iter().filter(is_changed).map(|name| RecreateReason::Network(short(name))).collect()
}
