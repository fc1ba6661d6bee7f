//! Differences of restored stores from their backups, faults of dumps, problems of stores, data in the way of restores, and their codes.

use super::arguments::{Argument, coded_message};
use crate::v1;
use fleet_core::backup::{DumpError, OccupiedTarget, StoreDifference};
use fleet_core::order_failure::StoreProblem;

coded_message! {
    StoreDifference, StoreDifference, StoreDifferenceCode, incoming_store_difference:
    Other { text },
    Missing { object },
    Attribute { object, attribute, was, is },
    Rows { object, rows },
    Count { item, low, high, found },
    Stream { expected, found },
    Files { files, bytes, found, found_bytes },
    Objects { objects, bytes, found, found_bytes },
    Content { path },
    PathMissing { path },
    PathUnreadable { path, cause },
    PathOutside { path },
}

coded_message! {
    DumpError, DumpError, DumpErrorCode, incoming_dump_error:
    Other { text },
    ToolFailed { code, output },
    Empty,
    NotStarted { answer },
    WrongBeginning { engine },
    BreaksOff { engine },
    CollectionBreaksOff { collection },
    PartBreaksOff,
    ImpossibleLength,
    WrongChecksum,
    CountDiffers { item, dumped, counted },
    Lacks { item },
}

coded_message! {
    OccupiedTarget, OccupiedTarget, OccupiedTargetCode, incoming_occupied_target:
    Other { text },
    Volumes { names },
    Folder { path },
    Bucket { address, objects },
}

coded_message! {
    StoreProblem, StoreProblem, StoreProblemCode, incoming_store_problem:
    Other { text },
    NoDumpTool,
    NoLoadTool,
    NoValidator,
    NotABucket,
    NotCounted { failure },
    NotAsked { failure },
    CountUnreadable { answer },
    AnswerUnreadable { answer },
    OtherAnswer { question, answer, expected },
    TooSmallAnswer { question, answer, least },
    NotRenamable { path },
    NotAFolder { path },
    Mounted { path, mounted },
    LeadsElsewhere { path },
    SameFolder { one, other, path },
    SharedFolder { path },
    NoTarget { name },
    VolumeNotTaken { name },
    NoVolumeModel { name },
    DataWithoutName,
    FolderWithoutName,
    NotCountable,
    NotAmongCounted { item },
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::convert::{incoming_data_note, incoming_order_failure};
    use fleet_core::backup::{DataNote, EngineKind};
    use fleet_core::order_failure::OrderFailure;

    fn text() -> String {
        "a".to_owned()
    }

    #[test]
    fn a_difference_of_each_code_comes_back_as_it_was_alone_and_in_others() {
        let attribute = |is| StoreDifference::Attribute { object: text(), attribute: text(), was: String::new(), is };
        let all = vec![
            StoreDifference::other("words"),
            StoreDifference::Missing { object: text() },
            attribute(None),
            attribute(Some(text())),
            StoreDifference::Rows { object: text(), rows: text() },
            StoreDifference::Count { item: text(), low: 1, high: 2, found: 3 },
            StoreDifference::Stream { expected: 1, found: 2 },
            StoreDifference::Files { files: 1, bytes: 2, found: 3, found_bytes: 4 },
            StoreDifference::Objects { objects: 1, bytes: 2, found: 3, found_bytes: 4 },
            StoreDifference::Content { path: text() },
            StoreDifference::PathMissing { path: text() },
            StoreDifference::PathUnreadable { path: text(), cause: text() },
            StoreDifference::PathOutside { path: text() },
        ];
        let codes = (1..1000).filter_map(|number| v1::StoreDifferenceCode::try_from(number).ok());
        assert_eq!(codes.count() + 1, all.len());
        for difference in &all {
            assert_eq!(incoming_store_difference(difference.clone().into()).as_ref(), Some(difference));
        }
        let store = "db".parse().expect("a name");
        let note = DataNote::Different { store, more: 2, differences: all.clone() };
        assert_eq!(incoming_data_note(note.clone().into()), Some(note));
        let differs = OrderFailure::RestoredDataDiffers { more: 2, differences: all };
        let in_store = |store: &str| OrderFailure::InStore { store: store.to_owned(), failure: differs.clone().into() };
        let several = OrderFailure::Several { failures: vec![in_store("db"), in_store("index")] };
        assert_eq!(incoming_order_failure(several.clone().into()), Some(several));
    }

    #[test]
    fn a_fault_of_a_dump_of_each_code_comes_back_as_it_was() {
        let all = [
            DumpError::other("words"),
            DumpError::ToolFailed { code: 2, output: String::new() },
            DumpError::Empty,
            DumpError::NotStarted { answer: text() },
            DumpError::WrongBeginning { engine: EngineKind::Mysql },
            DumpError::BreaksOff { engine: EngineKind::Command },
            DumpError::CollectionBreaksOff { collection: text() },
            DumpError::PartBreaksOff,
            DumpError::ImpossibleLength,
            DumpError::WrongChecksum,
            DumpError::CountDiffers { item: text(), dumped: 1, counted: 2 },
            DumpError::Lacks { item: text() },
        ];
        let codes = (1..1000).filter_map(|number| v1::DumpErrorCode::try_from(number).ok());
        assert_eq!(codes.count(), all.len());
        for problem in all {
            assert_eq!(incoming_dump_error(problem.clone().into()), Some(problem.clone()));
            let failure = OrderFailure::DumpInvalid { problem };
            assert_eq!(incoming_order_failure(failure.clone().into()), Some(failure));
        }
    }

    #[test]
    fn an_occupied_target_of_each_code_comes_back_as_it_was() {
        let all = [
            OccupiedTarget::other("words"),
            OccupiedTarget::Volumes { names: vec![text(), text()] },
            OccupiedTarget::Folder { path: text() },
            OccupiedTarget::Bucket { address: text(), objects: 3 },
        ];
        let codes = (1..1000).filter_map(|number| v1::OccupiedTargetCode::try_from(number).ok());
        assert_eq!(codes.count(), all.len());
        for problem in all {
            assert_eq!(incoming_occupied_target(problem.clone().into()), Some(problem.clone()));
            let failure = OrderFailure::RestoreTargetInUse { problem };
            assert_eq!(incoming_order_failure(failure.clone().into()), Some(failure));
        }
    }

    #[test]
    fn a_problem_of_a_store_of_each_code_comes_back_as_it_was() {
        let failure =
            || Box::new(OrderFailure::Several { failures: vec![OrderFailure::other("no"), OrderFailure::NoStores] });
        let all = [
            StoreProblem::other("words"),
            StoreProblem::NoDumpTool,
            StoreProblem::NoLoadTool,
            StoreProblem::NoValidator,
            StoreProblem::NotABucket,
            StoreProblem::NotCounted { failure: failure() },
            StoreProblem::NotAsked { failure: failure() },
            StoreProblem::CountUnreadable { answer: text() },
            StoreProblem::AnswerUnreadable { answer: String::new() },
            StoreProblem::OtherAnswer { question: text(), answer: String::new(), expected: text() },
            StoreProblem::TooSmallAnswer { question: text(), answer: String::new(), least: 2 },
            StoreProblem::NotRenamable { path: text() },
            StoreProblem::NotAFolder { path: text() },
            StoreProblem::Mounted { path: text(), mounted: text() },
            StoreProblem::LeadsElsewhere { path: text() },
            StoreProblem::SameFolder { one: text(), other: text(), path: text() },
            StoreProblem::SharedFolder { path: text() },
            StoreProblem::NoTarget { name: text() },
            StoreProblem::VolumeNotTaken { name: text() },
            StoreProblem::NoVolumeModel { name: text() },
            StoreProblem::DataWithoutName,
            StoreProblem::FolderWithoutName,
            StoreProblem::NotCountable,
            StoreProblem::NotAmongCounted { item: text() },
        ];
        let codes = (1..1000).filter_map(|number| v1::StoreProblemCode::try_from(number).ok());
        assert_eq!(codes.count(), all.len());
        for problem in all {
            assert_eq!(incoming_store_problem(problem.clone().into()), Some(problem.clone()));
            let failure = OrderFailure::StoreUnusable { problem };
            let in_store = OrderFailure::InStore { store: text(), failure: Box::new(failure) };
            assert_eq!(incoming_order_failure(in_store.clone().into()), Some(in_store));
        }
    }
}
