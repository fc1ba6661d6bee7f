//! One host hangs, one has a link of 1 kB/s, one floods its log: all orders and heartbeats of the others arrive, in
//! order and before their deadlines, over their existing connections, and the data queued for the flood is limited.

use anyhow::{Context, ensure};
use fleet_tests::lab::{Lab, list};
use fleet_tests::trouble::{Trouble, add_flood, ticking_lab};

/// Orders to one of the others during each trouble.
const RESTARTS: usize = 3;
/// Heartbeats of an idle host that are waited for during each trouble.
const HEARTBEATS: usize = 2;
/// Maximum additional memory of the coordinator, no matter what one host sends. The flood brings more.
const MEMORY: u64 = 64 << 20;
/// Maximum bytes that a host sends while nobody reads: the windows of its connections and a few pieces, not the growth
/// of its log.
const UNREAD: u64 = 12 << 20;

#[test]
fn one_hosts_trouble_leaves_the_others_as_they_were() -> anyhow::Result<()> {
    let lab = ticking_lab("blast")?;
    check(&lab, Trouble::HungChild, || Ok(()))?;
    check(&lab, Trouble::SlowLink, || Ok(()))?;
    add_flood(&lab)?;
    check(&lab, Trouble::LogFlood, || Ok(()))?;
    let (written, sent) = (log_bytes(&lab)?, sent_bytes(&lab)?);
    check(&lab, Trouble::UnreadLogFlood, || {
        // Once the log has grown by more than may be sent, it is known that the rest was held back: at any pace.
        let much = written + 2 * UNREAD;
        lab.until("the flood to have written much", |lab| (log_bytes(lab).ok()? > much).then_some(()))?;
        let sent = sent_bytes(&lab)? - sent;
        ensure!(sent < UNREAD, "{sent} bytes were sent to somebody who did not read");
        Ok(())
    })
}

/// Checks orders to one host and heartbeats of another while the third is in trouble, and the third host's own
/// condition meanwhile.
fn check(lab: &Lab, trouble: Trouble, third: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<()> {
    let calm = || ["lab-1", "lab-2"].map(|host| Connection::of(lab, host));
    let (before, memory) = (calm(), lab.coordinator_resident()?);
    let mut follower = trouble.begin(lab)?;
    for _ in 0..RESTARTS {
        // It ends well only if the end arrives before the order's deadline. One after the other, so they come in order.
        lab.fleet_ok(&["instance", "restart", "tick-1"]).with_context(|| trouble.name())?;
        lab.until_instance("tick-1", "1", "healthy")?;
    }
    hear_heartbeats(lab, "lab-2").with_context(|| trouble.name())?;
    third()?;
    let grown = lab.coordinator_resident()?.saturating_sub(memory);
    ensure!(grown < MEMORY, "{}: the coordinator needs {grown} bytes more", trouble.name());
    if let Some(follower) = &mut follower {
        ensure!(follower.is_there()?, "nobody followed the flood to its end");
    }
    for (before, after) in before.into_iter().zip(calm()) {
        // Silence past its deadline would have ended a connection.
        ensure!(before? == after?, "{}: another host lost its connection", trouble.name());
    }
    drop(follower);
    trouble.end(lab)
}

/// Since when a host is online: the same as before only if its connection never ended.
#[derive(Debug, PartialEq, Eq)]
struct Connection {
    link: String,
    since: u64,
}

impl Connection {
    fn of(lab: &Lab, host: &str) -> anyhow::Result<Self> {
        let view = host_view(lab, host)?;
        let link = view["link"].as_str().context("a host has a link")?.to_owned();
        Ok(Self { link, since: view["since_ms"].as_u64().context("a host has a since")? })
    }
}

fn host_view(lab: &Lab, host: &str) -> anyhow::Result<serde_json::Value> {
    let hosts = lab.json(&["host", "ls", "-o", "json"])?;
    let found = list(&hosts, "hosts").iter().find(|found| found["name"] == host);
    found.cloned().with_context(|| format!("{host} is there"))
}

fn hear_heartbeats(lab: &Lab, host: &str) -> anyhow::Result<()> {
    let heard = || host_view(lab, host).ok()?["heard_ms"].as_u64();
    let mut last = heard().context("it was heard")?;
    for _ in 0..HEARTBEATS {
        last = lab.until(&format!("a heartbeat of {host}"), |_| heard().filter(|now| *now > last))?;
    }
    Ok(())
}

/// Bytes that the processes of the flood have written so far.
fn log_bytes(lab: &Lab) -> anyhow::Result<u64> {
    let script = "for pid in $(docker top flood-ticker-1 -eo pid | tail -n +2); do cat /proc/$pid/io; done 2>/dev/null | \
                  awk '/^wchar/ { all += $2 } END { print all + 0 }'";
    Ok(lab.on_server(3, script)?.trim().parse()?)
}

/// Bytes that the third server has sent so far.
fn sent_bytes(lab: &Lab) -> anyhow::Result<u64> {
    Ok(lab.on_server(3, "cat /sys/class/net/eth0/statistics/tx_bytes")?.trim().parse()?)
}
