//! Formats of stored records: frozen examples of each version must be readable by this one.

use crate::facts::backups::BackupKept;
use crate::facts::expected::Expected;
use crate::facts::{Event, ReleaseKept};
use crate::home::Settings;
use crate::identity::{SubjectKept, TokenKept};
use fleet_core::backup::{BackupDamage, BackupPolicy, DataKind, Held, RepositoryDesired};
use fleet_core::facts::{Ended, HostDesired, HostSaid, InstanceDesired, InstanceObserved, OpenOrder, OtherProtocol};
use fleet_core::rollout::Rollout;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

const DIGEST: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000011";

/// Returns a stored rollout; `revisions` is a member's part about its values.
fn rollout(revisions: &str) -> String {
    let release = |version: &str| format!(r#"{{"name":{{"app":"notes","version":"{version}"}},"digest":"{DIGEST}"}}"#);
    let (from, to) = (release("1.1"), release("1.2"));
    [
        r#"{"id":"notes-1","app":"notes","version":"1.2","strategy":{"canary":0,"at_once":"25%","soak":30000,"#,
        r#""max_failures":1,"per":{"site":1},"window":null,"deadline":600000},"#,
        &format!(r#""members":[{{"instance":"notes-1","from":{from},"to":{to}{revisions}}}],"#),
        r#""left_out":[{"instance":"notes-2","reason":"it is not installed"}],"#,
        r#""wish":"run","attempt":1,"created":1000,"by":"ada"}"#,
    ]
    .concat()
}

/// Reads a text, and writes the very same again.
fn read<T: Serialize + DeserializeOwned>(text: &str) -> T {
    let value: T = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
    assert_eq!(serde_json::to_string(&value).expect("it is JSON"), text);
    value
}

#[test]
fn a_rollout_from_before_values_were_noted_is_read() {
    let member = read::<Rollout>(&rollout("")).members.remove(0);
    assert_eq!((member.from_revision, member.to_revision), (None, None));
}

#[test]
fn a_rollout_notes_the_values_that_its_members_had() {
    let member = read::<Rollout>(&rollout(r#","from_revision":2"#)).members.remove(0);
    assert_eq!((member.from_revision, member.to_revision), (Some(2), None));
}

#[test]
fn an_undo_notes_the_values_that_it_brings() {
    let member = read::<Rollout>(&rollout(r#","from_revision":2,"to_revision":4"#)).members.remove(0);
    assert_eq!((member.from_revision, member.to_revision), (Some(2), Some(4)));
}

#[test]
fn that_a_host_speaks_another_protocol_is_kept() {
    let other = read::<OtherProtocol>(r#"{"protocol":2,"since":1000}"#);
    assert_eq!(other.protocol, 2);
}

#[test]
fn an_event_notes_the_host_that_said_it() {
    assert_eq!(read::<Event>(r#"{"at":1000,"subject":"operator ada","text":"joined"}"#).said_by, None);
    let event = read::<Event>(r#"{"at":1000,"subject":"host lab-1","text":"the disk is full","said_by":"lab-1"}"#);
    assert_eq!(event.said_by.map(|host| host.to_string()).as_deref(), Some("lab-1"));
}

#[test]
fn a_certificate_notes_which_one_it_renews() {
    let subject = |more: &str| {
        let serials = format!(r#"[{{"serial":"0a","not_after":2000{more}}}]"#);
        format!(r#"{{"role":"viewer","added":1000,"enrolment":"0a","serials":{serials}}}"#)
    };
    assert_eq!(read::<SubjectKept>(&subject("")).serials[0].renews, None);
    let renewed = read::<SubjectKept>(&subject(r#","renews":"09""#));
    assert_eq!(renewed.serials[0].renews.as_deref(), Some("09"));
}

const BACKUP: &str = "00112233445566778899aabb";

#[test]
fn a_policy_is_kept_with_what_it_says_and_no_more() {
    let keep = r#""keep":{"last":3,"hourly":0,"daily":7,"weekly":5,"monthly":12,"yearly":0}"#;
    let least =
        format!(r#"{{"schedule":"5 4 * * *",{keep},"max_age":"1d2h","to":["central"],"instances":["notes-1"]}}"#);
    assert_eq!(read::<BackupPolicy>(&least).drill, None);
    let rest = r#""drill":"7d","window":"22:00-04:00+01:00","limit_rate":1048576,"deadline":"6h","spread":"1h""#;
    let all = format!(
        r#"{{"schedule":"TZ=Europe/Berlin 5 4 * * *",{keep},"max_age":"1d2h",{rest},"to":["central"],"selector":"site=fr"}}"#
    );
    assert_eq!(read::<BackupPolicy>(&all).limit_rate, Some(1 << 20));
}

#[test]
fn a_repository_and_a_held_backup_are_kept() {
    read::<RepositoryDesired>(r#"{"place":"coordinator","added":0}"#);
    read::<RepositoryDesired>(r#"{"place":{"folder":{"path":"/mnt/backups"}},"added":1000}"#);
    let bucket = r#"{"endpoint":"https://s3.example.org","region":"eu","bucket":"lab","prefix":"fleet"}"#;
    read::<RepositoryDesired>(&format!(r#"{{"place":{{"s3":{bucket}}},"added":1000}}"#));
    read::<Held>(r#"{"instance":"notes-1","by":"ada","at":1000}"#);
}

#[test]
fn a_backup_of_the_catalog_notes_what_was_found_to_be_wrong_with_it() {
    let kept = |more: &str| {
        let release = format!(r#"{{"name":{{"app":"notes","version":"1.1"}},"digest":"{DIGEST}"}}"#);
        let seen = [
            r#"{"began":1000,"ended":2000,"cause":"scheduled","host":"lab-1","release":"#,
            &release,
            r#","bytes":10,"added":5,"covered":2,"declared":2,"proof":null"#,
            more,
            "}",
        ]
        .concat();
        format!(r#"{{"instance":"notes-1","key":{{"repository":"central","backup":"{BACKUP}"}},"seen":{seen}}}"#)
    };
    assert!(read::<BackupKept>(&kept("")).seen.is_good());
    assert!(!read::<BackupKept>(&kept(r#","damaged":{"code":"replaced"}"#)).seen.is_good());
    let text = kept(r#","damaged":"a pack is gone""#);
    let earlier: BackupKept = serde_json::from_str(&text).expect("format 1 has a text");
    assert_eq!(earlier.seen.damaged, Some(BackupDamage::other("a pack is gone")));
}

#[test]
fn an_end_notes_what_of_the_data_it_was_about() {
    assert_eq!(read::<Ended>(r#"{"instance":"notes-1","outcome":"done","at":1000}"#).of, None);
    let failed = |reason: &str| {
        format!(r#"{{"instance":"notes-1","outcome":{{"failed":{{{reason}}}}},"of":"backup","at":1000}}"#)
    };
    let ended = read::<Ended>(&failed(r#""failure":{"code":"other","with":{"text":"no room"}}"#));
    assert_eq!(ended.of, Some(DataKind::Backup));
    let earlier: Ended = serde_json::from_str(&failed(r#""reason":"no room""#)).expect("format 1 has a text");
    assert_eq!(earlier, ended);
}

/// The facts of fleet 0.1, as it exported them.
const OF_0_1: &str = include_str!("../../../tests/fixtures/0.1/facts.jsonl");

/// Parses a body as one kind of fact, and returns its stored form.
type Rewrite = fn(&Value) -> Result<Value, serde_json::Error>;

fn rewrite<T: Serialize + DeserializeOwned>(body: &Value) -> Result<Value, serde_json::Error> {
    serde_json::to_value(serde_json::from_value::<T>(body.clone())?)
}

const KINDS: &[(&str, Rewrite)] = &[
    ("asked/", rewrite::<OpenOrder>),
    ("desired/held/", rewrite::<Held>),
    ("desired/host/", rewrite::<HostDesired>),
    ("desired/instance/", rewrite::<InstanceDesired>),
    ("desired/policy/", rewrite::<BackupPolicy>),
    ("desired/repository/", rewrite::<RepositoryDesired>),
    ("desired/rollout/", rewrite::<Rollout>),
    ("event/", rewrite::<Event>),
    ("expected-backup/", rewrite::<Expected>),
    ("observed/backup/", rewrite::<BackupKept>),
    ("observed/ended/", rewrite::<Ended>),
    ("observed/host/", rewrite::<HostSaid>),
    ("observed/instance/", rewrite::<InstanceObserved>),
    ("release/", rewrite::<ReleaseKept>),
    ("settings", rewrite::<Settings>),
    ("subject/", rewrite::<SubjectKept>),
    ("token/", rewrite::<TokenKept>),
];

/// Records that are no facts: only the modules that write them read them.
const OTHERS: [&str; 7] =
    ["bucket-key/", "bundle/", "former-repository/", "own-backup", "repository-key/", "repository-look/", "values/"];

/// Replaces the texts of an outcome, of a copy and of a step by what they are read as: codes with their arguments.
fn with_codes(mut body: Value) -> Value {
    if let Some(step) = body.pointer_mut("/running/busy/step") {
        *step = json!({"code": "text", "with": step.take()});
    }
    let copies = body.pointer_mut("/made/backup").and_then(Value::as_array_mut);
    for failure in copies.into_iter().flatten().filter_map(|copy| copy.pointer_mut("/result/Err")) {
        *failure = json!({"code": "other", "with": {"text": failure.take()}});
    }
    let outcome = body.get_mut("outcome").and_then(Value::as_object_mut);
    for ended in outcome.into_iter().flatten().filter_map(|(_, ended)| ended.as_object_mut()) {
        if let Some(text) = ended.remove("reason") {
            ended.insert("failure".to_owned(), json!({"code": "other", "with": {"text": text}}));
        }
    }
    body
}

#[test]
fn facts_of_0_1_are_written_again_as_they_were_but_for_texts_that_are_codes() {
    for line in OF_0_1.lines() {
        let record: Value = serde_json::from_str(line).expect("it is JSON");
        let key = record["key"].as_str().expect("it has a key");
        if OTHERS.iter().any(|prefix| key.starts_with(prefix)) {
            continue;
        }
        let kind = KINDS.iter().find(|(prefix, _)| key.starts_with(prefix));
        let (_, rewrite) = kind.unwrap_or_else(|| panic!("`{key}` is of no known kind"));
        let again = rewrite(&record["body"]).unwrap_or_else(|error| panic!("{key}: {error}"));
        assert_eq!(again, with_codes(record["body"].clone()), "{key}");
    }
}
