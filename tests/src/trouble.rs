//! Trouble on the third server of a lab, and an app that ticks on all of them.

use crate::lab::Lab;
use crate::process::{output, text};
use std::process::{Child, Command, Stdio};

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
/// 10 MB a second at most: a hundred times a second 100 kB.
const FLOOD: &str =
    "l=$(head -c 1000 /dev/zero | tr '\\0' x); while :; do for i in $(seq 1000); do echo $l; done; sleep 0.09; done";

/// Trouble of the third server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// Its Engine hangs, with an open order that waits for it.
    HungChild,
    /// Its link passes 1 kB/s, with an order under way.
    SlowLink,
    /// A client follows an instance's log of 10 MB/s, and reads it.
    LogFlood,
    /// A client follows that log, and does not read.
    UnreadLogFlood,
}

impl Trouble {
    /// Returns its name in the results.
    pub fn name(self) -> &'static str {
        match self {
            Self::HungChild => "hung-child",
            Self::SlowLink => "slow-link",
            Self::LogFlood => "log-flood",
            Self::UnreadLogFlood => "unread-log-flood",
        }
    }

    /// Begins it. It lasts until `end`, and a follower until it is dropped.
    pub fn begin(self, lab: &Lab) -> anyhow::Result<Option<Follower>> {
        match self {
            Self::HungChild => {
                lab.on_server(3, "pkill -STOP -x dockerd")?;
                restart_third(lab)?;
                Ok(None)
            }
            Self::SlowLink => {
                lab.lab(&["throttle", &lab.server(3), "8kbit"])?;
                restart_third(lab)?;
                Ok(None)
            }
            Self::LogFlood => follow(lab, Stdio::null()).map(Some),
            Self::UnreadLogFlood => follow(lab, Stdio::piped()).map(Some),
        }
    }

    /// Ends it, and waits until the server is normal again.
    pub fn end(self, lab: &Lab) -> anyhow::Result<()> {
        match self {
            Self::HungChild => {
                lab.on_server(3, "pkill -CONT -x dockerd")?;
                lab.until_instance("tick-3", "1", "healthy")
            }
            Self::SlowLink => {
                lab.lab(&["unthrottle", &lab.server(3)])?;
                lab.until_host("lab-3", "online")?;
                lab.until_instance("tick-3", "1", "healthy")
            }
            Self::LogFlood | Self::UnreadLogFlood => Ok(()),
        }
    }
}

/// A client that follows a log; it ends on drop.
#[derive(Debug)]
pub struct Follower(Child);

impl Follower {
    /// Returns whether the process still runs.
    pub fn is_there(&mut self) -> anyhow::Result<bool> {
        Ok(self.0.try_wait()?.is_none())
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// Three servers with an instance each, `tick-1` to `tick-3`. The third has no more than a share of a core, so that its own work
/// does not slow the others down: they all are on one machine here.
pub fn ticking_lab(name: &str) -> anyhow::Result<Lab> {
    let lab = Lab::new(name)?;
    for number in 1..=3 {
        lab.add_server(number, &[])?;
    }
    push(&lab)?;
    for number in 1..=3 {
        install(&lab, number, &format!("tick-{number}"), &[])?;
    }
    output(Command::new("docker").args(["update", "--cpus", "0.4", &lab.server(3)]))?;
    Ok(lab)
}

/// Adds an instance to the third server that floods its log.
pub fn add_flood(lab: &Lab) -> anyhow::Result<()> {
    install(lab, 3, "flood", &["--set", &format!("script={FLOOD}")])
}

fn restart_third(lab: &Lab) -> anyhow::Result<()> {
    lab.fleet_ok(&["instance", "restart", "tick-3", "--detach"]).map(|_| ())
}

fn follow(lab: &Lab, out: Stdio) -> anyhow::Result<Follower> {
    let follow = ["logs", "flood", "--follow", "--tail", "1"];
    Ok(Follower(lab.fleet_command(&follow)?.stdout(out).spawn()?))
}

fn push(lab: &Lab) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("app.yaml"), APP)?;
    std::fs::write(folder.path().join("compose.yaml"), TICKER)?;
    let registry = format!("registry={}/", lab.registry());
    lab.fleet_ok(&["app", "push", text(folder.path()), "--version", "1", "--set", &registry])?;
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
