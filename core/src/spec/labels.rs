//! The labels by which Compose, and we, recognise what belongs to an instance.

pub const COMPOSE_PROJECT: &str = "com.docker.compose.project";
pub const COMPOSE_SERVICE: &str = "com.docker.compose.service";
pub const COMPOSE_CONFIG_HASH: &str = "com.docker.compose.config-hash";
pub const FLEET_INSTANCE: &str = "fleet.instance";
pub const FLEET_RELEASE: &str = "fleet.release";
pub const FLEET_RELEASE_DIGEST: &str = "fleet.release-digest";
pub const FLEET_CONFIG_HASH: &str = "fleet.config-hash";
