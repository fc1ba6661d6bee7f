//! `fleet app`: apps and their releases.

mod graph;
mod images;
mod lint;
mod ls;
mod push;
mod read;
mod show;

use crate::context::Context;
use crate::exit::ExitStatus;
use clap::Subcommand;
use fleet_core::command_error::CommandError;

/// Check, push and see apps and their releases
#[derive(Debug, Subcommand)]
pub enum AppCommand {
    Lint(lint::AppLintArgs),
    Push(push::AppPushArgs),
    #[command(visible_alias = "list")]
    Ls(ls::AppLsArgs),
    Show(show::AppShowArgs),
    Graph(graph::AppGraphArgs),
}

pub async fn run(context: &Context, command: &AppCommand) -> Result<ExitStatus, CommandError> {
    match command {
        AppCommand::Lint(args) => lint::run(context, args).await,
        AppCommand::Push(args) => push::run(context, args).await,
        AppCommand::Ls(args) => ls::run(context, args).await,
        AppCommand::Show(args) => show::run(context, args).await,
        AppCommand::Graph(args) => graph::run(context, args).await,
    }
}
