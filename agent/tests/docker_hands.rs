//! The container runtime on a real Docker Engine, with small images made here and a real local registry.
//!
//! Needs an Engine: without one these tests print this and pass, unless `FLEET_TEST_DOCKER=required`.

// Actions and their durations are printed when a test fails.
#![allow(clippy::print_stderr)]

#[path = "docker_hands/bad.rs"]
mod bad;
#[path = "docker_hands/images.rs"]
mod images;
#[path = "docker_hands/instance.rs"]
mod instance;
#[path = "docker_hands/interrupted.rs"]
mod interrupted;
#[path = "docker_hands/refusals.rs"]
mod refusals;
#[path = "docker_hands/registry.rs"]
mod registry;
#[path = "docker_hands/seen.rs"]
mod seen;
#[path = "docker_hands/side_by_side.rs"]
mod side_by_side;
#[path = "docker_hands/tried.rs"]
mod tried;
