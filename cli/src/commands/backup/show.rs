//! `fleet backup show`.

use super::hold::backup_id;
use crate::context::Context;
use crate::exit::ExitStatus;
use crate::output::{OutputArgs, show_one};
use crate::show::backups;
use clap::Args;
use fleet_core::command_error::CommandError;
use fleet_proto::v1::ShowBackupRequest;

/// Show one backup: its parts, sizes and times, the locations of its copies and their proofs
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  fleet backup show 3f9a12\n  fleet backup show 3f9a12 -o yaml")]
pub struct BackupShowArgs {
    /// Its id, or the first digits of it
    #[arg(value_name = "BACKUP", value_parser = backup_id)]
    backup: String,

    #[command(flatten)]
    output: OutputArgs,
}

pub async fn run(context: &Context, args: &BackupShowArgs) -> Result<ExitStatus, CommandError> {
    let request = ShowBackupRequest { backup: args.backup.clone() };
    let session = context.session().await?;
    let detail = session.ask("show the backup", async |_| session.backups().show_backup(request).await).await?;
    let now = context.now();
    show_one(context, args.output.output, &detail, (|detail| backups::lines(detail, now), &args.backup))?;
    Ok(ExitStatus::Done)
}
