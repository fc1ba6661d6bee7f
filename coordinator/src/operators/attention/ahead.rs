//! Hosts that are ahead of the facts here, as after a restore of the facts: they keep their state, and a person
//! decides.

use crate::facts::StateSnapshot;
use fleet_core::facts::{InstanceDesired, InstanceObserved, Running};
use fleet_core::hint::Hint;
use fleet_core::names::{HostName, InstanceName};
use fleet_core::release::Release;
use fleet_proto::v1;

pub fn ahead(snapshot: &StateSnapshot) -> Vec<v1::Attention> {
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
fn parked(snapshot: &StateSnapshot, name: &InstanceName, instance: &InstanceDesired) -> Option<v1::Attention> {
    let (origin, seen) = (instance.origin.as_ref()?, snapshot.observed().instances.get(name)?);
    let is_missing = seen.host == instance.host && matches!(seen.running, Running::Absent);
    let is_left = instance.data.is_none() && instance.removal.is_none();
    (is_missing && is_left).then(|| v1::Attention {
        subject: format!("instance {name}"),
        text: format!("{origin}, and its host does not have it: it is not installed empty"),
        hint: Some(Hint::RemoveOrRestore(name.clone()).into()),
    })
}

/// Returns the problem of an instance whose release was not ordered here.
fn of_release(snapshot: &StateSnapshot, name: &InstanceName, seen: &InstanceObserved) -> Option<v1::Attention> {
    let release = &seen.running.last()?.release;
    if is_explained(snapshot, name, release) {
        return None;
    }
    let text = format!("its host has {release}, which nobody here has asked for; it is left as it is");
    let hint = Hint::WantRunningRelease(release.name.clone()).into();
    Some(v1::Attention { subject: format!("instance {name}"), text, hint: Some(hint) })
}

/// Returns whether the release is the installed one or belongs to a stored rollout.
fn is_explained(snapshot: &StateSnapshot, name: &InstanceName, release: &Release) -> bool {
    let members = snapshot.desired().rollouts.values().flat_map(|rollout| &rollout.members);
    let mut of_rollouts = members.filter(|member| member.instance == *name);
    snapshot.instance(name).is_some_and(|desired| desired.release == *release)
        || of_rollouts.any(|member| member.to == *release || member.from == *release)
}

/// An instance that is not known here; its host leaves it alone.
fn of_unknown(name: &InstanceName, host: &HostName, seen: &InstanceObserved) -> Option<v1::Attention> {
    let release = &seen.running.last()?.release;
    let text = format!("it has the instance {name} ({release}), which nobody here knows; it is left as it is");
    Some(v1::Attention { subject: format!("host {host}"), text, hint: Some(Hint::InstallSameName.into()) })
}
