//! gRPC statuses of refused and failed calls.

use fleet_core::hint::{Hint, LinkHint};
use fleet_proto::protocol::{ProtocolRange, TooOld, negotiate};
use fleet_proto::refusal::{RefusalReason, refuse_as, refuse_protocol};
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
