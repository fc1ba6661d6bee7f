//! The machine's shared registry serves all users, and ends with the last of those that found none running.

use crate::house;
use std::process::Command;

/// Runs a script that has the functions of the registry, with one that is only a file.
fn check(script: &str, expect: &str) {
    let cache = tempfile::tempdir().expect("a folder can be made");
    let parts = "for part in say registry; do . deploy/lib/$part.sh; done
        registry_answers() { [ -e \"$FLEET_CACHE/answers\" ]; }
        registry_down() { rm \"$FLEET_CACHE/answers\"; }
        begin() { want_registry \"$1\" \"$2\"; touch \"$FLEET_CACHE/answers\"; }
        tell() { if registry_answers; then echo there; else echo gone; fi; }";
    let mut bash = Command::new("bash");
    bash.args(["-euo", "pipefail", "-c", &format!("{parts}\n{script}")]);
    let output = bash.current_dir(house()).env("FLEET_CACHE", cache.path()).output().expect("bash runs");
    let said = String::from_utf8_lossy(&output.stdout).split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(said, expect, "{script}: {}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn the_last_who_wants_the_registry_ends_it() {
    check("begin one /proc/$$; begin two /proc/$$; leave_registry one; tell; leave_registry two; tell", "there gone");
    check("begin one /proc/$$; begin two /proc/$$; leave_registry two; tell; leave_registry one; tell", "there gone");
}

#[test]
fn a_registry_that_was_there_before_stays() {
    check("touch $FLEET_CACHE/answers; begin one /proc/$$; leave_registry one; tell", "there");
}

#[test]
fn who_ended_without_a_word_does_not_keep_it() {
    check("begin one $FLEET_CACHE/no-such-state; begin two /proc/$$; leave_registry two; tell", "gone");
    check("begin one $FLEET_CACHE; begin two $FLEET_CACHE/no-such-state; leave_registry one; tell", "gone");
}
