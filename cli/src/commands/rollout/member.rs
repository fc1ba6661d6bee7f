//! `fleet rollout retry|skip`: one instance of a rollout is tried again, or left out from now on.

use super::watch::watch;
use crate::agreement;
use crate::ask;
use crate::complete;
use crate::context::Context;
use crate::exit::ExitStatus;
use crate::output::{OutputArgs, show_one};
use crate::show::rollouts::{counts, member_change};
use clap::Args;
use clap_complete::ArgValueCandidates;
use fleet_core::command_error::CommandError;
use fleet_core::names::{InstanceName, RolloutId};
use fleet_core::rollout::SkipReason;
use fleet_proto::v1::{MemberAction, MemberChange, RolloutPhase, RolloutView, SteerMemberRequest};
use fleet_proto::words::word;

/// Try one instance again whose upgrade failed, or take in again one that was skipped
///
/// The host gets the order of the upgrade again, under the same gates. Other instances that failed may hold the rollout
/// halted meanwhile. Where the data of a stuck instance may be other than before, `fleet restore` must come first.
/// `fleet rollout resume` tries all instances again that failed.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  fleet rollout retry notes-2\n  fleet rollout retry notes-2 --dry-run\n  fleet rollout retry notes-2 --rollout labnotes-3 --yes --follow"
)]
pub struct RetryArgs {
    #[command(flatten)]
    member: MemberArgs,
}

/// Leave one instance out of a rollout from now on, with a reason
///
/// The instance gets no order any more, and its failure holds the rollout halted no longer. What runs on its host
/// stays as it is, and `fleet status` shows it so. The rollout does not end as fine: it names the instance, the
/// operator and the reason. While it is not over, `fleet rollout retry` takes the instance in again.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  fleet rollout skip notes-2 --reason 'its disk is being replaced'\n  fleet rollout skip notes-2 --reason 'moves to lab-9' --rollout labnotes-3 --yes"
)]
pub struct SkipArgs {
    #[command(flatten)]
    member: MemberArgs,

    /// Why, on one line of at most 200 characters; it is shown with the rollout
    #[arg(long, value_name = "TEXT")]
    reason: SkipReason,
}

#[derive(Debug, Args)]
struct MemberArgs {
    /// The instance
    #[arg(add = ArgValueCandidates::new(complete::instances))]
    instance: InstanceName,

    /// The rollout; without it, the newest that is not over and has the instance
    #[arg(long, value_name = "ID", add = ArgValueCandidates::new(complete::rollouts))]
    rollout: Option<RolloutId>,

    /// Only show the plan
    #[arg(long)]
    dry_run: bool,

    /// Do not ask
    #[arg(short, long)]
    yes: bool,

    /// Then watch the rollout to its end
    #[arg(short, long, conflicts_with_all = ["dry_run", "output"])]
    follow: bool,

    #[command(flatten)]
    output: OutputArgs,
}

pub async fn retry(context: &Context, args: &RetryArgs) -> Result<ExitStatus, CommandError> {
    run(context, &args.member, MemberAction::Retry, None).await
}

pub async fn skip(context: &Context, args: &SkipArgs) -> Result<ExitStatus, CommandError> {
    run(context, &args.member, MemberAction::Skip, Some(&args.reason)).await
}

async fn run(
    context: &Context,
    args: &MemberArgs,
    action: MemberAction,
    reason: Option<&SkipReason>,
) -> Result<ExitStatus, CommandError> {
    let request = SteerMemberRequest {
        rollout: args.rollout.as_ref().map(ToString::to_string).unwrap_or_default(),
        instance: args.instance.to_string(),
        action: action.into(),
        reason: reason.map(ToString::to_string).unwrap_or_default(),
        dry_run: true,
        agreed: None,
    };
    let what = format!("{} {}", word::<MemberAction>(action.into()), args.instance);
    let session = context.session().await?;
    let send = async |request| session.ask(&what, async |mut c| c.steer_member(request).await).await;
    let propose = async || send(request.clone()).await;
    let lines = |change: &MemberChange| member_change(change, &request);
    if args.dry_run {
        let change = propose().await?;
        show_one(context, args.output.output, &change, (lines, args.instance.as_str()))?;
        context.printer.story("this was a dry run: nothing was changed");
        return Ok(ExitStatus::Done);
    }
    let agree = |change: &MemberChange| {
        for line in lines(change) {
            if args.yes { context.printer.story(line) } else { context.printer.tell(line) }
        }
        if !args.yes {
            ask::agree(context, &what, &question(action, &args.instance))?;
        }
        Ok(Some(change.plan_digest.clone()))
    };
    let start = async |_: &MemberChange, agreed| {
        send(SteerMemberRequest { dry_run: false, agreed: Some(agreed), ..request.clone() }).await
    };
    let Some(change) = agreement::start(context, propose, agree, start).await? else { return Ok(ExitStatus::Done) };
    let rollout = change.rollout.unwrap_or_default();
    if args.follow {
        return watch(context, &rollout.id).await;
    }
    let lines = |it: &RolloutView| vec![format!("{}: {} ({})", it.id, word::<RolloutPhase>(it.phase), counts(it))];
    show_one(context, args.output.output, &rollout, (lines, &rollout.id))?;
    Ok(ExitStatus::Done)
}

fn question(action: MemberAction, instance: &InstanceName) -> String {
    match action {
        MemberAction::Skip => format!("Skip {instance}?"),
        MemberAction::Retry | MemberAction::Unspecified => format!("Try {instance} again?"),
    }
}
