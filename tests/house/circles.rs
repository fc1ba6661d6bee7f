//! Circles of imports: modules at the top of a crate that use each other, directly or through others, cannot be read one by one.

use crate::files::{is_test, product, sources};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Crates without a circle.
const WITHOUT: [&str; 10] =
    ["agent", "compose", "coordinator", "core", "link", "proto", "render", "repository", "telemetry", "cli"];
/// A command's arguments name its commands, as clap has it, and completion and help read them.
const ALLOWED: &[(&str, &str)] = &[("cli", "arguments -> commands")];

type Uses = BTreeMap<String, BTreeSet<String>>;

/// Modules that a text uses by `crate::…`, in groups, too.
fn used(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let code: String = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    for rest in code.split("crate::").skip(1) {
        match rest.strip_prefix('{') {
            Some(group) => found.extend(first_names(group)),
            None => found.extend(name_of(rest)),
        }
    }
    found
}

fn name_of(text: &str) -> Option<String> {
    let end = text.find(|letter: char| !letter.is_ascii_lowercase() && letter != '_').unwrap_or(text.len());
    (end > 0).then(|| text[..end].to_owned())
}

/// The first name of each entry of a group, whose closing brace ends it.
fn first_names(group: &str) -> Vec<String> {
    let (mut depth, mut names, mut entry) = (0, Vec::new(), String::new());
    for letter in group.chars() {
        match letter {
            '}' if depth == 0 => break,
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                names.extend(name_of(entry.trim()));
                entry.clear();
                continue;
            }
            _ => {}
        }
        entry.push(letter);
    }
    names.extend(name_of(entry.trim()));
    names
}

/// Which modules at the top of a crate use which others.
fn uses_of(name: &str) -> Uses {
    let mut uses = Uses::new();
    let folder = crate::house().join(name).join("src");
    for (path, text) in sources(&format!("{name}/src")) {
        let Some(top) = path.strip_prefix(&folder).ok().and_then(top_module) else { continue };
        if !is_test(&path) {
            uses.entry(top).or_default().extend(used(product(&text)));
        }
    }
    let modules: BTreeSet<String> = uses.keys().cloned().collect();
    for (top, others) in &mut uses {
        others.retain(|other| other != top && modules.contains(other));
        others.retain(|other| !ALLOWED.contains(&(name, &format!("{top} -> {other}"))));
    }
    uses
}

fn top_module(path: &Path) -> Option<String> {
    let first = path.components().next()?.as_os_str().to_str()?;
    let module = first.strip_suffix(".rs").unwrap_or(first);
    (!["lib", "main"].contains(&module)).then(|| module.to_owned())
}

/// Modules that can be reached from themselves.
fn in_circles(uses: &Uses) -> BTreeSet<&str> {
    let reached = |from: &str| {
        let (mut seen, mut ahead) = (BTreeSet::new(), vec![from.to_owned()]);
        while let Some(module) = ahead.pop() {
            for other in uses.get(&module).into_iter().flatten() {
                if seen.insert(other.clone()) {
                    ahead.push(other.clone());
                }
            }
        }
        seen
    };
    uses.keys().map(String::as_str).filter(|module| reached(module).contains(*module)).collect()
}

#[test]
fn no_modules_of_these_crates_use_each_other_in_a_circle() {
    for name in WITHOUT {
        let uses = uses_of(name);
        assert!(!uses.is_empty(), "{name} has modules");
        assert_eq!(in_circles(&uses), BTreeSet::new(), "{name}: {uses:?}");
    }
}

#[test]
fn circles_are_found_in_texts() {
    let found = used(
        "use crate::one::{A, b::C};\nuse crate::{two, three::{D, E}, four::F};\n// use crate::five;\nfn f() { crate::six::g() }",
    );
    assert_eq!(found, ["four", "one", "six", "three", "two"].map(str::to_owned).into());
    let uses = |pairs: &[(&str, &[&str])]| -> Uses {
        let of = |others: &[&str]| others.iter().map(|other| (*other).to_owned()).collect();
        pairs.iter().map(|(module, others)| ((*module).to_owned(), of(others))).collect()
    };
    let found = uses(&[("a", &["b"]), ("b", &["c"]), ("c", &["a"]), ("d", &["a"])]);
    assert_eq!(in_circles(&found), ["a", "b", "c"].into());
}
