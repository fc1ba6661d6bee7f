//! Owner of an object at the Engine, by its labels.
//!
//! **Invariant:** an object with another instance's or another host's label is never the instance's own, in whatever
//! project it is.

use super::labels::{COMPOSE_PROJECT, FLEET_HOST, FLEET_INSTANCE};
use super::sandbox::{FLEET_THROWAWAY, is_throwaway_project, project_of};
use super::{InstanceSpec, Restart, VolumeSpec};
use crate::names::{Digest, HostName, InstanceName};
use crate::version::VersionScheme;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
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
    Other {
        /// Name of that instance.
        instance: String,
        /// Host whose agent made it, if its labels name one.
        host: Option<String>,
    },
    /// Compose made it for another project.
    Project {
        /// Name of that project.
        project: String,
    },
    /// An object without an owner's label.
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
        // If no ledger records the project as fleet's, a stack of its name belongs to someone else.
        Some(project) if project == spec.project && !spec.is_unrecorded() => EngineOwner::OwnProject,
        Some(project) => EngineOwner::Project { project: project.to_owned() },
        None => EngineOwner::Nobody,
    }
}

/// App of a spec for an instance without a record in the ledger.
const UNRECORDED_APP: &str = "removed";

impl InstanceSpec {
    /// Makes the spec of an instance without a record in the ledger, with volumes that may have been its own: only
    /// their labels at the Engine count.
    pub fn unrecorded(
        instance: &InstanceName,
        host: &HostName,
        volumes: &BTreeSet<String>,
        working_dir: String,
    ) -> Self {
        let labels = BTreeMap::from([
            (FLEET_INSTANCE.to_owned(), instance.to_string()),
            (FLEET_HOST.to_owned(), host.to_string()),
        ]);
        let volume = |name: &String| VolumeSpec {
            name: name.clone(),
            key: name.clone(),
            external: false,
            driver: None,
            options: BTreeMap::new(),
            labels: labels.clone(),
        };
        Self {
            instance: instance.clone(),
            app: UNRECORDED_APP.parse().expect("it is a name"),
            version: "0".parse().expect("it is a version"),
            scheme: VersionScheme::default(),
            digest: no_digest(),
            project: instance.to_string(),
            working_dir,
            networks: Vec::new(),
            volumes: volumes.iter().map(volume).collect(),
            containers: Vec::new(),
            files: Vec::new(),
        }
    }

    /// Returns whether the spec was made by [`InstanceSpec::unrecorded`], by this agent or an older one.
    pub fn is_unrecorded(&self) -> bool {
        self.app.as_str() == UNRECORDED_APP && self.digest == no_digest()
    }

    /// The host that the instance's parts are labelled with; none where an agent of before rendered it.
    pub fn host_label(&self) -> Option<&str> {
        let of_containers = self.containers.iter().map(|it| &it.labels);
        let of_networks = self.networks.iter().map(|it| &it.labels);
        let mut all = of_containers.chain(of_networks).chain(self.volumes.iter().map(|it| &it.labels));
        all.find_map(|labels| labels.get(FLEET_HOST)).map(String::as_str)
    }

    /// Gives all containers a restart policy by which nothing but the agent starts them. Their configuration hash stays.
    pub fn switch_restarts_off(&mut self) {
        self.containers.iter_mut().for_each(|container| container.restart = Restart::No);
    }

    /// Keeps the earlier host label: a machine that has joined under another name still owns its objects.
    pub fn keep_host_label(&mut self, before: &Self) {
        let Some(host) = before.host_label().map(str::to_owned) else { return };
        let of_containers = self.containers.iter_mut().map(|it| &mut it.labels);
        let of_networks = self.networks.iter_mut().map(|it| &mut it.labels);
        let all = of_containers.chain(of_networks).chain(self.volumes.iter_mut().map(|it| &mut it.labels));
        all.for_each(|labels| drop(labels.insert(FLEET_HOST.to_owned(), host.clone())));
    }
}

/// No release has it.
fn no_digest() -> Digest {
    format!("sha256:{}", "0".repeat(64)).parse().expect("it is a digest")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::testing::{bundle, rendered};

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
    fn without_a_ledger_only_the_labels_of_the_instance_on_this_host_make_something_its_own() {
        let (instance, host) = ("demo-1".parse().expect("a name"), "lab-1".parse().expect("a name"));
        let volumes = ["demo-1_data".to_owned()].into();
        let spec = InstanceSpec::unrecorded(&instance, &host, &volumes, "/nowhere".to_owned());
        let kept: InstanceSpec = serde_json::from_str(&serde_json::to_string(&spec).expect("written")).expect("read");
        assert!(spec.is_unrecorded() && kept.is_unrecorded());
        assert!(!rendered(&bundle(&[]), "1", &[]).expect("the demo renders").spec.is_unrecorded());
        let owner = |labels: &[(&str, &'static str)]| {
            let labels: BTreeMap<_, _> = labels.iter().copied().collect();
            owner_by_labels(&spec, |key| labels.get(key).copied())
        };
        let project = (COMPOSE_PROJECT, "demo-1");
        assert_eq!(owner(&[project, (FLEET_INSTANCE, "demo-1"), (FLEET_HOST, "lab-1")]), EngineOwner::Instance);
        assert_eq!(owner(&[project, (FLEET_INSTANCE, "demo-1")]), EngineOwner::Instance);
        let other = EngineOwner::Other { instance: "demo-1".to_owned(), host: Some("lab-2".to_owned()) };
        assert_eq!(owner(&[project, (FLEET_INSTANCE, "demo-1"), (FLEET_HOST, "lab-2")]), other);
        assert_eq!(owner(&[project]), EngineOwner::Project { project: "demo-1".to_owned() });
        assert_eq!(owner(&[]), EngineOwner::Nobody);
    }

    #[test]
    fn a_double_owns_what_carries_its_id_and_nothing_of_its_instance() {
        let spec = rendered(&bundle(&[]), "1", &[]).expect("the demo renders").spec;
        let sandbox = spec.sandbox(&["db".to_owned()].into(), "1");
        let own = |key: &str| sandbox.containers[0].labels.get(key).map(String::as_str);
        assert_eq!(owner_by_labels(&sandbox, own), EngineOwner::Instance);
        let of_instance = |key: &str| spec.containers[0].labels.get(key).map(String::as_str);
        let expect = EngineOwner::Other { instance: "demo-1".to_owned(), host: Some("lab-1".to_owned()) };
        assert_eq!(owner_by_labels(&sandbox, of_instance), expect);
    }
}
