//! `fleet help`: commands, and pages about common subjects.

use crate::arguments::Fleet;
use crate::context::Context;
use crate::exit::ExitStatus;
use clap::{Args, Command, CommandFactory};
use fleet_core::command_error::CommandError;

/// Show help about a command, or a page: backups, tokens, selectors, windows, rollouts, values, output, exit-codes
#[derive(Debug, Args)]
pub struct HelpArgs {
    /// A command's words, or the name of a page
    #[arg(value_name = "COMMAND|PAGE")]
    subject: Vec<String>,
}

const PAGES: [(&str, &str); 8] = [
    ("backups", include_str!("../topics/backups.txt")),
    ("exit-codes", include_str!("../topics/exit-codes.txt")),
    ("output", include_str!("../topics/output.txt")),
    ("rollouts", include_str!("../topics/rollouts.txt")),
    ("selectors", include_str!("../topics/selectors.txt")),
    ("tokens", include_str!("../topics/tokens.txt")),
    ("values", include_str!("../topics/values.txt")),
    ("windows", include_str!("../topics/windows.txt")),
];

pub fn run(context: &Context, args: &HelpArgs) -> Result<ExitStatus, CommandError> {
    let page = PAGES.iter().find(|(name, _)| args.subject == [*name]).map(|(_, text)| (*text).to_owned());
    let text = match page {
        Some(text) => text,
        None => command_help(&args.subject)?,
    };
    context.printer.answer(text.trim_end())?;
    Ok(ExitStatus::Done)
}

fn command_help(words: &[String]) -> Result<String, CommandError> {
    let mut root = Fleet::command();
    root.build();
    let mut command: &mut Command = &mut root;
    for word in words {
        command = command.find_subcommand_mut(word).ok_or_else(|| unknown(words))?;
    }
    Ok(command.render_long_help().to_string())
}

fn unknown(words: &[String]) -> CommandError {
    let pages: Vec<_> = PAGES.iter().map(|(name, _)| *name).collect();
    CommandError::misused(format!("there is no help about `{}`", words.join(" ")))
        .hint(format!("`fleet --help` lists the commands; the pages are {}", pages.join(", ")))
}
