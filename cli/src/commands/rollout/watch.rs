//! Watches a rollout to its end, live on a terminal and line by line in a pipe.

use crate::context::Context;
use crate::exit::ExitStatus;
use crate::follow::{Look, Parting, follow};
use crate::show::members::{Changes, board, text_of};
use crate::show::rollouts::counts;
use crate::words::reasons;
use fleet_core::command_error::CommandError;
use fleet_proto::v1::{MemberState, RolloutPhase, RolloutView, ShowRolloutRequest};
use fleet_proto::words::word;

/// Follows the rollout; the answer is how it ended.
pub async fn watch(context: &Context, id: &str) -> Result<ExitStatus, CommandError> {
    let request = ShowRolloutRequest { id: id.to_owned(), way_back: false };
    let open = async |mut client: crate::session::Client| client.follow_rollout(request.clone()).await;
    let mut display = Display::new(context);
    let mut last = RolloutView::default();
    let following = format!("follow {id}");
    let parting = follow(context, &following, open, |view: RolloutView| {
        display.show(context, &view);
        last = view;
        match last.at_rest {
            true if last.offline > 0 => Look::OverButForHosts,
            true => Look::Over,
            false => Look::More,
        }
    });
    match parting.await.map_err(|error| error.hint(goes_on(id)))? {
        Parting::Over => conclude(context, &last),
        Parting::Left => {
            context.printer.tell("");
            context.printer.tell(goes_on(id));
            Ok(ExitStatus::Left)
        }
    }
}

fn goes_on(id: &str) -> String {
    format!(
        "{id} goes on without you: watch it with `fleet rollout show {id} --follow`, end it with `fleet rollout abort {id}`"
    )
}

enum Display {
    /// Redrawn.
    Live,
    Lines(Changes),
}

impl Display {
    fn new(context: &Context) -> Self {
        match context.printer.story_terminal() {
            Some(_) => Self::Live,
            None => Self::Lines(Changes::default()),
        }
    }

    fn show(&mut self, context: &Context, view: &RolloutView) {
        match self {
            Self::Live => {
                let height = context.printer.story_terminal().map_or(24, |(_, height)| height);
                context.printer.redraw(&board(view, context.now(), height));
            }
            Self::Lines(changes) => {
                changes.lines(view, context.now()).into_iter().for_each(|line| context.printer.story(line));
            }
        }
    }
}

/// Returns the exit status, and an error if the rollout did not reach its aim.
pub fn conclude(context: &Context, view: &RolloutView) -> Result<ExitStatus, CommandError> {
    context.printer.answer(format!("{}: {} ({})", view.id, word::<RolloutPhase>(view.phase), counts(view)))?;
    if is_done(view.phase()) && view.failed == 0 && view.skipped > 0 {
        return Err(ended_without(view));
    }
    if is_done(view.phase()) && view.failed == 0 {
        if view.offline > 0 {
            context.printer.story("those offline catch up when they are back, under the same gates");
        }
        return Ok(ExitStatus::Done);
    }
    let failed =
        view.members.iter().find(|member| matches!(member.state(), MemberState::Failed | MemberState::Unhealthy));
    let phase_reason = reasons::phase(view);
    let reason = match failed {
        _ if !phase_reason.is_empty() => phase_reason,
        Some(member) => match text_of(member) {
            text if text.is_empty() => format!("{}: {}", member.instance, word::<MemberState>(member.state)),
            text => format!("{}: {text}", member.instance),
        },
        None => format!("it is {}", word::<RolloutPhase>(view.phase)),
    };
    let hint = format!(
        "see `fleet rollout explain {0}`, then `fleet rollout resume {0}` or `fleet rollout undo {0}`",
        view.id
    );
    Err(CommandError::refused(format!("could not roll out {}", view.version)).because(reason).hint(hint))
}

/// Returns the error of a rollout that is done but for instances that operators have skipped.
fn ended_without(view: &RolloutView) -> CommandError {
    let skipped = view.members.iter().filter(|member| member.state() == MemberState::Skipped);
    let skipped: Vec<_> =
        skipped.map(|member| format!("{} was skipped: {}", member.instance, text_of(member))).collect();
    CommandError::refused(format!("could not roll out {} everywhere", view.version))
        .because(skipped.join("; "))
        .hint(format!("see `fleet rollout show {}`; a new rollout takes in what was skipped", view.id))
}

/// Returns whether a rollout has succeeded. An unknown phase does not count.
fn is_done(phase: RolloutPhase) -> bool {
    match phase {
        RolloutPhase::Done | RolloutPhase::DoneButOffline => true,
        RolloutPhase::Running
        | RolloutPhase::Soaking
        | RolloutPhase::OutsideItsWindow
        | RolloutPhase::Paused
        | RolloutPhase::Halted
        | RolloutPhase::Aborted
        | RolloutPhase::Unspecified => false,
    }
}
