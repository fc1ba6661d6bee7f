//! A host's own policy, as it is reported.

use super::{ConvertError, at_most, bounded};
use crate::v1;
use fleet_core::host_policy::{HostPolicy, Permission};
use std::collections::BTreeSet;

/// The most entries a list of the policy may have.
const ENTRY_LIMIT: usize = 200;
/// The entry that allows everything.
const ANYTHING: &str = "*";

impl From<HostPolicy> for v1::HostPolicy {
    fn from(policy: HostPolicy) -> Self {
        Self {
            limits_apps: policy.apps.is_some(),
            apps: policy.apps.into_iter().flatten().map(Into::into).collect(),
            limits_registries: policy.registries.is_some(),
            registries: policy.registries.into_iter().flatten().collect(),
            paths: policy.paths.into_iter().collect(),
            hours: policy.hours.map(Into::into).unwrap_or_default(),
            denies_exec: policy.exec == Permission::Denied,
            buckets: policy.buckets.into_iter().collect(),
            allows_privileges: policy.privileges == Permission::Allowed,
            gates_reaches: true,
            volumes: policy.volumes.into_iter().collect(),
            remote_volumes: policy.remote_volumes.into_iter().collect(),
            networks: policy.networks.into_iter().collect(),
            foreign: policy.foreign.into_iter().collect(),
            repositories: policy.repositories.into_iter().collect(),
            limits_log_drivers: policy.log_drivers.is_some(),
            log_drivers: policy.log_drivers.into_iter().flatten().collect(),
        }
    }
}

impl TryFrom<v1::HostPolicy> for HostPolicy {
    type Error = ConvertError;
    fn try_from(message: v1::HostPolicy) -> Result<Self, ConvertError> {
        let apps = at_most("policy.apps", ENTRY_LIMIT, message.apps)?;
        let apps = apps.into_iter().map(|app| app.parse()).collect::<Result<_, _>>()?;
        let registries = at_most("policy.registries", ENTRY_LIMIT, message.registries)?;
        let paths = at_most("policy.paths", ENTRY_LIMIT, message.paths)?;
        let buckets = at_most("policy.buckets", ENTRY_LIMIT, message.buckets)?;
        let gates = message.gates_reaches;
        let list = |name, entries: Vec<String>| match gates {
            true => Ok::<_, ConvertError>(at_most(name, ENTRY_LIMIT, entries)?.into_iter().map(bounded).collect()),
            // An older agent does not ask, so its setting is shown as what it means.
            false => Ok(BTreeSet::from([ANYTHING.to_owned()])),
        };
        let log_drivers = list("policy.log_drivers", message.log_drivers)?;
        let hours = Some(message.hours).filter(|hours| !hours.is_empty());
        Ok(Self {
            apps: message.limits_apps.then_some(apps),
            registries: message.limits_registries.then(|| registries.into_iter().map(bounded).collect()),
            paths: paths.into_iter().map(bounded).collect(),
            buckets: buckets.into_iter().map(bounded).collect(),
            volumes: list("policy.volumes", message.volumes)?,
            remote_volumes: list("policy.remote_volumes", message.remote_volumes)?,
            networks: list("policy.networks", message.networks)?,
            foreign: list("policy.foreign", message.foreign)?,
            repositories: list("policy.repositories", message.repositories)?,
            log_drivers: (message.limits_log_drivers || !gates).then_some(log_drivers),
            hours: hours.map(|hours| hours.parse()).transpose()?,
            exec: if message.denies_exec { Permission::Denied } else { Permission::Allowed },
            privileges: if message.allows_privileges { Permission::Allowed } else { Permission::Denied },
        })
    }
}
