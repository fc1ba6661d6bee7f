//! `fleet operator`: who may use the coordinator.

mod add;
mod ls;
mod rm;

use crate::context::Context;
use crate::exit::ExitStatus;
use clap::Subcommand;
use fleet_core::command_error::CommandError;

/// Admit, see and remove operators
#[derive(Debug, Subcommand)]
pub enum OperatorCommand {
    Add(add::OperatorAddArgs),
    #[command(visible_alias = "list")]
    Ls(ls::OperatorLsArgs),
    #[command(visible_alias = "remove")]
    Rm(rm::OperatorRmArgs),
}

pub async fn run(context: &Context, command: &OperatorCommand) -> Result<ExitStatus, CommandError> {
    match command {
        OperatorCommand::Add(args) => add::run(context, args).await,
        OperatorCommand::Ls(args) => ls::run(context, args).await,
        OperatorCommand::Rm(args) => rm::run(context, args).await,
    }
}
