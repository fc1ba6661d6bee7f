//! One lab server: a real agent on a simulated host with memory.

use super::worker;
use fleet_agent::fake::FakeRuntime;
use fleet_agent::ledger::Ledger;
use fleet_agent::{Config, identity_path};
use fleet_link::Identity;
use std::fs;
use std::path::{Path, PathBuf};
use tokio::runtime::{Builder, Runtime};

/// A host. Its world and its folder outlive its agents.
#[derive(Debug)]
pub struct Host {
    /// Name of the host.
    pub name: String,
    /// Simulated container runtime.
    pub runtime: FakeRuntime,
    folder: PathBuf,
    agent: Option<Runtime>,
}

impl Host {
    /// A host that has joined; its agent is not started yet.
    pub fn new(name: &str, folder: &Path, identity: &Identity) -> Self {
        fs::create_dir_all(folder).expect("a folder can be made");
        identity.save(&identity_path(folder)).expect("the identity can be kept");
        let runtime = FakeRuntime::default();
        runtime.meddle(|world| world.volumes_at = folder.join("volumes"));
        let host = Self { name: name.to_owned(), runtime, folder: folder.to_owned(), agent: None };
        host.write_policy("");
        host
    }

    /// Writes the host's policy file.
    pub fn write_policy(&self, text: &str) {
        fs::write(self.policy(), text).expect("the policy can be written");
    }

    fn policy(&self) -> PathBuf {
        self.folder.join("policy.yaml")
    }

    /// Returns the folder of the agent's data.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns the identity of the host.
    pub fn identity(&self) -> Identity {
        Identity::load(&identity_path(&self.folder)).expect("the host has an identity")
    }

    /// Starts the agent, with threads of its own that can be taken away at any moment.
    pub fn start(&mut self) {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("threads can be made");
        let worker = Some(worker());
        let config = Config { data_dir: self.folder.clone(), policy: self.policy(), worker, metrics: None };
        runtime.spawn(fleet_agent::run(config, self.runtime.clone(), Default::default()));
        self.agent = Some(runtime);
    }

    /// Ends the agent as `kill -9` does: nothing is cleaned up, no message is sent.
    pub fn crash(&mut self) {
        if let Some(runtime) = self.agent.take() {
            runtime.shutdown_timeout(std::time::Duration::from_secs(5));
        }
    }

    /// The version that the agent itself holds an instance to, by its ledger.
    pub fn settled(&self, instance: &str) -> Option<String> {
        let name = instance.parse().expect("it is a name");
        Some(Ledger::look(&self.folder).ok()?.settled(&name)?.release.name.version.to_string())
    }

    /// The images of an instance's containers that run, in the order of their names.
    pub fn images(&self, instance: &str) -> Vec<String> {
        self.runtime.world().running(instance).into_iter().map(|(_, image)| image).collect()
    }

    /// The ids of an instance's containers, by their names.
    pub fn containers(&self, instance: &str) -> Vec<(String, String)> {
        let world = self.runtime.world();
        let own = world.containers.iter().filter(|container| container.project == instance);
        let mut found: Vec<_> = own.map(|container| (container.name.clone(), container.id.clone())).collect();
        found.sort();
        found
    }

    /// Returns the configuration of each service of an instance, values included, by name. Equal configurations have
    /// equal texts.
    pub fn configured(&self, instance: &str) -> Vec<(String, String)> {
        let world = self.runtime.world();
        let own = world.containers.iter().filter(|container| container.project == instance);
        let mut found: Vec<_> = own.map(|it| (it.service.clone(), it.config_hash.clone())).collect();
        found.sort();
        found
    }

    /// The web images that ever ran on an instance's uploads, in their order: one entry for each start.
    pub fn starts(&self, instance: &str) -> Vec<String> {
        self.runtime.world().volumes.get(&format!("{instance}_uploads")).cloned().unwrap_or_default()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if let Some(runtime) = self.agent.take() {
            runtime.shutdown_background();
        }
    }
}
