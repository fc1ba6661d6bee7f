//! The command line of `fleet-agent`.

mod join;
mod policy;
mod run;
mod status;

use crate::metrics_server::LoopbackAddress;
use crate::policy::ORDINARY_PATH;
use crate::repository_place::AtCoordinator;
use crate::runtime::DEFAULT_SOCKET;
use clap::{Args, CommandFactory, Parser, Subcommand};
use fleet_core::command_error::CommandError;
use fleet_telemetry::{LogFormat, start_log};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

const DATA_DIR: &str = "/var/lib/fleet-agent";

/// Time for pending writes to finish when the agent stops; a name server that does not answer is not waited for.
const LAST_WRITES: Duration = Duration::from_secs(5);

const EXAMPLES: &str = "\
Examples:
  echo fleet1.6c61… | fleet-agent join -    join the fleet with the token that `fleet host add` showed
  fleet-agent join --token-file token.txt   the same, with the token from a file
  fleet-agent run                           do what the fleet asks, until told to stop
  fleet-agent status                        what this agent knows, without asking anybody
  fleet-agent policy check                  is /etc/fleet/policy.yaml well written?

Exit codes: 0 done, 1 refused, 2 the command line is wrong, 3 the coordinator cannot be reached.";

/// Performs the fleet's orders on this host. It dials out and opens no port that others reach.
#[derive(Debug, Parser)]
#[command(name = "fleet-agent", version, after_help = EXAMPLES)]
struct Agent {
    /// Format of the log on stderr.
    #[arg(long, global = true, value_name = "FORMAT", default_value = "text")]
    log_format: LogFormat,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Join the fleet with a token.
    Join(Join),
    /// Carry out the coordinator's orders until stopped.
    Run(Run),
    /// Show this agent's state, without contacting the coordinator.
    Status(Status),
    /// This host's own policy, which outranks the coordinator.
    #[command(subcommand)]
    Policy(Policy),
    /// Serve one request to a repository; for this program itself.
    #[command(hide = true)]
    RepositoryWorker,
    /// Render releases; for this program itself.
    #[command(hide = true)]
    RenderWorker,
}

#[derive(Debug, Args)]
struct Join {
    /// `-` reads the token that `fleet host add` showed from the standard input; the token itself works too, but every user of
    /// this host can read it there.
    #[arg(required_unless_present = "token_file")]
    token: Option<String>,
    /// Read the token from this file.
    #[arg(long, value_name = "FILE", conflicts_with = "token")]
    token_file: Option<PathBuf>,
    /// Directory of the agent's data.
    #[arg(long, value_name = "FOLDER", default_value = DATA_DIR)]
    data_dir: PathBuf,
    /// Reach the coordinator at this address instead of the token's.
    #[arg(long, value_name = "HOST:PORT")]
    coordinator: Option<String>,
    /// Give up the identity that this host has already.
    #[arg(long)]
    again: bool,
}

#[derive(Debug, Args)]
struct Run {
    /// Directory of the agent's data.
    #[arg(long, value_name = "FOLDER", default_value = DATA_DIR)]
    data_dir: PathBuf,
    /// The host's own policy.
    #[arg(long, value_name = "FILE", default_value = ORDINARY_PATH)]
    policy: PathBuf,
    /// The Engine's socket.
    #[arg(long, value_name = "ADDRESS", env = "DOCKER_HOST", default_value = DEFAULT_SOCKET)]
    docker_host: String,
    /// Serve this agent's metrics for Prometheus at /metrics on a loopback address, such as 127.0.0.1:9101.
    #[arg(long, value_name = "ADDR:PORT")]
    metrics: Option<LoopbackAddress>,
}

#[derive(Debug, Args)]
struct Status {
    /// Directory of the agent's data.
    #[arg(long, value_name = "FOLDER", default_value = DATA_DIR)]
    data_dir: PathBuf,
    /// The host's own policy.
    #[arg(long, value_name = "FILE", default_value = ORDINARY_PATH)]
    policy: PathBuf,
}

#[derive(Debug, Subcommand)]
enum Policy {
    /// Check that a policy file is valid, and show its meaning.
    Check {
        /// The file to read.
        #[arg(default_value = ORDINARY_PATH)]
        file: PathBuf,
    },
}

/// Everything that its command line knows.
#[must_use]
pub fn command_line() -> clap::Command {
    Agent::command()
}

/// The `fleet-agent` program of this process.
#[must_use]
pub fn main() -> ExitCode {
    let agent = Agent::parse();
    if let Command::RepositoryWorker = agent.command {
        return fleet_repository::worker::main(AtCoordinator);
    }
    if let Command::RenderWorker = agent.command {
        return fleet_render::main();
    }
    start_log(agent.log_format);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(4).build();
    let ended = match runtime {
        Ok(runtime) => {
            let ended = runtime.block_on(perform(agent.command));
            runtime.shutdown_timeout(LAST_WRITES);
            ended
        }
        Err(error) => Err(CommandError::refused("could not start").because_of(&error)),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // If stderr is closed, the exit code still reports the failure.
            let _ = writeln!(std::io::stderr(), "{}", error.lines());
            ExitCode::from(error.kind().exit_code())
        }
    }
}

async fn perform(command: Command) -> Result<(), CommandError> {
    match command {
        Command::Join(join) => join::join(join).await,
        Command::Run(run) => run::run(run).await,
        Command::Status(status) => say(&status::status(&status)?),
        Command::Policy(Policy::Check { file }) => say(&policy::check(&file)?),
        // These do not come here: they have no runtime of ours, and no log.
        Command::RepositoryWorker | Command::RenderWorker => Ok(()),
    }
}

/// Writes the answer; a reader who has gone is no fault.
fn say(text: &str) -> Result<(), CommandError> {
    let _ = std::io::stdout().write_all(text.as_bytes());
    Ok(())
}
