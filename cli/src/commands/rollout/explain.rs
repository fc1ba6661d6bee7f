//! `fleet rollout explain`: the reason for a rollout's state, and the next action.

use super::choose::choose;
use crate::complete;
use crate::context::Context;
use crate::exit::ExitStatus;
use crate::show::explanation;
use clap::Args;
use clap_complete::ArgValueCandidates;
use fleet_core::command_error::CommandError;
use fleet_core::names::RolloutId;
use fleet_proto::v1::ShowRolloutRequest;

/// Explain the state of a rollout, and the next action
#[derive(Debug, Args)]
pub struct RolloutExplainArgs {
    /// The rollout; without it, the one that is not over, or the newest
    #[arg(add = ArgValueCandidates::new(complete::rollouts))]
    id: Option<RolloutId>,
}

pub async fn run(context: &Context, args: &RolloutExplainArgs) -> Result<ExitStatus, CommandError> {
    let session = context.session().await?;
    let id = choose(&session, args.id.as_ref()).await?;
    let what = format!("explain {id}");
    let request = ShowRolloutRequest { id, way_back: false };
    let view = session.ask(&what, async |mut c| c.show_rollout(request).await).await?;
    explanation::lines(&view, context.now()).iter().try_for_each(|line| context.printer.answer(line.as_str()))?;
    Ok(ExitStatus::Done)
}
