//! Words of events.

use super::plans::member_not_asked;
use super::problems::{named, order_words, words as problem_words};
use super::{and_more, damage, failures, host_events};
use fleet_core::duplicate::QUIET;
use fleet_core::event::EventKind;
use fleet_core::grammar::{count, verb};
use fleet_core::order_summary::OrderSummary;
use fleet_core::problem::Problem;
use fleet_proto::convert::incoming_event_kind;
use fleet_proto::v1;

/// Returns the words of an event as it came over the wire; empty where there are none.
pub fn shown(kind: Option<&v1::EventKind>) -> String {
    kind.map(shown_kind).unwrap_or_default()
}

fn shown_kind(kind: &v1::EventKind) -> String {
    let known = incoming_event_kind(kind.clone()).as_ref().map(words);
    known.unwrap_or_else(|| super::unknown::<v1::EventCode>("an event", kind.code, &kind.arguments))
}

/// Returns the words of an event.
#[expect(clippy::too_many_lines, reason = "a table")]
pub fn words(kind: &EventKind) -> String {
    match kind {
        EventKind::Text(text) => text.to_string(),
        EventKind::Reported(event) => host_events::words(event),
        EventKind::Found(problem) if matches!(**problem, Problem::OtherProtocol { .. }) => {
            format!("refused: {}", problem_words(problem))
        }
        EventKind::Found(problem) => problem_words(problem),
        EventKind::Added { by } => format!("added by {by}"),
        EventKind::Removed { by } => format!("removed by {by}"),
        EventKind::Joined => "joined".to_owned(),
        EventKind::TokenRevoked { by } => format!("its token was revoked by {by}"),
        EventKind::OperatorAdded { role, by } => format!("added as {role} by {by}"),
        EventKind::RecoveryKitsTaken { count: number } => format!("took {}", count(*number, "recovery kit")),
        EventKind::Pushed { by } => format!("pushed by {by}"),
        // Hosts.
        EventKind::JoinedAgain { since } => {
            format!("joined again: the two machines that were found at {since} do not count any more")
        }
        EventKind::OneMachineLeft(machines) => match machines.split_first() {
            None => "only one machine connects as it again: its orders continue".to_owned(),
            // It may be the original or the clone: only a person can distinguish them.
            Some((left, gone)) => format!(
                "only one machine connects as it again: its orders continue at {}; not connected for {} min: {}. If \
                 the wrong one is left, switch it off",
                named(std::slice::from_ref(left)),
                QUIET.as_secs() / 60,
                named(gone)
            ),
        },
        EventKind::ProtocolAccepted => "it supports a protocol of this coordinator again".to_owned(),
        EventKind::TooManyEvents { limit } => {
            format!("it reports more than {limit} events in a minute: the rest is counted, not kept")
        }
        EventKind::EventsDropped { count } => format!("{count} of its events were not kept"),
        // The coordinator.
        EventKind::CoordinatorRestored { of } => {
            format!("it was restored to its state of {of}; rollouts are paused until they are resumed")
        }
        EventKind::Crashed { since } => {
            let since = since.map(|since| format!("; it had run since {since}")).unwrap_or_default();
            format!("it did not stop in order: it crashed, was killed, or the power failed{since}")
        }
        EventKind::RepositoryDiskFine => "there is enough space for repositories again".to_owned(),
        // Instances.
        EventKind::InstallRequested { release, host, by } => {
            format!("installation of {release} on {host} requested by {by}")
        }
        EventKind::CreationRequested { host, backup, of, by } => {
            format!("creation on {host} from the backup {backup} of {of} requested by {by}")
        }
        EventKind::ConfigurationChanged { by } => format!("configuration changed by {by}"),
        EventKind::WorkRequested { by, work } => format!("{} requested by {by}", noun(work)),
        EventKind::RequestsLost => {
            "its removal, or work on its data, was requested when the coordinator was backed up: request it again"
                .to_owned()
        }
        EventKind::RequestLapsed => {
            "the requested work on its data has lapsed: it could not begin for a day".to_owned()
        }
        EventKind::InstanceRemoved => "removed".to_owned(),
        EventKind::ValuesPutBack => "its earlier values are wanted again, as the undo requested".to_owned(),
        EventKind::OrderWithdrawn { host, order } => {
            format!("its order to {} was withdrawn: {host} did not answer in time", order_words(order))
        }
        EventKind::OrderNeedless(order) => format!("{}: nothing to do", order_words(order)),
        EventKind::OrderDone(order) => format!("{}: done", order_words(order)),
        EventKind::OrderRolledBack { failure, order } => {
            format!("{}: rolled back, {}", order_words(order), failures::words(failure))
        }
        EventKind::OrderStuck { failure, order } => {
            format!("{}: stuck, {}", order_words(order), failures::words(failure))
        }
        EventKind::OrderRefused { failure, order } => {
            format!("{}: refused, {}", order_words(order), failures::words(failure))
        }
        EventKind::OrderFailed { failure, order } => {
            format!("{}: failed, {}", order_words(order), failures::words(failure))
        }
        // Backups.
        EventKind::LateBackup { order, counts } => {
            let counts = if *counts { "it counts" } else { "it is listed, and does not count" };
            format!("its backup {order} was reported after its order was withdrawn: {counts}")
        }
        EventKind::BackupsForgotten { count: number, repository } => format!(
            "{} of its backups in {repository} {} forgotten, as its policy says",
            number,
            verb(*number, "was", "were")
        ),
        EventKind::BackupAccepted { backup, repository, by } => {
            format!("its backup {backup} in {repository} was accepted by {by}: no order requested it")
        }
        EventKind::SnapshotChosen { backup, repository, snapshot, by } => {
            format!("the snapshot {snapshot} in {repository} was chosen as its backup {backup} by {by}")
        }
        EventKind::BackupDamaged { backup, repository, reason } => {
            format!("its backup {backup} in {repository} is damaged: {}", damage::words(reason))
        }
        EventKind::BackupReadable { backup, repository } => {
            format!("its backup {backup} in {repository} can be read again")
        }
        EventKind::BackupHeld { backup, by } => format!("its backup {backup} is held by {by}"),
        EventKind::BackupReleased { backup, by } => format!("its backup {backup} was released by {by}"),
        EventKind::BackupsLost { count: number, repository } => format!(
            "its {} in {repository} {} LOST with the coordinator's former disk; the repository is created again",
            count(*number, "backup"),
            verb(*number, "is", "are")
        ),
        // Rollouts.
        EventKind::RolloutStarted { release, members, by } => {
            format!("to {release} for {}, started by {by}", count(*members, "instance"))
        }
        EventKind::HostsNotAsked { more, named } => {
            let named: Vec<_> = named.iter().map(member_not_asked).collect();
            format!(
                "started before every host was asked whether it would refuse: {}{}",
                named.join("; "),
                and_more(*more, "")
            )
        }
        EventKind::RolloutPaused { by } => format!("paused by {by}"),
        EventKind::RolloutResumed { by } => format!("resumed by {by}"),
        EventKind::RolloutAborted { by } => format!("aborted by {by}"),
        EventKind::MemberRetried { instance, by } => format!("{instance} is tried again, asked for by {by}"),
        EventKind::MemberSkipped { instance, by, reason } => format!("{instance} skipped by {by}: {reason}"),
        EventKind::UndoRequested { by } => format!("undo requested by {by}"),
        // Policies and repositories.
        EventKind::PolicyChanged { by, fewer } => match fewer.as_slice() {
            [] => format!("changed by {by}"),
            fewer => {
                let names: Vec<&str> = fewer.iter().map(fleet_core::names::InstanceName::as_str).collect();
                format!("changed by {by}; fewer backups are kept of {}", names.join(", "))
            }
        },
        EventKind::PolicyRemoved { by } => format!("removed by {by}; existing backups stay"),
        EventKind::RepositoryRemoved { by, backups } => {
            format!("removed by {by}, and its {} forgotten; its content stays in place", count(*backups, "backup"))
        }
    }
}

/// The requested work as a noun.
fn noun(work: &OrderSummary) -> String {
    match work {
        OrderSummary::Install(release) => format!("installation of {release}"),
        OrderSummary::Upgrade(_, to) => format!("upgrade to {to}"),
        OrderSummary::Configure => "change of its configuration".to_owned(),
        OrderSummary::Start => "start".to_owned(),
        OrderSummary::Stop => "stop".to_owned(),
        OrderSummary::Restart => "restart".to_owned(),
        OrderSummary::Remove => "removal".to_owned(),
        OrderSummary::Backup => "backup".to_owned(),
        OrderSummary::Drill => "drill".to_owned(),
        OrderSummary::Restore(backup) => format!("restore of {backup}"),
        OrderSummary::Forget => "removal of backups".to_owned(),
    }
}
