//! One screen: the parts of the fleet, their states, running changes, and problems that need a person.

use super::apps::count;
use super::attention::{Kept, attention};
use super::backups::tally;
use super::service::OperatorsService;
use super::views::host::HostViews;
use super::views::instance::{InstanceViews, health_of, plan_context, versions};
use super::views::rollout::{Detail, is_over, view};
use crate::facts::StateSnapshot;
use fleet_core::facts::{HostDesired, InstanceDesired, LinkState};
use fleet_core::names::{HostName, InstanceName};
use fleet_core::plan::RolloutPhase;
use fleet_core::time::Time;
use fleet_proto::v1;
use std::sync::PoisonError;
use std::time::Instant;

/// Maximum number of lines; the counts include all.
const LINES: usize = 200;

/// A computed status is shared by callers within this multiple of the time that it took. A small fleet is computed
/// fresh for each caller, and a large one not all the time.
const SHARED_FOR: u32 = 5;

/// The last look, and until when it is good.
#[derive(Debug, Default)]
pub struct LastStatus(Option<(v1::Status, Instant)>);

impl OperatorsService {
    pub fn status_shared(&self, now: Time) -> v1::Status {
        let mut last = self.last_status.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((status, good_until)) = &last.0
            && Instant::now() < *good_until
        {
            return status.clone();
        }
        let began = Instant::now();
        let status = self.status_now(now);
        last.0 = Some((status.clone(), Instant::now() + began.elapsed() * SHARED_FOR));
        status
    }

    pub fn status_now(&self, now: Time) -> v1::Status {
        // It reads the facts itself.
        let kept = Kept::look(&self.shared, now);
        let snapshot = self.shared.facts.read();
        let plan_context = plan_context(&snapshot, now);
        let instances = InstanceViews::new(&snapshot, &plan_context);
        let hosts = HostViews { snapshot: &snapshot, sessions: &self.shared.sessions };
        let rollouts = snapshot.desired().rollouts.values();
        let healthy =
            snapshot.desired().instances.iter().filter(|(name, instance)| is_healthy(&snapshot, name, instance));
        let open = rollouts.filter(|rollout| is_under_way(&plan_context.phase(rollout)));
        v1::Status {
            now_ms: now.0,
            hosts: count(snapshot.desired().hosts.len()),
            hosts_online: count(snapshot.desired().hosts.keys().filter(|host| is_online(&snapshot, host)).count()),
            instances: count(snapshot.desired().instances.len()),
            instances_healthy: count(healthy.count()),
            host_lines: host_lines(&snapshot).into_iter().map(|(name, host)| hosts.view(name, host)).collect(),
            instance_lines: instance_lines(&snapshot, &instances)
                .into_iter()
                .map(|(name, instance)| instances.view(name, instance))
                .collect(),
            rollouts: open.map(|rollout| view(&snapshot, &plan_context, rollout, Detail::Summary)).collect(),
            attention: attention(&snapshot, &plan_context, &instances, kept, now),
            versions: versions(&snapshot),
            backups: Some(tally(&snapshot, &plan_context)),
        }
    }
}

/// Returns whether a rollout may still change something; one that waits for offline hosts may.
fn is_under_way(phase: &RolloutPhase) -> bool {
    !is_over(phase) || matches!(phase, RolloutPhase::DoneButOffline { .. })
}

fn is_online(snapshot: &StateSnapshot, host: &HostName) -> bool {
    let is_connected = snapshot.observed().hosts.get(host).is_some_and(|seen| seen.link == LinkState::Online);
    is_connected && snapshot.observed().duplicate(host).is_none()
}

fn is_healthy(snapshot: &StateSnapshot, name: &InstanceName, instance: &InstanceDesired) -> bool {
    health_of(snapshot, name, instance).health == v1::InstanceHealth::Healthy
}

/// Returns the hosts, those with problems first.
fn host_lines(snapshot: &StateSnapshot) -> Vec<(&HostName, &HostDesired)> {
    let hosts = || snapshot.desired().hosts.iter();
    let away = hosts().filter(|(name, _)| !is_online(snapshot, name));
    let there = hosts().filter(|(name, _)| is_online(snapshot, name));
    away.chain(there).take(LINES).collect()
}

fn instance_lines<'a>(
    snapshot: &'a StateSnapshot,
    views: &InstanceViews<'_>,
) -> Vec<(&'a InstanceName, &'a InstanceDesired)> {
    let instances = || snapshot.desired().instances.iter();
    let needs_a_look = |name: &InstanceName, instance: &InstanceDesired| {
        !is_healthy(snapshot, name, instance) || views.order(name).is_some() || snapshot.wait_reason(name).is_some()
    };
    let first = instances().filter(|(name, instance)| needs_a_look(name, instance));
    let rest = instances().filter(|(name, instance)| !needs_a_look(name, instance));
    first.chain(rest).take(LINES).collect()
}
