//! A fleet whose agents share this machine's Engine. What a test made at the Engine goes when it ends.

use super::images::{self, ONE, docker};
use fleet_agent::Config;
use fleet_agent::runtime::{DockerRuntime, Limits};
use fleet_tests::fleet::{Fleet, Host};
use fleet_tests::process::program;
use std::collections::BTreeMap;
use std::fs;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};

pub struct Harness {
    pub fleet: Fleet,
    hosts: BTreeMap<String, Host>,
    agents: BTreeMap<String, Runtime>,
    /// Begins the names of all that this test makes.
    pub prefix: String,
    /// Further things at the Engine to remove, as words for the Docker client.
    left: Vec<Vec<String>>,
}

impl Harness {
    /// A coordinator and agents on hosts of these names; None where there is no Engine.
    pub fn new(hosts: &[&str]) -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        if !images::is_engine_there() {
            return None;
        }
        images::prepare();
        let prefix = format!("k1-{}x{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let fleet = Fleet::new();
        let mut harness = Self { fleet, hosts: BTreeMap::new(), agents: BTreeMap::new(), prefix, left: Vec::new() };
        for name in hosts {
            let host = harness.fleet.announce(name);
            harness.hosts.insert((*name).to_owned(), host);
            harness.start(name);
            harness.fleet.wait_online(name);
        }
        Some(harness)
    }

    pub fn start(&mut self, name: &str) {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("threads can be made");
        let folder = self.hosts[name].folder().to_owned();
        let worker = Some(program("story-worker").expect("it is built with the tests"));
        let config = Config { policy: folder.join("policy.yaml"), data_dir: folder, worker, metrics: None };
        let docker = DockerRuntime::new(&images::engine(), Limits::default());
        runtime.spawn(fleet_agent::run(config, docker, Default::default()));
        self.agents.insert(name.to_owned(), runtime);
    }

    /// Kills an agent, and starts it again.
    pub fn restart(&mut self, name: &str) {
        self.stop(name);
        self.start(name);
        self.fleet.wait_online(name);
    }

    /// Kills an agent.
    pub fn stop(&mut self, name: &str) {
        if let Some(runtime) = self.agents.remove(name) {
            runtime.shutdown_timeout(Duration::from_secs(5));
        }
    }

    /// Starts a host's agent with another policy, and waits until the coordinator has received it. A running agent
    /// notices it when it reads the policy next.
    pub fn write_policy(&mut self, host: &str, text: &str, words: &str) {
        self.hosts[host].write_policy(text);
        self.restart(host);
        self.until("the policy to be heard of", || {
            self.fleet.admin.run(&format!("host show {host}")).text().contains(words)
        });
    }

    /// Returns the ledger entry of an instance at its host's agent.
    pub fn ledger_of(&self, host: &str, instance: &str) -> String {
        let file = self.hosts[host].folder().join("ledger/instances").join(format!("{instance}.json"));
        fs::read_to_string(file).unwrap_or_default()
    }

    /// Asks for something while the host is away, and cannot be asked whether it would refuse it. Its agent starts afterwards.
    pub fn unasked(&mut self, host: &str, line: &str) {
        self.stop(host);
        self.fleet.wait_link(host, "offline");
        let words = format!("not known: whether `{host}` would refuse it, for its Engine was not asked: it is offline");
        for dry_run in [" --dry-run", " --detach"] {
            let shown = self.fleet.admin.run(&format!("{line}{dry_run}"));
            assert!(shown.text().contains(&words), "{}", shown.text());
        }
        self.start(host);
        self.fleet.wait_online(host);
    }

    /// A name of this test's own.
    pub fn name(&self, name: &str) -> String {
        format!("{}-{name}", self.prefix)
    }

    /// Pushes a version of an app: `app` is added to the usual lines of app.yaml, with a Compose file. `IMAGE` and
    /// `PREFIX` are replaced.
    pub fn push(&self, name: &str, version: &str, app: &str, compose: &str) {
        let folder = self.fleet.folder().join(format!("{name}-{version}"));
        fs::create_dir_all(&folder).expect("a folder can be made");
        let app = format!("app: {name}\nhealth: {{ minimum_healthy: 0s, deadline: 40s }}\n{app}\n");
        for (file, text) in [("app.yaml", app.as_str()), ("compose.yaml", compose)] {
            let text = text.replace("IMAGE", ONE).replace("PREFIX", &self.prefix);
            fs::write(folder.join(file), text).expect("a file can be written");
        }
        self.fleet.done(&format!("app push {} --version {version} --no-pin", folder.display()));
    }

    pub fn install(&self, release: &str, host: &str, name: &str) {
        let name = self.name(name);
        self.fleet.done(&format!("install {release} --host {host} --name {name} --detach"));
        self.wait(&name, "healthy");
    }

    #[track_caller]
    pub fn wait(&self, name: &str, health: &str) {
        let version_and = |state: &str| state.split(' ').nth(1) == Some(health);
        self.until(&format!("{name} to be {health}"), || version_and(&self.fleet.state(name)));
    }

    /// Waits longer than a story: the Engine is real, and its machine busy.
    #[track_caller]
    pub fn until(&self, what: &str, mut is_so: impl FnMut() -> bool) {
        let waited = fleet_tests::process::wait_until(what, Duration::from_secs(120), || is_so().then_some(()));
        if let Err(error) = waited {
            let (status, events) = (self.fleet.admin.run("status"), self.fleet.admin.run("events --tail 20"));
            panic!("{error}\n{}\n{}", status.text(), events.text());
        }
    }

    #[track_caller]
    pub fn wait_gone(&self, name: &str) {
        self.until(&format!("{name} to be gone"), || self.fleet.instance(name).is_none());
    }

    /// Waits until the fleet reports the reason why an instance waits.
    #[track_caller]
    pub fn wait_said(&self, words: &str) {
        self.until(&format!("the fleet to say `{words}`"), || self.fleet.admin.run("status").text().contains(words));
    }

    /// Asks for something that is refused, also as a dry run, and checks the reason.
    #[track_caller]
    pub fn refused(&self, line: &str, reason: &str) {
        let dry = self.fleet.refused(&format!("{line} --dry-run"));
        assert!(dry.text().contains(reason), "{}", dry.text());
        let shown = self.fleet.refused(line);
        assert!(shown.text().contains(reason), "{}", shown.text());
    }

    /// The id of a container, which is there.
    pub fn id(&self, container: &str) -> String {
        docker(&["inspect", "--format", "{{.Id}} {{.State.Running}}", container])
    }

    /// Returns the objects with a label; `kind` is the Docker client's word.
    pub fn labelled(&self, kind: &str, label: &str) -> Vec<String> {
        let filter = format!("label={label}");
        let mut words = vec![kind, "ls", "--filter", &filter];
        words.extend(if kind == "container" { vec!["-a", "--format", "{{.Names}}"] } else { vec!["-q"] });
        docker(&words).split_whitespace().map(str::to_owned).collect()
    }

    /// Makes something at the Engine that is not fleet's, and removes it at the end.
    pub fn make(&mut self, words: &[&str], remove: &[&str]) {
        docker(words);
        self.left.push(remove.iter().map(|word| (*word).to_owned()).collect());
    }

    pub fn write(&self, container: &str, text: &str) {
        docker(&["exec", container, "sh", "-c", &format!("echo {text} > /d/f")]);
    }

    pub fn read(&self, container: &str) -> String {
        docker(&["exec", container, "cat", "/d/f"])
    }
}

impl Drop for Harness {
    fn drop(&mut self) {
        for (_, runtime) in std::mem::take(&mut self.agents) {
            runtime.shutdown_timeout(Duration::from_secs(5));
        }
        let say = |words: &[&str]| {
            let output = std::process::Command::new("docker").args(words).output();
            let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
            text.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
        };
        for words in &self.left {
            say(&words.iter().map(String::as_str).collect::<Vec<_>>());
        }
        let name = format!("name={}", self.prefix);
        say(&["ps", "-aq", "--filter", &name]).iter().for_each(|id| drop(say(&["rm", "-f", "-v", id])));
        say(&["network", "ls", "-q", "--filter", &name]).iter().for_each(|id| drop(say(&["network", "rm", id])));
        say(&["volume", "ls", "-q", "--filter", &name]).iter().for_each(|id| drop(say(&["volume", "rm", id])));
    }
}

/// Returns a service with data, and further lines of the file.
pub fn compose(head: &str, volume: &str) -> String {
    format!(
        "{head}
services:
  web: {{ image: IMAGE, init: true, volumes: ['data:/d'] }}
volumes:
  data: {volume}
"
    )
}
