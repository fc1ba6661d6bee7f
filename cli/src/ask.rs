//! Questions to the person at the terminal.
//!
//! **Invariant:** if no person can answer, nothing is assumed: the command is refused, with the option that agrees.

use crate::context::Context;
use fleet_core::command_error::CommandError;
use std::sync::PoisonError;

/// The most bytes of a line that is read.
const LINE_LIMIT: usize = 64 * 1024;

/// Asks for confirmation. `what` completes "could not …".
pub fn agree(context: &Context, what: &str, question: &str) -> Result<(), CommandError> {
    let said = reply(context, what, &format!("{question} [y/N] "))?;
    match said.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(CommandError::refused(format!("did not {what}")).because("you did not agree; nothing was changed")),
    }
}

/// Asks for a name to be typed, before something irreversible.
pub fn type_the_name(context: &Context, what: &str, name: &str) -> Result<(), CommandError> {
    let said = reply(context, what, &format!("Type `{name}` to go on: "))?;
    if said.trim() == name {
        return Ok(());
    }
    Err(CommandError::refused(format!("did not {what}")).because("the name was not typed; nothing was changed"))
}

fn reply(context: &Context, what: &str, question: &str) -> Result<String, CommandError> {
    if !context.stdin.is_terminal {
        return Err(CommandError::misused(format!("could not {what}"))
            .because("it must be agreed to, and nobody can be asked: this is no terminal")
            .hint("add --yes to agree beforehand"));
    }
    context.printer.ask(question);
    read_line(context)
}

/// Reads a line of standard input.
pub fn read_line(context: &Context) -> Result<String, CommandError> {
    let mut line = Vec::new();
    let mut reader = context.stdin.reader.lock().unwrap_or_else(PoisonError::into_inner);
    let mut bounded = std::io::Read::take(&mut *reader, LINE_LIMIT as u64);
    std::io::BufRead::read_until(&mut bounded, b'\n', &mut line)
        .map_err(|error| CommandError::refused("could not read standard input").because(error))?;
    Ok(String::from_utf8_lossy(&line).into_owned())
}

/// Reads all of standard input, up to a bound.
pub fn read_all(context: &Context, limit: usize) -> Result<String, CommandError> {
    let mut text = Vec::new();
    let mut reader = context.stdin.reader.lock().unwrap_or_else(PoisonError::into_inner);
    let mut bounded = std::io::Read::take(&mut *reader, limit as u64 + 1);
    std::io::Read::read_to_end(&mut bounded, &mut text)
        .map_err(|error| CommandError::refused("could not read standard input").because(error))?;
    if text.len() > limit {
        return Err(CommandError::refused("could not read standard input").because("there is too much of it"));
    }
    Ok(String::from_utf8_lossy(&text).into_owned())
}
