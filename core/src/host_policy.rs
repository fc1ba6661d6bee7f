//! What a host's own people allow. It outranks the coordinator, which only hears of it.

mod check;
mod links;
#[cfg(test)]
mod testing;

pub use check::violations;
pub use links::{Leads, is_shown_in_part, paths_to_follow, strays};

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
    /// Host paths that may be mounted, with what lies below them. An instance's own directory is always allowed.
    pub paths: BTreeSet<String>,
    /// The buckets outside of an instance that its stores may be, as `host[:port][/bucket]`.
    pub buckets: BTreeSet<String>,
    /// When changes may begin; absent: always.
    pub hours: Option<Window>,
    /// Whether programs may be run inside containers (exec probes included).
    pub exec: Permission,
    /// Whether containers may have more power over the host than containers usually have: `privileged`, added
    /// capabilities, security options, the host's own network.
    pub privileges: Permission,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Permission {
    Allowed,
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
    /// Every app, every registry, no host path, no bucket, any hour, exec allowed, no privileges.
    fn default() -> Self {
        Self {
            apps: None,
            registries: None,
            paths: BTreeSet::new(),
            buckets: BTreeSet::new(),
            hours: None,
            exec: Permission::Allowed,
            privileges: Permission::Denied,
        }
    }
}
