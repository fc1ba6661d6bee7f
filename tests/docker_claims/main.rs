//! Names at the Engine belong to one instance: a real coordinator, real agents, and a real Docker Engine.
//!
//! Needs an Engine: without one these tests print this and pass, unless `FLEET_TEST_DOCKER=required`.

// Without an Engine, the reason for skipping the tests is printed.
#![allow(clippy::print_stderr, reason = "said by the images' module")]

mod asked;
mod changes;
mod data;
mod foreign;
mod harness;
#[path = "../../agent/tests/docker_hands/images.rs"]
#[allow(dead_code, reason = "shared with tests that use more of it")]
mod images;
mod installs;
mod removals;
