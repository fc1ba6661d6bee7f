//! Output for help requests and wrong command lines: three lines instead of a page.

use crate::exit::ExitStatus;
use crate::printer::Printer;
use clap::Command;
use clap::error::ErrorKind;
use fleet_core::command_error::CommandError;
use std::error::Error;
use std::ffi::OsString;

/// Prints the result of parsing the command line: help, the version, or its error.
pub fn say(printer: &Printer, said: &clap::Error, command: &Command, arguments: &[OsString]) -> ExitStatus {
    let text = said.render().to_string();
    match said.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => match printer.answer(text.trim_end()) {
            Ok(()) => ExitStatus::Done,
            Err(error) => ExitStatus::from(&error),
        },
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            printer.tell(text.trim_end());
            ExitStatus::Misused
        }
        _ => {
            printer.error(&shortened(said, &text, &verb(command, arguments)));
            ExitStatus::Misused
        }
    }
}

/// Makes our lines from clap's text: the problem, then a tip or the usage.
fn shortened(said: &clap::Error, text: &str, verb: &str) -> CommandError {
    let mut paragraphs = text.split("\n\n").map(str::trim).filter(|paragraph| !paragraph.is_empty());
    let first = paragraphs.next().unwrap_or("the command line is wrong");
    let first: Vec<&str> = first.lines().map(str::trim).collect();
    // If a value was not parsed, our own types describe best what they expect.
    let error = match said.source() {
        Some(ours) if said.kind() == ErrorKind::ValueValidation => CommandError::misused(ours),
        Some(_) | None => CommandError::misused(first.join(" ").trim_start_matches("error: ")),
    };
    let rest: Vec<&str> = paragraphs.collect();
    let after = |start: &str| rest.iter().find_map(|it| it.strip_prefix(start)).and_then(|it| it.lines().next());
    match (after("tip: "), after("Usage: ")) {
        (Some(tip), _) => error.hint(tip),
        (None, Some(usage)) => error.hint(format!("write `{usage}`, or see `{verb} --help`")),
        (None, None) => error.hint(format!("see `{verb} --help`")),
    }
}

/// The words of a command line that name its command.
fn verb(command: &Command, arguments: &[OsString]) -> String {
    let mut words = vec![command.get_name().to_owned()];
    let mut place = command;
    for word in arguments.iter().skip(1) {
        if let Some(found) = word.to_str().and_then(|word| place.find_subcommand(word)) {
            words.push(found.get_name().to_owned());
            place = found;
        }
    }
    words.join(" ")
}
