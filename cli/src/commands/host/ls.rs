//! `fleet host ls`: the hosts, or those that a selector picks.

use crate::context::Context;
use crate::exit::ExitStatus;
use crate::output::{OutputArgs, show_list};
use crate::show::hosts;
use clap::Args;
use fleet_core::command_error::CommandError;
use fleet_core::labels::Selector;
use fleet_proto::v1::ListHostsRequest;

/// List hosts
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  fleet host ls\n  fleet host ls -l site=fr,tier!=test -o wide")]
pub struct HostLsArgs {
    /// Only hosts with these labels; see `fleet help selectors`
    #[arg(short = 'l', long, value_name = "SELECTOR")]
    selector: Option<Selector>,

    #[command(flatten)]
    output: OutputArgs,
}

pub async fn run(context: &Context, args: &HostLsArgs) -> Result<ExitStatus, CommandError> {
    let selector = args.selector.as_ref().map(ToString::to_string).unwrap_or_default();
    let none = match selector.is_empty() {
        true => "there are no hosts yet; add one with `fleet host add NAME`".to_owned(),
        false => format!("no host has the labels {selector}"),
    };
    let request = ListHostsRequest { selector, name: String::new() };
    let session = context.session().await?;
    let list = session.ask("list hosts", async |mut c| c.list_hosts(request).await).await?;
    show_list(context, args.output.output, &list.hosts, (hosts::COLUMNS, |host| host.name.clone()), &none)?;
    Ok(ExitStatus::Done)
}
