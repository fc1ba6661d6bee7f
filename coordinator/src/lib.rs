//! Keeps the facts of a fleet, runs the planner, and serves agents and operators.

#![warn(missing_docs)]

mod admission;
pub mod agents;
mod carry;
mod clock;
pub mod command;
mod connections;
pub mod facts;
pub mod home;
pub mod identity;
mod keys;
mod metrics;
mod operators;
pub mod own;
mod panics;
mod permits;
mod reconcile;
pub mod repositories;
mod rpc_status;
pub mod serve;
pub mod store;
mod values;
