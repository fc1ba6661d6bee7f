//! `fleet backup accept`.

use super::backup_id;
use crate::context::Context;
use crate::exit::ExitStatus;
use clap::Args;
use fleet_core::command_error::CommandError;
use fleet_proto::v1::AcceptBackupRequest;

/// Let a backup count that no order asked for, or choose which snapshot it is
///
/// A host can add to its own repository. Backups that no order asked for are listed, count for nothing, and are never
/// removed. After a restore of the coordinator from its own backup, later backups are among those. Accept only backups
/// that you can explain.
///
/// A backup is damaged if several snapshots carry its id and none is recorded as the right one, or if the recorded one
/// is gone. Then `--snapshot` selects one. Without it, the snapshots are shown.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  fleet backup accept 3f9a12\n  fleet backup accept 3f9a12 --snapshot 9d04c1")]
pub struct AcceptArgs {
    /// Its id, or the first digits of it
    #[arg(value_name = "BACKUP", value_parser = backup_id)]
    backup: String,
    /// The snapshot that is the backup, or the first digits of it
    #[arg(long, value_name = "ID")]
    snapshot: Option<String>,
}

pub async fn run(context: &Context, args: &AcceptArgs) -> Result<ExitStatus, CommandError> {
    let request =
        AcceptBackupRequest { backup: args.backup.clone(), snapshot: args.snapshot.clone().unwrap_or_default() };
    let session = context.session().await?;
    let view = session.ask("accept the backup", async |_| session.backups().accept_backup(request).await).await?;
    context
        .printer
        .answer(format!("{} of {}: accepted: it counts as if an order had asked for it", view.id, view.instance))?;
    Ok(ExitStatus::Done)
}
