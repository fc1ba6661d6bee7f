//! `fleet instance show`: shows all facts about one instance.

use crate::complete;
use crate::context::Context;
use crate::exit::ExitStatus;
use crate::output::{OutputArgs, show_one};
use crate::session::Session;
use crate::show::instances;
use clap::Args;
use clap_complete::ArgValueCandidates;
use fleet_core::command_error::CommandError;
use fleet_core::names::InstanceName;
use fleet_proto::v1::{InstanceView, ListInstancesRequest};

/// Show one instance: its health, containers, values, volumes and drift
#[derive(Debug, Args)]
pub struct InstanceShowArgs {
    /// The instance to show
    #[arg(add = ArgValueCandidates::new(complete::instances))]
    name: InstanceName,

    #[command(flatten)]
    output: OutputArgs,
}

pub async fn run(context: &Context, args: &InstanceShowArgs) -> Result<ExitStatus, CommandError> {
    let session = context.session().await?;
    let instance = find(&session, &args.name).await?;
    let lines = |instance: &InstanceView| instances::lines(instance, context.now());
    show_one(context, args.output.output, &instance, (lines, &instance.name))?;
    Ok(ExitStatus::Done)
}

/// The instance of this name.
pub async fn find(session: &Session, name: &InstanceName) -> Result<InstanceView, CommandError> {
    let request = ListInstancesRequest { name: name.to_string(), ..Default::default() };
    let what = format!("find the instance {name}");
    let list = session.ask(&what, async |mut c| c.list_instances(request).await).await?;
    let found = list.instances.into_iter().find(|instance| instance.name == name.as_str());
    found.ok_or_else(|| {
        CommandError::refused(format!("there is no instance {name}")).hint("`fleet instance ls` lists them")
    })
}
