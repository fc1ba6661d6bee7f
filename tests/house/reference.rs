//! `docs/cli.md` is made from the three programs' command lines.

use crate::help::programs;
use crate::house;
use clap::{Arg, ArgAction, Command};
use std::fmt::Write;
use std::fs;

const HEAD: &str = "# Command line reference

This page is made from the programs' own help. Do not edit it: run
`FLEET_WRITE=1 cargo test -p fleet-tests --test house reference`. `fleet help COMMAND` prints the same in a terminal, and
`fleet help PAGE` prints pages about values, selectors, windows and exit codes.
";

/// Lists a program and all its commands, each as a section.
fn reference() -> String {
    let mut page = HEAD.to_owned();
    for mut program in programs() {
        // Gives each command its full name, and the options that are the same everywhere.
        program.build();
        section(&mut page, &program, program.get_name());
    }
    page
}

fn section(page: &mut String, command: &Command, path: &str) {
    let level = if path.contains(' ') { "###" } else { "##" };
    let mut text = format!("\n{level} `{path}`\n");
    if let Some(about) = command.get_long_about().or(command.get_about()) {
        about.to_string().split("\n\n").for_each(|paragraph| text.push_str(&format!("\n{}\n", wrapped(paragraph))));
    }
    let usage = command.clone().render_usage().to_string();
    let _ = writeln!(text, "\n```text\n{}\n```", usage.trim_start_matches("Usage: "));
    let is_root = !path.contains(' ');
    let arguments: Vec<&Arg> = command.get_arguments().filter(|it| is_shown(it, is_root)).collect();
    if !arguments.is_empty() {
        text.push_str("\n| argument | meaning |\n|---|---|\n");
        arguments.into_iter().for_each(|argument| row(&mut text, argument));
    }
    if let Some(after) = command.get_after_long_help().or(command.get_after_help()) {
        let _ = writeln!(text, "\n```text\n{}\n```", after.to_string().trim());
    }
    page.push_str(&text);
    for below in command.get_subcommands().filter(|it| !it.is_hide_set() && it.get_name() != "help") {
        section(page, below, &format!("{path} {}", below.get_name()));
    }
}

/// Global options are described once, at the program itself; help and version need no description.
fn is_shown(argument: &Arg, is_root: bool) -> bool {
    let is_own = matches!(argument.get_action(), ArgAction::Help | ArgAction::HelpShort | ArgAction::HelpLong)
        || matches!(argument.get_action(), ArgAction::Version);
    !argument.is_hide_set() && !is_own && (is_root || !argument.is_global_set())
}

fn row(text: &mut String, argument: &Arg) {
    let mut meaning = argument.get_help().map(|help| sentence(&help.to_string())).unwrap_or_default();
    let defaults: Vec<_> = argument.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
    if !defaults.is_empty() && argument.get_action().takes_values() {
        let _ = write!(meaning, " Default: `{}`.", defaults.join(" "));
    }
    let possible: Vec<_> =
        argument.get_possible_values().iter().map(|value| format!("`{}`", value.get_name())).collect();
    if !possible.is_empty() && argument.get_action().takes_values() {
        let _ = write!(meaning, " Values: {}.", possible.join(", "));
    }
    if let Some(variable) = argument.get_env() {
        let _ = write!(meaning, " Environment: `{}`.", variable.to_string_lossy());
    }
    let _ = writeln!(text, "| `{}` | {} |", cell(&form(argument)), cell(&meaning));
}

/// Shows how an argument is written: `-l, --label <KEY=VALUE>`.
fn form(argument: &Arg) -> String {
    let shown = argument.to_string();
    match (argument.get_short(), argument.get_long()) {
        (Some(short), Some(_)) => format!("-{short}, {shown}"),
        (Some(_), None) | (None, Some(_) | None) => shown,
    }
}

fn sentence(text: &str) -> String {
    let text = text.trim();
    match text.chars().last() {
        Some('.' | '?' | ':' | '!') | None => text.to_owned(),
        Some(_) => format!("{text}."),
    }
}

/// Breaks a paragraph into lines, as the other pages have them.
fn wrapped(paragraph: &str) -> String {
    let mut lines = vec![String::new()];
    for word in sentence(paragraph).split_whitespace() {
        let last = lines.last_mut().expect("there is a first line");
        if last.is_empty() {
            last.push_str(word);
        } else if last.len() + word.len() < 120 {
            last.push_str(&format!(" {word}"));
        } else {
            lines.push(word.to_owned());
        }
    }
    lines.join("\n")
}

/// Keeps a text within its cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn the_reference_is_what_the_programs_say() {
    let path = house().join("docs/cli.md");
    let reference = reference();
    if std::env::var_os("FLEET_WRITE").is_some() {
        fs::write(&path, &reference).expect("docs/cli.md can be written");
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    let changed = reference.lines().zip(kept.lines()).find(|(made, kept)| made != kept);
    assert!(
        kept == reference,
        "docs/cli.md is old, first at {changed:?}\nrun FLEET_WRITE=1 cargo test -p fleet-tests --test house reference"
    );
}
