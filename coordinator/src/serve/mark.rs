//! Mark of a running coordinator: if it exists at a start, the previous run did not end cleanly.

use crate::facts::Facts;
use fleet_core::event::{EventKind, EventSubject};
use fleet_core::time::Time;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

const FILE: &str = "serving";

/// A file in the coordinator's directory, from the start of a run to its orderly end.
#[derive(Debug)]
pub struct RunMark(PathBuf);

impl RunMark {
    /// Begins a run, and records an event if the previous one did not end cleanly.
    pub async fn begin(directory: &Path, facts: &Facts, now: Time) -> io::Result<Self> {
        let path = directory.join(FILE);
        match fs::read_to_string(&path) {
            Ok(since) => {
                let since = since.trim().parse().ok().map(Time);
                let at = since.map(tracing::field::display);
                tracing::error!(since = at, "the run before crashed, was killed, or the power failed");
                let kind = EventKind::Crashed { since };
                if let Err(error) = facts.tell(EventSubject::Coordinator, kind, now).await {
                    tracing::error!(error = &error as &(dyn std::error::Error + 'static), "could not keep that event");
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path)?;
        file.write_all(format!("{}\n", now.0).as_bytes())?;
        Ok(Self(path))
    }

    /// Ends the run in order.
    pub fn end(self) {
        if let Err(error) = fs::remove_file(&self.0) {
            let error = &error as &(dyn std::error::Error + 'static);
            tracing::warn!(error, "could not note that it ended; the next start takes it for a crash");
        }
    }
}
