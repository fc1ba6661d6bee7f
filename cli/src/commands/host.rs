//! `fleet host`: the machines with an agent.

mod add;
mod ls;
mod rm;
mod show;

use crate::context::Context;
use crate::exit::ExitStatus;
use clap::Subcommand;
use fleet_core::command_error::CommandError;

/// Add, see and remove hosts
#[derive(Debug, Subcommand)]
pub enum HostCommand {
    Add(add::HostAddArgs),
    #[command(visible_alias = "list")]
    Ls(ls::HostLsArgs),
    Show(show::HostShowArgs),
    #[command(visible_alias = "remove")]
    Rm(rm::HostRmArgs),
}

pub async fn run(context: &Context, command: &HostCommand) -> Result<ExitStatus, CommandError> {
    match command {
        HostCommand::Add(args) => add::run(context, args).await,
        HostCommand::Ls(args) => ls::run(context, args).await,
        HostCommand::Show(args) => show::run(context, args).await,
        HostCommand::Rm(args) => rm::run(context, args).await,
    }
}
