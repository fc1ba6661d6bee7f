//! The `fleet-agent` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    fleet_agent::main()
}
