//! A host that adds unrequested content to its repository.

use crate::harness::{DAY, Harness, id, key, noise, now, read};
use fleet_core::backup::{AskedBy, BackupDamage, BackupSeen, RepositoryProblem};
use fleet_core::event::EventKind;
use fleet_core::names::BackupId;
use fleet_core::time::Time;
use fleet_repository::{MAX_MANIFEST, ReadData};
use futures_util::StreamExt;
use sha2::{Digest, Sha256};

/// Returns the content of a backup as the coordinator reads it.
async fn content(harness: &Harness, number: u32) -> Vec<u8> {
    let opened =
        harness.repository_service.open(&read("central"), &read("notes-1"), &id(number)).await.expect("it is there");
    assert_eq!(opened.list("").await.expect("it can be read").len(), 2, "one dump, one folder");
    let mut stream = opened.read("db").await.expect("it is there");
    let mut bytes = Vec::new();
    while let Some(piece) = stream.next().await {
        bytes.extend(piece.expect("it is whole"));
    }
    bytes
}

#[tokio::test]
async fn a_second_set_with_the_id_of_a_proven_backup_is_told_and_never_used() {
    let harness = Harness::new().await;
    harness.backup(1, 3 * DAY, b"SELECT 'true';").await;
    harness.prove(1).await;
    let before = harness.catalog()[&read("notes-1")][&key(1)].clone();
    assert!(before.proven().is_some());
    // One that is newer, and one that is older than the true one.
    for at in [now().0, now().0 - 9 * DAY] {
        harness.forge(1, Time(at), b"SELECT 'forged';").await;
    }
    let harness = harness.restarted();
    harness.round(now()).await;
    let after = harness.catalog()[&read("notes-1")][&key(1)].clone();
    assert_eq!(after.doubles, 2);
    assert_eq!((&after.snapshots, after.proven()), (&before.snapshots, before.proven()));
    assert_eq!(content(&harness, 1).await, b"SELECT 'true';");
    let manifest = harness
        .repository_service
        .manifest(&read("central"), &read("notes-1"), &id(1), MAX_MANIFEST)
        .await
        .expect("it is there");
    assert_eq!(manifest.parts[0].bytes, 14, "what is shown is the true one");
    let foreign = RepositoryProblem::ForeignSnapshots { count: 1, first: id(1) };
    assert!(harness.has_trouble(|problem| *problem == foreign));
    harness.round(now()).await;
    assert_eq!(harness.recorded_problems(|problem| *problem == foreign), 1, "{:?}", harness.recorded_events());
}

/// Returns the recorded damage of the first backup.
fn damage(harness: &Harness) -> Option<BackupDamage> {
    let seen = harness.catalog()[&read("notes-1")][&key(1)].clone();
    assert_eq!(seen.is_good(), seen.damaged.is_none());
    seen.damaged
}

/// Makes the snapshot with dumps and files of that size the one of the first backup.
async fn choose(harness: &Harness, bytes: u64) {
    let (repository, instance) = (read("central"), read("notes-1"));
    assert_eq!(
        harness.repository_service.unclear_copies(&instance, &id(1)).expect("it can be read"),
        [read("central")]
    );
    let found = harness.repository_service.candidates(&repository, &instance, &id(1)).await.expect("it can be read");
    let chosen = found.into_iter().find(|one| one.seen.bytes == 2 * bytes).expect("it is there");
    harness
        .repository_service
        .choose((&repository, &instance, &id(1)), chosen, &read("ada"))
        .await
        .expect("it is kept");
    assert_eq!(harness.repository_service.unclear_copies(&instance, &id(1)).expect("it can be read"), []);
}

#[tokio::test]
async fn a_backup_whose_snapshot_is_gone_is_damaged_until_it_is_there_or_a_person_chooses() {
    let harness = Harness::new().await;
    harness.backup(1, 3 * DAY, b"SELECT 'true';").await;
    let set = harness.catalog()[&read("notes-1")][&key(1)].snapshots.clone().expect("it was noted").set;
    harness.forge(1, now(), b"SELECT 'forged';").await;
    let (place, away) = (harness.folder().join("snapshots").join(set.as_str()), harness.home.path().join("away"));
    let verify = async || harness.repository_service.verify(&read("central"), &read("notes-1"), ReadData::All).await;
    for _ in 0..2 {
        std::fs::rename(&place, &away).expect("it is there");
        harness.repository_service.rebuild(&read("central")).await.expect("it can be read");
        for _ in 0..2 {
            assert_eq!(damage(&harness), Some(BackupDamage::Replaced), "it is told");
            assert!(verify().await.expect("it can be read").is_fine(), "what is there can all be read");
        }
        std::fs::rename(&away, &place).expect("it is there");
        harness.repository_service.rebuild(&read("central")).await.expect("it can be read");
        assert_eq!(damage(&harness), None, "it is there again");
    }
    std::fs::rename(&place, &away).expect("it is there");
    harness.repository_service.rebuild(&read("central")).await.expect("it can be read");
    choose(&harness, 16).await;
    for _ in 0..2 {
        assert_eq!(damage(&harness), None);
        harness.repository_service.rebuild(&read("central")).await.expect("it can be read");
    }
    assert_eq!(content(&harness, 1).await, b"SELECT 'forged';", "a person said so");
}

#[tokio::test]
async fn a_backup_that_nobody_noted_among_several_does_not_count_until_a_person_chooses() {
    let harness = Harness::new().await;
    harness.backup(1, 3 * DAY, b"SELECT 'true';").await;
    // As a catalog of before snapshots were noted has it.
    let noted = harness.catalog()[&read("notes-1")][&key(1)].clone();
    let unnoted = BackupSeen { snapshots: None, ..noted.clone() };
    harness.facts.choose_backup(&read("notes-1"), key(1), unnoted, EventKind::Joined, now()).await.expect("it is kept");
    harness.forge(1, now(), b"SELECT 'forged';").await;
    let harness = harness.restarted();
    harness.round(now()).await;
    assert_eq!(damage(&harness), Some(BackupDamage::Ambiguous { snapshots: 2 }), "it is told");
    assert!(
        harness.recorded_events().iter().any(|kind| matches!(kind, EventKind::BackupDamaged { .. })),
        "{:?}",
        harness.recorded_events()
    );
    for day in [40, 400] {
        harness.round(Time(now().0 + day * DAY)).await;
    }
    assert_eq!(harness.sets().await.len(), 2, "it is not forgotten before a person has chosen");
    let newest = harness.catalog()[&read("notes-1")].newest(&read("central")).cloned();
    assert_eq!(newest.and_then(|newest| newest.good), None);
    choose(&harness, 14).await;
    harness.repository_service.rebuild(&read("central")).await.expect("it can be read");
    let chosen = harness.catalog()[&read("notes-1")][&key(1)].clone();
    assert!(chosen.is_good());
    assert_eq!((chosen.snapshots, chosen.began), (noted.snapshots, noted.began));
    assert_eq!(content(&harness, 1).await, b"SELECT 'true';");
}

#[tokio::test]
async fn forged_sets_of_the_future_and_forged_proofs_let_nothing_of_the_true_history_go() {
    let harness = Harness::new().await;
    harness.backup(1, 4 * DAY, &noise(1, 200_000)).await;
    harness.prove(1).await;
    harness.backup(2, 3 * DAY, &noise(2, 200_000)).await;
    for number in 11..=14 {
        let at = Time(now().0 + u64::from(number - 11) * DAY);
        harness.forge(number, at, b"").await;
        harness.forge_proof(number, at).await;
    }
    harness.forge_proof(2, Time(now().0 + DAY)).await;
    let harness = harness.restarted();
    for day in [0, 3, 40, 108] {
        harness.round(Time(now().0 + day * DAY)).await;
    }
    let backups = harness.catalog()[&read("notes-1")].clone();
    let counted: Vec<BackupId> =
        backups.iter().filter(|(_, seen)| seen.asked_by == AskedBy::Order).map(|(key, _)| key.backup.clone()).collect();
    assert_eq!(counted, [id(1), id(2)]);
    assert_eq!(harness.sets().await.len(), 6, "nothing was forgotten, and what was forged neither");
    let proven: Vec<bool> = backups.values().map(|seen| seen.proven().is_some()).collect();
    assert_eq!(proven, [true, false, false, false, false, false], "files prove nothing");
    let newest = backups.newest(&read("central")).cloned().expect("there are some");
    assert_eq!(newest.good.map(|(_, id)| id), Some(id(2)));
    assert!(harness.has_trouble(|problem| matches!(problem, RepositoryProblem::Unrequested { count: 4, .. })));
    assert!(harness.has_trouble(|problem| matches!(problem, RepositoryProblem::FalseProofs { count: 1, .. })));
}

#[tokio::test]
async fn true_backups_are_let_go_by_their_policy_whatever_was_forged() {
    let harness = Harness::new().await;
    for number in 1..=4 {
        harness.backup(number, u64::from(9 - number) * DAY, &noise(number, 100_000)).await;
    }
    harness.forge(11, Time(now().0 + 9 * DAY), b"x").await;
    harness.round(now()).await;
    assert_eq!(harness.sets().await, [id(3), id(4), id(11)].map(String::from));
}

#[tokio::test]
async fn packs_that_are_in_no_index_are_found_and_marked_although_nothing_was_forgotten() {
    let harness = Harness::new().await;
    harness.backup(1, DAY, &noise(1, 100_000)).await;
    let garbage = noise(7, 2_000_000);
    let name = data_encoding::HEXLOWER.encode(&Sha256::digest(&garbage));
    let folder = harness.folder().join("data").join(&name[..2]);
    std::fs::create_dir_all(&folder).expect("there is room");
    std::fs::write(folder.join(&name), garbage).expect("there is room");
    let unknown = async || {
        let report = harness.repository_service.verify(&read("central"), &read("notes-1"), ReadData::Nothing).await;
        report.expect("it can be read").unknown_packs
    };
    assert_eq!(unknown().await, 1);
    let due = || harness.repository_service.looks().expect("they can be read")[0].1.prune_at;
    harness.round(now()).await;
    assert_eq!(unknown().await, 0, "it waits for its removal");
    let second = due().expect("it is marked, and removed by a second prune");
    assert!(second > Time(now().0 + DAY - 60_000));
    assert!(folder.join(&name).exists(), "somebody may have been about to index it");
    harness.round(Time(second.0 - 1)).await;
    assert_eq!(due(), Some(second));
    harness.round(second).await;
    assert_eq!(due(), None);
    let intact = harness
        .repository_service
        .verify(&read("central"), &read("notes-1"), ReadData::All)
        .await
        .expect("it can be read");
    assert!(intact.is_fine(), "{intact:?}");
}
