//! Failures between this program and the coordinator, each with the next action.

use fleet_core::hint::{Hint, LinkHint};
use fleet_core::refused_call::{CallRefusal, RefusedCall};
use fleet_proto::protocol::{ProtocolRange, TooOld};
use fleet_proto::refusal::{RefusalReason, hint_of, protocols_of, refused_call_of, word_of};
use rustls::{AlertDescription, CertificateError, Error as TlsError};
use std::error::Error;
use std::{fmt, io};
use tonic::{Code, Status};

/// Failure between this machine and the coordinator.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// No connection, or it broke.
    #[error("could not reach the coordinator at {address}")]
    Unreachable {
        /// The coordinator's `HOST:PORT`.
        address: String,
        /// Cause, as the transport reports it.
        source: Box<dyn Error + Send + Sync>,
    },
    /// No answer within the time limit.
    #[error("the coordinator at {address} did not answer in time")]
    TimedOut {
        /// The coordinator's `HOST:PORT`.
        address: String,
    },
    /// A peer whose certificate is of another CA.
    #[error("what answers at {address} is not the coordinator that this identity or token belongs to")]
    WrongCa {
        /// The `HOST:PORT` that was dialed.
        address: String,
    },
    /// The coordinator's certificate has expired or begins later, by this machine's clock.
    #[error("the coordinator's certificate is not valid at this machine's time")]
    ServerCertificateTime,
    /// The own certificate has expired.
    #[error("this certificate has expired")]
    Expired,
    /// The own certificate was revoked.
    #[error("the coordinator refused this certificate: it was revoked")]
    Revoked,
    /// The own certificate is of a CA that the coordinator does not have.
    #[error("the coordinator does not know this certificate's CA")]
    UnknownHere,
    /// No protocol in common with the coordinator.
    #[error("this program speaks protocol {own}, and the coordinator {coordinator}", own = ProtocolRange::OWN)]
    OtherProtocol {
        /// Protocols of the coordinator, as far as it said them.
        coordinator: CoordinatorProtocol,
        /// Side to upgrade, seen from this program.
        too_old: TooOld,
    },
    /// A refusal with its reason as a code.
    #[error("{text}")]
    Refused {
        /// Reason for programs.
        word: RefusalReason,
        /// Reason for logs.
        text: String,
        /// The refused call as a code, if this version knows it.
        call: Option<Box<RefusedCall>>,
        /// Something to do about it.
        hint: Option<Hint>,
    },
    /// Any other status of a call.
    #[error("{}", .0.message())]
    Failed(Box<Status>),
    /// No key pair or signing request.
    #[error("could not make a key and a signing request")]
    Key(#[source] rcgen::Error),
    /// A certificate that does not fit the request, with the reason.
    #[error("the coordinator answered with a certificate that cannot be used: {0}")]
    BadAnswer(&'static str),
}

/// Returns whether a refusal is about the coordinator's own state, and not about the request.
fn is_of_coordinator(refusal: &CallRefusal) -> bool {
    matches!(
        refusal,
        CallRefusal::Failed { .. } | CallRefusal::Fault | CallRefusal::Stopping | CallRefusal::ConnectionEnded
    )
}

impl LinkError {
    /// Returns the next action for the person, if there is one.
    pub fn hint(&self) -> Option<Hint> {
        let hint = match self {
            Self::Unreachable { .. } | Self::TimedOut { .. } => LinkHint::CheckCoordinator,
            Self::WrongCa { .. } => LinkHint::CheckAddress,
            Self::ServerCertificateTime => LinkHint::SetClock,
            Self::Expired | Self::Revoked => LinkHint::JoinAgain,
            Self::UnknownHere => LinkHint::JoinThisCoordinator,
            Self::OtherProtocol { too_old: TooOld::Own, .. } => LinkHint::UpgradeProgram,
            Self::OtherProtocol { too_old: TooOld::Other, .. } => LinkHint::UpgradeCoordinator,
            Self::Refused { hint, .. } => return hint.clone(),
            Self::Failed(status) => return hint_of(status),
            Self::Key(_) | Self::BadAnswer(_) => return None,
        };
        hint.into()
    }

    /// Returns whether the same request may succeed later.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::TimedOut { .. } | Self::ServerCertificateTime => true,
            Self::Failed(status) => !matches!(status.code(), Code::InvalidArgument | Code::Unimplemented),
            Self::WrongCa { .. } | Self::Expired | Self::Revoked | Self::UnknownHere => false,
            Self::Refused { call, .. } => call.as_ref().is_some_and(|call| is_of_coordinator(&call.refusal)),
            Self::OtherProtocol { .. } | Self::Key(_) | Self::BadAnswer(_) => false,
        }
    }

    /// Reads an error of a connection attempt.
    pub(super) fn from_connecting(address: &str, error: Box<dyn Error + Send + Sync>) -> Self {
        match tls_cause(error.as_ref()) {
            Some(cause) => cause.into_error(address),
            None if is_timeout(error.as_ref()) => Self::TimedOut { address: address.to_owned() },
            None => Self::Unreachable { address: address.to_owned(), source: error },
        }
    }

    /// Reads the status of a call: a refusal, a broken link, or a failure of the coordinator.
    pub fn from_status(address: &str, status: Status) -> Self {
        if let Some(word) = word_of(&status) {
            let coordinator = CoordinatorProtocol(protocols_of(&status));
            match word {
                RefusalReason::ProtocolOld => return Self::OtherProtocol { coordinator, too_old: TooOld::Own },
                RefusalReason::ProtocolNew => return Self::OtherProtocol { coordinator, too_old: TooOld::Other },
                _ => {}
            }
            let call = refused_call_of(&status).map(Box::new);
            if call.as_ref().is_some_and(|call| call.refusal == CallRefusal::Stopping) {
                // Another one takes its place, or the same one comes back.
                return Self::Unreachable { address: address.to_owned(), source: Box::new(status) };
            }
            return Self::Refused { word, text: status.message().to_owned(), call, hint: hint_of(&status) };
        }
        if let Some(cause) = status.source().and_then(tls_cause) {
            return cause.into_error(address);
        }
        match status.code() {
            Code::DeadlineExceeded | Code::Cancelled => Self::TimedOut { address: address.to_owned() },
            Code::Unavailable => Self::Unreachable { address: address.to_owned(), source: Box::new(status) },
            Code::Ok | Code::Unknown | Code::InvalidArgument | Code::NotFound | Code::AlreadyExists => {
                Self::Failed(Box::new(status))
            }
            Code::PermissionDenied | Code::ResourceExhausted | Code::FailedPrecondition | Code::Aborted => {
                Self::Failed(Box::new(status))
            }
            Code::OutOfRange | Code::Unimplemented | Code::Internal | Code::DataLoss | Code::Unauthenticated => {
                Self::Failed(Box::new(status))
            }
        }
    }
}

/// The protocols of a coordinator, where it said them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CoordinatorProtocol(pub Option<ProtocolRange>);

impl fmt::Display for CoordinatorProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(range) => write!(f, "{range}"),
            None => f.write_str("another"),
        }
    }
}

/// Cause of a TLS failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TlsCause {
    TheirCa,
    TheirTime,
    OurTime,
    OurCa,
    OurEnd,
}

impl TlsCause {
    fn into_error(self, address: &str) -> LinkError {
        match self {
            Self::TheirCa => LinkError::WrongCa { address: address.to_owned() },
            Self::TheirTime => LinkError::ServerCertificateTime,
            Self::OurTime => LinkError::Expired,
            Self::OurCa => LinkError::UnknownHere,
            Self::OurEnd => LinkError::Revoked,
        }
    }
}

fn tls_cause(error: &(dyn Error + 'static)) -> Option<TlsCause> {
    let typed = causes(error).find_map(|cause| cause.downcast_ref::<TlsError>().and_then(read_tls));
    typed.or_else(|| causes(error).find_map(|cause| read_alert_text(&cause.to_string())))
}

/// HTTP/2 passes an alert that comes after the handshake on as text alone.
fn read_alert_text(text: &str) -> Option<TlsCause> {
    let alert = text.split_once("received fatal alert: ")?.1;
    let is_one_of = |names: &[&str]| names.iter().any(|name| alert.starts_with(name));
    match alert {
        _ if is_one_of(&["CertificateExpired"]) => Some(TlsCause::OurTime),
        _ if is_one_of(&["CertificateRevoked"]) => Some(TlsCause::OurEnd),
        _ if is_one_of(&["UnknownCA", "BadCertificate", "DecryptError", "CertificateUnknown"]) => Some(TlsCause::OurCa),
        _ => None,
    }
}

fn read_tls(error: &TlsError) -> Option<TlsCause> {
    match error {
        TlsError::InvalidCertificate(reason) => Some(match reason {
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. } => TlsCause::TheirTime,
            _ => TlsCause::TheirCa,
        }),
        TlsError::AlertReceived(AlertDescription::CertificateExpired) => Some(TlsCause::OurTime),
        TlsError::AlertReceived(AlertDescription::CertificateRevoked) => Some(TlsCause::OurEnd),
        TlsError::AlertReceived(
            AlertDescription::UnknownCA
            | AlertDescription::BadCertificate
            | AlertDescription::DecryptError
            | AlertDescription::CertificateUnknown,
        ) => Some(TlsCause::OurCa),
        _ => None,
    }
}

fn is_timeout(error: &(dyn Error + 'static)) -> bool {
    causes(error)
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|cause| cause.kind() == io::ErrorKind::TimedOut)
}

/// Returns the error, its sources, and the content of an `io::Error` among them, which is not one of its sources.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |cause: &&'a (dyn Error + 'static)| next_cause(*cause))
}

fn next_cause<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    let inside = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    inside.map(|inner| inner as &'a (dyn Error + 'static)).or_else(|| error.source())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alert_that_comes_as_text_is_understood() {
        let shown = |alert| TlsError::AlertReceived(alert).to_string();
        for (alert, expect) in [
            (AlertDescription::CertificateExpired, Some(TlsCause::OurTime)),
            (AlertDescription::UnknownCA, Some(TlsCause::OurCa)),
            (AlertDescription::BadCertificate, Some(TlsCause::OurCa)),
            (AlertDescription::CertificateRevoked, Some(TlsCause::OurEnd)),
            (AlertDescription::InternalError, None),
        ] {
            assert_eq!(tls_cause(&io::Error::other(shown(alert))), expect, "{}", shown(alert));
        }
    }
}
