//! `fleet rollout ls`.

use crate::complete;
use crate::context::Context;
use crate::exit::ExitStatus;
use crate::output::{OutputArgs, show_list};
use crate::show::rollouts;
use clap::Args;
use clap_complete::ArgValueCandidates;
use fleet_core::command_error::CommandError;
use fleet_core::names::AppName;
use fleet_proto::v1::{ListRolloutsRequest, RolloutView};

/// List rollouts
#[derive(Debug, Args)]
pub struct RolloutLsArgs {
    /// Only of this app
    #[arg(long, add = ArgValueCandidates::new(complete::apps))]
    app: Option<AppName>,

    #[command(flatten)]
    output: OutputArgs,
}

pub async fn run(context: &Context, args: &RolloutLsArgs) -> Result<ExitStatus, CommandError> {
    let request = ListRolloutsRequest { app: args.app.as_ref().map(ToString::to_string).unwrap_or_default() };
    let session = context.session().await?;
    let list = session.ask("list rollouts", async |mut c| c.list_rollouts(request).await).await?;
    let look = (rollouts::COLUMNS, (|rollout| rollout.id.clone()) as fn(&RolloutView) -> String);
    show_list(context, args.output.output, &list.rollouts, look, "there are no rollouts yet")?;
    Ok(ExitStatus::Done)
}
