//! A whole instance: its networks, volumes, files and containers.

use super::hash::digest_of_bytes;
use super::{ContainerSpec, MountSource};
use crate::names::{AppName, Digest, InstanceName, Version};
use crate::version::VersionScheme;
use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Description of one instance on its host; stored in the agent's ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceSpec {
    /// Name of the instance.
    pub instance: InstanceName,
    /// App of the release.
    pub app: AppName,
    /// Version of the release.
    pub version: Version,
    /// Order of the app's versions.
    #[serde(default, skip_serializing_if = "VersionScheme::is_default")]
    pub scheme: VersionScheme,
    /// The release's digest.
    pub digest: Digest,
    /// The Compose project's name.
    pub project: String,
    /// The absolute path of the folder that holds the files.
    pub working_dir: String,
    /// Networks, in the order of their keys.
    pub networks: Vec<NetworkSpec>,
    /// Volumes, in the order of their keys.
    pub volumes: Vec<VolumeSpec>,
    /// Containers in their start order; they stop in reverse.
    pub containers: Vec<ContainerSpec>,
    /// Files of the instance's folder.
    pub files: Vec<FileSpec>,
}

impl InstanceSpec {
    /// Returns the container of a service.
    pub fn container(&self, service: &str) -> Option<&ContainerSpec> {
        self.containers.iter().find(|container| container.service == service)
    }

    /// The paths of the host that the instance gets at, through mounts or through options of volumes.
    pub fn mounted_paths(&self) -> impl Iterator<Item = &str> {
        let mounts = self.containers.iter().flat_map(|container| &container.mounts);
        let bound = mounts.filter_map(|mount| match &mount.source {
            MountSource::Bind { path, .. } => Some(path.as_str()),
            MountSource::Volume(_) | MountSource::Anonymous | MountSource::Tmpfs { .. } => None,
        });
        bound.chain(self.volumes.iter().flat_map(VolumeSpec::host_paths))
    }

    /// Returns the paths outside of its own folder.
    pub fn host_paths(&self) -> BTreeSet<&str> {
        let own = format!("{}/", self.working_dir);
        let is_own = |path: &str| path == self.working_dir || path.starts_with(&own) && !path.contains("/..");
        self.mounted_paths().filter(|path| !is_own(path)).collect()
    }

    /// Returns the file with a path.
    pub fn file(&self, path: &str) -> Option<&FileSpec> {
        self.files.iter().find(|file| file.path == path)
    }
}

/// Network as the agent creates it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkSpec {
    /// The name at the Engine.
    pub name: String,
    /// The name in the Compose file.
    pub key: String,
    /// Someone else made it: it is used, never created, changed or removed.
    pub external: bool,
    /// Driver, if not the Engine's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub driver: Option<String>,
    /// No way out of the network.
    pub internal: bool,
    /// Address ranges.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subnets: Vec<Subnet>,
    /// Options of the driver by their names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub options: BTreeMap<String, String>,
    /// Labels by their names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Hash of the settings, as a label: another hash means that the network must be made again.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub config_hash: String,
}

/// Address range of a network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subnet {
    /// Range in CIDR notation.
    pub subnet: String,
    /// Address of the gateway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<String>,
    /// Part of the range for containers, in CIDR notation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip_range: Option<String>,
}

/// Volume as the agent creates it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VolumeSpec {
    /// The name at the Engine.
    pub name: String,
    /// The name in the Compose file.
    pub key: String,
    /// Someone else made it: it is used, never created or removed.
    pub external: bool,
    /// Driver, if not the Engine's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub driver: Option<String>,
    /// Options of the driver by their names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub options: BTreeMap<String, String>,
    /// Labels by their names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

/// A file that the agent writes before it creates containers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileSpec {
    /// Relative to the working directory, with `/` between its parts.
    pub path: String,
    /// The permission bits, such as `0o644`.
    pub mode: u32,
    /// Content of the file.
    pub content: Content,
}

/// A file's bytes; shown by their digest only, for they may hold secrets.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "KeptContent", into = "KeptContent")]
pub struct Content(Vec<u8>);

/// Stored form of content: text if it is text, else hexadecimal digits.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum KeptContent {
    Text(String),
    Hex(String),
}

impl Content {
    /// Keeps bytes as content.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    /// Returns the bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Returns the digest of the bytes.
    pub fn digest(&self) -> Digest {
        digest_of_bytes(&self.0)
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes, {}", self.0.len(), self.digest())
    }
}

impl From<Content> for KeptContent {
    fn from(content: Content) -> Self {
        match String::from_utf8(content.0) {
            Ok(text) => Self::Text(text),
            Err(error) => Self::Hex(HEXLOWER.encode(error.as_bytes())),
        }
    }
}

impl TryFrom<KeptContent> for Content {
    type Error = &'static str;
    fn try_from(kept: KeptContent) -> Result<Self, Self::Error> {
        match kept {
            KeptContent::Text(text) => Ok(Self(text.into_bytes())),
            KeptContent::Hex(digits) => {
                HEXLOWER.decode(digits.as_bytes()).map(Self).map_err(|_| "file content is not hex digits")
            }
        }
    }
}
