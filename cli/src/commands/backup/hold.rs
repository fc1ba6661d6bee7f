//! `fleet backup hold` and `fleet backup release`.

use crate::context::Context;
use crate::exit::ExitStatus;
use clap::Args;
use fleet_core::command_error::CommandError;
use fleet_proto::v1::HoldBackupRequest;

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  fleet backup hold 3f9a12\n  fleet backup release 3f9a12")]
pub struct HoldArgs {
    /// Its id, or the first digits of it
    #[arg(value_name = "BACKUP", value_parser = backup_id)]
    backup: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HoldAction {
    Hold,
    Release,
}

pub async fn run(context: &Context, args: &HoldArgs, action: HoldAction) -> Result<ExitStatus, CommandError> {
    let (what, said) = match action {
        HoldAction::Hold => ("hold the backup", "held: nobody forgets it"),
        HoldAction::Release => ("release the backup", "released: its policy says again whether it stays"),
    };
    let request = HoldBackupRequest { backup: args.backup.clone(), release: action == HoldAction::Release };
    let session = context.session().await?;
    let view = session.ask(what, async |_| session.backups().hold_backup(request).await).await?;
    context.printer.answer(format!("{} of {}: {said}", view.id, view.instance))?;
    Ok(ExitStatus::Done)
}

/// The first digits of an id.
pub fn backup_id(text: &str) -> Result<String, String> {
    let is_hex = text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    match is_hex && (4..=24).contains(&text.len()) {
        true => Ok(text.to_owned()),
        false => {
            Err("write the id of a backup, or at least its first 4 digits; `fleet backup ls` shows them".to_owned())
        }
    }
}
