//! Shared parts of changes to instances: the plan is shown, and the change is followed to its end.

use crate::context::Context;
use crate::exit::ExitStatus;
use crate::follow::{Look, Parting, follow};
use crate::format::{clock_time, one_line};
use crate::last_shown::LastShown;
use crate::words::reasons::shown_wait;
use crate::words::{failures, hints, plans, problems, results, steps};
use clap::Args;
use fleet_core::command_error::CommandError;
use fleet_proto::v1::{ChangeProgress, ChangeState, FollowChangeRequest, InstanceChange, InstanceView};
use fleet_proto::words::word;

#[derive(Debug, Clone, Copy, Args)]
pub struct DetachArgs {
    /// Do not wait for the end
    #[arg(long)]
    pub detach: bool,
}

/// A change that the coordinator has taken on.
pub struct Change<'a> {
    /// Completes "could not …".
    pub what: &'a str,
    pub instance: &'a str,
    pub change: InstanceChange,
}

/// Prints the plan as the answer.
pub fn show_dry_run(context: &Context, change: &InstanceChange) -> Result<ExitStatus, CommandError> {
    if change.plan.is_empty() {
        context.printer.answer("nothing would change")?;
    }
    plans::lines(&change.plan).iter().try_for_each(|line| context.printer.answer(line.as_str()))?;
    context.printer.story("this was a dry run: nothing was changed");
    Ok(ExitStatus::Done)
}

/// Shows the plan and follows the change to its end.
pub async fn carry_out(context: &Context, change: Change<'_>, detach: DetachArgs) -> Result<ExitStatus, CommandError> {
    let Change { what, instance, change } = change;
    plans::lines(&change.plan).iter().for_each(|line| context.printer.story(format!("  {line}")));
    let is_idle = change.order.is_empty() && change.plan.is_empty();
    if is_idle {
        context.printer.answer(format!("{instance}: nothing to do"))?;
        return Ok(ExitStatus::Done);
    }
    if detach.detach {
        context.printer.answer(format!("{instance}: begun"))?;
        context.printer.story(format!("see how it goes: `fleet instance show {instance}`"));
        return Ok(ExitStatus::Done);
    }
    if change.order.is_empty() {
        refuse_to_wait(what, change.instance.as_ref())?;
    }
    let request = FollowChangeRequest { instance: instance.to_owned(), order: change.order };
    let (mut last, mut output) = (ChangeProgress::default(), LastShown::default());
    let open = async |mut client: crate::session::Client| client.follow_change(request.clone()).await;
    let following = format!("follow {instance}");
    let parting = follow(context, &following, open, |progress: ChangeProgress| {
        if !is_put_off(&progress) {
            tell(context, instance, &mut output, &progress);
        }
        last = progress;
        if last.over { Look::Over } else { Look::More }
    });
    match parting.await.map_err(|error| going_on(error, instance))? {
        Parting::Left => {
            context.printer.tell("");
            context
                .printer
                .tell(format!("the change goes on without you; see how it goes: `fleet instance show {instance}`"));
            Ok(ExitStatus::Left)
        }
        Parting::Over => conclude(context, what, instance, &last),
    }
}

/// Refuses to wait for an offline host, which may stay offline for months. The request is kept.
fn refuse_to_wait(what: &str, view: Option<&InstanceView>) -> Result<(), CommandError> {
    let Some(view) = view.filter(|view| !view.host_online) else {
        return Ok(());
    };
    let why = match &view.waiting {
        Some(reason) => shown_wait(Some(reason)),
        None => format!("{} is not connected", view.host),
    };
    Err(CommandError::refused(format!("could not {what} yet"))
        .because(why)
        .hint(format!("the request is kept, and done when {} is there; --detach does not wait", view.host)))
}

fn going_on(error: CommandError, instance: &str) -> CommandError {
    error.hint(format!("the change goes on without you; see how it goes: `fleet instance show {instance}`"))
}

/// Prints one line for each state and step. On a terminal, the progress of the step is updated in that line.
fn tell(context: &Context, instance: &str, output: &mut LastShown, now: &ChangeProgress) {
    let is_new_state = output.is_new_state(now.state);
    let text = text_of(now);
    let is_news = output.is_new_step(now.doing.as_ref(), &text) || is_new_state;
    let time = clock_time(context.now());
    let text = match now.doing.as_ref() {
        Some(doing) => steps::with_progress(Some(doing), now.progress.as_ref()),
        None => one_line(&text),
    };
    let text = prefixed(&text);
    let line = format!("{time}  {instance}  {}{text}", word::<ChangeState>(now.state));
    if is_news {
        context.printer.story_that_moves(line);
    } else {
        context.printer.story_moved(line);
    }
}

fn conclude(context: &Context, what: &str, instance: &str, last: &ChangeProgress) -> Result<ExitStatus, CommandError> {
    match last.state() {
        ChangeState::Done | ChangeState::AlreadySo => {
            let text = prefixed(&text_of(last));
            context.printer.answer(format!("{instance}: {}{text}", word::<ChangeState>(last.state)))?;
            Ok(ExitStatus::Done)
        }
        ChangeState::Waiting => Err(CommandError::refused(format!("could not {what} yet"))
            .because(text_of(last))
            .hint(hints::shown(last.hint.as_ref()))),
        ChangeState::RolledBack
        | ChangeState::Stuck
        | ChangeState::Refused
        | ChangeState::Failed
        | ChangeState::UnderWay
        | ChangeState::Unspecified => {
            let text = prefixed(&text_of(last));
            let error =
                CommandError::refused(format!("could not {what}")).because(format!("{instance} {}{text}", ended(last)));
            let usual = format!("`fleet instance show {instance}` and `fleet logs {instance}` tell more");
            let hint = hints::shown(last.hint.as_ref());
            Err(error.hint(if hint.is_empty() { usual } else { hint }))
        }
    }
}

/// Returns the words of the failure, of the reason for waiting, or of the result.
fn text_of(progress: &ChangeProgress) -> String {
    match progress {
        ChangeProgress { failure: Some(failure), .. } => failures::shown(Some(failure)),
        ChangeProgress { waiting: Some(reason), .. } => shown_wait(Some(reason)),
        ChangeProgress { undeliverable: Some(reason), over, .. } => {
            let reason = problems::shown_undeliverable(reason);
            if *over { format!("its host cannot be told: {reason}") } else { reason }
        }
        ChangeProgress { result, .. } => result.as_ref().map(results::shown_change).unwrap_or_default(),
    }
}

fn prefixed(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(": {text}") }
}

/// Returns whether the change waits for something that may take long, so that the prompt is released.
fn is_put_off(progress: &ChangeProgress) -> bool {
    progress.over && progress.state() == ChangeState::Waiting
}

/// Returns the end of an order as a part of a sentence.
fn ended(progress: &ChangeProgress) -> String {
    match progress.state() {
        ChangeState::RolledBack => "went back to what it was".to_owned(),
        ChangeState::Stuck => "is stuck".to_owned(),
        ChangeState::Refused => "was refused".to_owned(),
        ChangeState::Done
        | ChangeState::AlreadySo
        | ChangeState::Waiting
        | ChangeState::UnderWay
        | ChangeState::Failed
        | ChangeState::Unspecified => format!("ended {}", word::<ChangeState>(progress.state)),
    }
}
