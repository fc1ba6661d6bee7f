//! Only `cli` knows the command line of `fleet`: the other crates say what to do by codes.

use crate::files::{is_test, product, sources};
use crate::house;
use std::collections::BTreeSet;

const CRATES: [&str; 8] = ["compose", "core", "proto", "link", "render", "repository", "coordinator", "agent"];

/// The command lines of the other two programs, and what the agent says at its own.
const TERMINALS: [&str; 4] =
    ["coordinator/src/command", "coordinator/src/main", "agent/src/command", "agent/src/link_hints"];

/// Parts of a line of code that name a command or an option of `fleet` in a text.
fn named(line: &str, commands: &BTreeSet<String>) -> Vec<String> {
    let line = line.trim_start();
    if line.starts_with("//") {
        return Vec::new();
    }
    let after = |start: &'static str| line.match_indices(start).map(move |(at, _)| &line[at + start.len()..]);
    let word = |rest: &str| rest.chars().take_while(|c| c.is_ascii_lowercase() || *c == '-').collect::<String>();
    let called = ["`fleet ", "\"fleet "].into_iter().flat_map(after).map(word).filter(|word| commands.contains(word));
    let options = after("`--").map(word).filter(|word| !word.is_empty());
    called.map(|word| format!("fleet {word}")).chain(options.map(|word| format!("--{word}"))).collect()
}

fn commands() -> BTreeSet<String> {
    fleet_cli::command_line().get_subcommands().map(|command| command.get_name().to_owned()).collect()
}

#[test]
fn only_cli_names_commands_of_fleet() {
    let commands = commands();
    let mut wrong = Vec::new();
    for (path, text) in CRATES.into_iter().flat_map(sources) {
        let inside = path.strip_prefix(house()).unwrap_or(&path).display().to_string();
        let is_terminal = TERMINALS.iter().any(|start| inside.starts_with(start));
        if is_terminal || is_test(&path) || !inside.contains("/src/") {
            continue;
        }
        for (number, line) in product(&text).lines().enumerate() {
            let named = named(line, &commands);
            wrong.extend(named.into_iter().map(|what| format!("{inside}:{}: {what}", number + 1)));
        }
    }
    assert!(wrong.is_empty(), "a hint is a code (core/src/hint.rs), and cli has its words:\n{}", wrong.join("\n"));
}

#[test]
fn a_command_in_a_text_is_found() {
    let named = |line: &str| named(line, &commands());
    assert_eq!(named(r#"let hint = "see `fleet host ls`, or leave out `--pin`";"#), ["fleet host", "--pin"]);
    assert_eq!(named(r#"say("fleet status")"#), ["fleet status"]);
    for fine in
        ["// see `fleet host ls`", r#""fleet does not honour it""#, r#""`fleet-agent join -`""#, r#""fleet {}""#]
    {
        assert_eq!(named(fine), Vec::<String>::new(), "{fine}");
    }
}
