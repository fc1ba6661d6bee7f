//! `fleet backup diff`.

use super::hold::backup_id;
use crate::context::Context;
use crate::exit::ExitStatus;
use crate::output::{OutputArgs, show_one};
use crate::words::differences;
use clap::Args;
use fleet_core::command_error::CommandError;
use fleet_proto::v1::DiffBackupsRequest;

/// Show the differences of two backups: release, values, images, and the size and counts of each store
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  fleet backup diff 3f9a12 81c04e")]
pub struct BackupDiffArgs {
    /// The id of the older one, or the first digits of it
    #[arg(value_name = "OLDER", value_parser = backup_id)]
    older: String,

    /// The id of the newer one, or the first digits of it
    #[arg(value_name = "NEWER", value_parser = backup_id)]
    newer: String,

    #[command(flatten)]
    output: OutputArgs,
}

pub async fn run(context: &Context, args: &BackupDiffArgs) -> Result<ExitStatus, CommandError> {
    let request = DiffBackupsRequest { older: args.older.clone(), newer: args.newer.clone() };
    let session = context.session().await?;
    let found = session.ask("compare the backups", async |_| session.backups().diff_backups(request).await).await?;
    show_one(context, args.output.output, &found, (differences::lines, &args.newer))?;
    Ok(ExitStatus::Done)
}
