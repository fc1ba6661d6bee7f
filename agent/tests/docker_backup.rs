//! Backup, drill, destruction and restore by the real program on a real Engine, with PostgreSQL and files.
//!
//! Needs an Engine and the images that `tests/prepare.sh` makes. Without them these tests print this and pass, unless
//! `FLEET_TEST_DOCKER=required`.

#![allow(clippy::print_stderr, missing_debug_implementations)]

#[path = "docker_backup/buckets.rs"]
mod buckets;
#[allow(dead_code)]
#[path = "link/coordinator.rs"]
mod coordinator;
#[path = "docker_backup/engines.rs"]
mod engines;
#[path = "docker_backup/faithful.rs"]
mod faithful;
#[allow(dead_code)]
#[path = "docker_hands/images.rs"]
mod images;
#[path = "docker_backup/keys.rs"]
mod keys;
#[path = "docker_backup/lab.rs"]
mod lab;
#[path = "docker_backup/left.rs"]
mod left;
#[path = "docker_backup/noted.rs"]
mod noted;
#[path = "docker_backup/policy.rs"]
mod policy;
#[path = "docker_backup/rebuild.rs"]
mod rebuild;
#[path = "docker_backup/recovery.rs"]
mod recovery;
#[path = "docker_backup/side_files.rs"]
mod side_files;
#[path = "docker_backup/stories.rs"]
mod stories;
#[path = "docker_backup/upgrade_actions.rs"]
mod upgrade_actions;
#[path = "docker_backup/upgrades.rs"]
mod upgrades;
