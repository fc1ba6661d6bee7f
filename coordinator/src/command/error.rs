//! Failures of a command, and how they are shown.

use crate::carry::CarryError;
use crate::home::HomeError;
use crate::own::{BackendError, OwnError, RestoreError, SettingsError};
use crate::serve::ServeError;
use fleet_core::command_error::CommandError;
use std::io;

#[derive(Debug, thiserror::Error)]
pub enum ActionError {
    #[error(transparent)]
    Home(#[from] HomeError),
    #[error(transparent)]
    Serve(#[from] ServeError),
    #[error(transparent)]
    Carry(#[from] CarryError),
    #[error(transparent)]
    Own(#[from] OwnError),
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error(transparent)]
    Location(#[from] BackendError),
    #[error(transparent)]
    Restore(#[from] RestoreError),
    #[error("could not start")]
    Start(#[source] io::Error),
    #[error("could not write the answer")]
    Answer(#[source] io::Error),
}

impl From<ActionError> for CommandError {
    fn from(error: ActionError) -> Self {
        let message = Self::refused(&error);
        let message = match std::error::Error::source(&error) {
            Some(source) => message.because_of(source),
            None => message,
        };
        match error.hint() {
            Some(hint) => message.hint(hint),
            None => message,
        }
    }
}

impl ActionError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Home(error) => error.hint(),
            Self::Settings(_) => {
                Some("say where with --backup-to PLACE: `fleet-coordinator backup` sets it up, too".to_owned())
            }
            Self::Restore(RestoreError::Home(error)) => error.hint(),
            Self::Serve(_)
            | Self::Carry(_)
            | Self::Own(_)
            | Self::Location(_)
            | Self::Restore(_)
            | Self::Start(_)
            | Self::Answer(_) => None,
        }
    }
}
