//! `fleet instance rm`: takes an instance off its host; its data stays unless each volume is named.

use super::show::find;
use crate::agreement;
use crate::ask;
use crate::commands::change::{Change, DetachArgs, carry_out, show_dry_run};
use crate::complete;
use crate::context::Context;
use crate::exit::ExitStatus;
use crate::words::plans;
use clap::Args;
use clap_complete::ArgValueCandidates;
use fleet_core::command_error::CommandError;
use fleet_core::grammar::count;
use fleet_core::names::InstanceName;
use fleet_proto::v1::{InstanceChange, InstanceView, RemoveInstanceRequest};

/// Remove an instance; its volumes stay on the host, unless you name them
///
/// Asks you to type the instance's name. If an instance of the same name is installed later on the same host, it
/// finds the volumes that stayed.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  fleet instance rm notes-1\n  fleet instance rm notes-1 --volume notes-1_uploads --volume notes-1_database"
)]
pub struct InstanceRmArgs {
    /// The instance to remove
    #[arg(add = ArgValueCandidates::new(complete::instances))]
    name: InstanceName,

    /// Delete this volume too, with the data in it; may be repeated
    #[arg(long = "volume", value_name = "NAME")]
    volumes: Vec<String>,

    /// Only show the plan
    #[arg(long)]
    dry_run: bool,

    /// Do not ask
    #[arg(short, long)]
    yes: bool,

    #[command(flatten)]
    detach: DetachArgs,
}

pub async fn run(context: &Context, args: &InstanceRmArgs) -> Result<ExitStatus, CommandError> {
    let name = &args.name;
    let what = format!("remove {name}");
    let session = context.session().await?;
    let instance = find(&session, name).await?;
    check_volumes(&instance, &args.volumes)?;
    let request = |dry_run, agreed| RemoveInstanceRequest {
        name: name.to_string(),
        volumes: args.volumes.clone(),
        dry_run,
        agreed,
    };
    let ask = async |request| session.ask(&what, async |mut c| c.remove_instance(request).await).await;
    let propose = async || ask(request(true, None)).await;
    if args.dry_run {
        return show_dry_run(context, &propose().await?);
    }
    let agree = |planned: &InstanceChange| {
        if !args.yes {
            plans::lines(&planned.plan).iter().for_each(|line| context.printer.tell(format!("  {line}")));
            tell_fate(context, &instance, &args.volumes);
            ask::type_the_name(context, &what, name.as_str())?;
        }
        Ok(Some(planned.plan_digest.clone()))
    };
    let start = async |_: &InstanceChange, agreed| ask(request(false, Some(agreed))).await;
    let Some(mut change) = agreement::start(context, propose, agree, start).await? else {
        return Ok(ExitStatus::Done);
    };
    if !args.yes {
        change.plan.clear();
    }
    carry_out(context, Change { what: &what, instance: name.as_str(), change }, args.detach).await
}

/// Only volumes that the instance is known to have can be deleted.
fn check_volumes(instance: &InstanceView, volumes: &[String]) -> Result<(), CommandError> {
    let Some(unknown) = volumes.iter().find(|volume| !instance.volumes.contains(volume)) else {
        return Ok(());
    };
    let error = CommandError::refused(format!("{} has no volume `{unknown}`", instance.name));
    Err(match instance.volumes.is_empty() {
        true => error.because("it has reported no volumes"),
        false => error.hint(format!("its volumes are {}", instance.volumes.join(", "))),
    })
}

fn tell_fate(context: &Context, instance: &InstanceView, volumes: &[String]) {
    let stay: Vec<&str> = instance.volumes.iter().filter(|it| !volumes.contains(it)).map(String::as_str).collect();
    if !volumes.is_empty() {
        let number = count(volumes.len(), "volume");
        context.printer.tell(format!("DELETED for ever, with the data: {number}: {}", volumes.join(", ")));
    }
    if !stay.is_empty() {
        context.printer.tell(format!("stays on {}: {}", instance.host, stay.join(", ")));
    }
}
