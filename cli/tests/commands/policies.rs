//! When backups are taken, and where they are kept.

use crate::environment::NOW;
use crate::fake::logged_in;
use crate::scene::Scene;
use fleet_proto::v1::*;
use insta::assert_snapshot;

#[test]
fn a_policy_says_only_what_was_said() {
    let policy = BackupPolicyView {
        name: "night".to_owned(),
        schedule: "TZ=Europe/Berlin 5 4 * * *".to_owned(),
        keep: "3 last, 7 daily".to_owned(),
        max_age: "1d2h".to_owned(),
        drill: "7d".to_owned(),
        to: vec!["central".to_owned()],
        given_to: "site=de".to_owned(),
        instances: vec!["notes-1".to_owned()],
        next_ms: NOW + 3_600_000,
        ..Default::default()
    };
    let (fake, environment) = logged_in(Scene { policies: vec![policy], ..Default::default() });
    let set = "fleet backup policy set night --time-zone Europe/Berlin --max-age 26h --on site=de";
    assert_snapshot!(environment.run(set).text(), @r"
    exit 0
    stdout:
    policy    night
    schedule  TZ=Europe/Berlin 5 4 * * *, next in 60m
    keep      3 last, 7 daily
    max age   1d2h
    drill     every 7d
    to        central
    for       site=de

    instances
      notes-1
    ");
    let heard = fake.heard();
    assert!(heard.contains("max_age: Some(\"1d2h\")") && heard.contains("keep_daily: None"), "{heard}");
    assert_snapshot!(environment.run("fleet backup policy ls").text(), @r"
    exit 0
    stdout:
    POLICY  SCHEDULE                    KEEP             MAX-AGE  DRILL  TO       FOR      INSTANCES
    night   TZ=Europe/Berlin 5 4 * * *  3 last, 7 daily  1d2h     7d     central  site=de  1
    ");
    assert!(environment.run("fleet backup policy set night --time-zone Nowhere").text().starts_with("exit 2"));
    assert_snapshot!(environment.run("fleet backup policy rm night").text(), @r"
    exit 0
    stdout:
    night: removed; backups that there are stay

    stderr:
    without a policy now: notes-1
    ");
}

#[test]
fn the_key_of_a_bucket_is_read_from_a_file() {
    let repository = RepositoryView {
        name: "offsite".to_owned(),
        kind: fleet_proto::v1::RepositoryKind::S3.into(),
        place: "https://s3.example.org/lab".to_owned(),
        ..Default::default()
    };
    let (fake, environment) = logged_in(Scene { repositories: vec![repository], ..Default::default() });
    let folder = tempfile::tempdir().expect("a folder can be made");
    let key = folder.path().join("key");
    std::fs::write(&key, "hunter2\n").expect("it can be written");
    let add =
        "fleet backup repository add offsite --s3 lab --endpoint https://s3.example.org --key-id AKIA1 --key-file";
    assert_snapshot!(environment.run(&format!("{add} {}", key.display())).text(), @r"
    exit 0
    stdout:
    offsite: added, https://s3.example.org/lab

    stderr:
    use it: `fleet backup policy set POLICY --to central --to offsite`
    ");
    assert!(fake.heard().contains("key: \"hunter2\""));
    assert_snapshot!(environment.run("fleet backup repository ls").text(), @r"
    exit 0
    stdout:
    REPOSITORY  KIND  PLACE                       INSTANCES  BACKUPS  POLICIES
    offsite     s3    https://s3.example.org/lab  0          0        -
    ");
}
