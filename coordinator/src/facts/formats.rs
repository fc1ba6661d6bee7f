//! What is on disks out there: each text was written by some version, and is read by this one.

use super::Event;
use crate::identity::SubjectKept;
use fleet_core::facts::OtherProtocol;
use fleet_core::rollout::Rollout;
use serde::Serialize;
use serde::de::DeserializeOwned;

const DIGEST: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000011";

/// A rollout as it is kept; `revisions` is what a member says of its values.
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
