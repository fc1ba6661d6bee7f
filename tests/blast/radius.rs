//! One host hangs, one has a link of 1 kB/s, one floods its log with 10 MB/s: the others' orders and heartbeats stay
//! within 5 % of what they were before.

use crate::pulse::Pulse;
use anyhow::bail;
use fleet_tests::lab::Lab;
use fleet_tests::process::output;
use std::process::{Child, Command, Stdio};

/// How much longer anything may take, and how far the clocks of such a measurement reach.
const TOLERANCE: f64 = 1.05;
const GRAIN_SECONDS: f64 = 0.03;

const TICKER: &str = "services:
  ticker:
    image: ${REGISTRY}labnotes-db:1
    init: true
    entrypoint: ['/bin/sh', '-c']
    command: [\"${SCRIPT}\"]
    stop_grace_period: 1s
    logging: { driver: json-file, options: { max-size: 20m, max-file: '2' } }
";
const APP: &str = "app: ticker
compose: compose.yaml
values:
  registry: { type: string, required: true }
  script: { type: string, default: exec sleep 100000 }
health:
  minimum_healthy: 500ms
  deadline: 1m
";
/// 10 MB a second: a hundred times a second 100 kB.
const FLOOD: &str =
    "l=$(head -c 1000 /dev/zero | tr '\\0' x); while :; do for i in $(seq 1000); do echo $l; done; sleep 0.09; done";

/// So often calm and trouble are compared at the most.
const ROUNDS: usize = 4;

/// What can be the matter with the third server.
struct Trouble {
    name: &'static str,
    begin: fn(&Lab) -> anyhow::Result<Option<Reader>>,
    end: fn(&Lab) -> anyhow::Result<()>,
}

#[test]
fn one_hosts_trouble_leaves_the_others_as_they_were() -> anyhow::Result<()> {
    let lab = Lab::new("blast")?;
    for number in 1..=3 {
        lab.add_server(number, &[])?;
    }
    push(&lab)?;
    for number in 1..=3 {
        install(&lab, number, &format!("tick-{number}"), &[])?;
    }
    // The first orders of a fresh lab find cold caches.
    lab.fleet_ok(&["instance", "restart", "tick-1"])?;
    expect_calm_elsewhere(&lab, &Trouble { name: "a hung child process", begin: hang, end: unhang })?;
    expect_calm_elsewhere(&lab, &Trouble { name: "a link of 1 kB/s", begin: throttle, end: unthrottle })?;
    install(&lab, 3, "flood", &["--set", &format!("script={FLOOD}")])?;
    output(Command::new("docker").args(["update", "--cpus", "0.8", &lab.server(3)]))?;
    read_at_its_source(&lab)?;
    expect_calm_elsewhere(&lab, &Trouble { name: "a log flood", begin: follow, end: read_at_its_source })
}

/// Measures without and with the trouble in turns, until once it was as without. The turns are near to each other because
/// this machine's own pace changes, and there are several because whatever else it does only ever adds to a time, while
/// what the fleet itself adds is there every time.
fn expect_calm_elsewhere(lab: &Lab, trouble: &Trouble) -> anyhow::Result<()> {
    let mut said = Vec::new();
    for _ in 0..ROUNDS {
        let without = pulse(lab)?;
        let mut reader = (trouble.begin)(lab)?;
        let with = pulse(lab)?;
        if let Some(reader) = &mut reader {
            anyhow::ensure!(reader.0.try_wait()?.is_none(), "nobody read the flood to its end");
        }
        drop(reader);
        (trouble.end)(lab)?;
        let limit = |without: f64| without * TOLERANCE + GRAIN_SECONDS;
        if with.order <= limit(without.order) && with.heartbeat <= limit(without.heartbeat) {
            return Ok(());
        }
        said.push((without, with));
    }
    bail!("{}: (without, with) {said:.3?}", trouble.name)
}

fn pulse(lab: &Lab) -> anyhow::Result<Pulse> {
    Pulse::take(lab, "tick-1", "lab-2")
}

/// The third server's engine stands still, with an order under way that waits for it.
fn hang(lab: &Lab) -> anyhow::Result<Option<Reader>> {
    lab.on_server(3, "pkill -STOP -x dockerd")?;
    lab.fleet_ok(&["instance", "restart", "tick-3", "--detach"])?;
    Ok(None)
}

fn unhang(lab: &Lab) -> anyhow::Result<()> {
    lab.on_server(3, "pkill -CONT -x dockerd")?;
    lab.until_instance("tick-3", "1", "healthy")
}

fn throttle(lab: &Lab) -> anyhow::Result<Option<Reader>> {
    lab.lab(&["throttle", &lab.server(3), "8kbit"])?;
    lab.fleet_ok(&["instance", "restart", "tick-3", "--detach"])?;
    Ok(None)
}

fn unthrottle(lab: &Lab) -> anyhow::Result<()> {
    lab.lab(&["unthrottle", &lab.server(3)])?;
    lab.until_host("lab-3", "online")
}

/// All lab servers are on one machine here, so what the flood costs the server that makes it must be there without the
/// trouble, too: somebody there reads it from the Engine.
fn read_at_its_source(lab: &Lab) -> anyhow::Result<()> {
    let read = "docker logs --follow --tail 1 $(docker ps -q --filter name=flood)";
    lab.on_server(3, &format!("nohup {read} >/dev/null 2>&1 </dev/null &"))?;
    Ok(())
}

/// Somebody follows the flood, so that it crosses the link and the coordinator.
fn follow(lab: &Lab) -> anyhow::Result<Option<Reader>> {
    lab.on_server(3, "pkill -x docker")?;
    let follow = ["logs", "flood", "--follow", "--tail", "1"];
    Ok(Some(Reader(lab.fleet_command(&follow)?.stdout(Stdio::null()).spawn()?)))
}

/// Ends with the test.
struct Reader(Child);

impl Drop for Reader {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

fn push(lab: &Lab) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("app.yaml"), APP)?;
    std::fs::write(folder.path().join("compose.yaml"), TICKER)?;
    let path = fleet_tests::process::text(folder.path());
    lab.fleet_ok(&["app", "push", path, "--version", "1", "--set", &format!("registry={}/", lab.registry())])?;
    Ok(())
}

fn install(lab: &Lab, number: u8, name: &str, options: &[&str]) -> anyhow::Result<()> {
    let host = format!("lab-{number}");
    let registry = format!("registry={}/", lab.registry());
    let mut install = vec!["install", "ticker@1", "--host", &host, "--name", name, "--set", &registry];
    install.extend(options);
    lab.fleet_ok(&install)?;
    Ok(())
}
