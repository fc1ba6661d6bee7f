//! Folders in and out, compared with stock restic.

mod common;
#[path = "common/watched.rs"]
mod watched;

use common::{Home, are_equal, gate, noise, part, part_at};
use fleet_repository::backend::FolderBackend;
use fleet_repository::{Error, Existing, FileKind, Kind, Repository, RestoreOptions, Tree, Trees};
use proptest::prelude::*;
use sha2::{Digest, Sha256};
use std::ffi::OsStr;
use std::fs;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use watched::{Call, Watched};

fn trees(disk: &Path) -> Trees {
    Trees { trees: vec![Tree { disk: disk.to_owned(), path: "volumes/files".to_owned() }], ..Trees::default() }
}

/// A folder with one of everything.
fn make(root: &Path) {
    fs::create_dir_all(root.join("deep/er")).expect("folders");
    fs::create_dir_all(root.join("a")).expect("folders");
    // Sorted by parts of the path, this comes after the content of `a`.
    fs::write(root.join("a.txt"), "beside").expect("written");
    fs::write(root.join("a/b"), "inside").expect("written");
    fs::write(root.join("empty"), "").expect("written");
    fs::write(root.join("deep/er/large"), noise(3, 5_000_000)).expect("written");
    fs::write(root.join("zeros"), vec![0; 3_000_000]).expect("written");
    // Holes at both ends, and data between that is not on a block's edge.
    let sparse = fs::File::create(root.join("sparse")).expect("made");
    std::os::unix::fs::FileExt::write_all_at(&sparse, &noise(4, 10_000), 2_000_001).expect("written");
    sparse.set_len(5_000_003).expect("a hole");
    fs::write(root.join("quo\"te\\and\nline ä"), "named").expect("written");
    fs::hard_link(root.join("deep/er/large"), root.join("other name")).expect("linked");
    symlink("a/b", root.join("link")).expect("linked");
    symlink("/nowhere", root.join("dangling")).expect("linked");
    let pipe = Command::new("mkfifo").arg(root.join("pipe")).status().expect("mkfifo runs");
    assert!(pipe.success());
    let set = |name: &str, mode| fs::set_permissions(root.join(name), fs::Permissions::from_mode(mode)).expect("mode");
    set("a.txt", 0o4751);
    set("deep", 0o1777);
    set("empty", 0o000);
    std::os::unix::fs::chown(root.join("a/b"), Some(1234), Some(5678)).expect("given away");
    // Not every file system keeps these.
    let _ = xattr::set(root.join("a.txt"), "user.kind", b"text\0\xff");
    let touched = Command::new("touch").args(["-d", "2001-02-03T04:05:06.123456789Z"]).arg(root.join("a")).status();
    assert!(touched.expect("touch runs").success());
}

/// Describes a file, without the properties that no restore can set.
fn describe(path: &Path) -> String {
    let meta = fs::symlink_metadata(path).expect("there");
    let kind = meta.file_type();
    let link = fs::read_link(path).map(|to| to.display().to_string()).unwrap_or_default();
    let xattrs: Vec<_> = xattr::list(path).map(Iterator::collect).unwrap_or_default();
    format!(
        "{:o} {}:{} {}.{:09} {} fifo {} links {} {link} {xattrs:?}",
        meta.mode(),
        meta.uid(),
        meta.gid(),
        meta.mtime(),
        meta.mtime_nsec(),
        if meta.is_dir() { 0 } else { meta.len() },
        kind.is_fifo(),
        if meta.is_dir() { 0 } else { meta.nlink() },
    )
}

fn describe_all(root: &Path) -> Vec<(String, String)> {
    let found = Command::new("find").arg(root).args(["-printf", "%P\\0"]).output().expect("find runs").stdout;
    let names = String::from_utf8(found).expect("names");
    let mut all: Vec<_> = names.split('\0').map(|name| (name.to_owned(), describe(&root.join(name)))).collect();
    all.sort();
    all.dedup();
    all
}

#[test]
fn a_folder_comes_back_with_all_that_describes_it() {
    let home = Home::new();
    let (from, to) = (home.folder.path().join("from"), home.folder.path().join("to"));
    make(&from);
    let repository = home.open();
    let archived = repository.archive_trees(&part("b1"), &trees(&from), &gate()).expect("archived");
    assert_eq!((archived.vanished, archived.changed, archived.skipped), (0, 0, 0), "{:?}", archived.notes);
    let restored = repository
        .restore_tree(&archived.snapshot, "volumes/files", &to, &RestoreOptions::default())
        .expect("restored");
    assert_eq!(describe_all(&from), describe_all(&to));
    for folder in [&from, &to] {
        fs::remove_file(folder.join("pipe")).expect("removed: nobody can compare its content");
    }
    are_equal(&from, &to);
    let size = archived.by_tree["volumes/files"];
    assert_eq!((restored.files + restored.others, restored.bytes), (size.files, size.bytes), "counted alike");
    assert_eq!((archived.files, archived.bytes), (size.files, size.bytes));
    assert_eq!(restored.folders, 3);
    for sparse in ["zeros", "sparse"] {
        let blocks = fs::metadata(to.join(sparse)).expect("there").blocks();
        assert!(blocks * 512 < 2_500_000, "{blocks} blocks for zeros");
    }
}

#[test]
fn stock_restic_restores_our_folders() {
    let home = Home::new();
    let (from, to) = (home.folder.path().join("from"), home.folder.path().join("to"));
    make(&from);
    fs::remove_file(from.join("pipe")).expect("removed: diff cannot read it");
    let archived = home.open().archive_trees(&part("b1"), &trees(&from), &gate()).expect("archived");
    home.restic_is_content(&["check", "--read-data"]);
    let target = to.display().to_string();
    home.restic_is_content(&["restore", "--verify", &archived.snapshot.to_string(), "--target", &target]);
    are_equal(&from, &to.join("volumes/files"));
    assert_eq!(describe_all(&from), describe_all(&to.join("volumes/files")));
}

#[test]
fn what_has_not_changed_is_not_read_again() {
    let home = Home::new();
    let from = home.folder.path().join("from");
    make(&from);
    let repository = home.open();
    let first = repository.archive_trees(&part_at("b1", 1_000), &trees(&from), &gate()).expect("archived");
    let latest = repository.latest(Kind::Files).expect("parts").expect("a part");
    assert_eq!(latest.snapshot, first.snapshot);
    let again = Trees { parent: Some(first.snapshot), ..trees(&from) };
    let second = repository.archive_trees(&part_at("b2", 2_000), &again, &gate()).expect("archived");
    assert_eq!((second.files, second.bytes), (first.files, first.bytes));
    assert!(second.added < 2_000, "{} bytes were added", second.added);
    fs::write(from.join("new"), noise(9, 100_000)).expect("written");
    let third = repository.archive_trees(&part_at("b3", 3_000), &again, &gate()).expect("archived");
    assert!((100_000..110_000).contains(&third.added), "{} bytes were added", third.added);
}

#[test]
fn a_sample_hashes_the_same_files_for_the_same_seed() {
    let home = Home::new();
    let from = home.folder.path().join("from");
    make(&from);
    let repository = home.open();
    let sampled = |seed| {
        let trees = Trees { sample: 3, seed, ..trees(&from) };
        repository.archive_trees(&part("b1"), &trees, &gate()).expect("archived").sample
    };
    let sample = sampled(1);
    assert_eq!(sample.len(), 3);
    assert_eq!(sample, sampled(1));
    assert!((2..20).any(|seed| sampled(seed) != sample));
    for hash in sample {
        let below = hash.path.strip_prefix("/volumes/files/").expect("below");
        let content = fs::read(from.join(below)).expect("read");
        let sum = data_encoding::HEXLOWER.encode(&Sha256::digest(&content));
        assert_eq!((hash.bytes, hash.sha256), (content.len() as u64, sum));
    }
}

#[test]
fn excludes_leave_out_what_they_name() {
    let home = Home::new();
    let from = home.folder.path().join("from");
    make(&from);
    let excludes = ["/volumes/files/deep", "**/*.txt", "/volumes/files/other name"].map(str::to_owned).to_vec();
    let repository = home.open();
    let trees = Trees { excludes, ..trees(&from) };
    let archived = repository.archive_trees(&part("b1"), &trees, &gate()).expect("archived");
    let names: Vec<_> = repository.list(&archived.snapshot, "volumes/files").expect("listed");
    let names: Vec<_> = names.into_iter().map(|entry| entry.name).collect();
    assert_eq!(names, ["a", "dangling", "empty", "link", "pipe", "quo\"te\\and\nline ä", "sparse", "zeros"]);
}

#[test]
fn a_folder_that_is_not_there_fails_the_run() {
    let home = Home::new();
    let repository = home.open();
    let missing = trees(&home.folder.path().join("no such folder"));
    let failed = repository.archive_trees(&part("b1"), &missing, &gate()).expect_err("it failed");
    assert!(matches!(&failed, Error::Source { name, .. } if name.ends_with("no such folder")), "{failed}");
    assert!(home.files(FileKind::Snapshot).is_empty());
}

#[test]
fn a_link_in_the_place_of_a_folder_fails_the_run() {
    let (home, disk) = (Home::new(), tempfile::tempdir().expect("a folder"));
    fs::create_dir(disk.path().join("real")).expect("a folder");
    fs::write(disk.path().join("real/measured"), "years of it").expect("written");
    symlink("real", disk.path().join("data")).expect("linked");
    let failed = home.open().archive_trees(&part("b1"), &trees(&disk.path().join("data")), &gate());
    let failed = failed.expect_err("a bare link is no backup of a folder").to_string();
    assert!(failed.contains("data"), "{failed}");
    assert!(home.files(FileKind::Snapshot).is_empty());
}

#[test]
fn a_file_that_cannot_be_read_fails_the_run() {
    let home = Home::new();
    // The system lets no process read this file, not even root's.
    let unreadable = trees(Path::new("/sys/bus/cpu/uevent"));
    let failed = home.open().archive_trees(&part("b1"), &unreadable, &gate()).expect_err("it failed");
    assert!(matches!(&failed, Error::Source { name, .. } if name == "/sys/bus/cpu/uevent"), "{failed}");
    assert!(home.files(FileKind::Snapshot).is_empty());
}

#[test]
fn what_is_in_the_way_stays_unless_it_is_to_be_replaced() {
    let home = Home::new();
    let (from, to, outside) =
        (home.folder.path().join("from"), home.folder.path().join("to"), home.folder.path().join("outside"));
    make(&from);
    let repository = home.open();
    let archived = repository.archive_trees(&part("b1"), &trees(&from), &gate()).expect("archived");
    fs::create_dir_all(&to).expect("a folder");
    fs::create_dir_all(&outside).expect("a folder");
    fs::write(to.join("mine"), "not in the backup").expect("written");
    fs::write(to.join("zeros"), "in the way").expect("written");
    // A link where a folder belongs would lead everything in it elsewhere.
    symlink(&outside, to.join("deep")).expect("linked");
    let restore = |existing| {
        let options = RestoreOptions { existing, ..RestoreOptions::default() };
        repository.restore_tree(&archived.snapshot, "volumes/files", &to, &options)
    };
    let refused = restore(Existing::Refuse).expect_err("refused");
    assert!(matches!(refused, Error::Refused { .. }), "{refused}");
    assert_eq!(fs::read(to.join("zeros")).expect("there"), b"in the way");
    restore(Existing::Replace).expect("restored");
    assert_eq!(fs::read(to.join("mine")).expect("there"), b"not in the backup");
    assert_eq!(fs::read_dir(&outside).expect("there").count(), 0);
    for extra in [to.join("mine"), to.join("pipe"), from.join("pipe")] {
        fs::remove_file(extra).expect("removed");
    }
    are_equal(&from, &to);
}

#[test]
fn a_full_disk_is_an_error_that_names_the_file() {
    let home = Home::new();
    let from = home.folder.path().join("from");
    make(&from);
    let repository = home.open();
    let archived = repository.archive_trees(&part("b1"), &trees(&from), &gate()).expect("archived");
    let small = home.folder.path().join("small");
    fs::create_dir(&small).expect("a folder");
    let mount = Command::new("mount").args(["-t", "tmpfs", "-o", "size=2m", "tmpfs"]).arg(&small).status();
    assert!(mount.expect("mount runs").success(), "this test needs root");
    let failed = repository.restore_tree(&archived.snapshot, "volumes/files", &small, &RestoreOptions::default());
    let unmounted = Command::new("umount").arg(&small).status().expect("umount runs");
    assert!(unmounted.success());
    let failed = failed.expect_err("the disk is full");
    let names_one = |path: &Path| path.starts_with(&small) && path != small;
    assert!(matches!(&failed, Error::Disk { path, .. } if names_one(path)), "{failed}");
}

#[test]
fn many_small_files_come_from_afar_in_few_reads() {
    let home = Home::new();
    let (from, to) = (home.folder.path().join("from"), home.folder.path().join("to"));
    fs::create_dir(&from).expect("a folder");
    for number in 0..500 {
        fs::write(from.join(format!("{number:03}")), noise(number, 5_000)).expect("written");
    }
    let archived = home.open().archive_trees(&part("b1"), &trees(&from), &gate()).expect("archived");
    let reads = Arc::new(AtomicU64::new(0));
    let counted = reads.clone();
    let see = move |call: Call<'_>| {
        counted.fetch_add(u64::from(call == Call::ReadRange), Ordering::SeqCst);
        Ok(())
    };
    let far = Arc::new(Watched { place: FolderBackend::new(home.path()), ahead: 4 << 20, see });
    let repository = Repository::open(far, &home.secrets).expect("opened");
    repository.restore_tree(&archived.snapshot, "volumes/files", &to, &RestoreOptions::default()).expect("restored");
    are_equal(&from, &to);
    let reads = reads.load(Ordering::SeqCst);
    assert!(reads <= 12, "{reads} reads");
}

/// Generates a tree: paths with their content.
fn any_tree() -> impl Strategy<Value = Vec<(Vec<String>, u64, usize)>> {
    let name = prop_oneof![Just("a".to_owned()), Just("a.b".to_owned()), Just("ä".to_owned()), "[a-z -]{1,4}"];
    let sizes = prop_oneof![Just(0_usize), 1..100_usize, 4000..5000_usize, Just(1_500_000)];
    prop::collection::vec((prop::collection::vec(name, 1..4), 0..6_u64, sizes), 0..20)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn whatever_goes_in_comes_out(tree in any_tree(), change in any_tree()) {
        let home = Home::new();
        let repository = home.open();
        let from = home.folder.path().join("from");
        fs::create_dir(&from).expect("a folder");
        let mut parent = None;
        for (number, files) in [tree, change].into_iter().enumerate() {
            for (path, seed, size) in files {
                let file = from.join(path.join("/"));
                // A name may be taken, by a folder or by a file that this one would have to be in.
                if file.parent().is_some_and(|folder| fs::create_dir_all(folder).is_ok()) && !file.is_dir() {
                    fs::write(&file, noise(seed, size)).expect("written");
                }
            }
            let trees = Trees { parent, ..trees(&from) };
            let archived = repository.archive_trees(&part(&format!("b{number}")), &trees, &gate()).expect("archived");
            let to = home.folder.path().join(format!("to {number}"));
            let restored = repository.restore_tree(&archived.snapshot, "volumes/files", &to, &RestoreOptions::default());
            let restored = restored.expect("restored");
            let size = archived.by_tree["volumes/files"];
            prop_assert_eq!((restored.files + restored.others, restored.bytes), (size.files, size.bytes));
            are_equal(&from, &to);
            prop_assert_eq!(describe_all(&from), describe_all(&to));
            parent = Some(archived.snapshot);
        }
        let report = repository.check(fleet_repository::ReadData::All).expect("checked");
        prop_assert!(report.is_fine(), "{:?}", report);
    }
}

#[test]
fn a_file_whose_name_is_no_utf8_is_listed_and_read_by_its_bytes() {
    let home = Home::new();
    let from = home.folder.path().join("from");
    let name = b"bad\xff\xfename";
    fs::create_dir_all(from.join(OsStr::from_bytes(b"in\xff"))).expect("folders");
    fs::write(from.join(OsStr::from_bytes(b"in\xff")).join(OsStr::from_bytes(name)), "kept").expect("written");
    let repository = home.open();
    let archived = repository.archive_trees(&part("b1"), &trees(&from), &gate()).expect("archived");
    let folder = OsStr::from_bytes(b"volumes/files/in\xff");
    let listed = repository.list(&archived.snapshot, folder).expect("listed");
    assert_eq!(listed.iter().map(|entry| entry.exact.as_slice()).collect::<Vec<_>>(), [name]);
    let path = Path::new(folder).join(OsStr::from_bytes(name));
    let mut content = String::new();
    repository.read_stream(&archived.snapshot, &path).expect("opened").read_to_string(&mut content).expect("read");
    assert_eq!(content, "kept");
}
