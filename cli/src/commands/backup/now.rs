//! `fleet backup now`.

use crate::commands::change::{Change, DetachArgs, carry_out};
use crate::complete;
use crate::context::Context;
use crate::exit::ExitStatus;
use clap::Args;
use clap_complete::ArgValueCandidates;
use fleet_core::command_error::CommandError;
use fleet_core::labels::Selector;
use fleet_core::names::{InstanceName, RepositoryName};
use fleet_proto::v1::{BackUpRequest, InstanceChange};

/// Take a backup now, and follow it to its end
///
/// A few run at a time in the whole fleet; the others wait. For the schedule, a requested backup counts like any other.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  fleet backup now notes-1\n  fleet backup now -l site=fr --to offsite\n  fleet backup now -l '' --detach    # all"
)]
pub struct BackupNowArgs {
    /// The instances to back up
    #[arg(value_name = "INSTANCE", required_unless_present = "selector", add = ArgValueCandidates::new(complete::instances))]
    instances: Vec<InstanceName>,

    /// Also those on hosts with these labels; '' is all
    #[arg(short = 'l', long, value_name = "SELECTOR")]
    selector: Option<Selector>,

    /// Repository to back up into, in place of those of its policy; may be repeated
    #[arg(long, value_name = "REPOSITORY")]
    to: Vec<RepositoryName>,

    #[command(flatten)]
    detach: DetachArgs,
}

pub async fn run(context: &Context, args: &BackupNowArgs) -> Result<ExitStatus, CommandError> {
    let request = BackUpRequest {
        instances: args.instances.iter().map(ToString::to_string).collect(),
        selector: args.selector.as_ref().map(ToString::to_string),
        to: args.to.iter().map(ToString::to_string).collect(),
    };
    let session = context.session().await?;
    let reply = session.ask("back up", async |_| session.backups().back_up(request).await).await?;
    let mut worst = ExitStatus::Done;
    // They run in parallel; each is followed in turn, and a failed one does not hide the others.
    for change in reply.changes {
        match follow(context, change, args.detach).await {
            Ok(ExitStatus::Left) => return Ok(ExitStatus::Left),
            Ok(_) => {}
            Err(error) => {
                context.printer.error(&error);
                worst = ExitStatus::from(&error);
            }
        }
    }
    Ok(worst)
}

async fn follow(context: &Context, change: InstanceChange, detach: DetachArgs) -> Result<ExitStatus, CommandError> {
    let name = change.instance.as_ref().map(|view| view.name.clone()).unwrap_or_default();
    let what = format!("back up {name}");
    carry_out(context, Change { what: &what, instance: &name, change }, detach).await
}
