//! Layout of a running rollout: a board that is redrawn, or one line for each change.

use super::rollouts::counts;
use super::upgrades::way;
use crate::format::{age, clock_time, one_line, or_dash};
use crate::last_shown::LastShown;
use crate::painted::{Colour, Painted};
use crate::words::reasons::{after_phase, shown_wait};
use crate::words::{failures, health, steps};
use fleet_core::time::Time;
use fleet_proto::v1::{MemberState, MemberView, OrderOutcome, RolloutPhase, RolloutView};
use fleet_proto::words::word;
use std::collections::BTreeMap;

/// Returns the rollout in at most `height` lines: a heading, then a line for each instance.
pub fn board(view: &RolloutView, now: Time, height: usize) -> Vec<Painted> {
    let room = height.saturating_sub(3).max(3);
    let mut members: Vec<&MemberView> = view.members.iter().collect();
    if members.len() > room {
        members.sort_by_key(|member| rank(member.state()));
    }
    let widths = Widths::of(&members);
    let mut lines = vec![heading(view)];
    lines.extend(members.iter().take(room).map(|member| line(member, &widths, now)));
    if members.len() > room {
        lines.push(Painted::of(Colour::Grey, format!("  and {} more", members.len() - room)));
    }
    lines
}

fn heading(view: &RolloutView) -> Painted {
    let reason = after_phase(view);
    let title = format!("{}  {} -> {}", view.id, view.app, view.version);
    Painted::of(Colour::Bold, title)
        .and("  ")
        .and_in(colour_of_phase(view.phase()), word::<RolloutPhase>(view.phase))
        .and(format!("{reason} ({})", counts(view)))
}

pub fn colour_of_phase(phase: RolloutPhase) -> Colour {
    match phase {
        RolloutPhase::Done | RolloutPhase::DoneButOffline => Colour::Green,
        RolloutPhase::Halted | RolloutPhase::Aborted => Colour::Red,
        RolloutPhase::Running
        | RolloutPhase::Soaking
        | RolloutPhase::OutsideItsWindow
        | RolloutPhase::Paused
        | RolloutPhase::Unspecified => Colour::Yellow,
    }
}

/// Returns the sort order: most important first.
fn rank(state: MemberState) -> u8 {
    match state {
        MemberState::Failed | MemberState::Unhealthy | MemberState::Overdue | MemberState::Unspecified => 0,
        MemberState::UnderWay => 1,
        MemberState::Waiting => 2,
        MemberState::Skipped | MemberState::Offline | MemberState::Elsewhere | MemberState::Removed => 3,
        MemberState::Done => 4,
    }
}

fn mark(state: MemberState) -> (Colour, &'static str) {
    match state {
        MemberState::Done => (Colour::Green, "+"),
        MemberState::Failed | MemberState::Unhealthy | MemberState::Overdue => (Colour::Red, "!"),
        MemberState::UnderWay => (Colour::Yellow, ">"),
        MemberState::Unspecified => (Colour::Yellow, "?"),
        MemberState::Waiting => (Colour::Grey, "."),
        MemberState::Skipped => (Colour::Yellow, "-"),
        MemberState::Offline | MemberState::Elsewhere | MemberState::Removed => (Colour::Grey, "-"),
    }
}

struct Widths {
    instance: usize,
    host: usize,
    versions: usize,
}

impl Widths {
    fn of(members: &[&MemberView]) -> Self {
        let widest = |text: fn(&MemberView) -> usize| members.iter().map(|member| text(member)).max().unwrap_or(0);
        Self {
            instance: widest(|member| member.instance.chars().count()),
            host: widest(|member| member.host.chars().count()),
            versions: widest(|member| versions(member).chars().count()),
        }
    }
}

pub fn versions(member: &MemberView) -> String {
    way(&member.from, &member.through, &member.to)
}

fn line(member: &MemberView, widths: &Widths, now: Time) -> Painted {
    let Widths { instance, host, versions: wide } = *widths;
    let (colour, mark) = mark(member.state());
    let names = format!(" {:instance$}  {:host$}  {:wide$}  ", member.instance, member.host, versions(member));
    let since = match member.state() {
        MemberState::UnderWay | MemberState::Overdue => format!(" {}", age(now, member.since_ms)),
        MemberState::Waiting
        | MemberState::Done
        | MemberState::Unhealthy
        | MemberState::Failed
        | MemberState::Skipped
        | MemberState::Offline
        | MemberState::Elsewhere
        | MemberState::Removed
        | MemberState::Unspecified => String::new(),
    };
    let state = word::<MemberState>(member.state);
    Painted::of(colour, mark).and(names).and_in(colour, format!("{state}{since}")).and(reason(member))
}

/// Reason why it is so; under way, the step and how far it is.
pub fn reason(member: &MemberView) -> String {
    match text_of(member) {
        text if text.is_empty() => text,
        text => format!(": {}", one_line(&text)),
    }
}

/// The step with its progress, or the reason of the state; empty where there is nothing to say.
pub fn text_of(member: &MemberView) -> String {
    let MemberView { doing, progress, problem, release, rollout, .. } = member;
    match member.state() {
        MemberState::UnderWay if doing.is_some() => steps::with_progress(doing.as_ref(), progress.as_ref()),
        MemberState::Waiting | MemberState::UnderWay => shown_wait(member.waiting.as_ref()),
        MemberState::Overdue => "its host has not said how it ended".to_owned(),
        MemberState::Failed => {
            let failure = failures::shown(member.failure.as_ref());
            format!("{}: {failure}", word::<OrderOutcome>(member.outcome))
        }
        MemberState::Unhealthy if member.failure.is_some() => {
            format!("stuck: {}", failures::shown(member.failure.as_ref()))
        }
        MemberState::Unhealthy => health::shown(problem.as_ref()),
        MemberState::Skipped => skipped(member),
        MemberState::Offline => "it catches up when its host is back".to_owned(),
        MemberState::Elsewhere if rollout.is_empty() => format!("it runs {release}"),
        MemberState::Elsewhere => format!("rollout {rollout} has it now"),
        MemberState::Done | MemberState::Removed | MemberState::Unspecified => String::new(),
    }
}

/// Reason of a skip with its operator, and how the member had failed.
fn skipped(member: &MemberView) -> String {
    let skip = member.skip.clone().unwrap_or_default();
    let by = format!("{} (by {})", skip.reason, or_dash(&skip.by));
    match (&member.failure, &member.problem) {
        (Some(failure), _) if member.outcome() == OrderOutcome::Unspecified => {
            format!("{by}; stuck: {}", failures::shown(Some(failure)))
        }
        (Some(failure), _) => {
            format!("{by}; {}: {}", word::<OrderOutcome>(member.outcome), failures::shown(Some(failure)))
        }
        (None, Some(problem)) => format!("{by}; unhealthy: {}", health::shown(Some(problem))),
        (None, None) => by,
    }
}

/// Last printed states, so that only changes are printed.
#[derive(Debug, Default)]
pub struct Changes {
    phase: Option<i32>,
    members: BTreeMap<String, LastShown>,
}

impl Changes {
    /// A line with the time for each change of state, and for each step, since the last look.
    pub fn lines(&mut self, view: &RolloutView, now: Time) -> Vec<String> {
        let time = clock_time(now);
        let news = view.members.iter().filter(|member| self.is_news(member));
        let line = |member: &MemberView| {
            format!(
                "{time}  {}  {}  {}{}",
                member.instance,
                member.host,
                word::<MemberState>(member.state),
                reason(member)
            )
        };
        let mut lines: Vec<String> = news.map(line).collect();
        if self.phase.replace(view.phase) != Some(view.phase) {
            let why = after_phase(view);
            lines.push(format!("{time}  {}  {}{why} ({})", view.id, word::<RolloutPhase>(view.phase), counts(view)));
        }
        lines
    }

    fn is_news(&mut self, member: &MemberView) -> bool {
        let is_first = !self.members.contains_key(&member.instance);
        let output = self.members.entry(member.instance.clone()).or_default();
        let is_new_state = output.is_new_state(member.state);
        match member.state() {
            // The plan shows already that all wait at the beginning.
            MemberState::Waiting => is_new_state && !is_first,
            MemberState::UnderWay => {
                output.is_new_step(member.doing.as_ref(), &shown_wait(member.waiting.as_ref())) || is_new_state
            }
            MemberState::Overdue
            | MemberState::Done
            | MemberState::Unhealthy
            | MemberState::Failed
            | MemberState::Skipped
            | MemberState::Offline
            | MemberState::Elsewhere
            | MemberState::Removed
            | MemberState::Unspecified => is_new_state,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fleet_core::activity::Activity;
    use fleet_core::facts::StepProgress;
    use fleet_core::order_failure::OrderFailure;
    use fleet_core::reason::WaitReason;

    /// Under way with a step, or rolled back for a reason.
    fn member(number: u32, state: MemberState, text: &str) -> MemberView {
        let (step, reason) = if state == MemberState::UnderWay { (text, "") } else { ("", text) };
        MemberView {
            instance: format!("notes-{number}"),
            host: format!("lab-{number}"),
            from: "1.1".to_owned(),
            to: "1.2".to_owned(),
            state: state.into(),
            doing: (!step.is_empty()).then(|| Activity::Text(step.to_owned()).into()),
            failure: Some(OrderFailure::other(reason).into()),
            outcome: OrderOutcome::RolledBack.into(),
            waiting: (state == MemberState::Waiting).then(|| WaitReason::LaterWave.into()),
            since_ms: 90_000,
            ..Default::default()
        }
    }

    fn view(phase: RolloutPhase, members: Vec<MemberView>) -> RolloutView {
        let number = |state: MemberState| {
            u32::try_from(members.iter().filter(|member| member.state() == state).count()).unwrap_or(0)
        };
        RolloutView {
            id: "labnotes-3".to_owned(),
            app: "labnotes".to_owned(),
            version: "1.2".to_owned(),
            phase: phase.into(),
            done: number(MemberState::Done),
            failed: number(MemberState::Failed),
            under_way: number(MemberState::UnderWay),
            waiting: number(MemberState::Waiting),
            offline: number(MemberState::Offline),
            members,
            ..Default::default()
        }
    }

    #[test]
    fn the_board_has_a_line_for_each_instance() {
        let members = vec![
            member(1, MemberState::Done, ""),
            member(2, MemberState::UnderWay, "pulling web"),
            member(3, MemberState::Failed, "the probe\ngot no answer"),
            member(10, MemberState::Waiting, ""),
        ];
        let lines: Vec<_> = board(&view(RolloutPhase::Running, members), Time(100_000), 24)
            .iter()
            .map(|line| line.text(false))
            .collect();
        insta::assert_snapshot!(lines.join("\n"), @r"
        labnotes-3  labnotes -> 1.2  running (1 done, 1 failed, 1 under way, 1 waiting)
        + notes-1   lab-1   1.1 -> 1.2  done
        > notes-2   lab-2   1.1 -> 1.2  under way 10s: pulling web
        ! notes-3   lab-3   1.1 -> 1.2  failed: rolled back: the probe; got no answer
        . notes-10  lab-10  1.1 -> 1.2  waiting: its wave has not come
        ");
    }

    #[test]
    fn a_small_board_shows_what_wants_to_be_seen() {
        let mut members: Vec<_> = (1..50).map(|number| member(number, MemberState::Waiting, "")).collect();
        members.push(member(50, MemberState::Failed, "x"));
        let lines: Vec<_> = board(&view(RolloutPhase::Running, members), Time(100_000), 6)
            .iter()
            .map(|line| line.text(false))
            .collect();
        insta::assert_snapshot!(lines.join("\n"), @r"
        labnotes-3  labnotes -> 1.2  running (1 failed, 49 waiting)
        ! notes-50  lab-50  1.1 -> 1.2  failed: rolled back: x
        . notes-1   lab-1   1.1 -> 1.2  waiting: its wave has not come
        . notes-2   lab-2   1.1 -> 1.2  waiting: its wave has not come
          and 47 more
        ");
    }

    #[test]
    fn each_step_is_told_once_in_a_pipe_however_far_it_is() {
        let pulling = |done: u64, total: u64| MemberView {
            progress: Some(StepProgress::of_bytes(done * 1_000_000, Some(total * 1_000_000)).into()),
            ..member(1, MemberState::UnderWay, "pull web")
        };
        let mut changes = Changes::default();
        let stages = [
            view(RolloutPhase::Running, vec![member(1, MemberState::Waiting, ""), member(2, MemberState::Waiting, "")]),
            view(RolloutPhase::Running, vec![pulling(0, 3), member(2, MemberState::Waiting, "")]),
            view(RolloutPhase::Running, vec![pulling(2, 9), member(2, MemberState::Waiting, "")]),
            view(
                RolloutPhase::Running,
                vec![member(1, MemberState::UnderWay, "start web"), member(2, MemberState::Waiting, "")],
            ),
            view(RolloutPhase::Soaking, vec![member(1, MemberState::Done, ""), member(2, MemberState::Waiting, "")]),
            view(
                RolloutPhase::DoneButOffline,
                vec![member(1, MemberState::Done, ""), member(2, MemberState::Offline, "")],
            ),
        ];
        let lines: Vec<_> =
            stages.iter().zip(0_u64..).flat_map(|(view, second)| changes.lines(view, Time(second * 1000))).collect();
        insta::assert_snapshot!(lines.join("\n"), @r"
        00:00:00  labnotes-3  running (2 waiting)
        00:00:01  notes-1  lab-1  under way: pull web (0 of 3 MB)
        00:00:03  notes-1  lab-1  under way: start web
        00:00:04  notes-1  lab-1  done
        00:00:04  labnotes-3  soaking (1 done, 1 waiting)
        00:00:05  notes-2  lab-2  offline: it catches up when its host is back
        00:00:05  labnotes-3  done but offline (1 done, 1 offline)
        ");
    }
}
