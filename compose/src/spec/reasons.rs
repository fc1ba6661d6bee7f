//! Reasons to recreate a container, as text for people. Secrets are hidden.

use super::{ContainerSpec, InstanceSpec, NetworkSpec, Text};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

type Side<'a> = (&'a InstanceSpec, &'a ContainerSpec);

/// Returns the reasons, the most important first; never empty.
pub fn reasons((from, before): Side, (to, after): Side) -> Vec<String> {
    let mut reasons = Vec::new();
    if before.image != after.image {
        reasons.push(format!("image {} -> {}", before.image, after.image));
    }
    reasons.extend(entries("environment", &before.environment, &after.environment, ToString::to_string));
    reasons.extend(words("command", before.command.as_deref(), after.command.as_deref()));
    reasons.extend(words("entrypoint", before.entrypoint.as_deref(), after.entrypoint.as_deref()));
    reasons.extend(files(before, after));
    let own = |container: &ContainerSpec| {
        let mut labels = container.labels.clone();
        labels.retain(|label, _| !super::labels::is_reserved(label));
        labels
    };
    reasons.extend(entries("label", &own(before), &own(after), Clone::clone));
    reasons.extend(list("port", &before.ports, &after.ports));
    reasons.extend(fields(before, after));
    reasons.extend(networks((from, before), (to, after)));
    if reasons.is_empty() {
        reasons.push("its description changed".to_owned());
    }
    reasons
}

fn entries<V: PartialEq>(
    what: &str,
    before: &BTreeMap<String, V>,
    after: &BTreeMap<String, V>,
    show: impl Fn(&V) -> String,
) -> Vec<String> {
    let keys: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    let say = |key: &String| match (before.get(key), after.get(key)) {
        (Some(old), Some(new)) if old == new => None,
        (Some(old), Some(new)) => Some(format!("{what} {key}: {} -> {}", show(old), show(new))),
        (Some(_), None) => Some(format!("{what} {key} removed")),
        (None, Some(new)) => Some(format!("{what} {key}: {} (new)", show(new))),
        (None, None) => None,
    };
    keys.into_iter().filter_map(say).collect()
}

fn words(what: &str, before: Option<&[Text]>, after: Option<&[Text]>) -> Option<String> {
    let show = |words: Option<&[Text]>| match words {
        None => "the image's own".to_owned(),
        Some(words) => format!("`{}`", words.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")),
    };
    (before != after).then(|| format!("{what} {} -> {}", show(before), show(after)))
}

fn files(before: &ContainerSpec, after: &ContainerSpec) -> Vec<String> {
    let paths: BTreeSet<_> = before.files.keys().chain(after.files.keys()).collect();
    let is_changed = |path: &&String| before.files.get(*path) != after.files.get(*path);
    paths.into_iter().filter(is_changed).map(|path| format!("file {path}")).collect()
}

fn list<T: PartialEq + ToString>(what: &str, before: &[T], after: &[T]) -> Vec<String> {
    let gone = before.iter().filter(|item| !after.contains(item));
    let new = after.iter().filter(|item| !before.contains(item));
    let gone = gone.map(|item| format!("{what} {} removed", item.to_string()));
    gone.chain(new.map(|item| format!("{what} {} (new)", item.to_string()))).collect()
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
fn fields(before: &ContainerSpec, after: &ContainerSpec) -> Vec<String> {
    let object = |container| match serde_json::to_value(container) {
        Ok(Value::Object(fields)) => fields,
        Ok(Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) | Err(_) => {
            serde_json::Map::new()
        }
    };
    let (before, after) = (object(before), object(after));
    let keys: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    let is_changed = |key: &&String| !TOLD.contains(&key.as_str()) && before.get(*key) != after.get(*key);
    keys.into_iter().filter(is_changed).map(|key| key.replace('_', " ")).collect()
}

fn networks((from, before): Side, (to, after): Side) -> Vec<String> {
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
    names.into_iter().filter(is_changed).map(|name| format!("network {name}")).collect()
}
