//! `fleet host add`: announces a host, and prints the line that makes a machine this host.

use crate::context::Context;
use crate::exit::ExitStatus;
use crate::format::moment;
use clap::Args;
use fleet_core::command_error::CommandError;
use fleet_core::grammar::count;
use fleet_core::labels::Labels;
use fleet_core::names::HostName;
use fleet_core::units::Period;
use fleet_proto::v1::{AddHostRequest, JoinInvitation};

/// Add a host: prints the line to run on the lab server
///
/// The printed line installs the agent, joins and starts it. The lab server needs no open port: the agent dials out.
/// For an existing host, this makes a new token; its labels change only if labels are given.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  fleet host add lab-1 --label site=fr --label tier=test\n  fleet host add lab-1 --token-only | ssh root@lab-1 fleet-agent join -"
)]
pub struct HostAddArgs {
    /// The host's name: lower-case letters, digits, `-` and `_`
    name: HostName,

    /// A label, by which rollouts can pick hosts; may be repeated
    #[arg(short, long = "label", value_name = "KEY=VALUE")]
    labels: Vec<String>,

    /// Lifetime of the token
    #[arg(long, default_value = "24h", value_name = "PERIOD")]
    token_life: Period,

    /// Print the token alone
    #[arg(long)]
    token_only: bool,
}

/// Path of the agent's installer in the coordinator's package.
const INSTALLER: &str = "/usr/share/fleet/fleet-agent-installer.sh";

pub async fn run(context: &Context, args: &HostAddArgs) -> Result<ExitStatus, CommandError> {
    let labels = Labels::parse(args.labels.iter().map(String::as_str)).map_err(CommandError::misused)?;
    let request = AddHostRequest {
        name: args.name.to_string(),
        labels: labels.0,
        token_seconds: args.token_life.as_duration().as_secs(),
    };
    let what = format!("add the host {}", args.name);
    let session = context.session().await?;
    let invitation = session.ask(&what, async |mut c| c.add_host(request).await).await?;
    if args.token_only {
        context.printer.answer(invitation.token)?;
    } else {
        explain(context, &invitation);
        // Through a pipe from a shell's own command: arguments of programs can be read by every user of a machine.
        context.printer.answer(format!("echo {} | sh fleet-agent-installer.sh -", invitation.token))?;
    }
    Ok(ExitStatus::Done)
}

fn explain(context: &Context, invitation: &JoinInvitation) {
    let JoinInvitation { name, expires_ms, uses, .. } = invitation;
    let lines = [
        format!("Run the line below on {name} as root; it works {} until {}.", times(*uses), moment(*expires_ms)),
        "The installer has the agent in it; copy it there first, from the coordinator's machine:".to_owned(),
        format!("  scp {INSTALLER} root@{name}:"),
        "Where the agent's package is installed already, this is enough:".to_owned(),
        "  echo TOKEN | fleet-agent join - && systemctl enable --now fleet-agent".to_owned(),
        String::new(),
    ];
    lines.into_iter().for_each(|line| context.printer.story(line));
}

fn times(uses: u32) -> String {
    if uses <= 1 { "once".to_owned() } else { count(uses, "time") }
}
