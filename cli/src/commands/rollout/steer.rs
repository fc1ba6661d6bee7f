//! `fleet rollout pause|resume|abort|undo`.

use super::choose::choose;
use super::watch::watch;
use crate::ask;
use crate::commands::change::DetachArgs;
use crate::complete;
use crate::context::Context;
use crate::exit::ExitStatus;
use crate::session::Session;
use crate::show::rollouts::counts;
use crate::words::plans;
use clap::Args;
use clap_complete::ArgValueCandidates;
use fleet_core::command_error::CommandError;
use fleet_core::names::RolloutId;
use fleet_proto::v1::{MemberState, RolloutPhase, RolloutView, ShowRolloutRequest, SteerAction, SteerRolloutRequest};
use fleet_proto::words::word;

#[derive(Debug, Args)]
pub struct SteerArgs {
    /// The rollout; without it, the one that is not over, or the newest
    #[arg(add = ArgValueCandidates::new(complete::rollouts))]
    id: Option<RolloutId>,

    /// Then watch it to its end
    #[arg(short, long)]
    follow: bool,
}

/// Take a rollout back: its instances return to the releases that they had, with the values that went with them
///
/// An undo is a rollout of its own, under the same gates. It shows the values that it restores. Values that are set
/// while it runs stay.
#[derive(Debug, Args)]
pub struct UndoArgs {
    /// The rollout; without it, the one that is not over, or the newest
    #[arg(add = ArgValueCandidates::new(complete::rollouts))]
    id: Option<RolloutId>,

    /// Do not ask
    #[arg(short, long)]
    yes: bool,

    #[command(flatten)]
    detach: DetachArgs,
}

pub async fn run(context: &Context, action: SteerAction, args: &SteerArgs) -> Result<ExitStatus, CommandError> {
    let session = context.session().await?;
    let id = choose(&session, args.id.as_ref()).await?;
    let view = steer(&session, action, &id).await?;
    if args.follow {
        return watch(context, &view.id).await;
    }
    context.printer.answer(format!("{}: {} ({})", view.id, word::<RolloutPhase>(view.phase), counts(&view)))?;
    Ok(ExitStatus::Done)
}

pub async fn undo(context: &Context, args: &UndoArgs) -> Result<ExitStatus, CommandError> {
    let session = context.session().await?;
    let id = choose(&session, args.id.as_ref()).await?;
    let what = format!("undo {id}");
    let request = ShowRolloutRequest { id: id.clone(), way_back: true };
    let view = session.ask(&what, async |mut c| c.show_rollout(request).await).await?;
    let way_back = way_back(&view);
    if args.yes {
        way_back.into_iter().for_each(|line| context.printer.story(line));
    } else {
        way_back.into_iter().for_each(|line| context.printer.tell(line));
        ask::agree(context, &what, &format!("Undo {id}?"))?;
    }
    let undoing = steer(&session, SteerAction::Undo, &id).await?;
    if args.detach.detach {
        context.printer.answer(undoing.id.as_str())?;
        return Ok(ExitStatus::Done);
    }
    watch(context, &undoing.id).await
}

/// Returns the instances that go back, with their old values: those that the rollout has changed or is changing.
fn way_back(view: &RolloutView) -> Vec<String> {
    let moved = view.members.iter().filter(|member| is_moved(member.state()));
    moved
        .flat_map(|it| {
            let release = format!("  {}  {}  {} -> {}", it.instance, it.host, it.to, it.from);
            let values = plans::lines(&it.puts_back).into_iter().map(|value| format!("      {value}"));
            std::iter::once(release).chain(values)
        })
        .collect()
}

fn is_moved(state: MemberState) -> bool {
    match state {
        MemberState::Done | MemberState::Unhealthy | MemberState::UnderWay | MemberState::Overdue => true,
        MemberState::Waiting
        | MemberState::Failed
        | MemberState::Skipped
        | MemberState::Offline
        | MemberState::Elsewhere
        | MemberState::Removed
        | MemberState::Unspecified => false,
    }
}

async fn steer(session: &Session, action: SteerAction, id: &str) -> Result<RolloutView, CommandError> {
    let request = SteerRolloutRequest { id: id.to_owned(), action: action.into() };
    let what = format!("{} {id}", word::<SteerAction>(action.into()));
    session.ask(&what, async |mut c| c.steer_rollout(request).await).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use fleet_core::planned_change::PlannedChange;
    use fleet_proto::v1::MemberView;

    #[test]
    fn a_way_back_names_the_values_that_it_puts_back() {
        let member = |instance: &str, state: MemberState, puts_back: &[PlannedChange]| MemberView {
            instance: instance.to_owned(),
            host: "lab-1".to_owned(),
            from: "1.1".to_owned(),
            to: "1.2".to_owned(),
            state: state.into(),
            puts_back: puts_back.iter().cloned().map(Into::into).collect(),
            ..Default::default()
        };
        let title = PlannedChange::ValueUnset { value: "title".to_owned(), present: "New".to_owned() };
        let members = vec![
            member("notes-1", MemberState::Done, std::slice::from_ref(&title)),
            member("notes-2", MemberState::Failed, std::slice::from_ref(&title)),
            member("notes-3", MemberState::Unhealthy, &[]),
        ];
        let output = way_back(&RolloutView { members, ..Default::default() });
        insta::assert_snapshot!(output.join("\n"), @r"
        notes-1  lab-1  1.2 -> 1.1
            value title: New -> its default
        notes-3  lab-1  1.2 -> 1.1
        ");
    }
}
