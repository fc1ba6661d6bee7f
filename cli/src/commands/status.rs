//! `fleet status`: the fleet on one screen.

use crate::context::Context;
use crate::exit::ExitStatus;
use crate::output::{Format, show_one};
use crate::show::status;
use clap::{Args, ValueEnum};
use fleet_core::command_error::CommandError;
use fleet_proto::v1::GetStatusRequest;

/// Show the fleet on one screen: problems that need a person, running changes, hosts and instances
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// Output format
    #[arg(short, long, value_enum, default_value = "table", value_name = "FORMAT")]
    output: StatusFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum StatusFormat {
    /// A screen for people
    Table,
    /// The coordinator's own words; times are milliseconds since 1970
    Json,
    /// The same as JSON, in YAML
    Yaml,
}

pub async fn run(context: &Context, args: &StatusArgs) -> Result<ExitStatus, CommandError> {
    let session = context.session().await?;
    let status = session.ask("ask for the status", async |mut c| c.get_status(GetStatusRequest {}).await).await?;
    let format = match args.output {
        StatusFormat::Json => Format::Json,
        StatusFormat::Yaml => Format::Yaml,
        StatusFormat::Table => {
            let lines = status::lines(&status, context.now());
            lines.into_iter().try_for_each(|line| context.printer.answer(line))?;
            return Ok(ExitStatus::Done);
        }
    };
    show_one(context, format, &status, (|_: &_| Vec::new(), ""))?;
    Ok(ExitStatus::Done)
}
