//! `fleet backup extract`.

use super::hold::backup_id;
use crate::context::Context;
use crate::exit::ExitStatus;
use crate::format::bytes;
use clap::Args;
use fleet_core::command_error::CommandError;
use fleet_core::names::{RepositoryName, StoreName};
use fleet_proto::v1::ExtractRequest;
use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

/// Get one dump or one file out of a backup, onto this machine
///
/// The output gets its name only when it is complete, and never replaces an existing file.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  fleet backup extract 3f9a12 --store notebook --output notes.dump\n  fleet backup extract 3f9a12 --store uploads --path 2026/plan.pdf --output plan.pdf"
)]
pub struct BackupExtractArgs {
    /// Its id, or the first digits of it
    #[arg(value_name = "BACKUP", value_parser = backup_id)]
    backup: String,

    /// Out of which store
    #[arg(long, value_name = "STORE")]
    store: StoreName,

    /// Path of one file in the store, in any bytes
    #[arg(long, value_name = "PATH", default_value = "")]
    path: OsString,

    /// The copy in this repository
    #[arg(long, value_name = "REPOSITORY")]
    from: Option<RepositoryName>,

    /// The file to write
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

pub async fn run(context: &Context, args: &BackupExtractArgs) -> Result<ExitStatus, CommandError> {
    let failed = |error| CommandError::refused(format!("could not write {}", args.output.display())).because(error);
    if args.output.exists() {
        return Err(failed(std::io::Error::from(std::io::ErrorKind::AlreadyExists)));
    }
    let request = ExtractRequest {
        backup: args.backup.clone(),
        repository: args.from.as_ref().map(ToString::to_string).unwrap_or_default(),
        store: args.store.to_string(),
        path: args.path.to_str().unwrap_or_default().to_owned(),
        path_bytes: if args.path.to_str().is_none() { args.path.as_bytes().to_vec() } else { Vec::new() },
    };
    let (what, session) = ("read out of the backup", context.session().await?);
    let mut pieces = session.open_stream(what, async |_| session.backups().extract(request).await).await?;
    let mut name = args.output.clone().into_os_string();
    name.push(".part");
    let part = PathBuf::from(name);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part).map_err(failed)?;
    let mut written = 0_u64;
    loop {
        match pieces.message().await {
            Ok(Some(piece)) => {
                file.write_all(&piece.bytes).map_err(failed)?;
                written += piece.bytes.len() as u64;
            }
            Ok(None) => break,
            Err(status) => {
                // A partial file is useless.
                let _ = fs::remove_file(&part);
                return Err(session.no(what, status));
            }
        }
    }
    file.sync_all().and_then(|()| fs::rename(&part, &args.output)).map_err(failed)?;
    context.printer.answer(format!("{}: {}", args.output.display(), bytes(written)))?;
    Ok(ExitStatus::Done)
}
