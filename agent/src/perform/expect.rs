//! Checks that an order finds the state that it expects.

use crate::ledger::InstanceEntry;
use crate::policy::PolicyNow;
use fleet_core::backup::DataAction;
use fleet_core::instance_version::InstanceVersion;
use fleet_core::order::{Action, Outcome};
use fleet_core::order_failure::OrderFailure;
use fleet_core::release::{Goal, Release};
use fleet_core::time::Time;

/// The outcome of an order that there is no need, or no permission, to begin.
pub fn outcome_at_once(
    action: &Action,
    entry: Option<&InstanceEntry>,
    policy: &PolicyNow,
    now: Time,
) -> Option<Outcome> {
    match expected(action, entry) {
        Expected::Reached => Some(Outcome::AlreadySo),
        Expected::Otherwise(failure) => Some(Outcome::Refused { failure }),
        Expected::Yes => forbidden(action, policy, now).map(|failure| Outcome::Refused { failure }),
    }
}

/// Returns the objection of the host's policy to any change at this moment.
fn forbidden(action: &Action, policy: &PolicyNow, now: Time) -> Option<OrderFailure> {
    let policy = match policy {
        Ok(policy) => policy,
        Err(problem) => return Some(OrderFailure::PolicyUnreadable { problem: problem.to_string() }),
    };
    if !is_change(action) {
        return None;
    }
    let hours = policy.hours.as_ref().filter(|hours| !hours.is_open(now))?;
    Some(OrderFailure::OutsideHours { hours: hours.clone(), opens: hours.opens_at(now) })
}

/// Returns whether the action changes the instance. A backup does not: if it waited for the hours of changes, it would
/// be too late.
fn is_change(action: &Action) -> bool {
    match action {
        Action::Data(DataAction::Backup { .. } | DataAction::Drill { .. } | DataAction::Forget { .. }) => false,
        Action::Data(DataAction::Restore { .. })
        | Action::Install { .. }
        | Action::Upgrade { .. }
        | Action::Configure { .. }
        | Action::Power { .. }
        | Action::Remove { .. } => true,
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Expected {
    /// The target state is reached already.
    Reached,
    Yes,
    Otherwise(OrderFailure),
}

/// Returns the failure of an upgrade that may have changed data which is not as it was before: nothing may start over it.
fn data_left<'a>(action: &Action, entry: &'a InstanceEntry) -> Option<&'a OrderFailure> {
    entry.stuck.as_ref().filter(|stuck| action.starts_containers() && stuck.is_data_changed).map(|stuck| &stuck.failure)
}

fn version(release: &Release, revision: u64) -> InstanceVersion {
    InstanceVersion::Revision { release: release.to_string(), revision }
}

fn expected(action: &Action, entry: Option<&InstanceEntry>) -> Expected {
    let settled = entry.and_then(|entry| entry.settled.as_ref());
    let is_stuck = entry.is_some_and(|entry| entry.stuck.is_some());
    // The state of a stuck instance is uncertain, so no goal counts as reached.
    let is_goal =
        |goal: &Goal| !is_stuck && settled.is_some_and(|it| it.release == goal.release && it.revision == goal.revision);
    let otherwise = |expected: InstanceVersion| {
        let found = match settled {
            Some(found) => version(&found.release, found.revision),
            None => InstanceVersion::Missing,
        };
        Expected::Otherwise(OrderFailure::UnexpectedState { expected: Box::new(expected), found: Box::new(found) })
    };
    if let Some(failure) = entry.and_then(|entry| data_left(action, entry)) {
        return Expected::Otherwise(failure.clone());
    }
    if let Some((release, _)) = action.data().and_then(DataAction::return_to) {
        return match settled {
            Some(found) if found.release == *release => Expected::Yes,
            Some(_) | None => otherwise(InstanceVersion::Release { release: release.to_string() }),
        };
    }
    match (action, settled) {
        (Action::Install { goal } | Action::Upgrade { goal, .. } | Action::Configure { goal, .. }, _)
            if is_goal(goal) =>
        {
            Expected::Reached
        }
        (Action::Install { .. }, None) => Expected::Yes,
        (Action::Install { goal }, Some(found)) if is_stuck && found.release == goal.release => Expected::Yes,
        (Action::Install { .. }, Some(_)) => otherwise(InstanceVersion::Missing),
        (Action::Upgrade { from, .. }, Some(found)) if found.release == *from => Expected::Yes,
        (Action::Upgrade { from, .. }, _) => otherwise(InstanceVersion::Release { release: from.to_string() }),
        (Action::Configure { from, goal }, Some(found))
            if found.release == goal.release && (found.revision == *from || is_stuck) =>
        {
            Expected::Yes
        }
        (Action::Configure { from, goal }, _) => otherwise(version(&goal.release, *from)),
        (Action::Power { serial, .. }, Some(found)) if found.power.serial >= *serial && !is_stuck => Expected::Reached,
        (Action::Power { .. }, Some(_)) => Expected::Yes,
        (Action::Power { .. }, None) => otherwise(InstanceVersion::Any),
        // A failed installation leaves no entry, and may leave volumes.
        (Action::Remove { volumes }, _) if entry.is_none() && volumes.is_empty() => Expected::Reached,
        (Action::Remove { .. }, _) => Expected::Yes,
        (Action::Data(data), None) if data.goal().is_none() => otherwise(InstanceVersion::Any),
        (Action::Data(_), _) => Expected::Yes,
    }
}
