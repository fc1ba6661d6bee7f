//! Names: each public type has one of its own in its crate, and those that the glossary dropped stay dropped.

use crate::files::{all_sources, is_test, product};
use crate::house;
use std::collections::BTreeMap;

/// Types whose standard names are in `docs/glossary.md`.
const DROPPED: [&str; 42] = [
    "AsideWay",
    "AtOnce",
    "Bed",
    "Becomes",
    "Board",
    "Came",
    "Course",
    "DataWish",
    "Engine",
    "Former",
    "Found",
    "Hands",
    "Hindrance",
    "Judged",
    "Keeper",
    "Known",
    "Looks",
    "Made",
    "Origin",
    "Outlook",
    "Pen",
    "Place",
    "Plausible",
    "PowerAction",
    "Pulse",
    "Reach",
    "RolloutWish",
    "Seat",
    "Sheet",
    "Shelf",
    "Sight",
    "Site",
    "Standing",
    "Still",
    "Strangers",
    "Told",
    "Turn",
    "Way",
    "Weather",
    "Wish",
    "Word",
    "Workshop",
];

/// The name of each type that a text defines, with whether all of its crate's users see it.
fn types(text: &str) -> impl Iterator<Item = (bool, &str)> {
    text.lines().filter_map(|line| {
        let line = line.trim_start();
        let is_public = line.starts_with("pub ");
        let line = line.strip_prefix("pub ").or_else(|| line.strip_prefix("pub(crate) ")).unwrap_or(line);
        let line = line.strip_prefix("pub(super) ").unwrap_or(line);
        let rest = ["struct ", "enum ", "trait ", "type "].iter().find_map(|kind| line.strip_prefix(kind))?;
        let end = rest.find(|letter: char| !letter.is_alphanumeric()).unwrap_or(rest.len());
        Some((is_public, &rest[..end]))
    })
}

#[test]
fn a_public_type_name_occurs_once_in_a_crate() {
    let mut seen = BTreeMap::new();
    for (path, text) in all_sources() {
        let inside = path.strip_prefix(house()).unwrap_or(&path);
        let folder = inside.components().next().map(|part| part.as_os_str().to_owned()).unwrap_or_default();
        if is_test(&path) || folder == "tests" {
            continue;
        }
        for (_, name) in types(product(&text)).filter(|(is_public, _)| *is_public) {
            let before = seen.insert((folder.clone(), name.to_owned()), path.clone());
            assert_eq!(before, None, "`{name}` is defined in {}, too", path.display());
        }
    }
    assert!(seen.len() > 500, "types are found: {}", seen.len());
}

#[test]
fn dropped_names_stay_dropped() {
    for (path, text) in all_sources() {
        for (_, name) in types(&text) {
            assert!(!DROPPED.contains(&name), "{}: `{name}` has another name in docs/glossary.md", path.display());
        }
    }
}

#[test]
fn types_are_found_in_a_text() {
    let text = "pub struct One;\n    pub(super) enum Two {}\ntype Three<'a> = &'a str;\nfn struct_like() {}\npub trait Four: Send {}";
    let found: Vec<_> = types(text).collect();
    assert_eq!(found, [(true, "One"), (false, "Two"), (false, "Three"), (true, "Four")]);
}
