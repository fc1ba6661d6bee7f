//! Access to repositories, and the content of the catalog.

use crate::harness::{DAY, Harness, key, manifest, noise, now, order, part, read};
use fleet_coordinator::facts::RepositoryContents;
use fleet_coordinator::repositories::{BucketKeys, RepositoryServiceError};
use fleet_coordinator::store::{Batch, StoreError};
use fleet_core::backup::{
    BackupKey, BackupSeen, BackupSource, Cause, DataAction, LocationAccess, RepositoryDesired, RepositoryLocation,
    RepositoryProblem, Secret,
};
use fleet_core::names::{InstanceName, RepositoryName};
use fleet_core::order::Action;
use fleet_core::time::Time;
use fleet_repository::MAX_MANIFEST;
use fleet_repository::worker::Work;

#[tokio::test]
async fn a_repository_is_made_once_with_keys_that_were_kept_before() {
    let harness = Harness::new().await;
    let (central, notes) = (read("central"), read("notes-1"));
    assert_eq!(harness.repository_service.kept_access(&central, &notes).expect("the place is known"), None);
    let access = harness.repository_service.access(&central, &notes).await.expect("it can be made");
    assert!(harness.folder().join("config").exists());
    assert_eq!(std::fs::read_dir(harness.folder().join("keys")).expect("it is there").count(), 1);
    assert_eq!((&access.place, &access.password), (&LocationAccess::Coordinator, &None));
    let harness = harness.restarted();
    let again = harness.repository_service.access(&central, &notes).await.expect("it is there");
    assert_eq!(again, access);
    assert_eq!(harness.repository_service.kept_access(&central, &notes).expect("the place is known"), Some(access));
}

#[tokio::test]
async fn a_creation_that_was_cut_off_is_completed_with_the_same_keys() {
    let harness = Harness::new().await;
    let (central, notes) = (read("central"), read("notes-1"));
    let access = harness.repository_service.access(&central, &notes).await.expect("it can be made");
    std::fs::remove_dir_all(harness.folder().join("keys")).expect("it is there");
    let mut batch = Batch::new();
    let mut keys = harness
        .repository_service
        .secrets()
        .get(harness.facts.store(), &central, &notes)
        .expect("it opens")
        .expect("kept");
    keys.made = None;
    harness.repository_service.secrets().put(&mut batch, &central, &notes, &keys).expect("it can be sealed");
    harness.store.commit(batch).await.expect("the store is whole");
    let again = harness.repository_service.access(&central, &notes).await.expect("it is completed");
    assert_eq!(again, access);
    assert_eq!(std::fs::read_dir(harness.folder().join("keys")).expect("it is there").count(), 1);
}

#[tokio::test]
async fn a_folder_on_a_host_is_made_by_that_host_and_a_bucket_needs_its_keys() {
    let harness = Harness::new().await;
    let notes = read("notes-1");
    let s3 = |text: &str| RepositoryLocation::S3 {
        endpoint: "http://127.0.0.1:1".to_owned(),
        region: "eu".to_owned(),
        bucket: "lab".to_owned(),
        prefix: text.to_owned(),
    };
    let changed = harness.facts.change_desired(Time(1), |desired| {
        let put = |place| RepositoryDesired { place, added: Time(1) };
        desired.put_repository(&read("disk"), put(RepositoryLocation::Folder { path: "/mnt/backups/".to_owned() }));
        desired.put_repository(&read("offsite"), put(s3("fleet")));
        Ok::<_, StoreError>(())
    });
    changed.await.expect("the store is whole");
    let access = harness.repository_service.access(&read("disk"), &notes).await.expect("nothing is to be made here");
    assert_eq!(access.place, LocationAccess::Folder { path: "/mnt/backups/notes-1".to_owned() });
    assert!(access.password.is_some_and(|password| password.0.len() == 64));
    let refused = harness.repository_service.access(&read("offsite"), &notes).await;
    assert!(matches!(refused, Err(RepositoryServiceError::NoBucketKeys(_))), "{refused:?}");
    let mut batch = Batch::new();
    let keys = BucketKeys { key_id: "id".to_owned(), key: Secret("hunter2".to_owned()) };
    harness.repository_service.secrets().put_bucket(&mut batch, &read("offsite"), &keys).expect("it can be sealed");
    harness.store.commit(batch).await.expect("the store is whole");
    let words = harness.repository_service.place_words(&read("offsite"), &notes).expect("it is known");
    assert_eq!(words, "s3:http://127.0.0.1:1/lab/fleet/notes-1");
}

#[tokio::test]
async fn a_host_makes_the_repository_in_its_folder_while_nobody_knows_of_a_backup_of_this_instance_in_it() {
    let harness = Harness::new().await;
    let (disk, notes): (RepositoryName, InstanceName) = (read("disk"), read("notes-1"));
    let put = harness.facts.change_desired(Time(1), |desired| {
        let place = RepositoryLocation::Folder { path: "/mnt/backups".to_owned() };
        desired.put_repository(&disk, RepositoryDesired { place, added: Time(1) });
        Ok::<_, StoreError>(())
    });
    put.await.expect("the store is whole");
    // It was created at 1000: earlier backups belong to an earlier instance of its name, even on another host.
    for (began, is_made) in [(500, true), (2000, false)] {
        let seen = BackupSeen::of(&manifest(1, Time(began), 1), None);
        let key = BackupKey { repository: disk.clone(), ..key(u32::try_from(began).expect("it is small")) };
        let found = [(notes.clone(), [(key, seen)].into())].into();
        harness
            .facts
            .replace_backups(&disk, RepositoryContents { before: [].into(), found }, now())
            .await
            .expect("the store is whole");
        let access = harness.repository_service.access(&disk, &notes).await.expect("nothing is to be made here");
        assert_eq!(access.password.is_some(), is_made, "{began}");
    }
}

#[tokio::test]
async fn an_order_to_back_up_waits_for_its_repository_and_one_to_restore_for_none() {
    let harness = Harness::new().await;
    let backup = order(Action::Data(DataAction::Backup { to: [read("central")].into(), cause: Cause::Requested }));
    let waits = harness.repository_service.accesses(&backup).expect_err("it is not there");
    assert!(matches!(waits, RepositoryServiceError::BeingMade(_)), "{waits}");
    let from =
        BackupSource { repository: read("central"), instance: read("notes-1"), backup: key(1).backup, snapshots: None };
    let drill = order(Action::Data(DataAction::Drill { from, privileges: Default::default() }));
    let refused = harness.repository_service.accesses(&drill).expect_err("there is nothing to drill");
    assert_eq!(refused.to_string(), "the repository `central` has nothing of `notes-1`");
    harness.repository_service.access(&read("central"), &read("notes-1")).await.expect("it can be made");
    assert_eq!(harness.repository_service.accesses(&backup).expect("it is there").len(), 1);
    assert_eq!(harness.repository_service.accesses(&drill).expect("it is there").len(), 1);
}

#[tokio::test]
async fn a_catalog_that_was_lost_lists_what_is_there_and_an_operator_says_what_counts() {
    let harness = Harness::new().await;
    for number in 1..=3 {
        harness.backup(number, u64::from(10 - number) * DAY, &noise(number, 100_000)).await;
    }
    harness.prove(2).await;
    let before = harness.catalog();
    assert_eq!(before[&read("notes-1")].len(), 3);
    assert!(before[&read("notes-1")][&key(2)].proven().is_some());
    let mut batch = Batch::new();
    for entry in harness.store.scan("observed/backup/").expect("it can be read") {
        batch.delete(entry.key);
    }
    harness.store.commit(batch).await.expect("the store is whole");
    let harness = harness.restarted();
    assert!(harness.catalog().is_empty());
    let rebuilt = harness.repository_service.rebuild(&read("central")).await.expect("it can be read");
    assert_eq!((rebuilt.backups, rebuilt.unread.len()), (3, 0));
    let found = harness.catalog()[&read("notes-1")].clone();
    assert_eq!(found.len(), 3);
    assert!(found.values().all(|seen| !seen.is_good() && seen.proof.is_none()), "a host could have added them");
    assert!(harness.has_trouble(|problem| matches!(problem, RepositoryProblem::Unrequested { count: 3, .. })));
    for number in 1..=3 {
        harness
            .facts
            .accept_backup(&read("notes-1"), &key(number).backup, &read("ada"), now())
            .await
            .expect("it is there");
    }
    harness.repository_service.rebuild(&read("central")).await.expect("it can be read");
    assert_eq!(
        harness.repository_service.troubles().expect("they can be read").len(),
        1,
        "the proof was of a drill that is forgotten"
    );
    let harness = harness.restarted();
    let accepted = harness.catalog()[&read("notes-1")].clone();
    for (key, seen) in &accepted {
        let snapshot = &before[&read("notes-1")][key];
        assert_eq!((seen.is_good(), &seen.snapshots, seen.bytes), (true, &snapshot.snapshots, snapshot.bytes));
    }
}

#[tokio::test]
async fn a_repository_that_cannot_be_read_loses_nothing_of_its_catalog() {
    let harness = Harness::new().await;
    harness.backup(1, DAY, &noise(1, 100_000)).await;
    let before = harness.catalog();
    std::fs::rename(harness.folder(), harness.home.path().join("away")).expect("it can be moved");
    let rebuilt = harness.repository_service.rebuild(&read("central")).await.expect("the store is whole");
    assert_eq!(rebuilt.unread.len(), 1);
    assert_eq!(harness.catalog(), before);
    harness.round(now()).await;
    assert!(harness.has_trouble(|problem| matches!(problem, RepositoryProblem::NotListed(_))));
}

#[tokio::test]
async fn a_set_that_calls_itself_another_backup_or_is_anothers_is_in_no_catalog() {
    let harness = Harness::new().await;
    harness.backup(1, DAY, &noise(1, 100_000)).await;
    let before = harness.catalog();
    let at = Time(now().0 - DAY);
    let mut of_another = manifest(3, at, 1);
    of_another.instance = read("notes-2");
    for (number, manifest) in [(2, manifest(9, at, 1)), (3, of_another)] {
        harness.dump(number, at, &[("db.sql", b"SELECT 1;")]).await;
        let manifest = serde_json::to_vec(&manifest).expect("it is JSON");
        harness.work(Work::WriteSet { part: part(number, at), manifest }).await;
    }
    assert_eq!(harness.sets().await.len(), 3);
    harness.repository_service.rebuild(&read("central")).await.expect("it can be read");
    assert_eq!(harness.catalog(), before);
}

#[tokio::test]
async fn a_manifest_has_its_values_again() {
    let harness = Harness::new().await;
    let written = harness.backup(1, DAY, b"SELECT 1;").await;
    let found = harness
        .repository_service
        .manifest(&read("central"), &read("notes-1"), &key(1).backup, MAX_MANIFEST)
        .await
        .expect("it is there");
    assert_eq!(found, written);
    assert_eq!(found.values.get("password").map(String::as_str), Some("hunter2"));
    let none =
        harness.repository_service.manifest(&read("central"), &read("notes-1"), &key(9).backup, MAX_MANIFEST).await;
    assert!(matches!(none, Err(RepositoryServiceError::NoBackup { .. })), "{none:?}");
}
