//! Words of changes by hand.

use fleet_core::drift::Drift;
use fleet_proto::convert::incoming_drift;
use fleet_proto::v1;

/// Returns the words of a change as it came over the wire.
pub fn shown(drift: &v1::Drift) -> String {
    words(&incoming_drift(drift.clone()))
}

/// Returns the words of several changes as they came over the wire.
pub fn all_shown(drift: &[v1::Drift]) -> Vec<String> {
    drift.iter().map(shown).collect()
}

/// Returns the words of a change.
pub fn words(drift: &Drift) -> String {
    let unknown = "it was changed in a way that this version does not know";
    match drift {
        Drift::Text(text) => text.clone(),
        Drift::Other(arguments) if arguments.is_empty() => unknown.to_owned(),
        Drift::Other(arguments) => format!("{unknown}: {}", arguments.join(", ")),
        Drift::ContainerRemoved(name) => format!("container {name} was removed"),
        Drift::ContainerRenamed(name, found) => format!("container {name} is now called {found}"),
        Drift::ContainerReconfigured(name) => format!("container {name} was recreated with another configuration"),
        Drift::ContainerImage(name, found, wanted) => {
            format!("container {name} runs image {found} instead of {wanted}")
        }
        Drift::ContainerExited(name, code) => format!("container {name} stopped (exit code {code})"),
        Drift::ContainerNeverStarted(name) => format!("container {name} was never started"),
        Drift::ContainerPaused(name) => format!("container {name} was paused"),
        Drift::ContainerDead(name) => format!("container {name} is dead"),
        Drift::ContainerStarted(name) => format!("container {name} was started"),
        Drift::ContainerDetached(name, network) => format!("container {name} was taken out of network {network}"),
        Drift::ContainerDuplicate(name, service) => format!("container {name} is a second one of {service}"),
        Drift::ContainerUnexpected(name) => format!("container {name} is not part of the release"),
        Drift::ContainerForeign(name, owner) => format!(
            "the container `{name}` is {owner}, and is in the way: fleet leaves it, and heals nothing beside it"
        ),
        Drift::NetworkRemoved(name) => format!("network {name} was removed"),
        Drift::NetworkReconfigured(name) => format!("network {name} was recreated with another configuration"),
        Drift::VolumeRemoved(name) => format!("volume {name} was removed"),
        Drift::FileRemoved(path) => format!("file {path} was removed"),
        Drift::FileChanged(path) => format!("file {path} was changed"),
        Drift::FilePermissions(path) => format!("file {path} has other permissions"),
        Drift::Flapping(times, within) => format!("flapping: it was healed {times} times within {within}"),
    }
}
