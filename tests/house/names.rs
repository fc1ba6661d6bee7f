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

/// Names of functions, fields, variables and modules that the glossary dropped.
const DROPPED_WORDS: [&str; 8] = ["wish", "wishes", "untold", "keeper", "strangers", "told", "former", "throwaway"];

/// A text without its comments and string literals.
fn code_of(text: &str) -> String {
    let (mut code, mut rest) = (String::new(), text);
    while let Some(at) = rest.find(['/', '"', '\'']) {
        code.push_str(&rest[..at]);
        rest = &rest[at..];
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if let Some(inside) = rest.strip_prefix('"') {
            1 + if code.ends_with("r#") {
                inside.find("\"#").map_or(inside.len(), |end| end + 2)
            } else {
                string_end(inside)
            }
        } else if rest.starts_with("'\"'") || rest.starts_with("'\\\"'") {
            rest[1..].find("'").map_or(1, |end| end + 2)
        } else {
            code.push_str(&rest[..1]);
            1
        };
        rest = &rest[length..];
    }
    code + rest
}

/// The length of a string literal's rest, its closing quote included.
fn string_end(inside: &str) -> usize {
    let mut letters = inside.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '\\' => drop(letters.next()),
            '"' => return at + 1,
            _ => {}
        }
    }
    inside.len()
}

/// The words of code.
fn words_of(code: &str) -> impl Iterator<Item = &str> {
    code.split(|letter: char| !letter.is_alphanumeric() && letter != '_')
}

#[test]
fn dropped_words_name_nothing_in_the_product() {
    for (path, text) in all_sources().into_iter().filter(|(path, _)| !is_test(path)) {
        let code = code_of(product(&text));
        let found: Vec<_> = words_of(&code).filter(|word| DROPPED_WORDS.contains(word)).collect();
        assert!(found.is_empty(), "{}: {found:?}: see docs/glossary.md", path.display());
    }
}

#[test]
fn a_doc_sentence_says_what_it_is_or_does() {
    let openers = ["What ", "Whether ", "Where ", "So ", "Who ", "It ", "How "];
    for (path, text) in all_sources() {
        for line in text.lines().map(str::trim_start) {
            let Some(said) = line.strip_prefix("/// ").or_else(|| line.strip_prefix("//! ")) else { continue };
            let found = openers.iter().find(|opener| said.starts_with(**opener));
            assert_eq!(found, None, "{}: `{line}`: begin with a noun or a verb", path.display());
        }
    }
}

#[test]
fn words_are_found_outside_of_texts_and_comments() {
    let text =
        "let told = \"a \\\" wish\nuntold\"; // keeper\nlet f = '\"'; let g = r#\"former \" told\"#; strangers(wishes)";
    let code = code_of(text);
    let found: Vec<_> = words_of(&code).filter(|word| DROPPED_WORDS.contains(word)).collect();
    assert_eq!(found, ["told", "strangers", "wishes"]);
}

#[test]
fn types_are_found_in_a_text() {
    let text = "pub struct One;\n    pub(super) enum Two {}\ntype Three<'a> = &'a str;\nfn struct_like() {}\npub trait Four: Send {}";
    let found: Vec<_> = types(text).collect();
    assert_eq!(found, [(true, "One"), (false, "Two"), (false, "Three"), (true, "Four")]);
}
