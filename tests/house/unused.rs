//! Dependencies: each crate uses those that it names.

use crate::files::sources;
use crate::house;
use std::fs;

/// Dependencies that no source of the crate names, with the reason why they are there.
const UNNAMED: [(&str, &str, &str); 4] = [
    ("proto", "prost", "the generated code uses it"),
    ("proto", "tonic-prost", "the generated code uses it"),
    ("repository", "reqwest", "selects the TLS features of object_store's client"),
    ("repository", "anyhow", "the bench of backups is an example of this crate"),
];

const CRATES: [&str; 12] = [
    "compose",
    "core",
    "proto",
    "link",
    "render",
    "repository",
    "telemetry",
    "coordinator",
    "agent",
    "cli",
    "tests",
    "tests/bench",
];

/// The names of the dependencies in a `Cargo.toml`.
fn dependencies(manifest: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut is_list = false;
    for line in manifest.lines() {
        if line.starts_with('[') {
            is_list = line.trim_matches(['[', ']']).ends_with("dependencies");
        } else if is_list && let Some((name, _)) = line.split_once('=') {
            found.push(name.trim().trim_end_matches(".workspace"));
        }
    }
    found
}

fn is_named(name: &str, texts: &[String]) -> bool {
    let name = name.replace('-', "_");
    let is_end = |letter: Option<char>| letter.is_none_or(|letter| !letter.is_alphanumeric() && letter != '_');
    texts.iter().any(|text| {
        text.match_indices(&name)
            .any(|(at, _)| is_end(text[..at].chars().next_back()) && is_end(text[at + name.len()..].chars().next()))
    })
}

#[test]
fn every_dependency_is_used() {
    for folder in CRATES {
        let texts: Vec<String> = sources(folder).into_iter().map(|(_, text)| text).collect();
        let manifest = fs::read_to_string(house().join(folder).join("Cargo.toml")).expect("each crate has one");
        let names = dependencies(&manifest);
        assert!(!names.is_empty(), "{folder} has dependencies");
        for name in names {
            let is_known = UNNAMED.iter().any(|(of, it, _)| *of == folder && *it == name);
            assert!(
                is_known || is_named(name, &texts),
                "{folder} does not use `{name}`: remove it from its Cargo.toml"
            );
        }
    }
}

#[test]
fn every_dependency_of_the_workspace_is_one_of_a_crate() {
    let read = |path: &str| fs::read_to_string(house().join(path)).expect("it is there");
    let manifests: Vec<String> = CRATES.iter().map(|folder| read(&format!("{folder}/Cargo.toml"))).collect();
    let used: Vec<&str> = manifests.iter().flat_map(|manifest| dependencies(manifest)).collect();
    for name in dependencies(&read("Cargo.toml")) {
        assert!(used.contains(&name), "no crate uses `{name}`: remove it from the workspace's Cargo.toml");
    }
}

#[test]
fn a_name_within_another_is_not_named() {
    assert!(is_named("tokio-util", &["use tokio_util::x;".to_owned()]));
    assert!(!is_named("tokio", &["use tokio_util::x;".to_owned()]));
    assert_eq!(
        dependencies("[package]\nname = \"x\"\n[dev-dependencies]\na.workspace = true\nb = \"1\"\n"),
        ["a", "b"]
    );
}
