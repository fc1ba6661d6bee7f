//! Following a recovery sheet with stock restic alone, and taking single files out.

use crate::harness::{DAY, Harness, id, noise, read};
use fleet_coordinator::repositories::RepositoryServiceError;
use fleet_coordinator::store::Batch;
use fleet_core::names::RepositoryName;
use fleet_core::undeliverable_reason::UndeliverableReason;
use futures_util::StreamExt;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

/// Tools that a person needs for the first two steps; none of them is ours.
const TOOLS: [&str; 3] = ["restic", "sh", "cat"];

/// Runs the sheet's commands literally, on a machine with only these tools.
fn follow(sheet: &str, at: &Path) {
    let bin = at.join("bin");
    fs::create_dir(&bin).expect("it is new");
    for tool in TOOLS {
        let place = ["/usr/bin", "/bin", "/usr/local/bin"].map(|folder| Path::new(folder).join(tool));
        let found = place.into_iter().find(|place| place.exists()).unwrap_or_else(|| panic!("{tool} is installed"));
        symlink(found, bin.join(tool)).expect("it is new");
    }
    let steps = sheet.split("3. Put each store back").next().expect("there is something before");
    let commands: Vec<&str> = steps.lines().filter_map(|line| line.strip_prefix("    ")).collect();
    let place = commands.iter().position(|line| !line.starts_with(' ')).expect("there are commands");
    let script = commands[place..].iter().filter(|line| !line.starts_with(' ')).copied().collect::<Vec<_>>().join("\n");
    let script = format!("set -eu\n{script}\n");
    let mut shell = Command::new("sh");
    shell.args(["-c", &script]).current_dir(at).env_clear().env("PATH", &bin).env("HOME", at);
    let output = shell.output().expect("a shell can be started");
    assert!(output.status.success(), "{script}\n{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
async fn whoever_follows_the_sheet_gets_the_data_back_without_anything_of_ours() {
    let harness = Harness::new().await;
    let content = noise(2, 1_500_000);
    harness.backup(1, 2 * DAY, b"SELECT 1;").await;
    let manifest = harness.backup(2, DAY, &content).await;
    let kits = harness.repository_service.recovery_kits(&[].into()).await.expect("they can be written").made;
    assert_eq!(kits.len(), 1);
    let kit = &kits[0];
    assert_eq!(kit.place, harness.folder().display().to_string());
    assert!(!format!("{kit:?}").contains(&kit.password.0));
    let at = tempfile::tempdir().expect("a directory can be made");
    follow(&kit.text.0, at.path());
    assert!(fs::read(at.path().join("dumps/db.sql")).expect("it was restored") == content);
    assert_eq!(fs::read_to_string(at.path().join("files/files/note.txt")).expect("it was restored"), "note 2");
    let found = fs::read(at.path().join("manifest.json")).expect("it was restored");
    assert_eq!(serde_json::from_slice::<fleet_core::backup::Manifest>(&found).expect("it is one"), manifest);
    assert!(
        kit.text.0.contains("psql -X -v ON_ERROR_STOP=1 --single-transaction -U postgres -d NAME -f 'dumps/db.sql'")
    );
    assert!(!kit.text.0.contains("hunter2"), "values are in the backup, not on the sheet");
}

#[tokio::test]
async fn a_repository_that_cannot_be_read_has_a_sheet_of_what_was_told() {
    let harness = Harness::new().await;
    harness.backup(1, DAY, b"SELECT 1;").await;
    fs::rename(harness.folder(), harness.home.path().join("away")).expect("it can be moved");
    let kits =
        harness.repository_service.recovery_kits(&[read("notes-1")].into()).await.expect("they can be written").made;
    assert!(kits[0].text.0.contains(&format!("BACKUP={}", id(1))), "{}", kits[0].text.0);
    assert!(
        harness
            .repository_service
            .recovery_kits(&[read("notes-9")].into())
            .await
            .expect("there is none")
            .made
            .is_empty()
    );
}

#[tokio::test]
async fn a_sheet_names_the_newest_backup_that_can_be_read() {
    let harness = Harness::new().await;
    let snapshots = || -> std::collections::BTreeSet<std::path::PathBuf> {
        let found = fs::read_dir(harness.folder().join("snapshots")).expect("it is a repository");
        found.map(|entry| entry.expect("it can be read").path()).collect()
    };
    harness.backup(1, 2 * DAY, b"SELECT 1;").await;
    let before = snapshots();
    harness.backup(2, DAY, b"SELECT 2;").await;
    for newer in snapshots().difference(&before) {
        fs::remove_file(newer).expect("it is there");
    }
    let kits =
        harness.repository_service.recovery_kits(&[read("notes-1")].into()).await.expect("they can be written").made;
    assert!(kits[0].text.0.contains(&format!("BACKUP={}", id(1))), "{}", kits[0].text.0);
}

#[tokio::test]
async fn one_sheet_that_cannot_be_written_keeps_nobody_from_the_others() {
    let harness = Harness::new().await;
    harness.backup(1, DAY, b"SELECT 1;").await;
    let offsite: RepositoryName = read("offsite");
    let mut keys = harness.repository_service.secrets().get(harness.facts.store(), &read("central"), &read("notes-1"));
    let keys = keys.as_mut().expect("it opens").take().expect("it is kept");
    let mut batch = Batch::new();
    harness.repository_service.secrets().put(&mut batch, &offsite, &read("notes-1"), &keys).expect("it can be sealed");
    harness.store.commit(batch).await.expect("the store is whole");
    let kits = harness.repository_service.recovery_kits(&[].into()).await.expect("the others can be written");
    assert_eq!(kits.made.len(), 1);
    let reason = UndeliverableReason::NoRepository(offsite.clone());
    assert_eq!(kits.failed, [(offsite, read("notes-1"), reason)]);
}

#[tokio::test]
async fn single_files_and_dumps_come_out_whole() {
    let harness = Harness::new().await;
    let content = noise(1, 2_500_000);
    harness.backup(1, DAY, &content).await;
    let opened =
        harness.repository_service.open(&read("central"), &read("notes-1"), &id(1)).await.expect("it is there");
    let names: Vec<String> = opened.list("").await.expect("it can be read").into_iter().map(|it| it.name).collect();
    assert_eq!(names, ["db.sql", "files"]);
    assert_eq!(opened.list("files").await.expect("it can be read").len(), 3);
    for (name, expect) in [("db", content.as_slice()), ("/db.sql", &content), ("files/note.txt", b"note 1")] {
        let mut pieces = opened.read(name).await.expect("it is there");
        let mut found = Vec::new();
        while let Some(piece) = pieces.next().await {
            found.extend_from_slice(&piece.expect("it comes whole"));
        }
        assert!(found == expect, "{name}");
    }
    for name in ["nothing", "files/nothing", "nowhere/nothing", "../config"] {
        let refused = opened.read(name).await.map(|_| ());
        assert!(
            matches!(refused, Err(RepositoryServiceError::Unreadable { .. } | RepositoryServiceError::Repository(_))),
            "{name}: {refused:?}"
        );
    }
}

#[tokio::test]
async fn a_file_whose_name_is_no_utf8_is_read_by_its_very_bytes() {
    let harness = Harness::new().await;
    harness.backup(1, DAY, b"SELECT 1;").await;
    let opened =
        harness.repository_service.open(&read("central"), &read("notes-1"), &id(1)).await.expect("it is there");
    // As people see them, the two have one name.
    for (name, expect) in
        [(&b"files/bad\xff\xfename"[..], &b"odd"[..]), ("/files/bad\u{fffd}\u{fffd}name".as_bytes(), b"another")]
    {
        let mut pieces = opened.read(OsStr::from_bytes(name)).await.expect("it is there");
        let mut found = Vec::new();
        while let Some(piece) = pieces.next().await {
            found.extend_from_slice(&piece.expect("it comes whole"));
        }
        assert_eq!(found, expect);
    }
    let refused = opened.read(OsStr::from_bytes(b"files/bad\xffname")).await.map(|_| ());
    assert!(refused.is_err_and(|error| error.to_string().contains("bad\u{fffd}name")));
}
