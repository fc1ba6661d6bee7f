//! Words of refused calls. They are made only here: a refusal comes as a code with arguments.

mod admissions;
mod attempts;
mod backups;
mod files;
mod rollouts;

pub use admissions::shown as shown_admission;
pub use backups::shown as shown_backup;
pub use files::shown as shown_file;
pub use rollouts::shown as shown_rollout;

use super::{plans, policies, queries, renderings};
use fleet_core::access::Subject;
use fleet_core::names::HostName;
use fleet_core::refused_call::{Attempt, CallRefusal, CountedThing, HeldName, NamedKind, RefusedCall, SharedWork};
use fleet_proto::convert::incoming_call_refusal;
use fleet_proto::v1;
use std::collections::BTreeSet;
use std::fmt::Display;
use std::time::Duration;

/// Returns the reason of a refused call, with the attempt where the coordinator tried something of its own.
pub fn reason(call: &RefusedCall) -> String {
    let reason = words(&call.refusal);
    match call.attempt {
        Attempt::Call => reason,
        attempt => format!("could not {}: {reason}", attempts::words(attempt)),
    }
}

/// Returns the words of a refusal as it came over the wire. An unknown code is shown with its arguments.
pub fn shown(message: &v1::CallRefusal) -> String {
    let known = incoming_call_refusal(message.clone()).as_ref().map(words);
    known.unwrap_or_else(|| super::unknown::<v1::CallRefusalCode>("a reason", message.code, &message.arguments))
}

/// Returns the words of a refusal, as the end of a sentence.
#[expect(clippy::too_many_lines, reason = "a table")]
pub fn words(refusal: &CallRefusal) -> String {
    match refusal {
        CallRefusal::Failed { problem } => format!("the coordinator failed: {problem}"),
        CallRefusal::Fault => "a bug of the coordinator; its log has more".to_owned(),
        CallRefusal::Stopping => "the coordinator is stopping".to_owned(),
        CallRefusal::NoSuchService => "there is no such service".to_owned(),
        CallRefusal::ConnectionEnded => "this connection was ended".to_owned(),
        CallRefusal::NotTaken { waited } => format!("nobody took the answer for {} min", minutes(*waited)),
        CallRefusal::ProtocolOld { theirs, own } => {
            format!("this older program speaks protocol {theirs}, and the coordinator speaks {own}")
        }
        CallRefusal::ProtocolNew { theirs, own } => {
            format!("this newer program speaks protocol {theirs}, and the coordinator speaks {own}")
        }
        CallRefusal::CertificateMissing => "this call needs a certificate".to_owned(),
        CallRefusal::CertificateRevoked { subject } => format!("the certificate of {} was revoked", spoken(subject)),
        CallRefusal::ForHosts { operator } => format!("`{operator}` is an operator, and this is for hosts"),
        CallRefusal::ForOperators { host } => format!("`{host}` is a host, and this is for operators"),
        CallRefusal::RoleNeeded { needed, operator, role } => {
            format!("it needs the role {needed}, and `{operator}` is {role}")
        }
        CallRefusal::TooManyCalls { caller, limit } => format!("{} has {limit} calls under way", spoken(caller)),
        CallRefusal::TooManyWaiting { work, limit } => {
            format!("{limit} of your calls {} or wait to do so", doing(*work))
        }
        CallRefusal::OwnCallsSlow { work, waited } => format!(
            "your other calls {} or wait to do so, and none of them ended in {} s",
            doing(*work),
            waited.as_secs()
        ),
        CallRefusal::OthersSlow { work, waited } => {
            format!("others {}, and none of them ended in {} s", doing(*work), waited.as_secs())
        }
        CallRefusal::RenderersBusy => renderings::BUSY.to_owned(),
        CallRefusal::TooMany { what, limit } => too_many(*what, *limit),
        CallRefusal::Missing { subject, name } => missing(*subject, name),
        CallRefusal::NameTaken { subject, name } => taken(*subject, name),
        CallRefusal::NameOfFailed { instance } => {
            format!("the name `{instance}` is used already, by an instance whose installation failed")
        }
        CallRefusal::HostConnected { host } => format!("`{host}` is in the fleet and connected"),
        CallRefusal::HostHasInstances { host, more, instances } => {
            format!("`{host}` has {}", listed(instances, ", ", *more, ""))
        }
        CallRefusal::Unreadable { problem } => problem.clone(),
        CallRefusal::UnknownValue { field } => format!("`{field}` has no kind that the coordinator knows"),
        CallRefusal::OutOfRange { field, number, least, most } => {
            format!("`{field}` is {number}, which is not between {least} and {most}")
        }
        CallRefusal::NoPlan => "no plan was agreed to".to_owned(),
        CallRefusal::PlanChanged => "the plan that was agreed to is no longer what would be done".to_owned(),
        CallRefusal::RequestIdUsed => "its request id was used for another request".to_owned(),
        CallRefusal::NothingRequested => "nothing was asked for".to_owned(),
        CallRefusal::NoneSelected { selector } => format!("there is no instance on a host with `{selector}`"),
        CallRefusal::NoInstanceNamed => "no instance is meant".to_owned(),
        CallRefusal::NoInstances => "there are no instances".to_owned(),
        CallRefusal::SeveralApps => "there are several apps".to_owned(),
        CallRefusal::TooManyUses { limit, present, uses } => {
            format!("one operator may have {limit} machines, and it has {present}: a token for {uses} is too many")
        }
        CallRefusal::LastAdministrator => "it is the last administrator".to_owned(),
        CallRefusal::HiddenValue { value } => format!("`***` is how a secret `{value}` is shown, not a value"),
        CallRefusal::ValueTooLarge { value, limit } => {
            format!("the value `{value}` is larger than {} KiB", limit >> 10)
        }
        CallRefusal::ValuesTooLarge { limit } => format!("its values are larger than {} KiB", limit >> 10),
        CallRefusal::ValuesInvalid { more, problems } => listed(problems, "; ", *more, " of the values"),
        CallRefusal::MemberValuesInvalid { instance, more, problems } => {
            format!("the values of `{instance}` do not fit: {}", listed(problems, "; ", *more, ""))
        }
        // Each on a line of its own.
        CallRefusal::ReleaseInvalid { more, problems } => listed(problems, "\n", *more, ""),
        CallRefusal::BundleTooLarge { limit } => format!("its bundle has more than {} MiB", limit >> 20),
        CallRefusal::BundleDiffers { arrived, announced } => {
            format!("what arrived is {arrived}, and {announced} was announced")
        }
        CallRefusal::PiecesOutOfOrder => "the pieces of the bundle came in another order than head, bundle".to_owned(),
        CallRefusal::ReleaseExists { release } => format!("{release} exists with another digest"),
        CallRefusal::VersionExists { release, other } => {
            format!("{release} is the version {other}, which was pushed already")
        }
        CallRefusal::Rollout { refusal } => rollouts::words(refusal),
        CallRefusal::RolloutOver => "it is over".to_owned(),
        CallRefusal::RolloutRuns => "it is neither paused nor halted".to_owned(),
        CallRefusal::NotAMember { instance, rollout } => format!("`{instance}` is no instance of {rollout}"),
        CallRefusal::NoRolloutOf { instance } => format!("no rollout that is not over has `{instance}`"),
        CallRefusal::MemberSuperseded { instance, rollout } => format!("rollout {rollout} has `{instance}` now"),
        CallRefusal::MemberUnderWay { instance } => format!("`{instance}` is under way"),
        CallRefusal::MemberNotFailed { instance } => format!("the upgrade of `{instance}` has not failed"),
        CallRefusal::MemberHasNothingLeft { instance } => {
            format!("nothing is left to do for `{instance}` in this rollout")
        }
        CallRefusal::DataInDoubt { instance } => {
            format!("the data of `{instance}` may be other than before the upgrade, so its host starts nothing over it")
        }
        CallRefusal::HostNotConnected { host } => format!("`{host}` is not connected"),
        CallRefusal::HostBusy { host } => format!("`{host}` has too many questions to answer already"),
        CallRefusal::TooManyQuestions { host, limit } => format!("you have {limit} questions to `{host}` open already"),
        CallRefusal::HostLost { host } => format!("`{host}` was lost while it answered"),
        CallRefusal::LogsReplaced { host } => {
            format!("you follow other logs of `{host}` now, and have one follow on each host")
        }
        CallRefusal::AnswerCutOff { host } => format!("`{host}` said less than it was asked"),
        CallRefusal::HostSilent { host, waited } => format!("`{host}` did not answer in {} s", waited.as_secs()),
        CallRefusal::NoHostOnline => "no host is online to ask a registry".to_owned(),
        CallRefusal::HostSays { host, failure } => format!("`{host}` says: {}", queries::words(failure)),
        CallRefusal::PolicyForbids { host, more, refusals } => policies::of_host(host, refusals, *more),
        CallRefusal::HostRefuses { host, failure } => plans::host_says(host, failure),
        CallRefusal::BeingRemoved { instance } => format!("`{instance}` is being removed"),
        CallRefusal::RemovalUnderWay { instance } => {
            format!("`{instance}` is being removed already, with other volumes")
        }
        CallRefusal::NotInstalled { instance } => format!("`{instance}` is not there: its installation failed"),
        CallRefusal::ChangedMeanwhile { instance } => format!("somebody else changed `{instance}` at the same moment"),
        CallRefusal::UndoPutsBack { undo } => format!("the undo {undo} puts its former values back"),
        CallRefusal::ProjectChanges { instance, present, planned } => {
            project_changes(&format!("the project of `{instance}`"), present, planned)
        }
        CallRefusal::NamesHeld { host, more, names } => held(host, names, *more),
        CallRefusal::NotAVolume { volume, instance } => format!("`{volume}` is not a volume of `{instance}`"),
        CallRefusal::VolumeShared { volume, holders } => {
            format!("the volume `{volume}` is used by {}, too", holders.join(" and "))
        }
        CallRefusal::Backup { refusal } => backups::words(refusal),
        CallRefusal::Admission { refusal } => admissions::words(refusal),
        CallRefusal::File { refusal } => files::words(refusal),
    }
}

fn missing(subject: NamedKind, name: &str) -> String {
    let kind = kind(subject);
    if name.is_empty() { format!("there is no {kind}") } else { format!("there is no {kind} `{name}`") }
}

fn taken(subject: NamedKind, name: &str) -> String {
    match subject {
        NamedKind::Instance => format!("the name `{name}` is used already"),
        other => format!("there is a {} `{name}` already", kind(other)),
    }
}

fn kind(subject: NamedKind) -> &'static str {
    match subject {
        NamedKind::Host => "host",
        NamedKind::Instance => "instance",
        NamedKind::App => "app",
        NamedKind::Release => "release",
        NamedKind::Backup => "backup",
        NamedKind::Rollout => "rollout",
        NamedKind::Policy => "policy",
        NamedKind::Repository => "repository",
        NamedKind::Operator => "operator",
        NamedKind::Token => "token",
    }
}

fn too_many(what: CountedThing, limit: usize) -> String {
    match what {
        CountedThing::Connections => format!("this machine has {limit} connections already"),
        CountedThing::Images => format!("more than {limit} images at once"),
        CountedThing::Invitations => format!("{limit} invitations are open"),
        CountedThing::Policies => format!("there are {limit} policies"),
    }
}

fn doing(work: SharedWork) -> &'static str {
    match work {
        SharedWork::ReadRepositories => "read repositories",
        SharedWork::RenderReleases => "render releases",
    }
}

/// Returns the words of names on a host that other instances have.
pub fn held(host: &HostName, names: &[HeldName], more: usize) -> String {
    let each = names.iter().map(|held| format!("the {} `{}` on {host} is {}'s", held.kind, held.name, held.owner));
    let each: BTreeSet<String> = each.collect();
    listed(&each, "; ", more, &format!(" on {host}"))
}

/// Returns the words of an instance whose Compose project would have another name.
pub fn project_changes(project: &str, present: &str, planned: &str) -> String {
    format!(
        "{project} is `{present}` and would be `{planned}`: its volumes would be left behind, and it would begin with nothing"
    )
}

/// The first of some names or lines, and the number of the others, with a phrase that says what they are.
fn listed<T: Display>(first: impl IntoIterator<Item = T>, between: &str, more: usize, what: &str) -> String {
    let more = (more > 0).then(|| format!("and {more} more{what}"));
    first.into_iter().map(|one| one.to_string()).chain(more).collect::<Vec<_>>().join(between)
}

fn spoken(subject: &Subject) -> String {
    match subject {
        Subject::Host(name) => format!("host {name}"),
        Subject::Operator(name) => format!("operator {name}"),
    }
}

fn minutes(time: Duration) -> u64 {
    time.as_secs().div_ceil(60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_the_attempt_of_the_coordinator_and_no_attempt_that_is_not_known() {
        let refusal = CallRefusal::Missing { subject: NamedKind::Host, name: "lab-9".to_owned() };
        let call = |attempt| RefusedCall { attempt, refusal: refusal.clone() };
        assert_eq!(reason(&call(Attempt::Install)), "could not install: there is no host `lab-9`");
        assert_eq!(reason(&call(Attempt::Call)), "there is no host `lab-9`");
    }

    #[test]
    fn a_refusal_that_is_not_known_is_shown_with_its_arguments() {
        let message = v1::CallRefusal { code: 1_000_000, arguments: vec!["lab-1".to_owned(), "5".to_owned()] };
        assert_eq!(shown(&message), "a reason that this version does not know (1000000): lab-1, 5");
    }
}
