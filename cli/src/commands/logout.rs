//! `fleet logout`: forgets a login.

use crate::context::Context;
use crate::exit::ExitStatus;
use crate::folder;
use clap::Args;
use fleet_core::command_error::CommandError;

/// Forget the login on this machine
///
/// The coordinator still knows you, but you need a new token to log in again. To revoke a person's access, use
/// `fleet operator rm`.
#[derive(Debug, Args)]
pub struct LogoutArgs {}

pub fn run(context: &Context, _args: &LogoutArgs) -> Result<ExitStatus, CommandError> {
    match folder::forget(context)? {
        true => context.printer.story("logged out"),
        false => context.printer.story("you were not logged in"),
    }
    Ok(ExitStatus::Done)
}
