//! Hosts that are ahead of what is known here, as after facts were restored from a backup: they keep what they have, and a
//! person says what counts.

use crate::facts::Known;
use fleet_core::facts::InstanceObserved;
use fleet_core::names::{HostName, InstanceName};
use fleet_core::order::Release;
use fleet_proto::v1;

pub fn ahead(known: &Known) -> Vec<v1::Attention> {
    let mut found = Vec::new();
    for (name, seen) in &known.observed().instances {
        found.extend(match known.instance(name) {
            Some(desired) if desired.host == seen.host => of_release(known, name, seen),
            Some(_) | None => of_stranger(name, &seen.host, seen),
        });
    }
    found
}

/// An instance whose release nobody here has asked for.
fn of_release(known: &Known, name: &InstanceName, seen: &InstanceObserved) -> Option<v1::Attention> {
    let release = &seen.running.last()?.release;
    if is_explained(known, name, release) {
        return None;
    }
    let text = format!("its host has {release}, which nobody here has asked for; it is left as it is");
    let (app, version) = (&release.name.app, &release.name.version);
    let hint = format!(
        "push {release} if it is unknown here, then `fleet rollout --app {app} --version {version}` makes it the wanted one"
    );
    Some(v1::Attention { subject: format!("instance {name}"), text, hint })
}

/// Whether it is what the instance was installed as, or a rollout that is kept has to do with it.
fn is_explained(known: &Known, name: &InstanceName, release: &Release) -> bool {
    let members = known.desired().rollouts.values().flat_map(|rollout| &rollout.members);
    let mut of_rollouts = members.filter(|member| member.instance == *name);
    known.instance(name).is_some_and(|desired| desired.release == *release)
        || of_rollouts.any(|member| member.to == *release || member.from == *release)
}

/// An instance that is not known here; its host leaves it alone.
fn of_stranger(name: &InstanceName, host: &HostName, seen: &InstanceObserved) -> Option<v1::Attention> {
    let release = &seen.running.last()?.release;
    let text = format!("it has the instance {name} ({release}), which nobody here knows; it is left as it is");
    let hint = "install it here under the same name, on the same host, or remove it there by hand".to_owned();
    Some(v1::Attention { subject: format!("host {host}"), text, hint })
}
