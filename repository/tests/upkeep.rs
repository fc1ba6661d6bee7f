//! Forgetting, pruning, and going on after a crash.

mod common;
#[path = "common/watched.rs"]
mod watched;

use common::{Home, gate, id, noise, part, part_at, read_all, short, stream};
use fleet_repository::backend::FolderBackend;
use fleet_repository::{BackendError, Error, FileKind, Prune, ReadData, Repository};
use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;
use watched::{Call, Watched};

fn forget(repository: &Repository, backups: &[&str]) -> u64 {
    let backups: BTreeSet<_> = backups.iter().map(|backup| id(backup)).collect();
    repository.forget(&backups).expect("forgotten").snapshots
}

#[test]
fn what_is_forgotten_goes_and_the_rest_stays() {
    let home = Home::new();
    let repository = home.open();
    let mut kept = None;
    for (number, backup) in ["b1", "b2", "b3"].into_iter().enumerate() {
        let number = number as u64;
        let shared = stream("shared", noise(100, 2_000_000));
        let own = stream("own", noise(number, 3_000_000));
        let archived = repository.archive_streams(&part_at(backup, number * 1000), vec![shared, own], &gate());
        kept = Some(archived.expect("archived").snapshot);
        repository.write_set(&part_at(backup, number * 1000 + 1), backup.as_bytes().to_vec()).expect("a set");
    }
    assert_eq!(forget(&repository, &["b1", "b2", "bad"]), 4);
    assert_eq!(forget(&repository, &["b1", "b2"]), 0);
    let before = home.size();
    let freed = repository.prune(Prune::Exclusive).expect("pruned");
    assert_eq!(freed, before - home.size());
    assert!((5_900_000..6_300_000).contains(&freed), "{freed} bytes were freed");
    let sets: Vec<_> = repository.sets().expect("sets").sets.into_iter().map(|set| short(&set.backup)).collect();
    assert_eq!(sets, ["b3"]);
    assert!(read_all(&repository, &kept.expect("a snapshot"), "own") == noise(2, 3_000_000));
    assert!(repository.check(ReadData::All).expect("checked").is_fine());
    home.restic_is_content(&["check", "--read-data"]);
}

#[test]
fn a_prune_that_marks_takes_nothing_from_a_run_that_goes_on() {
    let home = Home::new();
    let repository = home.open();
    let content = noise(1, 2_000_000);
    repository.archive_streams(&part("b1"), vec![stream("a", content.clone())], &gate()).expect("archived");
    forget(&repository, &["b1"]);
    let packs = home.files(FileKind::Pack).len();
    repository.prune(Prune::Marking).expect("pruned");
    assert_eq!(home.files(FileKind::Pack).len(), packs, "whoever refers to them still can");
    let again = repository.archive_streams(&part("b2"), vec![stream("a", content.clone())], &gate()).expect("archived");
    repository.prune(Prune::Marking).expect("pruned");
    assert!(read_all(&repository, &again.snapshot, "a") == content);
    assert!(repository.check(ReadData::All).expect("checked").is_fine());
    home.restic_is_content(&["check", "--read-data"]);
    repository.prune(Prune::Exclusive).expect("pruned");
    assert!(repository.check(ReadData::All).expect("checked").is_fine());
    assert!(read_all(&repository, &again.snapshot, "a") == content);
}

#[test]
fn what_arrived_before_a_crash_is_made_known_where_nothing_can_be_removed() {
    let home = Home::new();
    let content = noise(1, 40_000_000);
    let whole = home.open();
    whole.archive_streams(&part("b1"), vec![stream("a", content.clone())], &gate()).expect("archived");
    // As a crash leaves it: packs, no index, no snapshot.
    for file in home.files(FileKind::Index).into_iter().chain(home.files(FileKind::Snapshot)) {
        fs::remove_file(file).expect("removed");
    }
    // View of a compromised host on its own backups: it adds and reads, and can remove nothing.
    let see = |call: Call<'_>| match call {
        Call::Remove(kind, id) => Err(BackendError::Refused(format!("{kind} {id} may not be removed"))),
        Call::List | Call::Read | Call::ReadRange | Call::Write => Ok(()),
    };
    let only_grows = Arc::new(Watched { place: FolderBackend::new(home.path()), ahead: 0, see });
    let repository = Repository::open(only_grows, &home.secrets).expect("opened");
    let packs = home.files(FileKind::Pack).len() as u64;
    let resumed = repository.resume().expect("made known");
    assert_eq!((resumed.packs, resumed.unreadable), (packs, 0));
    assert_eq!(repository.resume().expect("nothing more").packs, 0);
    let again = repository.archive_streams(&part("b1"), vec![stream("a", content.clone())], &gate()).expect("archived");
    assert!(again.added < 100_000, "{} bytes were sent again", again.added);
    assert!(read_all(&repository, &again.snapshot, "a") == content);
    home.restic_is_content(&["check", "--read-data"]);

    let refused = repository.forget(&BTreeSet::from([id("b1")])).expect_err("refused");
    assert!(matches!(refused, Error::Backend { source: BackendError::Refused(_), .. }), "{refused}");
    assert_eq!(home.files(FileKind::Snapshot).len(), 1);
}

#[test]
fn a_pack_that_is_half_there_is_not_made_known() {
    let home = Home::new();
    let repository = home.open();
    repository.archive_streams(&part("b1"), vec![stream("a", noise(1, 3_000_000))], &gate()).expect("archived");
    for file in home.files(FileKind::Index) {
        fs::remove_file(file).expect("removed");
    }
    let packs = home.files(FileKind::Pack);
    let content = fs::read(&packs[0]).expect("read");
    fs::write(&packs[0], &content[..content.len() - 10]).expect("written");
    let resumed = repository.resume().expect("made known");
    assert_eq!((resumed.packs, resumed.unreadable), (packs.len() as u64 - 1, 1));
}

#[test]
fn what_drills_found_is_read_again_and_goes_with_its_backup() {
    let home = Home::new();
    let repository = home.open();
    for backup in ["b1", "b2"] {
        repository.write_set(&part(backup), b"{}".to_vec()).expect("a set");
        repository.write_proof(&part_at(backup, 5000), format!("proof of {backup}").into_bytes()).expect("a proof");
    }
    let proofs = |repository: &Repository| -> Vec<(String, Vec<u8>)> {
        let found = repository.proofs().expect("proofs").proofs.into_iter();
        found.map(|proof| (short(&proof.backup), proof.proof)).collect()
    };
    assert_eq!(proofs(&repository).len(), 2);
    assert_eq!(repository.sets().expect("sets").sets.len(), 2, "a proof is no backup");
    assert_eq!(repository.unfinished().expect("listed"), []);
    assert_eq!(forget(&repository, &["b1"]), 2);
    assert_eq!(proofs(&repository), [("b2".to_owned(), b"proof of b2".to_vec())]);
    home.restic_is_content(&["check", "--read-data"]);
}
