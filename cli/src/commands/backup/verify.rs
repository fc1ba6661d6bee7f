//! `fleet backup verify`.

use crate::complete;
use crate::context::Context;
use crate::exit::ExitStatus;
use crate::format::one_line;
use crate::words::damage;
use clap::Args;
use clap_complete::ArgValueCandidates;
use fleet_core::command_error::CommandError;
use fleet_core::names::InstanceName;
use fleet_proto::v1::{VerifyRequest, VerifyState};
use fleet_proto::words::word;

/// Read repositories again, and name the backups that are damaged
///
/// The coordinator does this by itself over a month; this command does it now. Without --read-data only the
/// repositories' own metadata is read. The exit code is 1 if anything is damaged.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  fleet backup verify\n  fleet backup verify notes-1 --read-data 5%\n  fleet backup verify --read-data 100%"
)]
pub struct BackupVerifyArgs {
    /// Only of this instance
    #[arg(value_name = "INSTANCE", add = ArgValueCandidates::new(complete::instances))]
    instance: Option<InstanceName>,

    /// Also read this share of the data, in percent; repeated calls read another part each hour
    #[arg(long, value_name = "PERCENT", value_parser = percent, default_value = "0")]
    read_data: u32,
}

pub async fn run(context: &Context, args: &BackupVerifyArgs) -> Result<ExitStatus, CommandError> {
    let instance = args.instance.as_ref().map(ToString::to_string).unwrap_or_default();
    let request = VerifyRequest { instance, percent: args.read_data };
    let (what, session) = ("verify backups", context.session().await?);
    let mut lines = session.open_stream(what, async |_| session.backups().verify(request).await).await?;
    let mut ended = ExitStatus::Done;
    while let Some(line) = lines.message().await.map_err(|status| session.no(what, status))? {
        if !is_fine(line.state()) {
            ended = ExitStatus::Refused;
        }
        let (state, text) = (word::<VerifyState>(line.state), one_line(&damage::shown_line(&line)));
        context.printer.answer(format!("{}  {}  {state}: {text}", line.instance, line.repository))?;
    }
    Ok(ended)
}

/// Returns whether a repository was read without damage. An unknown state is not fine.
fn is_fine(state: VerifyState) -> bool {
    match state {
        VerifyState::Ok | VerifyState::Skipped => true,
        VerifyState::Damaged | VerifyState::Unspecified => false,
    }
}

fn percent(text: &str) -> Result<u32, String> {
    let number = text.strip_suffix('%').unwrap_or(text).parse::<u32>().ok().filter(|number| *number <= 100);
    number.ok_or_else(|| "write a part of a hundred, such as 5%".to_owned())
}
