//! `fleet-agent run`.

use super::Run;
use super::error::CommandError;
use crate::hands::{DockerHands, Limits};
use crate::{Config, RunError};
use fleet_proto::link::IdentityError;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

pub async fn run(arguments: Run) -> Result<(), CommandError> {
    let stop = CancellationToken::new();
    let stopping = stop.clone().drop_guard();
    tokio::spawn(async move {
        told_to_stop().await;
        drop(stopping);
    });
    let hands = DockerHands::new(&arguments.docker_host, Limits::default());
    let config = Config { data_dir: arguments.data_dir, policy: arguments.policy, worker: None };
    tracing::info!(version = env!("CARGO_PKG_VERSION"), data_dir = %config.data_dir.display(), "fleet-agent starts");
    crate::run(config, hands, stop).await.map_err(|error| {
        let shown = CommandError::refused("could not run").because(&error);
        match error {
            RunError::Identity(IdentityError::Absent { .. }) | RunError::DataDir { .. } => {
                shown.hint("join the fleet first: `fleet-agent join TOKEN`")
            }
            RunError::Identity(_) | RunError::NotAHost { .. } | RunError::Program { .. } | RunError::Ledger(_) => shown,
        }
    })
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
