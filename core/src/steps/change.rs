//! Decides which parts stay, which are replaced and which are removed, and the stages of it.
//!
//! A successor is created beside its predecessor under another name. Then the predecessor is stopped and removed, and
//! the successor gets its name and is started. So a failed creation changes nothing, and the two never run at the same
//! time.
//!
//! Orphans (containers of services that the goal no longer has) go together with the predecessors: kept for later, one
//! with a restart policy would come back after a power failure and open the same volumes as its heir.

use super::await_limit;
use super::depths::depths;
use super::restarts::policy_of;
use super::{
    ContainerHealth, ContainerState, FileOrigin, FoundContainer, FoundProject, KeptVolume, Ownership, Stage, Step,
};
use super::{FoundFile, is_one_shot};
use crate::spec::{Condition, ContainerSpec, FileSpec, InstanceSpec, MountSource, NetworkMode, NetworkSpec};
use std::collections::{BTreeMap, BTreeSet};

/// Suffix of a successor's name while its predecessor exists.
const SUCCESSOR: &str = ".next";

/// Difference between the found state and a goal.
pub struct ProjectChange<'a> {
    found: &'a FoundProject,
    goal: &'a InstanceSpec,
    depths: BTreeMap<&'a str, usize>,
    /// Containers in the goal's order.
    places: Vec<PlannedContainer<'a>>,
    orphans: Vec<&'a FoundContainer>,
}

/// One container of the goal, with its found state.
struct PlannedContainer<'a> {
    spec: &'a ContainerSpec,
    /// The one that is already as it shall be, whatever its name.
    kept: Option<&'a FoundContainer>,
    others: Vec<&'a FoundContainer>,
}

impl<'a> ProjectChange<'a> {
    pub fn between(found: &'a FoundProject, goal: &'a InstanceSpec) -> Self {
        let orphans = found.containers.iter().filter(|it| goal.container(&it.service).is_none());
        let mut change = Self { found, goal, depths: depths(goal), places: Vec::new(), orphans: orphans.collect() };
        for spec in &goal.containers {
            let place = change.place(spec);
            change.places.push(place);
        }
        change
    }

    fn place(&self, spec: &'a ContainerSpec) -> PlannedContainer<'a> {
        let fits = |it: &&FoundContainer| self.is_as_wanted(spec, it);
        let of_service = || self.found.containers.iter().filter(|it| it.service == spec.service);
        let by_name = of_service().filter(fits).find(|it| it.name == spec.name);
        let kept = by_name.or_else(|| of_service().find(fits));
        let others = of_service().filter(|it| kept.is_none_or(|kept| kept.id != it.id)).collect();
        PlannedContainer { spec, kept, others }
    }

    fn is_as_wanted(&self, spec: &ContainerSpec, found: &FoundContainer) -> bool {
        let is_usable = found.state != ContainerState::Dead;
        let has_lender = match (&spec.network_mode, &found.lender) {
            (NetworkMode::Service(service), lender) => lender.as_ref().is_some_and(|id| self.keeps(service, id)),
            (NetworkMode::Attached | NetworkMode::None | NetworkMode::Host | NetworkMode::Bridge, id) => id.is_none(),
        };
        let is_attached = |network: &str| {
            found.networks.contains(network) && self.found.has_network(network) && !self.is_stale(network)
        };
        let has_networks = spec.networks.iter().all(|attach| is_attached(&attach.network));
        is_usable && has_lender && has_networks && found.config_hash == spec.config_hash
    }

    /// Returns whether a service keeps the container of that id. If a container that lends its network is replaced, its
    /// borrowers have to start again.
    fn keeps(&self, service: &str, id: &str) -> bool {
        self.places.iter().any(|place| place.spec.service == service && place.kept.is_some_and(|it| it.id == id))
    }

    /// Returns whether a network exists with another configuration, or more than once: the Engine allows two of one
    /// name, and then starts no container that refers to it.
    fn is_stale(&self, name: &str) -> bool {
        let requested = self.goal.networks.iter().find(|network| network.name == name && !network.external);
        let Some(requested) = requested else { return false };
        let found: Vec<_> = self.found.networks.iter().filter(|network| network.name == name).collect();
        // Networks made by others have no hash of their configuration, and are used as they are.
        let is_other = |hash: &String| !hash.is_empty() && *hash != requested.config_hash;
        found.len() > 1 || found.iter().any(|it| is_other(&it.config_hash))
    }

    pub fn stages(&self) -> Vec<Stage> {
        let mut stages = vec![self.fetch(), self.prepare(), self.create_early()];
        stages.extend(self.stop());
        stages.extend([self.remove(), self.renew_networks_off(), self.renew_networks_on(), self.rename()]);
        stages.push(self.restart_policies());
        for depth in 0..=self.depths.values().max().copied().unwrap_or(0) {
            let mut wait = self.wait(depth);
            wait.steps.retain(|step| !stages.iter().any(|earlier| earlier.steps.contains(step)));
            stages.extend([self.create_late(depth), wait, self.start(depth)]);
        }
        stages.retain(|stage| !stage.steps.is_empty());
        let leftover_networks = self.leftover_networks();
        if !stages.is_empty() || !leftover_networks.steps.is_empty() {
            stages.push(Stage { steps: vec![Step::Gate] });
        }
        stages.push(leftover_networks);
        stages.retain(|stage| !stage.steps.is_empty());
        stages
    }

    /// Returns the stage for external parts: images, and parts that this instance only uses.
    fn fetch(&self) -> Stage {
        let new = self.places.iter().filter(|place| place.kept.is_none());
        let images: BTreeSet<&String> = new.map(|place| &place.spec.image).collect();
        let missing = images.into_iter().filter(|image| !self.found.images.contains_key(*image));
        let networks = self.goal.networks.iter().filter(|it| it.external && !self.found.has_network(&it.name));
        let volumes = self.goal.volumes.iter().filter(|it| it.external && !self.found.volumes.contains(&it.name));
        let networks = networks.map(|it| Step::ExpectNetwork { network: it.name.clone() });
        let volumes = volumes.map(|it| Step::ExpectVolume { volume: it.name.clone() });
        let pulls = missing.map(|image| Step::Pull { image: image.clone() });
        stage(networks.chain(volumes).chain(pulls))
    }

    fn prepare(&self) -> Stage {
        let own_networks = self.own_networks().filter(|it| !self.found.has_network(&it.name));
        let volumes = self.goal.volumes.iter().filter(|it| !it.external && !self.found.volumes.contains(&it.name));
        let networks = own_networks.map(|it| Step::CreateNetwork { network: it.name.clone() });
        let volumes = volumes.map(|it| Step::CreateVolume { volume: it.name.clone() });
        stage(self.write_files().into_iter().chain(networks).chain(volumes))
    }

    fn own_networks(&self) -> impl Iterator<Item = &'a NetworkSpec> {
        self.goal.networks.iter().filter(|network| !network.external)
    }

    fn write_files(&self) -> Option<Step> {
        let is_other = |file: &&FileSpec| self.found.files.get(&file.path).is_none_or(|found| !is_same(file, found));
        let write: Vec<_> = self.goal.files.iter().filter(is_other).map(|file| file.path.clone()).collect();
        let left = self
            .found
            .files
            .iter()
            .filter(|(path, found)| found.origin == FileOrigin::Ours && self.goal.file(path).is_none());
        let remove: Vec<_> = left.map(|(path, _)| path.clone()).collect();
        let is_needed = !write.is_empty() || !remove.is_empty();
        is_needed.then_some(Step::WriteFiles { write, remove })
    }

    /// Returns all new containers that can be created while their predecessors still run.
    fn create_early(&self) -> Stage {
        let new = self.places.iter().filter(|place| place.kept.is_none() && !self.is_created_late(place));
        stage(new.map(PlannedContainer::create_beside))
    }

    fn create_late(&self, depth: usize) -> Stage {
        let new = self.at(depth).filter(|place| place.kept.is_none() && self.is_created_late(place));
        stage(new.map(|place| place.create(place.spec.name.clone())))
    }

    /// Returns whether a container needs something that exists only after the stops: a new network, or the new
    /// container that lends it a network.
    fn is_created_late(&self, place: &PlannedContainer<'_>) -> bool {
        let borrows = matches!(place.spec.network_mode, NetworkMode::Service(_));
        borrows || place.spec.networks.iter().any(|attach| self.is_stale(&attach.network))
    }

    fn at(&self, depth: usize) -> impl Iterator<Item = &PlannedContainer<'a>> {
        self.places.iter().filter(move |place| self.depths.get(place.spec.service.as_str()) == Some(&depth))
    }

    /// Orphans first, for nothing of the goal waits for them, then the deepest services.
    fn stop(&self) -> Vec<Stage> {
        let alive = |it: &&&FoundContainer| it.state.is_alive();
        let mut stages = vec![stage(self.orphans.iter().filter(alive).map(|it| stop(it)))];
        for depth in (0..=self.depths.values().max().copied().unwrap_or(0)).rev() {
            let others = self.at(depth).flat_map(|place| &place.others);
            stages.push(stage(others.filter(alive).map(|it| stop(it))));
        }
        stages
    }

    fn remove(&self) -> Stage {
        let others = self.places.iter().flat_map(|place| &place.others);
        stage(self.orphans.iter().chain(others).map(|it| remove(it)))
    }

    fn renew_networks_off(&self) -> Stage {
        stage(self.stale_networks().map(|network| Step::RemoveNetwork { network }))
    }

    fn renew_networks_on(&self) -> Stage {
        stage(self.stale_networks().map(|network| Step::CreateNetwork { network }))
    }

    fn stale_networks(&self) -> impl Iterator<Item = String> {
        self.own_networks().filter(|it| self.is_stale(&it.name)).map(|it| it.name.clone())
    }

    fn rename(&self) -> Stage {
        stage(self.places.iter().filter_map(|place| {
            let name = &place.spec.name;
            let from = match place.kept {
                Some(kept) => kept.name.clone(),
                None if self.is_created_late(place) => name.clone(),
                None => place.name_beside(),
            };
            (from != *name).then(|| Step::Rename { from, name: name.clone() })
        }))
    }

    /// Containers that stay as they are can have another restart policy: that of an upgrade which did not end.
    fn restart_policies(&self) -> Stage {
        stage(self.places.iter().filter_map(|place| policy_of(place.kept?, place.spec.restart)))
    }

    fn wait(&self, depth: usize) -> Stage {
        let starting: Vec<_> = self.at(depth).filter(|place| self.is_to_start(place)).collect();
        let conditions = starting.iter().flat_map(|place| &place.spec.depends_on);
        let conditions: BTreeSet<_> = conditions.collect();
        stage(conditions.into_iter().filter_map(|(service, condition)| self.wait_for(service, *condition)))
    }

    fn wait_for(&self, service: &str, condition: Condition) -> Option<Step> {
        let place = self.places.iter().find(|place| place.spec.service == service)?;
        let name = place.spec.name.clone();
        let is_touched = self.is_to_start(place);
        let kept = place.kept.filter(|_| !is_touched);
        match condition {
            Condition::Started => None,
            Condition::Healthy if kept.is_some_and(|it| it.health == ContainerHealth::Healthy) => None,
            Condition::Healthy => Some(Step::AwaitHealthy { name, limit: await_limit::for_health(place.spec) }),
            Condition::CompletedSuccessfully => {
                let has_completed = kept.is_some_and(|it| it.state == ContainerState::Exited { code: 0 });
                (!has_completed).then_some(Step::AwaitExit { name, limit: await_limit::FOR_COMPLETION })
            }
        }
    }

    fn start(&self, depth: usize) -> Stage {
        let starting = self.at(depth).filter(|place| self.is_to_start(place));
        stage(starting.map(|place| Step::Start { name: place.spec.name.clone() }))
    }

    fn is_to_start(&self, place: &PlannedContainer<'_>) -> bool {
        let Some(kept) = place.kept else { return true };
        match kept.state {
            ContainerState::Running | ContainerState::Restarting => false,
            ContainerState::Exited { code: 0 } => !is_one_shot(self.goal, &place.spec.service),
            ContainerState::Created | ContainerState::Paused | ContainerState::Exited { .. } | ContainerState::Dead => {
                true
            }
        }
    }

    /// Networks of the project that the goal no longer has.
    fn leftover_networks(&self) -> Stage {
        let is_wanted = |name: &str| self.goal.networks.iter().any(|network| network.name == name);
        let of_project = self.found.networks.iter().filter(|it| it.ownership == Ownership::OfProject);
        let left = of_project.filter(|it| !is_wanted(&it.name));
        stage(left.map(|it| Step::RemoveNetwork { network: it.name.clone() }))
    }
}

impl PlannedContainer<'_> {
    fn create_beside(&self) -> Step {
        self.create(self.name_beside())
    }

    /// Returns the container's own name, unless a container to be removed still has it.
    fn name_beside(&self) -> String {
        let is_taken = |name: &str| self.others.iter().any(|it| it.name == name);
        let mut name = self.spec.name.clone();
        while is_taken(&name) {
            name.push_str(SUCCESSOR);
        }
        name
    }

    fn create(&self, name: String) -> Step {
        Step::Create { service: self.spec.service.clone(), name, keeps: self.heritage() }
    }

    /// Returns the anonymous volumes of the previous container that the spec still wants at the same path.
    fn heritage(&self) -> Vec<KeptVolume> {
        let predecessor = self.others.iter().find(|it| it.name == self.spec.name).or(self.others.first());
        let is_named = |target: &str| {
            let named = |source: &MountSource| *source != MountSource::Anonymous;
            self.spec.mounts.iter().any(|mount| mount.target == target && named(&mount.source))
        };
        let kept = predecessor.into_iter().flat_map(|it| &it.anonymous);
        kept.filter(|volume| !is_named(&volume.target)).cloned().collect()
    }
}

pub fn stage(steps: impl Iterator<Item = Step>) -> Stage {
    Stage { steps: steps.collect() }
}

pub fn stop(container: &FoundContainer) -> Step {
    let (name, id) = (container.name.clone(), container.id.clone());
    Step::Stop { name, id, grace: container.stop_grace }
}

pub fn remove(container: &FoundContainer) -> Step {
    Step::RemoveContainer { name: container.name.clone(), id: container.id.clone() }
}

fn is_same(file: &FileSpec, found: &FoundFile) -> bool {
    found.digest.as_ref() == Some(&file.content.digest()) && found.mode == file.mode
}
