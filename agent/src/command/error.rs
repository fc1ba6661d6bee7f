//! Failures of the link as failures of a command.

use crate::link_hints::link_hint;
use fleet_core::command_error::CommandError;
use fleet_link::LinkError;

/// Makes the error of a command from an error of the link, with its hint.
pub fn of_link(what: &str, error: &LinkError) -> CommandError {
    let made = match error {
        LinkError::Unreachable { .. }
        | LinkError::TimedOut { .. }
        | LinkError::WrongCa { .. }
        | LinkError::ServerCertificateTime => CommandError::unreachable(what),
        LinkError::Expired
        | LinkError::Revoked
        | LinkError::UnknownHere
        | LinkError::OtherProtocol { .. }
        | LinkError::Refused { .. }
        | LinkError::Failed(_)
        | LinkError::Key(_)
        | LinkError::BadAnswer(_) => CommandError::refused(what),
    };
    let made = made.because_of(error);
    made.hint(link_hint(error))
}
