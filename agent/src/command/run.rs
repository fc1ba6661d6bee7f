//! `fleet-agent run`.

use super::Run;
use crate::runtime::{DockerRuntime, Limits};
use crate::{Config, RunError};
use fleet_core::command_error::CommandError;
use fleet_link::IdentityError;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

pub async fn run(arguments: Run) -> Result<(), CommandError> {
    leave_no_core();
    let stop = CancellationToken::new();
    let stopping = stop.clone().drop_guard();
    tokio::spawn(async move {
        told_to_stop().await;
        drop(stopping);
    });
    let runtime = DockerRuntime::new(&arguments.docker_host, Limits::default());
    let config =
        Config { data_dir: arguments.data_dir, policy: arguments.policy, worker: None, metrics: arguments.metrics };
    tracing::info!(version = env!("CARGO_PKG_VERSION"), data_dir = %config.data_dir.display(), "fleet-agent starts");
    crate::run(config, runtime, stop).await.map_err(|error| {
        let shown = CommandError::refused("could not run").because_of(&error);
        match error {
            RunError::Identity(IdentityError::Absent { .. }) | RunError::DataDir { .. } => {
                shown.hint("join the fleet first: `fleet-agent join -`")
            }
            RunError::Identity(_)
            | RunError::NotAHost { .. }
            | RunError::Program { .. }
            | RunError::Ledger(_)
            | RunError::LedgerThread { .. }
            | RunError::Metrics { .. } => shown,
        }
    })
}

/// Leaves nothing of its memory on a disk when it is ended: keys are in it. Where the system does not let us, the unit does so.
fn leave_no_core() {
    use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
}

async fn told_to_stop() {
    let (Ok(mut term), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = term.recv() => {}
        _ = interrupt.recv() => {}
    }
}
