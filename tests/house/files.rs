//! Rules for source files.

use crate::house;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// All Rust files below a folder of the repository, with their text.
pub fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    collect(&house().join(folder), "rs", &mut found);
    found.into_iter().map(|path| (path.clone(), fs::read_to_string(&path).expect("a source is text"))).collect()
}

pub fn all_sources() -> Vec<(PathBuf, String)> {
    ["compose", "core", "proto", "link", "render", "repository", "telemetry", "coordinator", "agent", "cli", "tests"]
        .into_iter()
        .flat_map(sources)
        .collect()
}

fn collect(folder: &Path, extension: &str, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the folder can be read") {
        let path = entry.expect("the entry can be read").path();
        let is_built = path.file_name().is_some_and(|name| name == "target");
        if path.is_dir() && !is_built {
            collect(&path, extension, found);
        } else if path.extension().is_some_and(|found| found == extension) {
            found.push(path);
        }
    }
}

/// Returns the part of a file that is compiled into the product: everything before its tests.
pub fn product(text: &str) -> &str {
    text.split("#[cfg(test)]").next().unwrap_or(text)
}

pub fn is_test(path: &Path) -> bool {
    let inside = path.strip_prefix(house()).unwrap_or(path);
    inside.components().any(|part| part.as_os_str() == "tests") || path.ends_with("tests.rs")
}

#[test]
fn every_room_says_what_it_is_for() {
    for (path, text) in all_sources() {
        assert!(text.starts_with("//!") || is_test(&path), "{} begins without `//!`", path.display());
    }
}

#[test]
fn a_file_is_one_room() {
    for (path, text) in all_sources() {
        let lines = product(&text).lines().count();
        assert!(lines <= 350 || is_test(&path), "{} has {lines} lines", path.display());
        assert!(
            path.file_name().is_some_and(|name| name != "mod.rs") || path.ends_with("tests/common/mod.rs"),
            "{}: write `name.rs` beside `name/`",
            path.display()
        );
    }
}

#[test]
fn nothing_is_unwrapped_in_the_product() {
    let written = concat!(".unwr", "ap()");
    for (path, text) in all_sources() {
        assert!(!product(&text).contains(written) || is_test(&path), "{} unwraps", path.display());
    }
}

#[test]
fn spans_are_there_at_every_level_of_the_log() {
    for (path, text) in all_sources() {
        for mark in ["info_span!", "warn_span!", "debug_span!", "trace_span!"] {
            let is_at_a_level = product(&text).contains(mark) && !path.starts_with(house().join("tests"));
            assert!(!is_at_a_level, "{}: a warning in it must name its ids: write `error_span!`", path.display());
        }
    }
}

#[test]
fn no_test_is_ignored() {
    for (path, text) in all_sources() {
        for mark in [concat!("#[igno", "re"), concat!("#[should_", "panic")] {
            assert!(!text.contains(mark), "{} has {mark}", path.display());
        }
    }
}

#[test]
fn a_script_can_be_run_and_stops_at_its_first_error() {
    let mut scripts = Vec::new();
    for folder in ["deploy", "tests"] {
        collect(&house().join(folder), "sh", &mut scripts);
    }
    assert!(!scripts.is_empty());
    for path in scripts {
        let text = fs::read_to_string(&path).expect("a script is text");
        assert!(
            text.starts_with("#!") == is_executable(&path),
            "{}: a program is executable, a library is not",
            path.display()
        );
        let stops = text.contains("set -eu") || !text.starts_with("#!");
        assert!(stops, "{} goes on after an error", path.display());
    }
}

fn is_executable(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| found.permissions().mode() & 0o111 != 0)
}

/// The local paths to which a page links, without their anchors.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
    let paths = targets.map(|(target, _)| target.split('#').next().unwrap_or(target));
    paths.filter(|path| !path.is_empty() && !path.contains("://"))
}

#[test]
fn every_link_of_a_page_leads_somewhere() {
    let mut pages = Vec::new();
    collect(&house().join("docs"), "md", &mut pages);
    pages.extend(["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md"].map(|name| house().join(name)));
    let mut found = 0;
    for page in pages {
        let text = fs::read_to_string(&page).expect("a page is text");
        for link in links(&text) {
            found += 1;
            let target = page.parent().expect("a page lies in a folder").join(link);
            assert!(target.exists(), "{} links to {link}, which is not there", page.display());
        }
    }
    assert!(found > 20, "links are found: {found}");
}

#[test]
fn the_book_has_every_page() {
    let summary = fs::read_to_string(house().join("docs/SUMMARY.md")).expect("it is there");
    let listed: Vec<&str> = links(&summary).collect();
    let mut pages = Vec::new();
    collect(&house().join("docs"), "md", &mut pages);
    for page in pages {
        let name = page.strip_prefix(house().join("docs")).expect("it lies there").display().to_string();
        assert!(name == "SUMMARY.md" || listed.contains(&name.as_str()), "docs/SUMMARY.md does not list {name}");
    }
}

#[test]
fn the_first_pages_are_short() {
    for (name, most) in [("README.md", 120), ("ARCHITECTURE.md", 150)] {
        let lines = fs::read_to_string(house().join(name)).expect("a page is text").lines().count();
        assert!(lines <= most, "{name} has {lines} lines, at most {most}");
    }
}
