//! Labels of the containers, networks and volumes of an instance.

use super::Context;
use crate::compose::{Project, Service};
use crate::spec::{
    COMPOSE_NETWORK, COMPOSE_PROJECT, COMPOSE_SERVICE, COMPOSE_VOLUME, Condition, FLEET_HOST, FLEET_INSTANCE,
    FLEET_RELEASE, FLEET_RELEASE_DIGEST,
};
use std::collections::BTreeMap;

/// The version of Compose whose labels we write; both of its generations list such containers.
const COMPOSE_VERSION: &str = "2.0.0";

type Labels = BTreeMap<String, String>;

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
