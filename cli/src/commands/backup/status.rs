//! `fleet backup status`.

use crate::complete;
use crate::context::Context;
use crate::exit::ExitStatus;
use crate::output::{Format, OutputArgs, show_list};
use crate::show::backups::{STANDING, tally, why};
use clap::Args;
use clap_complete::ArgValueCandidates;
use fleet_core::command_error::CommandError;
use fleet_core::labels::Selector;
use fleet_core::names::InstanceName;
use fleet_proto::v1::{BackupHealthView, BackupLevel, GetBackupHealthRequest};

/// Show the health of each instance's backups, the worst first
///
/// Levels: never (there is no good backup), failing (the last backup or drill failed), late (the newest backup, or the
/// newest proof, is older than the policy allows), uncovered (no policy asks for backups, or some data of the instance
/// is in none), ok. The exit code is 1 unless all are ok, for use in scripts. Hosts that are off count.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  fleet backup status\n  fleet backup status -l site=fr -o wide\n  fleet backup status notes-1 -o json | jq '.[].proof_ms'"
)]
pub struct BackupStatusArgs {
    /// Only this instance
    #[arg(value_name = "INSTANCE", add = ArgValueCandidates::new(complete::instances))]
    instance: Option<InstanceName>,

    /// Only on hosts with these labels; see `fleet help selectors`
    #[arg(short = 'l', long, value_name = "SELECTOR", default_value = "")]
    selector: Selector,

    #[command(flatten)]
    output: OutputArgs,
}

pub async fn run(context: &Context, args: &BackupStatusArgs) -> Result<ExitStatus, CommandError> {
    let instance = args.instance.as_ref().map(ToString::to_string).unwrap_or_default();
    let request = GetBackupHealthRequest { selector: args.selector.to_string(), instance };
    let session = context.session().await?;
    let list =
        session.ask("ask how backups stand", async |_| session.backups().get_backup_health(request).await).await?;
    let look = (STANDING, (|view| view.instance.clone()) as fn(&BackupHealthView) -> String);
    show_list(context, args.output.output, &list.instances, look, "there are no instances yet")?;
    if matches!(args.output.output, Format::Table | Format::Wide) {
        why(&list.instances).into_iter().for_each(|line| context.printer.story(line));
        context.printer.story(tally(&list.instances));
    }
    let is_ok = list.instances.iter().all(|view| view.word() == BackupLevel::Ok);
    Ok(if is_ok { ExitStatus::Done } else { ExitStatus::Refused })
}
