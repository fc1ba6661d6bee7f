//! `fleet-coordinator`: makes a coordinator, serves it, and carries its facts out and in.

use clap::Parser;
use fleet_coordinator::command::{Command, run};
use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;

/// Ten thousand hosts that answer at once are many small allocations on many threads.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let command = Command::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(false)
        .with_ansi(is_coloured())
        .init();
    match run(command) {
        Ok(code) => code,
        Err(error) => {
            // Where stderr is gone, the exit code still speaks.
            let _ = writeln!(std::io::stderr(), "{}", error.lines());
            ExitCode::from(error.kind().exit_code())
        }
    }
}

fn is_coloured() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
