//! `fleet backup status` over a large catalog: 1,000 instances of 400 backups each.
//!
//! `FLEET_BENCH_INSTANCES` and `FLEET_BENCH_BACKUPS` change the numbers. The facts are imported, as an export has them; then the
//! command itself is run, login and all, as a person or a script runs it.

#![allow(clippy::print_stderr, reason = "a bench tells its story on stderr")]

use anyhow::Context;
use fleet_core::backup::{BackupPolicy, BackupSeen, Cause, DrillCheck, Keep, Proof, RepositoryDesired};
use fleet_core::facts::{DriftRule, HostDesired, InstanceDesired, PowerDesired};
use fleet_core::labels::Selector;
use fleet_core::order::{PowerRequest, order_id};
use fleet_core::release::Release;
use fleet_core::time::Time;
use fleet_tests::figure;
use fleet_tests::port::Port;
use fleet_tests::process::{Process, output, program};
use serde_json::json;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

const NAME: &str = "catalog";
const HOUR: u64 = 3_600_000;
const ROUNDS: usize = 11;

fn main() -> anyhow::Result<()> {
    let number = |name: &str, usual: u64| std::env::var(name).map_or(Ok(usual), |text| text.parse());
    let (instances, backups) = (number("FLEET_BENCH_INSTANCES", 1000)?, number("FLEET_BENCH_BACKUPS", 400)?);
    let folder = tempfile::tempdir()?;
    let port = Port::claim()?;
    let data = folder.path().join("data");
    let mut init = Command::new(program("fleet-coordinator")?);
    let text = output(init.arg("init").arg("--data-dir").arg(&data).args(["--address", &port.address().to_string()]))?;
    let token = text.split_whitespace().find(|word| word.starts_with("fleet1.")).context("`init` printed no token")?;
    eprintln!("importing {instances} instances of {backups} backups");
    let facts = folder.path().join("facts");
    write(&facts, instances, backups)?;
    let mut import = Command::new(program("fleet-coordinator")?);
    let import = import.arg("import").arg("--data-dir").arg(&data).stdin(File::open(&facts)?).status()?;
    anyhow::ensure!(import.success(), "the facts could not be imported");

    let mut serve = Command::new(program("fleet-coordinator")?);
    let coordinator =
        Process::start(serve.arg("serve").arg("--data-dir").arg(&data), "serving", Duration::from_secs(60))?;
    let fleet = |words: &[&str]| -> anyhow::Result<Command> {
        let mut fleet = Command::new(program("fleet")?);
        fleet.env("FLEET_CONFIG", folder.path().join("login")).args(words);
        Ok(fleet)
    };
    output(&mut fleet(&["login", token])?)?;
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let begin = Instant::now();
        let ended =
            fleet(&["backup", "status", "-o", "json"])?.stdout(Stdio::piped()).stderr(Stdio::null()).output()?;
        times.push(begin.elapsed().as_secs_f64() * 1000.0);
        let said: serde_json::Value = serde_json::from_slice(&ended.stdout)?;
        let lines = said.as_array().map_or(0, Vec::len) as u64;
        anyhow::ensure!(lines == instances, "{lines} of {instances} instances were told");
    }
    figure::at_most(NAME, "backup_status", figure::median(&mut times), "ms", 300.0);
    figure::plain(NAME, "resident", coordinator.resident()? as f64 / 1024.0 / 1024.0, "MiB");
    let each = coordinator.resident()? as f64 / (instances * backups) as f64;
    figure::plain(NAME, "memory_per_backup", each, "B");
    Ok(())
}

fn now() -> anyhow::Result<Time> {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    Ok(Time(u64::try_from(since.as_millis())?))
}

/// An export: a line for each record.
fn write(path: &Path, instances: u64, backups: u64) -> anyhow::Result<()> {
    let now = now()?;
    let mut file = BufWriter::new(File::create(path)?);
    let mut put = |key: String, body: serde_json::Value| -> anyhow::Result<()> {
        serde_json::to_writer(&mut file, &json!({ "format": 1, "key": key, "body": body }))?;
        Ok(file.write_all(b"\n")?)
    };
    put("desired/policy/daily".to_owned(), serde_json::to_value(policy()?)?)?;
    for number in 0..instances {
        let (host, name) = (format!("lab-{number}"), format!("notes-{number}"));
        let labels = Default::default();
        put(format!("desired/host/{host}"), serde_json::to_value(HostDesired { labels, added: now })?)?;
        put(format!("desired/instance/{name}"), serde_json::to_value(instance(&host)?)?)?;
        for day in 0..backups {
            let id = order_id(&[&name, &day.to_string()]);
            let seen = seen(&host, Time(now.0 - (day * 24 + 1 + number % 20) * HOUR), day % 7 == 0)?;
            let kept = json!({ "instance": name, "key": { "repository": "central", "backup": id }, "seen": seen });
            put(format!("observed/backup/{name}/central/{id}"), kept)?;
        }
    }
    Ok(file.flush()?)
}

fn release() -> anyhow::Result<Release> {
    Ok(Release { name: "labnotes@1.1".parse()?, digest: format!("sha256:{:064}", 11).parse()? })
}

fn policy() -> anyhow::Result<BackupPolicy> {
    Ok(BackupPolicy {
        schedule: "TZ=Europe/Berlin 5 4 * * *".parse()?,
        keep: Keep { last: 3, daily: 400, ..Keep::default() },
        max_age: "26h".parse()?,
        drill: Some("7d".parse()?),
        window: None,
        limit_rate: None,
        deadline: None,
        spread: None,
        to: [RepositoryDesired::central()].into(),
        selector: Some(Selector::default()),
        instances: Default::default(),
    })
}

fn instance(host: &str) -> anyhow::Result<InstanceDesired> {
    Ok(InstanceDesired {
        host: host.parse()?,
        release: release()?,
        revision: 1,
        drift: DriftRule::Heal,
        power: PowerDesired { request: PowerRequest::Start, serial: 0 },
        removal: None,
        data: None,
        origin: None,
        created: Time(1),
    })
}

fn seen(host: &str, began: Time, is_proven: bool) -> anyhow::Result<BackupSeen> {
    let checks = vec![DrillCheck::Counted { store: "labnotes".parse()?, item: "uploads".to_owned(), count: 120 }];
    let proof = Proof { at: began, host: host.parse()?, took_ms: 9000, bytes: 3 << 30, checks, failure: None };
    Ok(BackupSeen {
        began,
        ended: Time(began.0 + 90_000),
        cause: Cause::Scheduled,
        host: host.parse()?,
        release: release()?,
        bytes: 3 << 30,
        added: 70 << 20,
        covered: 2,
        declared: 2,
        uncovered: Vec::new(),
        proof: is_proven.then_some(proof),
        damaged: None,
        snapshots: None,
        asked_by: Default::default(),
        doubles: 0,
        made_on: None,
    })
}
