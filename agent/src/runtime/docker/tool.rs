//! Tools in containers: commands whose output is a dump, that read one, or that answer shortly.
//!
//! **Invariant:** every byte of a tool's stream was written by the tool. Its start marker comes first, on the other
//! stream; output before it is the Engine's reason why it could not be started. **Invariant:** a tool does not outlive
//! its caller. It carries a mark in its environment, by which it is found and ended in its container, and by which the
//! next agent finds the leftovers of a killed one.

mod ending;
mod exec;
mod loading;
mod one_off;
mod running;

pub use ending::sweep;
pub use loading::load;

use super::engine::DockerEngine;
use crate::runtime::{DumpStream, RuntimeError};
use bollard::container::LogOutput;
use bollard::errors::Error;
use data_encoding::HEXLOWER;
use fleet_core::backup::{ExecTarget, NOTE_LIMIT, Tool};
use fleet_core::spec::InstanceSpec;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use running::Running;
use std::pin::Pin;
use std::sync::Arc;
use tokio::io::AsyncWrite;

/// The variable with a tool's mark, and the label of a tool's own container with the instance's project.
const MARK: &str = "FLEET_TOOL";
pub const LABEL: &str = "fleet.tool";
/// Prints the start marker, then becomes the tool: `exec` reports a missing program, and the exit code is the tool's
/// own.
const BEGIN: &str = "echo \"fleet-tool $FLEET_TOOL\" >&2; exec \"$@\"";
/// The most of a short answer: more than a note may hold, so that one that is too long is read in part.
const ANSWER_LIMIT: usize = 2 * NOTE_LIMIT;

type Output = BoxStream<'static, Result<LogOutput, Error>>;
type Input = Pin<Box<dyn AsyncWrite + Send>>;

/// Use of the input by a tool. One that reads none gets the end of its input at once, so it cannot wait for a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reads {
    Nothing,
    Stream,
}

/// The output of a tool, as it is polled.
pub async fn dump(engine: Arc<DockerEngine>, tool: &Tool, spec: &InstanceSpec) -> Result<DumpStream, RuntimeError> {
    let (running, _) = start(engine, tool, spec, Reads::Nothing).await?;
    let pieces = stream::unfold(Some(running), |running| async {
        let mut running = running?;
        match running.next().await? {
            Ok(bytes) => Some((Ok(bytes), Some(running))),
            Err(error) => Some((Err(error), None)),
        }
    });
    Ok(pieces.boxed())
}

/// Returns the output of a tool, which must be short.
pub async fn answer(engine: Arc<DockerEngine>, tool: &Tool, spec: &InstanceSpec) -> Result<String, RuntimeError> {
    let (mut running, _) = start(engine, tool, spec, Reads::Nothing).await?;
    let mut printed = Vec::new();
    while let Some(piece) = running.next().await {
        printed.extend_from_slice(&piece?);
        if printed.len() > ANSWER_LIMIT {
            return Err(RuntimeError::TooMuch { task: running.task, limit: ANSWER_LIMIT });
        }
    }
    Ok(String::from_utf8_lossy(&printed).into_owned())
}

async fn start(
    engine: Arc<DockerEngine>,
    tool: &Tool,
    spec: &InstanceSpec,
    reads: Reads,
) -> Result<(Running, Option<Input>), RuntimeError> {
    match &tool.at {
        ExecTarget::In { service } => exec::start(engine, tool, spec, service, reads).await,
        ExecTarget::OneOff { service } => one_off::start(engine, tool, spec, service, reads).await,
    }
}

/// The tool behind the word that it has started.
fn command(tool: &Tool) -> Vec<String> {
    let head = ["sh", "-c", BEGIN, "sh"].map(str::to_owned);
    head.into_iter().chain(tool.argv.iter().cloned()).collect()
}

fn environment(tool: &Tool, mark: &str) -> Vec<String> {
    let own = tool.env.iter().map(|(name, value)| format!("{name}={}", value.0));
    own.chain([format!("{MARK}={mark}")]).collect()
}

/// A mark that no other tool has.
fn new_mark() -> Result<String, RuntimeError> {
    let mut bytes = [0; 12];
    let wrong = |error| RuntimeError::Read { path: "/dev/urandom".into(), source: std::io::Error::other(error) };
    getrandom::fill(&mut bytes).map_err(wrong)?;
    Ok(HEXLOWER.encode(&bytes))
}
