//! What the agents and the coordinator of a story start for work on repositories: an agent's program.

use std::process::ExitCode;

fn main() -> ExitCode {
    fleet_agent::main()
}
