//! Declaration of an app's stores: each database and each set of files that matters.

mod checks;
mod fields;
mod reading;
mod rebuilds;
mod resolve;
#[cfg(test)]
mod tests;

pub use rebuilds::{rebuilds, rebuilds_declared};
pub use resolve::resolve;

use super::declaration::scalar;
use crate::store::{EngineKind, StoreKind};
use crate::units::Period;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The most stores of an app.
const STORE_LIMIT: usize = 64;
/// The most checks of a store.
const CHECK_LIMIT: usize = 32;

/// Declaration of one store, as written. The fields of each engine are checked later: see `fields`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoreDeclaration {
    /// Engine of the store.
    pub engine: EngineKind,
    /// Truth, or derivable from it.
    pub kind: StoreKind,
    /// Service in whose container its tools run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Name of the database.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<String>,
    /// User of the database.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Source of the password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<PasswordDeclaration>,
    /// Folder of the server's data in its container, if it is not the image's default; required for a bucket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
    /// Volume of the Compose file, or a pattern.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volume: Option<String>,
    /// Path on the host, or `./…` in the instance's folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Pattern of container names whose mounts are the store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub containers: Option<String>,
    /// Pattern of images whose containers' mounts are the store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// URL of the S3 server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// Region of the bucket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Name of the bucket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bucket: Option<String>,
    /// Path in the bucket; empty for the whole bucket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// Id of the access key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_id: Option<String>,
    /// Access key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Command that writes the store to its standard output.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dump: Vec<String>,
    /// Command that reads the store from its standard input.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub load: Vec<String>,
    /// Command that prints lines of a name, a tab and a number.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub count: Vec<String>,
    /// Variables of the commands.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub environment: BTreeMap<String, String>,
    /// Text with which a whole dump begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub magic: Option<String>,
    /// Text with which a whole dump ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trailer: Option<String>,
    /// Services that are stopped during the dump.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stop: Vec<String>,
    /// Services that are paused during the dump.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pause: Vec<String>,
    /// Conditions after a restore.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<CheckDeclaration>,
    /// Rebuild of a derivable store after a restore.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rebuild: Option<RebuildDeclaration>,
}

/// A command in a service, and how long it may take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RebuildDeclaration {
    /// Service that runs the command, if it is not the store's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    pub command: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<Period>,
}

/// Source of a password: a variable of the service, or a text with a value in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PasswordDeclaration {
    /// Variable of the store's service.
    Env(String),
    /// Text, usually with a value in it.
    Value(String),
}

/// A question, and the answer that makes a restored store good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckDeclaration {
    /// Question in the database's language.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// Words of a command.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<String>,
    /// Service that runs the command, if it is not the store's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Text that the answer must be.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "scalar::optional")]
    pub expect: Option<String>,
    /// Number that the answer must reach.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<u64>,
}
