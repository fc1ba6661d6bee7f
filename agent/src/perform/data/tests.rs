//! Stories of orders about data, with a database and volumes whose content is real, and repositories that are.

mod actions;
mod buckets;
mod crashes;
mod drills;
mod empty;
mod faults;
mod harness;
mod in_process;
mod keeping;
mod lab;
mod lab_actions;
mod left;
mod leftovers;
mod others;
mod place_faults;
mod policy;
mod ready;
mod restores;
mod returns;
mod runtime;
mod sandbox;
mod sandboxes;
mod shared;
mod stories;
mod upgrade_actions;
mod upgrade_counts;
mod upgrades;
mod volumes;
#[path = "../../../../repository/tests/common/watched.rs"]
mod watched;
