//! `fleet backup drill`.

use super::hold::backup_id;
use crate::commands::change::{Change, DetachArgs, carry_out};
use crate::complete;
use crate::context::Context;
use crate::exit::ExitStatus;
use clap::Args;
use clap_complete::ArgValueCandidates;
use fleet_core::command_error::CommandError;
use fleet_core::names::{InstanceName, RepositoryName};
use fleet_proto::v1::DrillRequest;

/// Restore a backup into a sandbox and check it: only this makes it proven
///
/// The instance itself is not touched. What was made for the drill is removed, whatever it finds.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  fleet backup drill notes-1\n  fleet backup drill notes-1 --backup 3f9a12 --from offsite"
)]
pub struct BackupDrillArgs {
    /// The instance whose backup is proven
    #[arg(value_name = "INSTANCE", add = ArgValueCandidates::new(complete::instances))]
    instance: InstanceName,

    /// This one rather than the newest
    #[arg(long, value_name = "BACKUP", value_parser = backup_id)]
    backup: Option<String>,

    /// The copy in this repository
    #[arg(long, value_name = "REPOSITORY")]
    from: Option<RepositoryName>,

    #[command(flatten)]
    detach: DetachArgs,
}

pub async fn run(context: &Context, args: &BackupDrillArgs) -> Result<ExitStatus, CommandError> {
    let request = DrillRequest {
        instance: args.instance.to_string(),
        backup: args.backup.clone().unwrap_or_default(),
        repository: args.from.as_ref().map(ToString::to_string).unwrap_or_default(),
    };
    let what = format!("drill {}", args.instance);
    let session = context.session().await?;
    let change = session.ask(&what, async |_| session.backups().drill(request).await).await?;
    carry_out(context, Change { what: &what, instance: args.instance.as_str(), change }, args.detach).await
}
