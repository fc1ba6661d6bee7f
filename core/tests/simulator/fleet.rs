//! Draws a fleet: hosts with labels and policies of their own, instances, and a fault schedule.

use crate::agent::{Agent, Real};
use crate::random::Random;
use fleet_core::facts::*;
use fleet_core::host_policy::HostPolicy;
use fleet_core::labels::Labels;
use fleet_core::names::{HostName, InstanceName};
use fleet_core::order::PowerRequest;
use fleet_core::release::Release;
use fleet_core::time::Time;
use std::fmt::Debug;
use std::str::FromStr;

pub const MINUTE: u64 = 60_000;

pub fn read<T: FromStr<Err: Debug>>(text: &str) -> T {
    text.parse().unwrap_or_else(|error| panic!("`{text}`: {error:?}"))
}

/// Versions from 1 upwards; every third is bad.
pub fn release(version: u64) -> Release {
    Release { name: read(&format!("app@{version}")), digest: read(&format!("sha256:{version:064}")) }
}

pub fn is_bad(release: &Release) -> bool {
    read::<u64>(release.name.version.as_str()).is_multiple_of(3)
}

/// Probabilities of faults.
#[derive(Debug, Clone, Copy)]
pub struct FaultSchedule {
    pub faults: u64,
    pub requests: u64,
    /// The longest delay of a message, in milliseconds.
    pub delay: u64,
    pub calm_at: Time,
}

pub struct Host {
    pub name: HostName,
    pub agent: Agent,
    /// True if it will not return once it is lost.
    pub is_leaving: bool,
    pub is_up: bool,
    /// Number of the agent's start: events of an earlier one are dropped.
    pub life: u64,
    /// Counts connections; messages of an earlier one are lost.
    pub connection: u64,
    /// Last connection over which it has sent its report.
    pub greeted: u64,
    pub is_connected: bool,
    pub last_up: Time,
    pub last_down: Time,
    /// The orders that the present connection brought.
    pub inbox: Vec<fleet_core::order::Order>,
}

pub struct Fleet {
    pub desired: Desired,
    pub hosts: Vec<Host>,
    pub faults: FaultSchedule,
    pub start: Time,
}

pub fn draw(random: &mut Random) -> Fleet {
    let start = Time(20_000 * 24 * 60 * MINUTE + random.between(0, 24 * 60) * MINUTE);
    let size = if random.percent(80) { random.between(1, 8) } else { random.between(9, 30) };
    let faults = faults(random, size, start);
    let mut fleet = Fleet { desired: Desired::default(), hosts: Vec::new(), faults, start };
    for number in 0..size {
        let name: HostName = read(&format!("h{number:02}"));
        let labels = labels(random);
        fleet.desired.hosts.insert(name.clone(), HostDesired { labels, added: start });
        let mut agent = Agent::default();
        let instances = if random.percent(10) { 2 } else { 1 };
        for which in 0..instances {
            let instance: InstanceName = read(&format!("i{number:02}-{which}"));
            fleet.desired.instances.insert(instance.clone(), wanted(&name, start));
            if random.percent(85) {
                agent.instances.insert(instance, installed());
            }
        }
        fleet.hosts.push(host(random, name, agent));
    }
    crate::data::draw(random, &mut fleet.desired);
    fleet
}

fn faults(random: &mut Random, size: u64, start: Time) -> FaultSchedule {
    let length = random.between(10, 60) * MINUTE;
    let calm_at = Time(start.0 + length);
    let delay = if random.percent(50) { 200 } else { 20_000 };
    let faults = if random.percent(30) { 0 } else { random.between(0, 2 * size) };
    FaultSchedule { faults, requests: random.between(0, 10), delay, calm_at }
}

fn labels(random: &mut Random) -> Labels {
    let mut labels = Vec::new();
    if random.percent(80) {
        labels.push(["site=fr", "site=de", "site=uk"][random.index(3)]);
    }
    if random.percent(40) {
        labels.push(["tier=test", "tier=live"][random.index(2)]);
    }
    Labels::parse(labels).expect("the labels are well formed")
}

fn wanted(host: &HostName, start: Time) -> InstanceDesired {
    InstanceDesired {
        host: host.clone(),
        release: release(1),
        revision: 1,
        drift: DriftRule::Heal,
        power: PowerDesired { request: PowerRequest::Start, serial: 0 },
        removal: None,
        data: None,
        origin: None,
        created: start,
    }
}

fn installed() -> Real {
    Real { release: release(1), revision: 1, power_serial: 0, health: InstanceHealth::Healthy }
}

fn host(random: &mut Random, name: HostName, agent: Agent) -> Host {
    Host {
        name,
        agent,
        is_leaving: random.percent(10),
        is_up: true,
        life: 0,
        connection: 0,
        greeted: 0,
        is_connected: false,
        last_up: Time::ZERO,
        last_down: Time::ZERO,
        inbox: Vec::new(),
    }
}

pub fn said(random: &mut Random) -> HostSaid {
    let hours = ["22:00-06:00", "08:00-20:00", "Mon-Fri 00:00-24:00"][random.index(3)];
    let policy = HostPolicy {
        hours: random.percent(5).then(|| read(hours)),
        apps: random.percent(3).then(|| [read("other")].into()),
        ..HostPolicy::default()
    };
    HostSaid {
        agent_version: String::new(),
        engine_version: String::new(),
        policy,
        clock_skew_ms: 0,
        enrolment: "e1".to_owned(),
        disk_free: None,
        capabilities: Default::default(),
    }
}
