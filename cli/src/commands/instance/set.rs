//! `fleet instance set`: other values, or another way with drift.

use crate::agreement;
use crate::choices::drift_rules;
use crate::commands::change::{Change, DetachArgs, carry_out, show_dry_run};
use crate::complete;
use crate::context::Context;
use crate::exit::ExitStatus;
use crate::input::ValueArgs;
use clap::Args;
use clap_complete::ArgValueCandidates;
use fleet_core::command_error::CommandError;
use fleet_core::names::InstanceName;
use fleet_proto::v1::{ConfigureInstanceRequest, DriftRule, InstanceChange};

/// Change an instance's values: only containers that use them are recreated
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  fleet instance set notes-1 --set port=8082 --unset title\n  fleet instance set notes-1 --drift report"
)]
pub struct InstanceSetArgs {
    /// The instance whose values change
    #[arg(add = ArgValueCandidates::new(complete::instances))]
    name: InstanceName,

    #[command(flatten)]
    values: ValueArgs,

    /// Let a value go back to its default; may be repeated
    #[arg(long, value_name = "KEY")]
    unset: Vec<String>,

    /// Reaction to changes by hand
    #[arg(long, value_parser = drift_rules())]
    drift: Option<DriftRule>,

    /// Only show the plan
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    detach: DetachArgs,
}

pub async fn run(context: &Context, args: &InstanceSetArgs) -> Result<ExitStatus, CommandError> {
    let name = &args.name;
    if args.values.is_empty() && args.unset.is_empty() && args.drift.is_none() {
        return Err(
            CommandError::misused("there is nothing to set").hint("give --set KEY=VALUE, --unset KEY or --drift")
        );
    }
    let values = args.values.read(context)?;
    if let Some(both) = args.unset.iter().find(|key| values.contains_key(*key)) {
        return Err(CommandError::misused(format!("the value `{both}` is both set and unset")));
    }
    let request = ConfigureInstanceRequest {
        name: name.to_string(),
        values,
        unset: args.unset.clone(),
        drift: args.drift.map(Into::into),
        dry_run: true,
        agreed: None,
    };
    let what = format!("change {name}");
    let session = context.session().await?;
    let ask = async |request| session.ask(&what, async |mut c| c.configure_instance(request).await).await;
    let propose = async || ask(request.clone()).await;
    if args.dry_run {
        return show_dry_run(context, &propose().await?);
    }
    let start = async |_: &InstanceChange, agreed| {
        ask(ConfigureInstanceRequest { dry_run: false, agreed: Some(agreed), ..request.clone() }).await
    };
    let agree = |planned: &InstanceChange| Ok(Some(planned.plan_digest.clone()));
    let Some(change) = agreement::start(context, propose, agree, start).await? else { return Ok(ExitStatus::Done) };
    carry_out(context, Change { what: &what, instance: name.as_str(), change }, args.detach).await
}
