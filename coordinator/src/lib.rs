//! Keeps the facts of a fleet, asks the mind, talks to agents and operators.

pub mod agents;
mod carry;
mod clock;
pub mod command;
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
pub mod serve;
pub mod store;
mod values;
