//! Texts of reasons.

use super::{failures, health, plans, policies, refusals, steps};
use crate::format::one_line;
use fleet_core::grammar::count;
use fleet_core::halt_reason::{HaltReason, MemberFailure, MemberFailureKind};
use fleet_core::order_failure::OrderFailure;
use fleet_core::order_kind::OrderKind;
use fleet_core::reason::{LeftOutReason, WaitReason};
use fleet_core::time::Time;
use fleet_proto::convert::{
    incoming_halt_reason, incoming_left_out_reason, incoming_member_failure, incoming_wait_reason,
};
use fleet_proto::v1;

/// Returns the words of the reason for waiting as it came over the wire; empty where there is none.
pub fn shown_wait(reason: Option<&v1::WaitReason>) -> String {
    let Some(message) = reason else { return String::new() };
    let known = incoming_wait_reason(message.clone()).as_ref().map(wait);
    known.unwrap_or_else(|| super::unknown::<v1::WaitReasonCode>("a reason", message.code, &message.arguments))
}

/// Returns the words of the reason for waiting.
#[expect(clippy::too_many_lines, reason = "a table")]
pub fn wait(reason: &WaitReason) -> String {
    let text = |text: &str| text.to_owned();
    match reason {
        // The host.
        WaitReason::HostRemoved => text("its host was removed"),
        WaitReason::HostNeverSeen => text("its host has never connected"),
        WaitReason::HostOffline { since } => format!("its host is offline since {since}"),
        WaitReason::HostReturning { .. } => text("its host has not reported since the coordinator started"),
        WaitReason::HostDuplicate { since } => {
            format!("two machines connect as its host since {since}: orders are held until only one does")
        }
        WaitReason::HostHours { opens } => format!("the host's own hours open at {opens}"),
        WaitReason::AppForbidden { app } => format!("the host's policy does not allow {app}"),
        WaitReason::AgentTooOld { lacks } => format!("its host's agent is too old for {lacks}: upgrade the agent"),
        // The instance.
        WaitReason::NotReported => text("it has not reported"),
        WaitReason::NotReportedSinceOrder => text("it has not reported since its last order ended"),
        WaitReason::NotInstalled => text("it is not installed"),
        WaitReason::Busy { step: Some(step) } => format!("it is in the middle of an order: {}", steps::words(step)),
        WaitReason::Busy { step: None } => "it is in the middle of an order".to_owned(),
        WaitReason::NewerValues { said, wanted } => {
            format!("its host has revision {said} of its values, which is newer than the wanted revision {wanted}")
        }
        WaitReason::NeverEmpty { instance, backup } => format!(
            "it was made from the backup {backup} of {instance}, and its host does not have it: it is not installed empty"
        ),
        WaitReason::NeverEmptyAsOf { of } => format!(
            "it is known as of {of}, when the coordinator was backed up, and its host does not have it: it is not \
             installed empty"
        ),
        // Its orders.
        WaitReason::OtherOrder => text("another order for it is under way"),
        WaitReason::DataOrder { order, since } => format!("{} runs since {since}", noun(*order)),
        WaitReason::OrderOverdue { since } => {
            format!("its host is online and has not said how its order of {since} ended")
        }
        WaitReason::EndedOtherwise { order } => format!("{} ended well, and its host says otherwise", noun(*order)),
        WaitReason::OrderRolledBack { order, failure } => {
            format!("{} was rolled back: {}", noun(*order), failures::words(failure))
        }
        WaitReason::OrderStuck { order, failure } => format!("{} is stuck: {}", noun(*order), failures::words(failure)),
        WaitReason::OrderRefused { order, failure } => {
            format!("{} was refused: {}", noun(*order), failures::words(failure))
        }
        WaitReason::OrderFailed { order, failure } => format!("{} failed: {}", noun(*order), failures::words(failure)),
        WaitReason::Blocked { order, by } => format!("{}: {}", noun(*order), wait(by)),
        // Its rollout.
        WaitReason::RolloutAborted => text("the rollout was aborted"),
        WaitReason::RolloutDone => text("the rollout is done"),
        WaitReason::RolloutHalted { rollout } => format!("rollout {rollout} is halted"),
        WaitReason::RolloutPaused => text("the rollout is paused"),
        WaitReason::WindowClosed { opens } => format!("its window opens at {opens}"),
        WaitReason::WindowTooShort { closes, opens } => {
            format!("it might not end before its window closes at {closes}; the next opens at {opens}")
        }
        WaitReason::Soaking { until } => format!("the wave before is watched until {until}"),
        WaitReason::LaterWave => text("its wave has not come"),
        WaitReason::LabelLimit { limit, label, value } => {
            format!("only {} with {label}={value} may be under way at a time", count(*limit, "instance"))
        }
        WaitReason::Asked => text("it is asked now"),
        WaitReason::CatchesUp => text("its host is offline; it catches up when it is back"),
        // Its backups and drills.
        WaitReason::Stopped => text("it is stopped"),
        WaitReason::OtherDrill => text("another drill runs on its host"),
        WaitReason::DataLimit { limit: 1 } => text("only 1 backup or drill may run at a time"),
        WaitReason::DataLimit { limit } => format!("only {limit} backups and drills may run at a time"),
        WaitReason::PolicyWindow { opens } => format!("the window of its policy opens at {opens}"),
        WaitReason::NextAttempt { order, attempts, limit, again, failure } => {
            format!("{}; again at {again}", failed(*order, *attempts, *limit, failure.as_deref()))
        }
        WaitReason::NoMoreAttempts { order, attempts, limit, failure } => {
            failed(*order, *attempts, *limit, failure.as_deref())
        }
    }
}

fn failed(order: OrderKind, attempts: usize, limit: usize, failure: Option<&OrderFailure>) -> String {
    let reason = failure.map_or_else(|| "not all of it was made".to_owned(), failures::words);
    format!("{} failed ({attempts} of {limit} attempts): {reason}", noun(order))
}

/// Returns the words of the reason for leaving an instance out as it came over the wire; empty where there is none.
pub fn shown_left_out(reason: Option<&v1::LeftOutReason>) -> String {
    let Some(message) = reason else { return String::new() };
    let known = incoming_left_out_reason(message.clone()).as_ref().map(left_out);
    known.unwrap_or_else(|| super::unknown::<v1::LeftOutReasonCode>("a reason", message.code, &message.arguments))
}

/// Returns the words of a reason for which an instance is left out.
pub fn left_out(reason: &LeftOutReason) -> String {
    let text = |text: &str| text.to_owned();
    match reason {
        LeftOutReason::BeingRemoved => text("it is being removed"),
        LeftOutReason::Removed => text("it was removed"),
        LeftOutReason::Forbidden { host, app } => format!("the policy of {host} does not allow {app}"),
        LeftOutReason::NotReported => text("it has not reported"),
        LeftOutReason::NotInstalled => text("it is not installed"),
        LeftOutReason::BeingInstalled => text("it is being installed"),
        LeftOutReason::AlreadyThere => text("it is at that version already"),
        LeftOutReason::Elsewhere { version } => format!("it is at {version} now"),
        LeftOutReason::ValuesLost { revision } => format!("its values of revision {revision} are lost"),
        LeftOutReason::ValueSealed { value } => format!("its former value `{value}` cannot be opened"),
        LeftOutReason::Newer { version } => format!("{version} is newer"),
        LeftOutReason::Stopped { through } => {
            format!("it is stopped, and has to run as {through} on its way: start it first")
        }
        LeftOutReason::NotRunYet { version } => {
            format!("it is stopped, and {version} may not have run over its data yet: start it first")
        }
        LeftOutReason::ActionsForbidden { host } => {
            format!("the upgrade runs commands in containers, and the policy of {host} denies `exec`")
        }
        LeftOutReason::HopFirst { version, why: Some(why) } => format!("it must be upgraded to {version} first: {why}"),
        LeftOutReason::HopFirst { version, why: None } => format!("it must be upgraded to {version} first"),
        LeftOutReason::StopMissing { version, why } => {
            format!("{version} is a required stop on the way ({why}), and was not pushed")
        }
        LeftOutReason::NoUpgrade { from, to } => format!("no upgrade of the app leads from {from} to {to}"),
        LeftOutReason::TwoUpgrades { from, to, first, second } => {
            format!("edges[{first}] and edges[{second}] of the app's upgrades both lead from {from} to {to}")
        }
        LeftOutReason::NotOrdered { version } => {
            format!("`{version}` has no place in the app's order of versions (`upgrades.scheme`)")
        }
        LeftOutReason::Refused { reason } | LeftOutReason::Text(reason) => reason.clone(),
        LeftOutReason::ProjectChanges { present, planned } => {
            refusals::project_changes("its project", present, planned)
        }
        LeftOutReason::NamesHeld { host, more, names } => refusals::held(host, names, *more),
        LeftOutReason::HostRefuses { host, failure } => plans::host_says(host, failure),
        LeftOutReason::PolicyForbids { host, more, refusals } => policies::of_host(host, refusals, *more),
    }
}

/// Returns the reason of the phase of a rollout; empty where there is none.
pub fn phase(rollout: &v1::RolloutView) -> String {
    let until = Time(rollout.until_ms);
    match rollout.phase() {
        v1::RolloutPhase::Halted => shown_halt(rollout.halt_reason.as_ref()),
        v1::RolloutPhase::Soaking if rollout.until_ms > 0 => format!("until {until}"),
        v1::RolloutPhase::OutsideItsWindow if rollout.until_ms > 0 => format!("it opens at {until}"),
        v1::RolloutPhase::Unspecified
        | v1::RolloutPhase::Running
        | v1::RolloutPhase::Soaking
        | v1::RolloutPhase::OutsideItsWindow
        | v1::RolloutPhase::Paused
        | v1::RolloutPhase::Aborted
        | v1::RolloutPhase::DoneButOffline
        | v1::RolloutPhase::Done => String::new(),
    }
}

/// Returns the reason of the phase of a rollout on one line, after a colon; empty where there is none.
pub fn after_phase(rollout: &v1::RolloutView) -> String {
    match phase(rollout) {
        reason if reason.is_empty() => reason,
        reason => format!(": {}", one_line(&reason)),
    }
}

/// Returns the words of the reason why a rollout is halted as it came over the wire; empty where there is none.
pub fn shown_halt(reason: Option<&v1::HaltReason>) -> String {
    reason.cloned().map(incoming_halt_reason).as_ref().map(halt).unwrap_or_default()
}

/// Returns the words of the reason why a rollout is halted.
pub fn halt(HaltReason { is_in_canary, failures, more }: &HaltReason) -> String {
    let mut parts: Vec<String> = failures.iter().map(member_failure).collect();
    match (parts.is_empty(), more) {
        (_, 0) => {}
        (false, more) => parts.push(format!("and {more} more")),
        (true, more) => parts.push(format!("{more} failed")),
    }
    let canary = if *is_in_canary { "the canary failed: " } else { "" };
    format!("{canary}{}", parts.join("; "))
}

/// Returns the words of the failure of a member as it came over the wire.
pub fn shown_member_failure(message: &v1::MemberFailure) -> String {
    let known = incoming_member_failure(message.clone());
    known.as_ref().map_or_else(|| format!("{} failed", message.instance), member_failure)
}

fn member_failure(MemberFailure { instance, from, kind }: &MemberFailure) -> String {
    match kind {
        MemberFailureKind::RolledBack(failure) => {
            format!("{instance} was rolled back to {from}: {}", failures::words(failure))
        }
        MemberFailureKind::Stuck(failure) => format!("{instance} is stuck: {}", failures::words(failure)),
        MemberFailureKind::Refused(failure) => format!("{instance} refused: {}", failures::words(failure)),
        MemberFailureKind::Failed(failure) => format!("{instance} failed: {}", failures::words(failure)),
        MemberFailureKind::Unhealthy(problem) => format!("{instance} is unhealthy: {}", health::words(problem)),
        MemberFailureKind::Overdue => format!("{instance} has not said how its order ended"),
    }
}

/// Returns the noun of an order for a sentence about its instance.
fn noun(order: OrderKind) -> &'static str {
    match order {
        OrderKind::Install => "its installation",
        OrderKind::Upgrade => "its upgrade",
        OrderKind::Configure => "its configuration",
        OrderKind::Start => "its start",
        OrderKind::Stop => "its stop",
        OrderKind::Restart => "its restart",
        OrderKind::Remove => "its removal",
        OrderKind::Backup => "its backup",
        OrderKind::Drill => "its drill",
        OrderKind::Restore => "its restore",
        OrderKind::Forget => "the removal of its old backups",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fleet_core::health_problem::HealthProblem;

    #[test]
    fn a_halted_rollout_names_the_first_failures() {
        let failure = |instance: &str, kind| MemberFailure {
            instance: instance.parse().expect("a name"),
            from: "1.1".parse().expect("a version"),
            kind,
        };
        let because = || OrderFailure::other("no answer");
        let failures = vec![
            failure("a", MemberFailureKind::RolledBack(because())),
            failure("b", MemberFailureKind::Stuck(because())),
            failure("c", MemberFailureKind::Refused(because())),
            failure("d", MemberFailureKind::Overdue),
            failure("e", MemberFailureKind::Overdue),
        ];
        let all = HaltReason::new(true, failures);
        let words = "the canary failed: a was rolled back to 1.1: no answer; b is stuck: no answer; c refused: no answer; and 2 more";
        assert_eq!(shown_halt(Some(&all.into())), words);
        let others = [
            failure("d", MemberFailureKind::Overdue),
            failure("e", MemberFailureKind::Failed(because())),
            failure("f", MemberFailureKind::Unhealthy(HealthProblem::other("no answer"))),
        ];
        let words = "d has not said how its order ended; e failed: no answer; f is unhealthy: no answer";
        assert_eq!(halt(&HaltReason::new(false, others.into())), words);
        let newer = v1::HaltReason { failures: vec![v1::MemberFailure::default()], ..Default::default() };
        assert_eq!(shown_halt(Some(&newer)), "1 failed");
        assert_eq!(shown_halt(None), "");
    }

    #[test]
    fn a_reason_is_a_sentence() {
        let stopped = WaitReason::Stopped.of(OrderKind::Backup);
        assert_eq!(shown_wait(Some(&stopped.into())), "its backup: it is stopped");
        let failed = WaitReason::NextAttempt {
            order: OrderKind::Drill,
            attempts: 1,
            limit: 4,
            again: Time(1_000_000),
            failure: None,
        };
        assert_eq!(
            wait(&failed),
            "its drill failed (1 of 4 attempts): not all of it was made; again at 1970-01-01T00:16:40Z"
        );
        let newer = v1::WaitReason { code: 1000, arguments: Vec::new() };
        assert_eq!(shown_wait(Some(&newer)), "a reason that this version does not know (1000)");
        assert_eq!(shown_wait(None), "");
    }
}
