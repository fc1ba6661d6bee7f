//! `fleet app graph`: the upgrades that lead to a release.

use crate::complete;
use crate::context::Context;
use crate::exit::ExitStatus;
use crate::output::{OutputArgs, show_one};
use crate::show::upgrades;
use clap::Args;
use clap_complete::ArgValueCandidates;
use fleet_core::command_error::CommandError;
use fleet_core::names::{AppName, NameError, Version};
use fleet_proto::v1::{ReleaseView, ShowReleaseRequest};

/// Show the upgrades that lead to a release: required stops, edges, and the path from each other release
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  fleet app graph labnotes\n  fleet app graph labnotes@1.4")]
pub struct AppGraphArgs {
    /// The app, for the release pushed last, or one of its releases
    #[arg(value_name = "APP[@VERSION]", add = ArgValueCandidates::new(complete::releases), value_parser = read_subject)]
    subject: Subject,

    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Debug, Clone)]
struct Subject {
    app: AppName,
    version: Option<Version>,
}

fn read_subject(text: &str) -> Result<Subject, NameError> {
    let (app, version) = text.split_once('@').map_or((text, None), |(app, version)| (app, Some(version)));
    Ok(Subject { app: app.parse()?, version: version.map(str::parse).transpose()? })
}

pub async fn run(context: &Context, args: &AppGraphArgs) -> Result<ExitStatus, CommandError> {
    let Subject { app, version } = &args.subject;
    let version = version.as_ref().map(ToString::to_string).unwrap_or_default();
    let request = ShowReleaseRequest { app: app.to_string(), version, upgrades: true };
    let session = context.session().await?;
    let release = session.ask("show the upgrades", async |mut c| c.show_release(request).await).await?;
    let name = format!("{}@{}", release.app, release.version);
    show_one(context, args.output.output, &release, (|release: &ReleaseView| upgrades::lines(release), &name))?;
    Ok(ExitStatus::Done)
}
