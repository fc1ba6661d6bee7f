//! Words of plans: what carrying out a request would change.

use super::{and_more, coverage, failures, notes, queries, reasons, renderings, uncovered};
use fleet_core::names::{BackupId, HostName, RepositoryName};
use fleet_core::not_asked::{MemberNotAsked, NotAskedReason};
use fleet_core::order_failure::OrderFailure;
use fleet_core::planned_change::PlannedChange;
use fleet_core::spec::RecreateReason;
use fleet_core::time::Time;
use fleet_proto::convert::{
    incoming_member_not_asked, incoming_not_asked_reason, incoming_planned_change, incoming_recreate_reason,
};
use fleet_proto::v1;

/// Returns the words of a planned change as it came over the wire.
pub fn shown(change: &v1::PlannedChange) -> String {
    let known = incoming_planned_change(change.clone()).as_ref().map(words);
    known.unwrap_or_else(|| super::unknown::<v1::PlannedChangeCode>("a change", change.code, &change.arguments))
}

/// Returns the lines of a plan as it came over the wire.
pub fn lines(plan: &[v1::PlannedChange]) -> Vec<String> {
    plan.iter().map(shown).collect()
}

/// Returns the words of a reason to recreate a container as it came over the wire.
pub fn shown_recreate(reason: &v1::RecreateReason) -> String {
    let known = incoming_recreate_reason(reason.clone()).as_ref().map(recreate);
    known.unwrap_or_else(|| super::unknown::<v1::RecreateReasonCode>("a reason", reason.code, &reason.arguments))
}

/// Returns the words of a reason for which a host was not asked as it came over the wire.
pub fn shown_not_asked(reason: &v1::NotAskedReason) -> String {
    let known = incoming_not_asked_reason(reason.clone()).as_ref().map(not_asked);
    known.unwrap_or_else(|| super::unknown::<v1::NotAskedReasonCode>("a reason", reason.code, &reason.arguments))
}

/// Returns the words of an instance about which its host was not asked as it came over the wire.
pub fn shown_member_not_asked(member: &v1::MemberNotAsked) -> String {
    let known = incoming_member_not_asked(member.clone()).as_ref().map(member_not_asked);
    known.unwrap_or_else(|| super::unknown::<v1::MemberNotAskedCode>("an instance", member.code, &member.arguments))
}

/// Returns the words of a planned change.
#[expect(clippy::too_many_lines, reason = "a table")]
pub fn words(change: &PlannedChange) -> String {
    match change {
        // Another release or other values.
        PlannedChange::ServiceCreated(service) => format!("{service}: created"),
        PlannedChange::ServiceRecreated { service, more, because } => {
            let because: Vec<_> = because.iter().map(recreate).collect();
            format!("{service}: recreated, {}{}", because.join("; "), and_more(*more, ""))
        }
        PlannedChange::ServiceRemoved(service) => format!("{service}: removed"),
        PlannedChange::VolumeCreated(volume) => format!("volume {volume}: created"),
        PlannedChange::VolumeUnused(volume) => format!("volume {volume}: no longer used; it stays, with its data"),
        PlannedChange::FileNew(path) => format!("file {path} (new)"),
        PlannedChange::FileChanged(path) => format!("file {path} (changed)"),
        PlannedChange::FileRemoved(path) => format!("file {path} (removed)"),
        PlannedChange::DriftHealed => "drift: heal".to_owned(),
        PlannedChange::DriftReported => "drift: report".to_owned(),
        PlannedChange::ValuesReplaceNewer { revision } => {
            format!("values: those wanted, in place of the newer revision {revision} that its host has")
        }
        PlannedChange::NotRenderable(why) => format!("it cannot be made: {}", renderings::words(why)),
        // Objections.
        PlannedChange::NotCompared { instance, host } => {
            format!("{instance} on {host}: what it has is not known here; the host itself compares")
        }
        PlannedChange::HostNotAsked { host, reason } => host_not_asked(host, reason),
        PlannedChange::HostObjects { host, failure } => host_says(host, failure),
        PlannedChange::PolicyNotCompared => {
            "not known: whether the host's policy allows it, for its release was not rendered".to_owned()
        }
        // Power.
        PlannedChange::Started => "start".to_owned(),
        PlannedChange::Stopped => "stop".to_owned(),
        PlannedChange::Restarted => "restart".to_owned(),
        // Removal.
        PlannedChange::ContainersRemoved => "containers and networks: removed".to_owned(),
        PlannedChange::VolumeDeleted(volume) => format!("volume {volume}: deleted, with its data"),
        PlannedChange::VolumeKept(volume) => format!("volume {volume}: stays"),
        // Backups and drills.
        PlannedChange::DataRead(instance) => format!("{instance}: its data is read, and stays as it is"),
        PlannedChange::StoreNotCovered { store, reason } => {
            format!("store {store}: NOT in it: {}", coverage::gap(reason))
        }
        PlannedChange::Drilled { backup, repository } => {
            format!("backup {backup} from {repository}: restored into throwaway containers, and checked")
        }
        PlannedChange::DataCopied(stores) => {
            let names: Vec<_> = stores.iter().map(ToString::to_string).collect();
            format!(
                "services: stopped while the data of {} is copied; the copy comes back if the change fails",
                names.join(", ")
            )
        }
        PlannedChange::DataOfNewer { version, instance, backup: Some(backup) } => format!(
            "its data: STAYS as {version} has left it; `fleet restore {instance} --backup {backup} --with-release` brings back \
             the data of before, too"
        ),
        PlannedChange::DataOfNewer { version, backup: None, .. } => {
            format!("its data: STAYS as {version} has left it; no good backup by the older version is known")
        }
        PlannedChange::DrillRemoved => "everything that was made for it: removed".to_owned(),
        // Restores.
        PlannedChange::BackupOfEarlier(backup) => {
            format!("the backup {backup} is of an EARLIER instance of this name")
        }
        PlannedChange::NoSafetyBackup => "what is there now: NOT backed up before".to_owned(),
        PlannedChange::SafetyBackup(repositories) => {
            let names: Vec<_> = repositories.iter().map(ToString::to_string).collect();
            format!("what is there now: backed up into {}", names.join(", "))
        }
        PlannedChange::DataReplaced { backup, began, repository } => {
            format!("its data: replaced by {}", copy(backup, *began, repository))
        }
        PlannedChange::ReleaseReturned { present, release } => {
            format!(
                "release: from {present} to {release}, with the values of the backup; what {present} alone has stays unused"
            )
        }
        PlannedChange::StoreReplaced { store, backup, began, repository } => {
            format!("store {store}: replaced by {}", copy(backup, *began, repository))
        }
        PlannedChange::StoreRebuildable(store) => format!("store {store}: stays; it can be rebuilt"),
        PlannedChange::StoreKept(store) => format!("store {store}: stays as it is"),
        PlannedChange::ServicesStopped => {
            "services: stopped meanwhile; if it does not work, everything is put back as it was".to_owned()
        }
        PlannedChange::PrivilegesCleared { made_on } => {
            let why = match made_on {
                Some(host) => format!("the backup was ordered from {host}"),
                None => "it is not known here from which host the backup was ordered".to_owned(),
            };
            format!("setuid and setgid bits, capabilities: cleared, for {why}; see --keep-privileged-bits")
        }
        PlannedChange::OtherDataReplaced(data) => {
            format!("{}: replaced with the rest, and in no backup", uncovered::words(data))
        }
        PlannedChange::OtherDataInTheWay(data) => format!("{}: in the way: see --drop-others", uncovered::words(data)),
        PlannedChange::OtherDataNotKnown => {
            "what else its database servers hold: not known here; the host asks them".to_owned()
        }
        PlannedChange::SideFiles { store, count: number, names } => {
            format!("store {store}: with {}", notes::with_side_files(*number, names))
        }
        PlannedChange::SideFilesKept(store) => format!(
            "store {store}: the backup has no files beside its dump (it is older than they are kept): those of today stay"
        ),
        PlannedChange::SideFilesMissing(store) => format!("store {store}: {}", notes::SIDE_FILES_MISSING),
        PlannedChange::SideFilesNotKnown => {
            "files beside the dumps: not known here; the host reads them from the backup".to_owned()
        }
        PlannedChange::Rebuilt { store, service, command, limit } => {
            format!("rebuilds `{store}` in `{service}`: command `{command}`, at most {limit}")
        }
        PlannedChange::RebuildsNotKnown => "what is rebuilt afterwards: not known here; the host has it".to_owned(),
        PlannedChange::MadeFromBackup { instance, host, release, backup, of, began, repository } => {
            format!(
                "instance {instance} on {host}: made as {release} from backup {backup} of {of} ({began}, in {repository})"
            )
        }
        PlannedChange::NotInBackup(data) => {
            format!("does not come, for it is not in the backup: {}", uncovered::words(data))
        }
        // Undo.
        PlannedChange::ValueChanged { value, present, previous } => format!("value {value}: {present} -> {previous}"),
        PlannedChange::ValueSet { value, previous } => format!("value {value}: its default -> {previous}"),
        PlannedChange::ValueUnset { value, present } => format!("value {value}: {present} -> its default"),
        PlannedChange::SecretPutBack { value } => format!("value {value}: as it was (secret)"),
        PlannedChange::LeftOut(reason) => format!("it would be left out: {}", reasons::left_out(reason)),
        // The request.
        PlannedChange::BegunBefore(instance) => format!("{instance}: the same request has begun this before"),
    }
}

/// Returns the words of a reason to recreate a container.
pub fn recreate(reason: &RecreateReason) -> String {
    const OWN: &str = "the image's own";
    match reason {
        RecreateReason::Image(present, planned) => format!("image {present} -> {planned}"),
        RecreateReason::EnvironmentChanged(name, present, planned) => {
            format!("environment {name}: {present} -> {planned}")
        }
        RecreateReason::EnvironmentAdded(name, value) => format!("environment {name}: {value} (new)"),
        RecreateReason::EnvironmentRemoved(name) => format!("environment {name} removed"),
        RecreateReason::CommandChanged(present, planned) => format!("command `{present}` -> `{planned}`"),
        RecreateReason::CommandSet(planned) => format!("command {OWN} -> `{planned}`"),
        RecreateReason::CommandUnset(present) => format!("command `{present}` -> {OWN}"),
        RecreateReason::EntrypointChanged(present, planned) => format!("entrypoint `{present}` -> `{planned}`"),
        RecreateReason::EntrypointSet(planned) => format!("entrypoint {OWN} -> `{planned}`"),
        RecreateReason::EntrypointUnset(present) => format!("entrypoint `{present}` -> {OWN}"),
        RecreateReason::File(path) => format!("file {path}"),
        RecreateReason::LabelChanged(name, present, planned) => format!("label {name}: {present} -> {planned}"),
        RecreateReason::LabelAdded(name, value) => format!("label {name}: {value} (new)"),
        RecreateReason::LabelRemoved(name) => format!("label {name} removed"),
        RecreateReason::PortRemoved(port) => format!("port {port} removed"),
        RecreateReason::PortAdded(port) => format!("port {port} (new)"),
        RecreateReason::Field(field) => field.replace('_', " "),
        RecreateReason::Network(network) => format!("network {network}"),
        RecreateReason::Description => "its description changed".to_owned(),
    }
}

fn host_not_asked(host: &HostName, reason: &NotAskedReason) -> String {
    format!("not known: whether `{host}` would refuse it, for {}", not_asked(reason))
}

/// Returns the words of a reason for which a host was not asked.
pub fn not_asked(reason: &NotAskedReason) -> String {
    let engine = |why: &str| format!("its Engine was not asked: {why}");
    match reason {
        NotAskedReason::NotRendered(why) => format!("it was not rendered: {}", renderings::words(why)),
        NotAskedReason::TooMany { limit } => format!("no more than {limit} members are asked about"),
        NotAskedReason::NoTimeLeft => "there was no time left to ask about all members".to_owned(),
        NotAskedReason::Offline => engine("it is offline"),
        NotAskedReason::JustConnected => engine("it has only just connected"),
        NotAskedReason::AgentTooOld => engine("its fleet-agent is too old to be asked"),
        NotAskedReason::NoAnswer { waited } => engine(&format!("it did not answer in {} s", waited.as_secs())),
        NotAskedReason::CutOff => engine("its answer was cut off"),
        NotAskedReason::HostBusy => engine("it has too many queries to answer already"),
        NotAskedReason::TooManyQueries { limit } => engine(&format!("you have {limit} queries to it open already")),
        NotAskedReason::Failed(why) => engine(&queries::words(why)),
    }
}

/// Returns the words of an instance about which its host was not asked.
pub fn member_not_asked(member: &MemberNotAsked) -> String {
    match member {
        MemberNotAsked::Member { instance, host, reason } => format!("{instance}: {}", host_not_asked(host, reason)),
        MemberNotAsked::Text(text) => text.to_string(),
    }
}

fn copy(backup: &BackupId, began: Time, repository: &RepositoryName) -> String {
    format!("backup {backup} of {began} in {repository}")
}

/// Returns the words in which a host refuses a change.
pub fn host_says(host: &HostName, failure: &OrderFailure) -> String {
    format!("`{host}` says: {}", failures::words(failure))
}

#[cfg(test)]
mod tests {
    use super::*;
    use fleet_core::backup::UncoveredData;

    fn read<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
        text.parse().expect("it is well formed")
    }

    fn all(plan: &[PlannedChange]) -> String {
        plan.iter().map(words).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn an_upgrade_names_each_service_with_its_reasons() {
        let text = str::to_owned;
        let because = vec![
            RecreateReason::Image(text("web:1.1"), text("web:1.2")),
            RecreateReason::EnvironmentChanged(text("DATABASE_URL"), text("(secret)"), text("(secret)")),
            RecreateReason::EnvironmentAdded(text("THEME"), text("dark")),
            RecreateReason::EnvironmentRemoved(text("DEBUG")),
            RecreateReason::CommandSet(text("run --fast")),
            RecreateReason::EntrypointUnset(text("sh")),
            RecreateReason::PortRemoved(text("8080:80/tcp")),
            RecreateReason::PortAdded(text("9090:80/tcp")),
            RecreateReason::Field(text("stop_grace_period")),
        ];
        let plan = [
            PlannedChange::ServiceCreated(text("cache")),
            PlannedChange::ServiceRecreated { service: text("web"), more: 0, because: because[..2].to_vec() },
            PlannedChange::ServiceRecreated {
                service: text("db"),
                more: 3,
                because: vec![RecreateReason::Description],
            },
            PlannedChange::ServiceRemoved(text("old")),
            PlannedChange::VolumeUnused(text("notes-1_data")),
            PlannedChange::FileChanged(text(".env")),
            PlannedChange::HostNotAsked { host: read("lab-1"), reason: Box::new(NotAskedReason::AgentTooOld) },
        ];
        insta::assert_snapshot!(all(&plan), @r"
        cache: created
        web: recreated, image web:1.1 -> web:1.2; environment DATABASE_URL: (secret) -> (secret)
        db: recreated, its description changed; and 3 more
        old: removed
        volume notes-1_data: no longer used; it stays, with its data
        file .env (changed)
        not known: whether `lab-1` would refuse it, for its Engine was not asked: its fleet-agent is too old to be asked
        ");
        let reasons: Vec<_> = because[2..].iter().map(recreate).collect();
        insta::assert_snapshot!(reasons.join("\n"), @r"
        environment THEME: dark (new)
        environment DEBUG removed
        command the image's own -> `run --fast`
        entrypoint `sh` -> the image's own
        port 8080:80/tcp removed
        port 9090:80/tcp (new)
        stop grace period
        ");
    }

    #[test]
    fn a_restore_names_each_store() {
        let (backup, repository, began) = (read("3f9a12bc0011223344556677"), read("central"), Time(1_700_000_000_000));
        let plan = [
            PlannedChange::BackupOfEarlier(read("3f9a12bc0011223344556677")),
            PlannedChange::SafetyBackup(vec![read("central"), read("lab")]),
            PlannedChange::StoreReplaced { store: read("db"), backup, began, repository },
            PlannedChange::StoreRebuildable(read("index")),
            PlannedChange::ServicesStopped,
            PlannedChange::PrivilegesCleared { made_on: Some(read("lab-1")) },
            PlannedChange::OtherDataInTheWay(UncoveredData::other("database `other`")),
            PlannedChange::SideFiles {
                store: read("db"),
                count: 3,
                names: vec!["pg_hba.conf".to_owned(), "server.key".to_owned()],
            },
            PlannedChange::SideFilesKept(read("db")),
            PlannedChange::Rebuilt {
                store: read("index"),
                service: "app".to_owned(),
                command: "reindex --from scratch".to_owned(),
                limit: read("30m"),
            },
        ];
        insta::assert_snapshot!(all(&plan), @r"
        the backup 3f9a12bc0011223344556677 is of an EARLIER instance of this name
        what is there now: backed up into central, lab
        store db: replaced by backup 3f9a12bc0011223344556677 of 2023-11-14T22:13:20Z in central
        store index: stays; it can be rebuilt
        services: stopped meanwhile; if it does not work, everything is put back as it was
        setuid and setgid bits, capabilities: cleared, for the backup was ordered from lab-1; see --keep-privileged-bits
        database `other`: in the way: see --drop-others
        store db: with 3 files beside its dump: pg_hba.conf, server.key and 1 more
        store db: the backup has no files beside its dump (it is older than they are kept): those of today stay
        rebuilds `index` in `app`: command `reindex --from scratch`, at most 30m
        ");
    }

    #[test]
    fn an_undo_names_each_value() {
        let text = str::to_owned;
        let plan = [
            PlannedChange::ValueChanged { value: text("title"), present: text("New"), previous: text("Old") },
            PlannedChange::ValueSet { value: text("theme"), previous: text("dark") },
            PlannedChange::ValueUnset { value: text("port"), present: text("9090") },
            PlannedChange::SecretPutBack { value: text("password") },
            PlannedChange::LeftOut(Box::new(fleet_core::reason::LeftOutReason::ValuesLost { revision: 3 })),
        ];
        insta::assert_snapshot!(all(&plan), @r"
        value title: New -> Old
        value theme: its default -> dark
        value port: 9090 -> its default
        value password: as it was (secret)
        it would be left out: its values of revision 3 are lost
        ");
    }
}
