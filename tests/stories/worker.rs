//! Program that the agents and the coordinator of a story start for work on repositories: an agent's.

use std::process::ExitCode;

fn main() -> ExitCode {
    fleet_agent::main()
}
