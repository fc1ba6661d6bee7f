//! The verbs, one file each.

mod app;
mod backup;
mod change;
mod completion;
mod events;
mod help;
mod host;
mod install;
mod instance;
mod login;
mod logout;
mod logs;
mod operator;
mod restore;
mod rollout;
mod status;
mod token;
mod upgrade_path;
mod whoami;

use crate::context::Context;
use crate::exit::ExitStatus;
use clap::Subcommand;
use fleet_core::command_error::CommandError;

#[derive(Debug, Subcommand)]
pub enum Command {
    Login(login::LoginArgs),
    Logout(logout::LogoutArgs),
    Whoami(whoami::WhoamiArgs),
    Status(status::StatusArgs),
    #[command(subcommand)]
    Host(host::HostCommand),
    #[command(subcommand)]
    App(app::AppCommand),
    Install(install::InstallArgs),
    #[command(subcommand)]
    Instance(instance::InstanceCommand),
    Rollout(Box<rollout::RolloutArgs>),
    UpgradePath(upgrade_path::UpgradePathArgs),
    #[command(subcommand)]
    Backup(backup::BackupCommand),
    Restore(Box<restore::RestoreArgs>),
    Events(events::EventsArgs),
    Logs(logs::LogsArgs),
    #[command(subcommand)]
    Operator(operator::OperatorCommand),
    #[command(subcommand)]
    Token(token::TokenCommand),
    Completion(completion::CompletionArgs),
    Help(help::HelpArgs),
}

/// Runs the command.
pub async fn run(context: &Context, command: &Command) -> Result<ExitStatus, CommandError> {
    match command {
        Command::Login(args) => login::run(context, args).await,
        Command::Logout(args) => logout::run(context, args),
        Command::Whoami(args) => whoami::run(context, args).await,
        Command::Status(args) => status::run(context, args).await,
        Command::Host(command) => host::run(context, command).await,
        Command::App(command) => app::run(context, command).await,
        Command::Install(args) => install::run(context, args).await,
        Command::Instance(command) => instance::run(context, command).await,
        Command::Rollout(args) => rollout::run(context, args).await,
        Command::UpgradePath(args) => upgrade_path::run(context, args).await,
        Command::Backup(command) => backup::run(context, command).await,
        Command::Restore(args) => restore::run(context, args).await,
        Command::Events(args) => events::run(context, args).await,
        Command::Logs(args) => logs::run(context, args).await,
        Command::Operator(command) => operator::run(context, command).await,
        Command::Token(command) => token::run(context, command).await,
        Command::Completion(args) => completion::run(context, args),
        Command::Help(args) => help::run(context, args),
    }
}
