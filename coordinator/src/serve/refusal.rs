//! Converts errors of this crate to gRPC statuses for callers.

use crate::identity::AdmitError;
use fleet_core::access::Subject;
use fleet_core::hint::{Hint, LinkHint};
use fleet_proto::protocol::{ProtocolRange, TooOld, negotiate};
use fleet_proto::refusal::{RefusalReason, refuse, refuse_as, refuse_protocol};
use tonic::{Code, Status};

/// Returns the status of a refused request: the attempt, the reason, and the next action.
pub fn refused(code: Code, text: impl Into<String>, hint: impl Into<Option<Hint>>) -> Status {
    refuse_as(code, RefusalReason::Other, text, hint)
}

/// Something of ours failed; the log has the whole story.
pub fn failed(attempt: &str, error: &(dyn std::error::Error + 'static)) -> Status {
    tracing::error!(error, attempt, "a call failed");
    refuse_as(Code::Unavailable, RefusalReason::Other, format!("{attempt}: {error}"), Hint::ReadCoordinatorLog)
}

/// Returns the common protocol with a caller; refuses a caller without one, and names the side to upgrade.
pub fn check_protocol(theirs: ProtocolRange) -> Result<u32, Status> {
    let own = ProtocolRange::OWN;
    let text = |side: &str| {
        format!("could not talk: this {side} program speaks protocol {theirs}, and the coordinator speaks {own}")
    };
    negotiate(own, theirs).map_err(|too_old| match too_old {
        TooOld::Other => refuse_protocol(RefusalReason::ProtocolOld, text("older"), LinkHint::UpgradeProgram),
        TooOld::Own => refuse_protocol(RefusalReason::ProtocolNew, text("newer"), LinkHint::UpgradeCoordinator),
    })
}

impl From<AdmitError> for Status {
    fn from(error: AdmitError) -> Self {
        let text = error.to_string();
        match error {
            AdmitError::TokenUnknown => refuse(RefusalReason::TokenUnknown, text, LinkHint::CopyToken),
            AdmitError::TokenExpired(_) => refuse(RefusalReason::TokenExpired, text, LinkHint::AskForToken),
            AdmitError::TokenReused | AdmitError::TokenUsedUp(_) => {
                refuse(RefusalReason::TokenUsedUp, text, LinkHint::CheckAdmitted)
            }
            AdmitError::TokenRevoked => refuse(RefusalReason::TokenRevoked, text, LinkHint::AskForToken),
            AdmitError::TokenForOther(Subject::Host(host)) => {
                refuse(RefusalReason::TokenForOther, text, LinkHint::JoinOnHost(host))
            }
            AdmitError::TokenForOther(Subject::Operator(_)) => {
                refuse(RefusalReason::TokenForOther, text, LinkHint::LogIn)
            }
            AdmitError::Removed(_) | AdmitError::Revoked => refuse(RefusalReason::Revoked, text, LinkHint::JoinAgain),
            AdmitError::TooManyMachines(_) => refused(Code::ResourceExhausted, text, LinkHint::LetCertificatesEnd),
            AdmitError::TooOften(_) => refused(Code::ResourceExhausted, text, LinkHint::Wait),
            AdmitError::Clock(_) => refused(Code::FailedPrecondition, text, LinkHint::SetClock),
            AdmitError::Request(_) => refused(Code::InvalidArgument, text, None),
            AdmitError::Store(source) => failed("could not keep the new certificate", &source),
        }
    }
}
