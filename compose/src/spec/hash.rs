//! The configuration hash: equal hashes mean that a container may stay as it is.
//!
//! The hash covers everything that a container is made of, including the content of the files mounted into it and its
//! networks. It leaves out properties that may change without it: the release, the start order, and labels about the
//! origin of the description.

use super::labels::is_reserved;
use super::{AttachSpec, ContainerSpec, FileSpec, MountSource, NetworkSpec};
use crate::names::Digest;
use data_encoding::HEXLOWER;
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;

#[derive(Serialize)]
struct Recipe<'a> {
    container: ContainerSpec,
    networks: Vec<&'a str>,
}

pub fn of_container(container: &ContainerSpec, networks: &[NetworkSpec]) -> String {
    let mut bare = container.clone();
    bare.labels.retain(|label, _| !is_reserved(label));
    bare.depends_on.clear();
    bare.config_hash.clear();
    let hash_of_network = |attach: &AttachSpec| networks.iter().find(|network| network.name == attach.network);
    let networks = container.networks.iter().filter_map(hash_of_network);
    hash_of(&Recipe { container: bare, networks: networks.map(|network| network.config_hash.as_str()).collect() })
}

pub fn of_network(network: &NetworkSpec) -> String {
    let mut bare = network.clone();
    bare.labels.retain(|label, _| !is_reserved(label));
    bare.config_hash.clear();
    hash_of(&bare)
}

/// The instance's files that a container sees through its bind mounts, with the digests of content and mode.
pub fn mounted_files(mounts: &[super::MountSpec], working_dir: &str, files: &[FileSpec]) -> BTreeMap<String, Digest> {
    let inside = |path: &str| path.strip_prefix(working_dir).map(|rest| rest.trim_start_matches('/').to_owned());
    let mut seen = BTreeMap::new();
    for mount in mounts {
        let MountSource::Bind { path, .. } = &mount.source else { continue };
        let Some(folder) = inside(path) else { continue };
        let of_mount = files.iter().filter(|file| is_at_or_below(&file.path, &folder));
        seen.extend(of_mount.map(|file| (file.path.clone(), digest_of_file(file))));
    }
    seen
}

fn is_at_or_below(path: &str, folder: &str) -> bool {
    folder.is_empty() || path == folder || path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

fn digest_of_file(file: &FileSpec) -> Digest {
    let mut bytes = format!("{:o}\n", file.mode).into_bytes();
    bytes.extend(file.content.bytes());
    digest_of_bytes(&bytes)
}

/// The hex digits of the SHA-256 of a value's canonical JSON.
fn hash_of<T: Serialize>(value: &T) -> String {
    let value = serde_json::to_value(value).expect("a spec has text keys only, so it is JSON");
    HEXLOWER.encode(&Sha256::digest(canonical(&value)))
}

/// JSON with sorted keys and no spaces; the same bytes whichever order the keys had.
fn canonical(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(canonical).collect();
            format!("[{}]", items.join(","))
        }
        Value::Object(fields) => {
            let sorted: BTreeMap<_, _> = fields.iter().collect();
            let fields: Vec<_> = sorted.iter().map(|(key, value)| field(key, value)).collect();
            format!("{{{}}}", fields.join(","))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.to_string(),
    }
}

fn field(key: &str, value: &Value) -> String {
    format!("{}:{}", Value::from(key), canonical(value))
}

/// Returns the SHA-256 of bytes.
pub fn digest_of_bytes(bytes: &[u8]) -> Digest {
    let text = format!("sha256:{}", HEXLOWER.encode(&Sha256::digest(bytes)));
    text.parse().expect("a SHA-256 in hex digits is a digest")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_keys_does_not_matter() {
        let value = serde_json::json!({"b": [1, {"d": "é", "c": null}], "a": true});
        assert_eq!(canonical(&value), r#"{"a":true,"b":[1,{"c":null,"d":"é"}]}"#);
    }
}
