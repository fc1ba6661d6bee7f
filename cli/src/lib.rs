//! Turns an operator's words into requests, and answers into text.
//!
//! **Invariant:** nothing is decided here. The coordinator returns what will be done, and the command shows it. All
//! text goes through the [`Printer`](printer::Printer), which lets no control character of a host reach a terminal.

#![warn(missing_docs)]

mod agreement;
mod arguments;
mod ask;
mod choices;
mod commands;
mod complete;
mod context;
mod environment;
mod exit;
mod folder;
mod follow;
mod format;
mod input;
mod last_shown;
mod misuse;
mod output;
mod painted;
mod printer;
mod session;
mod show;
mod words;

pub use environment::{Environment, Input, Output};
pub use exit::ExitStatus;
pub use words::shown as words_of;

use arguments::Fleet;
use clap::{CommandFactory, FromArgMatches};
use context::Context;
use fleet_core::command_error::CommandError;
use fleet_render::Renderer;
use printer::Printer;
use std::ffi::OsString;
use std::process::ExitCode;

/// The `fleet` command of this process.
#[must_use]
pub fn main() -> ExitCode {
    // A process of its own that renders for a command: no completion, no runtime, nothing of the operator's.
    if std::env::args_os().nth(1).is_some_and(|first| first == fleet_render::SUBCOMMAND) {
        return fleet_render::main();
    }
    complete::answer_the_shell();
    run(&std::env::args_os().collect::<Vec<_>>(), Environment::of_process()).into()
}

/// Everything that its command line knows.
#[must_use]
pub fn command_line() -> clap::Command {
    Fleet::command()
}

/// Runs a command line in an environment.
#[must_use]
pub fn run(arguments: &[OsString], environment: Environment) -> ExitStatus {
    fleet_proto::words::set_wording(words::shown);
    let Environment { folder, name, stdin, stdout, stderr, colour, clock, worker } = environment;
    let printer = Printer::new(stdout, stderr, colour);
    let mut command = Fleet::command();
    let read = command.try_get_matches_from_mut(arguments).and_then(|matches| Fleet::from_arg_matches(&matches));
    let fleet = match read {
        Ok(fleet) => fleet,
        Err(said) => return misuse::say(&printer, &said, &command, arguments),
    };
    let printer = printer.quiet(fleet.quiet);
    let name = fleet.context.clone().or(name);
    let timeout = fleet.timeout.as_duration();
    let context = Context { printer, stdin, clock, home: folder, name, timeout, renderer: Renderer::new(worker) };
    // The connection has a thread of its own: it answers the coordinator's pings while a pager takes no output.
    let ended = match tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build() {
        Ok(runtime) => runtime.block_on(commands::run(&context, &fleet.command)),
        Err(source) => Err(CommandError::refused("could not start").because(source)),
    };
    ended.unwrap_or_else(|error| {
        context.printer.error(&error);
        ExitStatus::from(&error)
    })
}
