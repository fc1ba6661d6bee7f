//! The log of a program: one line for each event, on stderr. `RUST_LOG` chooses the events.

use crate::json::{JsonFields, JsonLines};
use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;

/// Format of the log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// Lines for people; without the time where the journal adds it.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

/// Starts the log of this process. Later calls change nothing.
pub fn start_log(format: LogFormat) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt().with_writer(std::io::stderr).with_env_filter(filter);
    let started = match format {
        LogFormat::Json => log.with_ansi(false).fmt_fields(JsonFields).event_format(JsonLines).try_init(),
        LogFormat::Text => {
            let log = log.with_target(false).with_ansi(is_coloured());
            if std::env::var_os("JOURNAL_STREAM").is_some() { log.without_time().try_init() } else { log.try_init() }
        }
    };
    // Another log was started before: it stays.
    drop(started);
}

fn is_coloured() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
