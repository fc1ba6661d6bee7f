//! Every part of a command line has a help text.

use clap::{Arg, Command, CommandFactory};

/// Returns all arguments and subcommands below a command without a help text.
fn silent(command: &Command, path: &str) -> Vec<String> {
    let of_argument = |arg: &&Arg| !arg.is_hide_set() && arg.get_help().is_none();
    let arguments = command.get_arguments().filter(of_argument).map(|arg| format!("{path} {arg}"));
    let below = command.get_subcommands().filter(|it| !it.is_hide_set()).flat_map(|it| {
        let path = format!("{path} {}", it.get_name());
        let own = it.get_about().is_none().then(|| path.clone());
        own.into_iter().chain(silent(it, &path)).collect::<Vec<_>>()
    });
    arguments.chain(below).collect()
}

/// The command lines of all programs.
pub fn programs() -> [Command; 3] {
    [fleet_cli::command_line(), fleet_agent::command_line(), fleet_coordinator::command::Command::command()]
}

#[test]
fn each_argument_says_what_it_is() {
    let silent: Vec<String> = programs().iter().flat_map(|it| silent(it, it.get_name())).collect();
    assert!(silent.is_empty(), "no help text:\n{}", silent.join("\n"));
}

#[test]
fn an_argument_that_says_nothing_is_found() {
    let inner = Command::new("inner").about("…").arg(Arg::new("NAME")).arg(Arg::new("FILE").help("…"));
    assert_eq!(silent(&Command::new("it").subcommand(inner), "it"), ["it inner [NAME]"]);
}
