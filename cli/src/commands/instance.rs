//! `fleet instance`: the releases that run on hosts.

mod ls;
mod power;
mod rm;
mod set;
pub mod show;

use crate::context::Context;
use crate::exit::ExitStatus;
use clap::Subcommand;
use fleet_core::command_error::CommandError;
use fleet_proto::v1::PowerAction;
use power::PowerArgs;

/// See, change, start, stop and remove instances
#[derive(Debug, Subcommand)]
pub enum InstanceCommand {
    #[command(visible_alias = "list")]
    Ls(ls::InstanceLsArgs),
    Show(show::InstanceShowArgs),
    Set(set::InstanceSetArgs),
    /// Start a stopped instance
    Start(PowerArgs),
    /// Stop an instance: its containers stop, its data stays
    Stop(PowerArgs),
    /// Stop and start an instance
    Restart(PowerArgs),
    #[command(visible_alias = "remove")]
    Rm(rm::InstanceRmArgs),
}

pub async fn run(context: &Context, command: &InstanceCommand) -> Result<ExitStatus, CommandError> {
    match command {
        InstanceCommand::Ls(args) => ls::run(context, args).await,
        InstanceCommand::Show(args) => show::run(context, args).await,
        InstanceCommand::Set(args) => set::run(context, args).await,
        InstanceCommand::Start(args) => power::run(context, PowerAction::Start, args).await,
        InstanceCommand::Stop(args) => power::run(context, PowerAction::Stop, args).await,
        InstanceCommand::Restart(args) => power::run(context, PowerAction::Restart, args).await,
        InstanceCommand::Rm(args) => rm::run(context, args).await,
    }
}
