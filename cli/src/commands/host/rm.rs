//! `fleet host rm`: takes a host out of the fleet and revokes its certificate.

use super::show::find;
use crate::ask;
use crate::complete;
use crate::context::Context;
use crate::exit::ExitStatus;
use clap::Args;
use clap_complete::ArgValueCandidates;
use fleet_core::command_error::CommandError;
use fleet_core::grammar::count;
use fleet_core::names::HostName;
use fleet_proto::v1::RemoveHostRequest;

/// Take a host out of the fleet and revoke its certificate
///
/// Nothing is stopped or deleted on the host: its containers keep running, without the fleet.
#[derive(Debug, Args)]
pub struct HostRmArgs {
    /// The host to remove
    #[arg(add = ArgValueCandidates::new(complete::hosts))]
    name: HostName,

    /// Also when it has instances: the fleet forgets them, the host keeps them
    #[arg(long)]
    with_instances: bool,

    /// Do not ask
    #[arg(short, long)]
    yes: bool,
}

pub async fn run(context: &Context, args: &HostRmArgs) -> Result<ExitStatus, CommandError> {
    let name = &args.name;
    let what = format!("remove the host {name}");
    let session = context.session().await?;
    let host = find(&session, name).await?;
    if !host.instances.is_empty() && !args.with_instances {
        return Err(CommandError::refused(format!("could not {what}"))
            .because(format!("it has {}: {}", count(host.instances.len(), "instance"), host.instances.join(", ")))
            .hint("remove them first (`fleet instance rm`), or let the fleet forget them with --with-instances"));
    }
    if !args.yes {
        context.printer.tell(format!("{name} leaves the fleet: its certificate is revoked, its link is cut."));
        if !host.instances.is_empty() {
            let names = host.instances.join(", ");
            context.printer.tell(format!("The fleet forgets {names}; what runs on the host goes on running."));
        }
        ask::agree(context, &what, &format!("Remove {name}?"))?;
    }
    let request = RemoveHostRequest { name: name.to_string(), with_instances: args.with_instances };
    let reply = session.ask(&what, async |mut c| c.remove_host(request).await).await?;
    context.printer.story(format!("{name} is no longer part of the fleet"));
    for instance in reply.forgotten_instances {
        context.printer.story(format!("forgot the instance {instance}; what runs of it on {name} is as it was"));
    }
    Ok(ExitStatus::Done)
}
