//! Problems that need a person, worst first, each with the command that helps.

mod ahead;

use super::views::instance::{InstanceViews, verb};
use crate::agents::Excess;
use crate::facts::{StateSnapshot, duplicate_words, protocol_hint, protocol_words};
use crate::own::own_backup_health;
use crate::panics::CaughtPanics;
use crate::shared::Shared;
use fleet_core::backup::DataKind;
use fleet_core::backup_health::HealthLevel;
use fleet_core::facts::{DriftRule, HostObserved, InstanceDesired, InstanceHealth, LinkState};
use fleet_core::hint::Hint;
use fleet_core::names::{HostName, InstanceName, RepositoryName};
use fleet_core::order::Outcome;
use fleet_core::plan::{MemberState, Newer, PlanContext, RolloutPhase};
use fleet_core::time::Time;
use fleet_proto::v1;
use std::time::Duration;

/// Clock difference in milliseconds above which it is reported.
const SKEW: u64 = 120_000;
/// Free bytes below which it is reported.
const ROOM: u64 = 2 << 30;
/// Time for which a caught panic is reported.
const SHOWN: Duration = Duration::from_secs(86_400);
/// No screen shows more.
const LIMIT: usize = 200;

/// Severity of a problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Panic,
    Duplicate,
    Stuck,
    Halted,
    Unhealthy,
    Overdue,
    Refused,
    Offline,
    Failed,
    Newer,
    Backups,
    Room,
    Leftover,
    Clock,
    Loud,
    Drift,
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
    found.extend(ahead::ahead(snapshot).into_iter().map(|attention| (Rank::Newer, attention)));
    found.extend(undeliverable(snapshot));
    found.extend(overdue(snapshot, now));
    found.extend(of_rollouts(snapshot, plan_context));
    found.sort_by(|a, b| (a.0, &a.1.subject).cmp(&(b.0, &b.1.subject)));
    found.into_iter().take(LIMIT).map(|(_, attention)| attention).collect()
}

/// Problems of stored data, collected before the facts are read.
#[derive(Debug, Default)]
pub struct Kept {
    pub room: Option<String>,
    /// Problems of repositories: instance, repository and text.
    pub troubles: Vec<(InstanceName, RepositoryName, String)>,
    pub own: Option<String>,
    /// Hosts that exceed their budget.
    pub loud: Vec<(HostName, Excess)>,
    /// Reason why the repositories cannot be inspected.
    pub blind: Option<String>,
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
                (Vec::new(), Some(format!("what is wrong with repositories cannot be looked at: {error}")))
            }
        };
        let own = own_backup_health(&shared.facts, &shared.home, now).map(|health| health.problem);
        let own = own.unwrap_or_else(|error| {
            unreadable(&error);
            Some(error.to_string())
        });
        let loud = shared.budgets.excesses(now);
        let panics = shared.panics.all().into_iter().filter(|(_, caught)| now.since(caught.last) < SHOWN).collect();
        Self { room: repository_service.room_words(), troubles, own, loud, blind, panics }
    }
}

fn of_loud((host, excess): (HostName, Excess)) -> (Rank, v1::Attention) {
    let text = match excess {
        Excess::Slowed => "reports more than its share, and is read slowly; the other hosts are not",
        Excess::Oversized => "reported an instance with more text than is taken in: what is shown of it is older",
        Excess::Refused => "reported something that this coordinator cannot read; is its agent newer?",
    };
    say(Rank::Loud, format!("host {host}"), text.to_owned(), Hint::ReadAgentLog)
}

fn of_panics((place, CaughtPanics { count, last, message }): (&'static str, CaughtPanics)) -> (Rank, v1::Attention) {
    let text = format!("a bug: {place} panicked {count} times, last at {last}: {message}");
    say(Rank::Panic, "coordinator".to_owned(), text, Hint::ReportBug)
}

fn of_kept(kept: Kept) -> Vec<(Rank, v1::Attention)> {
    let coordinator = || "coordinator".to_owned();
    let room = kept.room.map(|text| say(Rank::Room, coordinator(), text, Hint::KeepLess));
    let own = kept.own.map(|text| say(Rank::Backups, coordinator(), text, Hint::BackUpCoordinator));
    let troubles = kept.troubles.into_iter().map(|(instance, repository, text)| {
        let text = format!("its repository in {repository}: {text}");
        say(Rank::Backups, format!("instance {instance}"), text, Hint::VerifyAllData(instance))
    });
    let blind = kept.blind.map(|text| say(Rank::Backups, coordinator(), text, Hint::ReadCoordinatorLog));
    let loud = kept.loud.into_iter().map(of_loud);
    let panics = kept.panics.into_iter().map(of_panics);
    troubles.chain(room).chain(own).chain(blind).chain(loud).chain(panics).collect()
}

fn say(rank: Rank, subject: String, text: String, hint: Hint) -> (Rank, v1::Attention) {
    (rank, v1::Attention { subject, text, hint: Some(hint.into()) })
}

/// Two machines that connect as one host.
fn of_duplicate(snapshot: &StateSnapshot, name: &HostName) -> Option<(Rank, v1::Attention)> {
    let text = duplicate_words(snapshot.observed().duplicate(name)?);
    Some(say(Rank::Duplicate, format!("host {name}"), text, Hint::SwitchCloneOff))
}

/// Returns the reason why a host is offline, as far as known.
fn of_link(snapshot: &StateSnapshot, plan_context: &PlanContext<'_>, name: &HostName) -> Option<(Rank, v1::Attention)> {
    let subject = format!("host {name}");
    if let Some(other) = snapshot.other_protocol(name) {
        return Some(say(Rank::Refused, subject, protocol_words(other), protocol_hint(name, other)));
    }
    match snapshot.observed().hosts.get(name)?.link {
        LinkState::Online => None,
        LinkState::Offline { since } if plan_context.returning_until(since).is_some() => None,
        LinkState::Offline { since } => {
            Some(say(Rank::Offline, subject, format!("offline since {since}"), Hint::ShowHost(name.clone())))
        }
    }
}

fn of_host(name: &HostName, seen: &HostObserved) -> Vec<(Rank, v1::Attention)> {
    let subject = format!("host {name}");
    let mut found = Vec::new();
    let skew = seen.said.clock_skew_ms;
    if skew.unsigned_abs() > SKEW {
        let direction = if skew < 0 { "behind" } else { "ahead" };
        let text = format!("its clock is {} s {direction}", skew.unsigned_abs() / 1000);
        found.push(say(Rank::Clock, subject.clone(), text, Hint::SetHostClock));
    }
    if let Some(free) = seen.said.disk_free.filter(|free| *free < ROOM) {
        let text = format!("only {} MiB free for the Engine", free >> 20);
        found.push(say(Rank::Room, subject, text, Hint::ShowHost(name.clone())));
    }
    found
}

fn of_instance(
    snapshot: &StateSnapshot,
    views: &InstanceViews<'_>,
    name: &InstanceName,
    instance: &InstanceDesired,
) -> Vec<(Rank, v1::Attention)> {
    let subject = || format!("instance {name}");
    let mut found = Vec::new();
    if let Some(end) = views.end(name) {
        match &end.outcome {
            Outcome::Stuck { failure, hint } => {
                let hint = hint.clone().unwrap_or_else(|| Hint::ShowInstance(name.clone()));
                found.push(say(Rank::Stuck, subject(), format!("stuck: {failure}"), hint));
            }
            // The health of its backups shows it, and for how long.
            Outcome::Refused { .. } | Outcome::Failed { .. } if is_of_policy(snapshot, name, end.of) => {}
            Outcome::RolledBack { failure } | Outcome::Refused { failure } | Outcome::Failed { failure } => {
                let text = format!("its last order: {}, {failure}", end.outcome.word());
                found.push(say(Rank::Failed, subject(), text, Hint::ShowInstance(name.clone())));
            }
            Outcome::AlreadySo | Outcome::Done => {}
        }
    }
    let seen = snapshot.observed().instances.get(name).filter(|seen| seen.host == instance.host);
    let Some(said) = seen.and_then(|seen| seen.running.last()) else { return found };
    if let InstanceHealth::Unhealthy { reason } = &said.health {
        found.push(say(Rank::Unhealthy, subject(), format!("unhealthy: {reason}"), Hint::SeeLogs(name.clone())));
    }
    if !said.leftovers.is_empty() {
        found.push(say(Rank::Leftover, subject(), said.leftovers.join("; "), Hint::ShowInstance(name.clone())));
    }
    if !said.drift.is_empty() && instance.drift == DriftRule::Report {
        let text = format!("changed by hand: {}", said.drift.join(", "));
        found.push(say(Rank::Drift, subject(), text, Hint::ShowInstance(name.clone())));
    }
    found
}

fn is_of_policy(snapshot: &StateSnapshot, name: &InstanceName, of: Option<DataKind>) -> bool {
    match of {
        Some(DataKind::Backup | DataKind::Drill) => snapshot.desired().policy_of(name).is_some(),
        Some(DataKind::Restore | DataKind::Forget) | None => false,
    }
}

/// Backups that are not as their policies want them. A new instance has as long as a backup may be old.
fn of_backups(snapshot: &StateSnapshot, plan_context: &PlanContext<'_>, now: Time) -> Vec<(Rank, v1::Attention)> {
    if snapshot.desired().policies.is_empty() {
        return Vec::new();
    }
    let (mut found, mut without) = (Vec::new(), Vec::new());
    for (name, instance) in &snapshot.desired().instances {
        let Some((_, policy)) = snapshot.desired().policy_of(name) else {
            without.push(name.as_str());
            continue;
        };
        let is_new = now.since(instance.created) <= policy.max_age.as_duration();
        let health = plan_context.health(name).filter(|health| match health.word {
            HealthLevel::Ok => false,
            HealthLevel::Never => !is_new || health.reasons.len() > 1,
            HealthLevel::Failing | HealthLevel::Late | HealthLevel::Uncovered => true,
        });
        if let Some(health) = health {
            let text = format!("its backups: {}: {}", health.word, health.reasons.join("; "));
            let hint = Hint::MendBackups(name.clone());
            found.push(say(Rank::Backups, format!("instance {name}"), text, hint));
        }
    }
    if let Some(first) = without.first() {
        let text = format!("{} without a policy for backups, such as {first}", without.len());
        found.push(say(Rank::Backups, "backups".to_owned(), text, Hint::AddPolicy));
    }
    found
}

/// Returns the problem of an instance whose host has values that were not set here.
fn of_values(
    plan_context: &PlanContext<'_>,
    name: &InstanceName,
    instance: &InstanceDesired,
) -> Option<(Rank, v1::Attention)> {
    match plan_context.newer(name)? {
        Newer::Brought(_) => None,
        Newer::Unknown(said) => {
            let wanted = instance.revision;
            let text = format!("its host has a newer revision than is wanted: {said}, not {wanted}");
            let hint = Hint::GiveWantedValues(name.clone());
            Some(say(Rank::Newer, format!("instance {name}"), text, hint))
        }
    }
}

/// Returns orders that wait for values that no longer exist. Orders of two machines with one identity are shown with
/// their host.
fn undeliverable(snapshot: &StateSnapshot) -> Vec<(Rank, v1::Attention)> {
    let undeliverable =
        snapshot.asked().orders.iter().filter_map(|(id, open)| Some((open, snapshot.undeliverable(id)?)));
    undeliverable
        .filter(|(open, _)| snapshot.observed().duplicate(&open.host).is_none())
        .filter(|(_, undeliverable)| !undeliverable.is_passing)
        .map(|(open, undeliverable)| {
            let text = format!("its host cannot be told to {}: {}", verb(&open.order.action), undeliverable.why);
            say(Rank::Stuck, format!("instance {}", open.order.instance), text, Hint::ImportFacts)
        })
        .collect()
}

/// Orders whose host is there and has not said in time how they ended.
fn overdue(snapshot: &StateSnapshot, now: Time) -> Vec<(Rank, v1::Attention)> {
    let is_online =
        |host: &HostName| snapshot.observed().hosts.get(host).is_some_and(|seen| seen.link == LinkState::Online);
    let late = snapshot.asked().orders.values().filter(|open| {
        let due = open.asked.after(open.order.deadline).after(Duration::from_secs(60));
        due < now && is_online(&open.host)
    });
    late.map(|open| {
        let text = format!("`{}` has not said how its order of {} ended", open.host, open.asked);
        say(Rank::Overdue, format!("instance {}", open.order.instance), text, Hint::ReadAgentLog)
    })
    .collect()
}

fn of_rollouts(snapshot: &StateSnapshot, plan_context: &PlanContext<'_>) -> Vec<(Rank, v1::Attention)> {
    let mut found = Vec::new();
    for rollout in snapshot.desired().rollouts.values() {
        let (subject, hint) = (format!("rollout {}", rollout.id), Hint::ExplainRollout(rollout.id.clone()));
        match plan_context.phase(rollout) {
            RolloutPhase::Halted { reason } => {
                found.push(say(Rank::Halted, subject, format!("halted: {reason}"), hint));
            }
            RolloutPhase::Running
            | RolloutPhase::Soaking { .. }
            | RolloutPhase::OutsideWindow { .. }
            | RolloutPhase::Paused => {
                let members = plan_context.members(rollout);
                let late = members.iter().filter(|(_, state)| matches!(state, MemberState::Overdue { .. })).count();
                if late > 0 {
                    found.push(say(Rank::Overdue, subject, format!("{late} overdue"), hint));
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

    #[test]
    fn what_is_wrong_with_what_is_kept_needs_a_person() {
        let kept = Kept {
            room: Some("only 1 MiB free".to_owned()),
            troubles: vec![(read("notes-1"), read("central"), "1 of its backups is damaged".to_owned())],
            own: Some("the coordinator has never backed itself up".to_owned()),
            loud: Vec::new(),
            blind: Some("nobody can look".to_owned()),
            panics: vec![("reconcile", CaughtPanics { count: 2, last: Time(0), message: "a bug".to_owned() })],
        };
        let said: Vec<_> = of_kept(kept).into_iter().map(|(_, it)| format!("{}: {}", it.subject, it.text)).collect();
        let expect = [
            "instance notes-1: its repository in central: 1 of its backups is damaged",
            "coordinator: only 1 MiB free",
            "coordinator: the coordinator has never backed itself up",
            "coordinator: nobody can look",
            "coordinator: a bug: reconcile panicked 2 times, last at 1970-01-01T00:00:00Z: a bug",
        ];
        assert_eq!(said, expect);
        assert!(of_kept(Kept::default()).is_empty());
    }
}
