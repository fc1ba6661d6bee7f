//! `fleet token`: the join tokens that were made.

mod ls;
mod revoke;

use crate::context::Context;
use crate::exit::ExitStatus;
use clap::Subcommand;
use fleet_core::command_error::CommandError;

/// See and revoke join tokens
#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    #[command(visible_alias = "list")]
    Ls(ls::TokenLsArgs),
    Revoke(revoke::TokenRevokeArgs),
}

pub async fn run(context: &Context, command: &TokenCommand) -> Result<ExitStatus, CommandError> {
    match command {
        TokenCommand::Ls(args) => ls::run(context, args).await,
        TokenCommand::Revoke(args) => revoke::run(context, args).await,
    }
}
