//! Words of coded messages. Other crates return codes with arguments; text for people is made only here.

pub mod archived;
pub mod coverage;
pub mod damage;
pub mod differences;
pub mod drift;
pub mod events;
pub mod failed_steps;
pub mod failure_parts;
pub mod failures;
pub mod health;
pub mod hints;
pub mod host_events;
pub mod ledgers;
pub mod notes;
pub mod owners;
pub mod plans;
pub mod policies;
pub mod problems;
pub mod progress;
pub mod queries;
pub mod reasons;
pub mod refusals;
pub mod renderings;
pub mod results;
pub mod steps;
pub mod store_problems;
pub mod stores;
pub mod strategy;
pub mod uncovered;

use fleet_core::grammar::count;
use fleet_core::units::Period;
use fleet_proto::v1::{EventSubject, RepositoryKind, RepositoryView};
use fleet_proto::words::{CodedMessage, WireEnum, word};

/// The words of a coded message; empty for a hint with a code that this version does not know.
#[expect(clippy::too_many_lines, reason = "a table")]
pub fn shown(message: CodedMessage<'_>) -> String {
    match message {
        CodedMessage::AdmissionRefusal(refusal) => refusals::shown_admission(refusal),
        CodedMessage::ArchiveNote(note) => archived::shown_archive_note(note),
        CodedMessage::RestoreNote(note) => archived::shown_restore_note(note),
        CodedMessage::BackupRefusal(refusal) => refusals::shown_backup(refusal),
        CodedMessage::CallRefusal(refusal) => refusals::shown(refusal),
        CodedMessage::FileRefusal(refusal) => refusals::shown_file(refusal),
        CodedMessage::RolloutRefusal(refusal) => refusals::shown_rollout(refusal),
        CodedMessage::Activity(doing) => steps::shown(Some(doing)),
        CodedMessage::BackupDamage(damage) => damage::shown(damage),
        CodedMessage::BackupDoubt(doubt) => damage::shown_doubt(doubt),
        CodedMessage::ManifestError(error) => damage::shown_manifest_error(error),
        CodedMessage::VerifyFinding(finding) => damage::shown_finding(finding),
        CodedMessage::BackupProblem(problem) => problems::shown_backup(problem),
        CodedMessage::ChangeResult(result) => results::shown_change(result),
        CodedMessage::DataLeftover(left) => coverage::shown_leftover(left),
        CodedMessage::DataNote(note) => notes::shown_note(note),
        CodedMessage::DrillCheck(check) => notes::shown_check(check),
        CodedMessage::NameConflict(conflict) => failure_parts::shown_conflict(conflict),
        CodedMessage::InstanceVersion(version) => failure_parts::shown_version(version),
        CodedMessage::PartOwner(owner) => owners::shown(owner),
        CodedMessage::PortHolder(holder) => owners::shown_holder(holder),
        CodedMessage::MissingReply(missing) => failure_parts::shown_missing_reply(missing),
        CodedMessage::StoreProblem(problem) => store_problems::shown(problem),
        CodedMessage::OccupiedTarget(target) => stores::shown_occupied(target),
        CodedMessage::DumpError(error) => stores::shown_dump_error(error),
        CodedMessage::Drift(drift) => drift::shown(drift),
        CodedMessage::EventKind(kind) => events::shown(Some(kind)),
        CodedMessage::FailedStep(step) => failed_steps::shown(step),
        CodedMessage::ToolTask(task) => failed_steps::shown_tool(task),
        CodedMessage::VolumeHolder(holder) => failed_steps::shown_holder(holder),
        CodedMessage::HealthProblem(problem) => health::shown(Some(problem)),
        CodedMessage::Hint(hint) => hints::shown(Some(hint)),
        CodedMessage::HostEvent(event) => host_events::shown(event),
        CodedMessage::OrderFailure(failure) => failures::shown(Some(failure)),
        CodedMessage::HaltReason(reason) => reasons::shown_halt(Some(reason)),
        CodedMessage::Progress(far) => progress::shown(Some(far)),
        CodedMessage::Strategy(strategy) => strategy::lines(Some(strategy)).join("\n"),
        CodedMessage::LeftOutReason(reason) => reasons::shown_left_out(Some(reason)),
        CodedMessage::ManifestChange(change) => differences::shown(change),
        CodedMessage::WaitReason(reason) => reasons::shown_wait(Some(reason)),
        CodedMessage::OrderSummary(order) => problems::shown_order(order),
        CodedMessage::ProbeFailure(failure) => health::shown_probe_failure(failure),
        CodedMessage::ProbeTarget(target) => health::shown_target(target),
        CodedMessage::PlannedChange(change) => plans::shown(change),
        CodedMessage::RecreateReason(reason) => plans::shown_recreate(reason),
        CodedMessage::NotAskedReason(reason) => plans::shown_not_asked(reason),
        CodedMessage::MemberNotAsked(member) => plans::shown_member_not_asked(member),
        CodedMessage::LedgerProblem(problem) => ledgers::shown(problem),
        CodedMessage::LinkProblem(problem) => policies::shown_link(problem),
        CodedMessage::PolicyRefusal(refusal) => policies::shown(refusal),
        CodedMessage::QueryFailure(failure) => queries::shown(failure),
        CodedMessage::RenderingFailure(failure) => renderings::shown(failure),
        CodedMessage::Problem(problem) => problems::shown(Some(problem)),
        CodedMessage::RetentionReason(reason) => results::shown_reason(reason),
        CodedMessage::RepositoryProblem(problem) => problems::shown_repository(problem),
        CodedMessage::SandboxPart(part) => host_events::shown_part(part),
        CodedMessage::StoreDifference(difference) => stores::shown_difference(difference),
        CodedMessage::StoreGap(gap) => coverage::shown_gap(gap),
        CodedMessage::SideFileGap(gap) => uncovered::shown_side_file(gap),
        CodedMessage::UncoveredData(data) => uncovered::shown(data),
        CodedMessage::UndeclaredData(data) => coverage::shown_undeclared(data),
        CodedMessage::UndeliverableReason(reason) => problems::shown_undeliverable(reason),
    }
}

/// The subject of an event or a problem, as people write it.
pub fn subject(subject: Option<&EventSubject>) -> String {
    subject.cloned().map(String::from).unwrap_or_default()
}

/// The place of a repository. Earlier coordinators sent it as words.
pub fn repository_place(view: &RepositoryView) -> String {
    match view.kind() {
        RepositoryKind::Coordinator => "the coordinator's disk".to_owned(),
        RepositoryKind::Folder => format!("{} on each host", view.place.trim_end_matches(" on each host")),
        RepositoryKind::S3 | RepositoryKind::Unspecified => view.place.clone(),
    }
}

/// A length of time as it came over the wire: a peer may send more than a period can be.
fn period(millis: u64) -> Period {
    /// A hundred years, in milliseconds.
    const LONGEST: u64 = 100 * 365 * 86_400_000;
    Period::from_millis(millis.min(LONGEST))
}

/// A colon and the output of a program, if there is one.
fn after(output: &str) -> String {
    if output.is_empty() { String::new() } else { format!(": {output}") }
}

/// Words of a value with a code that is not known: a noun phrase, which can be read after a colon, too. `by` does not know it.
fn not_known(what: &str, by: &str, number: i32, arguments: &str) -> String {
    format!("{what} that {by} does not know ({number}){}", after(arguments))
}

/// Words of a reason with a code that the coordinator does not know, as the host reported it. 0: it reported none.
fn unknown_reason(number: i32, arguments: &str) -> String {
    match number {
        0 => "its host gave no reason".to_owned(),
        number => not_known("a reason", "the coordinator", number, arguments),
    }
}

/// Words of a value with a code that this version does not know; for a code whose arguments it cannot read, the name of the code and
/// the arguments as they are.
fn unknown<C: WireEnum>(what: &str, code: i32, arguments: &[String]) -> String {
    let arguments = arguments.join(", ");
    match C::try_from(code) {
        Ok(_) if code != 0 => format!("{}{}", word::<C>(code), after(&arguments)),
        Ok(_) | Err(_) => not_known(what, "this version", code, &arguments),
    }
}

/// The number of those that are not listed, after the list.
fn and_more<N: Copy + std::fmt::Display + PartialEq + PartialOrd + From<u8>>(more: N, noun: &str) -> String {
    match noun {
        _ if more <= N::from(0) => String::new(),
        "" => format!("; and {more} more"),
        noun => format!("; and {}", count(more, &format!("more {noun}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fleet_proto::v1::OrderFailureCode;

    #[test]
    fn a_code_that_is_not_known_is_a_noun_phrase_and_one_with_other_arguments_has_its_name() {
        let unknown = |code, arguments: &[&str]| {
            let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
            unknown::<OrderFailureCode>("a reason", code, &arguments)
        };
        assert_eq!(unknown(999, &["web", "3"]), "a reason that this version does not know (999): web, 3");
        assert_eq!(unknown(0, &[]), "a reason that this version does not know (0)");
        assert_eq!(unknown(OrderFailureCode::PortTaken.into(), &["web"]), "port taken: web");
        assert_eq!(unknown_reason(17, ""), "a reason that the coordinator does not know (17)");
        assert_eq!(unknown_reason(0, ""), "its host gave no reason");
    }

    #[test]
    fn the_place_of_a_repository_is_told_by_its_kind() {
        let place = |kind: RepositoryKind, place: &str| {
            repository_place(&RepositoryView { kind: kind.into(), place: place.to_owned(), ..Default::default() })
        };
        assert_eq!(place(RepositoryKind::Coordinator, ""), "the coordinator's disk");
        assert_eq!(place(RepositoryKind::Folder, "/mnt/usb"), "/mnt/usb on each host");
        assert_eq!(place(RepositoryKind::Folder, "/mnt/usb on each host"), "/mnt/usb on each host");
        assert_eq!(place(RepositoryKind::S3, "https://s3.example.org/b"), "https://s3.example.org/b");
    }

    #[test]
    fn those_that_are_not_listed_are_counted() {
        assert_eq!([and_more(0, ""), and_more(2, "")], ["", "; and 2 more"]);
        assert_eq!([and_more(1, "folder"), and_more(2, "folder")], ["; and 1 more folder", "; and 2 more folders"]);
    }
}
