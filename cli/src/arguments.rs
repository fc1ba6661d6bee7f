//! The command line: what is common to all commands, and how its mistakes are told.

use crate::commands::Command;
use crate::error::CommandError;
use crate::exit::ExitStatus;
use crate::printer::Printer;
use clap::Parser;
use clap::error::ErrorKind;
use fleet_core::units::Period;

/// Operates data platforms on many lab servers, centrally and safely
#[derive(Debug, Parser)]
#[command(
    name = "fleet",
    version,
    disable_help_subcommand = true,
    subcommand_required = true,
    arg_required_else_help = true,
    max_term_width = 100,
    after_help = "Further pages: `fleet help tokens`, `selectors`, `windows`, `rollouts`, `values`, `output`, `exit-codes`."
)]
pub struct Fleet {
    /// Tell only the answer, not the story
    #[arg(short, long, global = true, help_heading = "Everywhere")]
    pub quiet: bool,

    /// How long one question to the coordinator may take
    #[arg(long, global = true, default_value = "30s", value_name = "PERIOD", help_heading = "Everywhere")]
    pub timeout: Period,

    /// The login to use, where you have several (or FLEET_CONTEXT)
    #[arg(long, global = true, value_name = "NAME", help_heading = "Everywhere")]
    pub context: Option<String>,

    #[command(subcommand)]
    pub command: Command,
}

/// Tells what the reading of the command line had to say: help, the version, or what is wrong with it.
pub fn say(printer: &Printer, said: &clap::Error) -> ExitStatus {
    let text = said.render().to_string();
    match said.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => match printer.answer(text.trim_end()) {
            Ok(()) => ExitStatus::Done,
            Err(error) => error.status(),
        },
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            printer.tell(text.trim_end());
            ExitStatus::Misused
        }
        _ => {
            printer.error(&shortened(&text));
            ExitStatus::Misused
        }
    }
}

/// Makes our three lines of clap's paragraphs: what is wrong, then a tip or how it is written.
fn shortened(text: &str) -> CommandError {
    let mut paragraphs = text.split("\n\n").map(str::trim).filter(|paragraph| !paragraph.is_empty());
    let what = paragraphs.next().unwrap_or("the command line is wrong");
    let what: Vec<&str> = what.lines().map(str::trim).collect();
    let error = CommandError::misused(what.join(" ").trim_start_matches("error: "));
    let rest: Vec<&str> = paragraphs.collect();
    let tip = rest.iter().find_map(|paragraph| paragraph.lines().next().and_then(|line| line.strip_prefix("tip: ")));
    let usage =
        rest.iter().find_map(|paragraph| paragraph.strip_prefix("Usage: ")).and_then(|usage| usage.lines().next());
    match (tip, usage) {
        (Some(tip), _) => error.hint(tip),
        (None, Some(usage)) => error.hint(format!("write `{usage}`, or see `{} --help`", command_of(usage))),
        (None, None) => error.hint("see `fleet --help`"),
    }
}

/// The command of a usage line: its words before the first option or argument.
fn command_of(usage: &str) -> String {
    let is_word = |word: &&str| word.starts_with(|c: char| c.is_ascii_lowercase());
    usage.split(' ').take_while(is_word).collect::<Vec<_>>().join(" ")
}
