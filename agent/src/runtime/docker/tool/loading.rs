//! A dump on its way into a tool.

use super::running::Running;
use super::{Input, Reads, start};
use crate::runtime::docker::engine::DockerEngine;
use crate::runtime::{Incoming, RuntimeError};
use fleet_core::backup::Tool;
use fleet_core::failed_step::FailedStep;
use fleet_core::spec::InstanceSpec;
use futures_util::StreamExt;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

/// Time for a tool that has ended well to leave the last of its input unread.
const LAST_BYTES: Duration = Duration::from_secs(10);

/// End of a tool's input.
enum Given {
    /// The whole input was taken.
    All,
    /// The tool accepts no more data: its exit shows the reason.
    Refused,
    /// There is no more, and it is not all.
    Broken(String),
}

pub async fn load(
    engine: Arc<DockerEngine>,
    tool: &Tool,
    spec: &InstanceSpec,
    bytes: Incoming,
) -> Result<(), RuntimeError> {
    let (mut running, input) = start(engine, tool, spec, Reads::Stream).await?;
    let nothing = || RuntimeError::Interrupted { step: FailedStep::FeedTool(running.task.clone()) };
    let input = input.ok_or_else(nothing)?;
    let mut giving = Box::pin(give(input, bytes, tool.idle.as_duration()));
    let mut given = None;
    let ended = {
        let mut draining = pin!(drained(&mut running));
        loop {
            tokio::select! {
                outcome = &mut giving, if given.is_none() => match outcome {
                    (Given::Broken(reason), input) => break Err((reason, input)),
                    outcome => given = Some(outcome),
                },
                ended = &mut draining => break Ok(ended),
            }
        }
    };
    match ended {
        Ok(ended) => ended?,
        // Killed before its input ends: it must not take this for the end of the dump.
        Err((reason, input)) => {
            running.end().await;
            drop(input);
            return Err(RuntimeError::BrokenOff { task: running.task, reason });
        }
    }
    let given = match given {
        Some((given, _)) => Some(given),
        None => timeout(LAST_BYTES, giving).await.ok().map(|(given, _)| given),
    };
    match given {
        Some(Given::All) => Ok(()),
        Some(Given::Broken(reason)) => Err(RuntimeError::BrokenOff { task: running.task, reason }),
        Some(Given::Refused) | None => {
            let reason = "it ended before it had read all".to_owned();
            Err(RuntimeError::BrokenOff { task: running.task, reason })
        }
    }
}

/// Discards the output of a loading tool and waits for its end.
async fn drained(running: &mut Running) -> Result<(), RuntimeError> {
    while let Some(piece) = running.next().await {
        piece?;
    }
    Ok(())
}

/// Gives the bytes to the tool; the way in is given back, for it must not be closed before the tool is ended.
async fn give(mut input: Input, mut bytes: Incoming, idle: Duration) -> (Given, Input) {
    loop {
        let piece = match timeout(idle, bytes.next()).await {
            Ok(Some(Ok(piece))) => piece,
            Ok(Some(Err(error))) => return (Given::Broken(error.0), input),
            Ok(None) => break,
            Err(_) => return (Given::Broken(format!("nothing came for {} s", idle.as_secs())), input),
        };
        match timeout(idle, input.write_all(&piece)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return (Given::Refused, input),
            Err(_) => return (Given::Broken(format!("it read nothing for {} s", idle.as_secs())), input),
        }
    }
    let closed = async {
        input.flush().await?;
        input.shutdown().await
    };
    let given = match closed.await {
        Ok(()) => Given::All,
        Err(_) => Given::Refused,
    };
    (given, input)
}
