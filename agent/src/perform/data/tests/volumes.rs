//! Volumes that came later than the instance, and folders that others use too.

use super::actions::{backup, restore};
use super::crashes::{At, crash};
use super::harness::{Harness, State, files};
use super::lab::Fault;
use super::restores::{anew, changed_since};
use crate::fake::FakeContainer;
use crate::runtime::Disk;
use fleet_core::backup::{DataAction, DataNote, DataResult, StoreGap};
use fleet_core::health_problem::LostVolume;
use fleet_core::names::BackupId;
use fleet_core::order::{Action, Outcome};
use fleet_core::order_failure::OrderFailure;
use fleet_core::spec::{EngineOwner, Restart};
use fleet_core::steps::ContainerState;
use std::collections::BTreeSet;

const LATER: &str = "oasis-1_user_anna";

/// A store of whatever volumes users have; one of them is in the backup and gone since.
const USERS: &str = "stop: [] }\n  users: { engine: volume, kind: truth, volume: 'user_*'";

async fn with_user() -> (Harness, super::harness::Agent, BackupId, State) {
    let (harness, agent) = Harness::new(USERS).await;
    harness.lab.fake.world().volumes.insert(LATER.to_owned(), Vec::new());
    std::fs::create_dir_all(harness.lab.volume(LATER)).expect("made");
    std::fs::write(harness.lab.volume(LATER).join("hers"), "years of it").expect("written");
    let order = harness.order(backup(&["near"]), "");
    assert_eq!(harness.carry_out_order(&agent, &order).await.outcome, Outcome::Done);
    let before = harness.state();
    harness.lab.fake.world().volumes.remove(LATER);
    std::fs::remove_dir_all(harness.lab.folder.join(LATER)).expect("removed");
    harness.set(&State::of("row 1\nrow 9\n", &[("a.txt", b"other")]));
    (harness, agent, order.order.id.as_str().parse().expect("an id"), before)
}

fn is_there(harness: &Harness) -> bool {
    harness.lab.fake.world().volumes.contains_key(LATER) || harness.lab.folder.join(LATER).exists()
}

#[tokio::test]
async fn a_volume_that_is_gone_is_made_again() {
    let (harness, agent, id, before) = with_user().await;
    assert_eq!(harness.carry_out(&agent, restore("near", &id, &["near"])).await.outcome, Outcome::Done);
    assert_eq!(harness.state(), before);
    assert_eq!(files(&harness.lab.volume(LATER)), [("hers".to_owned(), b"years of it".to_vec())].into());
}

#[tokio::test]
async fn a_volume_that_a_restore_made_goes_with_it() {
    let (harness, agent, id, _) = with_user().await;
    harness.lab.plan().fault = Some(Fault::LoadFails);
    let end = harness.carry_out(&agent, restore("near", &id, &[])).await;
    assert!(matches!(end.outcome, Outcome::RolledBack { .. }), "{end:?}");
    assert!(!is_there(&harness), "it was made by nobody but the restore");
    harness.check_calm("after a restore that failed");
    // None is created before the safety backup exists.
    harness.lab.plan().fault = None;
    let order = harness.order(restore("near", &id, &["far"]), "");
    harness.keeping.plan("far", Some((super::keeping::BackendFault::Full, 5)));
    let end = harness.carry_out_order(&agent, &order).await;
    assert!(matches!(end.outcome.failure(), Some(OrderFailure::SafetyBackupFailed { .. })), "{end:?}");
    assert!(!is_there(&harness));
}

#[tokio::test]
async fn killed_anywhere_a_volume_that_was_made_is_whole_or_gone() {
    let mut number = 0;
    loop {
        number += 1;
        let (harness, agent, id, before) = with_user().await;
        let order = harness.order(restore("near", &id, &[]), "crash");
        let Some((_agent, end)) = crash(&harness, agent, &order, At::Call(number)).await else { break };
        match &end.outcome {
            Outcome::Done => {
                assert_eq!((harness.state(), files(&harness.lab.volume(LATER)).len()), (before, 1), "{number}");
            }
            Outcome::RolledBack { .. } => assert!(!is_there(&harness), "{number}: {end:?}"),
            other => panic!("{number}: {other:?}"),
        }
    }
    assert!(number > 30, "there are more points than {number}");
}

#[tokio::test]
async fn folders_that_somebody_else_has_are_not_moved() {
    let (harness, agent, id, before, after) = changed_since("").await;
    let exporter = FakeContainer {
        id: "0e".to_owned(),
        name: "exporter".to_owned(),
        project: "elsewhere".to_owned(),
        service: "exporter".to_owned(),
        image: "exporter:1".to_owned(),
        config_hash: String::new(),
        state: ContainerState::Running,
        networks: BTreeSet::new(),
        volumes: ["oasis-1_uploads".to_owned()].into(),
        ports: Vec::new(),
        has_healthcheck: false,
        restart: Restart::No,
    };
    harness.lab.fake.world().containers.push(exporter);
    let end = harness.carry_out(&agent, restore("near", &id, &[])).await;
    assert!(
        matches!(end.outcome.failure(), Some(OrderFailure::FolderHeld { containers, .. }) if *containers == ["exporter"]),
        "{end:?}"
    );
    assert!(matches!(end.outcome, Outcome::Failed { .. }), "{end:?}");
    assert_eq!((harness.state(), harness.running()), (after, vec!["db".to_owned(), "web".to_owned()]));
    harness.lab.fake.world().containers.retain(|it| it.name != "exporter");
    assert_eq!(
        harness.carry_out_order(&agent, &harness.order(restore("near", &id, &[]), "again")).await.outcome,
        Outcome::Done
    );
    assert_eq!(harness.state(), before);
}

#[tokio::test]
async fn each_disk_needs_room_for_what_goes_onto_it() {
    let (harness, agent, id, before, after) = changed_since("").await;
    let disk = |folder: &str, id, free| (harness.lab.folder.join(folder), Disk { id, free });
    let set = |disks| *harness.lab.disks.lock().expect("not poisoned") = disks;
    // The Engine's own disk is full, and not used here.
    *harness.lab.free.lock().expect("not poisoned") = 0;
    set(vec![disk("oasis-1_data", 1, 513 << 20), disk("oasis-1_uploads", 2, 1000)]);
    let end = harness.carry_out(&agent, restore("near", &id, &[])).await;
    let full = harness.lab.volume("oasis-1_uploads").display().to_string();
    assert!(
        matches!(end.outcome.failure(), Some(OrderFailure::NotEnoughSpace { at, free: 1000, .. }) if at.contains(&full)),
        "{end:?}"
    );
    assert_eq!(harness.state(), after);
    // Both on one disk: their needs add up. The files are 9,005 bytes, the dump has a few more than 100.
    set(vec![disk("", 1, (512 << 20) + 2 * 9_050)]);
    let end = harness.carry_out_order(&agent, &harness.order(restore("near", &id, &[]), "one")).await;
    assert!(
        matches!(end.outcome.failure(), Some(OrderFailure::NotEnoughSpace { free, .. }) if *free < 600 << 20),
        "{end:?}"
    );
    set(vec![disk("oasis-1_data", 1, 513 << 20), disk("oasis-1_uploads", 2, (512 << 20) + 2 * 9_050)]);
    assert_eq!(
        harness.carry_out_order(&agent, &harness.order(restore("near", &id, &[]), "two")).await.outcome,
        Outcome::Done
    );
    assert_eq!(harness.state(), before);
}

#[tokio::test]
async fn without_room_nothing_of_a_new_instance_stays() {
    let (harness, agent, id, ..) = changed_since("").await;
    *harness.lab.free.lock().expect("not poisoned") = 1000;
    let end = harness.carry_out_order(&agent, &anew(&harness, &id)).await;
    assert!(
        matches!(end.outcome.failure(), Some(OrderFailure::NotEnoughSpace { free, .. }) if *free < 600 << 20),
        "{end:?}"
    );
    harness.check_calm("after an instance for which there was no room");
}

/// Somebody removed these volumes with the containers that had them, and made them again by hand.
fn make_again(harness: &Harness, volumes: &[&str]) {
    let mut world = harness.lab.fake.world();
    world.containers.retain(|it| volumes.iter().all(|name| !it.volumes.contains(*name)));
    for name in volumes {
        world.volume_owners.insert((*name).to_owned(), EngineOwner::Nobody);
        std::fs::remove_dir_all(harness.lab.folder.join(name)).expect("it was there");
        std::fs::create_dir_all(harness.lab.volume(name)).expect("made");
    }
}

fn restore_only(id: &BackupId, store: &str, safety: &[&str]) -> Action {
    match restore("near", id, safety) {
        Action::Data(DataAction::Restore { from, safety, goal, others, privileges, .. }) => {
            let only = [store.parse().expect("a name")].into();
            Action::Data(DataAction::Restore { from, only, safety, goal, replaces: None, others, privileges })
        }
        other => panic!("expected a restore, found {other:?}"),
    }
}

#[tokio::test]
async fn a_restore_as_its_hint_says_gives_back_volumes_that_were_made_again_by_hand_and_keeps_what_was_in_them() {
    let (harness, agent, id, before, _) = changed_since("").await;
    make_again(&harness, &["oasis-1_data", "oasis-1_uploads"]);
    std::fs::write(harness.lab.volume("oasis-1_uploads").join("by-hand"), "mine").expect("written");
    let end = harness.carry_out_order(&agent, &harness.order(backup(&["near"]), "refused")).await;
    assert!(matches!(end.outcome.failure(), Some(OrderFailure::VolumesGone { .. })), "{end:?}");
    let order = harness.order(restore("near", &id, &["near"]), "hint");
    let end = harness.carry_out_order(&agent, &order).await;
    assert_eq!((end.outcome.clone(), harness.state()), (Outcome::Done, before));
    let Some(DataResult::Restore(made)) = end.made.as_deref() else { panic!("expected a restore, found {end:?}") };
    let (store, reason) = ("rows".parse().expect("a name"), StoreGap::VolumeRemoved("oasis-1_data".to_owned()));
    assert_eq!(made.notes, [DataNote::NotBackedUpBefore { store, reason }]);
    let sets = harness.sets("near").await;
    let safety = sets.iter().find(|set| set.backup.as_str() == order.order.id.as_str()).expect("it is there");
    let parts = safety.read_manifest().expect("it can be read").parts;
    assert_eq!(parts.iter().map(|part| (part.store.as_str(), part.bytes)).collect::<Vec<_>>(), [("uploads", 4)]);
    // They belong to the instance now.
    let again = harness.carry_out_order(&agent, &harness.order(backup(&["near"]), "again")).await;
    assert_eq!(again.outcome, Outcome::Done);
    harness.check_calm("after a restore of lost volumes");
}

#[tokio::test]
async fn a_volume_whose_store_alone_was_restored_is_not_lost_any_more_and_nothing_starts_over_the_others() {
    let (harness, agent, id, before, _) = changed_since("").await;
    make_again(&harness, &["oasis-1_uploads"]);
    let end = harness.carry_out_order(&agent, &harness.order(restore_only(&id, "uploads", &["near"]), "")).await;
    assert_eq!((end.outcome, harness.state().uploads), (Outcome::Done, before.uploads));
    let end = harness.carry_out_order(&agent, &harness.order(backup(&["near"]), "again")).await;
    assert_eq!(end.outcome, Outcome::Done, "nothing is lost");

    let (harness, agent, id, ..) = changed_since("").await;
    make_again(&harness, &["oasis-1_uploads", "oasis-1_data"]);
    let end = harness.carry_out_order(&agent, &harness.order(restore_only(&id, "uploads", &[]), "")).await;
    let lost = LostVolume { name: "oasis-1_data".to_owned(), is_replaced: true };
    assert_eq!(end.outcome.failure(), Some(&OrderFailure::VolumesGone { volumes: vec![lost] }));
    assert!(harness.running().is_empty(), "nothing starts over an empty volume");
}
