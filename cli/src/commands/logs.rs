//! `fleet logs`: shows the logs of an instance's containers.

use crate::complete;
use crate::context::Context;
use crate::exit::ExitStatus;
use crate::format::moment;
use clap::Args;
use clap_complete::ArgValueCandidates;
use fleet_core::command_error::CommandError;
use fleet_core::names::InstanceName;
use fleet_proto::v1::{LogView, ReadLogsRequest};

/// Show the logs of an instance's containers
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  fleet logs notes-1 --tail 50\n  fleet logs notes-1 web --follow")]
pub struct LogsArgs {
    /// Instance whose containers are read
    #[arg(add = ArgValueCandidates::new(complete::instances))]
    instance: InstanceName,

    /// Only this service
    service: Option<String>,

    /// Continue with new lines as they come
    #[arg(short, long)]
    follow: bool,

    /// Number of the newest lines of each service
    #[arg(short = 'n', long, value_name = "N", default_value_t = 100)]
    tail: u32,

    /// Begin each line with its time
    #[arg(short, long)]
    timestamps: bool,
}

pub async fn run(context: &Context, args: &LogsArgs) -> Result<ExitStatus, CommandError> {
    let request = ReadLogsRequest {
        instance: args.instance.to_string(),
        service: args.service.clone().unwrap_or_default(),
        follow: args.follow,
        tail: args.tail,
    };
    let what = format!("read the logs of {}", args.instance);
    let session = context.session().await?;
    let mut logs = session.open_stream(&what, async |mut c| c.read_logs(request).await).await?;
    while let Some(log) = logs.message().await.map_err(|status| session.no(&what, status))? {
        let start = beginning(&log, args);
        for line in log.text.trim_end_matches(['\n', '\r']).split('\n') {
            context.printer.answer_log(&format!("{start}{}", line.trim_end_matches('\r')))?;
        }
    }
    Ok(ExitStatus::Done)
}

/// Returns the time if it is requested, and the service if there may be several.
fn beginning(log: &LogView, args: &LogsArgs) -> String {
    let time = if args.timestamps { format!("{} ", moment(log.at_ms)) } else { String::new() };
    let service = if args.service.is_none() { format!("{} | ", log.service) } else { String::new() };
    format!("{time}{service}")
}
