//! `fleet backup recovery-kit`: everything needed to restore data without fleet.

use crate::complete;
use crate::context::Context;
use crate::exit::ExitStatus;
use crate::format::one_line;
use crate::words::problems;
use clap::Args;
use clap_complete::ArgValueCandidates;
use fleet_core::command_error::CommandError;
use fleet_core::names::InstanceName;
use fleet_proto::v1::{RecoveryKit, RecoveryKitsRequest};
use std::fs::{DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Write down, for each repository, where it is, its key, and the commands that get the data back without us
///
/// A sheet for each, which only you can read, with its key. Keep them where the coordinator is not. With --age-recipient a
/// sheet is sealed, and only who has the recipient's own key opens it.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  fleet backup recovery-kit --to kit\n  fleet backup recovery-kit notes-1 --to kit --age-recipient age1qz…"
)]
pub struct RecoveryKitArgs {
    /// Only of these
    #[arg(value_name = "INSTANCE", add = ArgValueCandidates::new(complete::instances))]
    instances: Vec<InstanceName>,

    /// The folder that the files are written to
    #[arg(long, value_name = "DIR", default_value = "recovery-kit")]
    to: PathBuf,

    /// Seal the sheets to this age recipient
    #[arg(long, value_name = "AGE1…")]
    age_recipient: Option<String>,
}

pub async fn run(context: &Context, args: &RecoveryKitArgs) -> Result<ExitStatus, CommandError> {
    let request = RecoveryKitsRequest {
        instances: args.instances.iter().map(ToString::to_string).collect(),
        age_recipient: args.age_recipient.clone().unwrap_or_default(),
    };
    let session = context.session().await?;
    let what = "make the recovery kit";
    let list = session.ask(what, async |_| session.backups().get_recovery_kits(request).await).await?;
    list.missing.iter().for_each(|kit| context.printer.story(one_line(&problems::missing_kit(kit))));
    let status = if list.missing.is_empty() { ExitStatus::Done } else { ExitStatus::Refused };
    if list.kits.is_empty() && list.missing.is_empty() {
        context.printer.story("there is no repository yet, and so no kit");
        return Ok(ExitStatus::Done);
    }
    let failed = |error| {
        CommandError::refused(format!("could not write the recovery kit into {}", args.to.display())).because(error)
    };
    DirBuilder::new().recursive(true).mode(0o700).create(&args.to).map_err(failed)?;
    for kit in &list.kits {
        let path = write(&args.to, kit).map_err(failed)?;
        context.printer.answer(path.display().to_string())?;
    }
    if args.age_recipient.is_none() {
        context.printer.story("these hold keys in the clear: keep them where nobody else reads them");
    }
    Ok(status)
}

/// Writes the kit, and never overwrites a file.
fn write(folder: &Path, kit: &RecoveryKit) -> std::io::Result<PathBuf> {
    // Names come from the coordinator: whatever they contain, files stay below the folder.
    let plain =
        |text: &str| text.chars().filter(|c| c.is_ascii_alphanumeric() || "-_".contains(*c)).collect::<String>();
    let ending = if kit.sealed { "txt.age" } else { "txt" };
    let path = folder.join(format!("{}-{}.{ending}", plain(&kit.repository), plain(&kit.instance)));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
    file.write_all(kit.text.as_bytes())?;
    file.sync_all()?;
    Ok(path)
}
