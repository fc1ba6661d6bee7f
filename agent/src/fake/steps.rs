//! Effects of steps on a simulated host without an Engine.

use super::{Behaviour, FakeContainer, World};
use crate::runtime::{EngineErrorKind, RuntimeError};
use fleet_core::failed_step::FailedStep;
use fleet_core::part_owner::PortHolder;
use fleet_core::spec::{Healthcheck, InstanceSpec, MountSource, NetworkMode, Probing, Restart};
use fleet_core::steps::{ContainerHealth, ContainerState, Step, is_one_shot};

impl World {
    pub(super) fn hangs(&self, step: &Step) -> bool {
        let text = step.to_string();
        self.hanging.iter().any(|part| text.contains(part))
    }

    pub(super) fn perform(&mut self, step: &Step, spec: &InstanceSpec) -> Result<(), RuntimeError> {
        let text = step.to_string();
        if self.failing.iter().any(|part| text.contains(part)) {
            return Err(refused(FailedStep::Other { text: text.clone() }, "it was told to fail"));
        }
        match step {
            Step::Pull { image } => self.pull(image),
            Step::ExpectNetwork { network } => there("network", network, self.networks.contains_key(network)),
            Step::ExpectVolume { volume } => there("volume", volume, self.volumes.contains_key(volume)),
            Step::WriteFiles { write, remove } => self.write_files(spec, write, remove),
            Step::CreateNetwork { network } => self.create_network(spec, network),
            Step::CreateVolume { volume } => {
                self.volumes.entry(volume.clone()).or_default();
                let folder = self.folder_of(volume);
                folder
                    .map_or(Ok(()), std::fs::create_dir_all)
                    .map_err(|error| refused(FailedStep::Other { text: text.clone() }, &error.to_string()))
            }
            Step::Create { service, name, .. } => self.create(spec, service, name),
            Step::Stop { id, .. } => self.stop(id),
            Step::RemoveContainer { name, id } => self.remove(name, id),
            Step::Rename { from, name } => self.rename(from, name),
            Step::SetRestart { id, restart, .. } => self.set_restart(id, *restart),
            Step::Start { name } => self.start(spec, name),
            Step::AwaitHealthy { name, .. } => self.await_healthy(name),
            Step::AwaitExit { name, .. } => self.await_exit(name),
            Step::Gate => Err(refused(FailedStep::Other { text: text.clone() }, "the gate is not for the hands")),
            Step::RemoveNetwork { network } => self.remove_network(network),
            Step::RemoveVolume { volume } => self.remove_volume(volume),
        }
    }

    fn pull(&mut self, image: &str) -> Result<(), RuntimeError> {
        if self.behaviours.get(image) == Some(&Behaviour::Missing) {
            return Err(RuntimeError::NoImage { image: image.to_owned() });
        }
        self.images.insert(image.to_owned());
        Ok(())
    }

    fn write_files(&mut self, spec: &InstanceSpec, write: &[String], remove: &[String]) -> Result<(), RuntimeError> {
        for path in write {
            let file = spec.file(path).ok_or_else(|| not_in_spec("file", path))?;
            self.files.insert((spec.working_dir.clone(), path.clone()), file.clone());
        }
        for path in remove {
            self.files.remove(&(spec.working_dir.clone(), path.clone()));
        }
        Ok(())
    }

    fn create_network(&mut self, spec: &InstanceSpec, name: &str) -> Result<(), RuntimeError> {
        let network = spec.networks.iter().find(|network| network.name == name);
        let hash = network.ok_or_else(|| not_in_spec("network", name))?.config_hash.clone();
        self.networks.entry(name.to_owned()).or_insert((spec.project.clone(), hash));
        Ok(())
    }

    fn create(&mut self, spec: &InstanceSpec, service: &str, name: &str) -> Result<(), RuntimeError> {
        let container = spec.container(service).ok_or_else(|| not_in_spec("service", service))?;
        if let Some(there) = self.containers.iter().find(|it| it.name == name) {
            let is_same = there.project == spec.project && there.config_hash == container.config_hash;
            let (name, id) = (name.to_owned(), there.id.clone());
            return if is_same { Ok(()) } else { Err(RuntimeError::NameTaken { name, id }) };
        }
        if !self.images.contains(&container.image) {
            return Err(RuntimeError::NoImage { image: container.image.clone() });
        }
        let volumes = container.mounts.iter().filter_map(|mount| match &mount.source {
            MountSource::Volume(volume) => Some(volume.clone()),
            MountSource::Anonymous | MountSource::Bind { .. } | MountSource::Tmpfs { .. } => None,
        });
        let networks = container.networks.iter().map(|attach| attach.network.clone());
        self.born += 1;
        let new = FakeContainer {
            id: format!("id-{}", self.born),
            name: name.to_owned(),
            project: spec.project.clone(),
            service: service.to_owned(),
            image: container.image.clone(),
            config_hash: container.config_hash.clone(),
            state: ContainerState::Created,
            networks: networks.collect(),
            volumes: volumes.collect(),
            ports: container.ports.clone(),
            has_healthcheck: container.healthcheck.as_ref().is_some_and(is_check),
            restart: container.restart,
        };
        new.networks.iter().try_for_each(|it| there("network", it, self.networks.contains_key(it)))?;
        new.volumes.iter().try_for_each(|it| there("volume", it, self.volumes.contains_key(it)))?;
        if let NetworkMode::Service(service) = &container.network_mode {
            let name = &spec.container(service).ok_or_else(|| not_in_spec("service", service))?.name;
            let lender = self.by_name(name)?.id.clone();
            self.borrowed.insert(new.id.clone(), lender);
        }
        self.containers.push(new);
        Ok(())
    }

    fn set_restart(&mut self, id: &str, restart: Restart) -> Result<(), RuntimeError> {
        self.containers.iter_mut().filter(|it| it.id == id).for_each(|it| it.restart = restart);
        Ok(())
    }

    fn stop(&mut self, id: &str) -> Result<(), RuntimeError> {
        for container in self.containers.iter_mut().filter(|it| it.id == id && it.state.is_alive()) {
            container.state = ContainerState::Exited { code: 143 };
        }
        Ok(())
    }

    fn remove(&mut self, name: &str, id: &str) -> Result<(), RuntimeError> {
        if self.containers.iter().any(|it| it.id == id && it.state.is_alive()) {
            return Err(refused(FailedStep::RemoveContainer(name.to_owned()), "it runs"));
        }
        self.containers.retain(|it| it.id != id);
        Ok(())
    }

    fn rename(&mut self, from: &str, name: &str) -> Result<(), RuntimeError> {
        if let Some(there) = self.containers.iter().find(|it| it.name == name) {
            let is_done = !self.containers.iter().any(|it| it.name == from);
            let (name, id) = (name.to_owned(), there.id.clone());
            return if is_done { Ok(()) } else { Err(RuntimeError::NameTaken { name, id }) };
        }
        self.by_name(from)?.name = name.to_owned();
        Ok(())
    }

    fn start(&mut self, spec: &InstanceSpec, name: &str) -> Result<(), RuntimeError> {
        let container = self.by_name(name)?.clone();
        if container.state.is_alive() {
            return Ok(());
        }
        let others = self.containers.iter().filter(|it| it.id != container.id && it.state.is_alive());
        let taken = others.flat_map(|it| it.ports.iter().map(move |port| (it, port)));
        let mut taken = taken.filter(|(_, port)| port.host.is_some() && container.ports.contains(port));
        if let Some((holder, port)) = taken.next() {
            let holder = PortHolder::Container { name: holder.name.clone() };
            let port = port.host.unwrap_or_default();
            return Err(RuntimeError::PortTaken { port, holder, container: name.to_owned() });
        }
        for volume in &container.volumes {
            self.volumes.entry(volume.clone()).or_default().push(container.image.clone());
        }
        let state = match self.behaviours.get(&container.image) {
            Some(Behaviour::Ends(code)) => ContainerState::Exited { code: *code },
            _ if is_one_shot(spec, &container.service) => ContainerState::Exited { code: 0 },
            Some(Behaviour::Sick | Behaviour::Missing) | None => ContainerState::Running,
        };
        self.by_name(name)?.state = state;
        Ok(())
    }

    fn await_healthy(&mut self, name: &str) -> Result<(), RuntimeError> {
        let container = self.by_name(name)?.clone();
        match (container.state, self.health(&container)) {
            (ContainerState::Running, ContainerHealth::Healthy | ContainerHealth::Unchecked) => Ok(()),
            _ => Err(RuntimeError::Unhealthy { container: name.to_owned(), detail: String::new() }),
        }
    }

    fn await_exit(&mut self, name: &str) -> Result<(), RuntimeError> {
        match self.by_name(name)?.state {
            ContainerState::Exited { code: 0 } => Ok(()),
            ContainerState::Exited { code } => {
                Err(RuntimeError::Ended { container: name.to_owned(), code, detail: String::new() })
            }
            _ => Err(refused(FailedStep::WaitUntilCompleted(name.to_owned()), "it does not end")),
        }
    }

    fn remove_network(&mut self, name: &str) -> Result<(), RuntimeError> {
        if self.containers.iter().any(|it| it.networks.contains(name)) {
            return Err(RuntimeError::InUse { kind: "network", name: name.to_owned() });
        }
        self.networks.remove(name);
        Ok(())
    }

    fn remove_volume(&mut self, name: &str) -> Result<(), RuntimeError> {
        if self.containers.iter().any(|it| it.volumes.contains(name)) {
            return Err(RuntimeError::InUse { kind: "volume", name: name.to_owned() });
        }
        self.volumes.remove(name);
        if let Some(folder) = self.folder_of(name) {
            drop(std::fs::remove_dir_all(folder));
        }
        Ok(())
    }

    fn by_name(&mut self, name: &str) -> Result<&mut FakeContainer, RuntimeError> {
        let found = self.containers.iter_mut().find(|it| it.name == name);
        found.ok_or_else(|| refused(FailedStep::LookAtContainer(name.to_owned()), "there is no such container"))
    }
}

fn is_check(check: &Healthcheck) -> bool {
    check.test != Probing::Disabled
}

fn there(kind: &'static str, name: &str, is_there: bool) -> Result<(), RuntimeError> {
    if is_there { Ok(()) } else { Err(RuntimeError::NotThere { kind, name: name.to_owned() }) }
}

fn refused(step: FailedStep, reason: &str) -> RuntimeError {
    RuntimeError::Refused { step, kind: EngineErrorKind::Conflict, reason: reason.to_owned() }
}

fn not_in_spec(kind: &'static str, name: &str) -> RuntimeError {
    RuntimeError::NotInSpec { kind, name: name.to_owned() }
}
