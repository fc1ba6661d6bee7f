//! Archiving and restoring with no more rights than the agent's unit leaves it.

#![allow(
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "it says why it has nothing to say, and how far its other process came"
)]

mod common;

use common::{Home, part};
use fleet_core::backup::{ArchiveNote, Privileges, RestoreNote};
use fleet_repository::{Gate, RestoreOptions, Tree, Trees};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

/// Names the folder that the process with less rights works on.
const FOLDER: &str = "FLEET_TEST_LIMITED_FOLDER";
/// Revision 2, effective, CAP_NET_RAW permitted: `linux/capability.h`, `vfs_cap_data`.
const CAP_NET_RAW: [u8; 20] = [1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

/// Returns the capabilities of the agent's systemd unit, in the format of `setpriv`.
fn bounding_set() -> String {
    let unit = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/fleet-agent.service");
    let unit = fs::read_to_string(unit).expect("the unit is there");
    let line = unit.lines().find_map(|line| line.strip_prefix("CapabilityBoundingSet=")).expect("it has a line");
    let names = line.split_whitespace().map(|name| name.trim_start_matches("CAP_").to_lowercase());
    names.fold("-all".to_owned(), |set, name| format!("{set},+{name}"))
}

/// Makes a folder with entries that need privileges; returns false if this process lacks them.
fn prepared(folder: &Path) -> bool {
    let made = |words: &[&str]| {
        Command::new(words[0]).args(&words[1..]).current_dir(folder).status().is_ok_and(|status| status.success())
    };
    fs::create_dir(folder).expect("made");
    fs::write(folder.join("measured"), "years of it").expect("written");
    fs::write(folder.join("ping"), "program").expect("written");
    fs::write(folder.join("root-shell"), "program").expect("written");
    fs::set_permissions(folder.join("root-shell"), fs::Permissions::from_mode(0o4755)).expect("set");
    symlink("measured", folder.join("link")).expect("linked");
    made(&["mkfifo", "pipe"])
        && made(&["mknod", "disk", "b", "7", "200"])
        && made(&["mknod", "null", "c", "1", "3"])
        && xattr::set(folder.join("ping"), "security.capability", &CAP_NET_RAW).is_ok()
}

#[test]
fn what_the_agent_as_shipped_cannot_put_back_is_named_and_all_else_comes() {
    let folder = tempfile::tempdir().expect("a folder");
    if !prepared(&folder.path().join("from")) {
        eprintln!("this process may make no device and set no capability: this test has nothing to say");
        return;
    }
    let mut limited = Command::new("setpriv");
    limited.args(["--bounding-set", &bounding_set(), "--inh-caps=-all", "--ambient-caps=-all", "--no-new-privs"]);
    limited.arg(std::env::current_exe().expect("it is this one"));
    limited.args(["--exact", "archives_and_restores", "--nocapture"]).env(FOLDER, folder.path());
    let ended = limited.output().expect("setpriv runs");
    let said = format!("{}{}", String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
    assert!(ended.status.success(), "{said}");
    assert!(said.contains("limited: done"), "{said}");
}

/// The part that is done with less rights; on its own it has nothing to do.
#[test]
fn archives_and_restores() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let (from, to) = (Path::new(&folder).join("from"), Path::new(&folder).join("to"));
    let home = Home::new();
    let trees = Trees { trees: vec![Tree { disk: from.clone(), path: "files".to_owned() }], ..Trees::default() };
    let archived = home.open().archive_trees(&part("b1"), &trees, &Arc::new(Gate::default())).expect("archived");
    let path = |name: &str| from.join(name).display().to_string();
    for expected in [
        ArchiveNote::Device { path: path("disk") },
        ArchiveNote::Device { path: path("null") },
        ArchiveNote::CapabilitiesNotRestorable { path: path("ping") },
    ] {
        assert!(archived.notes.contains(&expected), "{expected}: {:?}", archived.notes);
    }
    assert_eq!((archived.skipped, archived.files), (2, 5));
    let restore = |to: &Path, privileges| {
        let options = RestoreOptions { privileges, ..RestoreOptions::default() };
        home.open().restore_tree(&archived.snapshot, "files", to, &options).expect("restored")
    };
    let restored = restore(&to, Privileges::Kept);
    assert_eq!((restored.files, restored.others, restored.left_out), (3, 2, 0));
    let path = to.join("ping").display().to_string();
    assert_eq!(restored.remarks, [RestoreNote::CapabilitiesNotSet { path }]);
    assert_eq!(fs::read_to_string(to.join("measured")).expect("it came"), "years of it");
    let mode = |path: &Path| fs::metadata(path).expect("it came").mode() & 0o7777;
    assert_eq!(mode(&to.join("root-shell")), 0o4755);
    let other = to.with_file_name("other-host");
    let restored = restore(&other, Privileges::Cleared);
    assert_eq!(mode(&other.join("root-shell")), 0o755);
    assert_eq!(restored.remarks.len(), 2, "{:?}", restored.remarks);
    println!("limited: done");
}

#[test]
fn devices_of_older_backups_are_never_made() {
    // A snapshot as older versions wrote it is made with stock restic, which keeps devices.
    let folder = tempfile::tempdir().expect("a folder");
    if !prepared(&folder.path().join("from")) {
        eprintln!("this process may make no device: this test has nothing to say");
        return;
    }
    let home = Home::new();
    home.restic_is_content(&["backup", &folder.path().join("from").display().to_string()]);
    let snapshots = home.files(fleet_repository::FileKind::Snapshot);
    let name = snapshots[0].file_name().and_then(|name| name.to_str()).expect("an id");
    let (to, path) = (folder.path().join("to"), folder.path().join("from").display().to_string());
    let restored = home.open().restore_tree(&name.parse().expect("an id"), &path, &to, &RestoreOptions::default());
    let restored = restored.expect("all else comes");
    assert_eq!((restored.files, restored.others, restored.left_out), (3, 2, 2));
    assert!(!to.join("disk").exists() && !to.join("null").exists());
    assert_eq!(fs::read_to_string(to.join("measured")).expect("it came"), "years of it");
    assert_eq!(xattr::get(to.join("ping"), "security.capability").expect("read"), Some(CAP_NET_RAW.to_vec()));
}

#[test]
fn what_no_path_reaches_is_named_and_all_else_is_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let from = folder.path().join("from");
    fs::create_dir(&from).expect("made");
    fs::write(from.join("measured"), "years of it").expect("written");
    // Each step is a short path of its own.
    let python = "import os\nname='n'*250\nfor _ in range(20):\n    os.mkdir(name); os.chdir(name)\nopen('file','w').write('deep')\n";
    let made = Command::new("python3").args(["-c", python]).current_dir(&from).status();
    assert!(made.expect("python3 runs").success());
    let home = Home::new();
    let trees = Trees { trees: vec![Tree { disk: from.clone(), path: "files".to_owned() }], ..Trees::default() };
    let archived = home.open().archive_trees(&part("b1"), &trees, &Arc::new(Gate::default())).expect("archived");
    let notes = &archived.notes;
    assert!(matches!(&notes[..], [ArchiveNote::PathTooLong { path }] if path.len() < 500), "{notes:?}");
    let to = folder.path().join("to");
    home.open().restore_tree(&archived.snapshot, "files", &to, &RestoreOptions::default()).expect("restored");
    assert_eq!(fs::read_to_string(to.join("measured")).expect("it came"), "years of it");
}
