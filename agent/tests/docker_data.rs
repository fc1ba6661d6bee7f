//! Dumps and loads of real databases, and their faults.
//!
//! Needs an Engine and the images that `tests/prepare.sh` makes. Without them these tests print this and pass, unless
//! `FLEET_TEST_DOCKER=required`.

#![allow(clippy::print_stderr)]

#[path = "docker_data/beside.rs"]
mod beside;
#[path = "docker_data/busy.rs"]
mod busy;
#[path = "docker_data/engines.rs"]
mod engines;
#[path = "docker_data/faults.rs"]
mod faults;
#[path = "docker_data/files.rs"]
mod files;
#[path = "docker_data/harness.rs"]
mod harness;
#[allow(dead_code)]
#[path = "docker_hands/images.rs"]
mod images;
#[allow(dead_code)]
#[path = "docker_hands/instance.rs"]
mod instance;
#[path = "docker_data/mariadb.rs"]
mod mariadb;
#[path = "docker_data/mongodb.rs"]
mod mongodb;
#[path = "docker_data/mysql.rs"]
mod mysql;
#[path = "docker_data/noted.rs"]
mod noted;
#[path = "docker_data/open.rs"]
mod open;
#[path = "docker_data/postgresql.rs"]
mod postgresql;
#[path = "docker_data/ready.rs"]
mod ready;
