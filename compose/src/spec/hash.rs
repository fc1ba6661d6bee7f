//! The configuration hash: equal hashes mean that a container may stay as it is.
//!
//! The hash covers everything that a container is made of, including the content of the files mounted into it and its
//! networks. It leaves out properties that may change without it: the release, the start order, and labels about the
//! origin of the description.

use super::canonical::{digest_of_bytes, hash_of};
use super::labels::is_reserved;
use super::{AttachSpec, ContainerSpec, FileSpec, MountSource, NetworkSpec};
use crate::names::Digest;
use serde::Serialize;
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
