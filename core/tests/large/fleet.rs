//! A large fleet, in the states in which a plan has most to look at.

use fleet_core::backup::{BackupKey, BackupPolicy, BackupSeen, Cause, Keep, Proof, RepositoryDesired};
use fleet_core::facts::*;
use fleet_core::host_policy::HostPolicy;
use fleet_core::labels::{Labels, Selector};
use fleet_core::order::PowerRequest;
use fleet_core::plan::{Plan, plan};
use fleet_core::proposal::{RolloutRequest, propose};
use fleet_core::release::Release;
use fleet_core::rollout::StrategyRequest;
use fleet_core::time::Time;

const NOW: Time = Time(1_800_000_000_000);

/// Lets `look` plan for each state by its name; each plan begins at most one order.
pub fn each_state(hosts: usize, mut look: impl FnMut(&str, &dyn Fn() -> Plan)) {
    let (mut desired, mut observed) = fleet(hosts);
    let planned = |desired: &Desired, observed: &Observed| plan(desired, &Asked::default(), observed, NOW);
    look("nothing", &|| planned(&desired, &observed));
    with_backups(&mut desired, &mut observed);
    look("backups_none_due", &|| planned(&desired, &observed));
    desired.at_once = DataConcurrency(1);
    desired.policies.values_mut().for_each(|policy| policy.schedule = "@hourly".parse().expect("a schedule"));
    look("backups_all_due", &|| planned(&desired, &observed));
    desired.policies.clear();
    let request = RolloutRequest {
        to: release(2),
        upgrades: None,
        pushed: Vec::new(),
        selector: Selector::default(),
        strategy: StrategyRequest::default(),
    };
    let proposal = propose(&desired, &Asked::default(), &observed, &request, NOW).expect("it can begin");
    let rollout = proposal.into_rollout("app-1".parse().expect("an id"), "ada".parse().expect("a name"), NOW);
    desired.rollouts.insert(rollout.id.clone(), rollout);
    look("rollout", &|| planned(&desired, &observed));
}

/// Facts of a fleet with backups.
pub fn facts(hosts: usize) -> (Desired, Observed) {
    let (mut desired, mut observed) = fleet(hosts);
    with_backups(&mut desired, &mut observed);
    (desired, observed)
}

fn release(version: u64) -> Release {
    let name = format!("app@{version}").parse().expect("a release");
    Release { name, digest: format!("sha256:{version:064}").parse().expect("a digest") }
}

fn said(policy: HostPolicy) -> HostSaid {
    HostSaid {
        agent_version: String::new(),
        engine_version: String::new(),
        policy,
        clock_skew_ms: 0,
        enrolment: String::new(),
        disk_free: None,
        capabilities: Default::default(),
    }
}

fn fleet(hosts: usize) -> (Desired, Observed) {
    let (mut desired, mut observed) = (Desired::default(), Observed::default());
    for number in 0..hosts {
        let host: fleet_core::names::HostName = format!("host-{number}").parse().expect("a host");
        let name: fleet_core::names::InstanceName = format!("instance-{number}").parse().expect("an instance");
        let labels = Labels::parse(["site=fr"]).expect("labels");
        desired.hosts.insert(host.clone(), HostDesired { labels, added: Time::ZERO });
        let instance = InstanceDesired {
            host: host.clone(),
            release: release(1),
            revision: 1,
            drift: DriftRule::Heal,
            power: PowerDesired { request: PowerRequest::Start, serial: 0 },
            removal: None,
            data: None,
            origin: None,
            created: Time::ZERO,
        };
        desired.instances.insert(name.clone(), instance);
        observed
            .hosts
            .insert(host.clone(), HostObserved { link: LinkState::Online, said: said(HostPolicy::default()) });
        let settled = InstanceSaid {
            release: release(1),
            revision: 1,
            power_serial: 0,
            health: InstanceHealth::Healthy,
            drift: Vec::new(),
            containers: Vec::new(),
            coverage: None,
            claims: None,
            leftovers: Vec::new(),
        };
        observed.instances.insert(name, InstanceObserved { host, running: Running::Settled(settled), at: NOW });
    }
    (desired, observed)
}

/// A daily policy for all, and a few backups of each that began two hours ago and on the days before.
fn with_backups(desired: &mut Desired, observed: &mut Observed) {
    let policy = BackupPolicy {
        schedule: "0 4 * * *".parse().expect("a schedule"),
        keep: Keep { last: 3, ..Keep::default() },
        max_age: "26h".parse().expect("a period"),
        drill: Some("7d".parse().expect("a period")),
        window: None,
        limit_rate: None,
        deadline: None,
        spread: None,
        to: [RepositoryDesired::central()].into(),
        selector: Some(Selector::default()),
        instances: Default::default(),
    };
    desired.policies.insert("daily".parse().expect("a name"), policy);
    for name in desired.instances.keys() {
        for day in 0..3 {
            let key = BackupKey {
                repository: RepositoryDesired::central(),
                backup: format!("{day:024}").parse().expect("an id"),
            };
            observed
                .backups
                .entry(name.clone())
                .or_default()
                .insert(key, seen(Time(NOW.0 - 7_200_000 - day * 86_400_000)));
        }
    }
}

fn seen(began: Time) -> BackupSeen {
    let host: fleet_core::names::HostName = "a".parse().expect("a host");
    let (took_ms, bytes, checks, failure) = Default::default();
    BackupSeen {
        began,
        ended: began,
        cause: Cause::Scheduled,
        host: host.clone(),
        release: release(1),
        bytes: 1,
        added: 1,
        covered: 1,
        declared: 1,
        uncovered: Vec::new(),
        proof: Some(Proof { at: began, host, took_ms, bytes, checks, failure }),
        damaged: None,
        snapshots: None,
        asked_by: Default::default(),
        doubles: 0,
        made_on: None,
    }
}
