//! Labels by which Compose and fleet recognise the parts of an instance.

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

/// Returns whether a label is written by fleet or Compose, and so is no part of a user's configuration.
pub fn is_reserved(label: &str) -> bool {
    label.starts_with(COMPOSE_PREFIX) || label.starts_with(FLEET_PREFIX)
}
