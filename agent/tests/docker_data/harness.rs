//! An instance with one store, its data, and the way from one to another.

use super::images;
use super::instance::{Instance, instance};
use fleet_agent::runtime::{Containers, Incoming, RuntimeError, ToolRunner};
use fleet_core::app::Rendered;
use fleet_core::backup::{
    Differences, DumpValidator, ExecTarget, HoldKind, NotedAt, SourceNote, Store, Tool, ToolEnd, after_tools,
    count_tool, counts, dump_tool, load_tool, note_tool, prepare_tools, ready_tool,
};
use futures_util::{StreamExt, stream};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

pub const DATABASES: &str = "fleet-test-databases:1";
pub const POSTGRESQL: &str = "labnotes-db:1";

pub struct Harness {
    pub instance: Instance,
    pub rendered: Rendered,
}

/// An instance of a Compose file with stores, all started; none where the image is not there.
pub async fn harness(image: &str, compose: &str, stores: &str) -> Option<Harness> {
    let instance = instance()?;
    if !images::succeeds("docker", &["image", "inspect", image]) {
        let is_required = std::env::var("FLEET_TEST_DOCKER").is_ok_and(|it| it == "required");
        assert!(!is_required, "there is no image {image}: tests/prepare.sh makes it");
        eprintln!("there is no image {image}: this test has nothing to say");
        return None;
    }
    let rendered = instance.render(compose, &[], &format!("health: {{ minimum_healthy: 0s }}\nstores:\n{stores}"));
    instance.apply_well(&rendered.spec).await;
    Some(Harness { instance, rendered })
}

impl Harness {
    pub fn store(&self) -> &Store {
        self.rendered.stores.values().next().expect("there is a store")
    }

    /// Starts a sandbox of this instance.
    pub async fn beside(&self, rendered: Rendered) -> Self {
        let mut instance = instance().expect("there is an Engine");
        instance.project = rendered.spec.project.clone();
        instance.apply_well(&rendered.spec).await;
        Self { instance, rendered }
    }

    /// Waits until the server answers.
    pub async fn ready(&self) {
        let Some(tool) = ready_tool(self.store()) else { return };
        let began = Instant::now();
        loop {
            match self.run(&tool).await {
                Ok(_) => return,
                Err(error) => {
                    assert!(began.elapsed() < Duration::from_secs(180), "the server does not answer: {error}");
                }
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    pub async fn run(&self, tool: &Tool) -> Result<String, RuntimeError> {
        self.instance.runtime.run_tool(tool, &self.rendered.spec).await
    }

    /// A command in the service's container, as a person would type it.
    pub fn exec(&self, words: &[&str]) -> String {
        let service = self.store().engine.service().expect("it has a service");
        let name = self.instance.name(service);
        images::docker(&[&["exec", &name], words].concat())
    }

    /// Waits until a command in the service's container succeeds.
    pub async fn until_succeeds(&self, words: &[&str]) {
        let service = self.store().engine.service().expect("it has a service");
        let name = self.instance.name(service);
        let began = Instant::now();
        while !images::succeeds("docker", &[&["exec", &name], words].concat()) {
            assert!(began.elapsed() < Duration::from_secs(180), "{words:?} does not succeed");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    pub async fn hold_for(&self, tool: &Tool) {
        if let ExecTarget::OneOff { service } = &tool.at {
            let held = self.instance.runtime.hold(&self.rendered.spec, service, HoldKind::Stopped).await;
            held.expect("the service can be stopped");
        }
    }

    pub async fn release_after(&self, tool: &Tool) {
        if let ExecTarget::OneOff { service } = &tool.at {
            let released = self.instance.runtime.release(&self.rendered.spec, service, HoldKind::Stopped).await;
            released.expect("the service can be started");
        }
    }

    /// Makes a whole dump and validates it.
    pub async fn dump(&self) -> Result<Vec<u8>, String> {
        let tool = dump_tool(self.store()).expect("it is dumped");
        self.hold_for(&tool).await;
        let dumped = self.dump_with(&tool).await;
        self.release_after(&tool).await;
        dumped
    }

    pub async fn dump_with(&self, tool: &Tool) -> Result<Vec<u8>, String> {
        let mut validator = DumpValidator::of(self.store()).expect("it is dumped");
        let dump = self.instance.runtime.dump(tool, &self.rendered.spec).await;
        let mut dump = dump.map_err(|error| error.to_string())?;
        let mut bytes = Vec::new();
        while let Some(piece) = dump.next().await {
            let piece = piece.map_err(|error| error.to_string())?;
            validator.observe(&piece);
            bytes.extend_from_slice(&piece);
        }
        validator.verdict(&ToolEnd::well(), None).map(|_| bytes).map_err(|error| error.to_string())
    }

    /// Replaces the present data with a dump.
    pub async fn load(&self, dump: &[u8]) -> Result<(), RuntimeError> {
        let pieces: Vec<_> = dump.chunks(30_000).map(|piece| Ok(piece.to_vec().into())).collect();
        self.load_from(stream::iter(pieces).boxed()).await
    }

    pub async fn load_from(&self, bytes: Incoming) -> Result<(), RuntimeError> {
        let tool = load_tool(self.store(), &self.rendered.spec).expect("it is loaded");
        self.hold_for(&tool).await;
        let loaded = async {
            for tool in prepare_tools(self.store()) {
                self.run(&tool).await?;
            }
            self.instance.runtime.load(&tool, &self.rendered.spec, bytes).await?;
            for tool in after_tools(self.store()) {
                self.run(&tool).await?;
            }
            Ok(())
        };
        let loaded = loaded.await;
        self.release_after(&tool).await;
        loaded
    }

    pub async fn counts(&self) -> BTreeMap<String, u64> {
        let tool = count_tool(self.store()).expect("it is counted");
        let printed = self.run(&tool).await.expect("it can be counted");
        counts(self.store(), &printed).expect("counts are read")
    }

    /// Queries the server by another path than its dump; none if no query is known for it.
    pub async fn noted(&self) -> Option<NotedAt> {
        self.noted_again(None).await
    }

    /// The same of the samples that were noted before.
    pub async fn noted_again(&self, before: Option<&SourceNote>) -> Option<NotedAt> {
        let printed = self.run(&note_tool(self.store(), before)?).await.expect("it can be asked");
        Some(NotedAt::read(&printed).expect("notes are read"))
    }

    /// Returns whether its service is stopped for a dump: then nothing is written meanwhile.
    pub fn stands_still(&self) -> bool {
        dump_tool(self.store()).is_some_and(|tool| matches!(tool.at, ExecTarget::OneOff { .. }))
    }

    /// Asserts that both servers reply the same.
    pub async fn is_as(&self, other: &Self) {
        let Some(was) = other.noted().await else { return };
        let is = self.noted_again(Some(&was.note)).await.expect("it is asked as the other");
        assert_eq!(was.note.differences(&is.note), Differences::default());
        assert!(was.note.size().1 > 0 && (was.moment.is_some() || self.stands_still()));
    }

    /// Returns the remains of tools: their containers, and their processes in the containers of services.
    pub fn left_behind(&self, service: &str) -> Vec<String> {
        let label = format!("label=fleet.tool={}", self.instance.project);
        let containers = images::docker(&["ps", "-aq", "--filter", &label]);
        let name = self.instance.name(service);
        let runs = images::docker(&["inspect", "--format", "{{.State.Running}}", &name]) == "true";
        let processes = if runs { images::docker(&["top", &name, "-eo", "pid,args"]) } else { String::new() };
        // Some shells become the last of their commands.
        let is_tool =
            |line: &&str| line.contains("fleet-tool") || line.contains("from-a-tool") || line.contains("sleep 100");
        let processes: Vec<_> = processes.lines().filter(is_tool).map(str::to_owned).collect();
        containers.lines().map(str::to_owned).chain(processes).collect()
    }

    /// Waits until nothing is left of tools.
    pub async fn nothing_left(&self, service: &str) {
        let began = Instant::now();
        while let left @ [_, ..] = self.left_behind(service).as_slice() {
            assert!(began.elapsed() < Duration::from_secs(60), "this was left behind: {left:?}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

impl Drop for Harness {
    /// Containers of tools are no part of the project, and would keep its volumes.
    fn drop(&mut self) {
        let label = format!("label=fleet.tool={}", self.instance.project);
        let listed = std::process::Command::new("docker").args(["ps", "-aq", "--filter", &label]).output();
        let listed = listed.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
        // Only a sandbox has a folder outside the instance's.
        let _ = std::fs::remove_dir_all(&self.rendered.spec.working_dir);
        for id in listed.split_whitespace() {
            images::succeeds("docker", &["rm", "-f", id]);
        }
    }
}
