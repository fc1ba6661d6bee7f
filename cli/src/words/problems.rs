//! Words of problems, and of orders in short.

use super::{and_more, coverage, damage, drift, failures, health, reasons, uncovered};
use fleet_core::backup::RepositoryProblem;
use fleet_core::backup_health::{BackupProblem, rough};
use fleet_core::duplicate::Machine;
use fleet_core::grammar::{count, verb};
use fleet_core::names::RepositoryName;
use fleet_core::order_summary::OrderSummary;
use fleet_core::problem::Problem;
use fleet_core::undeliverable_reason::UndeliverableReason;
use fleet_proto::convert::{
    incoming_backup_problem, incoming_order_summary, incoming_problem, incoming_repository_problem,
    incoming_undeliverable_reason,
};
use fleet_proto::v1;

/// Returns the words of a problem as it came over the wire; empty where there is none.
pub fn shown(problem: Option<&v1::Problem>) -> String {
    problem.map(shown_problem).unwrap_or_default()
}

fn shown_problem(problem: &v1::Problem) -> String {
    let known = incoming_problem(problem.clone()).as_ref().map(words);
    known.unwrap_or_else(|| super::unknown::<v1::ProblemCode>("a problem", problem.code, &problem.arguments))
}

/// Returns the words of a problem of backups as it came over the wire.
pub fn shown_backup(problem: &v1::BackupProblem) -> String {
    let known = incoming_backup_problem(problem.clone()).as_ref().map(backup_words);
    known.unwrap_or_else(|| super::unknown::<v1::BackupProblemCode>("a problem", problem.code, &problem.arguments))
}

/// Returns the words of several problems of backups as they came over the wire, on one line.
pub fn shown_backups(problems: &[v1::BackupProblem]) -> String {
    problems.iter().map(shown_backup).collect::<Vec<_>>().join("; ")
}

/// Returns the words of a problem of a repository as it came over the wire.
pub fn shown_repository(problem: &v1::RepositoryProblem) -> String {
    let known = incoming_repository_problem(problem.clone()).as_ref().map(repository_words);
    known.unwrap_or_else(|| super::unknown::<v1::RepositoryProblemCode>("a problem", problem.code, &problem.arguments))
}

/// Returns the words of an order in short as it came over the wire.
pub fn shown_order(order: &v1::OrderSummary) -> String {
    let known = incoming_order_summary(order.clone()).as_ref().map(order_words);
    known.unwrap_or_else(|| super::unknown::<v1::OrderSummaryCode>("an order", order.code, &order.arguments))
}

/// Returns the words of a reason why a host cannot be given an order, as it came over the wire.
pub fn shown_undeliverable(reason: &v1::UndeliverableReason) -> String {
    let known = incoming_undeliverable_reason(reason.clone()).as_ref().map(undeliverable_words);
    known.unwrap_or_else(|| super::unknown::<v1::UndeliverableReasonCode>("a reason", reason.code, &reason.arguments))
}

/// Returns the words of a recovery kit that could not be made.
pub fn missing_kit(kit: &v1::MissingKit) -> String {
    let reason =
        kit.reason.as_ref().map(shown_undeliverable).unwrap_or_else(|| "the coordinator gave no reason".to_owned());
    format!("no kit: {} in {}: {reason}", kit.instance, kit.repository)
}

/// Returns the words of a problem.
#[expect(clippy::too_many_lines, reason = "a table")]
pub fn words(problem: &Problem) -> String {
    match problem {
        Problem::Panicked { part, count: times, last, message } => {
            format!("a bug: {part} panicked {}, last at {last}: {message}", count(*times, "time"))
        }
        // Hosts.
        Problem::TwoMachines { since, machines } => {
            format!("two machines connect as it since {since}: {}; its orders are held", named(machines))
        }
        Problem::OtherProtocol { oldest, newest, own_oldest, own_newest } => format!(
            "it supports protocol {}, and this coordinator supports {}",
            protocols(*oldest, *newest),
            protocols(*own_oldest, *own_newest)
        ),
        Problem::Offline { since } => format!("offline since {since}"),
        Problem::ClockBehind(by) => format!("its clock is {} s behind", by.as_secs()),
        Problem::ClockAhead(by) => format!("its clock is {} s ahead", by.as_secs()),
        Problem::EngineDiskLow(free) => format!("only {} MiB are free for the Engine", mib(*free)),
        Problem::ReportsTooMuch => {
            "it reports more than its share, and is read slowly; the other hosts are not affected".to_owned()
        }
        Problem::ReportTooLarge => {
            "a report about one of its instances was too large, so an older one is shown".to_owned()
        }
        Problem::ReportUnreadable => {
            "this coordinator could not read one of its reports; its agent may be newer".to_owned()
        }
        Problem::UnknownInstance { instance, release } => {
            format!("it has the instance {instance} ({release}), which is unknown here; the instance stays as it is")
        }
        // Instances.
        Problem::Stuck(failure) => format!("stuck: {}", failures::words(failure)),
        Problem::DataMissing { from } => {
            let origin = match from {
                Some(backup) => format!("it was made from the backup {backup}"),
                None => "it is known from a backup of the coordinator".to_owned(),
            };
            format!("{origin}, and its host does not have it; it is not installed without its data")
        }
        Problem::OrderRolledBack(failure) => format!("its last order was rolled back: {}", failures::words(failure)),
        Problem::OrderRefused(failure) => format!("its last order was refused: {}", failures::words(failure)),
        Problem::OrderFailed(failure) => format!("its last order failed: {}", failures::words(failure)),
        Problem::Unhealthy(problem) => format!("unhealthy: {}", health::words(problem)),
        Problem::Leftovers { more, first } => {
            let first: Vec<_> = first.iter().map(coverage::leftover).collect();
            format!("left by its restores and upgrades: {}{}", first.join("; "), and_more(*more, "folder"))
        }
        Problem::Drift { more, changes } => {
            let changes: Vec<_> = changes.iter().map(drift::words).collect();
            format!("changed by hand: {}{}", changes.join(", "), and_more(*more, "change"))
        }
        Problem::Undeliverable { reason, order } => {
            format!("its host cannot get the order to {}: {}", order_words(order), undeliverable_words(reason))
        }
        Problem::OrderOverdue { host, asked } => {
            format!("`{host}` has not reported the end of its order of {asked}")
        }
        Problem::NewerRevision { found, wanted } => {
            format!("its host has revision {found} of its values, which is newer than the wanted revision {wanted}")
        }
        Problem::OtherRelease(release) => {
            format!("its host has {release}, which was not requested here; it stays as it is")
        }
        // Rollouts.
        Problem::RolloutHalted(reason) => format!("halted: {}", reasons::halt(reason)),
        Problem::MembersOverdue(number) => {
            format!("{} {} overdue", count(*number, "instance"), verb(*number, "is", "are"))
        }
        // Backups.
        Problem::Backups { more, worst } => {
            format!("its backups are {}: {}{}", worst.level(), backup_words(worst), and_more(*more, "problem"))
        }
        Problem::WithoutPolicy { count: 1, first } => format!("{first} has no policy for backups"),
        Problem::WithoutPolicy { count, first } => {
            format!("{count} instances have no policy for backups, such as {first}")
        }
        Problem::Repository { repository, problem } => {
            format!("its repository in {repository}: {}", repository_words(problem))
        }
        Problem::RepositoriesUnknown(reason) => format!("the problems of repositories could not be read: {reason}"),
        // The coordinator.
        Problem::RepositoryDiskLow { free } => {
            format!("only {} MiB are free for repositories, less than a tenth of the disk", mib(*free))
        }
        Problem::RepositoryDiskBelowBackup { free, largest } => format!(
            "only {} MiB are free for repositories, less than twice the largest backup ({} MiB)",
            mib(*free),
            mib(*largest)
        ),
        Problem::OwnBackupNotSet => "it is not backed up: no location is set for its backups".to_owned(),
        Problem::OwnBackupFailed(reason) => format!("it could not back itself up: {reason}"),
        Problem::OwnBackupOld { age } => format!("its own newest backup is {} old", rough(*age)),
        Problem::NeverBackedUp => "it has never backed itself up".to_owned(),
        Problem::OwnBackupsNotRemoved(reason) => format!("its own old backups could not be removed: {reason}"),
        Problem::OwnBackupUnknown(reason) => format!("the state of its own backups could not be read: {reason}"),
    }
}

/// Returns the words of a reason why a host cannot be given an order.
pub fn undeliverable_words(reason: &UndeliverableReason) -> String {
    match reason {
        UndeliverableReason::Text(text) => text.to_string(),
        UndeliverableReason::ValuesMissing { instance, revision } => {
            format!("there are no values of revision {revision} of `{instance}`")
        }
        UndeliverableReason::ValueSealed { instance, value } => {
            format!("could not open the value `{value}` of `{instance}`")
        }
        UndeliverableReason::TwoMachines { since } => format!("two machines connect as it since {since}"),
        UndeliverableReason::AgentTooOld { lacks } => format!("its agent is too old for {lacks}: upgrade the agent"),
        UndeliverableReason::NoRepository(repository) => format!("there is no repository `{repository}`"),
        UndeliverableReason::NothingInRepository { repository, instance } => {
            format!("the repository `{repository}` has nothing of `{instance}`")
        }
        UndeliverableReason::BucketKeysMissing(repository) => {
            format!("the keys of the bucket of `{repository}` are not kept")
        }
        UndeliverableReason::RepositoryOnHost(repository) => {
            format!("the repository `{repository}` is a folder on the instance's own host: only that host reaches it")
        }
        UndeliverableReason::RepositoryBeingMade(repository) => format!("its repository `{repository}` is being made"),
        UndeliverableReason::RepositoryBeingMadeSince { repository, since } => {
            format!("its repository `{repository}` could not be made: it is being made since {since}")
        }
        UndeliverableReason::RepositoryNotMade { repository, cause } => {
            format!("its repository `{repository}` could not be made: {cause}")
        }
        UndeliverableReason::BackupMissing { repository, instance, backup } => {
            format!("there is no backup {backup} of `{instance}` in `{repository}`")
        }
        UndeliverableReason::BackupUnreadable { backup, damage } => {
            format!("the backup {backup} cannot be read: {}", damage::words(damage))
        }
        UndeliverableReason::RepositoryKeysUnreadable { cause } => {
            format!("the keys of its repository cannot be opened: {cause}")
        }
        UndeliverableReason::RepositoryFailed { cause } => format!("its repository could not be used: {cause}"),
    }
}

/// Returns the words of a problem of backups.
pub fn backup_words(problem: &BackupProblem) -> String {
    match problem {
        BackupProblem::NoBackup => "there is no backup of it".to_owned(),
        BackupProblem::BackupFailed { at, failure } => {
            format!("its last backup failed at {at}: {}", failures::words(failure))
        }
        BackupProblem::DrillFailed { at, failure } => {
            format!("its last drill failed at {at}: {}", failures::words(failure))
        }
        BackupProblem::NotRestorable { repository, failure } => {
            format!("its newest backup in {repository} could not be restored: {}", failures::words(failure))
        }
        BackupProblem::CopyFailed { repository, at, failure } => {
            format!("its last copy to {repository} failed at {at}: {}", failures::words(failure))
        }
        BackupProblem::NoCopy(repository) => format!("there is no backup of it in {repository}"),
        BackupProblem::Old { repository, age, limit } => {
            format!("its newest backup in {repository} is {} old, and the limit is {}", rough(*age), rough(*limit))
        }
        BackupProblem::ProofOld { age, interval, repository } => {
            let (age, interval) = (rough(*age), rough(*interval));
            format!("it was last proven{} {age} ago, and the interval is {interval}", place(repository.as_ref()))
        }
        BackupProblem::NeverProven { age, repository } => {
            format!("none of its backups{} was proven in {}", place(repository.as_ref()), rough(*age))
        }
        BackupProblem::NoPolicy => "no policy asks for backups of it".to_owned(),
        BackupProblem::Undeclared(what) => format!("no store declares {}", coverage::undeclared(what)),
        BackupProblem::StoreMissing { store, reason } => {
            format!("its store {store} is missing: {}", coverage::gap(reason))
        }
        BackupProblem::Incomplete { covered, declared, more, named } => {
            let holds = format!("its newest backup holds {covered} of {}", count(*declared, "store"));
            match named.as_slice() {
                [] => holds,
                named => format!("{holds}; not in it: {}{}", uncovered::all(named), and_more(*more, "")),
            }
        }
    }
}

/// Returns the words of a problem of a repository.
pub fn repository_words(problem: &RepositoryProblem) -> String {
    match problem {
        RepositoryProblem::Text(text) => text.to_string(),
        RepositoryProblem::Damaged { count: number, first, reason } => {
            let (backups, reason) = (count(*number, "backup"), damage::words(reason));
            format!("{backups} {} damaged, first {first}: {reason}", verb(*number, "is", "are"))
        }
        RepositoryProblem::OverQuota { order, limit } => {
            format!("its host adds more than the {} MiB that the order {order} may add, and is refused", mib(*limit))
        }
        RepositoryProblem::NotMaintained(reason) => format!("its maintenance failed: {reason}"),
        RepositoryProblem::NotListed(reason) => {
            format!("its content could not be read, and the catalog keeps the earlier state: {reason}")
        }
        RepositoryProblem::KeyUnreadable(what) => format!("its key or config cannot be read: {what}"),
        RepositoryProblem::ForgettingHalted { bytes, before, before_bytes } => format!(
            "its newest backup has {} MiB, and {before} had {} MiB: nothing is forgotten until a person has looked",
            mib(*bytes),
            mib(*before_bytes)
        ),
        RepositoryProblem::Unrequested { count: number, first } => format!(
            "{} that no order requested {} in it and {} not count, first {first}",
            count(*number, "backup"),
            verb(*number, "is", "are"),
            verb(*number, "does", "do")
        ),
        RepositoryProblem::ForeignSnapshots { count: number, first } => {
            format!("unused snapshots in it have the id of {}, first {first}", count(*number, "backup"))
        }
        RepositoryProblem::FalseProofs { count: number, first } => format!(
            "it claims that {} {} proven, and no drill reported that, first {first}",
            count(*number, "backup"),
            verb(*number, "was", "were")
        ),
    }
}

/// Returns the words of an order, as they follow `to`.
pub fn order_words(order: &OrderSummary) -> String {
    match order {
        OrderSummary::Install(release) => format!("install {release}"),
        OrderSummary::Upgrade(from, to) => format!("upgrade from {from} to {to}"),
        OrderSummary::Configure => "change its configuration".to_owned(),
        OrderSummary::Start => "start".to_owned(),
        OrderSummary::Stop => "stop".to_owned(),
        OrderSummary::Restart => "restart".to_owned(),
        OrderSummary::Remove => "remove it".to_owned(),
        OrderSummary::Backup => "back it up".to_owned(),
        OrderSummary::Drill => "prove its backup".to_owned(),
        OrderSummary::Restore(backup) => format!("restore {backup}"),
        OrderSummary::Forget => "forget backups".to_owned(),
    }
}

/// Machines by name, with `and` between them.
pub fn named(machines: &[Machine]) -> String {
    machines.iter().map(machine).collect::<Vec<_>>().join(" and ")
}

fn machine(machine: &Machine) -> String {
    let or = |id: &str, none: &str| if id.is_empty() { none.to_owned() } else { id.to_owned() };
    let (start, engine) = (or(&machine.start, "an agent without a start id"), or(&machine.engine, "unknown"));
    format!("start {start} at {} (Engine {engine})", machine.address)
}

fn place(repository: Option<&RepositoryName>) -> String {
    repository.map(|name| format!(" in {name}")).unwrap_or_default()
}

fn protocols(oldest: u32, newest: u32) -> String {
    if oldest == newest { newest.to_string() } else { format!("{oldest} to {newest}") }
}

fn mib(bytes: u64) -> u64 {
    bytes >> 20
}
