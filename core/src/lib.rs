//! The mind of fleet: words, app definitions, `plan()` and `steps()`.
//!
//! **Invariant:** nothing here touches the world. No IO, no clock, no randomness, no async: the time, a random number, a
//! file's content all come in as arguments, so that every decision can be tested as a table.

pub mod access;
pub mod app;
pub mod backup;
pub mod claims;
pub mod compose;
pub mod duplicate;
pub mod facts;
pub mod grammar;
pub mod guess;
pub mod host_policy;
pub mod image;
pub mod labels;
pub mod names;
pub mod order;
pub mod paths;
pub mod plan;
pub mod rollout;
pub mod spec;
pub mod steps;
pub mod time;
pub mod units;
pub mod window;
mod zone;
