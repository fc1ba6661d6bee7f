//! `fleet backup accept`.

use super::backup_id;
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::ExitStatus;
use clap::Args;
use fleet_proto::v1::AcceptBackupRequest;

/// Let a backup count that no order asked for
///
/// A host can add to its own repository. What no order asked for is listed, counts for nothing, and is never forgotten. After a
/// coordinator came back from its own backup, backups that were made since are among those. Accept only what you can explain.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  fleet backup accept 3f9a12")]
pub struct AcceptArgs {
    /// Its id, or the first digits of it
    #[arg(value_name = "BACKUP", value_parser = backup_id)]
    backup: String,
}

pub async fn run(context: &Context, args: &AcceptArgs) -> Result<ExitStatus, CommandError> {
    let request = AcceptBackupRequest { backup: args.backup.clone() };
    let session = context.session().await?;
    let view = session.ask("accept the backup", async |_| session.backups().accept_backup(request).await).await?;
    context
        .printer
        .answer(format!("{} of {}: accepted: it counts as if an order had asked for it", view.id, view.instance))?;
    Ok(ExitStatus::Done)
}
