//! Planner of fleet: facts, `plan()`, `steps()`, rollouts and backups. What an instance is made of comes from `fleet-compose`,
//! whose modules are part of this crate's vocabulary.
//!
//! **Invariant:** nothing here touches the world. No IO, no clock, no randomness, no async: the time, a random number, a
//! file's content all come in as arguments, so that every decision can be tested as a table.

#![warn(missing_docs)]

pub mod access;
pub mod activity;
pub mod archive_note;
pub mod backup;
pub mod backup_damage;
pub mod backup_doubt;
pub mod backup_health;
pub mod capability;
pub mod change_result;
pub mod claims;
pub mod coded_text;
pub mod command_error;
pub mod data_leftover;
pub mod drift;
pub mod due;
pub mod dump_error;
pub mod duplicate;
pub mod event;
pub mod facts;
pub mod failed_step;
pub mod file_kind;
pub mod grammar;
pub mod halt_reason;
pub mod health_problem;
pub mod hint;
pub mod host_policy;
pub mod instance_version;
pub mod labels;
pub mod ledger_problem;
pub mod manifest_error;
pub mod name_conflict;
pub mod name_fault;
pub mod not_asked;
pub mod occupied_target;
pub mod order;
pub mod order_failure;
pub mod order_kind;
pub mod order_summary;
pub mod part_owner;
pub mod plain_text;
pub mod plan;
pub mod planned_change;
pub mod policy_refusal;
pub mod problem;
pub mod proposal;
pub mod query_failure;
pub mod reason;
pub mod refused_call;
pub mod release;
pub mod rendering_failure;
pub mod rollout;
pub mod sandbox_part;
pub mod steps;
pub mod store_difference;
pub mod store_gap;
pub mod time;
pub mod undeliverable_reason;
pub mod upgrade_actions;
pub mod upgrade_counts;
pub mod upgrade_path;
pub mod upgrade_steps;
pub mod volume_holder;
pub mod window;
mod zone;

pub use fleet_compose::{app, compose, guess, image, names, paths, spec, units, version};
