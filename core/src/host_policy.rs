//! Policy of a host's owner. It overrides the coordinator, which only receives a copy.

mod check;
mod coded;
mod links;
mod logging;
mod reach;
mod reaches;
mod stores;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use check::violations;
pub use coded::coded;
pub use links::{Leads, is_shown_in_part};
pub use logging::USUAL_DRIVERS;
pub use reach::{ExecUse, HostReach, Lead, PathUse, Power, Refusal};
pub use reaches::Reaches;
pub use stores::{forbidden_stores, store_reaches};

use crate::names::AppName;
use crate::window::Window;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The host's policy file, `/etc/fleet/policy.yaml`. What it does not mention has the default below.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HostPolicy {
    /// The apps that may be installed; absent: all.
    pub apps: Option<BTreeSet<AppName>>,
    /// The registries that images may come from, as `host[:port][/path]`; absent: all.
    pub registries: Option<BTreeSet<String>>,
    /// Host paths that may be mounted, including everything below them. An instance's own directory is always allowed.
    pub paths: BTreeSet<String>,
    /// The buckets outside of an instance that its stores may be, as `host[:port][/bucket]`.
    pub buckets: BTreeSet<String>,
    /// Existing volumes that may be mounted as `external`, by names or patterns such as `data_*`.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub volumes: BTreeSet<String>,
    /// Remote targets of volumes: shares like `nfs://10.0.0.5/export` and names of drivers, or patterns.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub remote_volumes: BTreeSet<String>,
    /// Networks of others that may be joined as `external`, by names or patterns such as `proxy_*`.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub networks: BTreeSet<String>,
    /// Containers and volumes of no instance that stores may read and replace, by names or patterns such as `data_*`.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub foreign: BTreeSet<String>,
    /// Locations for backups beside the coordinator: folders of the host, and endpoints as `host[:port][/bucket]`. `*`
    /// allows any.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub repositories: BTreeSet<String>,
    /// The log drivers that containers may have, as `driver`, or `driver=address` where it sends to an address; absent:
    /// `json-file`, `local` and `journald`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_drivers: Option<BTreeSet<String>>,
    /// Time at which changes may begin; always if absent.
    pub hours: Option<Window>,
    /// Permission of the agent to run programs inside containers: exec probes, tools that dump, load and count databases,
    /// `command` stores, checks of stores, and actions of upgrades.
    pub exec: Permission,
    /// Permission of containers to have unusual power over the host: `privileged`, added capabilities, security options, the
    /// host's own network.
    pub privileges: Permission,
}

/// Permission of a host's policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Permission {
    /// Allowed.
    Allowed,
    /// Denied.
    Denied,
}

impl Permission {
    /// The word operators see.
    pub fn word(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Denied => "denied",
        }
    }
}

impl Default for HostPolicy {
    /// Every app, every registry, no host path, no bucket, nothing that others made or serve, no repository but the coordinator's, any
    /// hour, exec allowed, no privileges.
    fn default() -> Self {
        Self {
            apps: None,
            registries: None,
            paths: BTreeSet::new(),
            buckets: BTreeSet::new(),
            volumes: BTreeSet::new(),
            remote_volumes: BTreeSet::new(),
            networks: BTreeSet::new(),
            foreign: BTreeSet::new(),
            repositories: BTreeSet::new(),
            log_drivers: None,
            hours: None,
            exec: Permission::Allowed,
            privileges: Permission::Denied,
        }
    }
}
