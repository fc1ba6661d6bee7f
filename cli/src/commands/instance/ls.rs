//! `fleet instance ls`: the instances, or those that a selector or an app picks.

use crate::complete;
use crate::context::Context;
use crate::exit::ExitStatus;
use crate::output::{OutputArgs, show_list};
use crate::show::instances;
use clap::Args;
use clap_complete::ArgValueCandidates;
use fleet_core::command_error::CommandError;
use fleet_core::labels::Selector;
use fleet_core::names::AppName;
use fleet_proto::v1::{InstanceView, ListInstancesRequest};

/// List instances
#[derive(Debug, Args)]
pub struct InstanceLsArgs {
    /// Only on hosts with these labels; see `fleet help selectors`
    #[arg(short = 'l', long, value_name = "SELECTOR")]
    selector: Option<Selector>,

    /// Only of this app
    #[arg(long, add = ArgValueCandidates::new(complete::apps))]
    app: Option<AppName>,

    #[command(flatten)]
    output: OutputArgs,
}

pub async fn run(context: &Context, args: &InstanceLsArgs) -> Result<ExitStatus, CommandError> {
    let request = ListInstancesRequest {
        selector: args.selector.as_ref().map(ToString::to_string).unwrap_or_default(),
        name: String::new(),
        app: args.app.as_ref().map(ToString::to_string).unwrap_or_default(),
    };
    let none = match (&args.selector, &args.app) {
        (None, None) => "there are no instances yet; `fleet install APP@VERSION --host HOST --name NAME` makes one",
        (Some(_), _) | (_, Some(_)) => "no instance is like that",
    };
    let session = context.session().await?;
    let list = session.ask("list instances", async |mut c| c.list_instances(request).await).await?;
    let look = (instances::COLUMNS, (|instance| instance.name.clone()) as fn(&InstanceView) -> String);
    show_list(context, args.output.output, &list.instances, look, none)?;
    Ok(ExitStatus::Done)
}
