//! `fleet app ls`: the apps and their releases.

use crate::context::Context;
use crate::exit::ExitStatus;
use crate::output::{OutputArgs, show_list};
use crate::show::releases;
use clap::Args;
use fleet_core::command_error::CommandError;
use fleet_proto::v1::{AppView, ListAppsRequest};

/// List apps and their newest releases
#[derive(Debug, Args)]
pub struct AppLsArgs {
    #[command(flatten)]
    output: OutputArgs,
}

pub async fn run(context: &Context, args: &AppLsArgs) -> Result<ExitStatus, CommandError> {
    let session = context.session().await?;
    let list = session.ask("list apps", async |mut c| c.list_apps(ListAppsRequest {}).await).await?;
    let look = (releases::APPS, (|app| app.name.clone()) as fn(&AppView) -> String);
    let none = "there are no apps yet; push one with `fleet app push DIR --version VERSION`";
    show_list(context, args.output.output, &list.apps, look, none)?;
    Ok(ExitStatus::Done)
}
