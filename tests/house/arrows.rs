//! Allowed dependencies between crates, read from `cargo tree`: `core -> compose`, `{proto, repository, render} -> core`, `link -> proto`,
//! `{coordinator, agent} -> {link, repository, render, telemetry}` and `cli -> {link, render}`.

use crate::house;
use std::collections::BTreeSet;
use std::process::Command;

/// Everything that a crate is built from, its own name left out.
fn dependencies(package: &str) -> BTreeSet<String> {
    let tree = ["tree", "--package", package, "--edges", "normal", "--prefix", "none", "--format", "{p}", "--offline"];
    let output = Command::new(env!("CARGO")).args(tree).current_dir(house()).output().expect("cargo tree runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("cargo tree prints text");
    let names = text.lines().filter_map(|line| line.split(' ').next()).filter(|name| !name.is_empty());
    names.filter(|name| *name != package).map(str::to_owned).collect()
}

#[track_caller]
fn check(package: &str, never: &[&str]) {
    let known = dependencies(package);
    let wrong: Vec<_> = never.iter().filter(|name| known.contains(**name)).collect();
    assert!(wrong.is_empty(), "{package} must not know {wrong:?}");
}

#[test]
fn compose_and_core_are_pure() {
    let world = ["tokio", "tonic", "prost", "sled", "bollard", "rustls", "rcgen", "tracing", "time", "chrono"];
    check("fleet-core", &world);
    check("fleet-compose", &world);
    check("fleet-compose", &["fleet-core", "getrandom", "rand"]);
    check("fleet-core", &["fleet-proto", "fleet-agent", "fleet-coordinator", "fleet-cli", "getrandom", "rand"]);
}

#[test]
fn the_wire_and_the_link_know_only_core() {
    check("fleet-proto", &["fleet-link", "rcgen"]);
    check("fleet-link", &["fleet-repository", "fleet-agent", "fleet-coordinator", "fleet-cli", "sled", "bollard"]);
    check("fleet-proto", &["fleet-repository", "fleet-agent", "fleet-coordinator", "fleet-cli", "sled", "bollard"]);
}

#[test]
fn what_renders_knows_only_core() {
    check("fleet-render", &["fleet-proto", "fleet-repository", "tonic", "sled", "bollard", "rustls"]);
}

#[test]
fn telemetry_knows_no_crate_of_ours() {
    let ours = ["fleet-compose", "fleet-core", "fleet-proto", "fleet-link", "fleet-repository", "fleet-render"];
    check("fleet-telemetry", &ours);
    check("fleet-cli", &["fleet-telemetry"]);
}

#[test]
fn the_repository_knows_no_engine_and_no_store() {
    check("fleet-repository", &["sled", "bollard", "fleet-agent", "fleet-coordinator", "fleet-cli"]);
    check("fleet-repository", &["aws-lc-rs", "native-tls", "openssl"]);
}

#[test]
fn the_command_never_opens_a_repository() {
    check("fleet-cli", &["fleet-repository", "rustic_core", "object_store"]);
}

#[test]
fn the_coordinator_never_touches_an_engine() {
    check("fleet-coordinator", &["bollard", "fleet-agent", "fleet-cli"]);
}

#[test]
fn agent_and_command_keep_no_store_and_do_not_know_each_other() {
    check("fleet-agent", &["sled", "fleet-coordinator", "fleet-cli"]);
    check("fleet-cli", &["sled", "bollard", "fleet-coordinator", "fleet-agent"]);
}

#[test]
fn the_rule_would_notice_a_forbidden_arrow() {
    assert!(dependencies("fleet-coordinator").contains("sled"));
    assert!(dependencies("fleet-agent").contains("bollard"));
}

#[test]
fn compose_and_core_never_ask_the_clock_or_the_disk() {
    let sources = ["compose/src", "core/src"].into_iter().flat_map(crate::files::sources);
    for (path, text) in sources {
        for forbidden in [
            "std::fs",
            "TcpStream",
            "UdpSocket",
            "ToSocketAddrs",
            "std::env",
            "std::process",
            "SystemTime",
            "Instant::now",
            // jiff is there for its calendar and its time zones alone.
            "Timestamp::now",
            "Zoned::now",
            "TimeZone::system",
            "tz::db()",
            "std::thread",
        ] {
            assert!(!text.contains(forbidden), "{} mentions {forbidden}", path.display());
        }
    }
}
