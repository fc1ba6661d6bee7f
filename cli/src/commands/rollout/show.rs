//! `fleet rollout show`.

use super::choose::choose;
use super::watch::watch;
use crate::complete;
use crate::context::Context;
use crate::exit::ExitStatus;
use crate::output::{OutputArgs, show_one};
use crate::show::rollouts;
use clap::Args;
use clap_complete::ArgValueCandidates;
use fleet_core::command_error::CommandError;
use fleet_core::names::RolloutId;
use fleet_proto::v1::{RolloutView, ShowRolloutRequest};

/// Show a rollout: the state of each instance
#[derive(Debug, Args)]
pub struct RolloutShowArgs {
    /// The rollout; without it, the one that is not over, or the newest
    #[arg(add = ArgValueCandidates::new(complete::rollouts))]
    id: Option<RolloutId>,

    /// Watch it to its end
    #[arg(short, long, conflicts_with = "output")]
    follow: bool,

    #[command(flatten)]
    output: OutputArgs,
}

pub async fn run(context: &Context, args: &RolloutShowArgs) -> Result<ExitStatus, CommandError> {
    let session = context.session().await?;
    let id = choose(&session, args.id.as_ref()).await?;
    if args.follow {
        return watch(context, &id).await;
    }
    let what = format!("show {id}");
    let request = ShowRolloutRequest { id, way_back: false };
    let view = session.ask(&what, async |mut c| c.show_rollout(request).await).await?;
    let lines = |view: &RolloutView| rollouts::lines(view, context.now());
    show_one(context, args.output.output, &view, (lines, &view.id))?;
    Ok(ExitStatus::Done)
}
