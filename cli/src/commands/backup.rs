//! `fleet backup`: health of backups, and actions on them.

mod accept;
mod diff;
mod drill;
mod extract;
mod hold;
mod kit;
mod ls;
mod now;
mod policy;
mod repository;
mod show;
mod status;
mod verify;

use crate::context::Context;
use crate::exit::ExitStatus;
use clap::Subcommand;
use fleet_core::command_error::CommandError;
use hold::HoldArgs;

pub use hold::backup_id;

/// See, take, prove, hold and get back backups; see `fleet help backups`
#[derive(Debug, Subcommand)]
pub enum BackupCommand {
    Status(status::BackupStatusArgs),
    Now(now::BackupNowArgs),
    #[command(visible_alias = "list")]
    Ls(ls::BackupLsArgs),
    Show(show::BackupShowArgs),
    Diff(diff::BackupDiffArgs),
    /// Protect a backup from removal
    Hold(HoldArgs),
    /// Let a backup that was held be forgotten again
    Release(HoldArgs),
    Accept(accept::AcceptArgs),
    Verify(verify::BackupVerifyArgs),
    Drill(drill::BackupDrillArgs),
    #[command(subcommand)]
    Policy(policy::PolicyCommand),
    #[command(subcommand)]
    Repository(repository::RepositoryCommand),
    RecoveryKit(kit::RecoveryKitArgs),
    Extract(extract::BackupExtractArgs),
}

pub async fn run(context: &Context, command: &BackupCommand) -> Result<ExitStatus, CommandError> {
    match command {
        BackupCommand::Status(args) => status::run(context, args).await,
        BackupCommand::Now(args) => now::run(context, args).await,
        BackupCommand::Ls(args) => ls::run(context, args).await,
        BackupCommand::Show(args) => show::run(context, args).await,
        BackupCommand::Diff(args) => diff::run(context, args).await,
        BackupCommand::Hold(args) => hold::run(context, args, hold::HoldAction::Hold).await,
        BackupCommand::Release(args) => hold::run(context, args, hold::HoldAction::Release).await,
        BackupCommand::Accept(args) => accept::run(context, args).await,
        BackupCommand::Verify(args) => verify::run(context, args).await,
        BackupCommand::Drill(args) => drill::run(context, args).await,
        BackupCommand::Policy(command) => policy::run(context, command).await,
        BackupCommand::Repository(command) => repository::run(context, command).await,
        BackupCommand::RecoveryKit(args) => kit::run(context, args).await,
        BackupCommand::Extract(args) => extract::run(context, args).await,
    }
}
