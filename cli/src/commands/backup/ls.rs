//! `fleet backup ls`.

use crate::complete;
use crate::context::Context;
use crate::exit::ExitStatus;
use crate::output::{OutputArgs, show_list};
use crate::show::backups::{BACKUPS, Row, rows};
use clap::Args;
use clap_complete::ArgValueCandidates;
use fleet_core::command_error::CommandError;
use fleet_core::names::InstanceName;
use fleet_proto::v1::ListBackupsRequest;

/// List the backups of an instance, the newest first, each with why it stays or may go
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  fleet backup ls notes-1\n  fleet backup ls notes-1 -o json")]
pub struct BackupLsArgs {
    /// Instance that was backed up
    #[arg(value_name = "INSTANCE", add = ArgValueCandidates::new(complete::instances))]
    instance: InstanceName,

    #[command(flatten)]
    output: OutputArgs,
}

pub async fn run(context: &Context, args: &BackupLsArgs) -> Result<ExitStatus, CommandError> {
    let request = ListBackupsRequest { instance: args.instance.to_string() };
    let session = context.session().await?;
    let list = session.ask("list the backups", async |_| session.backups().list_backups(request).await).await?;
    let none = format!("there is no backup of {0} yet: `fleet backup now {0}`", args.instance);
    let rows = rows(list.backups);
    show_list(context, args.output.output, &rows, (BACKUPS, (|row| row.id.clone()) as fn(&Row) -> String), &none)?;
    Ok(ExitStatus::Done)
}
