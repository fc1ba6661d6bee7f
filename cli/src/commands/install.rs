//! `fleet install`: a release on a host, under a name.

use super::change::{Change, DetachArgs, carry_out, show_dry_run};
use crate::choices::drift_rules;
use crate::complete;
use crate::context::Context;
use crate::exit::ExitStatus;
use crate::input::ValueArgs;
use clap::Args;
use clap_complete::ArgValueCandidates;
use fleet_core::command_error::CommandError;
use fleet_core::names::{HostName, InstanceName, ReleaseName};
use fleet_proto::v1::{DriftRule, InstallInstanceRequest};

/// Install a release on a host, under a name
///
/// Values are checked before anything happens. Secrets are better given in a file (--values) than on the command line,
/// where other users of this machine may see them.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  fleet install labnotes@1.2 --host lab-1 --name notes-1 --set port=8081 --values secrets.yaml\n  fleet install labnotes@1.2 --host lab-1 --name notes-1 --dry-run"
)]
pub struct InstallArgs {
    /// Release to install, as APP@VERSION
    #[arg(value_name = "APP@VERSION", add = ArgValueCandidates::new(complete::releases))]
    release: ReleaseName,

    /// Host to install on
    #[arg(long, add = ArgValueCandidates::new(complete::hosts))]
    host: HostName,

    /// Under which name, unique in the fleet
    #[arg(long)]
    name: InstanceName,

    #[command(flatten)]
    values: ValueArgs,

    /// Reaction to changes by hand
    #[arg(long, default_value = "heal", value_parser = drift_rules())]
    drift: DriftRule,

    /// Only show the plan
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    detach: DetachArgs,
}

pub async fn run(context: &Context, args: &InstallArgs) -> Result<ExitStatus, CommandError> {
    let request = InstallInstanceRequest {
        app: args.release.app.to_string(),
        version: args.release.version.to_string(),
        host: args.host.to_string(),
        name: args.name.to_string(),
        values: args.values.read(context)?,
        drift: Some(args.drift.into()),
        dry_run: args.dry_run,
    };
    let what = format!("install {} on {}", args.release, args.host);
    let session = context.session().await?;
    let change = session.ask(&what, async |mut c| c.install_instance(request).await).await?;
    if args.dry_run {
        return show_dry_run(context, &change);
    }
    carry_out(context, Change { what: &what, instance: args.name.as_str(), change }, args.detach).await
}
