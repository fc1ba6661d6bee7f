//! Layout of hosts.

use super::{pairs, section};
use crate::format::{age, bytes, moment, or_dash};
use crate::output::Column;
use crate::words::{hints, problems};
use fleet_core::time::Time;
use fleet_proto::v1::{Duplicate, HostLink, HostView, Machine, PermissionState, PolicyView};
use fleet_proto::words::word;
use std::collections::BTreeMap;

pub const COLUMNS: &[Column<HostView>] = &[
    Column::new("HOST", |host, _| host.name.clone()),
    Column::new("LINK", |host, _| word::<HostLink>(host.link)),
    Column::new("FOR", |host, now| age(now, host.since_ms)),
    Column::new("LABELS", |host, _| or_dash(&labels(&host.labels))),
    Column::new("INSTANCES", |host, _| or_dash(&host.instances.join(", "))),
    Column::wide("AGENT", |host, _| or_dash(&host.agent_version)),
    Column::wide("ENGINE", |host, _| or_dash(&host.engine_version)),
    Column::wide("DISK FREE", |host, _| bytes(host.disk_free)),
    Column::wide("CLOCK", |host, _| clock(host.clock_skew_ms)),
    Column::wide("ADDRESS", |host, _| or_dash(&host.address)),
    Column::wide("ADDED", |host, now| age(now, host.added_ms)),
];

/// Returns the full view of one host.
pub fn lines(host: &HostView, now: Time) -> Vec<String> {
    let ends = host.certificate_expires_ms;
    let mut lines = pairs(&[
        ("host", host.name.clone()),
        ("link", format!("{}{}", word::<HostLink>(host.link), since(host, now))),
        ("refused", refused(host)),
        ("machines", machines(host)),
        ("labels", or_dash(&labels(&host.labels))),
        ("instances", or_dash(&host.instances.join(", "))),
        ("agent", host.agent_version.clone()),
        ("engine", host.engine_version.clone()),
        ("disk free", if host.disk_free == 0 { String::new() } else { bytes(host.disk_free) }),
        ("clock", clock(host.clock_skew_ms)),
        ("address", host.address.clone()),
        ("added", format!("{} ago", age(now, host.added_ms))),
        ("certificate", if ends == 0 { String::new() } else { format!("until {}, renews itself", moment(ends)) }),
    ]);
    lines.extend(section(
        "two machines connect as it",
        host.duplicate.as_ref().map(|it| duplicate(it, now)).unwrap_or_default(),
    ));
    lines.extend(section("its own people allow", host.policy.as_ref().map(policy).unwrap_or_default()));
    lines
}

fn since(host: &HostView, now: Time) -> String {
    if host.since_ms == 0 { String::new() } else { format!(" for {}", age(now, host.since_ms)) }
}

fn refused(host: &HostView) -> String {
    let refused = problems::shown(host.refused.as_ref());
    let hint = hints::shown(host.hint.as_ref());
    if refused.is_empty() || hint.is_empty() { refused } else { format!("{refused}: {hint}") }
}

fn machines(host: &HostView) -> String {
    let since =
        |duplicate: &Duplicate| format!("two connect as it since {}: orders are held", moment(duplicate.since_ms));
    host.duplicate.as_ref().map(since).unwrap_or_default()
}

/// Returns the two machines and the next action.
fn duplicate(duplicate: &Duplicate, now: Time) -> Vec<String> {
    let machine = |machine: &Machine| {
        let (start, engine) = (or_dash(&machine.start), or_dash(&machine.engine_id));
        format!("start {start} at {}, Engine {engine}, connected {} ago", machine.address, age(now, machine.at_ms))
    };
    let machines = duplicate.machines.iter().map(machine);
    let hint = Some(hints::shown(duplicate.hint.as_ref())).filter(|hint| !hint.is_empty());
    machines.chain(hint.map(|hint| format!("what to do: {hint}"))).collect()
}

/// Returns the rules of the host's policy file.
fn policy(policy: &PolicyView) -> Vec<String> {
    let list = |names: &[String], none: &str| if names.is_empty() { none.to_owned() } else { names.join(", ") };
    pairs(&[
        ("apps", list(&policy.apps, "all")),
        ("registries", list(&policy.registries, "all")),
        ("host paths", list(&policy.paths, "none")),
        ("buckets", list(&policy.buckets, "none")),
        ("volumes", list(&policy.volumes, "none")),
        ("remote volumes", list(&policy.remote_volumes, "none")),
        ("networks", list(&policy.networks, "none")),
        ("foreign", list(&policy.foreign, "none")),
        ("repositories", list(&policy.repositories, "none")),
        ("log drivers", list(&policy.log_drivers, "json-file, local, journald")),
        ("hours", if policy.hours.is_empty() { "any".to_owned() } else { policy.hours.clone() }),
        ("exec", word::<PermissionState>(policy.exec)),
        ("privileges", word::<PermissionState>(policy.privileges)),
    ])
}

/// Labels as they are written.
pub fn labels(labels: &BTreeMap<String, String>) -> String {
    labels.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",")
}

/// Returns the difference of the host's clock, if it matters.
fn clock(skew_ms: i64) -> String {
    let seconds = skew_ms / 1000;
    match seconds {
        0 => "right".to_owned(),
        ahead @ 1.. => format!("{ahead}s ahead"),
        behind => format!("{}s behind", behind.unsigned_abs()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::{Format, table};
    use fleet_core::hint::{Hint, LinkHint};
    use fleet_core::problem::Problem;

    fn lab(name: &str) -> HostView {
        HostView {
            name: name.to_owned(),
            labels: [("site".to_owned(), "fr".to_owned())].into(),
            link: HostLink::Online.into(),
            since_ms: 40_000,
            agent_version: "0.1.0".to_owned(),
            engine_version: "20.10.24".to_owned(),
            clock_skew_ms: -5200,
            disk_free: 20 << 30,
            address: "10.99.0.11".to_owned(),
            added_ms: 1000,
            certificate_expires_ms: 90_000_000,
            instances: vec!["notes-1".to_owned()],
            policy: Some(PolicyView {
                paths: vec!["/srv".to_owned()],
                exec: PermissionState::Allowed.into(),
                privileges: PermissionState::Denied.into(),
                ..Default::default()
            }),
            heard_ms: 99_000,
            ..Default::default()
        }
    }

    #[test]
    fn hosts_stand_in_columns() {
        let silent = HostView { name: "lab-22".to_owned(), link: HostLink::NotJoined.into(), ..Default::default() };
        let lines = table(&[lab("lab-1"), silent], COLUMNS, Format::Table, Time(100_000));
        insta::assert_snapshot!(lines.join("\n"), @r"
        HOST    LINK        FOR  LABELS   INSTANCES
        lab-1   online      60s  site=fr  notes-1
        lab-22  not joined  -    -        -
        ");
    }

    #[test]
    fn a_host_that_is_refused_says_why() {
        let refused = Problem::OtherProtocol { oldest: 2, newest: 2, own_oldest: 1, own_newest: 1 };
        let host = HostView {
            link: HostLink::OtherProtocol.into(),
            refused: Some(refused.into()),
            hint: Some(Hint::from(LinkHint::UpgradeCoordinator).into()),
            ..lab("lab-1")
        };
        let shown = lines(&host, Time(100_000));
        let wanted = "refused      it supports protocol 2, and this coordinator supports 1: upgrade the coordinator";
        assert!(shown.iter().any(|line| line == wanted), "{shown:?}");
    }

    #[test]
    fn two_machines_are_shown_with_what_to_do() {
        let machine = |start: &str, address: &str, at_ms| Machine {
            start: start.to_owned(),
            engine_id: "ABCD:EFGH".to_owned(),
            address: address.to_owned(),
            at_ms,
        };
        let machines = vec![machine("1f00", "10.99.0.11", 98_000), machine("", "10.99.0.12", 96_000)];
        let duplicate = Duplicate { since_ms: 60_000, machines, hint: Some(Hint::SwitchCloneOff.into()) };
        let host = HostView { link: HostLink::TwoMachines.into(), duplicate: Some(duplicate), ..lab("lab-1") };
        let shown = lines(&host, Time(100_000)).join("\n");
        for wanted in [
            "machines     two connect as it since 1970-01-01T00:01:00Z: orders are held",
            "two machines connect as it\n  start 1f00 at 10.99.0.11, Engine ABCD:EFGH, connected 2s ago",
            "start - at 10.99.0.12, Engine ABCD:EFGH, connected 4s ago",
            "what to do: switch the clone off",
        ] {
            assert!(shown.contains(wanted), "`{wanted}` is not in\n{shown}");
        }
    }

    #[test]
    fn a_host_is_shown_with_what_its_people_allow() {
        insta::assert_snapshot!(lines(&lab("lab-1"), Time(100_000)).join("\n"), @r"
        host         lab-1
        link         online for 60s
        labels       site=fr
        instances    notes-1
        agent        0.1.0
        engine       20.10.24
        disk free    20.0 GiB
        clock        5s behind
        address      10.99.0.11
        added        99s ago
        certificate  until 1970-01-02T01:00:00Z, renews itself

        its own people allow
          apps            all
          registries      all
          host paths      /srv
          buckets         none
          volumes         none
          remote volumes  none
          networks        none
          foreign         none
          repositories    none
          log drivers     json-file, local, journald
          hours           any
          exec            allowed
          privileges      denied
        ");
    }
}
