//! Requests that are stored but may not be carried out soon: a caller who waits for one at a prompt is released.

use crate::facts::StateSnapshot;
use fleet_core::backup::DataKind;
use fleet_core::facts::{HostObserved, InstanceDesired, LinkState};
use fleet_core::hint::Hint;
use fleet_core::names::InstanceName;
use fleet_core::order::PowerRequest;
use fleet_core::reason::WaitReason;
use fleet_core::time::Time;
use fleet_proto::v1::{self, ChangeState};

/// Returns the progress of a request that the host's policy forbids, at all or at this hour.
pub fn kept(snapshot: &StateSnapshot, name: &InstanceName, now: Time) -> Option<v1::ChangeProgress> {
    let instance = snapshot.instance(name)?;
    let seen = online(snapshot, instance).filter(|_| snapshot.wait_reason(name).is_some())?;
    let app = &instance.release.name.app;
    let over = |state: ChangeState, reason: WaitReason, hint: Hint| v1::ChangeProgress {
        state: state.into(),
        waiting: Some(reason.into()),
        hint: Some(hint.into()),
        over: true,
        ..Default::default()
    };
    if is_bound_by_app_list(snapshot, name, instance) && !seen.said.policy.allows_app(app) {
        let hint = Hint::RequestKeptUntilAllowed(instance.host.clone());
        return Some(over(ChangeState::Refused, WaitReason::AppForbidden { app: app.clone() }, hint));
    }
    let opens = opens_at(seen, now)?;
    let hint = Hint::RequestKeptUntilOpen(name.clone());
    Some(over(ChangeState::Waiting, WaitReason::HostHours { opens }, hint))
}

/// Returns whether the host's app list blocks the desired state. Removing an app from a host is always allowed, but
/// pending values come before a stop, and wait.
fn is_bound_by_app_list(snapshot: &StateSnapshot, name: &InstanceName, instance: &InstanceDesired) -> bool {
    match snapshot.said(name) {
        _ if instance.removal.is_some() => false,
        Some(said) if said.revision >= instance.revision && said.power_serial < instance.power.serial => {
            instance.power.request != PowerRequest::Stop
        }
        Some(_) if instance.data.is_some() => {
            instance.data.as_ref().is_some_and(|request| request.action.kind() == DataKind::Restore)
        }
        Some(_) | None => true,
    }
}

/// Returns whether the host is online but starts nothing for an instance at this hour.
pub fn is_closed(snapshot: &StateSnapshot, instance: &InstanceDesired, now: Time) -> bool {
    online(snapshot, instance).is_some_and(|seen| opens_at(seen, now).is_some())
}

fn online<'a>(snapshot: &'a StateSnapshot, instance: &InstanceDesired) -> Option<&'a HostObserved> {
    snapshot.observed().hosts.get(&instance.host).filter(|seen| seen.link == LinkState::Online)
}

/// Returns the opening time of the host's own hours, if they are closed.
fn opens_at(seen: &HostObserved, now: Time) -> Option<Time> {
    let hours = seen.said.policy.hours.as_ref().filter(|hours| !hours.is_open(now))?;
    Some(hours.opens_at(now))
}
