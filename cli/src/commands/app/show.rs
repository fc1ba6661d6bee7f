//! `fleet app show`: an app's releases, or one release.

use crate::complete;
use crate::context::Context;
use crate::exit::ExitStatus;
use crate::output::{OutputArgs, show_list, show_one};
use crate::session::Session;
use crate::show::releases;
use clap::Args;
use clap_complete::ArgValueCandidates;
use fleet_core::command_error::CommandError;
use fleet_core::names::{AppName, ReleaseName};
use fleet_proto::v1::{ListAppsRequest, ReleaseView, ShowReleaseRequest};

/// Show an app's releases, or one release: its services, images and values
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  fleet app show labnotes\n  fleet app show labnotes@1.2")]
pub struct AppShowArgs {
    /// The app, or one of its releases
    #[arg(value_name = "APP[@VERSION]", add = ArgValueCandidates::new(complete::releases), value_parser = read_subject)]
    subject: Subject,

    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Debug, Clone)]
enum Subject {
    App(AppName),
    Release(ReleaseName),
}

fn read_subject(text: &str) -> Result<Subject, fleet_core::names::NameError> {
    match text.contains('@') {
        true => text.parse().map(Subject::Release),
        false => text.parse().map(Subject::App),
    }
}

pub async fn run(context: &Context, args: &AppShowArgs) -> Result<ExitStatus, CommandError> {
    let session = context.session().await?;
    match &args.subject {
        Subject::App(app) => show_app(context, &session, app, args.output).await?,
        Subject::Release(release) => show_release(context, &session, release, args.output).await?,
    }
    Ok(ExitStatus::Done)
}

async fn show_app(context: &Context, session: &Session, app: &AppName, output: OutputArgs) -> Result<(), CommandError> {
    let list = session.ask("list apps", async |mut c| c.list_apps(ListAppsRequest {}).await).await?;
    let Some(found) = list.apps.into_iter().find(|view| view.name == app.as_str()) else {
        return Err(CommandError::refused(format!("there is no app {app}")).hint("`fleet app ls` lists them"));
    };
    let name: fn(&ReleaseView) -> String = |release| format!("{}@{}", release.app, release.version);
    show_list(context, output.output, &found.releases, (releases::COLUMNS, name), "it has no releases")
}

async fn show_release(
    context: &Context,
    session: &Session,
    name: &ReleaseName,
    output: OutputArgs,
) -> Result<(), CommandError> {
    let request = ShowReleaseRequest { app: name.app.to_string(), version: name.version.to_string(), upgrades: false };
    let what = format!("show {name}");
    let release = session.ask(&what, async |mut c| c.show_release(request).await).await?;
    let lines = |release: &ReleaseView| releases::lines(release, context.now());
    show_one(context, output.output, &release, (lines, &name.to_string()))
}
