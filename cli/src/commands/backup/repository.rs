//! `fleet backup repository`: where backups are kept.

use crate::ask;
use crate::context::Context;
use crate::exit::ExitStatus;
use crate::format::one_line;
use crate::output::{OutputArgs, show_list};
use crate::show::backups::REPOSITORIES;
use crate::words::{policies, repository_place};
use clap::{Args, Subcommand};
use fleet_core::command_error::CommandError;
use fleet_core::names::RepositoryName;
use fleet_proto::v1::add_repository_request::Location;
use fleet_proto::v1::{
    AddRepositoryRequest, BucketPlace, FolderPlace, ListRepositoriesRequest, RemoveRepositoryRequest, RepositoryView,
};
use std::path::PathBuf;

/// Say where backups are kept; `central`, on the coordinator's disk, is there by itself
#[derive(Debug, Subcommand)]
pub enum RepositoryCommand {
    Add(RepositoryAddArgs),
    /// List the repositories
    #[command(visible_alias = "list")]
    Ls(RepositoryLsArgs),
    /// Remove a repository from the fleet; its data stays where it is
    #[command(visible_alias = "remove")]
    Rm(RepositoryRmArgs),
}

/// Add a bucket, or a folder on each host
///
/// The key of a bucket is read from a file or from standard input, never from the command line, where other users of this
/// machine may see it.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  fleet backup repository add usb --folder /mnt/backups\n  fleet backup repository add offsite --s3 lab-backups --endpoint https://s3.example.org --region eu --key-id AKIA1 --key-file key.txt"
)]
pub struct RepositoryAddArgs {
    /// Its name in policies and commands
    #[arg(value_name = "REPOSITORY")]
    name: RepositoryName,

    /// A folder on each instance's own host, be it a mount
    #[arg(long, value_name = "PATH", required_unless_present = "s3", conflicts_with = "s3")]
    folder: Option<String>,

    /// A bucket
    #[arg(long, value_name = "BUCKET", requires = "endpoint", requires = "key_id")]
    s3: Option<String>,

    /// URL of the bucket's server
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,

    /// The region of the bucket
    #[arg(long, value_name = "REGION", default_value = "us-east-1")]
    region: String,

    /// A folder in the bucket
    #[arg(long, value_name = "PATH", default_value = "")]
    prefix: String,

    /// The id of the key that opens the bucket
    #[arg(long, value_name = "ID")]
    key_id: Option<String>,

    /// The file that holds the key; without it, it is read from standard input
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct RepositoryLsArgs {
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Debug, Args)]
pub struct RepositoryRmArgs {
    /// The repository to remove
    #[arg(value_name = "REPOSITORY")]
    name: RepositoryName,

    /// Remove the repository's backups from the catalog; their data stays where it is, and `recovery-kit` describes how
    /// to open it
    #[arg(long)]
    forget: bool,
}

pub async fn run(context: &Context, command: &RepositoryCommand) -> Result<ExitStatus, CommandError> {
    match command {
        RepositoryCommand::Add(args) => add(context, args).await,
        RepositoryCommand::Ls(args) => ls(context, args).await,
        RepositoryCommand::Rm(args) => rm(context, args).await,
    }
}

async fn add(context: &Context, args: &RepositoryAddArgs) -> Result<ExitStatus, CommandError> {
    let place = match (&args.folder, &args.s3) {
        (Some(path), _) => Location::Folder(FolderPlace { path: path.clone() }),
        (None, bucket) => Location::Bucket(BucketPlace {
            endpoint: args.endpoint.clone().unwrap_or_default(),
            region: args.region.clone(),
            bucket: bucket.clone().unwrap_or_default(),
            prefix: args.prefix.clone(),
            key_id: args.key_id.clone().unwrap_or_default(),
            key: key(context, args)?,
        }),
    };
    let request = AddRepositoryRequest { name: args.name.to_string(), location: Some(place) };
    let session = context.session().await?;
    let view = session.ask("add the repository", async |_| session.backups().add_repository(request).await).await?;
    context.printer.answer(format!("{}: added, {}", view.name, repository_place(&view)))?;
    let objections = view.objections.iter().map(policies::objection);
    objections.for_each(|one| context.printer.story(format!("warning: {}", one_line(&one))));
    context.printer.story(format!("use it: `fleet backup policy set POLICY --to central --to {}`", view.name));
    Ok(ExitStatus::Done)
}

fn key(context: &Context, args: &RepositoryAddArgs) -> Result<String, CommandError> {
    const LIMIT: usize = 4096;
    let text = match &args.key_file {
        Some(path) => std::fs::read_to_string(path).map_err(|error| {
            CommandError::refused(format!("could not read the key in {}", path.display())).because(error)
        })?,
        None => {
            context.printer.story("the key is read from standard input");
            ask::read_all(context, LIMIT)?
        }
    };
    match text.trim() {
        key if key.is_empty() || key.len() > LIMIT => {
            Err(CommandError::misused("could not add the repository").because("there is no key for the bucket"))
        }
        key => Ok(key.to_owned()),
    }
}

async fn ls(context: &Context, args: &RepositoryLsArgs) -> Result<ExitStatus, CommandError> {
    let session = context.session().await?;
    let what = "list the repositories";
    let request = ListRepositoriesRequest {};
    let list = session.ask(what, async |_| session.backups().list_repositories(request).await).await?;
    let look = (REPOSITORIES, (|it| it.name.clone()) as fn(&RepositoryView) -> String);
    show_list(context, args.output.output, &list.repositories, look, "there is no repository")?;
    Ok(ExitStatus::Done)
}

async fn rm(context: &Context, args: &RepositoryRmArgs) -> Result<ExitStatus, CommandError> {
    let session = context.session().await?;
    let request = RemoveRepositoryRequest { name: args.name.to_string(), forget: args.forget };
    session.ask("remove the repository", async |_| session.backups().remove_repository(request).await).await?;
    context.printer.answer(format!("{}: removed; what it holds stays where it is", args.name))?;
    Ok(ExitStatus::Done)
}
