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

#[test]
fn one_hosts_trouble_leaves_the_others_as_they_were() -> anyhow::Result<()> {
    let lab = Lab::new("blast")?;
    for number in 1..=3 {
        lab.add_server(number, &[])?;
    }
    push(&lab)?;
    for number in 1..=2 {
        install(&lab, number, &[])?;
    }
    install(&lab, 3, &["--set", &format!("script={FLOOD}")])?;
    lab.fleet_ok(&["instance", "stop", "tick-3"])?;
    // The first orders of a fresh lab find cold caches.
    lab.fleet_ok(&["instance", "restart", "tick-1"])?;
    let before = usual(&lab)?;
    with_a_hung_child(&lab, before)?;
    with_a_slow_link(&lab, before)?;
    with_a_log_flood(&lab)
}

/// What is usual: the slower of two measurements, for they differ by themselves.
fn usual(lab: &Lab) -> anyhow::Result<Pulse> {
    let (one, other) = (pulse(lab)?, pulse(lab)?);
    Ok(if one.order > other.order { one } else { other })
}

fn pulse(lab: &Lab) -> anyhow::Result<Pulse> {
    Pulse::take(lab, "tick-1", "lab-2")
}

/// Measures until it is as before, three times at the most: whatever else this machine does only ever adds to a time,
/// and what the fleet itself adds is there every time.
fn expect_as_before(lab: &Lab, trouble: &str, before: Pulse) -> anyhow::Result<()> {
    let mut said = Vec::new();
    for _ in 0..3 {
        let with = pulse(lab)?;
        let limit = |before: f64| before * TOLERANCE + GRAIN_SECONDS;
        if with.order <= limit(before.order) && with.heartbeat <= limit(before.heartbeat) {
            return Ok(());
        }
        said.push(with);
    }
    bail!("{trouble}: {said:.3?}, before {before:.3?}")
}

/// The third server's engine stands still, with an order under way that waits for it.
fn with_a_hung_child(lab: &Lab, before: Pulse) -> anyhow::Result<()> {
    lab.on_server(3, "pkill -STOP -x dockerd")?;
    lab.fleet_ok(&["instance", "start", "tick-3", "--detach"])?;
    expect_as_before(lab, "a hung child process", before)?;
    lab.on_server(3, "pkill -CONT -x dockerd")?;
    lab.until_instance("tick-3", "1", "healthy")
}

fn with_a_slow_link(lab: &Lab, before: Pulse) -> anyhow::Result<()> {
    lab.lab(&["throttle", &lab.server(3), "8kbit"])?;
    lab.fleet_ok(&["instance", "restart", "tick-3", "--detach"])?;
    expect_as_before(lab, "a link of 1 kB/s", before)?;
    lab.lab(&["unthrottle", &lab.server(3)])?;
    lab.until_host("lab-3", "online")
}

/// Somebody follows the flood, so that it crosses the link and the coordinator. All lab servers are on one machine here,
/// so what the flood costs the server that makes it is there before, too: somebody there reads it from the Engine.
fn with_a_log_flood(lab: &Lab) -> anyhow::Result<()> {
    output(Command::new("docker").args(["update", "--cpus", "0.8", &lab.server(3)]))?;
    lab.fleet_ok(&["instance", "start", "tick-3"])?;
    let at_its_source = "docker logs --follow --tail 1 $(docker ps -q --filter name=tick-3) >/dev/null 2>&1";
    let mut there = Command::new(std::env::var("FLEET_LAB_SH")?);
    there.args(["exec", &lab.server(3), "sh", "-c", at_its_source]).envs(lab.environment());
    let reader = Reader(there.stdin(Stdio::null()).spawn()?);
    let before = usual(lab)?;
    drop(reader);
    lab.on_server(3, "pkill -x docker || true")?;

    let follow = ["logs", "tick-3", "--follow", "--tail", "1"];
    let mut reader = Reader(lab.fleet_command(&follow)?.stdout(Stdio::null()).spawn()?);
    expect_as_before(lab, "a log flood", before)?;
    anyhow::ensure!(reader.0.try_wait()?.is_none(), "nobody read the flood to its end");
    drop(reader);
    lab.fleet_ok(&["instance", "stop", "tick-3"])?;
    Ok(())
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

fn install(lab: &Lab, number: u8, options: &[&str]) -> anyhow::Result<()> {
    let (host, name) = (format!("lab-{number}"), format!("tick-{number}"));
    let registry = format!("registry={}/", lab.registry());
    let mut install = vec!["install", "ticker@1", "--host", &host, "--name", &name, "--set", &registry];
    install.extend(options);
    lab.fleet_ok(&install)?;
    Ok(())
}
