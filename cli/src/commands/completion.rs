//! `fleet completion`: the script that a shell wants.

use crate::context::Context;
use crate::exit::ExitStatus;
use clap::{Args, ValueEnum};
use clap_complete::env::{Bash, EnvCompleter, Fish, Zsh};
use fleet_core::command_error::CommandError;

/// Print the completion script for a shell; names of hosts, instances, apps and rollouts are completed too
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  echo 'source <(fleet completion bash)' >>~/.bashrc\n  echo 'source <(fleet completion zsh)' >>~/.zshrc\n  fleet completion fish >~/.config/fish/completions/fleet.fish"
)]
pub struct CompletionArgs {
    /// Shell to complete for
    #[arg(value_enum)]
    shell: Shell,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
}

/// Additional code for bash.
const BASH_WORDS: &str = include_str!("../shell/words.bash");

pub fn run(context: &Context, args: &CompletionArgs) -> Result<ExitStatus, CommandError> {
    let completer: &dyn EnvCompleter = match args.shell {
        Shell::Bash => &Bash,
        Shell::Zsh => &Zsh,
        Shell::Fish => &Fish,
    };
    let mut script = Vec::new();
    completer
        .write_registration("COMPLETE", "fleet", "fleet", "fleet", &mut script)
        .map_err(|error| CommandError::refused("could not make the script").because(error))?;
    let more = match args.shell {
        Shell::Bash => BASH_WORDS,
        Shell::Zsh | Shell::Fish => "",
    };
    context.printer.answer_script(&format!("{}{more}", String::from_utf8_lossy(&script)))?;
    Ok(ExitStatus::Done)
}
