//! Facts that came back without the disk of their repositories.

use crate::harness::{DAY, Harness, id, key, noise, order, read};
use fleet_coordinator::repositories::RepositoryServiceError;
use fleet_coordinator::store::Batch;
use fleet_core::backup::{Cause, DataAction};
use fleet_core::event::EventKind;
use fleet_core::order::Action;
use fleet_core::time::Time;

/// As `fleet-coordinator restore` leaves it.
async fn came_back(harness: Harness) -> Harness {
    let mut batch = Batch::new();
    batch.put("came-back", &Time(1));
    harness.store.commit(batch).await.expect("the store is whole");
    harness.restarted()
}

#[tokio::test]
async fn repositories_that_did_not_come_back_are_said_to_be_lost_and_are_made_anew() {
    let harness = Harness::new().await;
    harness.backup(1, DAY, &noise(1, 100_000)).await;
    std::fs::rename(harness.folder(), harness.home.path().join("gone")).expect("it can be moved");
    let harness = came_back(harness).await;
    let backup = order(Action::Data(DataAction::Backup { to: [read("central")].into(), cause: Cause::Requested }));
    let lost = harness.repository_service.miss_lost(Time(2)).await.expect("it can be found out");
    assert_eq!(lost, [(read("central"), read("notes-1"))]);
    assert!(harness.catalog().is_empty());
    let recorded = EventKind::BackupsLost { count: 1, repository: read("central") };
    assert!(harness.recorded_events().contains(&recorded), "{:?}", harness.recorded_events());
    assert!(matches!(harness.repository_service.accesses(&backup), Err(RepositoryServiceError::BeingMade(_))));
    harness.backup(2, 0, &noise(2, 100_000)).await;
    assert_eq!((harness.kept(), harness.sets().await), (vec![id(2)], vec![String::from(id(2))]));
    let harness = harness.restarted();
    assert!(
        harness.repository_service.miss_lost(Time(3)).await.expect("it can be found out").is_empty(),
        "it is asked once"
    );
    assert_eq!(harness.kept(), [id(2)]);
}

#[tokio::test]
async fn those_that_are_there_stay_and_a_disk_that_is_not_mounted_loses_nothing() {
    let harness = Harness::new().await;
    harness.backup(1, DAY, &noise(1, 100_000)).await;
    let away = harness.home.path().join("away");
    std::fs::rename(harness.folder(), &away).expect("it can be moved");
    assert!(harness.repository_service.miss_lost(Time(2)).await.expect("nothing came back").is_empty());
    assert!(harness.catalog()[&read("notes-1")].contains_key(&key(1)));
    std::fs::rename(&away, harness.folder()).expect("it can be moved");
    let harness = came_back(harness).await;
    assert!(harness.repository_service.miss_lost(Time(2)).await.expect("it can be found out").is_empty());
    assert!(harness.catalog()[&read("notes-1")].contains_key(&key(1)));
    assert!(harness.repository_service.kept_access(&read("central"), &read("notes-1")).expect("it is known").is_some());
}
