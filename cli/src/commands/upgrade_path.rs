//! `fleet upgrade-path`: the upgrades that an instance needs to get to a version.

use super::instance::show::find;
use crate::complete;
use crate::context::Context;
use crate::exit::ExitStatus;
use crate::output::{OutputArgs, show_one};
use crate::show::upgrades;
use crate::words::reasons::shown_left_out;
use clap::Args;
use clap_complete::ArgValueCandidates;
use fleet_core::command_error::CommandError;
use fleet_core::names::{InstanceName, Version};
use fleet_proto::v1::{ReleaseView, ShowReleaseRequest, UpgradePath};

/// Show the upgrades that lead an instance to a version, one after the other
///
/// The path passes each required stop, then takes as few upgrades as it can. One rollout makes them all, and leads back to the present
/// version and data if one of them fails. Its plan (`--dry-run`) shows what is backed up, copied and stopped.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  fleet upgrade-path notes-1 --to 1.4")]
pub struct UpgradePathArgs {
    /// The instance
    #[arg(add = ArgValueCandidates::new(complete::instances))]
    instance: InstanceName,

    /// The version to get to
    #[arg(long, value_name = "VERSION", add = ArgValueCandidates::new(complete::versions))]
    to: Version,

    #[command(flatten)]
    output: OutputArgs,
}

pub async fn run(context: &Context, args: &UpgradePathArgs) -> Result<ExitStatus, CommandError> {
    let session = context.session().await?;
    let instance = find(&session, &args.instance).await?;
    let refused = |why: String| CommandError::refused(format!("there is no path to {}", args.to)).because(why);
    if instance.version.is_empty() {
        return Err(refused(format!("{} has not reported a version", instance.name)));
    }
    let request = ShowReleaseRequest { app: instance.app.clone(), version: args.to.to_string(), upgrades: true };
    let release = session.ask("show the upgrades", async |mut c| c.show_release(request).await).await?;
    let path = path_from(&release, &instance.version);
    let Some(path) = path else {
        let why =
            format!("{}@{}, which {} runs, is not among the releases", instance.app, instance.version, instance.name);
        return Err(refused(why).hint("`fleet app ls` lists them"));
    };
    if let Some(refusal) = &path.refusal {
        let graph = format!("`fleet app graph {}@{}` shows the upgrades that there are", instance.app, args.to);
        return Err(refused(shown_left_out(Some(refusal))).hint(graph));
    }
    let name = instance.name.clone();
    let lines = |path: &UpgradePath| upgrades::path_lines(&instance, path);
    show_one(context, args.output.output, &path, (lines, &name))?;
    Ok(ExitStatus::Done)
}

/// Returns the path from a version; without a hop if it is the release's own.
fn path_from(release: &ReleaseView, version: &str) -> Option<UpgradePath> {
    if release.version == version {
        return Some(UpgradePath { from: version.to_owned(), ..Default::default() });
    }
    release.upgrades.iter().flat_map(|graph| &graph.paths).find(|path| path.from == version).cloned()
}
