//! `fleet restore`: restores an instance's data, in place or on another host.

use super::change::{Change, DetachArgs, carry_out, show_dry_run};
use crate::agreement;
use crate::ask;
use crate::complete;
use crate::context::Context;
use crate::exit::ExitStatus;
use crate::input::ValueArgs;
use crate::words::plans;
use clap::Args;
use clap_complete::ArgValueCandidates;
use fleet_core::backup::moment;
use fleet_core::command_error::CommandError;
use fleet_core::names::{HostName, InstanceName, RepositoryName, StoreName};
use fleet_core::time::Time;
use fleet_proto::v1::{InstanceChange, RestoreRequest};

/// Restore an instance's data from a backup, in place or as a new instance
///
/// The present data is backed up before, unless --no-safety is given; data written between that backup and the stop is
/// lost. If the restore fails, the instance is put back as it was; a bucket goes back to its state in the safety
/// backup. A database server's whole folder is replaced. If it holds databases or accounts that are in no store, the
/// restore is refused and names them, unless --drop-others allows their loss. Settings, access rules, keys and lists of
/// accounts in that folder come back from the backup. With --to and --name, no existing instance is changed: a new one
/// is created on that host from the backup alone. A backup that another release made is refused in place, unless
/// --with-release returns the instance to that release, with the values of then; this is the way back from an upgrade whose
/// data was migrated.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  fleet restore notes-1 --dry-run\n  fleet restore notes-1 --at 2026-11-19T18:00:00Z\n  fleet restore notes-1 --backup 3f9a12 --only notebook --yes\n  fleet restore notes-1 --backup 3f9a12 --with-release\n  fleet restore notes-1 --to lab-7 --name notes-1b --set port=8090"
)]
pub struct RestoreArgs {
    /// Instance whose backup is restored
    #[arg(value_name = "INSTANCE", add = ArgValueCandidates::new(complete::instances))]
    instance: InstanceName,

    /// Time of the data, as 2026-11-19T18:00:00Z: the newest backup that is not newer is used
    #[arg(long, value_name = "TIME", value_parser = moment, conflicts_with = "backup")]
    at: Option<Time>,

    /// This backup
    #[arg(long, value_name = "BACKUP", value_parser = super::backup::backup_id)]
    backup: Option<String>,

    /// The copy in this repository
    #[arg(long, value_name = "REPOSITORY")]
    from: Option<RepositoryName>,

    /// Only this store; may be repeated
    #[arg(long, value_name = "STORE")]
    only: Vec<StoreName>,

    /// Do not back up the present data; a bucket cannot be undone then
    #[arg(long)]
    no_safety: bool,

    /// Accept the loss of data that the backup lacks: databases that are in no store, files beside a dump that could
    /// not be kept
    #[arg(long)]
    drop_others: bool,

    /// Keep setuid and setgid bits and file capabilities of a backup that is not known to be from the same host
    #[arg(long)]
    keep_privileged_bits: bool,

    /// Return to the release that made the backup, with its values, if the instance has another one now
    #[arg(long, conflicts_with_all = ["only", "to"])]
    with_release: bool,

    /// Make a new instance on this host
    #[arg(long, value_name = "HOST", requires = "name", add = ArgValueCandidates::new(complete::hosts))]
    to: Option<HostName>,

    /// The name of the new instance
    #[arg(long, requires = "to")]
    name: Option<InstanceName>,

    #[command(flatten)]
    values: ValueArgs,

    /// Only show the plan
    #[arg(long)]
    dry_run: bool,

    /// Agree beforehand
    #[arg(short, long)]
    yes: bool,

    #[command(flatten)]
    detach: DetachArgs,
}

pub async fn run(context: &Context, args: &RestoreArgs) -> Result<ExitStatus, CommandError> {
    let target = args.name.as_ref().unwrap_or(&args.instance);
    let what = format!("restore {target}");
    let asked = RestoreRequest {
        instance: args.instance.to_string(),
        backup: args.backup.clone().unwrap_or_default(),
        at_ms: args.at.map_or(0, |at| at.0),
        repository: args.from.as_ref().map(ToString::to_string).unwrap_or_default(),
        only: args.only.iter().map(ToString::to_string).collect(),
        no_safety: args.no_safety,
        dry_run: true,
        to_host: args.to.as_ref().map(ToString::to_string).unwrap_or_default(),
        name: args.name.as_ref().map(ToString::to_string).unwrap_or_default(),
        values: args.values.read(context)?,
        drop_others: args.drop_others,
        keep_privileged_bits: args.keep_privileged_bits,
        agreed: None,
        with_release: args.with_release,
    };
    let session = context.session().await?;
    let ask = async |request| session.ask(&what, async |_| session.backups().restore(request).await).await;
    let propose = async || ask(asked.clone()).await;
    if args.dry_run {
        return show_dry_run(context, &propose().await?);
    }
    let is_in_place = args.to.is_none();
    let agree = |proposed: &InstanceChange| {
        if is_in_place && !args.yes {
            plans::lines(&proposed.plan).iter().for_each(|line| context.printer.tell(format!("  {line}")));
            ask::agree(context, &what, &format!("Replace the data of {target}?"))?;
        }
        Ok(Some(proposed.plan_digest.clone()))
    };
    // The confirmed plan is carried out with the exact backup that was shown, even if newer ones exist.
    let start = async |proposed: &InstanceChange, agreed| {
        let (backup, agreed) = (proposed.backup.clone(), Some(agreed));
        ask(RestoreRequest { dry_run: false, backup, at_ms: 0, agreed, ..asked.clone() }).await
    };
    let Some(change) = agreement::start(context, propose, agree, start).await? else { return Ok(ExitStatus::Done) };
    carry_out(context, Change { what: &what, instance: target.as_str(), change }, args.detach).await
}
