//! Performs orders on one host, remembers them, reports.
//!
//! **Invariant:** the agent dials out and does not listen, except for metrics on a loopback address if configured. Its
//! actions are decided by `fleet_core`; each is recorded in its ledger before the next one begins.

#![warn(missing_docs)]

mod agent_context;
mod beneath;
mod bundles;
mod clock;
mod command;
#[cfg(any(test, feature = "testing"))]
pub mod fake;
pub mod gate;
mod host_info_task;
pub mod ledger;
pub mod link;
mod link_hints;
mod mask;
mod metrics;
mod metrics_server;
mod path_resolver;
mod perform;
pub mod policy;
mod query;
pub mod repositories;
mod repository_place;
mod run;
pub mod runtime;
pub mod status_board;
mod watch;

pub use command::{command_line, main};
pub use metrics_server::LoopbackAddress;
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
