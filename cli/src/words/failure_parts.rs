//! Words of parts of failures: names, versions, and services that do not answer.

use super::{after, failures, steps};
use fleet_core::activity::Activity;
use fleet_core::grammar::count;
use fleet_core::instance_version::InstanceVersion;
use fleet_core::name_conflict::NameConflict;
use fleet_core::name_fault::NameFault;
use fleet_core::order_failure::MissingReply;
use fleet_core::spec::ENGINE_NAME_LIMIT;
use fleet_core::units::Period;
use fleet_proto::convert::{incoming_instance_version, incoming_missing_reply, incoming_name_conflict};
use fleet_proto::v1;
use std::time::Duration;

/// Returns the words of a missing reply as it came over the wire.
pub fn shown_missing_reply(message: &v1::MissingReply) -> String {
    let known = incoming_missing_reply(message.clone()).as_ref().map(missing_reply);
    known.unwrap_or_else(|| super::unknown::<v1::MissingReplyCode>("a reason", message.code, &message.arguments))
}

/// Returns the words about a store that an upgrade could not bring back.
pub fn no_restore_point(store: &str) -> String {
    format!(
        "the store `{store}` has no folder on its host that could be copied for the way back, and the instance has no backup policy"
    )
}

/// Returns the words about an item that has to keep its number, and has another after the upgrade.
pub fn changed(store: &str, item: &str, before: u64, after: u64) -> String {
    format!(
        "the upgrade changed data that it has to keep: `{item}` of the store `{store}` had {}, and has {after}",
        count(before, "item")
    )
}

/// Returns the words about an item of which an upgrade lost some.
pub fn fell(store: &str, item: &str, before: u64, after: u64) -> String {
    format!("the upgrade lost data: `{item}` of the store `{store}` had {}, and has {after}", count(before, "item"))
}

/// Returns the words about a command of an upgrade that ended with an error.
pub fn failed(service: &str, command: &str, code: i64, output: &str) -> String {
    format!("`{command}` in a container of {service} exited with code {code}{}", after(output))
}

/// Returns the words about a command of an upgrade that took too long.
pub fn slow(service: &str, command: &str, limit: Duration, output: &str) -> String {
    let limit = Period::from_millis(u64::try_from(limit.as_millis()).unwrap_or(u64::MAX));
    format!("`{command}` in a container of {service} took longer than {limit} and was ended{}", after(output))
}

/// Returns the words about a command of an upgrade whose end nobody knows.
pub fn gone(service: &str, command: &str) -> String {
    format!(
        "it is not known how `{command}` in a container of {service} ended, because the container was removed or the power went"
    )
}

/// Returns the words of a conflict of names as it came over the wire.
pub fn shown_conflict(message: &v1::NameConflict) -> String {
    let known = incoming_name_conflict(message.clone()).as_ref().map(name_conflict);
    known.unwrap_or_else(|| super::unknown::<v1::NameConflictCode>("a conflict", message.code, &message.arguments))
}

/// Returns the words of a version as it came over the wire.
pub fn shown_version(message: &v1::InstanceVersion) -> String {
    let known = incoming_instance_version(message.clone()).as_ref().map(version);
    known.unwrap_or_else(|| super::unknown::<v1::InstanceVersionCode>("a version", message.code, &message.arguments))
}

/// Returns the words of conflicts of names.
pub fn name_conflicts(conflicts: &[NameConflict]) -> String {
    conflicts.iter().map(name_conflict).collect::<Vec<_>>().join(", ")
}

fn name_conflict(conflict: &NameConflict) -> String {
    match conflict {
        NameConflict::Other { text } => text.clone(),
        NameConflict::Held(held) => format!("the {} `{}` is {}'s", held.kind, held.name, held.owner),
    }
}

/// Returns the words of the version of an instance.
pub fn version(version: &InstanceVersion) -> String {
    match version {
        InstanceVersion::Other { text } => text.clone(),
        InstanceVersion::Missing => "no such instance".to_owned(),
        InstanceVersion::Any => "an instance".to_owned(),
        InstanceVersion::Release { release } => release.clone(),
        InstanceVersion::Revision { release, revision } => format!("{release} at revision {revision}"),
    }
}

/// Returns the words of a missing reply.
pub fn missing_reply(missing: &MissingReply) -> String {
    match missing {
        MissingReply::Other { text } => text.clone(),
        MissingReply::OnlyTemporary => "only the temporary server that prepares its data answered".to_owned(),
        MissingReply::NoContainer => "it has no container".to_owned(),
        MissingReply::NotHealthy { state, health } => {
            format!("the state of its container is {state}, and its health check is {health}")
        }
        MissingReply::NoConnection { cause } => format!("no connection to it could be made{}", after(cause)),
        MissingReply::Failed { failure } => failures::words(failure),
    }
}

/// Returns the step at which an order was.
pub fn at(doing: Option<&Activity>) -> String {
    doing.map(|doing| format!("; it was at: {}", steps::words(doing))).unwrap_or_default()
}

/// Returns the needed and the free space.
pub fn space(needed: u64, free: u64) -> String {
    format!("{} MB needed, {} MB free", needed.div_ceil(1_000_000), free / 1_000_000)
}

/// Returns the words of two stores that want different things of a service.
pub fn clash(store: &str, service: &str, other: &str, what: &str) -> String {
    format!("the store `{store}` wants `{service}` to be quiesced for its backup, but `{other}` is {what} that service")
}

/// Returns a name with its version, if it is known.
pub fn versioned(name: &str, version: &str) -> String {
    if version.is_empty() { name.to_owned() } else { format!("{name} ({version})") }
}

/// Returns the words of the fault of a name.
pub fn name_fault(fault: &NameFault) -> String {
    match fault {
        NameFault::Other { text } => text.clone(),
        NameFault::Characters => {
            format!(
                "use up to {ENGINE_NAME_LIMIT} letters, digits, `_`, `.` and `-`, beginning with a letter or a digit"
            )
        }
        NameFault::Reserved => "the Engine has another meaning for this name".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fleet_core::claims::{ClaimKind, HeldName};
    use fleet_core::order_failure::OrderFailure;

    #[test]
    fn a_service_that_does_not_answer_is_told_with_the_reason() {
        let all = [
            MissingReply::OnlyTemporary,
            MissingReply::NoContainer,
            MissingReply::NotHealthy { state: "running".to_owned(), health: "starting".to_owned() },
            MissingReply::NoConnection { cause: String::new() },
            MissingReply::NoConnection { cause: "Connection refused".to_owned() },
            MissingReply::Failed { failure: Box::new(OrderFailure::NoStores) },
        ];
        let words = |missing| failures::words(&OrderFailure::ServiceNotReady { service: "db".to_owned(), missing });
        insta::assert_snapshot!(all.map(words).join("\n"), @r"
        `db` does not answer: only the temporary server that prepares its data answered
        `db` does not answer: it has no container
        `db` does not answer: the state of its container is running, and its health check is starting
        `db` does not answer: no connection to it could be made
        `db` does not answer: no connection to it could be made: Connection refused
        `db` does not answer: its app declares no store that can be backed up
        ");
    }

    #[test]
    fn names_of_others_and_versions_are_told() {
        let owner = "notes-2".parse().expect("a name");
        let held = HeldName { kind: ClaimKind::Port, name: "80".to_owned(), owner };
        let conflicts = vec![NameConflict::Held(held), NameConflict::other("the volume `a` is notes-3's")];
        let version = |revision| Box::new(InstanceVersion::Revision { release: "notes@2".to_owned(), revision });
        let all = [
            OrderFailure::NamesTaken { conflicts: conflicts.clone() },
            OrderFailure::DataShared { conflicts },
            OrderFailure::UnexpectedState { expected: version(2), found: version(3) },
            OrderFailure::UnexpectedState {
                expected: Box::new(InstanceVersion::Any),
                found: Box::new(InstanceVersion::Missing),
            },
        ];
        insta::assert_snapshot!(all.iter().map(failures::words).collect::<Vec<_>>().join("\n"), @r"
        the port `80` is notes-2's, the volume `a` is notes-3's; an instance shares none of these with another: choose other names, or remove that instance
        the port `80` is notes-2's, the volume `a` is notes-3's, too: whose data it is cannot be told; remove one of the two instances first, without its volumes
        expected notes@2 at revision 2, found notes@2 at revision 3
        expected an instance, found no such instance
        ");
    }
}
