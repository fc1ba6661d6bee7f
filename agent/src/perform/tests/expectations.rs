//! An order that finds an unexpected state changes nothing.

use super::harness::{install, power, release, upgrade};
use crate::ledger::{InstanceEntry, Settled, StuckMark, Values};
use crate::perform::expect::outcome_at_once;
use fleet_core::app::{HealthRules, Rendered};
use fleet_core::facts::{DriftRule, PowerDesired};
use fleet_core::host_policy::HostPolicy;
use fleet_core::order::{Action, PowerRequest, order_id};
use fleet_core::order_failure::OrderFailure;
use fleet_core::release::Goal;
use fleet_core::spec::InstanceSpec;
use fleet_core::time::Time;
use fleet_core::version::VersionScheme;
use std::collections::BTreeMap;

fn entry(version: u32, revision: u64, power_serial: u64) -> InstanceEntry {
    let release = release(version);
    let spec = InstanceSpec {
        instance: "oasis-1".parse().expect("a name"),
        app: release.name.app.clone(),
        version: release.name.version.clone(),
        scheme: VersionScheme::default(),
        digest: release.digest.clone(),
        project: "oasis-1".to_owned(),
        working_dir: "/x".to_owned(),
        networks: Vec::new(),
        volumes: Vec::new(),
        containers: Vec::new(),
        files: Vec::new(),
    };
    let power = PowerDesired { request: PowerRequest::Start, serial: power_serial };
    let rendered = Rendered {
        spec,
        health: HealthRules::default(),
        stores: BTreeMap::new(),
        rebuilds: BTreeMap::new(),
        upgrades: None,
    };
    InstanceEntry::settled(Settled {
        release,
        revision,
        power,
        drift: DriftRule::Heal,
        rendered,
        values: Values::default(),
        since: Time(0),
        signed: Default::default(),
    })
}

fn stuck(entry: InstanceEntry) -> InstanceEntry {
    let stuck = Some(StuckMark::new(order_id(&["x"]), OrderFailure::other("no")));
    InstanceEntry { stuck, ..entry }
}

fn configure(from: u64, revision: u64) -> Action {
    Action::Configure { from, goal: Goal { release: release(1), revision } }
}

/// Asserts that the order may go on (`go`), or its immediate outcome.
fn check(action: &Action, entry: impl Into<Option<InstanceEntry>>, expect: &str) {
    let entry = entry.into();
    let outcome = outcome_at_once(action, entry.as_ref(), &Ok(HostPolicy::default()), Time(0));
    assert_eq!(outcome.as_ref().map_or("go", |outcome| outcome.word()), expect, "{action:?}: {outcome:?}");
}

#[test]
fn an_order_finds_what_it_expects_or_says_so() {
    let removal = Action::Remove { volumes: [].into() };
    check(&install(1), None, "go");
    check(&install(1), Some(entry(1, 1, 0)), "already so");
    check(&install(1), Some(entry(1, 2, 0)), "refused");
    check(&install(1), Some(entry(2, 1, 0)), "refused");
    check(&install(1), Some(stuck(InstanceEntry::default())), "go");
    check(&upgrade(1, 2), None, "refused");
    check(&upgrade(1, 2), Some(entry(1, 9, 0)), "go");
    check(&upgrade(1, 2), Some(entry(2, 1, 0)), "already so");
    check(&upgrade(1, 2), Some(entry(3, 1, 0)), "refused");
    check(&upgrade(1, 2), Some(stuck(entry(1, 1, 0))), "go");
    check(&configure(1, 2), Some(entry(1, 1, 0)), "go");
    check(&configure(1, 2), Some(entry(1, 2, 0)), "already so");
    check(&configure(1, 2), Some(stuck(entry(1, 2, 0))), "go");
    check(&configure(1, 3), Some(entry(1, 2, 0)), "refused");
    check(&configure(1, 2), Some(entry(2, 1, 0)), "refused");
    check(&power(PowerRequest::Stop, 1), Some(entry(1, 1, 0)), "go");
    check(&power(PowerRequest::Stop, 1), Some(entry(1, 1, 1)), "already so");
    check(&power(PowerRequest::Stop, 1), None, "refused");
    check(&removal, None, "already so");
    check(&removal, Some(entry(1, 1, 0)), "go");
    check(&removal, Some(stuck(InstanceEntry::default())), "go");
}

#[test]
fn outside_its_hours_a_host_changes_nothing() {
    let policy = HostPolicy { hours: Some("22:00-23:00".parse().expect("a window")), ..HostPolicy::default() };
    let at = |hour: u64| outcome_at_once(&install(1), None, &Ok(policy.clone()), Time(hour * 3_600_000));
    assert_eq!(at(22), None);
    let failure =
        OrderFailure::OutsideHours { hours: "22:00-23:00".parse().expect("a window"), opens: Time(22 * 3_600_000) };
    assert_eq!(at(12), Some(fleet_core::order::Outcome::Refused { failure }));
}
