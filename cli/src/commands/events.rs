//! `fleet events`: shows the events of the fleet.

use crate::context::Context;
use crate::exit::ExitStatus;
use crate::format::{moment, one_line};
use crate::session::Session;
use crate::words::{events, subject};
use clap::{Args, ValueEnum};
use fleet_core::command_error::CommandError;
use fleet_proto::v1::{EventView, ListEventsRequest};

/// Show the events of the fleet, the newest last
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  fleet events --tail 20\n  fleet events --about notes-1 --follow\n  fleet events --follow -o json | jq .text"
)]
pub struct EventsArgs {
    /// Continue with new events as they come
    #[arg(short, long)]
    follow: bool,

    /// Number of the newest events
    #[arg(short = 'n', long, value_name = "N", default_value_t = 50)]
    tail: u32,

    /// Only about this host, instance or rollout
    #[arg(long, value_name = "NAME")]
    about: Option<String>,

    /// Output format; JSON is one object a line
    #[arg(short, long, value_enum, default_value = "table", value_name = "FORMAT")]
    output: EventsFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum EventsFormat {
    Table,
    Json,
}

pub async fn run(context: &Context, args: &EventsArgs) -> Result<ExitStatus, CommandError> {
    let request =
        ListEventsRequest { tail: args.tail, follow: args.follow, subject: args.about.clone().unwrap_or_default() };
    let session = context.session().await?;
    show(context, &session, request, args.output).await?;
    Ok(ExitStatus::Done)
}

async fn show(
    context: &Context,
    session: &Session,
    request: ListEventsRequest,
    format: EventsFormat,
) -> Result<(), CommandError> {
    let what = "read events";
    let mut events = session.open_stream(what, async |mut c| c.list_events(request).await).await?;
    while let Some(event) = events.message().await.map_err(|status| session.no(what, status))? {
        show_one(context, &event, format)?;
    }
    Ok(())
}

fn show_one(context: &Context, event: &EventView, format: EventsFormat) -> Result<(), CommandError> {
    match format {
        EventsFormat::Table => {
            let subject = one_line(&subject(event.subject.as_ref()));
            let text = one_line(&events::shown(event.kind.as_ref()));
            context.printer.answer(format!("{}  {subject}  {text}", moment(event.at_ms)))
        }
        EventsFormat::Json => {
            let failed = |error| CommandError::refused("could not write an event").because(error);
            context.printer.answer_data(&serde_json::to_string(event).map_err(failed)?)
        }
    }
}
