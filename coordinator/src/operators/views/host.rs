//! A host as operators see it.

use crate::agents::Sessions;
use crate::facts::{StateSnapshot, protocol_hint, protocol_problem};
use fleet_core::access::Subject;
use fleet_core::duplicate::{Duplicate, Greeting};
use fleet_core::facts::{HostDesired, HostObserved, LinkState};
use fleet_core::hint::Hint;
use fleet_core::host_policy::{HostPolicy, USUAL_DRIVERS};
use fleet_core::labels::Selector;
use fleet_core::names::HostName;
use fleet_core::time::Time;
use fleet_proto::v1;
use std::collections::BTreeSet;

/// Data shared by all views of hosts at one moment.
#[derive(Debug)]
pub struct HostViews<'a> {
    pub snapshot: &'a StateSnapshot,
    pub sessions: &'a Sessions,
}

pub fn in_selection(name: &HostName, host: &HostDesired, only: &str, selector: &Selector) -> bool {
    (only.is_empty() || name.as_str() == only) && selector.matches(&host.labels)
}

impl HostViews<'_> {
    pub fn view(&self, name: &HostName, host: &HostDesired) -> v1::HostView {
        let seen = self.snapshot.observed().hosts.get(name);
        let subject = self.snapshot.subject(&Subject::Host(name.clone()));
        let said = seen.map(|seen| &seen.said);
        let session = self.sessions.get(name);
        let other_protocol = self.snapshot.other_protocol(name);
        let duplicate = self.snapshot.observed().duplicate(name);
        let (link, since) = match other_protocol {
            None if duplicate.is_some() => (v1::HostLink::TwoMachines, duplicate.map(|duplicate| duplicate.since)),
            Some(other) => (v1::HostLink::OtherProtocol, Some(other.since)),
            None => link_of(seen, subject.is_some(), host),
        };
        let refused = other_protocol.map(|other| protocol_problem(other).into());
        let hint = other_protocol.map(|other| protocol_hint(name, other).into());
        // Since when a host is online only its connection knows: that is no fact, and is not kept.
        let since = since.or(session.as_ref().map(|session| session.since));
        v1::HostView {
            name: name.to_string(),
            labels: host.labels.0.clone().into_iter().collect(),
            link: link.into(),
            since_ms: since.map_or(0, |since| since.0),
            heard_ms: session.as_ref().map_or(0, |session| session.heard().0),
            agent_version: said.map(|said| said.agent_version.clone()).unwrap_or_default(),
            engine_version: said.map(|said| said.engine_version.clone()).unwrap_or_default(),
            clock_skew_ms: said.map(|said| said.clock_skew_ms).unwrap_or_default(),
            disk_free: said.and_then(|said| said.disk_free).unwrap_or_default(),
            address: session.map(|session| session.caller.address.ip().to_string()).unwrap_or_default(),
            added_ms: host.added.0,
            certificate_expires_ms: subject.map_or(0, |subject| subject.expires().0),
            instances: self.snapshot.instances_of(name).map(ToString::to_string).collect(),
            policy: said.map(|said| policy_view(&said.policy)),
            refused,
            hint,
            duplicate: duplicate.map(duplicate_view),
        }
    }
}

fn duplicate_view(duplicate: &Duplicate) -> v1::Duplicate {
    let machine = |machine: &Greeting| v1::Machine {
        start: machine.start.clone(),
        engine_id: machine.engine.clone(),
        address: machine.address.clone(),
        at_ms: machine.at.0,
    };
    v1::Duplicate {
        since_ms: duplicate.since.0,
        machines: duplicate.machines.iter().map(machine).collect(),
        hint: Some(Hint::SwitchCloneOff.into()),
    }
}

fn link_of(seen: Option<&HostObserved>, is_enrolled: bool, host: &HostDesired) -> (v1::HostLink, Option<Time>) {
    match seen.map(|seen| seen.link) {
        Some(LinkState::Online) => (v1::HostLink::Online, None),
        Some(LinkState::Offline { since }) => (v1::HostLink::Offline, Some(since)),
        None if is_enrolled => (v1::HostLink::Offline, Some(host.added)),
        None => (v1::HostLink::NotJoined, Some(host.added)),
    }
}

fn policy_view(policy: &HostPolicy) -> v1::PolicyView {
    v1::PolicyView {
        apps: limited(policy.apps.as_ref()),
        registries: limited(policy.registries.as_ref()),
        paths: policy.paths.iter().cloned().collect(),
        buckets: policy.buckets.iter().cloned().collect(),
        volumes: policy.volumes.iter().cloned().collect(),
        remote_volumes: policy.remote_volumes.iter().cloned().collect(),
        networks: policy.networks.iter().cloned().collect(),
        foreign: policy.foreign.iter().cloned().collect(),
        repositories: policy.repositories.iter().cloned().collect(),
        log_drivers: log_drivers(policy),
        hours: policy.hours.as_ref().map(ToString::to_string).unwrap_or_default(),
        exec: v1::PermissionState::from(policy.exec).into(),
        privileges: v1::PermissionState::from(policy.privileges).into(),
    }
}

fn log_drivers(policy: &HostPolicy) -> Vec<String> {
    match &policy.log_drivers {
        None => USUAL_DRIVERS.map(str::to_owned).to_vec(),
        some => limited(some.as_ref()),
    }
}

/// Returns the limits of a policy's list: none means all; an empty list must be shown as such.
fn limited<T: ToString>(allowed: Option<&BTreeSet<T>>) -> Vec<String> {
    match allowed {
        None => Vec::new(),
        Some(none) if none.is_empty() => vec!["(none)".to_owned()],
        Some(some) => some.iter().map(ToString::to_string).collect(),
    }
}
