//! Words of remarks of work on data, and of what drills compared.

use super::{archived, coverage, failures, host_events, stores, uncovered};
use fleet_core::backup::{DataNote, DrillCheck, EngineKind, percent};
use fleet_core::backup_health::rough;
use fleet_core::grammar::{count, verb};
use fleet_core::names::StoreName;
use fleet_proto::convert::{incoming_data_note, incoming_drill_check};
use fleet_proto::v1;
use fleet_proto::words::word;

/// Words of a backup without files beside the dump, and of what a new instance gets in their place.
pub const SIDE_FILES_MISSING: &str = "the backup is older than files beside the dump are kept: settings, access rules, accounts in \
                                      files and certificates will be the image's own";

/// Returns the words of a remark as it came over the wire.
pub fn shown_note(message: &v1::DataNote) -> String {
    let known = incoming_data_note(message.clone()).as_ref().map(note);
    known.unwrap_or_else(|| super::unknown::<v1::DataNoteCode>("a remark", message.code, &message.arguments))
}

/// Returns the words of a comparison as it came over the wire.
pub fn shown_check(message: &v1::DrillCheck) -> String {
    let known = incoming_drill_check(message.clone()).as_ref().map(check);
    known.unwrap_or_else(|| super::unknown::<v1::DrillCheckCode>("a check", message.code, &message.arguments))
}

/// Returns the words of a remark. Those of a backup are about one store, which whoever shows them names.
#[expect(clippy::too_many_lines, reason = "a table")]
pub fn note(note: &DataNote) -> String {
    let text = match note {
        DataNote::Other { text } => text.clone(),
        DataNote::Unknown { number, arguments } => newer("a remark", *number, arguments),
        DataNote::Smaller { bytes, before } => {
            let much = if note.is_warning() { "much " } else { "" };
            let percent = percent(*bytes, *before);
            format!(
                "it is {much}smaller than before: {}, {percent} % of the {before} of the last one",
                count(*bytes, "byte")
            )
        }
        DataNote::NotCounted { failure } => format!("it could not be counted: {}", failures::words(failure)),
        DataNote::NotNoted { failure } => {
            format!("its server could not be asked about it: {}", failures::words(failure))
        }
        DataNote::Tablespace { name } => {
            format!("tablespace `{name}`: what is in it comes back in the default tablespace")
        }
        DataNote::CollectionsNotQuiesced => {
            "its collections were dumped one after another while others could write; `pause:` names services that wait"
                .to_owned()
        }
        DataNote::FilesNotQuiesced => "its files were read while others could write".to_owned(),
        DataNote::ObjectsNotQuiesced => "its objects were read one after another while others could write".to_owned(),
        DataNote::Archived { note } => format!("in its data: {}", archived::archive_note(note)),
        DataNote::SideFiles { count, names } => with_side_files(*count, names),
        DataNote::SideFilesNotKept => "the backup is older than files beside the dump are kept".to_owned(),
        DataNote::Replaced { what } => format!("replaced with the rest: {}", uncovered::words(what)),
        DataNote::SideFilesStay { store, count, names } => {
            format!("{store}: not in the backup, so those of today stay: {}", first_of(*count, names))
        }
        DataNote::NotBackedUpBefore { store, reason } => {
            format!("{store}: not backed up before: {}", coverage::gap(reason))
        }
        DataNote::PropertyNotSet { store, property, files } => {
            format!("{store}: `{property}` of {} could not be set on this host", count(*files, "file"))
        }
        DataNote::Restored { store, note } => format!("{store}: {}", archived::restore_note(note)),
        DataNote::MoreRestored { store, count } => format!("{store}: {count} more like these"),
        DataNote::Different { store, more, differences } => {
            format!("{store}: {}", stores::differences(*more, differences))
        }
        DataNote::Rebuilt { store, took } => format!("{store}: rebuilt in {} s", took.as_secs()),
        DataNote::NotRebuilt { store, failure } => format!("{store}: NOT rebuilt: {}", failures::words(failure)),
        DataNote::Leftover { left } => coverage::leftover(left),
        DataNote::FormerData { folders } => format!("its former data is in {}", folders.join(", ")),
        DataNote::BucketFilled { stores } => {
            format!("what was put into the bucket of {} is still there", named(stores))
        }
        DataNote::BucketReplaced { stores } => {
            format!("the bucket of {} is not what it was: the safety backup has that", named(stores))
        }
        DataNote::StillQuiesced { services } => {
            let services: Vec<_> = services.iter().map(|service| format!("`{service}`")).collect();
            format!("{} may still be quiesced; resuming it is tried again every minute", services.join(", "))
        }
        DataNote::SandboxLeft { project, parts } => {
            format!("{}. That is tried again every minute", host_events::sandbox_left(project, parts))
        }
    };
    if note.is_warning() { format!("warning: {text}") } else { text }
}

/// Returns the words of a service that stood still for a backup.
pub fn service_hold(hold: &v1::ServiceHold) -> String {
    let length = super::period(hold.to_ms.saturating_sub(hold.from_ms)).as_duration();
    format!("{} {} for {}", hold.service, word::<v1::ServiceHoldKind>(hold.kind), rough(length))
}

/// Returns the words of several remarks, on one line.
pub fn notes(all: &[DataNote]) -> String {
    all.iter().map(note).collect::<Vec<_>>().join("; ")
}

/// Returns the words of a comparison of a drill.
pub fn check(check: &DrillCheck) -> String {
    match check {
        DrillCheck::Other { text } => text.clone(),
        DrillCheck::Unknown { number, arguments } => newer("a comparison", *number, arguments),
        DrillCheck::Loaded { store, bytes } => format!("{store}: {} loaded", count(*bytes, "byte")),
        DrillCheck::Counted { store, item, count } => format!("{store}: {item}: {count}"),
        DrillCheck::Noted { store, engine, facts, samples, is_partial } => {
            let part = if *is_partial { ", as far as its answer could be read" } else { "" };
            let (facts, samples) = (count(*facts, "fact"), samples_of(*engine, *samples));
            format!("{store}: {facts}, and {samples}, compared with what its server said{part}")
        }
        DrillCheck::Answered { store, question, answer } => {
            format!("{store}: {question}: {}", answer.as_deref().unwrap_or("answered"))
        }
        DrillCheck::Files { store, files, bytes } => {
            format!("{store}: {}, {}", count(*files, "file"), count(*bytes, "byte"))
        }
        DrillCheck::Objects { store, objects } => format!("{store}: {}", count(*objects, "object")),
        DrillCheck::ObjectsInFolder { store, objects, bytes } => {
            format!("{store}: {}, restored to a folder, {}", count(*objects, "object"), count(*bytes, "byte"))
        }
        DrillCheck::SameFiles { store, files } => same(store, *files, "file"),
        DrillCheck::SameObjects { store, objects } => same(store, *objects, "object"),
        DrillCheck::SideFiles { store, files } => format!("{store}: {} beside the dump, whole", count(*files, "file")),
    }
}

/// Returns the words of files that a backup has beside a dump.
pub fn with_side_files(number: usize, names: &[String]) -> String {
    format!("{} beside its dump: {}", count(number, "file"), first_of(number, names))
}

fn first_of(number: usize, names: &[String]) -> String {
    match number.saturating_sub(names.len()) {
        0 => names.join(", "),
        more => format!("{} and {more} more", names.join(", ")),
    }
}

fn newer(what: &str, number: i32, arguments: &str) -> String {
    let arguments = if arguments.is_empty() { String::new() } else { format!(": {arguments}") };
    format!("{what} that the coordinator does not know ({number}){arguments}")
}

fn named(stores: &[StoreName]) -> String {
    stores.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn same(store: &StoreName, number: usize, noun: &str) -> String {
    format!("{store}: {} {} the hashes that were noted", count(number, noun), verb(number, "has", "have"))
}

/// Returns the number of samples as text: `rows of 2 tables`.
fn samples_of(engine: EngineKind, number: usize) -> String {
    match engine {
        EngineKind::Mongodb => format!("documents of {}", count(number, "collection")),
        EngineKind::Redis => format!("values of {}", count(number, "key")),
        EngineKind::Neo4j => format!("properties of {}", count(number, "kind")),
        EngineKind::Postgresql
        | EngineKind::Mariadb
        | EngineKind::Mysql
        | EngineKind::Volume
        | EngineKind::S3
        | EngineKind::Command => format!("rows of {}", count(number, "table")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fleet_core::backup::StoreDifference;
    use fleet_core::order_failure::OrderFailure;
    use std::time::Duration;

    fn store() -> StoreName {
        "db".parse().expect("a name")
    }

    #[test]
    fn a_remark_names_what_a_person_has_to_know() {
        let text = str::to_owned;
        let names = vec![text("pg_hba.conf"), text("server.key")];
        let all = [
            DataNote::Smaller { bytes: 68, before: 85 },
            DataNote::Smaller { bytes: 68, before: 204 },
            DataNote::NotCounted { failure: Box::new(OrderFailure::other("psql exited with code 2")) },
            DataNote::SideFiles { count: 3, names: names.clone() },
            DataNote::SideFilesStay { store: store(), count: 2, names },
            DataNote::Different {
                store: store(),
                more: 2,
                differences: vec![StoreDifference::Missing { object: text("role `anna`") }],
            },
            DataNote::Rebuilt { store: store(), took: Duration::from_secs(7) },
            DataNote::NotRebuilt { store: store(), failure: Box::new(OrderFailure::other("what is that?")) },
            DataNote::SandboxLeft { project: text("drill-1"), parts: Vec::new() },
            DataNote::Unknown { number: 99, arguments: text("a") },
        ];
        insta::assert_snapshot!(all.iter().map(note).collect::<Vec<_>>().join("\n"), @r"
        it is smaller than before: 68 bytes, 80 % of the 85 of the last one
        warning: it is much smaller than before: 68 bytes, 33 % of the 204 of the last one
        warning: it could not be counted: psql exited with code 2
        3 files beside its dump: pg_hba.conf, server.key and 1 more
        db: not in the backup, so those of today stay: pg_hba.conf, server.key
        warning: db: it is not as it was: role `anna` is missing; and 2 more
        db: rebuilt in 7 s
        db: NOT rebuilt: what is that?
        what its drill made could not all be removed: something of `drill-1`. That is tried again every minute
        a remark that the coordinator does not know (99): a
        ");
    }

    #[test]
    fn a_comparison_names_its_store_and_what_was_compared() {
        let noted =
            |engine, samples, is_partial| DrillCheck::Noted { store: store(), engine, facts: 1, samples, is_partial };
        let answered = |answer: Option<&str>| DrillCheck::Answered {
            store: store(),
            question: "select 1".to_owned(),
            answer: answer.map(str::to_owned),
        };
        let all = [
            DrillCheck::Counted { store: store(), item: "public.notes".to_owned(), count: 3 },
            noted(EngineKind::Postgresql, 2, false),
            noted(EngineKind::Redis, 1, true),
            answered(Some("1")),
            answered(None),
            DrillCheck::Files { store: store(), files: 2, bytes: 9 },
            DrillCheck::ObjectsInFolder { store: store(), objects: 3, bytes: 90_005 },
            DrillCheck::SameFiles { store: store(), files: 1 },
            DrillCheck::SideFiles { store: store(), files: 2 },
        ];
        insta::assert_snapshot!(all.iter().map(check).collect::<Vec<_>>().join("\n"), @r"
        db: public.notes: 3
        db: 1 fact, and rows of 2 tables, compared with what its server said
        db: 1 fact, and values of 1 key, compared with what its server said, as far as its answer could be read
        db: select 1: 1
        db: select 1: answered
        db: 2 files, 9 bytes
        db: 3 objects, restored to a folder, 90005 bytes
        db: 1 file has the hashes that were noted
        db: 2 files beside the dump, whole
        ");
    }
}
