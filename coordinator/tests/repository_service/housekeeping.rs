//! Backups that are forgotten, data that is removed, and damage that is reported.

use crate::harness::{DAY, Harness, id, key, manifest, noise, now, part, read};
use fleet_coordinator::repositories::RepositoryServiceError;
use fleet_core::backup::{BackupDamage, Cause, DataAction, FileKind, RepositoryProblem};
use fleet_core::event::EventKind;
use fleet_core::facts::OpenOrder;
use fleet_core::order::{Action, Order};
use fleet_core::time::Time;
use fleet_repository::worker::{Answer, Work};
use fleet_repository::{MAX_MANIFEST, ReadData};
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

fn packs(harness: &Harness) -> Vec<PathBuf> {
    let folders = fs::read_dir(harness.folder().join("data")).expect("it is there").flatten();
    let mut packs: Vec<PathBuf> = folders
        .flat_map(|folder| fs::read_dir(folder.path()).expect("a folder").flatten())
        .map(|it| it.path())
        .collect();
    packs.sort_by_key(|pack| fs::metadata(pack).expect("it is there").len());
    packs
}

fn is_damage(kind: &EventKind, is_it: impl Fn(&BackupDamage) -> bool) -> bool {
    matches!(kind, EventKind::BackupDamaged { reason, .. } if is_it(reason))
}

fn is_dump(damage: &BackupDamage) -> bool {
    matches!(damage, BackupDamage::PathsUnreadable { path, .. } if path.starts_with("db.sql"))
}

fn is_snapshot(damage: &BackupDamage) -> bool {
    matches!(damage, BackupDamage::FileUnreadable { kind: FileKind::Snapshot, .. })
}

#[tokio::test]
async fn what_the_policy_lets_go_is_forgotten_and_its_data_is_only_marked_at_first() {
    let harness = Harness::new().await;
    for number in 1..=4 {
        harness.backup(number, u64::from(9 - number) * DAY, &noise(number, 2_000_000)).await;
    }
    harness.prove(1).await;
    harness.round(now()).await;
    assert_eq!(harness.kept(), [id(1), id(3), id(4)], "the newest two, and the newest proven");
    assert_eq!(harness.sets().await, [id(1), id(3), id(4)].map(String::from));
    let recorded = EventKind::BackupsForgotten { count: 1, repository: read("central") };
    assert_eq!(
        harness.recorded_events().iter().filter(|kind| **kind == recorded).count(),
        1,
        "{:?}",
        harness.recorded_events()
    );
    harness.round(now()).await;
    assert_eq!(harness.kept().len(), 3);
    let bytes: u64 = packs(&harness).iter().map(|pack| fs::metadata(pack).expect("it is there").len()).sum();
    assert!(bytes > 5_900_000, "three are still there: {bytes}");
    let intact = harness
        .repository_service
        .verify(&read("central"), &read("notes-1"), ReadData::All)
        .await
        .expect("it can be read");
    assert!(intact.is_fine(), "{intact:?}");
}

#[tokio::test]
async fn nothing_is_forgotten_while_a_host_may_be_using_the_repository() {
    let harness = Harness::new().await;
    for number in 1..=3 {
        harness.backup(number, u64::from(9 - number) * DAY, b"SELECT 1;").await;
    }
    let action = Action::Data(DataAction::Backup { to: [read("central")].into(), cause: Cause::Requested });
    let order =
        Order { id: read(id(7).as_str()), instance: read("notes-1"), action, deadline: Duration::from_secs(60) };
    let open = OpenOrder { host: read("lab-1"), order, rollout: None, asked: now() };
    let mut batch = fleet_coordinator::store::Batch::new();
    batch.put(format!("asked/{}", id(7)), &open);
    harness.store.commit(batch).await.expect("the store is whole");
    let harness = harness.restarted();
    harness.round(now()).await;
    assert_eq!(harness.kept().len(), 3);
}

#[tokio::test]
async fn parts_of_a_backup_that_never_came_to_be_go_after_two_days() {
    let harness = Harness::new().await;
    harness.backup(1, 5 * DAY, b"SELECT 1;").await;
    harness.dump(2, Time(now().0 - 3 * DAY), &[("db.sql", b"SELECT 2;")]).await;
    harness.dump(3, Time(now().0 - DAY), &[("db.sql", b"SELECT 3;")]).await;
    let snapshots = || fs::read_dir(harness.folder().join("snapshots")).expect("it is there").count();
    assert_eq!(snapshots(), 5);
    harness.round(now()).await;
    assert_eq!(snapshots(), 4, "the younger may still get its set");
    assert_eq!(harness.kept(), [id(1)]);
}

#[tokio::test]
async fn a_backup_that_became_much_smaller_stops_all_forgetting() {
    let harness = Harness::new().await;
    for (number, bytes) in [(1, 4_000_000), (2, 4_000_000), (3, 4_000_000), (4, 1000)] {
        harness.backup(number, u64::from(9 - number) * DAY, &noise(number, bytes)).await;
    }
    harness.round(now()).await;
    harness.round(now()).await;
    assert_eq!(harness.kept().len(), 4);
    let is_halted = |problem: &RepositoryProblem| matches!(problem, RepositoryProblem::ForgettingHalted { .. });
    assert_eq!(harness.recorded_problems(is_halted), 1, "{:?}", harness.recorded_events());
    assert_eq!(harness.repository_service.troubles().expect("it can be read").len(), 1);
}

#[tokio::test]
async fn damage_is_found_named_and_marks_its_backups_alone() {
    let harness = Harness::new().await;
    for number in 1..=2 {
        harness.backup(number, u64::from(3 - number) * DAY, &noise(number, 3_000_000)).await;
    }
    let victim = packs(&harness).pop().expect("there are some");
    let mut bytes = fs::read(&victim).expect("it can be read");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0xff;
    fs::write(&victim, bytes).expect("it can be written");
    let unseen = harness
        .repository_service
        .verify(&read("central"), &read("notes-1"), ReadData::Nothing)
        .await
        .expect("it can be read");
    assert!(unseen.is_fine(), "nobody has read the data");
    harness.repository_service.verify(&read("central"), &read("notes-1"), ReadData::All).await.expect("it can be read");
    let catalog = harness.catalog();
    let damaged: Vec<bool> = (1..=2).map(|number| !catalog[&read("notes-1")][&key(number)].is_good()).collect();
    assert_eq!(damaged.iter().filter(|is| **is).count(), 1, "{damaged:?}");
    assert_eq!(
        harness.recorded_events().iter().filter(|kind| is_damage(kind, is_dump)).count(),
        1,
        "{:?}",
        harness.recorded_events()
    );
    assert!(harness.has_trouble(|problem| matches!(problem, RepositoryProblem::Damaged { count: 1, .. })));
    harness.repository_service.rebuild(&read("central")).await.expect("it can be read");
    assert_eq!(harness.catalog(), catalog, "a rebuilt catalog knows it too");
}

#[tokio::test]
async fn all_data_is_read_within_a_month_of_days() {
    let harness = Harness::new().await;
    harness.backup(1, DAY, &noise(1, 3_000_000)).await;
    let victim = packs(&harness).pop().expect("there are some");
    let mut bytes = fs::read(&victim).expect("it can be read");
    bytes[100] ^= 0xff;
    fs::write(&victim, bytes).expect("it can be written");
    let begun = now();
    for day in 0..30 {
        harness.round(Time(begun.0 + day * DAY)).await;
    }
    assert!(!harness.catalog()[&read("notes-1")][&key(1)].is_good());
}

#[tokio::test]
async fn a_key_that_cannot_be_read_is_told_until_it_can() {
    let harness = Harness::new().await;
    harness.backup(1, 3 * DAY, b"SELECT 1;").await;
    let file =
        fs::read_dir(harness.folder().join("keys")).expect("it is there").flatten().next().expect("one key").path();
    let good = fs::read(&file).expect("it can be read");
    fs::write(&file, b"{ no key").expect("it can be written");
    let recorded = |harness: &Harness| harness.repository_service.troubles().expect("it can be read").len();
    for later in [0, 600_000, 1_200_000] {
        harness.round(Time(now().0 + 5 * DAY + later)).await;
        assert_eq!(recorded(&harness), 1, "{:?}", harness.repository_service.troubles());
    }
    fs::write(&file, good).expect("it can be written");
    harness.round(Time(now().0 + 7 * DAY)).await;
    assert_eq!(recorded(&harness), 0, "{:?}", harness.repository_service.troubles());
}

#[tokio::test]
async fn a_backup_whose_files_cannot_be_read_stays_in_the_catalog_as_damaged() {
    let harness = Harness::new().await;
    harness.backup(1, 3 * DAY, b"SELECT 1;").await;
    harness.prove(1).await;
    let snapshots = |harness: &Harness| -> Vec<PathBuf> {
        fs::read_dir(harness.folder().join("snapshots")).expect("it is there").flatten().map(|it| it.path()).collect()
    };
    let before = snapshots(&harness);
    harness.backup(2, 2 * DAY, &noise(2, 100_000)).await;
    // Its set is among them, so their content is unknown.
    for file in snapshots(&harness).into_iter().filter(|file| !before.contains(file)) {
        let mut bytes = fs::read(&file).expect("it can be read");
        bytes[40] ^= 1;
        fs::write(file, bytes).expect("it can be written");
    }
    let rebuilt = harness.repository_service.rebuild(&read("central")).await.expect("the rest can be read");
    assert_eq!((rebuilt.backups, rebuilt.unread.len()), (1, 3));
    let good = |harness: &Harness| [1, 2].map(|number| harness.catalog()[&read("notes-1")][&key(number)].is_good());
    assert_eq!(good(&harness), [true, false]);
    let recorded =
        |harness: &Harness| harness.recorded_events().iter().filter(|kind| is_damage(kind, is_snapshot)).count();
    assert_eq!(recorded(&harness), 1, "{:?}", harness.recorded_events());
    let gone = harness
        .repository_service
        .manifest(&read("central"), &read("notes-1"), &id(2), MAX_MANIFEST)
        .await
        .expect_err("it cannot be read");
    let RepositoryServiceError::Unreadable { damage, .. } = &gone else { panic!("{gone}") };
    assert!(matches!(damage, BackupDamage::FileUnreadable { kind: FileKind::Snapshot, .. }), "{gone}");
    harness
        .repository_service
        .manifest(&read("central"), &read("notes-1"), &id(1), MAX_MANIFEST)
        .await
        .expect("it can be read");

    // Its parts are not swept up as those of a backup that never came to be, and nothing is pruned; a check is made all the same.
    harness.round(Time(now().0 + 5 * DAY)).await;
    assert_eq!(harness.kept(), [id(1), id(2)]);
    let troubles = harness.repository_service.troubles().expect("it can be read");
    let [(.., first), (.., second), (.., third)] = &troubles[..] else { panic!("there are three: {troubles:?}") };
    let RepositoryProblem::NotMaintained(why) = first else { panic!("it could not be tidied: {first:?}") };
    assert!(why.contains("put the file back"), "{why}");
    assert!(matches!(second, RepositoryProblem::NotListed(_)), "{second:?}");
    assert!(matches!(third, RepositoryProblem::Damaged { .. }), "{third:?}");
    assert!(!good(&harness)[1]);
}

#[tokio::test]
async fn large_manifests_of_a_host_are_neither_read_for_another_backup_nor_all_at_once() {
    let harness = Harness::new().await;
    let (central, notes) = (read("central"), read("notes-1"));
    harness.backup(1, DAY, &noise(1, 1000)).await;
    for number in 2..=4 {
        let blanks = vec![b' '; 12 << 20];
        harness.work(Work::WriteSet { part: part(number, now()), manifest: blanks }).await;
    }
    harness
        .repository_service
        .manifest(&central, &notes, &id(1), 1 << 20)
        .await
        .expect("the others are not looked into");
    let large = harness.repository_service.manifest(&central, &notes, &id(2), 1 << 20).await.expect_err("it is large");
    assert!(large.to_string().contains("`manifest.json` is larger than 1 MiB"), "{large}");
    // Of an unreported one, too: it is read alone.
    let mut undeliverable = serde_json::to_vec(&manifest(6, Time(now().0 - 2 * DAY), 1000)).expect("it is JSON");
    undeliverable.resize(12 << 20, b' ');
    harness.work(Work::WriteSet { part: part(6, Time(now().0 - 2 * DAY)), manifest: undeliverable }).await;
    let Answer::Sets(sets) = harness.work(Work::Sets).await else { panic!("it was asked for its sets") };
    let backups: Vec<String> = sets.unread.iter().map(|part| part.backup.to_string()).collect();
    assert!(sets.unreadable.is_empty() && sets.sets.len() == 2, "{:?}", sets.unreadable);
    assert_eq!((backups.len(), &backups[..2]), (3, &[id(6), id(1)].map(String::from)[..]), "the oldest");
    // The first one's record is kept without reading it.
    let rebuilt = harness.repository_service.rebuild(&central).await.expect("it can be read");
    let unread: Vec<String> = rebuilt.unread.into_iter().map(|(_, reason)| reason).collect();
    assert!(unread.len() == 3 && !unread.iter().any(|line| line.contains("larger than")), "{unread:?}");
    assert_eq!(harness.kept(), [id(1), id(6)]);
    assert!(harness.catalog()[&read("notes-1")][&key(1)].is_good(), "that others are large is no fault of it");
}
