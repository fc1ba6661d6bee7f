//! A small model of an Engine and a disk, which refuses everything that the real ones would refuse.

use super::found::{FileOrigin, FoundFile, KeptVolume};
use super::{
    ContainerHealth, ContainerState, DEFAULT_GRACE, FoundContainer, FoundNetwork, FoundProject, Ownership, Stage, Step,
    is_one_shot,
};
use crate::spec::{Condition, ContainerSpec, InstanceSpec, NetworkMode, NetworkSpec};
use std::collections::{BTreeMap, BTreeSet};

/// Model of a host with one instance.
#[derive(Debug, Clone, Default)]
pub struct Host {
    containers: Vec<FoundContainer>,
    networks: Vec<FoundNetwork>,
    pub volumes: BTreeSet<String>,
    pulled: BTreeSet<String>,
    files: BTreeMap<String, FoundFile>,
    ids: u32,
}

impl Host {
    pub fn look(&self, goal: &InstanceSpec) -> FoundProject {
        let wanted = goal.containers.iter().map(|it| it.image.clone()).filter(|image| self.pulled.contains(image));
        FoundProject {
            containers: self.containers.clone(),
            networks: self.networks.clone(),
            volumes: self.volumes.clone(),
            signed: self.volumes.clone(),
            images: wanted.map(|image| (image.clone(), image)).collect(),
            files: self.files.clone(),
            foreign: Vec::new(),
            borrowed: BTreeMap::new(),
            taken_ports: BTreeMap::new(),
        }
    }

    /// Performs at most `limit` steps and passes the gates between them, those of each stage in a rotated order;
    /// returns the number of performed steps.
    pub fn perform(&mut self, stages: &[Stage], goal: &InstanceSpec, turn: usize, limit: usize) -> usize {
        let mut performed = 0;
        for stage in stages {
            let mut steps = stage.steps.clone();
            let count = steps.len().max(1);
            steps.rotate_left(turn % count);
            for step in &steps {
                if performed == limit {
                    return performed;
                }
                if let Err(refusal) = self.step(step, goal) {
                    panic!("`{step}` is refused: {refusal}\nin {stages:#?}\non {self:#?}");
                }
                // The gate changes nothing, and would be all that is done, over and over.
                performed += usize::from(*step != Step::Gate);
            }
        }
        performed
    }

    pub fn step(&mut self, step: &Step, goal: &InstanceSpec) -> Result<(), String> {
        match step {
            Step::Pull { image } => drop(self.pulled.insert(image.clone())),
            Step::ExpectNetwork { network } => return Err(format!("no network {network}")),
            Step::ExpectVolume { volume } => return Err(format!("no volume {volume}")),
            Step::WriteFiles { write, remove } => self.write_files(goal, write, remove)?,
            Step::CreateNetwork { network } => self.create_network(goal, network)?,
            Step::CreateVolume { volume } => drop(self.volumes.insert(volume.clone())),
            Step::Create { service, name, keeps } => {
                let container = goal.container(service).ok_or("no such service")?;
                self.create(goal, container, name, keeps)?;
            }
            Step::Stop { id, .. } => self.by_id(id)?.state = ContainerState::Exited { code: 143 },
            Step::RemoveContainer { id, .. } => {
                if self.by_id(id)?.state.is_alive() {
                    return Err("it runs".to_owned());
                }
                self.containers.retain(|container| container.id != *id);
            }
            Step::Rename { from, name } => {
                if self.containers.iter().any(|it| it.name == *name) {
                    return Err("the name is taken".to_owned());
                }
                self.by_name(from)?.name.clone_from(name);
            }
            Step::SetRestart { id, restart, .. } => self.by_id(id)?.restart = Some(*restart),
            Step::Start { name } => self.start(goal, name)?,
            Step::AwaitHealthy { name, .. } => self.await_healthy(name)?,
            Step::AwaitExit { name, .. } => self.await_exit(name)?,
            Step::Gate => self.gate(goal)?,
            Step::RemoveNetwork { network } => {
                if self.containers.iter().any(|it| it.networks.contains(network)) {
                    return Err("it is in use".to_owned());
                }
                self.networks.retain(|it| it.name != *network);
            }
            Step::RemoveVolume { volume } => drop(self.volumes.remove(volume)),
        }
        Ok(())
    }

    fn by_id(&mut self, id: &str) -> Result<&mut FoundContainer, String> {
        self.containers.iter_mut().find(|it| it.id == id).ok_or_else(|| format!("no container {id}"))
    }

    fn by_name(&mut self, name: &str) -> Result<&mut FoundContainer, String> {
        self.containers.iter_mut().find(|it| it.name == name).ok_or_else(|| format!("no container {name}"))
    }

    fn write_files(&mut self, goal: &InstanceSpec, write: &[String], remove: &[String]) -> Result<(), String> {
        for path in write {
            let file = goal.file(path).ok_or("no such file")?;
            let found = FoundFile { digest: Some(file.content.digest()), mode: file.mode, origin: FileOrigin::Ours };
            self.files.insert(path.clone(), found);
        }
        self.files.retain(|path, _| !remove.contains(path));
        Ok(())
    }

    fn create_network(&mut self, goal: &InstanceSpec, name: &str) -> Result<(), String> {
        let network: &NetworkSpec = goal.networks.iter().find(|it| it.name == name).ok_or("no such network")?;
        if self.networks.iter().any(|it| it.name == name) {
            return Err("there is one of that name".to_owned());
        }
        let config_hash = network.config_hash.clone();
        self.networks.push(FoundNetwork { name: name.to_owned(), ownership: Ownership::OfProject, config_hash });
        Ok(())
    }

    fn create(
        &mut self,
        goal: &InstanceSpec,
        container: &ContainerSpec,
        name: &str,
        keeps: &[KeptVolume],
    ) -> Result<(), String> {
        if self.containers.iter().any(|it| it.name == name) {
            return Err("the name is taken".to_owned());
        }
        if !self.pulled.contains(&container.image) {
            return Err("no such image".to_owned());
        }
        self.ids += 1;
        let id = format!("id{}", self.ids);
        let mut lender = None;
        if let NetworkMode::Service(service) = &container.network_mode {
            let name = &goal.container(service).ok_or("no such lender")?.name;
            // The Engine makes an id of the name.
            lender = Some(self.by_name(name)?.id.clone());
        }
        self.containers.push(FoundContainer {
            id,
            name: name.to_owned(),
            service: container.service.clone(),
            config_hash: container.config_hash.clone(),
            image: container.image.clone(),
            image_id: container.image.clone(),
            state: ContainerState::Created,
            health: ContainerHealth::Starting,
            restarts: 0,
            networks: container.networks.iter().map(|attach| attach.network.clone()).collect(),
            lender,
            anonymous: keeps.to_vec(),
            stop_grace: DEFAULT_GRACE,
            restart: Some(container.restart),
        });
        Ok(())
    }

    fn start(&mut self, goal: &InstanceSpec, name: &str) -> Result<(), String> {
        let container = self.by_name(name)?.clone();
        let rival = |it: &&FoundContainer| it.service == container.service && it.id != container.id;
        if self.containers.iter().filter(rival).any(|it| it.state.is_alive()) {
            return Err("another one of its service runs".to_owned());
        }
        if container.networks.iter().any(|name| !self.networks.iter().any(|it| it.name == *name)) {
            return Err("its network is gone".to_owned());
        }
        if let Some(lender) = &container.lender
            && !self.by_id(lender)?.state.is_alive()
        {
            return Err("who lends it a network does not run".to_owned());
        }
        let spec = goal.container(&container.service).ok_or("no such service")?;
        for (service, condition) in &spec.depends_on {
            self.is_ready(goal, service, *condition)?;
        }
        let container = self.by_name(name)?;
        (container.state, container.health) = (ContainerState::Running, ContainerHealth::Starting);
        Ok(())
    }

    fn is_ready(&mut self, goal: &InstanceSpec, service: &str, condition: Condition) -> Result<(), String> {
        let name = &goal.container(service).ok_or("no such dependency")?.name;
        let found = self.by_name(name)?;
        let is_ready = match condition {
            Condition::Started => found.state.is_alive() || found.state == (ContainerState::Exited { code: 0 }),
            Condition::Healthy => found.state.is_alive() && found.health == ContainerHealth::Healthy,
            Condition::CompletedSuccessfully => found.state == (ContainerState::Exited { code: 0 }),
        };
        if is_ready { Ok(()) } else { Err(format!("{service} is not ready")) }
    }

    fn await_healthy(&mut self, name: &str) -> Result<(), String> {
        let container = self.by_name(name)?;
        if !container.state.is_alive() {
            return Err("it does not run".to_owned());
        }
        container.health = ContainerHealth::Healthy;
        Ok(())
    }

    fn await_exit(&mut self, name: &str) -> Result<(), String> {
        let container = self.by_name(name)?;
        if container.state != ContainerState::Running {
            return Err("it does not run".to_owned());
        }
        container.state = ContainerState::Exited { code: 0 };
        Ok(())
    }

    fn gate(&mut self, goal: &InstanceSpec) -> Result<(), String> {
        for container in &goal.containers {
            let found = self.by_name(&container.name)?;
            if is_one_shot(goal, &container.service) {
                found.state = ContainerState::Exited { code: 0 };
            }
            found.health = ContainerHealth::Healthy;
        }
        Ok(())
    }
}
