//! Problems that need a person, worst first, each with the command that helps.

mod ahead;
mod health;
mod rank;

use super::views::instance::InstanceViews;
use crate::agents::Excess;
use crate::facts::{StateSnapshot, duplicate_problem, protocol_hint, protocol_problem};
use crate::own::own_backup_health;
use crate::panics::CaughtPanics;
use crate::shared::Shared;
use fleet_core::backup::{DataKind, RepositoryProblem};
use fleet_core::backup_health::HealthLevel;
use fleet_core::data_leftover::DataLeftover;
use fleet_core::drift::Drift;
use fleet_core::event::EventSubject;
use fleet_core::facts::{DriftRule, HostObserved, InstanceDesired, LinkState};
use fleet_core::hint::Hint;
use fleet_core::names::{HostName, InstanceName, RepositoryName};
use fleet_core::order::Outcome;
use fleet_core::order_failure::OrderFailure;
use fleet_core::order_summary::OrderSummary;
use fleet_core::plan::{MemberState, Newer, PlanContext, RolloutPhase, latest_end};
use fleet_core::problem::Problem;
use fleet_core::time::Time;
use fleet_proto::v1;
use rank::Rank;
use std::time::Duration;

/// Clock difference in milliseconds above which it is reported.
const SKEW: u64 = 120_000;
/// Free bytes below which it is reported.
const ROOM: u64 = 2 << 30;
/// Time for which a caught panic is reported.
const SHOWN: Duration = Duration::from_secs(86_400);
/// No screen shows more.
const LIMIT: usize = 200;
/// Maximum number of texts of one problem.
const LINES: usize = 16;

/// A problem with its subject and the action that helps.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Finding {
    subject: EventSubject,
    problem: Problem,
    hint: Hint,
}

impl From<Finding> for v1::Attention {
    fn from(Finding { subject, problem, hint }: Finding) -> Self {
        Self { subject: Some((&subject).into()), problem: Some(problem.into()), hint: Some(hint.into()) }
    }
}

pub fn attention(
    snapshot: &StateSnapshot,
    plan_context: &PlanContext<'_>,
    views: &InstanceViews<'_>,
    kept: Kept,
    now: Time,
) -> Vec<v1::Attention> {
    let mut found = of_backups(snapshot, plan_context, now);
    found.extend(of_kept(kept));
    for name in snapshot.desired().hosts.keys() {
        found.extend(of_duplicate(snapshot, name));
        found.extend(of_link(snapshot, plan_context, name));
        if let Some(seen) = snapshot.observed().hosts.get(name) {
            found.extend(of_host(name, seen));
        }
    }
    for (name, instance) in &snapshot.desired().instances {
        found.extend(of_instance(snapshot, views, name, instance));
        found.extend(of_values(plan_context, name, instance));
    }
    found.extend(ahead::ahead(snapshot));
    found.extend(undeliverable(snapshot));
    found.extend(overdue(snapshot, now));
    found.extend(of_rollouts(snapshot, plan_context));
    found.sort_by_cached_key(|found| (Rank::from(&found.problem), found.subject.to_string()));
    found.into_iter().take(LIMIT).map(Into::into).collect()
}

/// Problems of stored data, collected before the facts are read.
#[derive(Debug, Default)]
pub struct Kept {
    /// Problem with the space for repositories.
    pub room: Option<Problem>,
    /// Problems of repositories: instance, repository and problem.
    pub troubles: Vec<(InstanceName, RepositoryName, RepositoryProblem)>,
    /// Problem of the coordinator's own backups.
    pub own: Option<Problem>,
    /// Hosts that exceed their budget.
    pub loud: Vec<(HostName, Excess)>,
    /// Problem if the repositories cannot be inspected.
    pub blind: Option<Problem>,
    /// Panics of the last day: in which loop, or in calls.
    pub panics: Vec<(&'static str, CaughtPanics)>,
}

impl Kept {
    pub fn look(shared: &Shared, now: Time) -> Self {
        let repository_service = &shared.repository_service;
        let unreadable = |error: &dyn std::fmt::Display| tracing::error!(%error, "what is kept could not be looked at");
        let (troubles, blind) = match repository_service.troubles() {
            Ok(troubles) => (troubles, None),
            Err(error) => {
                unreadable(&error);
                (Vec::new(), Some(Problem::RepositoriesUnknown(error.to_string().into())))
            }
        };
        let own = own_backup_health(&shared.facts, &shared.home, now).map(|health| health.problem);
        let own = own.unwrap_or_else(|error| {
            unreadable(&error);
            Some(Problem::OwnBackupUnknown(error.to_string().into()))
        });
        let loud = shared.budgets.excesses(now);
        let panics = shared.panics.all().into_iter().filter(|(_, caught)| now.since(caught.last) < SHOWN).collect();
        Self { room: repository_service.room_problem(), troubles, own, loud, blind, panics }
    }
}

fn say(subject: impl Into<EventSubject>, problem: Problem, hint: Hint) -> Finding {
    Finding { subject: subject.into(), problem, hint }
}

fn of_loud((host, excess): (HostName, Excess)) -> Finding {
    let problem = match excess {
        Excess::Slowed => Problem::ReportsTooMuch,
        Excess::Oversized => Problem::ReportTooLarge,
        Excess::Refused => Problem::ReportUnreadable,
    };
    say(&host, problem, Hint::ReadAgentLog)
}

fn of_panics((part, CaughtPanics { count, last, message }): (&'static str, CaughtPanics)) -> Finding {
    let problem = Problem::Panicked { part: part.into(), count, last, message: message.into() };
    say(EventSubject::Coordinator, problem, Hint::ReportBug)
}

fn of_kept(kept: Kept) -> Vec<Finding> {
    let of_coordinator = |hint: Hint| move |problem| say(EventSubject::Coordinator, problem, hint);
    let room = kept.room.map(of_coordinator(Hint::KeepLess));
    let own = kept.own.map(of_coordinator(Hint::BackUpCoordinator));
    let blind = kept.blind.map(of_coordinator(Hint::ReadCoordinatorLog));
    let troubles = kept.troubles.into_iter().map(|(instance, repository, problem)| {
        let hint = hint_of(&instance, &problem);
        say(&instance, Problem::Repository { repository, problem: Box::new(problem) }, hint)
    });
    let loud = kept.loud.into_iter().map(of_loud);
    let panics = kept.panics.into_iter().map(of_panics);
    troubles.chain(room).chain(own).chain(blind).chain(loud).chain(panics).collect()
}

/// Returns the action that helps with a problem of a repository.
fn hint_of(instance: &InstanceName, problem: &RepositoryProblem) -> Hint {
    match problem {
        RepositoryProblem::ForgettingHalted { before, .. } => Hint::HoldBackup(before.clone()),
        RepositoryProblem::Text(_)
        | RepositoryProblem::Damaged { .. }
        | RepositoryProblem::OverQuota { .. }
        | RepositoryProblem::NotMaintained(_)
        | RepositoryProblem::NotListed(_)
        | RepositoryProblem::KeyUnreadable(_)
        | RepositoryProblem::Unrequested { .. }
        | RepositoryProblem::ForeignSnapshots { .. }
        | RepositoryProblem::FalseProofs { .. } => Hint::VerifyAllData(instance.clone()),
    }
}

/// Two machines that connect as one host.
fn of_duplicate(snapshot: &StateSnapshot, name: &HostName) -> Option<Finding> {
    let problem = duplicate_problem(snapshot.observed().duplicate(name)?);
    Some(say(name, problem, Hint::SwitchCloneOff))
}

/// Returns the reason why a host is offline, as far as known.
fn of_link(snapshot: &StateSnapshot, plan_context: &PlanContext<'_>, name: &HostName) -> Option<Finding> {
    if let Some(other) = snapshot.other_protocol(name) {
        return Some(say(name, protocol_problem(other), protocol_hint(name, other)));
    }
    match snapshot.observed().hosts.get(name)?.link {
        LinkState::Online => None,
        LinkState::Offline { since } if plan_context.returning_until(since).is_some() => None,
        LinkState::Offline { since } => Some(say(name, Problem::Offline { since }, Hint::ShowHost(name.clone()))),
    }
}

fn of_host(name: &HostName, seen: &HostObserved) -> Vec<Finding> {
    let mut found = Vec::new();
    let skew = seen.said.clock_skew_ms;
    if skew.unsigned_abs() > SKEW {
        let by = Duration::from_millis(skew.unsigned_abs());
        let problem = if skew < 0 { Problem::ClockBehind(by) } else { Problem::ClockAhead(by) };
        found.push(say(name, problem, Hint::SetHostClock));
    }
    if let Some(free) = seen.said.disk_free.filter(|free| *free < ROOM) {
        found.push(say(name, Problem::EngineDiskLow(free), Hint::ShowHost(name.clone())));
    }
    found
}

fn of_instance(
    snapshot: &StateSnapshot,
    views: &InstanceViews<'_>,
    name: &InstanceName,
    instance: &InstanceDesired,
) -> Vec<Finding> {
    let show = || Hint::ShowInstance(name.clone());
    let mut found: Vec<Finding> = of_end(snapshot, views, name).into_iter().collect();
    let seen = snapshot.observed().instances.get(name).filter(|seen| seen.host == instance.host);
    let Some(said) = seen.and_then(|seen| seen.running.last()) else { return found };
    found.extend(health::of_health(name, &said.health, &found));
    if !said.leftovers.is_empty() {
        let first = said.leftovers.iter().take(LINES).map(DataLeftover::shortened).collect();
        found.push(say(name, Problem::Leftovers { more: said.leftovers.len().saturating_sub(LINES), first }, show()));
    }
    if !said.drift.is_empty() && instance.drift == DriftRule::Report {
        let changes = said.drift.iter().take(LINES).map(Drift::shortened).collect();
        found.push(say(name, Problem::Drift { more: said.drift.len().saturating_sub(LINES), changes }, show()));
    }
    found
}

/// Returns the problem of an instance whose last order did not reach its goal.
fn of_end(snapshot: &StateSnapshot, views: &InstanceViews<'_>, name: &InstanceName) -> Option<Finding> {
    let end = views.end(name)?;
    let show = Hint::ShowInstance(name.clone());
    match &end.outcome {
        Outcome::Stuck { failure, hint } => {
            Some(say(name, Problem::Stuck(failure.shortened()), hint.clone().unwrap_or(show)))
        }
        // The health of its backups shows it, and for how long.
        Outcome::Refused { .. } | Outcome::Failed { .. } if is_of_policy(snapshot, name, end.of) => None,
        Outcome::RolledBack { failure } => Some(say(name, Problem::OrderRolledBack(failure.shortened()), show)),
        Outcome::Refused { failure } => {
            let is_bereft = matches!(failure, OrderFailure::VolumesGone { .. });
            let hint = if is_bereft { Hint::RestoreInstance(name.clone()) } else { show };
            Some(say(name, Problem::OrderRefused(failure.shortened()), hint))
        }
        Outcome::Failed { failure } => Some(say(name, Problem::OrderFailed(failure.shortened()), show)),
        Outcome::AlreadySo | Outcome::Done => None,
    }
}

fn is_of_policy(snapshot: &StateSnapshot, name: &InstanceName, of: Option<DataKind>) -> bool {
    match of {
        Some(DataKind::Backup | DataKind::Drill) => snapshot.desired().policy_of(name).is_some(),
        Some(DataKind::Restore | DataKind::Forget) | None => false,
    }
}

/// Backups that are not as their policies want them. A new instance has as long as a backup may be old.
fn of_backups(snapshot: &StateSnapshot, plan_context: &PlanContext<'_>, now: Time) -> Vec<Finding> {
    if snapshot.desired().policies.is_empty() {
        return Vec::new();
    }
    let (mut found, mut without) = (Vec::new(), Vec::new());
    for (name, instance) in &snapshot.desired().instances {
        let Some((_, policy)) = snapshot.desired().policy_of(name) else {
            without.push(name);
            continue;
        };
        let is_new = now.since(instance.created) <= policy.max_age.as_duration();
        let health = plan_context.health(name).filter(|health| match health.word {
            HealthLevel::Ok => false,
            HealthLevel::Never => !is_new || health.reasons.len() > 1,
            HealthLevel::Failing | HealthLevel::Late | HealthLevel::Uncovered => true,
        });
        let reasons = health.map(|health| health.reasons).unwrap_or_default();
        if let Some((worst, others)) = reasons.split_first() {
            let problem = Problem::Backups { more: others.len(), worst: Box::new(worst.clone()) };
            found.push(say(name, problem, Hint::MendBackups(name.clone())));
        }
    }
    if let Some(first) = without.first().copied() {
        let problem = Problem::WithoutPolicy { count: without.len(), first: first.clone() };
        found.push(say(EventSubject::Backups, problem, Hint::AddPolicy));
    }
    found
}

/// Returns the problem of an instance whose host has values that were not set here.
fn of_values(plan_context: &PlanContext<'_>, name: &InstanceName, instance: &InstanceDesired) -> Option<Finding> {
    match plan_context.newer(name)? {
        Newer::Brought(_) => None,
        Newer::Unknown(found) => {
            let problem = Problem::NewerRevision { found, wanted: instance.revision };
            Some(say(name, problem, Hint::GiveWantedValues(name.clone())))
        }
    }
}

/// Returns orders that wait for values that no longer exist. Orders of two machines with one identity are shown with
/// their host.
fn undeliverable(snapshot: &StateSnapshot) -> Vec<Finding> {
    let undeliverable =
        snapshot.asked().orders.iter().filter_map(|(id, open)| Some((open, snapshot.undeliverable(id)?)));
    undeliverable
        .filter(|(open, _)| snapshot.observed().duplicate(&open.host).is_none())
        .filter(|(_, reason)| !reason.is_passing())
        .map(|(open, reason)| {
            let order = Box::new(OrderSummary::from(&open.order.action));
            let problem = Problem::Undeliverable { reason: Box::new(reason.clone()), order };
            say(&open.order.instance, problem, Hint::ImportFacts)
        })
        .collect()
}

/// Orders whose host is there and has not said in time how they ended.
fn overdue(snapshot: &StateSnapshot, now: Time) -> Vec<Finding> {
    let is_online =
        |host: &HostName| snapshot.observed().hosts.get(host).is_some_and(|seen| seen.link == LinkState::Online);
    let late = snapshot
        .asked()
        .orders
        .values()
        .filter(|open| latest_end(open.asked, &open.order) < now && is_online(&open.host));
    late.map(|open| {
        let problem = Problem::OrderOverdue { host: open.host.clone(), asked: open.asked };
        say(&open.order.instance, problem, Hint::ReadAgentLog)
    })
    .collect()
}

fn of_rollouts(snapshot: &StateSnapshot, plan_context: &PlanContext<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for rollout in snapshot.desired().rollouts.values() {
        let explain = Hint::ExplainRollout(rollout.id.clone());
        match plan_context.phase(rollout) {
            RolloutPhase::Halted { reason } => {
                found.push(say(&rollout.id, Problem::RolloutHalted(reason), explain));
            }
            RolloutPhase::Running
            | RolloutPhase::Soaking { .. }
            | RolloutPhase::OutsideWindow { .. }
            | RolloutPhase::Paused => {
                let members = plan_context.members(rollout);
                let late = members.iter().filter(|(_, state)| matches!(state, MemberState::Overdue { .. })).count();
                if late > 0 {
                    found.push(say(&rollout.id, Problem::MembersOverdue(late), explain));
                }
            }
            RolloutPhase::Aborted | RolloutPhase::DoneButOffline { .. } | RolloutPhase::Done => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::testing::read;
    use fleet_core::names::BackupId;

    #[test]
    fn what_is_wrong_with_what_is_kept_needs_a_person() {
        let before: BackupId = read("0123456789abcdef01234567");
        let damaged = RepositoryProblem::Damaged {
            count: 1,
            first: before.clone(),
            reason: fleet_core::backup::BackupDamage::Incomplete,
        };
        let halted = RepositoryProblem::ForgettingHalted { bytes: 1, before: before.clone(), before_bytes: 1 << 30 };
        let (instance, repository): (InstanceName, RepositoryName) = (read("notes-1"), read("central"));
        let trouble = |problem: &RepositoryProblem| (instance.clone(), repository.clone(), problem.clone());
        let panic = CaughtPanics { count: 2, last: Time(0), message: "a bug".to_owned() };
        let kept = Kept {
            room: Some(Problem::RepositoryDiskLow { free: 1 << 20 }),
            troubles: vec![trouble(&damaged), trouble(&halted)],
            own: Some(Problem::NeverBackedUp),
            loud: Vec::new(),
            blind: Some(Problem::RepositoriesUnknown("it is locked".into())),
            panics: vec![("reconcile", panic)],
        };
        let of_repository =
            |problem| Problem::Repository { repository: repository.clone(), problem: Box::new(problem) };
        let panicked = Problem::Panicked { part: "reconcile".into(), count: 2, last: Time(0), message: "a bug".into() };
        let coordinator = |problem, hint| say(EventSubject::Coordinator, problem, hint);
        let expect = [
            say(&instance, of_repository(damaged), Hint::VerifyAllData(instance.clone())),
            say(&instance, of_repository(halted), Hint::HoldBackup(before)),
            coordinator(Problem::RepositoryDiskLow { free: 1 << 20 }, Hint::KeepLess),
            coordinator(Problem::NeverBackedUp, Hint::BackUpCoordinator),
            coordinator(Problem::RepositoriesUnknown("it is locked".into()), Hint::ReadCoordinatorLog),
            coordinator(panicked, Hint::ReportBug),
        ];
        assert_eq!(of_kept(kept), expect);
        assert!(of_kept(Kept::default()).is_empty());
    }
}
