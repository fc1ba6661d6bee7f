//! The gates of a rollout: whether something new may begin now, and how much.
//!
//! Waves end where the number of ended members reaches a boundary: the canary, then every `at_once` more. Because ends
//! are counted, and members are not assigned to waves, online hosts go first and no wave waits for an offline one.

use super::RolloutPhase;
use super::member::{MemberContext, Tally};
use crate::halt_reason::HaltReason;
use crate::reason::WaitReason;
use crate::rollout::{Rollout, RolloutIntent, Strategy};
use crate::time::Time;
use crate::window::Window;
use std::time::Duration;

/// Members that may begin now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Gate {
    Open {
        room: usize,
    },
    /// Those alone that an operator wants to be tried again.
    Retries {
        room: usize,
        reason: WaitReason,
    },
    Shut {
        reason: WaitReason,
        until: Option<Time>,
    },
}

#[derive(Debug, Default)]
pub(super) struct Counts {
    pub successes: usize,
    /// Members whose order ended badly.
    pub failed: usize,
    /// Members that count as failed for as long as they are sick or late.
    pub troubled: usize,
    /// Members whose order ended in whatever way.
    pub ended: usize,
    pub under_way: usize,
    pub ready: usize,
    pub held: usize,
    pub offline: usize,
    last_end: Time,
}

impl Counts {
    pub fn of(standings: &[MemberContext]) -> Self {
        let mut counts = Self::default();
        standings.iter().for_each(|member_context| counts.add(member_context.tally));
        counts
    }

    fn add(&mut self, tally: Tally) {
        match tally {
            Tally::Success(at) => (self.successes, self.ended) = (self.successes + 1, self.ended_at(at)),
            Tally::Failure(at) => (self.failed, self.ended) = (self.failed + 1, self.ended_at(at)),
            Tally::Sick(at) => (self.troubled, self.ended) = (self.troubled + 1, self.ended_at(at)),
            Tally::Late => (self.troubled, self.under_way) = (self.troubled + 1, self.under_way + 1),
            Tally::UnderWay => self.under_way += 1,
            Tally::Ready => self.ready += 1,
            Tally::Held => self.held += 1,
            Tally::Offline => self.offline += 1,
            Tally::Apart => {}
        }
    }

    fn ended_at(&mut self, at: Time) -> usize {
        self.last_end = self.last_end.max(at);
        self.ended + 1
    }

    fn failures(&self) -> usize {
        self.failed + self.troubled
    }

    /// Returns the number of members that this rollout may still change, without offline ones.
    fn at_hand(&self) -> usize {
        self.under_way + self.ready + self.held
    }
}

/// Returns the phase of the rollout, and the members that may begin.
pub(super) fn decide(rollout: &Rollout, counts: &Counts, halt: Option<HaltReason>, now: Time) -> (RolloutPhase, Gate) {
    let is_over = counts.at_hand() + counts.offline == 0;
    if rollout.intent == RolloutIntent::Abort {
        return (RolloutPhase::Aborted, shut(WaitReason::RolloutAborted));
    }
    // No member is left that could still cause a halt; a failed order needs a person all the same.
    if is_over && (halt.is_none() || counts.failed == 0) {
        return (RolloutPhase::Done, shut(WaitReason::RolloutDone));
    }
    if let Some(reason) = halt {
        return (RolloutPhase::Halted { reason }, halted(rollout, counts, now));
    }
    if rollout.intent == RolloutIntent::Pause {
        return (RolloutPhase::Paused, shut(WaitReason::RolloutPaused));
    }
    let (phase, gate) = pace(&rollout.strategy, rollout.members.len(), counts, now);
    let is_only_offline = counts.at_hand() == 0 && counts.ended > 0;
    if is_only_offline { (RolloutPhase::DoneButOffline { missing: counts.offline }, gate) } else { (phase, gate) }
}

/// Returns the gate of a halted rollout: shut, but for members that are to be tried again all the same, under its other limits.
fn halted(rollout: &Rollout, counts: &Counts, now: Time) -> Gate {
    let reason = WaitReason::RolloutHalted { rollout: rollout.id.clone() };
    if rollout.retries.is_empty() || rollout.intent != RolloutIntent::Run {
        return shut(reason);
    }
    match pace(&rollout.strategy, rollout.members.len(), counts, now) {
        (_, Gate::Open { room }) => Gate::Retries { room, reason },
        // The others do not go on by themselves then.
        (_, Gate::Shut { until, .. }) => Gate::Shut { reason, until },
        (_, retries @ Gate::Retries { .. }) => retries,
    }
}

/// Returns whether this number of failures halts the rollout. In the canary, one is enough.
pub(super) fn is_halting(strategy: &Strategy, counts: &Counts) -> bool {
    let failures = counts.failures();
    is_in_canary(strategy, counts) && failures > 0 || failures >= strategy.max_failures.max(1) as usize
}

/// Returns whether the canary is still running: until enough members have succeeded; failures do not end it.
pub(super) fn is_in_canary(strategy: &Strategy, counts: &Counts) -> bool {
    counts.successes < strategy.canary as usize
}

fn pace(strategy: &Strategy, group: usize, counts: &Counts, now: Time) -> (RolloutPhase, Gate) {
    if let Some((opens, reason)) = strategy.window.as_ref().and_then(|window| outside(window, strategy, now)) {
        return (RolloutPhase::OutsideWindow { opens }, shut(reason));
    }
    let until = counts.last_end.after(strategy.soak);
    let canary = strategy.canary as usize;
    let at_once = strategy.at_once.of(group);
    let is_at_boundary = counts.ended > 0 && counts.ended == wave_end(canary, at_once, counts.ended - 1);
    if is_at_boundary && now < until {
        return (RolloutPhase::Soaking { until }, shut(WaitReason::Soaking { until }));
    }
    let left_in_wave = wave_end(canary, at_once, counts.ended).saturating_sub(counts.ended + counts.under_way);
    let room = left_in_wave.min(at_once.saturating_sub(counts.under_way));
    (RolloutPhase::Running, Gate::Open { room })
}

/// Returns the number of ends at which the open wave closes.
pub(super) fn wave_end(canary: usize, at_once: usize, ended: usize) -> usize {
    if ended < canary { canary } else { canary + ((ended - canary) / at_once + 1) * at_once }
}

/// Returns the next opening of the window, if nothing may begin now: it is closed, or closes too soon.
fn outside(window: &Window, strategy: &Strategy, now: Time) -> Option<(Time, WaitReason)> {
    if !window.is_open(now) {
        let opens = window.opens_at(now);
        return Some((opens, WaitReason::WindowClosed { opens }));
    }
    let closes = open_until(window, now)?;
    if now.after(needed(window, strategy)) <= closes {
        return None;
    }
    let opens = window.opens_at(closes);
    Some((opens, WaitReason::WindowTooShort { closes, opens }))
}

/// Returns the time that has to be left in a window. Rollouts of earlier versions may have windows without room for a way back.
fn needed(window: &Window, strategy: &Strategy) -> Duration {
    let longest = strategy.longest();
    if window.length() < longest { strategy.deadline } else { longest }
}

/// The last moment at which an order may begin in the window that is open now.
pub(super) fn last_start(strategy: &Strategy, now: Time) -> Option<Time> {
    let window = strategy.window.as_ref()?;
    let closes = open_until(window, now)?;
    Some(Time(closes.0.saturating_sub(Time::ZERO.after(needed(window, strategy)).0).saturating_add(1)))
}

/// Returns the closing time of the window, including adjacent ones; none if it never closes.
fn open_until(window: &Window, now: Time) -> Option<Time> {
    let mut closes = window.closes_at(now)?;
    for _ in 0..7 {
        match window.closes_at(closes) {
            Some(later) => closes = later,
            None => return Some(closes),
        }
    }
    None
}

fn shut(reason: WaitReason) -> Gate {
    let until = reason.ends();
    Gate::Shut { reason, until }
}
