//! Machines that join, those that do not, and the errors that they get.

use fleet_core::access::{JoinToken, Joiner};
use fleet_core::hint::LinkHint;
use fleet_core::refused_call::{AdmissionRefusal, CallRefusal};
use fleet_core::time::Time;
use fleet_link::{Identity, LinkError, admit, admit_as};
use fleet_proto::refusal::RefusalReason;
use fleet_tests::fleet::{Fleet, now};
use std::os::unix::fs::{MetadataExt, PermissionsExt};

fn token_of(fleet: &Fleet, line: &str) -> JoinToken {
    fleet.done(&format!("{line} --token-only")).trim().parse().expect("it is a token")
}

/// Runs a login that must fail: checks its exit code, its text, and its hints.
#[track_caller]
fn check(fleet: &Fleet, token: &str, code: u8, says: &str, hints: &str) {
    let person = fleet.person("stranger");
    let output = person.piping(&format!("{token}\n"), "login -");
    assert_eq!(output.code, code, "{}", output.text());
    output.says("error: could not").says(says).hints(hints);
    assert!(output.stderr.lines().count() <= 3, "{}", output.text());
    assert!(!person.identity_file().exists(), "a refused login leaves nothing behind");
}

#[test]
fn every_wrong_token_has_its_own_error() {
    let fleet = Fleet::new();
    let good = token_of(&fleet, "operator add ada --role viewer");
    let ends = |token: &str| token[..token.len() / 2].to_owned();
    check(&fleet, &ends(&good.to_string()), 2, "incomplete", "copy the whole token");
    check(&fleet, "nonsense", 2, "must begin with `fleet1.`", "copy the whole token");
    let unknown = JoinToken { secret: [7; 32], ..good.clone() };
    check(&fleet, &unknown.to_string(), 1, "does not know this token", "ask for a new one");
    let elsewhere = JoinToken { ca_fingerprint: [9; 32], ..good.clone() };
    check(&fleet, &elsewhere.to_string(), 3, "is not the coordinator that", "somebody stands between");
    let nowhere = JoinToken { address: "127.0.0.1:1".to_owned(), ..good.clone() };
    check(&fleet, &nowhere.to_string(), 3, "127.0.0.1:1", "check that the coordinator runs");

    fleet.person("ada").done(&format!("login {good}"));
    check(&fleet, &good.to_string(), 1, "used before", "ask for a new token");

    let replaced = token_of(&fleet, "operator add bob --role viewer");
    let revoked = token_of(&fleet, "operator add bob --role viewer");
    check(&fleet, &replaced.to_string(), 1, "was revoked", "ask for a new one");
    let tokens = fleet.admin.json("token ls");
    let open = tokens
        .as_array()
        .expect("a list")
        .iter()
        .find(|token| token["subject"] == "operator:bob" && token["state"] == "open");
    let id = open.unwrap_or_else(|| panic!("bob's token is open: {tokens}"))["id"].as_str().expect("a text").to_owned();
    fleet.done(&format!("token revoke {id}"));
    check(&fleet, &revoked.to_string(), 1, "was revoked", "ask for a new one");
}

#[test]
fn a_token_for_something_else_is_not_spent() {
    let fleet = Fleet::new();
    let of_host = token_of(&fleet, "host add lab-1");
    let output =
        "  because this token is for the host lab-1, and was not used\nhint: run `fleet-agent join` with it on lab-1";
    check(&fleet, &of_host.to_string(), 1, output, "fleet operator add");
    fleet.wait_for(admit_as(Joiner::Host, &of_host, now())).expect("its use was not spent");

    let of_ada = token_of(&fleet, "operator add ada --role viewer");
    match fleet.wait_for(admit_as(Joiner::Host, &of_ada, now())) {
        Err(error @ LinkError::Refused { word: RefusalReason::TokenForOther, .. }) => {
            assert!(error.to_string().contains("this token is for the operator ada, and was not used"), "{error}");
            assert_eq!(error.hint(), LinkHint::LogIn.into());
        }
        other => panic!("it should have been refused: {other:?}"),
    }
    fleet.person("ada").done(&format!("login {of_ada}"));
}

#[test]
fn a_token_that_was_pasted_with_a_line_break_is_refused_before_anybody_is_asked() {
    let fleet = Fleet::new();
    let token = token_of(&fleet, "operator add ada --role viewer").to_string();
    let (first, second) = token.split_at(40);
    let output = fleet.person("ada").piping(&format!("{first}\n{second}\n"), "login -");
    assert_eq!(output.code, 2, "{}", output.text());
    output.says("line break").hints("as one line");
    // Its use is not spent, and a line break at its end is forgiven.
    let output = fleet.person("ada").piping(&format!("{token}\n"), "login -");
    assert_eq!(output.code, 0, "{}", output.text());
}

#[test]
fn an_expired_token_admits_nobody() {
    let fleet = Fleet::new();
    let token = token_of(&fleet, "operator add ada --role viewer --token-life 1s").to_string();
    let state = |fleet: &Fleet| {
        let tokens = fleet.admin.json("token ls");
        let of_ada =
            tokens.as_array().expect("a list").iter().find(|token| token["subject"] == "operator:ada").cloned();
        of_ada.map(|token| token["state"].to_string()).unwrap_or_default()
    };
    fleet.until("the token to expire", || state(&fleet).contains("expired"));
    check(&fleet, &token, 1, "expired at", "ask for a new one");
}

#[test]
fn a_token_for_two_admits_two() {
    let fleet = Fleet::new();
    let token = token_of(&fleet, "operator add robot --role viewer --uses 2").to_string();
    for name in ["one", "two"] {
        let person = fleet.person(name);
        person.done(&format!("login {token}"));
        person.done("status");
    }
    check(&fleet, &token, 1, "all 2 uses", "ask for a new token");
}

#[test]
fn a_key_is_born_private_and_an_identity_appears_whole() {
    let fleet = Fleet::of(&["lab-1"]);
    let host = fleet.host("lab-1");
    let path = fleet_agent::identity_path(host.folder());
    for file in [path.clone(), fleet.admin.identity_file()] {
        let mode = std::fs::metadata(&file).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", file.display());
    }
    // A concurrent reader gets the old or the new content, because the file is replaced by rename.
    let (before, file) = (host.identity(), std::fs::metadata(&path).expect("it is there").ino());
    let another = Identity::load(&fleet.admin.identity_file()).expect("the administrator is logged in");
    another.save(&path).expect("it can be written");
    assert_ne!(std::fs::metadata(&path).expect("it is there").ino(), file);
    let names: Vec<_> = std::fs::read_dir(host.folder()).expect("a folder").filter_map(Result::ok).collect();
    assert!(names.iter().all(|entry| entry.path().extension().is_none_or(|it| it != "new")), "{names:?}");
    before.save(&path).expect("it can be written");
    let store = fleet.server.folder();
    for secret in ["ca.key", "seal.key"] {
        let found = std::fs::read_dir(store).expect("a folder").filter_map(Result::ok).map(|entry| entry.path());
        let keys = found.filter(|path| path.is_file());
        for key in keys {
            let mode = std::fs::metadata(&key).expect("it is there").permissions().mode();
            assert_eq!(mode & 0o077, 0, "{secret}: {} is readable by others", key.display());
        }
    }
}

/// Returns whether a refusal is because of a clock that is behind; the other ones are because of one that is ahead.
#[track_caller]
fn is_behind(error: &LinkError) -> bool {
    let LinkError::Refused { call: Some(call), .. } = error else { panic!("{error}") };
    let CallRefusal::Admission { refusal } = &call.refusal else { panic!("{call}") };
    match **refusal {
        AdmissionRefusal::ClockBehind { .. } => true,
        AdmissionRefusal::ClockAhead { .. } => false,
        _ => panic!("{call}"),
    }
}

#[test]
fn a_clock_five_minutes_off_joins_and_one_a_day_off_is_told() {
    let fleet = Fleet::new();
    let off = |minutes: i64| Time(now().0.saturating_add_signed(minutes * 60_000));
    for (name, minutes) in [("lab-1", -5), ("lab-2", 5)] {
        let token = token_of(&fleet, &format!("host add {name}"));
        fleet.wait_for(admit(&token, off(minutes))).expect("five minutes are forgiven");
    }
    for (name, minutes) in [("lab-3", -1470), ("lab-4", 1470)] {
        let token = token_of(&fleet, &format!("host add {name}"));
        match fleet.wait_for(admit(&token, off(minutes))) {
            Err(error @ LinkError::Refused { .. }) => {
                assert_eq!(is_behind(&error), minutes < 0, "{error}");
                assert_eq!(error.hint(), LinkHint::SetClock.into());
            }
            other => panic!("it should have been refused: {other:?}"),
        }
        fleet.wait_for(admit(&token, now())).expect("its use was not spent");
    }
}
