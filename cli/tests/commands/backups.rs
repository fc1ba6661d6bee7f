//! Backups: their health, requests about them, and restores.

use crate::environment::NOW;
use crate::fake::logged_in;
use crate::scene::{Scene, change, coded, progress};
use fleet_core::backup::{DataNote, DrillCheck, Keep, RetentionReason, VerifyFinding};
use fleet_core::backup_health::BackupProblem;
use fleet_core::change_result::ChangeResult;
use fleet_core::data_leftover::DataLeftover;
use fleet_core::names::RepositoryName;
use fleet_core::order_failure::OrderFailure;
use fleet_core::planned_change::PlannedChange;
use fleet_core::time::Time;
use fleet_proto::v1::*;
use insta::assert_snapshot;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

const HOUR: u64 = 3_600_000;

fn standing(number: u32, word: &str, reasons: &[BackupProblem]) -> BackupHealthView {
    BackupHealthView {
        instance: format!("notes-{number}"),
        host: format!("lab-{number}"),
        word: coded::<BackupLevel>(word),
        reasons: reasons.iter().cloned().map(Into::into).collect(),
        policy: "daily".to_owned(),
        newest_ms: if word == "never" { 0 } else { NOW - 9 * HOUR },
        proven_ms: if word == "ok" { NOW - 33 * HOUR } else { 0 },
        bytes: 3 << 30,
        added: 70 << 20,
        copies: vec![CopyView { repository: "central".to_owned(), newest_ms: NOW - 9 * HOUR, ..Default::default() }],
        next: NextBackup::At.into(),
        next_ms: NOW + 15 * HOUR,
        covered: 2,
        declared: 2,
        ..Default::default()
    }
}

fn backup() -> BackupView {
    let copy = |repository: &str, kept: bool, why: &[RetentionReason]| BackupCopyView {
        repository: repository.to_owned(),
        proof_ms: NOW - HOUR,
        checks: vec![
            DrillCheck::Counted { store: "db".parse().expect("a name"), item: "notes".to_owned(), count: 120 }.into(),
        ],
        kept,
        why: why.iter().cloned().map(Into::into).collect(),
        ..Default::default()
    };
    BackupView {
        id: "3f9a12bc0011223344556677".to_owned(),
        instance: "notes-1".to_owned(),
        host: "lab-1".to_owned(),
        app: "labnotes".to_owned(),
        version: "1.1".to_owned(),
        began_ms: NOW - 9 * HOUR,
        ended_ms: NOW - 9 * HOUR + 90_000,
        cause: BackupCause::Scheduled.into(),
        bytes: 3 << 30,
        added: 70 << 20,
        covered: 2,
        declared: 2,
        copies: vec![
            copy("central", true, &[RetentionReason::Newest, RetentionReason::Last { number: 1, limit: 3 }]),
            copy("offsite", false, &[RetentionReason::NotKept(Keep { last: 3, ..Keep::default() })]),
        ],
        ..Default::default()
    }
}

#[test]
fn what_is_not_ok_stands_first_and_ends_with_one() {
    let standing = vec![standing(2, "never", &[BackupProblem::NoBackup]), standing(1, "ok", &[])];
    let (_fake, environment) = logged_in(Scene { standing, ..Default::default() });
    assert_snapshot!(environment.run("fleet backup status").text(), @r"
    exit 1
    stdout:
    INSTANCE  BACKUPS  NEWEST  PROVEN  SIZE     ADDED     COPIES   NEXT    STORES
    notes-2   never    -       -       3.0 GiB  70.0 MiB  central  in 15h  2/2
    notes-1   ok       9h      33h     3.0 GiB  70.0 MiB  central  in 15h  2/2

    stderr:
    notes-2: never: there is no backup of it
    2 instances: 1 ok, 1 never
    ");
    assert_snapshot!(environment.run("fleet backup status -o name").text(), @r"
    exit 1
    stdout:
    notes-2
    notes-1
    ");
}

#[test]
fn when_all_is_ok_it_ends_with_nothing() {
    let (fake, environment) = logged_in(Scene { standing: vec![standing(1, "ok", &[])], ..Default::default() });
    assert!(environment.run("fleet backup status -l site=fr").text().starts_with("exit 0"));
    assert!(fake.heard().contains("selector: \"site=fr\""));
}

#[test]
fn each_copy_says_why_it_stays() {
    let (_fake, environment) = logged_in(Scene { backups: vec![backup()], ..Default::default() });
    assert_snapshot!(environment.run("fleet backup ls notes-1").text(), @r"
    exit 0
    stdout:
    BACKUP    AGE  IN       VERSION  CAUSE      SIZE     ADDED     PROVEN   STAYS
    3f9a12bc  9h   central  1.1      scheduled  3.0 GiB  70.0 MiB  60m ago  the newest, last 1 of 3
    3f9a12bc  9h   offsite  1.1      scheduled  3.0 GiB  70.0 MiB  60m ago  no: not among those that the policy keeps (3 last)
    ");
    assert_snapshot!(environment.run("fleet backup show 3f9a12").text(), @r"
    exit 0
    stdout:
    backup    3f9a12bc0011223344556677
    instance  notes-1 on lab-1
    release   labnotes@1.1
    began     2026-11-19T21:00:00Z, 9h ago
    took      90s
    cause     scheduled
    size      3.0 GiB, 70.0 MiB added
    stores    2 of 2

    copies
      central: stays, the newest, last 1 of 3
        proven 60m ago, in 0ms
          db: notes: 120
      offsite: may go, not among those that the policy keeps (3 last)
        proven 60m ago, in 0ms
          db: notes: 120

    parts
      STORE  ENGINE      SIZE     ADDED    TOOK  HOLDS
      db     postgresql  5.0 MiB  1.0 MiB  1s    120 rows
      old    postgresql  1.0 MiB  -        1s    -

    compared by a drill
      db: counts, 63 facts and rows of 5 tables; not compared: passwords, rows beyond the sample, contents of large objects, settings of the server
      old: only counts: nothing was noted at its server; not compared: passwords, rows beyond the sample, contents of large objects, settings of the server

    stood still
      web paused for 3s
    ");
    assert_snapshot!(environment.run("fleet backup diff 3f9a12 81c04e").text(), @r"
    exit 0
    stdout:
    store db: notes: 100 -> 120
    they differ in 1 of 2 stores
    ");
    assert_snapshot!(environment.run("fleet backup hold 3f9a12").text(), @r"
    exit 0
    stdout:
    3f9a12bc0011223344556677 of notes-1: held: nobody forgets it
    ");
    assert_snapshot!(environment.run("fleet backup show xyz").text(), @r"
    exit 2
    stderr:
    error: write the id of a backup, or at least its first 4 digits; `fleet backup ls` shows them
    hint: see `fleet backup show --help`
    ");
}

#[test]
fn a_backup_is_followed_to_its_end() {
    let scene = Scene {
        change: change(&[PlannedChange::DataRead("notes-1".parse().expect("a name"))], "0011"),
        progress: vec![progress("under way", "dumping db: 12.0 MiB"), progress("done", "")],
        ..Default::default()
    };
    let (fake, environment) = logged_in(scene);
    assert_snapshot!(environment.run("fleet backup now notes-1 --to offsite").text(), @r"
    exit 0
    stdout:
    notes-1: done

    stderr:
      notes-1: its data is read, and stays as it is
    06:00:00  notes-1  under way: dumping db: 12.0 MiB
    06:00:00  notes-1  done
    ");
    assert!(fake.heard().contains("to: [\"offsite\"]"));
    assert_snapshot!(environment.run("fleet backup now").text(), @r"
    exit 2
    stderr:
    error: the following required arguments were not provided: <INSTANCE>...
    hint: write `fleet backup now <INSTANCE>...`, or see `fleet backup now --help`
    ");
}

#[test]
fn a_drill_ends_with_what_was_proven() {
    let proven = ChangeResult::Proven {
        backup: "3f9a12bc0011223344556677".parse().expect("it is an id"),
        repository: "central".parse().expect("it is a name"),
        host: "lab-1".parse().expect("it is a name"),
        took: Duration::from_secs(40),
        checks: 5,
    };
    let over = ChangeProgress { result: Some(proven.into()), ..progress("done", "") };
    let scene = Scene { change: change(&[], "0011"), progress: vec![over], ..Default::default() };
    let (_fake, environment) = logged_in(scene);
    assert_snapshot!(environment.run("fleet --quiet backup drill notes-1").text(), @r"
    exit 0
    stdout:
    notes-1: done: backup 3f9a12bc0011223344556677 in central is proven: restored on lab-1 in 40s, 5 checks passed
    ");
}

#[test]
fn a_restore_is_shown_and_agreed_to_first() {
    let central: RepositoryName = "central".parse().expect("a name");
    let plan = [
        PlannedChange::SafetyBackup(vec![central.clone()]),
        PlannedChange::StoreReplaced {
            store: "db".parse().expect("a name"),
            backup: "3f9a12bc0011223344556677".parse().expect("an id"),
            began: Time(1_700_000_000_000),
            repository: central,
        },
    ];
    let scene = Scene {
        change: InstanceChange { backup: "3f9a12bc0011223344556677".to_owned(), ..change(&plan, "0011") },
        progress: vec![progress("done", "")],
        ..Default::default()
    };
    let (fake, environment) = logged_in(scene);
    assert_snapshot!(environment.run("fleet restore notes-1 --dry-run").text(), @r"
    exit 0
    stdout:
    what is there now: backed up into central
    store db: replaced by backup 3f9a12bc0011223344556677 of 2023-11-14T22:13:20Z in central

    stderr:
    this was a dry run: nothing was changed
    ");
    fake.heard();
    assert_snapshot!(environment.run("fleet restore notes-1").text(), @r"
    exit 2
    stderr:
      what is there now: backed up into central
      store db: replaced by backup 3f9a12bc0011223344556677 of 2023-11-14T22:13:20Z in central
    error: could not restore notes-1
      because it must be agreed to, and nobody can be asked: this is no terminal
    hint: add --yes to agree beforehand
    ");
    assert!(!fake.heard().contains("dry_run: false"), "nobody has agreed");
    assert_snapshot!(environment.run("fleet restore notes-1 --at 2026-11-19T18:00:00Z --yes").text(), @r"
    exit 0
    stdout:
    notes-1: done

    stderr:
      what is there now: backed up into central
      store db: replaced by backup 3f9a12bc0011223344556677 of 2023-11-14T22:13:20Z in central
    06:00:00  notes-1  done
    ");
    let heard = fake.heard();
    let restores: Vec<&str> = heard.lines().filter(|line| line.starts_with("RestoreRequest")).collect();
    assert_eq!(restores.len(), 2);
    assert!(restores[1].contains("backup: \"3f9a12bc0011223344556677\""), "the one that was shown: {}", restores[1]);
    assert!(environment.run("fleet restore notes-1 --to lab-7").text().starts_with("exit 2"));
}

#[test]
fn damage_ends_with_one() {
    let line = |state: &str| VerifyLine {
        repository: "central".to_owned(),
        instance: "notes-1".to_owned(),
        state: coded::<VerifyState>(state),
        finding: Some(VerifyFinding::Whole { read: 12, packs: 12 }.into()),
        first: None,
    };
    let (fake, environment) = logged_in(Scene { verified: vec![line("ok"), line("damaged")], ..Default::default() });
    assert!(environment.run("fleet backup verify notes-1 --read-data 5%").text().starts_with("exit 1"));
    assert!(fake.heard().contains("percent: 5"));
    assert!(environment.run("fleet backup verify --read-data 500%").text().starts_with("exit 2"));
}

#[test]
fn what_is_extracted_is_whole_or_not_there() {
    let pieces = vec![b"one ".to_vec(), b"two".to_vec()];
    let (fake, environment) = logged_in(Scene { pieces, ..Default::default() });
    let folder = tempfile::tempdir().expect("a folder can be made");
    let path = folder.path().join("notes.dump");
    let command = format!("fleet backup extract 3f9a12 --store db --output {}", path.display());
    assert!(environment.run(&command).text().starts_with("exit 0"));
    assert_eq!(std::fs::read(&path).expect("it is there"), b"one two");
    assert!(environment.run(&command).text().starts_with("exit 1"), "nothing is written over");
    std::fs::remove_file(&path).expect("it is there");
    fake.scene().breaks = 1;
    assert!(environment.run(&command).text().starts_with("exit 1"));
    assert_eq!(std::fs::read_dir(folder.path()).expect("it is there").count(), 0);
}

#[test]
fn what_a_restore_left_is_named_at_its_end_and_with_the_instance() {
    let (path, since) = ("/data/_data.before-1".to_owned(), Time(NOW));
    let left = DataLeftover::NotRemoved { path, since, cause: "Operation not permitted".to_owned() };
    let result = ChangeResult::Restored { more: 0, notes: vec![DataNote::Leftover { left }] };
    let over = ChangeProgress { result: Some(result.into()), ..progress("done", "") };
    let (_fake, environment) =
        logged_in(Scene { change: change(&[], "0011"), progress: vec![over], ..Default::default() });
    let printed = environment.run("fleet restore notes-1 --yes");
    let expected = "notes-1: done: the data of before its restore or upgrade could not be removed since 2026-11-20T06:00:00Z: \
                    `/data/_data.before-1`: Operation not permitted (`lsattr -R` on the host shows files that are protected by \
                    `chattr +i`); that is tried again every minute\n";
    assert_eq!(printed.stdout, expected, "{}", printed.stderr);
}

#[test]
fn a_file_to_extract_may_have_any_bytes_in_its_name() {
    let (fake, environment) = logged_in(Scene { pieces: vec![b"one".to_vec()], ..Default::default() });
    let folder = tempfile::tempdir().expect("a folder can be made");
    let output = folder.path().join("one").into_os_string();
    let words = ["fleet", "backup", "extract", "3f9a12", "--store", "files", "--path"].map(OsString::from);
    let path = OsString::from_vec(b"bad\xff\xfename".to_vec());
    let words: Vec<_> = words.into_iter().chain([path, "--output".into(), output]).collect();
    let printed = environment.run_words(&words);
    assert_eq!(printed.code, 0, "{}", printed.stderr);
    assert!(fake.heard().contains("path_bytes: [98, 97, 100, 255, 254, 110, 97, 109, 101]"), "{}", fake.heard());
}

#[test]
fn a_recovery_kit_is_for_its_owner_alone_and_stays_in_its_folder() {
    let (_fake, environment) = logged_in(Scene::default());
    let folder = tempfile::tempdir().expect("a folder can be made");
    let kit = folder.path().join("kit");
    let command = format!("fleet backup recovery-kit --to {}", kit.display());
    assert!(environment.run(&command).text().starts_with("exit 0"));
    let mode = |name: &str| kit.join(name).metadata().expect("it is there").permissions().mode() & 0o777;
    assert_eq!((mode("central-notes-1.txt"), mode("")), (0o600, 0o700));
    assert!(environment.run(&command).text().starts_with("exit 1"), "nothing is written over");
    let lacking = format!("fleet backup recovery-kit notes-1 notes-9 --to {}/some", folder.path().display());
    let said = environment.run(&lacking).text();
    assert!(said.starts_with("exit 1") && said.contains("some/central-notes-1.txt"), "{said}");
    assert!(said.contains("no kit: notes-9 in offsite: there is no repository `offsite`"), "{said}");
    let sealed = format!("fleet backup recovery-kit --to {}/sealed --age-recipient age1qz", folder.path().display());
    assert!(environment.run(&sealed).text().contains("central-notes-1.txt.age"));
}

#[test]
fn of_several_copies_it_is_said_how_many_are_as_they_should_be() {
    let copy = |repository: &str, problem: Option<&BackupProblem>| CopyView {
        repository: repository.to_owned(),
        newest_ms: NOW - 9 * HOUR,
        asked: true,
        problems: problem.cloned().map(Into::into).into_iter().collect(),
        ..Default::default()
    };
    let (repository, at) = ("offsite".parse().expect("a name"), Time(NOW));
    let why = BackupProblem::CopyFailed { repository, at, failure: Box::new(OrderFailure::other("it is full")) };
    let copies = vec![copy("central", None), copy("offsite", Some(&why))];
    let standing = vec![BackupHealthView { copies, ..standing(1, "failing", &[why]) }];
    let (_fake, environment) = logged_in(Scene { standing, ..Default::default() });
    let said = environment.run("fleet backup status").text();
    assert!(said.contains("1 of 2: central, offsite !"), "{said}");
    assert!(said.contains("notes-1: failing: its last copy to offsite failed at "), "{said}");
}
