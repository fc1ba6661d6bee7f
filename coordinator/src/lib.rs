//! Keeps the facts of a fleet, runs the planner, and serves agents and operators.
//!
//! **Invariant:** modules form layers, and a module uses only those below its own:
//!
//! 1. `serve`: starts the tasks, opens the port, routes calls; `command` is above it.
//! 2. `operators`, over the state in `shared`.
//! 3. `agents`, `own`, `reconcile`, and below them `repositories`, `values`.
//! 4. `admission`, `connections`: who may connect, and who is connected.
//! 5. `facts`.
//! 6. `home`, `identity`, `store`.
//! 7. `metrics`, `rpc_status`, `keys`, `clock`, `panics`, `permits`.

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
mod shared;
pub mod store;
mod values;
