//! `fleet host show`: shows all facts about one host.

use crate::complete;
use crate::context::Context;
use crate::exit::ExitStatus;
use crate::output::{OutputArgs, show_one};
use crate::session::Session;
use crate::show::hosts;
use clap::Args;
use clap_complete::ArgValueCandidates;
use fleet_core::command_error::CommandError;
use fleet_core::names::HostName;
use fleet_proto::v1::{HostView, ListHostsRequest};

/// Show one host: its link, its labels, its instances, and its policy
#[derive(Debug, Args)]
pub struct HostShowArgs {
    /// The host to show
    #[arg(add = ArgValueCandidates::new(complete::hosts))]
    name: HostName,

    #[command(flatten)]
    output: OutputArgs,
}

pub async fn run(context: &Context, args: &HostShowArgs) -> Result<ExitStatus, CommandError> {
    let session = context.session().await?;
    let host = find(&session, &args.name).await?;
    show_one(context, args.output.output, &host, (|host: &HostView| hosts::lines(host, context.now()), &host.name))?;
    Ok(ExitStatus::Done)
}

/// The host of this name.
pub async fn find(session: &Session, name: &HostName) -> Result<HostView, CommandError> {
    let request = ListHostsRequest { selector: String::new(), name: name.to_string() };
    let what = format!("find the host {name}");
    let list = session.ask(&what, async |mut c| c.list_hosts(request).await).await?;
    let found = list.hosts.into_iter().find(|host| host.name == name.as_str());
    found.ok_or_else(|| CommandError::refused(format!("there is no host {name}")).hint("`fleet host ls` lists them"))
}
