//! Performs orders on one host, remembers them, reports.
//!
//! **Invariant:** the agent dials out and listens nowhere. What it does is decided by `fleet_core`; what it did stands
//! in its ledger before the next thing begins.

mod answer;
mod beneath;
pub mod board;
mod bundles;
mod clock;
mod command;
pub mod fake;
pub mod gate;
pub mod hands;
mod keep;
pub mod ledger;
pub mod link;
mod looks;
mod mask;
mod perform;
pub mod policy;
pub mod repositories;
mod repository_place;
mod run;
mod site;
mod watch;

pub use command::{command_line, main};
pub use run::{Config, RunError, identity_path, run};

use std::error::Error;

/// An error with all its sources, as one line of a log.
fn chain(error: &dyn Error) -> String {
    let (mut text, mut cause) = (error.to_string(), error.source());
    while let Some(source) = cause {
        text = format!("{text}: {source}");
        cause = source.source();
    }
    text
}
