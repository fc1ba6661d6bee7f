//! Whose something at the Engine is, by its labels.
//!
//! **Invariant:** what carries another instance's label, or another host's, is never its own, whatever project it is in.

use super::InstanceSpec;
use super::labels::{COMPOSE_PROJECT, FLEET_HOST, FLEET_INSTANCE};
use super::throwaway::{FLEET_THROWAWAY, is_throwaway_project, project_of};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The owner of a container, a network or a volume, as seen from one instance.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EngineOwner {
    /// The instance made it.
    Instance,
    /// Compose made it for a project of the instance's name.
    OwnProject,
    /// Another instance made it, of this host or of another agent at the same Engine.
    Other { instance: String, host: Option<String> },
    /// Compose made it for another project.
    Project { project: String },
    /// Nobody signed it.
    Nobody,
}

impl EngineOwner {
    /// Tells whether a network or a volume belongs to the instance. Of containers only those that fleet made do.
    pub fn is_own(&self) -> bool {
        match self {
            Self::Instance | Self::OwnProject => true,
            Self::Other { .. } | Self::Project { .. } | Self::Nobody => false,
        }
    }
}

impl fmt::Display for EngineOwner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Instance => f.write_str("the instance's own"),
            Self::OwnProject => f.write_str("of a Compose project of this name that fleet did not make"),
            Self::Other { instance, host: None } => write!(f, "of the instance {instance}"),
            Self::Other { instance, host: Some(host) } => write!(f, "of the instance {instance} of the host {host}"),
            Self::Project { project } => write!(f, "of the Compose project {project}"),
            Self::Nobody => f.write_str("of somebody unknown: it has no label of fleet or Compose"),
        }
    }
}

/// The owner of something with these labels, as seen from the instance of a spec.
pub fn owner_by_labels<'a>(spec: &InstanceSpec, label: impl Fn(&str) -> Option<&'a str>) -> EngineOwner {
    let project = label(COMPOSE_PROJECT);
    let instance = label(FLEET_INSTANCE);
    if let Some(id) = label(FLEET_THROWAWAY) {
        return match project_of(id) == spec.project {
            true => EngineOwner::Instance,
            false => EngineOwner::Project { project: project_of(id) },
        };
    }
    if let Some(instance) = instance {
        let host = label(FLEET_HOST);
        let is_host = host.is_none_or(|host| spec.host_label().is_none_or(|own| own == host));
        let is_own = instance == spec.instance.as_str() && is_host && !is_throwaway_project(&spec.project);
        return match is_own {
            true => EngineOwner::Instance,
            false => EngineOwner::Other { instance: instance.to_owned(), host: host.map(str::to_owned) },
        };
    }
    match project {
        Some(project) if project == spec.project => EngineOwner::OwnProject,
        Some(project) => EngineOwner::Project { project: project.to_owned() },
        None => EngineOwner::Nobody,
    }
}

impl InstanceSpec {
    /// The host that the instance's parts are labelled with; none where an agent of before rendered it.
    pub fn host_label(&self) -> Option<&str> {
        let of_containers = self.containers.iter().map(|it| &it.labels);
        let of_networks = self.networks.iter().map(|it| &it.labels);
        let mut all = of_containers.chain(of_networks).chain(self.volumes.iter().map(|it| &it.labels));
        all.find_map(|labels| labels.get(FLEET_HOST)).map(String::as_str)
    }

    /// Keeps the host label of before: a machine that has joined under another name still owns what it made.
    pub fn keep_host_label(&mut self, before: &Self) {
        let Some(host) = before.host_label().map(str::to_owned) else { return };
        let of_containers = self.containers.iter_mut().map(|it| &mut it.labels);
        let of_networks = self.networks.iter_mut().map(|it| &mut it.labels);
        let all = of_containers.chain(of_networks).chain(self.volumes.iter_mut().map(|it| &mut it.labels));
        all.for_each(|labels| drop(labels.insert(FLEET_HOST.to_owned(), host.clone())));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::testing::{bundle, rendered};
    use std::collections::BTreeMap;

    fn check(labels: &[(&str, &str)], expect: &EngineOwner) {
        let spec = rendered(&bundle(&[]), "1", &[]).expect("the demo renders").spec;
        let labels: BTreeMap<_, _> = labels.iter().copied().collect();
        assert_eq!(owner_by_labels(&spec, |key| labels.get(key).copied()), *expect, "for {labels:?}");
    }

    #[test]
    fn only_the_instances_own_labels_make_something_its_own() {
        let other = |instance: &str, host: Option<&str>| EngineOwner::Other {
            instance: instance.to_owned(),
            host: host.map(str::to_owned),
        };
        let project = (COMPOSE_PROJECT, "demo-1");
        check(&[project, (FLEET_INSTANCE, "demo-1")], &EngineOwner::Instance);
        check(&[project, (FLEET_INSTANCE, "demo-1"), (FLEET_HOST, "lab-1")], &EngineOwner::Instance);
        check(&[project, (FLEET_INSTANCE, "demo-1"), (FLEET_HOST, "lab-2")], &other("demo-1", Some("lab-2")));
        check(&[project, (FLEET_INSTANCE, "demo-2")], &other("demo-2", None));
        check(&[project], &EngineOwner::OwnProject);
        check(&[(COMPOSE_PROJECT, "stack")], &EngineOwner::Project { project: "stack".to_owned() });
        check(&[("com.example", "x")], &EngineOwner::Nobody);
        let drill = [(COMPOSE_PROJECT, "fleet-throwaway-1"), (FLEET_THROWAWAY, "1"), (FLEET_HOST, "lab-1")];
        check(&drill, &EngineOwner::Project { project: "fleet-throwaway-1".to_owned() });
    }

    #[test]
    fn a_double_owns_what_carries_its_id_and_nothing_of_its_instance() {
        let spec = rendered(&bundle(&[]), "1", &[]).expect("the demo renders").spec;
        let double = spec.throwaway(&["db".to_owned()].into(), "1");
        let own = |key: &str| double.containers[0].labels.get(key).map(String::as_str);
        assert_eq!(owner_by_labels(&double, own), EngineOwner::Instance);
        let of_instance = |key: &str| spec.containers[0].labels.get(key).map(String::as_str);
        let expect = EngineOwner::Other { instance: "demo-1".to_owned(), host: Some("lab-1".to_owned()) };
        assert_eq!(owner_by_labels(&double, of_instance), expect);
    }
}
