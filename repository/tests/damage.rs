//! Damaged files of a repository: which backups are lost with them, which stay, and how this is reported.

mod common;

use common::{Home, are_equal, gate, id, noise, part, part_at, read_all, short, stream};
use fleet_core::names::SnapshotId;
use fleet_repository::{
    CheckReport, Error, FileKind, OnDamage, Prune, ReadData, Repository, RestoreOptions, SnapshotOwner, Tree, Trees,
    Unreadable,
};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Two backups, and the snapshots of their dumps.
fn two_backups(home: &Home) -> [SnapshotId; 2] {
    let repository = home.open();
    [("b1", 1), ("b2", 2)].map(|(backup, seed)| {
        let dump = stream("a.sql", noise(seed, 300_000));
        let archived =
            repository.archive_streams(&part_at(backup, seed * 1000), vec![dump], &gate()).expect("archived");
        repository.write_set(&part_at(backup, seed * 1000 + 1), backup.as_bytes().to_vec()).expect("a set");
        archived.snapshot
    })
}

fn flip(file: &Path, at: usize) {
    let mut content = fs::read(file).expect("read");
    content[at] ^= 1;
    fs::write(file, content).expect("written");
}

/// The files of a kind that something else has brought.
fn brought(home: &Home, kind: FileKind, something: impl FnOnce()) -> Vec<PathBuf> {
    let before = home.files(kind);
    something();
    home.files(kind).into_iter().filter(|file| !before.contains(file)).collect()
}

fn name(file: &Path) -> String {
    file.file_name().expect("a name").to_string_lossy().into_owned()
}

fn listed(repository: &Repository) -> (Vec<String>, Vec<Unreadable>) {
    let found = repository.sets().expect("listed");
    (found.sets.into_iter().map(|set| short(&set.backup)).collect(), found.unreadable)
}

/// Asserts that a prune names the file that prevents it, and removes nothing.
#[track_caller]
fn prune_is_refused(home: &Home, because_of: &str) {
    let packs = home.files(FileKind::Pack);
    for how in [Prune::Marking, Prune::Exclusive] {
        let refused = home.open().prune(how).expect_err("refused");
        assert!(matches!(&refused, Error::Refused { reason } if reason.contains(because_of)), "{refused}");
    }
    assert_eq!(home.files(FileKind::Pack), packs);
}

fn checked(home: &Home) -> CheckReport {
    home.open().check(ReadData::All).expect("checked")
}

#[test]
fn a_snapshot_that_cannot_be_read_hides_no_other_backup() {
    let home = Home::new();
    let [first, _] = two_backups(&home);
    let sets = brought(&home, FileKind::Snapshot, || {
        home.open().write_set(&part_at("b3", 9000), b"b3".to_vec()).expect("a set");
        home.open()
            .archive_streams(&part_at("b3", 9000), vec![stream("a", noise(3, 1000))], &gate())
            .expect("archived");
    });
    let repository = home.open();
    let third = repository.sets().expect("listed").sets[2].set.to_string();
    let victim = sets.iter().find(|file| name(file) == third).expect("it is there");
    flip(victim, 40);
    let (names, unreadable) = listed(&repository);
    assert_eq!(names, ["b1", "b2"]);
    assert_eq!(
        unreadable.iter().map(|it| (it.kind, it.file.to_string())).collect::<Vec<_>>(),
        [(FileKind::Snapshot, third.clone())]
    );
    assert!(read_all(&repository, &first, "a.sql") == noise(1, 300_000));

    // The rest of the third backup is no leftover: its set may be the unreadable file.
    for refused in [repository.unfinished().map(drop), repository.forget(&BTreeSet::from([id("b3")])).map(drop)] {
        let refused = refused.expect_err("refused").to_string();
        assert!(refused.contains(&third), "{refused}");
    }
    assert_eq!(repository.forget(&BTreeSet::from([id("b1")])).expect("it is whole").snapshots, 2);
    prune_is_refused(&home, &third);
    flip(victim, 40);
    assert_eq!(listed(&repository), (vec!["b2".to_owned(), "b3".to_owned()], Vec::new()));
    assert!(repository.prune(Prune::Exclusive).expect("pruned") > 250_000);
    home.restic_is_content(&["check", "--read-data"]);
}

#[test]
fn a_manifest_that_cannot_be_read_is_told_with_its_backup() {
    let home = Home::new();
    two_backups(&home);
    let manifest = noise(9, 50_000);
    let packs = brought(&home, FileKind::Pack, || {
        home.open().write_set(&part_at("b3", 9000), manifest).expect("a set");
    });
    let largest = packs.iter().max_by_key(|pack| fs::metadata(pack).expect("there").len()).expect("a pack");
    flip(largest, 1000);
    let (names, unreadable) = listed(&home.open());
    assert_eq!(names, ["b1", "b2"]);
    let recorded: Vec<_> = unreadable.iter().map(|it| (it.kind, it.backup.as_ref().map(short))).collect();
    assert_eq!(recorded, [(FileKind::Snapshot, Some("b3".to_owned()))]);
}

#[test]
fn what_a_damaged_index_named_is_named_anew_and_backups_go_on() {
    let home = Home::new();
    let [_, second] = two_backups(&home);
    let indexes = brought(&home, FileKind::Index, || {
        home.open()
            .archive_streams(&part_at("b3", 9000), vec![stream("a", noise(3, 300_000))], &gate())
            .expect("archived");
        home.open().write_set(&part_at("b3", 9001), b"b3".to_vec()).expect("a set");
    });
    assert!(indexes.len() >= 2, "{indexes:?}");
    indexes.iter().for_each(|index| flip(index, 40));
    let repository = home.open();
    let (names, unreadable) = listed(&repository);
    assert_eq!(names, ["b1", "b2"]);
    assert_eq!(unreadable.iter().filter(|it| it.kind == FileKind::Index).count(), indexes.len(), "{unreadable:?}");
    assert!(unreadable.iter().any(|it| it.backup == Some(id("b3"))), "{unreadable:?}");
    assert!(read_all(&repository, &second, "a.sql") == noise(2, 300_000));
    let report = checked(&home);
    assert_eq!(report.damaged_indexes.len(), indexes.len());
    assert!(report.damaged.iter().all(|it| it.owner == SnapshotOwner::Backup(id("b3"))), "{report:?}");

    let resumed = repository.resume().expect("made known");
    assert!(resumed.packs >= 2 && resumed.unreadable_indexes == indexes.len() as u64, "{resumed:?}");
    assert_eq!(listed(&repository).0, ["b1", "b2", "b3"]);
    let again = repository.archive_streams(&part_at("b4", 9900), vec![stream("a", noise(3, 300_000))], &gate());
    assert!(again.expect("archived").added < 100_000, "what arrived is known again");
    prune_is_refused(&home, &name(&indexes[0]));
    indexes.iter().for_each(|index| fs::remove_file(index).expect("removed"));
    assert!(checked(&home).is_fine());
    repository.prune(Prune::Exclusive).expect("pruned");
    assert_eq!(listed(&repository).0, ["b1", "b2", "b3"]);
    home.restic_is_content(&["check", "--read-data"]);
}

#[test]
fn the_header_of_a_pack_is_needed_by_no_restore_and_missed_by_every_check() {
    let home = Home::new();
    let [first, second] = two_backups(&home);
    let victim = home.files(FileKind::Pack).into_iter().max_by_key(|pack| fs::metadata(pack).expect("there").len());
    let victim = victim.expect("a pack");
    flip(&victim, fs::metadata(&victim).expect("there").len() as usize - 10);
    let repository = home.open();
    assert_eq!(listed(&repository), (vec!["b1".to_owned(), "b2".to_owned()], Vec::new()));
    assert!(read_all(&repository, &first, "a.sql") == noise(1, 300_000));
    assert!(read_all(&repository, &second, "a.sql") == noise(2, 300_000));
    let report = checked(&home);
    assert_eq!(report.damaged_packs.iter().map(|it| it.pack.to_string()).collect::<Vec<_>>(), [name(&victim)]);
    assert_eq!(report.damaged, []);
}

#[test]
fn a_damaged_key_is_told_and_in_nobodys_way_but_stock_restics() {
    let home = Home::new();
    let [first, _] = two_backups(&home);
    let key = home.files(FileKind::Key).remove(0);
    flip(&key, 100);
    let repository = home.open();
    assert_eq!(listed(&repository), (vec!["b1".to_owned(), "b2".to_owned()], Vec::new()));
    assert!(read_all(&repository, &first, "a.sql") == noise(1, 300_000));
    let report = checked(&home);
    assert!(!report.is_fine());
    assert_eq!(report.unreadable.iter().map(|it| it.file.to_string()).collect::<Vec<_>>(), [name(&key)]);
    assert!(!home.restic(&["snapshots"]).status.success());
}

#[test]
fn backups_are_read_without_a_config_and_none_is_added() {
    let home = Home::new();
    let [first, _] = two_backups(&home);
    let config = home.path().join("config");
    flip(&config, 40);
    let repository = home.open();
    let (names, unreadable) = listed(&repository);
    assert_eq!(names, ["b1", "b2"]);
    assert_eq!(unreadable.iter().map(|it| it.kind).collect::<Vec<_>>(), [FileKind::Config]);
    assert!(read_all(&repository, &first, "a.sql") == noise(1, 300_000));
    assert_eq!(checked(&home).unreadable, unreadable);
    prune_is_refused(&home, "the config cannot be read");
    let refused = repository.archive_streams(&part("b3"), vec![stream("a", noise(3, 1000))], &gate());
    assert!(matches!(refused, Err(Error::Damaged { kind: FileKind::Config, .. })), "{refused:?}");
    let other = Home::new();
    assert!(matches!(Repository::open(home.place(), &other.secrets), Err(Error::WrongKey { .. })));
    flip(&config, 40);
    assert!(checked(&home).is_fine());
}

fn trees(disk: &Path) -> Trees {
    Trees { trees: vec![Tree { disk: disk.to_owned(), path: "volumes/files".to_owned() }], ..Trees::default() }
}

#[test]
fn a_damaged_pack_is_named_with_what_it_damages_and_the_rest_is_rescued() {
    let home = Home::new();
    let (one, two) = (home.folder.path().join("one"), home.folder.path().join("two"));
    for (folder, seed) in [(&one, 1), (&two, 2)] {
        fs::create_dir(folder).expect("a folder");
        for number in 0..4 {
            fs::write(folder.join(format!("file {number}")), noise(seed * 10 + number, 600_000)).expect("written");
        }
    }
    let repository = home.open();
    let first = repository.archive_trees(&part("b1"), &trees(&one), &gate()).expect("archived");
    let packs = home.files(FileKind::Pack);
    let second = repository.archive_trees(&part("b2"), &trees(&two), &gate()).expect("archived");
    let fine = repository.check(ReadData::All).expect("checked");
    assert!(fine.is_fine() && fine.packs_read == fine.packs, "{fine:?}");

    // One blob of the first backup's data is damaged.
    let pack = packs.iter().max_by_key(|pack| fs::metadata(pack).expect("there").len()).expect("a pack");
    let mut content = fs::read(pack).expect("read");
    content[700_000] ^= 1;
    fs::write(pack, content).expect("written");
    let blind = repository.check(ReadData::Nothing).expect("checked");
    assert!(blind.is_fine(), "nobody has looked: {blind:?}");
    let seen = (0..3).map(|part| repository.check(ReadData::Part { part, of: 3 }).expect("checked"));
    let seen: Vec<_> = seen.collect();
    assert_eq!(seen.iter().filter(|report| !report.is_fine()).count(), 1);
    assert_eq!(seen.iter().map(|report| report.packs_read).sum::<u64>(), fine.packs);

    let report = repository.check(ReadData::All).expect("checked");
    let name = pack.file_name().expect("a name").to_string_lossy().into_owned();
    assert_eq!(report.damaged_packs.iter().map(|pack| pack.pack.to_string()).collect::<Vec<_>>(), [name]);
    let [damaged] = report.damaged.as_slice() else { panic!("one backup: {report:?}") };
    assert_eq!(damaged.owner, SnapshotOwner::Backup(id("b1")));
    assert_eq!(damaged.paths.len(), 1, "{damaged:?}");

    let to = home.folder.path().join("to");
    let restore = |snapshot, name: &str, on_damage| {
        let options = RestoreOptions { on_damage, ..RestoreOptions::default() };
        repository.restore_tree(snapshot, "volumes/files", &to.join(name), &options)
    };
    let failed = restore(&first.snapshot, "stop", OnDamage::Stop).expect_err("damaged");
    assert!(matches!(&failed, Error::Unreadable { path, .. } if path.contains("/stop/file ")), "{failed}");
    let rescued = restore(&first.snapshot, "go on", OnDamage::GoOn).expect("rescued");
    assert_eq!((rescued.files, rescued.damaged.len()), (3, 1), "{rescued:?}");
    restore(&second.snapshot, "whole", OnDamage::Stop).expect("the other one is whole");
    are_equal(&two, &to.join("whole"));
}
