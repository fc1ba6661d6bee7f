//! Remarks of work on data, comparisons of drills, and their codes.

use super::arguments::{Argument, coded_message};
use super::failure::DEPTH_LIMIT;
use super::{ConvertError, LIST_LIMIT, at_most, bounded};
use crate::v1;
use fleet_core::backup::{ArchiveNote, DataNote, DrillCheck, EngineKind, RestoreNote};

coded_message! {
    DataNote, DataNote, DataNoteCode, incoming_data_note:
    Other { text },
    Unknown { number, arguments },
    Smaller { bytes, before },
    NotCounted { failure },
    NotNoted { failure },
    Tablespace { name },
    CollectionsNotQuiesced,
    FilesNotQuiesced,
    ObjectsNotQuiesced,
    Archived { note },
    SideFiles { count, names },
    SideFilesNotKept,
    Replaced { what },
    SideFilesStay { store, count, names },
    NotBackedUpBefore { store, reason },
    PropertyNotSet { store, property, files },
    Restored { store, note },
    MoreRestored { store, count },
    Different { store, more, differences },
    Rebuilt { store, took },
    NotRebuilt { store, failure },
    Leftover { left },
    FormerData { folders },
    BucketFilled { stores },
    BucketReplaced { stores },
    StillQuiesced { services },
    SandboxLeft { project, parts },
}

coded_message! {
    ArchiveNote, ArchiveNote, ArchiveNoteCode, incoming_archive_note:
    Other { text },
    Vanished { path },
    Changed { path },
    PathTooLong { path },
    Socket { path },
    Device { path },
    CapabilitiesNotRestorable { path },
    ObjectsChanged { path, added, removed, replaced },
}

coded_message! {
    RestoreNote, RestoreNote, RestoreNoteCode, incoming_restore_note:
    Other { text },
    DeviceNotMade { path },
    CapabilitiesCleared { path },
    CapabilitiesNotSet { path },
    SetIdCleared { path },
}

coded_message! {
    DrillCheck, DrillCheck, DrillCheckCode, incoming_drill_check:
    Other { text },
    Unknown { number, arguments },
    Loaded { store, bytes },
    Counted { store, item, count },
    Noted { store, engine, facts, samples, is_partial },
    Answered { store, question, answer },
    Files { store, files, bytes },
    Objects { store, objects },
    ObjectsInFolder { store, objects, bytes },
    SameFiles { store, files },
    SameObjects { store, objects },
    SideFiles { store, files },
}

/// The name of its value on the wire.
impl Argument for EngineKind {
    fn put(self, to: &mut Vec<String>) {
        to.push(v1::StoreEngine::from(self).as_str_name().to_owned());
    }

    fn take(from: &mut dyn Iterator<Item = String>) -> Option<Self> {
        v1::StoreEngine::from_str_name(&from.next()?)?.try_into().ok()
    }
}

/// Reads the remarks of a report. One that this version does not know keeps its number and its arguments.
pub(super) fn reported_notes(field: &'static str, notes: Vec<v1::DataNote>) -> Result<Vec<DataNote>, ConvertError> {
    let read = |note: v1::DataNote| {
        let unknown = DataNote::Unknown { number: note.code, arguments: bounded(note.arguments.join(", ")) };
        let known = incoming_data_note(note);
        known.filter(|note| note.failure().is_none_or(|failure| failure.depth() < DEPTH_LIMIT)).unwrap_or(unknown)
    };
    Ok(at_most(field, LIST_LIMIT, notes)?.into_iter().map(read).collect())
}

/// Reads the comparisons of a drill. One that this version does not know keeps its number and its arguments.
pub(super) fn reported_checks(checks: Vec<v1::DrillCheck>) -> Result<Vec<DrillCheck>, ConvertError> {
    let read = |check: v1::DrillCheck| {
        let unknown = DrillCheck::Unknown { number: check.code, arguments: bounded(check.arguments.join(", ")) };
        incoming_drill_check(check).unwrap_or(unknown)
    };
    Ok(at_most("drill.checks", LIST_LIMIT, checks)?.into_iter().map(read).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use fleet_core::backup::{StoreDifference, StoreGap, UncoveredData};
    use fleet_core::data_leftover::DataLeftover;
    use fleet_core::order_failure::OrderFailure;
    use fleet_core::sandbox_part::SandboxPart;
    use std::time::Duration;

    fn name() -> String {
        "a".to_owned()
    }

    #[test]
    fn a_note_of_each_code_comes_back_as_it_was_and_a_newer_one_keeps_its_arguments() {
        let (store, names) = (|| "db".parse().expect("a name"), || vec![name(), name()]);
        let failure = || Box::new(OrderFailure::RebuildFailed { failures: vec![OrderFailure::other("no")] });
        let all = [
            DataNote::other("words"),
            DataNote::Unknown { number: 99, arguments: name() },
            DataNote::Smaller { bytes: 1, before: 2 },
            DataNote::NotCounted { failure: failure() },
            DataNote::NotNoted { failure: failure() },
            DataNote::Tablespace { name: name() },
            DataNote::CollectionsNotQuiesced,
            DataNote::FilesNotQuiesced,
            DataNote::ObjectsNotQuiesced,
            DataNote::Archived { note: ArchiveNote::Vanished { path: name() } },
            DataNote::SideFiles { count: 2, names: names() },
            DataNote::SideFilesNotKept,
            DataNote::Replaced { what: UncoveredData::other(name()) },
            DataNote::SideFilesStay { store: store(), count: 2, names: names() },
            DataNote::NotBackedUpBefore { store: store(), reason: StoreGap::VolumeRemoved(name()) },
            DataNote::PropertyNotSet { store: store(), property: name(), files: 3 },
            DataNote::Restored { store: store(), note: RestoreNote::SetIdCleared { path: name() } },
            DataNote::MoreRestored { store: store(), count: 3 },
            DataNote::Different {
                store: store(),
                more: 2,
                differences: vec![StoreDifference::Missing { object: name() }],
            },
            DataNote::Rebuilt { store: store(), took: Duration::from_millis(1500) },
            DataNote::NotRebuilt { store: store(), failure: failure() },
            DataNote::Leftover { left: DataLeftover::other("words") },
            DataNote::FormerData { folders: names() },
            DataNote::BucketFilled { stores: vec![store()] },
            DataNote::BucketReplaced { stores: vec![store()] },
            DataNote::StillQuiesced { services: names() },
            DataNote::SandboxLeft { project: name(), parts: vec![SandboxPart::Volume(name())] },
        ];
        let codes = (1..10_000).filter_map(|number| v1::DataNoteCode::try_from(number).ok());
        assert_eq!(codes.count(), all.len());
        let read = |note| reported_notes("part.notes", vec![note]).expect("it is short").remove(0);
        for note in &all {
            assert_eq!(read(note.clone().into()), *note);
        }
        let newer = v1::DataNote { code: 10_000, arguments: vec![name(), name()] };
        assert_eq!(read(newer), DataNote::Unknown { number: 10_000, arguments: "a, a".to_owned() });
        let left = OrderFailure::SomethingLeft { left: all.to_vec(), failure: failure() };
        let message = v1::OrderFailure::from(left.clone());
        assert_eq!(super::super::incoming_order_failure(message), Some(left), "several notes in one failure");
    }

    #[test]
    fn a_remark_of_the_archiver_of_each_code_comes_back_as_it_was() {
        let all = [
            ArchiveNote::other("words"),
            ArchiveNote::Vanished { path: name() },
            ArchiveNote::Changed { path: name() },
            ArchiveNote::PathTooLong { path: name() },
            ArchiveNote::Socket { path: name() },
            ArchiveNote::Device { path: name() },
            ArchiveNote::CapabilitiesNotRestorable { path: name() },
            ArchiveNote::ObjectsChanged { path: name(), added: 1, removed: 2, replaced: 3 },
        ];
        let codes = (1..1000).filter_map(|number| v1::ArchiveNoteCode::try_from(number).ok());
        assert_eq!(codes.count(), all.len());
        for note in all {
            assert_eq!(incoming_archive_note(note.clone().into()), Some(note.clone()));
            let note = DataNote::Archived { note };
            assert_eq!(incoming_data_note(note.clone().into()), Some(note));
        }
        let all = [
            RestoreNote::other("words"),
            RestoreNote::DeviceNotMade { path: name() },
            RestoreNote::CapabilitiesCleared { path: name() },
            RestoreNote::CapabilitiesNotSet { path: name() },
            RestoreNote::SetIdCleared { path: name() },
        ];
        let codes = (1..1000).filter_map(|number| v1::RestoreNoteCode::try_from(number).ok());
        assert_eq!(codes.count(), all.len());
        for note in all {
            assert_eq!(incoming_restore_note(note.clone().into()), Some(note.clone()));
            let note = DataNote::Restored { store: "db".parse().expect("a name"), note };
            assert_eq!(incoming_data_note(note.clone().into()), Some(note));
        }
    }

    #[test]
    fn a_note_with_failures_without_end_is_not_taken_in() {
        let inner = |failure, _| OrderFailure::NeedsNotStarted { failure: Box::new(failure) };
        let deep = (0..DEPTH_LIMIT).fold(OrderFailure::other("no"), inner);
        let store = "db".parse().expect("a name");
        let note = v1::DataNote::from(DataNote::NotRebuilt { store, failure: Box::new(deep) });
        let read = reported_notes("part.notes", vec![note]).expect("it is short");
        assert!(matches!(read.as_slice(), [DataNote::Unknown { .. }]), "{read:?}");
    }

    #[test]
    fn a_check_of_each_code_comes_back_as_it_was_and_a_newer_one_keeps_its_arguments() {
        let store = || "db".parse().expect("a name");
        let noted = |engine, is_partial| DrillCheck::Noted { store: store(), engine, facts: 2, samples: 1, is_partial };
        let answered = |answer| DrillCheck::Answered { store: store(), question: name(), answer };
        let all = [
            DrillCheck::other("words"),
            DrillCheck::Unknown { number: 99, arguments: name() },
            DrillCheck::Loaded { store: store(), bytes: 3 },
            DrillCheck::Counted { store: store(), item: name(), count: 3 },
            noted(EngineKind::Redis, true),
            answered(Some(name())),
            DrillCheck::Files { store: store(), files: 2, bytes: 3 },
            DrillCheck::Objects { store: store(), objects: 2 },
            DrillCheck::ObjectsInFolder { store: store(), objects: 2, bytes: 3 },
            DrillCheck::SameFiles { store: store(), files: 2 },
            DrillCheck::SameObjects { store: store(), objects: 2 },
            DrillCheck::SideFiles { store: store(), files: 2 },
        ];
        let codes = (1..10_000).filter_map(|number| v1::DrillCheckCode::try_from(number).ok());
        assert_eq!(codes.count(), all.len());
        let read = |check| reported_checks(vec![check]).expect("it is short").remove(0);
        for check in all.into_iter().chain([noted(EngineKind::Volume, false), answered(None)]) {
            assert_eq!(read(check.clone().into()), check);
        }
        let newer = v1::DrillCheck { code: 10_000, arguments: vec![name()] };
        assert_eq!(read(newer), DrillCheck::Unknown { number: 10_000, arguments: name() });
    }
}
