//! Sentences about failed orders. They are made only here: a failure comes as a code with arguments.

use super::failed_steps::{could_not, repository_could_not};
use super::failure_parts::{at, clash, missing_reply, name_conflicts, name_fault, space, version, versioned};
use super::{
    after, coverage, damage, failed_steps, failure_parts as part, health, host_events, ledgers, notes, owners,
    policies, store_problems, stores, uncovered, unknown_reason,
};
use fleet_core::order_failure::OrderFailure;
use fleet_core::units::Period;
use fleet_proto::convert::incoming_order_failure;
use fleet_proto::v1;

/// Returns the words of a failure as it came over the wire; empty without a failure. An unknown code is shown with its arguments.
pub fn shown(failure: Option<&v1::OrderFailure>) -> String {
    let Some(message) = failure else { return String::new() };
    let known = incoming_order_failure(message.clone()).as_ref().map(words);
    known.unwrap_or_else(|| super::unknown::<v1::OrderFailureCode>("a reason", message.code, &message.arguments))
}

/// Returns the words of a failure, as the end of a sentence.
#[expect(clippy::too_many_lines, reason = "a table")]
pub fn words(failure: &OrderFailure) -> String {
    match failure {
        OrderFailure::Other { text } => text.clone(),
        OrderFailure::UnknownOutcome => "it ended in a way that the coordinator does not know".to_owned(),
        OrderFailure::Unknown { number, arguments } => unknown_reason(*number, arguments),
        OrderFailure::RollbackFailed { because, failure } => {
            format!("{}; the rollback failed too: {}", words(because), words(failure))
        }
        OrderFailure::Several { failures } => several(failures),
        OrderFailure::InStore { store, failure } => format!("the store `{store}`: {}", words(failure)),
        OrderFailure::NotLoaded { store, failure } => {
            format!("the store `{store}` could not be loaded: {}", words(failure))
        }
        // Texts may be cut at their end: first where the data is.
        OrderFailure::SomethingLeft { left, failure } => format!("{}; {}", notes::notes(left), words(failure)),
        // The host and its Engine.
        OrderFailure::EngineUnreachable { socket } => format!("the Docker Engine does not answer at `{socket}`"),
        OrderFailure::EngineConnectionLost { step, cause } => {
            format!("{}: the connection to the Docker Engine broke: {cause}", could_not(step))
        }
        OrderFailure::EngineRefused { step, answer } => format!("{}: the Engine says: {answer}", could_not(step)),
        OrderFailure::StepTooLong { step, limit, output } => {
            format!("{} within {} s{}", could_not(step), limit.as_secs(), after(output))
        }
        OrderFailure::DiskFull { step } => {
            let step = could_not(step);
            format!("no space left on the host's disk: {step}; see `df` and `docker system df` on the host")
        }
        OrderFailure::NotEnoughSpace { at, needed, free } => {
            format!("not enough space on the host's disk {at}: {}", space(*needed, *free))
        }
        OrderFailure::FileFailed { step, path, cause } => failed_steps::file_failed(step, path, cause),
        OrderFailure::PortTaken { port, holder } => {
            format!(
                "port {port} of the host is already taken by {}; choose another port, or stop that program or container",
                owners::holder(holder)
            )
        }
        OrderFailure::Interrupted { step } => format!("{}: it was interrupted", could_not(step)),
        // Images.
        OrderFailure::ImageNotFound { image } => format!("the image `{image}` does not exist"),
        OrderFailure::ImageDenied { image } => format!("the registry does not let the host pull `{image}`"),
        OrderFailure::RegistryUnreachable { image, answer } => {
            format!("the registry of `{image}` does not answer: {answer}")
        }
        // Services.
        OrderFailure::ContainerUnhealthy { container, output } => {
            format!("`{container}` is unhealthy{}", after(output))
        }
        OrderFailure::ContainerExited { container, code, output } => {
            format!("`{container}` exited with code {code}{}", after(output))
        }
        OrderFailure::NotHealthy { problem } => health::words(problem),
        OrderFailure::ServiceNotReady { service, missing } => {
            format!("`{service}` does not answer: {}", missing_reply(missing))
        }
        OrderFailure::ServiceUnreachable { service, problem } => {
            format!("`{service}` cannot be reached: {}", health::probe_failure(problem))
        }
        OrderFailure::ContainerRuns { container } => {
            format!("`{container}` runs, and its tool works only while the service is stopped")
        }
        OrderFailure::PartMissing { kind, name } => format!("the {kind} `{name}` does not exist"),
        OrderFailure::NotInRelease { kind, name } => format!("the release has no {kind} `{name}`"),
        OrderFailure::PathOutside { path } => format!("`{path}` leads out of the folder of the instance"),
        OrderFailure::VolumeNotMounted { volume } => {
            format!("the volume `{volume}` is not mounted on the host, and its files cannot be read")
        }
        OrderFailure::ContainerNotRunning { container } => format!("`{container}` does not run"),
        // Names of others, and missing parts.
        OrderFailure::ForeignContainer { name, owner } => {
            format!(
                "the container `{name}` is {}, and fleet leaves it; choose another name, or remove that container",
                owners::words(owner)
            )
        }
        OrderFailure::ForeignVolume { name, owner } => {
            format!(
                "the volume `{name}` is {}, and fleet leaves it; choose another name, or mount it as `external: true` where the \
                 host's policy lists it",
                owners::words(owner)
            )
        }
        OrderFailure::ForeignNetwork { name, owner } => {
            format!(
                "the network `{name}` is {}, and fleet leaves it; choose another name, or use it as `external: true` where the \
                 host's policy lists it",
                owners::words(owner)
            )
        }
        OrderFailure::ForeignProject { project, containers } => {
            format!(
                "the host has a Compose project `{project}` that fleet did not make ({}); choose another name",
                containers.join(", ")
            )
        }
        OrderFailure::NamesTaken { conflicts } => {
            format!(
                "{}; an instance shares none of these with another: choose other names, or remove that instance",
                name_conflicts(conflicts)
            )
        }
        OrderFailure::DataShared { conflicts } => {
            format!(
                "{}, too: whose data it is cannot be told; remove one of the two instances first, without its volumes",
                name_conflicts(conflicts)
            )
        }
        OrderFailure::VolumeHeld { volume, holders } => failed_steps::volume_held(volume, holders),
        OrderFailure::ProjectChanged { from, to } => {
            format!(
                "its Compose project would be `{to}` and is `{from}`: its volumes would be left behind, and it would begin with \
                 nothing; to keep the name of its Compose file, write `project: from-compose` in app.yaml"
            )
        }
        OrderFailure::VolumeMissing { name } => {
            format!("the volume `{name}` does not exist, and this instance expects that someone else made it")
        }
        OrderFailure::NetworkMissing { name } => {
            format!("the network `{name}` does not exist, and this instance expects that someone else made it")
        }
        OrderFailure::PartInUse { kind, name } => {
            format!("the {kind} `{name}` is in use by something that is not part of this instance")
        }
        OrderFailure::InvalidName { name, problem } => {
            format!("`{name}` cannot be the name of a network or a volume: {}", name_fault(problem))
        }
        OrderFailure::VolumesGone { volumes } => {
            let volumes = volumes.iter().map(health::lost_volume).collect::<Vec<_>>().join(", ");
            format!(
                "its data is gone: somebody removed {volumes}; put the data back from a backup (volumes that are not there: first \
                 `docker volume create`), or remove the instance and install it again"
            )
        }
        // The host's policy.
        OrderFailure::PolicyForbids { refusals } => {
            format!("the host's own policy forbids it: {}", policies::all(refusals))
        }
        OrderFailure::PolicyUnreadable { problem } => {
            format!("the host's policy cannot be read, so nothing is allowed: {problem}")
        }
        OrderFailure::OutsideHours { hours, opens } => {
            format!("the host's policy allows changes only {hours}; next at {opens}")
        }
        // The release, and the state that the order expects.
        OrderFailure::ReleaseUnavailable { problem }
        | OrderFailure::ReleaseInvalid { problem }
        | OrderFailure::ValuesInvalid { problem } => problem.clone(),
        OrderFailure::OtherApp { app } => format!("the release is not for this app: it is {app}"),
        OrderFailure::UnexpectedState { expected, found } => {
            format!("expected {}, found {}", version(expected), version(found))
        }
        OrderFailure::InstanceMissing => "there is no such instance".to_owned(),
        OrderFailure::InstanceExists => "there is such an instance already".to_owned(),
        OrderFailure::OrderUnknown { problem } => format!("the host's agent does not understand the order: {problem}"),
        // The course of the order.
        OrderFailure::DeadlineOver { deadline, doing } => {
            format!("its deadline of {} is over{}", Period::from(*deadline), at(doing.as_ref()))
        }
        OrderFailure::RollbackTooLong { limit, doing } => {
            format!("it took longer than {}{}", Period::from(*limit), at(doing.as_ref()))
        }
        OrderFailure::DeadlineOverBeforeStart { deadline } => {
            format!("its deadline of {} was over before it could begin", Period::from(*deadline))
        }
        OrderFailure::AgentRestarted => "the host's agent was stopped in the middle of the order".to_owned(),
        OrderFailure::InterruptedTooOften { attempts } => format!("it was interrupted {attempts} times"),
        OrderFailure::AgentFault => "a fault of the agent ended the work; its log says more".to_owned(),
        OrderFailure::LedgerUnreadable { problem } => ledgers::words(problem),
        // Tools and stores.
        OrderFailure::ToolMissing { service, tool, answer } => format!("`{service}` has no `{tool}`: {answer}"),
        OrderFailure::ToolFailed { tool, code, output } => failed_steps::tool_failed(tool, *code, output),
        OrderFailure::ToolTooSlow { tool, limit, output } => failed_steps::tool_too_slow(tool, *limit, output),
        OrderFailure::ToolStalled { tool, limit, output } => failed_steps::tool_stalled(tool, *limit, output),
        OrderFailure::ToolOutputTooLarge { tool, limit } => failed_steps::output_too_large(tool, *limit),
        OrderFailure::ToolStreamBroken { tool, cause } => failed_steps::stream_broken(tool, cause),
        OrderFailure::VersionMismatch { database, database_version, tool, tool_version } => {
            let (tool, database) = (versioned(tool, tool_version), versioned(database, database_version));
            format!("{tool} does not work with {database}: use an image whose tool has the version of the database")
        }
        OrderFailure::NoStores => "its app declares no store that can be backed up".to_owned(),
        OrderFailure::StoreMissing { store } => format!("the backup has no store `{store}`"),
        OrderFailure::OtherKindOfStore { store } => format!("the release has no store `{store}` of that kind"),
        OrderFailure::StoreUnusable { problem } => store_problems::words(problem),
        OrderFailure::ReadFromQuiesced { store, service, other } => clash(store, service, other, "read from"),
        OrderFailure::DumpedByQuiesced { store, service, other } => clash(store, service, other, "dumped by"),
        OrderFailure::ForgottenByCoordinator { repository } => {
            format!("the backups in `{repository}` are forgotten by the coordinator, and not by their host")
        }
        OrderFailure::DumpInvalid { problem } => stores::dump_error(problem),
        OrderFailure::RestoreTargetInUse { problem } => stores::occupied(problem),
        OrderFailure::FolderHeld { folder, containers } => failed_steps::folder_held(folder, containers),
        OrderFailure::FilesWouldBeLost { lost } => {
            format!(
                "these files would be lost, because a backup cannot keep them: {}; move them out of the data folder, or agree \
                 with --drop-others",
                uncovered::all(lost)
            )
        }
        OrderFailure::DataWouldBeLost { lost } => {
            format!(
                "this data would be lost, because it is not in the backup: {}; declare it as a store, or agree with \
                 --drop-others",
                uncovered::all(lost)
            )
        }
        OrderFailure::SideFilesNotKept { stores } => {
            format!("{}: {}; agree with --drop-others", stores.join(", "), notes::SIDE_FILES_MISSING)
        }
        OrderFailure::OtherRelease { backup, present } => {
            format!("it is a backup of {backup}, and {present} is here: put the instance to {backup} first")
        }
        OrderFailure::OtherReleaseWanted { backup, wanted } => {
            format!("it is a backup of {backup}, and {wanted} is wanted")
        }
        // Backups and repositories.
        OrderFailure::BackupMissing { backup, repository } => format!("the backup {backup} is not in {repository}"),
        OrderFailure::BackupDamaged { problem } => damage::words(problem),
        OrderFailure::BackupDoubtful { problem } => damage::doubt(problem),
        OrderFailure::BackupUnreadable { backup, problem } => {
            format!("the backup {backup}: {}", damage::manifest_error(problem))
        }
        OrderFailure::RestoredDataDiffers { more, differences } => stores::restored(*more, differences),
        OrderFailure::CopyFailed { repository, failure } => format!("{repository}: {}", words(failure)),
        OrderFailure::StoreNotBackedUp { store, problem } => {
            format!("it does not have the store `{store}`: {}", coverage::gap(problem))
        }
        OrderFailure::DataTouched { stores, because } => format!(
            "the new release may have changed the data of {}; it stays stopped until the backup of before is restored: {}",
            stores.join(", "),
            words(because)
        ),
        OrderFailure::OnTheWay { version, failure } => format!("{version}, on its way: {}", words(failure)),
        OrderFailure::StoppedOnTheWay { through } => format!("it is stopped, and has to run as {through} on its way"),
        OrderFailure::NoRestorePoint { store } => part::no_restore_point(store),
        OrderFailure::RestorePointMounted { store, path } => format!(
            "the store `{store}` cannot be copied for the way back, because something is mounted at {path}, and the instance has no backup policy"
        ),
        OrderFailure::RestorePointNoRoom { store, needed, free } => format!(
            "not enough space on the host's disk to copy the store `{store}` for the way back: {}, and the instance has no backup policy",
            space(*needed, *free)
        ),
        OrderFailure::RestorePointNotMade { path, output } => {
            format!("could not copy {path} for the way back{}", after(output))
        }
        OrderFailure::RestorePointDiffers { path, name } => format!("the copy of {path} differs from it at {name}"),
        OrderFailure::NotQuiet { containers } => format!(
            "{} ran while the data was being copied; something else starts what this host stops",
            containers.join(", ")
        ),
        OrderFailure::CountNotEqual { store, item, before, after } => part::changed(store, item, *before, *after),
        OrderFailure::CountTooLow { store, item, before, after } => part::fell(store, item, *before, *after),
        OrderFailure::ActionFailed { service, command, code, output } => part::failed(service, command, *code, output),
        OrderFailure::ActionTooSlow { service, command, limit, output } => part::slow(service, command, *limit, output),
        OrderFailure::ActionGone { service, command } => part::gone(service, command),
        OrderFailure::CopyDiffers { store } => format!("what arrived of the store `{store}` is not what was sent"),
        OrderFailure::CopyUnconfirmed { repository, part } => {
            format!("the repository `{repository}` does not confirm what was written to it: the {part}")
        }
        OrderFailure::SafetyBackupFailed { failures } => {
            let failures = several(failures);
            format!(
                "the safety backup failed, so the data was left as it is: {failures} (`fleet restore` can go without one)"
            )
        }
        OrderFailure::SafetyBackupMissing { failures } => {
            let why = several(failures);
            let why = if why.is_empty() { "no safety backup was wanted".to_owned() } else { why };
            format!("a bucket was being replaced and cannot be put back: {why}")
        }
        OrderFailure::SafetyBackupLacksBucket => {
            "the safety backup does not have every bucket that was being replaced".to_owned()
        }
        OrderFailure::RepositoryUnreachable { repository, step, cause }
        | OrderFailure::RepositoryFailed { repository, step, cause }
        | OrderFailure::WorkerEnded { repository, step, cause } => {
            format!("{}: {cause}", repository_could_not(repository, step))
        }
        OrderFailure::RepositoryMissing { repository, step } => {
            format!("{}: there is no repository at its location", repository_could_not(repository, step))
        }
        OrderFailure::RepositoryOccupied { repository, step } => {
            format!("{}: another repository is at its location", repository_could_not(repository, step))
        }
        OrderFailure::RepositoryWrongKey { repository, step } => {
            format!("{}: its key does not open it", repository_could_not(repository, step))
        }
        OrderFailure::RepositoryDamaged { repository, step, cause } => {
            format!("the repository `{repository}` is damaged: {}: {cause}", could_not(step))
        }
        OrderFailure::NoRepositoryAccess { repository, instance } => {
            format!("the order came without access to the repository `{repository}` of {instance}")
        }
        OrderFailure::QuiesceTooLong { limit } => {
            format!("services were quiesced for {}, the longest time allowed", Period::from(*limit))
        }
        OrderFailure::ServiceNotResumed { service } => format!("`{service}` could not be resumed"),
        OrderFailure::SandboxLeft { project, parts, failure } => {
            format!("{}{}", host_events::sandbox_left(project, parts), after(&words(failure)))
        }
        OrderFailure::SandboxNotRemoved { project, parts } => {
            format!(
                "the backup is good: it was restored and checked; {}. That is tried again every minute",
                host_events::sandbox_left(project, parts)
            )
        }
        OrderFailure::RebuildFailed { failures } => {
            format!("the data is restored, but what is derived from it could not be rebuilt: {}", several(failures))
        }
        OrderFailure::NotRebuilt { store, service, command, failure } => {
            format!("{store}: `{command}` in {service}: {}", words(failure))
        }
        OrderFailure::NeedsNotStarted { failure } => {
            format!("what it needs could not be started: {}", words(failure))
        }
        OrderFailure::NotStopped { failure } => {
            format!("what was started to rebuild what is derived could not be stopped: {}", words(failure))
        }
    }
}

fn several(failures: &[OrderFailure]) -> String {
    failures.iter().map(words).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use fleet_proto::v1::OrderFailureCode;

    #[test]
    fn numbers_that_an_upgrade_has_to_keep_are_told_with_their_store_and_item() {
        let (store, item) = (|| "rows".to_owned(), || "public.notes".to_owned());
        let failures = vec![
            OrderFailure::CountNotEqual { store: store(), item: item(), before: 1, after: 2 },
            OrderFailure::CountTooLow { store: store(), item: item(), before: 3, after: 0 },
        ];
        insta::assert_snapshot!(words(&OrderFailure::Several { failures }), @"the upgrade changed data that it has to keep: `public.notes` of the store `rows` had 1 item, and has 2; the upgrade lost data: `public.notes` of the store `rows` had 3 items, and has 0");
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "a table")]
    fn each_code_has_words() {
        let codes = (1..1000).filter_map(|number| OrderFailureCode::try_from(number).ok());
        let mut count = 0;
        for code in codes {
            let inner = ["2", "ORDER_FAILURE_CODE_OTHER", "no answer"];
            let nested = [&inner[..], &inner].concat();
            let at = vec!["7", "ACTIVITY_CODE_ASKED_TO_START"];
            let (health, volumes) = (vec!["HEALTH_PROBLEM_CODE_CONTAINER_DEAD", "a"], vec!["a", "true"]);
            let gap = vec!["db", "STORE_GAP_CODE_VOLUME_MISSING", "a"];
            let note = ["2", "DATA_NOTE_CODE_OTHER", "a"];
            let noted = [[&inner[..], &note].concat(), [&["a", "b", "c"][..], &inner].concat()];
            let parts = vec!["drill", "2", "SANDBOX_PART_CODE_VOLUME", "a"];
            let hours = vec!["22:00-23:00", "7"];
            let refusal = vec!["2", "POLICY_REFUSAL_CODE_MOUNT", "a"];
            let in_store = [&["db"][..], &nested].concat();
            let (ledger, lost) = (vec!["LEDGER_PROBLEM_CODE_NO_GOAL"], vec!["2", "UNCOVERED_DATA_CODE_OTHER", "a"]);
            let damage = vec!["BACKUP_DAMAGE_CODE_STORE_EMPTY"];
            let (doubt, manifest) =
                (vec!["BACKUP_DOUBT_CODE_OTHER", "a"], vec!["7", "MANIFEST_ERROR_CODE_DAMAGED", "a"]);
            let target = vec!["OCCUPIED_TARGET_CODE_FOLDER", "a"];
            let unusable = vec!["STORE_PROBLEM_CODE_NOT_A_FOLDER", "a"];
            let (owner, holder) = (vec!["web", "PART_OWNER_CODE_UNKNOWN"], vec!["80", "PORT_HOLDER_CODE_PROGRAM"]);
            let conflicts =
                vec!["4", "NAME_CONFLICT_CODE_HELD", "port", "80", "a", "2", "NAME_CONFLICT_CODE_OTHER", "a"];
            let versions = vec!["1", "INSTANCE_VERSION_CODE_ANY", "1", "INSTANCE_VERSION_CODE_MISSING"];
            let (reply, probe) =
                (vec!["db", "MISSING_REPLY_CODE_NO_CONTAINER"], vec!["db", "PROBE_FAILURE_CODE_NO_ADDRESS", "a"]);
            let (dump, differences) =
                (vec!["DUMP_ERROR_CODE_EMPTY"], vec!["7", "2", "STORE_DIFFERENCE_CODE_MISSING", "a"]);
            let candidates = [
                vec!["7"; 4],
                nested,
                in_store,
                at,
                health,
                volumes,
                gap,
                parts,
                hours,
                refusal,
                ledger,
                lost,
                dump,
                differences,
                damage,
                doubt,
                manifest,
                target,
                unusable,
                owner,
                holder,
                conflicts,
                versions,
                reply,
                probe,
            ];
            let mut messages = candidates.into_iter().chain(noted).map(|texts| v1::OrderFailure {
                code: code.into(),
                arguments: texts.into_iter().map(str::to_owned).collect(),
            });
            let readable = messages.find_map(|it| incoming_order_failure(it.clone()));
            let failure = readable.unwrap_or_else(|| panic!("{code:?} cannot be read"));
            assert!(!words(&failure).is_empty(), "{code:?} has no words");
            count += 1;
        }
        assert!(count > 80, "only {count} codes were found");
    }

    #[test]
    fn a_failure_that_the_coordinator_does_not_know_can_be_read_after_a_colon() {
        let failure = OrderFailure::Unknown { number: 999, arguments: String::new() };
        let failure = OrderFailure::InStore { store: "rows".to_owned(), failure: Box::new(failure) };
        assert_eq!(words(&failure), "the store `rows`: a reason that the coordinator does not know (999)");
    }

    #[test]
    fn a_failure_in_others_is_told_as_one_sentence() {
        let exited = |code| OrderFailure::ContainerExited { container: "web".to_owned(), code, output: String::new() };
        let failure = OrderFailure::RollbackFailed { because: Box::new(exited(7)), failure: Box::new(exited(8)) };
        assert_eq!(words(&failure), "`web` exited with code 7; the rollback failed too: `web` exited with code 8");
    }
}
