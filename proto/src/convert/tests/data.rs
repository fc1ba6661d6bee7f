//! Work on data: each variant of each kind survives a round trip, and incomplete messages are refused.

use super::{instance, name, release};
use crate::convert::result::{RESULT_LIMIT, incoming_result};
use crate::convert::{ConvertError, LIST_LIMIT, incoming_order};
use crate::v1;
use fleet_core::backup::{
    BackupSource, Cause, CopyMade, Coverage, DataAction, DataNote, DataResult, DrillCheck, DrillMade, EngineKind,
    FilesParent, Hold, HoldKind, Kept, LocationAccess, Manifest, Others, Part, Privileges, Proof, RepositoryAccess,
    RestoreMade, Root, Secret, Snapshots, StoreDifference, StoreGap, StoreSeen, StoreState, UncoveredData,
    UndeclaredData,
};
use fleet_core::names::BackupId;
use fleet_core::order::order_id;
use fleet_core::order_failure::OrderFailure;
use fleet_core::release::Goal;
use fleet_core::time::Time;

fn word(text: &str) -> String {
    text.to_owned()
}

fn id(digit: char) -> fleet_core::names::SnapshotId {
    name(&digit.to_string().repeat(64))
}

fn backup() -> BackupId {
    name(&"ab".repeat(12))
}

const ENGINES: [EngineKind; 9] = [
    EngineKind::Postgresql,
    EngineKind::Mongodb,
    EngineKind::Mariadb,
    EngineKind::Mysql,
    EngineKind::Redis,
    EngineKind::Neo4j,
    EngineKind::Volume,
    EngineKind::S3,
    EngineKind::Command,
];

fn all_snapshots() -> [Option<Snapshots>; 3] {
    let set = id('0');
    [
        None,
        Some(Snapshots { set: set.clone(), dumps: None, files: Some(id('2')) }),
        Some(Snapshots { set, dumps: Some(id('1')), files: None }),
    ]
}

fn sources() -> Vec<BackupSource> {
    let source = |snapshots| BackupSource {
        repository: name("central"),
        instance: name("notes-0"),
        backup: backup(),
        snapshots,
    };
    all_snapshots().map(source).into()
}

pub fn actions(goal: &Goal) -> Vec<DataAction> {
    let (to, only) = ([name("central"), name("bucket")].into(), [name("database")].into());
    let mut actions: Vec<_> = [Cause::Scheduled, Cause::Requested, Cause::Safety]
        .map(|cause| DataAction::Backup { to: Clone::clone(&to), cause })
        .into();
    for from in sources() {
        for privileges in [Privileges::Cleared, Privileges::Kept] {
            actions.push(DataAction::Drill { from: from.clone(), privileges });
        }
        actions.push(DataAction::Restore {
            from: from.clone(),
            only: Clone::clone(&only),
            safety: to.clone(),
            goal: Some(goal.clone()),
            replaces: None,
            others: Others::Dropped,
            privileges: Privileges::Kept,
        });
        actions.push(DataAction::Restore {
            from,
            only: Default::default(),
            safety: Default::default(),
            goal: None,
            replaces: None,
            others: Others::Kept,
            privileges: Privileges::Cleared,
        });
    }
    actions.push(DataAction::Forget { from: name("folder"), backups: [backup()].into() });
    actions
}

pub fn access() -> Vec<RepositoryAccess> {
    let bucket = LocationAccess::S3 {
        endpoint: word("https://s3.example.org"),
        region: word("eu-1"),
        bucket: word("backups"),
        prefix: word("lab/notes-1"),
        key_id: word("id"),
        key: Secret(word("hunter2")),
    };
    let folder = LocationAccess::Folder { path: word("/mnt/backups/notes-1") };
    let access = |place, password, parent| RepositoryAccess {
        repository: name("central"),
        instance: instance(),
        place,
        master_key: Secret(word("hunter2")),
        password,
        parent,
    };
    vec![
        access(LocationAccess::Coordinator, None, FilesParent::Newest),
        access(bucket, None, FilesParent::Nothing),
        access(folder, Some(Secret(word("hunter2"))), FilesParent::Snapshot(id('a'))),
    ]
}

pub fn coverage() -> Coverage {
    let states = [
        StoreState::Covered,
        StoreState::Derivable,
        StoreState::Missing { reason: StoreGap::VolumeMissing(word("a")) },
    ];
    let undeclared = UndeclaredData::Volume { name: word("notes-1_cache"), at: None };
    let seen = ENGINES.into_iter().zip(states.into_iter().cycle());
    let store = |(engine, state)| StoreSeen { name: name("database"), engine, state };
    Coverage { stores: seen.map(store).collect(), undeclared: vec![undeclared] }
}

fn manifest(cause: Cause) -> Manifest {
    let stream = Kept::Stream { path: word("dumps/database"), sha256: "cd".repeat(32) };
    let root = Root { from: word("notes-1_data"), path: word("/volumes/notes-1_data") };
    let files = Kept::Files { roots: vec![root], files: 12, sample: Default::default() };
    let part = |(engine, kept)| Part {
        store: name("database"),
        engine,
        kept,
        bytes: 1000,
        added: 100,
        took_ms: 7,
        counts: Default::default(),
        source: None,
        notes: vec![DataNote::other("a note")],
    };
    let hold = |kind| Hold { service: word("web"), kind, from: Time(5), to: Time(6) };
    Manifest {
        format: Manifest::FORMAT,
        backup: backup(),
        instance: instance(),
        host: name("lab-1"),
        release: release("1.1"),
        revision: 4,
        cause,
        began: Time(3),
        ended: Time(9),
        values: Default::default(),
        images: [(word("web"), word("web@sha256:0"))].into(),
        parts: ENGINES.into_iter().zip([stream, files].into_iter().cycle()).map(part).collect(),
        derivable: vec![name("index")],
        uncovered: vec![UncoveredData::other("volume notes-1_cache")],
        beside: vec![UncoveredData::Database { service: word("db"), name: word("postgres") }],
        side_files: Default::default(),
        holds: [HoldKind::Stopped, HoldKind::Paused].map(hold).into(),
    }
}

fn copies() -> Vec<CopyMade> {
    let causes = [Cause::Scheduled, Cause::Requested, Cause::Safety];
    let results =
        causes.map(|cause| Ok(manifest(cause))).into_iter().chain([Err(OrderFailure::other("the disk is full"))]);
    let copy = |(result, snapshots)| CopyMade { repository: name("central"), result, snapshots };
    results.zip(all_snapshots().into_iter().cycle()).map(copy).collect()
}

pub fn results() -> Vec<DataResult> {
    let drill = |failure| {
        let checks = vec![DrillCheck::Counted { store: name("db"), item: word("labnotes.uploads"), count: 120 }];
        let proof = Proof { at: Time(8), host: name("lab-1"), took_ms: 5, bytes: 6, checks, failure };
        DataResult::Drill(DrillMade { repository: name("central"), backup: backup(), proof })
    };
    let notes = vec![DataNote::other("settings were the image's")];
    let differences = vec![StoreDifference::Count { item: word("notes"), low: 1, high: 1, found: 0 }];
    let restore = RestoreMade { backup: backup(), safety: copies(), took_ms: 1, bytes: 2, notes };
    vec![
        DataResult::Backup(copies()),
        drill(None),
        drill(Some(Box::new(OrderFailure::RestoredDataDiffers { more: 2, differences }))),
        DataResult::Restore(restore),
        DataResult::Forgotten(vec![backup()]),
    ]
}

/// An order about data with one part of it changed.
fn refusal(number: usize, change: impl FnOnce(&mut v1::Data)) -> Result<(), ConvertError> {
    let goal = Goal { release: release("1.2"), revision: 3 };
    let order = fleet_core::order::Order {
        id: order_id(&["x"]),
        instance: instance(),
        action: fleet_core::order::Action::Data(actions(&goal).remove(number)),
        deadline: std::time::Duration::from_secs(1),
    };
    let outgoing = super::OutgoingOrder {
        order,
        values: Default::default(),
        drift: Default::default(),
        access: access(),
        limit_rate: None,
    };
    let mut message = v1::Order::from(outgoing);
    let Some(v1::order::Action::Data(data)) = &mut message.action else { panic!("it is about data") };
    change(data);
    incoming_order(message).map(drop)
}

#[test]
fn an_action_that_is_not_said_in_full_is_refused() {
    use v1::data::Action;
    let unknown = |field| Err(ConvertError::Unknown { field });
    let missing = |field| Err(ConvertError::Missing(field));
    assert_eq!(refusal(0, |_| {}), Ok(()));
    assert_eq!(refusal(0, |data| data.action = None), missing("data.action"));
    for number in [0, 99] {
        let cause = |data: &mut v1::Data| {
            let Some(Action::Backup(backup)) = &mut data.action else { panic!("it is a backup") };
            backup.cause = number;
        };
        assert_eq!(refusal(0, cause), unknown("backup.cause"));
        let privileges = |data: &mut v1::Data| {
            let Some(Action::Drill(drill)) = &mut data.action else { panic!("it is a drill") };
            drill.privileges = number;
        };
        assert_eq!(refusal(3, privileges), unknown("data.privileges"));
        let others = |data: &mut v1::Data| {
            let Some(Action::Restore(restore)) = &mut data.action else { panic!("it is a restore") };
            restore.others = number;
        };
        assert_eq!(refusal(5, others), unknown("restore.others"));
    }
    let sourceless = |data: &mut v1::Data| {
        let Some(Action::Drill(drill)) = &mut data.action else { panic!("it is a drill") };
        drill.from = None;
    };
    assert_eq!(refusal(3, sourceless), missing("data.from"));
    assert_eq!(refusal(0, |data| data.access[0].parent = None), missing("access.parent"));
    assert_eq!(refusal(0, |data| data.access[0].location = None), missing("access.location"));
    let many = |data: &mut v1::Data| {
        let Some(Action::Backup(backup)) = &mut data.action else { panic!("it is a backup") };
        backup.to = vec![word("central"); LIST_LIMIT + 1];
    };
    assert_eq!(refusal(0, many), Err(ConvertError::TooLarge { field: "backup.to", limit: LIST_LIMIT }));
}

#[test]
fn a_result_that_is_not_said_in_full_is_refused() {
    use v1::data_result::Kind;
    let read = |kind| incoming_result(v1::DataResult { kind }).map(drop);
    let unknown = |field| Err(ConvertError::Unknown { field });
    let missing = |field| Err(ConvertError::Missing(field));
    assert_eq!(read(None), missing("order.result"));
    let copy = |change: &dyn Fn(&mut v1::BackupCopy)| {
        let mut copy = copies().remove(0).into();
        change(&mut copy);
        read(Some(Kind::Backup(v1::BackupCopies { copies: vec![copy] })))
    };
    let summary = |change: &dyn Fn(&mut v1::BackupSummary)| {
        copy(&|copy| {
            let Some(v1::backup_copy::Result::Summary(summary)) = &mut copy.result else { panic!("it is there") };
            change(summary);
        })
    };
    assert_eq!(summary(&|_| {}), Ok(()));
    assert_eq!(copy(&|copy| copy.result = None), missing("copy.result"));
    assert_eq!(summary(&|summary| summary.release = None), missing("backup.release"));
    assert_eq!(summary(&|summary| summary.parts[0].kept = None), missing("part.kept"));
    for number in [0, 99] {
        assert_eq!(summary(&|summary| summary.cause = number), unknown("backup.cause"));
        assert_eq!(summary(&|summary| summary.parts[0].engine = number), unknown("store.engine"));
        assert_eq!(summary(&|summary| summary.holds[0].kind = number), unknown("hold.kind"));
    }
    let DataResult::Drill(drill) = results().remove(1) else { panic!("it is a drill") };
    let drill = v1::DrillResult { verdict: None, ..drill.into() };
    assert_eq!(read(Some(Kind::Drill(drill))), missing("drill.verdict"));
    let uncovered = vec![UncoveredData::other("x".repeat(4000)).into(); 300];
    let large = v1::BackupSummary { uncovered, ..manifest(Cause::Safety).into() };
    let result = Some(v1::backup_copy::Result::Summary(large));
    let large = v1::BackupCopy { result, ..copies().remove(0).into() };
    let large = read(Some(Kind::Backup(v1::BackupCopies { copies: vec![large] })));
    assert_eq!(large, Err(ConvertError::TooLarge { field: "order.result", limit: RESULT_LIMIT }));
}

#[test]
fn a_coverage_that_is_not_said_in_full_is_refused() {
    let read = |change: &dyn Fn(&mut v1::Coverage)| {
        let mut message = v1::Coverage::from(coverage());
        change(&mut message);
        Coverage::try_from(message).map(drop)
    };
    assert_eq!(read(&|_| {}), Ok(()));
    assert_eq!(read(&|it| it.stores[0].state = None), Err(ConvertError::Missing("coverage.state")));
    assert_eq!(read(&|it| it.stores[0].engine = 99), Err(ConvertError::Unknown { field: "store.engine" }));
    let many = |it: &mut v1::Coverage| it.undeclared = vec![v1::UndeclaredData::default(); LIST_LIMIT + 1];
    assert_eq!(read(&many), Err(ConvertError::TooLarge { field: "coverage.undeclared", limit: LIST_LIMIT }));
}

#[test]
fn of_a_manifest_no_value_count_or_sample_travels() {
    let secret = || word("hunter2");
    let mut full = manifest(Cause::Safety);
    full.values = [(word("password"), secret())].into();
    full.parts[1].kept = Kept::Files { roots: Vec::new(), files: 1, sample: [(secret(), secret())].into() };
    full.parts[0].source = Some(fleet_core::backup::SourceNote { left: vec![secret()], ..Default::default() });
    let copy = CopyMade { repository: name("central"), result: Ok(full.clone()), snapshots: None };
    let made = DataResult::Backup(vec![copy]);
    let message = v1::DataResult::from(made.clone());
    assert!(!format!("{message:?}").contains("hunter2"));
    assert_eq!(incoming_result(message), Ok(made.in_short()));
}
