//! `fleet-coordinator`: makes a coordinator, serves it, and carries its facts out and in.

use clap::Parser;
use fleet_coordinator::command::{Command, run};
use fleet_telemetry::start_log;
use std::io::Write;
use std::process::ExitCode;

/// Ten thousand hosts that answer at once cause many small allocations on many threads.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let command = Command::parse();
    start_log(command.log_format);
    match run(command) {
        Ok(code) => code,
        Err(error) => {
            // If stderr is closed, the exit code still reports the failure.
            let _ = writeln!(std::io::stderr(), "{}", error.lines());
            ExitCode::from(error.kind().exit_code())
        }
    }
}
