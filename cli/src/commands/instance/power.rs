//! `fleet instance start|stop|restart`.

use crate::commands::change::{Change, DetachArgs, carry_out};
use crate::complete;
use crate::context::Context;
use crate::exit::ExitStatus;
use clap::Args;
use clap_complete::ArgValueCandidates;
use fleet_core::command_error::CommandError;
use fleet_core::names::InstanceName;
use fleet_proto::v1::{PowerAction, PowerInstanceRequest};
use fleet_proto::words::word;

#[derive(Debug, Args)]
pub struct PowerArgs {
    /// The instance to start, stop or restart
    #[arg(add = ArgValueCandidates::new(complete::instances))]
    name: InstanceName,

    #[command(flatten)]
    detach: DetachArgs,
}

pub async fn run(context: &Context, action: PowerAction, args: &PowerArgs) -> Result<ExitStatus, CommandError> {
    let name = &args.name;
    let what = format!("{} {name}", word::<PowerAction>(action.into()));
    let request = PowerInstanceRequest { name: name.to_string(), action: action.into() };
    let session = context.session().await?;
    let change = session.ask(&what, async |mut c| c.power_instance(request).await).await?;
    carry_out(context, Change { what: &what, instance: name.as_str(), change }, args.detach).await
}
