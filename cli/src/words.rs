//! Words of coded messages. Other crates return codes with arguments; text for people is made only here.

pub mod coverage;
pub mod damage;
pub mod differences;
pub mod drift;
pub mod events;
pub mod failures;
pub mod health;
pub mod hints;
pub mod host_events;
pub mod notes;
pub mod plans;
pub mod problems;
pub mod progress;
pub mod reasons;
pub mod results;
pub mod steps;
pub mod strategy;

use fleet_core::units::Period;
use fleet_proto::v1::EventSubject;
use fleet_proto::words::{CodedMessage, WireEnum, word};

/// The words of a coded message; empty for a hint with a code that this version does not know.
pub fn shown(message: CodedMessage<'_>) -> String {
    match message {
        CodedMessage::Activity(doing) => steps::shown(Some(doing)),
        CodedMessage::BackupDamage(damage) => damage::shown(damage),
        CodedMessage::VerifyFinding(finding) => damage::shown_finding(finding),
        CodedMessage::BackupProblem(problem) => problems::shown_backup(problem),
        CodedMessage::ChangeResult(result) => results::shown_change(result),
        CodedMessage::DataLeftover(left) => coverage::shown_leftover(left),
        CodedMessage::DataNote(note) => notes::shown_note(note),
        CodedMessage::DrillCheck(check) => notes::shown_check(check),
        CodedMessage::Drift(drift) => drift::shown(drift),
        CodedMessage::EventKind(kind) => events::shown(Some(kind)),
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
        CodedMessage::Problem(problem) => problems::shown(Some(problem)),
        CodedMessage::RetentionReason(reason) => results::shown_reason(reason),
        CodedMessage::RepositoryProblem(problem) => problems::shown_repository(problem),
        CodedMessage::SandboxPart(part) => host_events::shown_part(part),
        CodedMessage::StoreGap(gap) => coverage::shown_gap(gap),
        CodedMessage::UndeclaredData(data) => coverage::shown_undeclared(data),
        CodedMessage::UndeliverableReason(reason) => problems::shown_undeliverable(reason),
    }
}

/// The subject of an event or a problem, as people write it.
pub fn subject(subject: Option<&EventSubject>) -> String {
    subject.cloned().map(String::from).unwrap_or_default()
}

/// A length of time as it came over the wire: a peer may send more than a period can be.
fn period(millis: u64) -> Period {
    /// A hundred years, in milliseconds.
    const LONGEST: u64 = 100 * 365 * 86_400_000;
    Period::from_millis(millis.min(LONGEST))
}

/// A code that this version does not know, or whose arguments it cannot read: its name and the arguments as they are.
fn unknown<C: WireEnum>(code: i32, arguments: &[String]) -> String {
    match arguments {
        [] => word::<C>(code),
        arguments => format!("{}: {}", word::<C>(code), arguments.join(", ")),
    }
}
