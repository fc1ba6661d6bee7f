//! Labels by which Compose and fleet recognise the parts of an instance.

use super::Condition;
use super::lower::Context;
use crate::compose::{Project, Service};
use std::collections::BTreeMap;

/// Compose's label for the project.
pub const COMPOSE_PROJECT: &str = "com.docker.compose.project";
/// Compose's label for the service.
pub const COMPOSE_SERVICE: &str = "com.docker.compose.service";
/// Compose's label for the hash of a service's settings.
pub const COMPOSE_CONFIG_HASH: &str = "com.docker.compose.config-hash";
/// Compose's label for a network's key.
pub const COMPOSE_NETWORK: &str = "com.docker.compose.network";
/// Compose's label for a volume's key.
pub const COMPOSE_VOLUME: &str = "com.docker.compose.volume";
/// Label for the instance.
pub const FLEET_INSTANCE: &str = "fleet.instance";
/// The host whose agent made it: several agents may share an Engine.
pub const FLEET_HOST: &str = "fleet.host";
/// Label for the release, as `app@version`.
pub const FLEET_RELEASE: &str = "fleet.release";
/// Label for the release's digest.
pub const FLEET_RELEASE_DIGEST: &str = "fleet.release-digest";
/// Label for the hash of the settings: another hash means that the object must be created again.
pub const FLEET_CONFIG_HASH: &str = "fleet.config-hash";

const COMPOSE_PREFIX: &str = "com.docker.compose.";
const FLEET_PREFIX: &str = "fleet.";

/// The version of Compose whose labels we write; both of its generations list such containers.
const COMPOSE_VERSION: &str = "2.0.0";

type Labels = BTreeMap<String, String>;

/// Returns whether a label is written by fleet or Compose, and so is no part of a user's configuration.
pub fn is_reserved(label: &str) -> bool {
    label.starts_with(COMPOSE_PREFIX) || label.starts_with(FLEET_PREFIX)
}

/// Returns the labels that containers, networks and volumes share.
fn common(context: &Context, project: &str) -> Labels {
    let labels = [
        (COMPOSE_PROJECT, project.to_owned()),
        ("com.docker.compose.version", COMPOSE_VERSION.to_owned()),
        (FLEET_INSTANCE, context.instance.to_string()),
        (FLEET_HOST, context.host.to_string()),
    ];
    labels.map(|(key, value)| (key.to_owned(), value)).into()
}

pub fn of_network(context: &Context, project: &str, key: &str) -> Labels {
    let mut labels = common(context, project);
    labels.insert(COMPOSE_NETWORK.to_owned(), key.to_owned());
    labels
}

pub fn of_volume(context: &Context, project: &str, key: &str) -> Labels {
    let mut labels = common(context, project);
    labels.insert(COMPOSE_VOLUME.to_owned(), key.to_owned());
    labels
}

/// Returns all labels except the configuration hash, which does not cover these labels.
pub fn of_container(context: &Context, project: &str, service: &Service, read: &Project) -> Labels {
    let mut labels = common(context, project);
    let folder = context.working_dir;
    labels.extend(
        [
            (COMPOSE_SERVICE, service.name.clone()),
            ("com.docker.compose.container-number", "1".to_owned()),
            ("com.docker.compose.oneoff", "False".to_owned()),
            ("com.docker.compose.project.working_dir", folder.to_owned()),
            ("com.docker.compose.project.config_files", format!("{folder}/{}", read.entry)),
            ("com.docker.compose.depends_on", dependencies(service)),
            (FLEET_RELEASE, format!("{}@{}", context.app, context.version)),
            (FLEET_RELEASE_DIGEST, context.digest.to_string()),
        ]
        .map(|(key, value)| (key.to_owned(), value)),
    );
    labels
}

/// Returns the service's dependencies in Compose's notation: name, condition, and whether it restarts along.
fn dependencies(service: &Service) -> String {
    let condition = |condition| match condition {
        Condition::Started => "service_started",
        Condition::Healthy => "service_healthy",
        Condition::CompletedSuccessfully => "service_completed_successfully",
    };
    let needs = service.needs().into_iter();
    needs.map(|(name, waits)| format!("{name}:{}:false", condition(waits))).collect::<Vec<_>>().join(",")
}
