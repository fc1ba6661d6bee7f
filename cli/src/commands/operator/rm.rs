//! `fleet operator rm`: revokes an operator's access.

use crate::ask;
use crate::context::Context;
use crate::exit::ExitStatus;
use clap::Args;
use fleet_core::command_error::CommandError;
use fleet_core::names::OperatorName;
use fleet_proto::v1::RemoveOperatorRequest;

/// Revoke an operator's access: their certificates are refused at once
#[derive(Debug, Args)]
pub struct OperatorRmArgs {
    /// The operator to remove
    name: OperatorName,

    /// Do not ask
    #[arg(short, long)]
    yes: bool,
}

pub async fn run(context: &Context, args: &OperatorRmArgs) -> Result<ExitStatus, CommandError> {
    let name = &args.name;
    let what = format!("remove the operator {name}");
    if !args.yes {
        ask::agree(context, &what, &format!("Take {name}'s access away?"))?;
    }
    let request = RemoveOperatorRequest { name: name.to_string() };
    let session = context.session().await?;
    session.ask(&what, async |mut c| c.remove_operator(request).await).await?;
    context.printer.story(format!("{name} has no access any more"));
    Ok(ExitStatus::Done)
}
