//! A fleet of lab servers: a coordinator on this machine, agents in containers that are whole machines.
//!
//! Needs the things that `tests/prepare.sh` makes and names in the environment.

use crate::port::Port;
use crate::process::{Process, output, wait_until};
use anyhow::{Context, ensure};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(90);

/// A lab with its coordinator; everything in it ends when this is dropped.
#[derive(Debug)]
pub struct Lab {
    name: String,
    subnet: String,
    folder: TempDir,
    /// This machine's address in the lab's network.
    gateway: String,
    /// The coordinator's: it listens at all of this machine's addresses, as other labs' coordinators do.
    port: Port,
    coordinator: Option<Process>,
}

/// Output of a run of `fleet`.
#[derive(Debug)]
pub struct Said {
    /// Exit code.
    pub status: i32,
    /// Text on standard output.
    pub stdout: String,
    /// Text on standard error.
    pub stderr: String,
}

impl Lab {
    /// A coordinator that an administrator is logged in to.
    pub fn new(name: &str) -> anyhow::Result<Self> {
        let mut lab = Self::empty(name)?;
        lab.lab(&["registry"])?;
        let init = ["init", "--data-dir", &lab.path("coordinator"), "--address", &lab.address()];
        let said = output(Command::new(program("fleet-coordinator")?).args(init))?;
        let token = said.split_whitespace().find(|word| word.starts_with("fleet1."));
        let token = token.context("`init` printed no token")?.to_owned();
        lab.start_coordinator()?;
        lab.fleet_ok(&["login", &token])?;
        Ok(lab)
    }

    /// Makes an empty network. Labs on one machine have different names, so they do not meet.
    fn empty(name: &str) -> anyhow::Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let (process, count) = (std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let (name, folder) = (format!("{name}-{process}x{count}"), tempfile::tempdir()?);
        let (subnet, gateway) = (String::new(), String::new());
        let mut lab = Self { name, subnet, folder, gateway, port: Port::claim()?, coordinator: None };
        // Leftovers of an old process with our number.
        lab.lab(&["clean"])?;
        let mut refusal = None;
        for subnet in subnets(process) {
            lab.subnet = subnet;
            match lab.lab(&["network"]) {
                Ok(gateway) => {
                    gateway.trim().clone_into(&mut lab.gateway);
                    return Ok(lab);
                }
                // Someone else has it, maybe since a moment ago.
                Err(error) => refusal = Some(error),
            }
        }
        Err(refusal.context("there are subnets")?)
    }

    /// Starts the coordinator and waits until it serves.
    pub fn start_coordinator(&mut self) -> anyhow::Result<()> {
        let mut serve = Command::new(program("fleet-coordinator")?);
        serve.args(["serve", "--data-dir", &self.path("coordinator")]);
        self.coordinator = Some(Process::start(&mut serve, "serving", Duration::from_secs(20))?);
        Ok(())
    }

    /// Ends the coordinator as a power cut would.
    pub fn kill_coordinator(&mut self) -> anyhow::Result<()> {
        self.coordinator.as_mut().context("a coordinator runs")?.kill()?;
        self.coordinator = None;
        Ok(())
    }

    /// Resident memory of the coordinator, in bytes.
    pub fn coordinator_resident(&self) -> anyhow::Result<u64> {
        self.coordinator.as_ref().context("a coordinator runs")?.resident()
    }

    /// Starts a lab server and installs the agent on it as a person would.
    pub fn add_server(&self, number: u8, labels: &[&str]) -> anyhow::Result<()> {
        self.start_server(number)?;
        let labels: Vec<_> = labels.iter().flat_map(|label| ["--label", label]).collect();
        self.enrol(number, &labels)
    }

    /// Starts a lab server without an agent.
    pub fn start_server(&self, number: u8) -> anyhow::Result<()> {
        self.lab(&["up", &self.server(number), &self.server_address(number)])?;
        Ok(())
    }

    /// Starts one whose Engine has a disk of this size.
    pub fn add_server_with_disk(&self, number: u8, disk: &str) -> anyhow::Result<()> {
        let up = ["up", &self.server(number), &self.server_address(number)];
        output(self.lab_command(&up)?.env("FLEET_LAB_DISK", disk))?;
        self.enrol(number, &[])
    }

    fn enrol(&self, number: u8, options: &[&str]) -> anyhow::Result<()> {
        let token = self.token(number, options)?;
        let installer = self.copy_package(number, "fleet-agent-installer.sh")?;
        self.lab(&["exec", &self.server(number), "sh", &installer, &token])?;
        self.until_host(&format!("lab-{number}"), "online")
    }

    /// A new token for a lab server.
    pub fn token(&self, number: u8, options: &[&str]) -> anyhow::Result<String> {
        let host = format!("lab-{number}");
        let mut add = vec!["host", "add", &host, "--token-only"];
        add.extend(options);
        Ok(self.fleet_ok(&add)?.trim().to_owned())
    }

    /// Copies a downloaded package onto a lab server, and returns its path there.
    pub fn copy_package(&self, number: u8, name: &str) -> anyhow::Result<String> {
        let (from, to) = (Path::new(&variable("FLEET_TEST_PACKAGES")?).join(name), format!("/root/{name}"));
        self.lab(&["copy", &self.server(number), crate::process::text(&from), &to])?;
        Ok(to)
    }

    /// Waits until a host's link is in this state.
    pub fn until_host(&self, host: &str, link: &str) -> anyhow::Result<()> {
        self.until(&format!("host {host} to be {link}"), |lab| {
            let hosts = lab.json(&["host", "ls", "-o", "json"]).ok()?;
            let found = list(&hosts, "hosts").iter().find(|found| found["name"] == host)?;
            (found["link"] == link).then_some(())
        })
    }

    /// Waits until an instance has this version and health.
    pub fn until_instance(&self, name: &str, version: &str, health: &str) -> anyhow::Result<()> {
        self.until(&format!("instance {name} to be a {health} {version}"), |lab| {
            let instances = lab.json(&["instance", "ls", "-o", "json"]).ok()?;
            let found = list(&instances, "instances").iter().find(|found| found["name"] == name)?;
            (found["version"] == version && found["health"] == health).then_some(())
        })
    }

    /// Waits for a state; fails with the state of the fleet if it does not come.
    pub fn until<T>(&self, what: &str, ask: impl Fn(&Self) -> Option<T>) -> anyhow::Result<T> {
        wait_until(what, PATIENCE, || ask(self)).with_context(|| match self.fleet(&["status"]) {
            Ok(said) => format!("{}\n{}", said.stdout, said.stderr),
            Err(error) => error.to_string(),
        })
    }

    /// Pushes labnotes at a version, its images from the lab's registry.
    pub fn push(&self, version: &str) -> anyhow::Result<()> {
        let app = root().join("deploy/apps/labnotes");
        let registry = format!("registry={}/", self.registry());
        self.fleet_ok(&["app", "push", crate::process::text(&app), "--version", version, "--set", &registry])?;
        Ok(())
    }

    /// Installs `notes-N` with this version on lab server N.
    pub fn install(&self, number: u8, version: &str) -> anyhow::Result<()> {
        let (release, host, name) = (format!("labnotes@{version}"), format!("lab-{number}"), format!("notes-{number}"));
        let registry = format!("registry={}/", self.registry());
        let values = ["--set", &registry, "--set", "db_password=secret-of-the-lab", "--set", "port=8080"];
        let mut install = vec!["install", &release, "--host", &host, "--name", &name];
        install.extend(values);
        self.fleet_ok(&install)?;
        Ok(())
    }

    /// Asks labnotes on a lab server, from this machine.
    pub fn http(&self, number: u8, path: &str) -> anyhow::Result<String> {
        let url = format!("http://{}:8080{path}", self.server_address(number));
        output(Command::new("curl").args(["-fsS", "--max-time", "10", &url]))
    }

    /// Uploads a text to labnotes, and gives its id.
    pub fn upload(&self, number: u8, text: &str) -> anyhow::Result<String> {
        let url = format!("http://{}:8080/uploads?name=test.txt", self.server_address(number));
        let said = output(Command::new("curl").args(["-fsS", "-X", "POST", "--data-binary", text, &url]))?;
        let answer: Value = serde_json::from_str(&said)?;
        Ok(answer["id"].as_str().context("an upload has an id")?.to_owned())
    }

    /// Runs a verb of `deploy/lab/lab.sh` in this lab.
    pub fn lab(&self, verb: &[&str]) -> anyhow::Result<String> {
        output(&mut self.lab_command(verb)?)
    }

    fn lab_command(&self, verb: &[&str]) -> anyhow::Result<Command> {
        let mut command = Command::new(variable("FLEET_LAB_SH")?);
        command.args(verb).envs(self.environment());
        Ok(command)
    }

    /// Returns the environment that selects this lab for `deploy/lab/lab.sh`.
    pub fn environment(&self) -> [(&'static str, &str); 2] {
        [("FLEET_LAB", &self.name), ("FLEET_LAB_SUBNET", &self.subnet)]
    }

    /// Runs a shell command on a lab server.
    pub fn on_server(&self, number: u8, script: &str) -> anyhow::Result<String> {
        self.lab(&["exec", &self.server(number), "sh", "-c", script])
    }

    /// Runs `fleet`, successful or not.
    pub fn fleet(&self, arguments: &[&str]) -> anyhow::Result<Said> {
        let output = self.fleet_command(arguments)?.output()?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let status = output.status.code().unwrap_or(-1);
        Ok(Said { status, stdout: text(&output.stdout), stderr: text(&output.stderr) })
    }

    /// Runs `fleet`, and fails unless it ends well; gives its standard output.
    pub fn fleet_ok(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let said = self.fleet(arguments)?;
        ensure!(said.status == 0, "fleet {} ended with {}: {}", arguments.join(" "), said.status, said.stderr);
        Ok(said.stdout)
    }

    /// Runs `fleet` and returns its output as JSON.
    pub fn json(&self, arguments: &[&str]) -> anyhow::Result<Value> {
        Ok(serde_json::from_str(&self.fleet_ok(arguments)?)?)
    }

    /// Returns a command that runs `fleet` as this lab's operator.
    pub fn fleet_command(&self, arguments: &[&str]) -> anyhow::Result<Command> {
        let mut command = Command::new(program("fleet")?);
        command.args(arguments).env("FLEET_CONFIG", self.path("config")).stdin(Stdio::null());
        Ok(command)
    }

    /// The lab server's name among this machine's containers.
    pub fn server(&self, number: u8) -> String {
        format!("{}-{number}", self.name)
    }

    /// Returns the address of lab server N.
    pub fn server_address(&self, number: u8) -> String {
        format!("{}.1{number}", self.subnet.trim_end_matches(".0/24"))
    }

    /// The registry as lab servers reach it.
    pub fn registry(&self) -> String {
        format!("{}:5001", self.gateway)
    }

    fn address(&self) -> String {
        format!("{}:{}", self.gateway, self.port.number())
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        self.coordinator = None;
        self.lab(&["clean"]).ok();
    }
}

/// The lines of a listing, whether it is a list or has it under a name.
pub fn list<'a>(answer: &'a Value, name: &str) -> &'a [Value] {
    let lines = answer.as_array().or_else(|| answer[name].as_array());
    lines.map_or(&[], Vec::as_slice)
}

/// Some subnets to try, in an order that differs from process to process.
fn subnets(process: u32) -> impl Iterator<Item = String> {
    (0..50).map(move |attempt| format!("10.81.{}.0/24", (process + attempt * 5) % 250))
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn program(name: &str) -> anyhow::Result<PathBuf> {
    Ok(Path::new(&variable("FLEET_TEST_BIN")?).join(name))
}

fn variable(name: &str) -> anyhow::Result<String> {
    std::env::var(name).with_context(|| format!("${name} is not set: these tests run through tests/run.sh"))
}
