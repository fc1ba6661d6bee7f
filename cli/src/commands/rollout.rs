//! `fleet rollout`: moves many instances to a version, wave by wave; and how one is watched and steered.

mod choose;
mod explain;
mod ls;
mod member;
mod show;
mod start;
mod steer;
mod watch;

use crate::context::Context;
use crate::exit::ExitStatus;
use clap::{Args, Subcommand};
use fleet_core::command_error::CommandError;
use fleet_proto::v1::SteerAction;

/// Roll a version out to many instances, wave by wave; watch, pause and undo it
///
/// The plan is shown first: the instances, their waves, the changes of each, and those left out with the reason. An
/// instance that fails goes back by itself to its old state, and the rollout halts when the limit of failures is
/// reached. Offline hosts never block: they catch up under the same gates when they are back. See
/// `fleet help rollouts`.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "Examples:\n  fleet rollout --version 1.2\n  fleet rollout --version 1.2 --canary 1 --soak 10m --at-once 25% --per site=1\n  fleet rollout --version 1.2 --on site=fr --window 'Mon-Fri 22:00-04:00 Europe/Berlin' --yes --detach\n  fleet rollout explain\n  fleet rollout skip notes-2 --reason 'its disk is being replaced'"
)]
pub struct RolloutArgs {
    #[command(flatten)]
    start: start::StartArgs,

    #[command(subcommand)]
    command: Option<RolloutCommand>,
}

#[derive(Debug, Subcommand)]
enum RolloutCommand {
    #[command(visible_alias = "list")]
    Ls(ls::RolloutLsArgs),
    Show(show::RolloutShowArgs),
    Explain(explain::RolloutExplainArgs),
    /// Start nothing new; running orders end by themselves
    Pause(steer::SteerArgs),
    /// Go on after a pause or a halt; instances that failed are tried again
    Resume(steer::SteerArgs),
    /// End a rollout; running orders end by themselves, finished ones stay
    Abort(steer::SteerArgs),
    Undo(steer::UndoArgs),
    Retry(member::RetryArgs),
    Skip(member::SkipArgs),
}

pub async fn run(context: &Context, args: &RolloutArgs) -> Result<ExitStatus, CommandError> {
    match &args.command {
        None => start::run(context, &args.start).await,
        Some(RolloutCommand::Ls(args)) => ls::run(context, args).await,
        Some(RolloutCommand::Show(args)) => show::run(context, args).await,
        Some(RolloutCommand::Explain(args)) => explain::run(context, args).await,
        Some(RolloutCommand::Pause(args)) => steer::run(context, SteerAction::Pause, args).await,
        Some(RolloutCommand::Resume(args)) => steer::run(context, SteerAction::Resume, args).await,
        Some(RolloutCommand::Abort(args)) => steer::run(context, SteerAction::Abort, args).await,
        Some(RolloutCommand::Undo(args)) => steer::undo(context, args).await,
        Some(RolloutCommand::Retry(args)) => member::retry(context, args).await,
        Some(RolloutCommand::Skip(args)) => member::skip(context, args).await,
    }
}
