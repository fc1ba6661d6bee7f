//! Hosts that are ahead of the facts here, as after a restore of the facts: they keep their state, and a person
//! decides.

use super::{Finding, say};
use crate::facts::StateSnapshot;
use fleet_core::facts::{InstanceDesired, InstanceObserved, InstanceOrigin, Running};
use fleet_core::hint::Hint;
use fleet_core::names::{HostName, InstanceName};
use fleet_core::problem::Problem;
use fleet_core::release::Release;

pub fn ahead(snapshot: &StateSnapshot) -> Vec<Finding> {
    let mut found = Vec::new();
    for (name, seen) in &snapshot.observed().instances {
        found.extend(match snapshot.instance(name) {
            Some(desired) if desired.host == seen.host => of_release(snapshot, name, seen),
            Some(_) | None => of_unknown(name, &seen.host, seen),
        });
    }
    found.extend(snapshot.desired().instances.iter().filter_map(|(name, instance)| parked(snapshot, name, instance)));
    found
}

/// An instance that had data, and that its host does not have.
fn parked(snapshot: &StateSnapshot, name: &InstanceName, instance: &InstanceDesired) -> Option<Finding> {
    let (origin, seen) = (instance.origin.as_ref()?, snapshot.observed().instances.get(name)?);
    let is_missing = seen.host == instance.host && matches!(seen.running, Running::Absent);
    let is_left = instance.data.is_none() && instance.removal.is_none();
    let from = match origin {
        InstanceOrigin::Backup(from) => Some(from.backup.clone()),
        InstanceOrigin::CameBack { .. } => None,
    };
    let hint = Hint::RemoveOrRestore(name.clone());
    (is_missing && is_left).then(|| say(name, Problem::DataMissing { from }, hint))
}

/// Returns the problem of an instance whose release was not ordered here.
fn of_release(snapshot: &StateSnapshot, name: &InstanceName, seen: &InstanceObserved) -> Option<Finding> {
    let release = &seen.running.last()?.release;
    if is_explained(snapshot, name, release) {
        return None;
    }
    let hint = Hint::WantRunningRelease(release.name.clone());
    Some(say(name, Problem::OtherRelease(release.name.clone()), hint))
}

/// Returns whether the release is the installed one or belongs to a stored rollout.
fn is_explained(snapshot: &StateSnapshot, name: &InstanceName, release: &Release) -> bool {
    let members = snapshot.desired().rollouts.values().flat_map(|rollout| &rollout.members);
    let mut of_rollouts = members.filter(|member| member.instance == *name);
    snapshot.instance(name).is_some_and(|desired| desired.release == *release)
        || of_rollouts.any(|member| member.to == *release || member.from == *release)
}

/// An instance that is not known here; its host leaves it alone.
fn of_unknown(name: &InstanceName, host: &HostName, seen: &InstanceObserved) -> Option<Finding> {
    let release = &seen.running.last()?.release;
    let problem = Problem::UnknownInstance { instance: name.clone(), release: release.name.clone() };
    Some(say(host, problem, Hint::InstallSameName))
}
