//! Converts errors of this crate to gRPC statuses for callers.

use crate::identity::AdmitError;
use fleet_core::access::Subject;
use fleet_proto::protocol::{ProtocolRange, TooOld, negotiate};
use fleet_proto::refusal::{RefusalReason, refuse, refuse_as, refuse_protocol};
use tonic::{Code, Status};

/// Returns the status of a refused request: the attempt, the reason, and the next action.
pub fn refused(code: Code, text: impl Into<String>, hint: &str) -> Status {
    refuse_as(code, RefusalReason::Other, text, hint)
}

/// Something of ours failed; the log has the whole story.
pub fn failed(attempt: &str, error: &(dyn std::error::Error + 'static)) -> Status {
    tracing::error!(error, attempt, "a call failed");
    refuse_as(Code::Unavailable, RefusalReason::Other, format!("{attempt}: {error}"), "read the coordinator's log")
}

/// The protocol that is spoken with a caller; refuses one with which there is none, and says which side to upgrade.
pub fn check_protocol(theirs: ProtocolRange) -> Result<u32, Status> {
    let own = ProtocolRange::OWN;
    let text = |side: &str| {
        format!("could not talk: this {side} program speaks protocol {theirs}, and the coordinator speaks {own}")
    };
    negotiate(own, theirs).map_err(|too_old| match too_old {
        TooOld::Other => refuse_protocol(
            RefusalReason::ProtocolOld,
            text("older"),
            "upgrade this program to the coordinator's version",
        ),
        TooOld::Own => refuse_protocol(RefusalReason::ProtocolNew, text("newer"), "upgrade the coordinator first"),
    })
}

impl From<AdmitError> for Status {
    fn from(error: AdmitError) -> Self {
        let text = error.to_string();
        match error {
            AdmitError::TokenUnknown => {
                refuse(RefusalReason::TokenUnknown, text, "copy the whole token, or ask for a new one")
            }
            AdmitError::TokenExpired(_) => {
                refuse(RefusalReason::TokenExpired, text, "ask for a new one: `fleet host add NAME`")
            }
            AdmitError::TokenReused | AdmitError::TokenUsedUp(_) => {
                let hint = "if that was not you, remove whom it admitted; ask for a new token";
                refuse(RefusalReason::TokenUsedUp, text, hint)
            }
            AdmitError::TokenRevoked => refuse(RefusalReason::TokenRevoked, text, "ask for a new one"),
            AdmitError::TokenForOther(Subject::Host(host)) => {
                let hint = format!(
                    "run `fleet-agent join` with it on {host}; `fleet operator add` makes a token for a person"
                );
                refuse(RefusalReason::TokenForOther, text, &hint)
            }
            AdmitError::TokenForOther(Subject::Operator(_)) => {
                let hint = "use it with `fleet login`; `fleet host add` makes a token for a lab server";
                refuse(RefusalReason::TokenForOther, text, hint)
            }
            AdmitError::Removed(_) | AdmitError::Revoked => {
                refuse(RefusalReason::Revoked, text, "ask an administrator for a new token and join again")
            }
            AdmitError::TooManyMachines(_) => {
                let hint = "their certificates end by themselves; or remove the operator and add it anew";
                refuse_as(Code::ResourceExhausted, RefusalReason::Other, text, hint)
            }
            AdmitError::TooOften(_) => {
                refuse_as(Code::ResourceExhausted, RefusalReason::Other, text, "wait, and go on as before")
            }
            AdmitError::Clock(_) => refuse_as(
                Code::FailedPrecondition,
                RefusalReason::Other,
                text,
                "set this machine's clock (timedatectl)",
            ),
            AdmitError::Request(_) => refuse_as(Code::InvalidArgument, RefusalReason::Other, text, ""),
            AdmitError::Store(source) => failed("could not keep the new certificate", &source),
        }
    }
}
